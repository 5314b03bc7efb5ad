"""Backend `atlas`: a labelled template is registered to each image, and its labels carried over."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from radfuse.errors import CaseError, InputError
from radfuse.seg.untrained import Given, Untrained
from radfuse.volume.registration import Registration

if TYPE_CHECKING:
    from radfuse.volume.grid import Grid
    from radfuse.volume.image import LabelMap, Volume

_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
_VERSION = 2
"""Of how a template is carried: a part of its file, and so of the keys of masks made by it."""


class AtlasSegmentation(Untrained):
    """A template whose labels are known, registered to each image; nothing is trained.

    It suits images that look alike and show the same parts, and gives thin labels only as well as the registration
    is: look at the masks. The template travels in the bundle.
    """

    votes: ClassVar[bool] = False
    backend: Literal["atlas"] = "atlas"
    template: Path
    """Image, relative to the study file."""
    template_labels: Path
    """Its segmentation, on its grid, with the numbers of `labels`."""
    template_side: Literal["left", "right"] | None = None
    """Side of the body that it is of; images of the other side see its mirror image. None: it is never mirrored."""
    registration: Registration = Registration(transform="bspline", start="centres")
    """How it is registered."""

    def check_here(self) -> None:
        """Look whether the template is there and its labels lie on it."""
        from radfuse.volume.files import read_labels, read_volume
        from radfuse.volume.image import require_same_grid

        for path in (self.template, self.template_labels):
            if not path.is_file():
                raise InputError(f"template {path}: there is no such file; correct the path")
        require_same_grid(read_volume(self.template), read_labels(self.template_labels, self.names))

    def check_unit(self, unit: Sequence[str]) -> None:
        """Look whether the table says the side of each case, where the template has one."""
        if self.template_side is not None and "side" not in unit:
            raise ValueError(
                f"segmentation.template_side: the template is of the {self.template_side}, and the table says of no "
                "case which side it is; have a column `side` of left and right among cohort.unit, or remove "
                "segmentation.template_side"
            )

    def brought(self, folder: Path) -> bytes:
        """Return template and labels as one file."""
        from radfuse.volume.files import read_labels, read_volume
        from radfuse.volume.image import require_same_grid

        self.check_here()
        image = read_volume(self.template)
        labels = require_same_grid(image, read_labels(self.template_labels, self.names))
        packed, grid = io.BytesIO(), image.grid
        place = {"spacing": grid.spacing_zyx_mm, "origin": grid.origin, "direction": grid.direction}
        voxels = {"image": image.array, "labels": labels.array.astype(np.uint32), "version": _VERSION}
        np.savez_compressed(packed, **voxels, **place)  # type: ignore[arg-type]
        return packed.getvalue()

    def draw(self, image: Volume, given: Given) -> LabelMap:
        """Return the template's labels, carried to an image.

        Raises:
            CaseError: the side is not known, the registration diverged, or no label falls into the image.
        """
        from radfuse.volume.image import LabelMap
        from radfuse.volume.register import register
        from radfuse.volume.resample import resample_labels

        template, labels = self._template(given)
        found = register(image, template, self.registration, given.case).transform
        carried = resample_labels(labels, image.grid, found, self.registration.carried)
        if not carried.present():
            raise CaseError(given.case, f"no label of the template falls into image {image.name}; look at both")
        return LabelMap(carried.array, image.grid, self.names, f"atlas on {image.name}")

    def _template(self, given: Given) -> tuple[Volume, LabelMap]:
        """Return the template and its labels, mirrored where the case is of the other side."""
        from radfuse.volume.grid import Grid, triple
        from radfuse.volume.image import LabelMap, Volume

        assert given.brought is not None
        with np.load(given.brought, allow_pickle=False) as packed:
            array, numbers = packed["image"], packed["labels"]
            place = (triple(packed["spacing"], float), triple(packed["origin"], float))
            grid = Grid(triple(array.shape, int), *place, tuple(float(value) for value in packed["direction"]))
        if self.template_side is not None:
            side = _SIDES.get((given.side or "").strip().lower())
            if side is None:
                raise CaseError(
                    given.case,
                    f"the table says {given.side or 'nothing'} of its side, and the template is of the "
                    f"{self.template_side}; have a column `side` of left and right among cohort.unit, or remove "
                    "segmentation.template_side",
                )
            grid = grid if side == self.template_side else _mirrored(grid)
        return Volume(array, grid, "template"), LabelMap(numbers, grid, self.names, "template")


def _mirrored(grid: Grid) -> Grid:
    """Return where voxels lie in the patient's mirror image, left for right."""
    from dataclasses import replace

    x, y, z = grid.origin
    direction = (*(-value for value in grid.direction[:3]), *grid.direction[3:])
    return replace(grid, origin=(-x, y, z), direction=direction)
