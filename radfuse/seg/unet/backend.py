"""Backend `unet`: settings of our own U-Net, and what the stages ask of it. Torch is imported for training alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from radfuse.config import Where
from radfuse.seg.backend import Labelled
from radfuse.seg.plan import NetworkInput, SegPlan
from radfuse.seg.runtimes.runtime import USUAL, RuntimeName

if TYPE_CHECKING:
    import numpy as np

    from radfuse.volume.grid import Grid
    from radfuse.volume.image import LabelMap, Volume


class UnetPreparation(NetworkInput):
    """How a case is prepared for training."""

    def prepare(self, image: Volume, labels: LabelMap) -> dict[str, np.ndarray]:
        """Return image, float32 (channel, z, y, x), and target, uint8 class numbers (z, y, x), on one grid."""
        from radfuse.seg.preprocess import network_input, network_target

        array, grid = network_input(image, self)
        return {"image": array, "target": network_target(labels, grid, self)}


class UnetSegmentation(Labelled):
    """A 3D U-Net trained on the manual masks; each case is segmented by a network that never saw its patient."""

    encodes: ClassVar[bool] = True
    takes_turns: ClassVar[bool] = True

    backend: Literal["unet"] = "unet"
    spacing_zyx_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    """Voxel size it works at; None: the median of the training images."""
    patch_voxels: PositiveInt = 150_000
    """Largest patch; smaller is faster and sees less around a voxel."""
    position: bool = False
    """Tell the network where in the image a voxel lies: for images that are all positioned or cropped alike."""
    channels: tuple[PositiveInt, ...] = Field(default=(16, 32, 64, 128), min_length=3, max_length=6)
    """Of each resolution level."""
    steps: PositiveInt = 300
    """Of training."""
    batch: PositiveInt = 2
    """Patches a step."""
    learning_rate: PositiveFloat = 3e-3
    """The largest of the schedule."""
    mirror_axes: tuple[Literal["z", "y", "x"], ...] = ()
    """Axes along which training images are mirrored; leave out the axis of the side where labels have one."""
    overlap: float = Field(default=0.5, ge=0, lt=1)
    """Of neighbouring patches in prediction."""
    largest_parts: bool = True
    """Keep of each label as many of its largest connected parts as the training masks have: one tibia, two menisci."""
    device: Annotated[Literal["auto", "cpu", "cuda"], Where()] = "auto"
    """Where it trains; auto takes a GPU where there is one."""
    runtime: Annotated[RuntimeName, Where()] = USUAL
    """Who runs the network on each case: `openvino`, an extra, is the fastest on CPUs; `auto` takes it where it is
    installed and there is no GPU. Masks may differ in single voxels, so that cases are segmented again where it
    changes; networks are not trained again. Deep features are onnxruntime's whatever stands here."""

    def runtime_here(self) -> str:
        """Return the runtime that its setting means here."""
        from radfuse.seg.runtimes.runtime import chosen

        return chosen(self.runtime)

    def plan(self, grids: Sequence[Grid]) -> str:
        """Return the plan of all the study's networks as JSON."""
        from radfuse.seg.unet.plan import make_plan

        return make_plan(self, grids).model_dump_json(indent=1)

    def preparation(self, plan: str) -> UnetPreparation:
        """Return what prepared cases depend on: spacing, orientation, labels."""
        read = SegPlan.model_validate_json(plan)
        return UnetPreparation.model_validate(read.model_dump(include=set(NetworkInput.model_fields)))

    def train(
        self, cases: Sequence[Path], plan: str, seed: int, folder: Path, tell: Callable[[int, int], None]
    ) -> bytes:
        """Return a trained network as ONNX, its plan in the metadata; goes on from the last checkpoint in `folder`."""
        import numpy as np

        from radfuse.seg.export import export_network
        from radfuse.seg.preprocess import usual_parts
        from radfuse.seg.unet.train import train

        read = SegPlan.model_validate_json(plan)
        parts = usual_parts((np.load(case / "target.npy") for case in cases), read.classes)
        fitted = read.model_copy(update={"parts": parts if self.largest_parts else ()})
        network = train(cases, fitted, self, folder, seed, tell)
        export_network(network, fitted, folder / "network.onnx")
        return (folder / "network.onnx").read_bytes()

    def segment(self, network: Path, image: Volume) -> LabelMap:
        """Return the labels of an image, on its own grid."""
        from radfuse.seg.predict import segmenter

        return segmenter(network, self.runtime)(image)
