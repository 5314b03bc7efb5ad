"""Which columns families chose, and how many are drawn."""

from __future__ import annotations

from radfuse.report.palette import looks
from radfuse.report.sections.features import chosen_features, coefficient_plot, narrow_plot
from radfuse.results import ChosenFeature, Explanation, FittedFamily, UsedColumn

LOOKS = looks(["deep"])


def test_chosen_features_count_folds_and_put_the_refitted_model_first() -> None:
    def fitted(fold: str, **coefficients: float) -> FittedFamily:
        columns = tuple(UsedColumn(name=name, block="deep", importance=value) for name, value in coefficients.items())
        said = Explanation(measure="coefficient", unit="log odds", columns=columns)
        return FittedFamily(
            family="deep", fold=fold, explanation=said, threshold=0.5, tuned={}, inner_auc=0.5, columns_in=9
        )

    folds = [fitted("1", a=1.0, b=0.1), fitted("2", b=0.2, c=-3.0)]
    chosen = chosen_features("deep", folds, fitted("all", b=-0.5, d=0.1))
    assert [(item.name, item.importance, item.folds) for item in chosen] == [
        ("b", -0.5, 2),
        ("d", 0.1, 0),
        ("a", None, 1),
        ("c", None, 1),
    ]


def test_a_long_list_of_features_is_cut_and_says_how_many() -> None:
    many = [
        ChosenFeature(family="deep", name=f"dess/region/deep_{i}", block="deep", importance=1 / (i + 1), folds=1)
        for i in range(30)
    ]
    text, shown = coefficient_plot(many, 5, LOOKS, "log odds")
    assert shown == 20
    assert "deep_19<" in text
    assert "deep_20<" not in text


def test_the_narrow_plot_names_every_column_and_its_folds() -> None:
    features = [
        ChosenFeature(family="deep", name="t1/tumour/deep_2-4_001", block="deep", importance=-0.5, folds=3),
        ChosenFeature(family="deep", name="t1/tumour/deep_0-1_007", block="deep", importance=None, folds=1),
    ]
    text = narrow_plot(features, 5, LOOKS, "log odds")
    for part in ("t1/tumour/deep_2-4_001<", "t1/tumour/deep_0-1_007<", ">3/5<", ">1/5<"):
        assert part in text


def test_a_name_of_300_letters_leaves_room_for_what_is_drawn() -> None:
    """Warnings are errors here, and matplotlib warns where nothing is left of the axes."""
    items = [ChosenFeature(family="deep", name="x" * 299 + end, block="deep", importance=1.0, folds=1) for end in "ab"]
    assert coefficient_plot(items, 5, LOOKS, "log odds")[1] == 2
    assert narrow_plot(items, 5, LOOKS, "log odds")


def test_a_power_of_ten_stands_in_the_name_of_the_axis() -> None:
    """Matplotlib's own would be written upon the name."""

    def drawn(size: float) -> list[str]:
        items = [ChosenFeature(family="f", name=name, block="deep", importance=size, folds=2) for name in "ab"]
        return [coefficient_plot(items, 5, LOOKS, "mm")[0], narrow_plot(items, 5, LOOKS, "mm")]

    for text in drawn(-1.2e-11):
        assert "mm, in 10⁻¹¹" in text
        assert ">1e" not in text
    assert not any(", in 10" in text for text in drawn(0.02))
