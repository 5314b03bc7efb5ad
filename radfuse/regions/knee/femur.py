"""Where the femoral cartilage is cut: at the notch, and on the way from it to the posterior edge of each condyle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from radfuse.errors import CaseError
from radfuse.regions.knee.side import is_in

_STRIP_MM = 1.5
"""Width of the sagittal strips in which the posterior edge is looked for; a voxel where voxels are wider."""
_ROW_MM = 1.0
"""Length of the coronal strips in which a condyle is cut into thirds; a voxel where voxels are wider."""
_CURL_MM = 3.0
"""Height over the middle of the posterior edge from which a condyle counts as curling forwards again."""
_SHALLOWEST_MM = 8.0
"""How far the notch reaches in front of the posterior edges of both condyles, at least."""


@dataclass(frozen=True)
class Cuts:
    """Planes that cut a femur, in mm of the knee's frame.

    Attributes:
        across: of the sagittal plane through the middle of the notch.
        notch: how far back the roof of the notch is: the most anterior posterior edge of the cartilage near the middle.
        ends: how far back the posterior edges of the halves a and b are.
        heights: how far up cartilage behind the notch curls forwards again, just above those edges.
    """

    across: float
    notch: float
    ends: tuple[float, float]
    heights: tuple[float, float]

    def side(self, at: np.ndarray, sign: int) -> np.ndarray:
        """Return which positions, shape (n, 3), lie in a half."""
        return is_in(at[:, 0] - self.across, sign)

    def along(self, at: np.ndarray, *, cartilage: bool) -> np.ndarray:
        """Return how far on the way from the notch (0) to its half's posterior edge (1) positions lie, shape (n,).

        Args:
            at: positions, shape (n, 3).
            cartilage: behind the notch and above the posterior edge it curls forwards again: that counts as 1.
        """
        in_a = self.side(at, -1)
        a, b = (end - self.notch for end in self.ends)
        way = (at[:, 1] - self.notch) / np.where(in_a, a, b)
        if not cartilage:
            return np.asarray(way)
        curled = (way > 0) & (at[:, 2] > np.where(in_a, *self.heights))
        return np.where(curled, 1.0, way)


def cuts_of(case: str, at: np.ndarray, voxel_mm: float) -> Cuts:
    """Return where a knee's femur is cut.

    Args:
        case: for messages.
        at: positions of the femoral cartilage in the knee's frame, shape (n, 3).
        voxel_mm: the largest distance between neighbouring voxel centres.

    Raises:
        CaseError: there is no notch between two condyles, or the femur lies below the tibia.

    Source:
        Yao et al. 2024, doi:10.1016/j.media.2023.103035 (the notch by the posterior edge of the cartilage).
    """
    mend = "Correct the mask, or leave the case out of the cohort table"
    if at[:, 2].mean() < 0:
        raise CaseError(
            case,
            "the femoral cartilage lies below the tibial one; the header turns the knee over, or the labels of femur "
            "and tibia are swapped: convert the images anew from DICOM, or correct the labels",
        )
    strip = max(_STRIP_MM, voxel_mm)
    bins = np.rint(at[:, 0] / strip).astype(int)  # the same for a mirrored knee
    first = int(bins.min())
    edge = np.full(int(bins.max()) - first + 1, -np.inf)
    np.maximum.at(edge, bins - first, at[:, 1])
    places = (np.arange(len(edge)) + first) * strip
    filled = np.isfinite(edge)
    places, edge = places[filled], ndimage.median_filter(edge[filled], 3, mode="nearest")
    quarter = (places[-1] - places[0]) / 4
    central = np.flatnonzero(np.abs(places - (places[0] + places[-1]) / 2) <= quarter)
    found = _notch(places, edge, central)
    if found is None:
        raise CaseError(
            case,
            "the notch between the condyles cannot be found in the femoral cartilage: nowhere in its middle does the "
            f"posterior edge lie {_SHALLOWEST_MM:g} mm in front of that of both condyles. {mend}",
        )
    across, notch = found
    ends = [_posterior_edge(at[is_in(at[:, 0] - across, sign)], voxel_mm) for sign in (-1, 1)]
    return Cuts(across, notch, (ends[0][0], ends[1][0]), (ends[0][1], ends[1][1]))


def _posterior_edge(at: np.ndarray, voxel_mm: float) -> tuple[float, float]:
    """Return how far back a condyle's posterior edge is, and from what height on it curls forwards."""
    back = float(np.quantile(at[:, 1], 0.999))  # not the very last voxel, which may be a speck
    return back, float(at[at[:, 1] >= back - voxel_mm, 2].mean()) + _CURL_MM


def _notch(places: np.ndarray, edge: np.ndarray, central: np.ndarray) -> tuple[float, float] | None:
    """Return where the middle and the roof of the notch lie, from the posterior edge in each strip."""
    if not len(central):
        return None
    deepest = int(central[edge[central].argmin()])
    if deepest in (0, len(edge) - 1):
        return None
    roof, condyle = float(edge[deepest]), float(min(edge[:deepest].max(), edge[deepest + 1 :].max()))
    if condyle - roof < _SHALLOWEST_MM:
        return None
    level = (roof + condyle) / 2
    behind = np.flatnonzero(edge > level)
    low, high = behind[behind < deepest].max(), behind[behind > deepest].min()
    walls = [
        places[out] + (places[into] - places[out]) * (edge[out] - level) / (edge[out] - edge[into])
        for out, into in ((low, low + 1), (high, high - 1))
    ]
    return float(walls[0] + walls[1]) / 2, roof


def condyle_parts(cuts: Cuts, at: np.ndarray, sign: int, share: float, voxel_mm: float) -> np.ndarray:
    """Return the part of a condyle that each position of its cartilage belongs to.

    Args:
        cuts: of the knee.
        at: positions of one half's femoral cartilage, shape (n, 3).
        sign: of the half.
        share: where the load-bearing part ends, as a share of the way from the notch to the posterior edge.
        voxel_mm: the largest distance between neighbouring voxel centres.

    Returns:
        names of parts, shape (n,): trochlea, external, central, internal or posterior.

    Source:
        Wirth and Eckstein 2008, IEEE Trans Med Imaging 27:737-744; Yao et al. 2024, doi:10.1016/j.media.2023.103035.
    """
    along = cuts.along(at, cartilage=True)
    loaded = (along > 0) & (along <= share)
    parts = np.where(along <= 0, "trochlea", "posterior").astype("<U9")
    if not loaded.any():
        return parts
    outward, back = sign * (at[loaded, 0] - cuts.across), at[loaded, 1]
    row = ((back - back.min()) / max(_ROW_MM, voxel_mm)).astype(int)
    inner, outer = np.full(row.max() + 1, np.inf), np.full(row.max() + 1, -np.inf)
    np.minimum.at(inner, row, outward)
    np.maximum.at(outer, row, outward)
    width = np.maximum(outer - inner, 1e-6)
    third = (outward - inner[row]) / width[row] * 3
    parts[loaded] = np.where(third <= 1, "internal", np.where(third <= 2, "central", "external"))
    return parts
