"""Figures of a mask where nobody drew one to compare it with: volumes, parts, borders, and how sure its network was."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from radfuse import machine
from radfuse.results import LabelFigures, MaskFigures
from radfuse.seg.window import There, softmax
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap
from radfuse.volume.resample import resample_labels

_SPECK = 0.01
"""Parts of a label below this fraction of its largest one are specks."""
SURE = 20
"""Where background is so many times as probable as any label, no mask is near, and nobody asks how sure it is."""
_PART = 2**18
"""Voxels looked at together, with all their classes: what a core's cache holds."""
_TOUCHING = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True)
class ScoredLabels(LabelMap):
    """A segmentation whose maker tells how sure it was; a backend that knows returns this instead of a `LabelMap`.

    Attributes:
        entropy: label -> mean entropy of the class probabilities inside it, as `entropy_of` gives it.
        disagreement: of an ensemble's networks, in [0, 1]; None where there is one.
    """

    entropy: Mapping[int, float] = field(default_factory=dict)
    disagreement: float | None = None

    @classmethod
    def of(cls, labels: LabelMap, entropy: Mapping[int, float] | None = None) -> ScoredLabels:
        """Return labels with what is known of them."""
        return cls(labels.array, labels.grid, labels.names, labels.name, entropy or {})


class Doubt:
    """How sure a network is of each voxel, kept while what it says of an image passes slab by slab.

    Args:
        grid: of what the network reads.
        logits: it says logits, not probabilities.
    """

    def __init__(self, grid: Grid, *, logits: bool) -> None:
        self._grid, self._logits = grid, logits
        self._entropy = np.zeros(grid.shape, dtype=np.float16)  # of one class's size, where probabilities are not kept

    def noted(self, slabs: Iterator[tuple[slice, np.ndarray | There]]) -> Iterator[tuple[slice, np.ndarray | There]]:
        """Yield what comes, as it comes."""
        for slices, said in slabs:
            here = self._entropy[slices]
            if not isinstance(said, np.ndarray):
                here[...] = said.entropy(logits=self._logits)
                yield slices, said
                continue

            def note(part: slice, here: np.ndarray = here, said: np.ndarray = said) -> None:
                here[part] = entropy_of(said[:, part], logits=self._logits)

            machine.by_parts(note, said.shape[1], _PART // math.prod(said.shape[2:]))
            yield slices, said

    def scored(self, labels: LabelMap) -> ScoredLabels:
        """Return labels with their mean entropy; a label too small to have a voxel on the network's grid has none."""
        here = resample_labels(labels, self._grid).array
        found: dict[int, tuple[np.ndarray, np.ndarray]] = {}

        def add_up(part: slice) -> None:
            numbers = here[part].ravel()
            sums = np.bincount(numbers, self._entropy[part].ravel())
            found[part.start] = np.bincount(numbers), sums

        machine.by_parts(add_up, len(here), _PART // math.prod(here.shape[1:]))
        counts, sums = np.zeros((2, max(len(counts) for counts, _ in found.values())))
        for start in sorted(found):  # in one order, however many threads there are
            for total, part in zip((counts, sums), found[start], strict=True):
                total[: len(part)] += part
        entropy = {number: float(sums[number] / counts[number]) for number in np.flatnonzero(counts).tolist() if number}
        return ScoredLabels.of(labels, entropy)


def entropy_of(said: np.ndarray, *, logits: bool) -> np.ndarray:
    """Return the entropy of class probabilities over that of equal ones, in [0, 1].

    Args:
        said: of a network, shape (class, z, y, x), background first.
        logits: these are logits, not probabilities, which sum to 1 over classes.

    Returns:
        Floats of shape (z, y, x); 0 where background is 20 times as probable as any label.
    """
    likeliest = said[1:].max(axis=0)
    near = likeliest + math.log(SURE) > said[0] if logits else SURE * likeliest > said[0]
    places = np.flatnonzero(near)
    there = np.stack([channel.reshape(-1).take(places) for channel in said])
    total = np.zeros(len(places), dtype=np.float32)
    for probability in softmax(there) if logits else there:
        total -= probability * np.log(np.maximum(probability, np.float32(1e-12)))
    found = np.zeros(near.shape, dtype=np.float32)
    found.reshape(-1)[places] = np.clip(total / math.log(len(said)), 0, 1)
    return found


def figures_of(labels: LabelMap, names: Mapping[str, int]) -> MaskFigures:
    """Return the figures of a mask.

    Args:
        labels: the mask; with `ScoredLabels`, entropies and disagreement are among its figures.
        names: label name -> number, of every label that there should be.
    """
    scored = labels if isinstance(labels, ScoredLabels) else None
    found = {}
    for name, number in names.items():
        box = labels.boxes.get(number)
        if box is None:
            found[name] = LabelFigures(ml=0.0, parts=0, border=False)
            continue
        mask = labels.array[box] == number
        found[name] = LabelFigures(
            ml=np.count_nonzero(mask) * math.prod(labels.spacing_zyx_mm) / 1000,
            parts=_parts(mask),
            border=_at_border(box, labels.array.shape),
            entropy=scored.entropy.get(number) if scored else None,
        )
    return MaskFigures(labels=found, disagreement=scored.disagreement if scored else None)


def _parts(mask: np.ndarray) -> int:
    """Return the number of connected parts of a mask (26 neighbours), those below a hundredth of the largest aside."""
    parts, count = ndimage.label(mask, _TOUCHING)
    if count < 2:
        return int(count)
    sizes = np.bincount(parts.ravel())[1:]
    return int((sizes >= _SPECK * sizes.max()).sum())


def _at_border(box: Sequence[slice], shape: Sequence[int]) -> bool:
    """Return whether a box reaches the first or the last voxel of an axis; an axis of one voxel has no border."""
    return any(size > 1 and (part.start == 0 or part.stop == size) for part, size in zip(box, shape, strict=True))
