"""Visit: the images and masks of a case, and how they are put where those of its baseline lie, by headers alone.

Resampled masks of thin layers would lose their rims, at follow-ups alone: a change that nobody has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.sitk import Transform, chained, is_rigid, moved

_Placed = TypeVar("_Placed", Volume, LabelMap)


@dataclass(frozen=True)
class Visit:
    """What was seen of a case at one time.

    Attributes:
        images: sequence -> image, each on its own grid.
        mask: of the segmented image.
        own: sequence -> mask of its own, drawn on it.
        ways: sequence -> transform from its points to those of the segmented image, where it was registered.
    """

    images: Mapping[str, Volume]
    mask: LabelMap
    own: Mapping[str, LabelMap] = field(default_factory=dict)
    ways: Mapping[str, Transform] = field(default_factory=dict)

    def together(self, to_baseline: Transform | None = None) -> Visit:
        """Return it with all images in the space of one: that of its own segmented image, or of its baseline's.

        A sequence that was registered rigidly is put where the segmented image shows the same, and both go on to the
        baseline. One that was bent or sheared, which no header can say, goes on as it lies, and keeps its way.

        Args:
            to_baseline: rigid transform from points of the segmented image to those of the baseline's; None: it is the
                baseline.
        """
        steps, ways = dict[str, Transform | None](), dict[str, Transform]()
        for name in self.images:
            way = self.ways.get(name)
            steps[name] = to_baseline
            if way is not None and is_rigid(way):
                steps[name], ways[name] = chained(way, to_baseline), chained()
            elif way is not None:
                back = to_baseline.GetInverse() if to_baseline is not None else None
                ways[name] = chained(back, way, to_baseline)
        return Visit(
            {name: _moved(image, steps[name]) for name, image in self.images.items()},
            _moved(self.mask, to_baseline),
            {name: _moved(mask, steps.get(name, to_baseline)) for name, mask in self.own.items()},
            ways,
        )


def _moved(what: _Placed, way: Transform | None) -> _Placed:
    return what if way is None else replace(what, grid=moved(what.grid, way))
