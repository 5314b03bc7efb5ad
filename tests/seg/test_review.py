"""What surprises about a mask beside those that its network learned from, and in which order masks are listed."""

from __future__ import annotations

import math

import pytest

from radfuse.results import LabelFigures, MaskFigures, TrainingRange
from radfuse.seg.review import beside_each_other, review_list, reviewed, reviewed_together, training_range


def figures(ml: float, parts: int = 1, border: bool = False, entropy: float | None = None) -> MaskFigures:
    return MaskFigures(labels={"tumour": LabelFigures(ml=ml, parts=parts, border=border, entropy=entropy)})


NOTHING = figures(0.0, parts=0)
DRAWN = [figures(10.0 * 2 ** (number / 5)) for number in range(21)]
"""21 volumes from 10 to 160 ml, evenly on a logarithmic scale: the 2nd and the 20th are the percentiles."""
USUAL = training_range(DRAWN, [figures(1.0, entropy=0.2)] * 21)


def test_a_range_is_percentiles_widened_by_a_quarter_and_more_of_few_masks() -> None:
    label = USUAL.labels["tumour"]
    low, high = 10 * 2**0.2, 10 * 2**3.8
    by = (high / low) ** (1 / 4 + 1 / 21)
    assert (USUAL.masks, label.share, label.parts, label.border) == (21, 1.0, 1, 0.0)
    assert (label.low_ml, label.high_ml) == (pytest.approx(low / by), pytest.approx(high * by))
    odds = 0.25 * (5 / 4 + 1 / 21)
    assert label.entropy == pytest.approx(odds / (1 + odds))


def test_masks_all_alike_leave_room_and_doubt_has_bounds() -> None:
    alike = training_range([figures(10.0)] * 4, [figures(10.0, entropy=0.01)] * 4).labels["tumour"]
    assert (alike.low_ml, alike.high_ml) == (pytest.approx(10 / 1.5), pytest.approx(15))
    assert alike.entropy == 0.1
    assert training_range(DRAWN, [figures(1.0, entropy=0.9)] * 4).labels["tumour"].entropy == 0.8
    spread = [figures(1.0, entropy=number / 100) for number in range(20, 61)]
    assert training_range(DRAWN, spread).labels["tumour"].entropy == pytest.approx(
        1 / (1 + 42 / 58 / (5 / 4 + 1 / 41))
    )  # 0.58 is the 39th of 41
    assert training_range(DRAWN, DRAWN).labels["tumour"].entropy is None


def test_a_usual_mask_has_no_flag_and_its_entropy_for_suspicion() -> None:
    found = reviewed(figures(40.0, entropy=0.12), USUAL)
    assert (found.flags, found.suspicion) == ((), pytest.approx(0.12))


@pytest.mark.parametrize(("count", "flagged"), [(5, 5), (10, 1), (120, 1)])
def test_a_network_less_sure_than_others_throughout_surprises_by_its_own_odd_masks(count: int, flagged: int) -> None:
    doubts = [0.36] * (count - 1) + [0.6]  # beside others at most 0.245 is usual, beside its own 0.42
    masks = {f"case_{number}": figures(40.0, entropy=doubt) for number, doubt in enumerate(doubts)}
    found = reviewed_together(masks, USUAL)
    assert list(found) == list(masks)
    assert sum(bool(mask.flags) for mask in found.values()) == flagged
    assert found[f"case_{count - 1}"].flags == ("tumour: uncertain: mean entropy 0.60",)
    assert reviewed_together(masks, None)["case_0"].flags == ()


def test_flags_in_plain_words() -> None:
    label = USUAL.labels["tumour"]
    assert label.low_ml is not None
    assert label.high_ml is not None
    large = reviewed(figures(4 * label.high_ml, parts=3, border=True, entropy=0.41), USUAL)
    assert large.flags == (
        "tumour: volume 1170 ml outside 5.47 to 293 ml of the manual masks",
        "tumour: 3 parts where manual masks have 1",
        "tumour: touches the border",
        "tumour: uncertain: mean entropy 0.41",
    )
    assert large.suspicion == pytest.approx(1 + 2 + 1 + 1 + 1 + 0.41)  # four times the most is twice twofold
    small = reviewed(figures(label.low_ml / 2), USUAL)
    assert small.suspicion == pytest.approx(2)
    assert reviewed(figures(1e9), USUAL).suspicion == 5


