"""A part of a Markdown page that a script writes: what stands between `<!-- NAME -->` and `<!-- /NAME -->`."""

from __future__ import annotations

from pathlib import Path


def part(page: Path, name: str) -> str:
    """Return what stands between the markers of a part.

    Raises:
        ValueError: the page has no such markers.
    """
    _, _, rest = page.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    inside, end, _ = rest.partition(f"<!-- /{name} -->")
    if not end:
        raise ValueError(f"{page} has no part '<!-- {name} --> ... <!-- /{name} -->'; write both markers into it")
    return inside


def fill(page: Path, name: str, text: str) -> None:
    """Put a text between the markers of a part, in the place of what stands there.

    Raises:
        ValueError: the page has no such markers.
    """
    opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    old = f"{opening}{part(page, name)}{closing}"
    new = f"{opening}{text.strip()}\n{closing}"
    page.write_text(page.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
