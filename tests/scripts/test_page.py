"""A part of a page is replaced, and nothing around it."""

from __future__ import annotations

from pathlib import Path

import pytest
from page import fill, part


def test_a_part_is_filled_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nbetween\n<!-- b -->\n<!-- /b -->\nafter\n")
    fill(page, "a", "new \\1\nlines\n")
    fill(page, "b", "more")
    assert page.read_text() == (
        "before\n<!-- a -->\nnew \\1\nlines\n<!-- /a -->\nbetween\n<!-- b -->\nmore\n<!-- /b -->\nafter\n"
    )
    assert part(page, "a") == "new \\1\nlines\n"


@pytest.mark.parametrize("text", ["nothing", "<!-- a -->\nno end", "no start <!-- /a -->"])
def test_a_page_without_markers_is_left_and_told(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match=r"page\.md has no part '<!-- a -->"):
        fill(page, "a", "new")
    assert page.read_text() == text
