"""What backends without training share: they make a mask from what a case's row of the table says."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from radfuse.seg.backend import Labelled

if TYPE_CHECKING:
    from radfuse.volume.image import LabelMap, Volume


@dataclass(frozen=True)
class Given:
    """What the cohort table says of a case beside its images.

    Attributes:
        case: its id, for messages.
        landmarks: name -> mm, those that have a value.
        readers: name -> mask, of those who drew one.
        side: of the body.
        brought: file of what the backend's `brought` gave.
    """

    case: str
    landmarks: Mapping[str, float] = field(default_factory=dict)
    readers: Mapping[str, Path] = field(default_factory=dict)
    side: str | None = None
    brought: Path | None = None


class Untrained(Labelled):
    """A backend that learns nothing: no network, the same for every fold."""

    takes_turns: ClassVar[bool] = True
    votes: ClassVar[bool] = True
    """Whether it looks at the readers' masks, so that new cases need them, too."""

    @property
    def source(self) -> str:
        """Masks are made without training."""
        return "untrained"

    def brought(self, folder: Path) -> bytes:
        """Return what travels with a bundle in the place of a network; nothing."""
        return b""

    def check_columns(self, readers: Mapping[str, str], landmarks: Mapping[str, str]) -> None:
        """Look whether the cohort names the columns that it needs.

        Args:
            readers: reader -> column of masks.
            landmarks: name -> column of mm.

        Raises:
            ValueError: it does not; says which.
        """

    def check_unit(self, unit: Sequence[str]) -> None:
        """Look whether the cohort tells what it needs by the columns of `cohort.unit`.

        Raises:
            ValueError: it does not; says which.
        """

    @abstractmethod
    def draw(self, image: Volume, given: Given) -> LabelMap:
        """Return the labels of an image, on its own grid.

        Args:
            image: of the case.
            given: what the table says of it.

        Raises:
            CaseError: the table says too little of it, or nothing comes of it.
        """
