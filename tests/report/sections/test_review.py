"""Masks to look at, as the report shows them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from radfuse.report.palette import LABEL_COLOURS
from radfuse.report.sections.review import study
from radfuse.results import MasksToLookAt, MaskToLookAt


def page(review: MasksToLookAt | None) -> str:
    report: Any = SimpleNamespace(review=review)
    return str(study(report).html)


def test_the_first_masks_stand_with_their_pictures_flags_and_colours() -> None:
    first = MaskToLookAt("<c1>", "femur: touches the border", 1.2, b"PNG")
    html = page(MasksToLookAt(40, 3, (first,), ("femur", "tibia")))
    assert "3 of the 40 predicted masks look suspicious" in html
    assert "the first 1 are shown" not in html
    assert "the first is shown" in html
    assert 'src="data:image/png;base64,UE5H"' in html
    assert "<b>&lt;c1&gt;</b>: femur: touches the border" in html
    assert f'<i style="background:{LABEL_COLOURS[1]}"></i>tibia' in html


def test_where_no_mask_is_suspicious_it_says_so_and_without_networks_nothing() -> None:
    html = page(MasksToLookAt(40, 0, (), ("femur",)))
    assert "None of the 40 predicted masks looks suspicious" in html
    assert "<img" not in html
    assert page(None) == ""
    one = page(MasksToLookAt(40, 1, (MaskToLookAt("c1", "nothing found", 10.0, b""),), ("femur",)))
    assert "1 of the 40 predicted masks looks suspicious beside" in one
