"""Colours and dashes go by place."""

from __future__ import annotations

from radfuse.report.palette import block_looks, ink_on, looks


def test_looks_go_by_place_and_keep_apart() -> None:
    found = looks(f"family {i}" for i in range(70))
    assert len(set(found.values())) == 70
    assert [look.colour for look in found.values()][:3] == ["#E69F00", "#0072B2", "#009E73"]


def test_a_block_has_the_colour_of_the_family_that_it_makes_alone_and_else_one_of_its_own() -> None:
    families = looks(["radiomic", "markers", "clinical-radiomic-markers"])
    found = block_looks(["clinical", "radiomic", "markers", "radiomic"], families)
    assert list(found) == ["clinical", "radiomic", "markers"]
    assert (found["radiomic"], found["markers"]) == (families["radiomic"], families["markers"])
    assert found["clinical"].colour not in {look.colour for look in families.values()}


def test_text_can_be_read_on_every_ground() -> None:
    # luma of #56B4E9: 0.299 * 86 + 0.587 * 180 + 0.114 * 233 = 157.9 of 255; of #0072B2: 87.2
    assert ink_on((86 / 255, 180 / 255, 233 / 255)) == "#111827"
    assert ink_on((0, 114 / 255, 178 / 255, 1.0)) == "white"
