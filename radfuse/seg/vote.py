"""Backend `vote`: each case's mask is what its readers agree on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from radfuse.errors import CaseError, listed
from radfuse.seg.untrained import Given, Untrained

if TYPE_CHECKING:
    from radfuse.volume.image import LabelMap, Volume


class VoteSegmentation(Untrained):
    """The masks of several readers, columns of `cohort.readers`, made one; nothing is trained.

    A majority takes each voxel's most frequent label, and background where none has more voices than every other: of
    two readers, what both drew. STAPLE weighs readers by how well each agrees with what comes out, within the box of
    all that was drawn, and doubts readers alike at the start.

    Source:
        Warfield et al. 2004, doi:10.1109/TMI.2004.828354 (STAPLE).
    """

    backend: Literal["vote"] = "vote"
    rule: Literal["majority", "staple"] = "majority"
    """How voices are counted."""
    min_readers: int = Field(default=2, ge=1)
    """A case with masks of fewer readers fails."""

    def check_columns(self, readers: Mapping[str, str], landmarks: Mapping[str, str]) -> None:
        """Look whether there are enough readers."""
        if len(readers) < self.min_readers:
            raise ValueError(
                f"segmentation.backend vote needs the masks of {self.min_readers} readers, and cohort.readers names "
                f"{len(readers)}; give each reader's column there"
            )

    def draw(self, image: Volume, given: Given) -> LabelMap:
        """Return what the readers agree on.

        Raises:
            CaseError: too few readers, masks on several grids, or nothing that they agree on.
            InputError: a mask cannot be read.
        """
        from radfuse.volume.files import read_labels
        from radfuse.volume.image import LabelMap, in_order_of
        from radfuse.volume.vote import voted

        if len(given.readers) < self.min_readers:
            raise CaseError(
                given.case,
                f"masks of {len(given.readers)} readers ({listed(given.readers) or 'none'}), needs {self.min_readers}; "
                "fill the columns of cohort.readers, lower segmentation.min_readers, or leave the case out",
            )
        masks = {
            reader: in_order_of(read_labels(path, self.names, empty=True, like=image.grid), image.grid)
            for reader, path in given.readers.items()
        }
        for reader, mask in masks.items():
            if not mask.grid.same_as(image.grid):
                raise CaseError(
                    given.case,
                    f"the mask of reader {reader!r} lies on another grid than image {image.name}:\n  image "
                    f"{image.grid}\n  mask  {mask.grid}\nResample the mask",
                )
        found = voted([mask.array for mask in masks.values()], self.rule)
        if not found.any():
            raise CaseError(
                given.case,
                f"{len(masks)} readers agree on no voxel ({listed(masks)}); look at their masks, or leave the case out",
            )
        return LabelMap(found, image.grid, self.names, f"vote of {Path(image.name).name}")
