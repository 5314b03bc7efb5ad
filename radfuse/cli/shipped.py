"""The studies that come with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from radfuse.config import nearest
from radfuse.errors import InputError


def shipped_studies() -> dict[str, str]:
    """Return the name and text of each study that comes with the package."""
    installed = resources.files("radfuse") / "configs"
    folder = installed if installed.is_dir() else Path(__file__).parents[2] / "configs"
    return {
        item.name.removesuffix(".yaml"): item.read_text(encoding="utf-8")
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".yaml")
    }


def shipped_study(name: str) -> str:
    """Return the text of one shipped study.

    Raises:
        InputError: no such study; names the nearest.
    """
    studies = shipped_studies()
    if name not in studies:
        raise InputError(f"no shipped study {name!r}{nearest(name, studies)}")
    return studies[name]
