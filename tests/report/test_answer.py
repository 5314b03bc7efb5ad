"""The first sentences of a report: which family, how well, and beside which others that is shown."""

from __future__ import annotations

from types import SimpleNamespace

from radfuse.report.answer import answer
from radfuse.results import Comparison, Interval


def family(name: str, value: float, half: float = 0.1, *aucs: float) -> SimpleNamespace:
    shown = Interval(value=value, low=value - half, high=value + half)
    return SimpleNamespace(family=name, measure="AUC", headline=shown, fold_values=dict(enumerate(aucs)))


def pair(first: str, second: str, value: float, p: float, p_holm: float) -> Comparison:
    difference = Interval(value=value, low=value - 0.05, high=value + 0.05)
    return Comparison(first=first, second=second, difference=difference, p=p, p_holm=p_holm)


FAMILIES = [family("clinical", 0.6), family("deep", 0.68), family("fused", 0.7), family("radiomic", 0.74)]
PAIRS = [
    pair("clinical", "fused", -0.1, 0.001, 0.006),
    pair("fused", "deep", 0.02, 0.4, 0.8),
    pair("fused", "radiomic", -0.04, 0.03, 0.15),
    pair("clinical", "deep", -0.08, 0.5, 1.0),
]


def test_the_family_named_beforehand_is_held_against_each_other_one() -> None:
    assert answer(FAMILIES, PAIRS, "fused") == [
        "The family named beforehand, fused, has AUC 0.70 (0.60–0.80).",
        "It does better than clinical (+0.10, 0.05 to 0.15).",
        "It is not shown to differ from radiomic (−0.04, −0.09 to 0.01; p 0.030, 0.150 among all 4 pairs) or deep "
        "(+0.02, −0.03 to 0.07).",
    ]


def test_a_family_that_ranks_all_units_alike_has_no_interval_of_nothing() -> None:
    nothing = Comparison(
        first="fused", second="clinical", difference=Interval(value=0.0, low=0.0, high=0.0), p=1.0, p_holm=1.0
    )
    said = answer([family("clinical", 0.7), family("fused", 0.7)], [nothing], "fused")
    assert said[1] == "It is not shown to differ from clinical (0.00)."


def test_of_families_of_which_none_was_named_the_best_is_told_less_the_luck_of_the_pick() -> None:
    both = [family("clinical", 0.7, 0.25, 0.8, 0.6), family("deep", 0.6, 0.1, 0.5, 0.7)]
    assert answer(both, [], None) == [
        "Of 2 families, clinical came out best: AUC 0.70 (0.45–0.95), about 0.65 without the luck of the pick, "
        "which may be chance."
    ]
    assert answer(both[1:], [], "deep") == ["The model deep has AUC 0.60 (0.50–0.70), which may be chance."]
    nothing = SimpleNamespace(measure="C", headline=Interval(value=None))
    assert answer([nothing], [], None) == ["No C can be computed: there are no units to be told apart."]


def test_many_other_families_are_counted() -> None:
    many = [family("fused", 0.7), *(family(f"f{i}", 0.5 - i / 100) for i in range(6))]
    said = answer(many, [pair("fused", f"f{i}", 0.2, 0.001, 0.01) for i in range(6)], "fused")
    assert said[1].startswith("It does better than f0 (+0.20, 0.15 to 0.25), f1 (")
    assert said[1].endswith("and 2 others.")
