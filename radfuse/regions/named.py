"""What the settings of every kind of region begin with: its name, and the images that it is made on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from radfuse.config import Section


def _one_is_a_list(said: Any) -> Any:
    return [said] if isinstance(said, str) else said


def _somewhere(on: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if on == ():
        raise ValueError("on: it names no sequence, and the region is made nowhere; name some, or leave it out for all")
    if on is not None and len(set(on)) < len(on):
        raise ValueError(f"on: a sequence stands there twice among {', '.join(on)}; remove one")
    return on


On = Annotated[tuple[str, ...] | None, BeforeValidator(_one_is_a_list), AfterValidator(_somewhere)]
"""Sequences that a region is made on; None: all."""


class NamedRegion(Section):
    """What all regions are told."""

    name: str
    """Of the region, in the names of its features."""
    on: On = Field(default=None, exclude_if=lambda on: on is None)
    """Sequences whose images it is made and measured on; one needs no brackets. None: all."""


def made_on(region: Section, sequence: str | None) -> bool:
    """Return whether a region is made on an image.

    Args:
        region: of any kind; a user's own that derives from no `NamedRegion` is made on all.
        sequence: of the image; None: nobody says which it is, and every region is made.
    """
    on = region.on if isinstance(region, NamedRegion) else None
    return on is None or sequence is None or sequence in on


def places_of(region: Section, images: Iterable[str]) -> tuple[str, ...]:
    """Return which of a study's images a region is made on."""
    return tuple(name for name in images if made_on(region, name))