def test_what_training_masks_do_too_is_no_surprise() -> None:
    usual = training_range([figures(40.0, parts=2, border=number < 3) for number in range(20)], [])
    assert usual.labels["tumour"].border == pytest.approx(0.15)
    assert reviewed(figures(40.0, parts=2, border=True), usual).flags == ()
    assert reviewed(figures(40.0, parts=3), usual).flags == ("tumour: 3 parts where manual masks have at most 2",)


def test_nothing_found_is_the_most_suspicious_and_a_rare_label_may_be_missing() -> None:
    assert (reviewed(NOTHING, USUAL).flags, reviewed(NOTHING, USUAL).suspicion) == (("nothing found",), 10)

    def both(tumour: int, cyst: int) -> MaskFigures:
        parts = {"tumour": tumour, "cyst": cyst}
        return MaskFigures(labels={name: LabelFigures(ml=20.0 * n, parts=n, border=False) for name, n in parts.items()})

    often = training_range([both(1, int(number < 9)) for number in range(10)], [])
    assert reviewed(both(1, 0), often).flags == ("cyst: missing",)
    assert reviewed(both(1, 0), often).suspicion == 3
    rarely = training_range([both(1, int(number < 8)) for number in range(10)], [])
    assert reviewed(both(1, 0), rarely).flags == ()
    never = training_range([both(1, 0)] * 10, [])
    assert reviewed(both(1, 1), never).flags == ()  # no mask to compare it with


def test_without_a_range_what_a_mask_says_itself_is_looked_at() -> None:
    assert reviewed(NOTHING, None).flags == ("nothing found",)
    assert reviewed(figures(1e9, parts=9, border=True, entropy=0.7), None).flags == ()
    assert reviewed(figures(1.0, entropy=0.9), None).flags == ("tumour: uncertain: mean entropy 0.90",)


def test_a_range_goes_through_json_and_names_nobody() -> None:
    text = USUAL.model_dump_json()
    assert TrainingRange.model_validate_json(text) == USUAL
    assert set(USUAL.model_dump()) == {"masks", "labels"}


def test_the_list_begins_with_the_most_suspicious() -> None:
    masks = {"a": reviewed(figures(40.0), USUAL), "b": reviewed(NOTHING, USUAL), "c": reviewed(figures(41.0), USUAL)}
    listed = review_list(masks, {case: (f"{case}.nrrd", f"{case}.png") for case in masks})
    assert listed["case"].tolist() == ["b", "a", "c"]  # equals by their name
    assert listed["flags"].tolist() == ["nothing found", "", ""]
    assert list(listed) == [
        *("case", "flags", "suspicion", "tumour_ml", "tumour_parts", "tumour_border", "mask", "preview")
    ]  # nobody tells of entropy or disagreement
    assert listed["mask"].tolist() == ["b.nrrd", "a.nrrd", "c.nrrd"]
    assert math.isclose(listed["tumour_ml"][1], 40)


@pytest.mark.parametrize("alike", [5, 120])
def test_masks_of_an_unknown_network_are_seen_beside_each_other(alike: int) -> None:
    masks = {f"c{number}": figures(40.0, entropy=0.05) for number in range(alike)}
    odd = {"odd": figures(400.0, parts=3, border=True, entropy=0.05)}
    found = beside_each_other(masks | odd)
    assert all(not found[case].flags for case in masks)
    volume, *others = found["odd"].flags
    assert volume.startswith("tumour: volume 400 ml outside ")
    assert volume.endswith(" ml of the other masks")
    assert others == ["tumour: 3 parts where other masks have 1", "tumour: touches the border"]
    few = dict(list(masks.items())[:4])
    assert not beside_each_other(few | odd)["odd"].flags
    assert beside_each_other(few | {"none": NOTHING})["none"].flags == ("nothing found",)
    assert beside_each_other({}) == {}
