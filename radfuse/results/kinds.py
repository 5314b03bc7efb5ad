"""The kinds of performance, one a kind of outcome, told apart by `kind`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from radfuse.results.binary import Performance
from radfuse.results.continuous import ContinuousPerformance
from radfuse.results.multiclass import MulticlassPerformance
from radfuse.results.ordinal import OrdinalPerformance
from radfuse.results.survival import SurvivalPerformance


def _kind(value: Any) -> str:
    """Return the kind; binary where none is named, as before there were others."""
    kind = value.get("kind", "binary") if isinstance(value, Mapping) else getattr(value, "kind", "binary")
    return str(kind)


AnyPerformance = Annotated[
    Annotated[Performance, Tag("binary")]
    | Annotated[SurvivalPerformance, Tag("survival")]
    | Annotated[ContinuousPerformance, Tag("continuous")]
    | Annotated[OrdinalPerformance, Tag("ordinal")]
    | Annotated[MulticlassPerformance, Tag("multiclass")],
    Discriminator(_kind),
]
"""Performance of a kind of outcome."""
