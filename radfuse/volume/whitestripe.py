"""Standardisation by the peak that one tissue makes in the histogram of its own image."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radfuse.errors import InputError
from radfuse.volume.within import Within

_FEWEST = 100
"""Voxels that a histogram is made of, at least."""
_MOST_BINS, _FEWEST_BINS, _SMOOTHED = 200, 16, 64
"""Bins of the histogram, and how many times its smoothing (one standard deviation) goes into it."""
_STANDS_OUT = 0.1
"""Of the largest bin: what a peak rises over the ground around it."""


class WhiteStripe(Within):
    """Centre the image at a tissue's peak in the histogram, in units of the spread close to that peak.

    In the brain the tissue is white matter, the brightest peak in T1; elsewhere take the part where one tissue makes a
    peak of its own: a label of muscle, or the body, in which muscle or fat is mostly the largest.

    Source:
        Shinohara et al. 2014, doi:10.1016/j.nicl.2014.08.008.
    """

    kind: Literal["whitestripe"] = "whitestripe"
    peak: Literal["largest", "darkest", "brightest"] = "largest"
    """Which peak of the smoothed histogram is the tissue's."""
    width: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    """Of the stripe, as share of the voxels on either side of the peak."""
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0
    """What a standard deviation inside the stripe becomes; it is some tenth of the tissue's own."""

    def values(self, image: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Return the image, float64: the stripe's voxels in a bool part have mean 0 and standard deviation `scale`.

        Raises:
            InputError: too few voxels, no peak, or a stripe whose voxels are all alike.
        """
        inside = image[part]
        if inside.size < _FEWEST:
            raise InputError(
                f"whitestripe: {self.within!r} has {inside.size} voxels, a histogram needs {_FEWEST}; take another "
                "`within`"
            )
        peak = self._peak_of(inside)
        share = float(np.mean(inside < peak) + np.mean(inside <= peak)) / 2
        low, high = np.quantile(inside, (max(share - self.width, 0), min(share + self.width, 1)))
        stripe = inside[(inside >= low) & (inside <= high)]
        spread = float(stripe.std())
        if not spread > 0:
            raise InputError(
                f"whitestripe: the {stripe.size} voxels around the peak of {self.within!r}, at {low:g}, are all alike; "
                "widen the stripe (`width`), or take kind zscore"
            )
        return np.asarray((image - stripe.mean()) * (self.scale / spread))

    def _peak_of(self, inside: np.ndarray) -> float:
        """Return the value at the chosen peak of the smoothed histogram, its outermost 0.1 % set aside."""
        from scipy.ndimage import gaussian_filter1d
        from scipy.signal import find_peaks

        low, high = np.percentile(inside, (0.1, 99.9))
        if not low < high:
            raise InputError(f"whitestripe: the voxels of {self.within!r} are all alike; take another `within`")
        bins = int(np.clip(len(np.unique(inside)) // 2, _FEWEST_BINS, _MOST_BINS))  # no finer than values are stored
        counts, edges = np.histogram(inside, bins, (low, high))
        smooth = gaussian_filter1d(counts.astype(float), max(bins / _SMOOTHED, 1), mode="nearest")
        found, _ = find_peaks(smooth, prominence=_STANDS_OUT * smooth.max())
        if not len(found):
            raise InputError(
                f"whitestripe: the histogram of {self.within!r} has no peak between {low:g} and {high:g}, so that no "
                "tissue stands out; take a label of one tissue as `within`, or kind zscore"
            )
        chosen = {"darkest": found[0], "brightest": found[-1], "largest": found[smooth[found].argmax()]}[self.peak]
        held = inside[(inside >= edges[chosen]) & (inside <= edges[chosen + 1])]
        return float(np.median(held)) if held.size else float(edges[chosen])
