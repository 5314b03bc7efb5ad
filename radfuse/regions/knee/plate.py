"""The tibial plate seen from above: its outline with bare gaps closed, its ellipse, and who faces whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

GAP_MM = 5.0
"""Half the width of the widest gap at the rim that counts as bare bone once covered; enclosed gaps always do."""
_PITCH_MM = 0.5


@dataclass(frozen=True)
class Outline:
    """What some voxels cover, seen from above.

    Attributes:
        cells: bool, shape (across, back), of squares of half a millimetre.
        first: number of the first cell along both axes; cell 0 has its middle in the frame's origin.
    """

    cells: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, at: np.ndarray, gap_mm: float, half_mm: float) -> Outline:
        """Return the outline of some voxels, gaps between them closed.

        Args:
            at: positions of their centres in the knee's frame, shape (n, 3).
            gap_mm: half the width of the widest gap at the rim; enclosed ones of any size are closed.
            half_mm: how far a voxel reaches from its centre.
        """
        if not len(at):
            return cls(np.zeros((1, 1), dtype=bool), np.zeros(2, dtype=int))
        reach = int(np.ceil((gap_mm + half_mm) / _PITCH_MM))
        place = _cell(at)
        first = place.min(axis=0) - reach - 1
        cells = np.zeros(tuple(place.max(axis=0) - first + reach + 2), dtype=bool)
        cells[tuple((place - first).T)] = True
        near = ndimage.distance_transform_edt(~cells) * _PITCH_MM <= gap_mm + half_mm
        cells |= ndimage.distance_transform_edt(near) * _PITCH_MM > gap_mm
        cells = ndimage.binary_fill_holes(cells)
        pieces, count = ndimage.label(cells, structure=np.ones((3, 3)))
        if count > 1:
            cells = pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()
        return cls(cells, first)

    def holds(self, at: np.ndarray) -> np.ndarray:
        """Return which positions, shape (n, 3), lie above or below it."""
        place = _cell(at) - self.first
        within = ((place >= 0) & (place < self.cells.shape)).all(axis=1)
        found = np.zeros(len(at), dtype=bool)
        found[within] = self.cells[tuple(place[within].T)]
        return found

    @property
    def positions(self) -> np.ndarray:
        """Middles of its cells, across and back in mm, shape (cell, 2)."""
        return (np.argwhere(self.cells) + self.first) * _PITCH_MM


def _cell(at: np.ndarray) -> np.ndarray:
    """Return the cell of each position along both axes: rounded, so that mirrored positions have mirrored cells."""
    return np.rint(at[:, :2] / _PITCH_MM).astype(int)


def sectors(outline: Outline, at: np.ndarray, sign: int, share: float, *, of_volume: bool = False) -> np.ndarray:
    """Return the part of a plate that each position belongs to.

    The central part is the ellipse of the plate's own shape around its middle that holds a share of it; the
    others are cut by lines through the middle, 45 degrees off the line that joins the two plates.

    Args:
        outline: of the plate.
        at: positions in the knee's frame, shape (n, 3).
        sign: -1 for the plate on the patient's right.
        share: of the plate that the ellipse holds.
        of_volume: the share is that of the positions, the voxels of the cartilage; else of the plate's area.

    Returns:
        names of parts, shape (n,): central, anterior, external, posterior or internal.

    Source:
        Wirth and Eckstein 2008, IEEE Trans Med Imaging 27:737-744; Yao et al. 2024, doi:10.1016/j.media.2023.103035.
    """
    cells = outline.positions
    middle = cells.mean(axis=0)
    shape = np.linalg.inv(np.cov((cells - middle).T))
    rest = at[:, :2] - middle
    most = np.quantile(_squared(rest if of_volume else cells - middle, shape), share)
    outward, back = sign * rest[:, 0], rest[:, 1]
    lengthwise = np.where(back < 0, "anterior", "posterior")
    sideways = np.where(outward < 0, "internal", "external")
    outer = np.where(np.abs(back) > np.abs(outward), lengthwise, sideways)
    return np.where(_squared(rest, shape) <= most, "central", outer)


def _squared(offsets: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("ni,ij,nj->n", offsets, shape, offsets))
