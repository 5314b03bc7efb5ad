"""Joint: all that the regions of one knee share, each part of it computed for the first that asks."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import ref

import numpy as np

from radfuse.errors import CaseError, listed
from radfuse.regions.knee.bone import Bone
from radfuse.regions.knee.femur import Cuts, cuts_of
from radfuse.regions.knee.frame import Frame, frame_of, points_of, positions_of
from radfuse.regions.knee.plate import GAP_MM, Outline
from radfuse.regions.knee.side import is_in, side_of
from radfuse.regions.scene import Found, Scene

if TYPE_CHECKING:
    from radfuse.regions.knee.anatomy import Half, Label

    Labels = tuple[Label, ...]


@dataclass(frozen=True)
class Voxels:
    """Some voxels of a knee.

    Attributes:
        index: into the flattened label array, ascending, shape (voxel,).
        at: across, back and up in mm of the knee's frame, shape (voxel, 3).
    """

    index: np.ndarray
    at: np.ndarray


class Joint:
    """A knee in its own frame; halves are -1, on the patient's right of the gap between the tibial plates, and 1."""

    def __init__(self, scene: Scene, femoral_cartilage: Labels, tibial_cartilage: Labels) -> None:
        self._scene = ref(
            scene
        )  # which holds this joint: a circle would keep a case's arrays until Python looks for it
        self.case = scene.case or scene.labels.name
        self._femoral_cartilage = femoral_cartilage
        self._tibial_cartilage = tibial_cartilage

    @classmethod
    def of(cls, scene: Scene, femoral_cartilage: Labels, tibial_cartilage: Labels) -> Joint:
        """Return the knee of a scene, cut by some labels; the same one for all regions that name the same labels."""
        key = ("joint", femoral_cartilage, tibial_cartilage)
        return scene.once(key, lambda: cls(scene, femoral_cartilage, tibial_cartilage))

    @property
    def scene(self) -> Scene:
        """The scene that the knee lies in; it outlives the joint."""
        scene = self._scene()
        assert scene is not None
        return scene

    @property
    def voxel_mm(self) -> float:
        """The largest distance between neighbouring voxel centres."""
        return max(self.scene.labels.spacing_zyx_mm)

    def outline(self, at: np.ndarray) -> Outline:
        """Return the outline of voxels from above, bare gaps closed; positions of shape (n, 3)."""
        grid = self.scene.labels.grid
        edges = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_zyx_mm[::-1])
        half = float(np.abs(self.frame.axes[:2] @ edges).sum(axis=1).mean() / 2)  # of a voxel, seen from above
        return Outline.of(at, max(GAP_MM, self.voxel_mm), half)

    @cached_property
    def frame(self) -> Frame:
        """The knee's axes; raises as `frame_of`, and InputError where a label is not declared."""
        return frame_of(self.case, self.scene.labels, self._numbers(self._tibial_cartilage))

    @cached_property
    def cuts(self) -> Cuts:
        """Where the femur is cut; raises as `cuts_of`, or CaseError without femoral cartilage."""
        at = self.voxels(self._femoral_cartilage).at
        if not len(at):
            raise CaseError(
                self.case,
                f"no femoral cartilage in view (label {listed(self._femoral_cartilage)}); labels present: "
                f"{listed(self.scene.labels.present())}. Name the label in the region's `femoral_cartilage`, correct "
                "the mask, or leave the case out of the cohort table",
            )
        return cuts_of(self.case, at, self.voxel_mm)

    @cached_property
    def side(self) -> str:
        """Left or right; raises as `side_of`."""
        return side_of(self.case, self.scene.side, self.frame, self.voxels(self._tibial_cartilage).at)

    def signs(self, half: Half | None) -> tuple[int, ...]:
        """Return the halves that are meant, both where none is named.

        Raises:
            CaseError: medial or lateral, and nothing says the side, or what the table says is contradicted.
        """
        if half is None:
            return -1, 1
        if half in ("a", "b"):
            return (-1 if half == "a" else 1,)
        return (1 if (self.side == "right") == (half == "medial") else -1,)

    def voxels(self, labels: Labels) -> Voxels:
        """Return the voxels of some labels; none where they do not occur."""
        numbers = self._numbers(labels)

        def make() -> Voxels:
            index, points = positions_of(self.scene.labels, numbers)
            return Voxels(index, self.frame.at(points))

        return self._once(("voxels", numbers), make)

    def halved(self, labels: Labels, at: np.ndarray, sign: int, femur: Labels = ()) -> np.ndarray:
        """Return which positions of a tissue lie in a half.

        Args:
            labels: of the tissue.
            at: of its voxels, shape (n, 3).
            sign: of the half.
            femur: labels that are cut in the notch beside the femoral cartilage.
        """
        if self.is_femoral(labels, femur):
            return self.cuts.side(at, sign)
        return is_in(at[:, 0], sign)

    def is_femoral(self, labels: Labels, femur: Labels) -> bool:
        """Return whether some labels are cut as the femur is."""
        known = {self.scene.numbers.get(str(label), label) for label in (*femur, *self._femoral_cartilage)}
        return bool(known & set(self._numbers(labels)))

    def at(self, index: np.ndarray) -> np.ndarray:
        """Return the positions of voxels by their flat index, shape (voxel, 3)."""
        return self.frame.at(points_of(index, self.scene.labels.grid))

    def plate(self, sign: int) -> Outline:
        """Return the outline of a half's tibial plate, bare gaps closed."""

        def make() -> Outline:
            at = self.voxels(self._tibial_cartilage).at
            return self.outline(at[is_in(at[:, 0], sign)])

        return self._once(("plate", sign), make)

    def bone(self, bone: Labels, cartilage: Labels) -> Bone:
        """Return a bone with its cartilage."""
        key = ("bone", self._numbers(bone), self._numbers(cartilage))
        return self._once(key, lambda: Bone(self, bone, cartilage))

    def loaded(self, cartilage: Labels, at: np.ndarray, sign: int, share: float) -> np.ndarray:
        """Return which positions of cartilage bear load in a half.

        Args:
            cartilage: labels of the femoral cartilage, which does between the cuts of the femur; or of the tibial one,
                which does where it faces that.
            at: positions, shape (n, 3).
            sign: of the half.
            share: where the load-bearing cartilage ends, on the way from the notch to the posterior edge.
        """
        if self.is_femoral(cartilage, ()):
            along = self.cuts.along(at, cartilage=True)
            return self.cuts.side(at, sign) & (along > 0) & (along <= share)
        return self.plate(sign).holds(at) & self.faces_load(at, sign, share)

    def faces_load(self, at: np.ndarray, sign: int, share: float) -> np.ndarray:
        """Return which positions, shape (n, 3), lie straight above or below a half's load-bearing femoral cartilage."""

        def make() -> Outline:
            femur = self.voxels(self._femoral_cartilage).at
            return self.outline(femur[self.loaded(self._femoral_cartilage, femur, sign, share)])

        return self._once(("faces", sign, share), make).holds(at)

    def mask(self, *indices: np.ndarray) -> np.ndarray:
        """Return the voxels of indices into the flattened label array, bool of shape (z, y, x)."""
        mask = np.zeros(self.scene.labels.grid.shape, dtype=bool)
        for index in indices:
            mask.reshape(-1)[index] = True
        return mask

    def _once(self, key: tuple[Hashable, ...], make: Callable[[], Found]) -> Found:
        return self.scene.once(("joint", self._femoral_cartilage, self._tibial_cartilage, *key), make)

    def _numbers(self, labels: Labels) -> tuple[int, ...]:
        return tuple(sorted({self.scene.number(label) for label in labels}))
