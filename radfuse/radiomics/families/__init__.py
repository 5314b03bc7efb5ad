"""Families of features, one file each: a new one is a file, and a line here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from radfuse.config import nearest

FAMILIES = {
    "shape": f"{__name__}.shape",
    "shape2D": f"{__name__}.shape2d",
    "firstorder": f"{__name__}.firstorder",
    "histogram": f"{__name__}.histogram",
    "glcm": f"{__name__}.glcm",
    "glrlm": f"{__name__}.glrlm",
    "glszm": f"{__name__}.glszm",
    "gldm": f"{__name__}.gldm",
    "ngtdm": f"{__name__}.ngtdm",
}
"""Name in settings and columns -> module that holds a FAMILY, imported when it is used: kernels take a second."""


def unknown_feature(name: str, names: Sequence[Any]) -> str:
    """Return which of some names is no feature of a family, with the nearest; "" where all are."""
    family = import_module(FAMILIES[name]).FAMILY
    known = (*family.names, *family.deprecated, *family.removed)
    wrong = [feature for feature in names if feature not in known]
    return f"class {name} has no feature {wrong[0]!r}{nearest(str(wrong[0]), known)}" if wrong else ""
