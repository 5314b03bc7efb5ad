"""What a block adds is read from the comparisons, the right way round, and told in a sentence."""

from __future__ import annotations

import pytest

from radfuse.report.additions import additions, verdict
from radfuse.report.sections.comparison import addition_table
from radfuse.results import Addition, Comparison, Explanation, FittedFamily, Interval, UsedColumn


def pair(first: str, second: str, value: float, half: float = 0.05, people: int | None = 400) -> Comparison:
    difference = Interval(value=value, low=value - half, high=value + half)
    loss = Interval(value=-value / 2, low=-value / 2 - half, high=-value / 2 + half)
    return Comparison(
        first=first, second=second, difference=difference, p=0.2, p_holm=0.4, loss=loss, patients_to_show=people
    )


def final(family: str, **weights: float) -> FittedFamily:
    columns = tuple(UsedColumn(name=f"{block} column", block=block, importance=w) for block, w in weights.items())
    said = Explanation(measure="coefficient", unit="log odds", columns=columns)
    return FittedFamily(
        family=family, fold="all", explanation=said, threshold=0.5, tuned={}, inner_auc=0.6, columns_in=2
    )


def test_gains_are_those_of_the_larger_family_whichever_stands_first():
    pairs = [
        pair("clinical", "radiomic", 0.3),
        pair("clinical", "clinical-radiomic", -0.02),
        pair("clinical-radiomic", "radiomic", 0.10),
        pair("clinical", "clinical-radiomic-deep", -0.03),
    ]
    found = additions(pairs, {"clinical-radiomic": final("clinical-radiomic", clinical=-3.0, radiomic=1.0)})
    assert [(item.family, item.block, item.without) for item in found] == [
        ("clinical-radiomic", "radiomic", "clinical"),
        ("clinical-radiomic", "clinical", "radiomic"),
    ]
    more, less = found
    assert (more.auc.value, more.auc.low, more.auc.high) == pytest.approx((0.02, -0.03, 0.07))
    assert (more.loss.value, more.loss.low, more.loss.high) == pytest.approx((0.01, -0.04, 0.06))
    assert (less.auc.value, less.auc.low, less.auc.high) == pytest.approx((0.10, 0.05, 0.15))
    assert less.loss.value == pytest.approx(0.05)
    assert (more.weight, less.weight) == (0.25, 0.75)


SAID = [
    ((0.5375, 0.01, 0.7), None, 90, "ranks patients better: AUC +0.538 (p 0.020)."),
    ((0.04, 0.01, 0.07), None, 90, "Radiomic beside clinical ranks patients better: AUC +0.040 (p 0.020)."),
    ((-0.04, -0.07, -0.01), 0.04, 90, "ranks patients worse: AUC −0.040 (p 0.020, 0.040 among all pairs)."),
    (
        (0.04, 0.01, 0.07),
        0.06,
        90,
        "ranks patients better taken by itself (AUC +0.040, p 0.020); among all pairs that is not shown (p 0.060).",
    ),
    (
        (0.02, -0.03, 0.07),
        None,
        1234,
        "Radiomic beside clinical: no difference is shown (a gap of +0.020 would take about 1,234 patients to show).",
    ),
    ((0.0, -0.03, 0.03), None, None, "no study of a sensible size would tell from none)."),
    ((None, None, None), None, None, "What radiomic beside clinical adds cannot be told from these patients."),
]


@pytest.mark.parametrize(("ends", "holm", "people", "said"), SAID)
def test_the_verdict_is_a_sentence(ends: tuple, holm: float | None, people: int | None, said: str):
    gain = Interval(value=ends[0], low=ends[1], high=ends[2])
    item = Addition(
        family="clinical-radiomic",
        block="radiomic",
        without="clinical",
        auc=gain,
        loss=gain,
        p=0.02,
        p_holm=holm or 0.02,
        patients_to_show=people,
        weight=None,
    )
    assert verdict(item).endswith(said)


def test_where_one_test_set_is_held_out_the_patients_counted_are_its_own():
    (item,) = additions([pair("clinical", "clinical-radiomic", -0.02, people=60)], {})
    assert verdict(item, who="test patients").endswith("(a gap of +0.020 would take about 60 test patients to show).")
    assert addition_table([item], who="test patients")["test patients to show it"].tolist() == ["60"]
