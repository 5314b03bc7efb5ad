"""Colours and dashes go by place."""

from __future__ import annotations

from radfuse.report.palette import looks


def test_looks_go_by_place_and_keep_apart() -> None:
    found = looks(f"family {i}" for i in range(70))
    assert len(set(found.values())) == 70
    assert [look.colour for look in found.values()][:3] == ["#E69F00", "#0072B2", "#009E73"]
