"""Backend `unet`: settings of our own U-Net, and what the stages ask of it. Torch is imported for training alone."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from radfuse import machine
from radfuse.config import Section, Where, nearest
from radfuse.errors import InputError
from radfuse.seg.backend import DeviceName, OnnxNetworks, Watch, require_gpu
from radfuse.seg.plan import Axis, Intensities, NetworkInput, SegPlan

if TYPE_CHECKING:
    import numpy as np

    from radfuse.volume.grid import Grid
    from radfuse.volume.image import LabelMap, Volume

_SHORT = 1e8
"""Voxels, times channels of the first level, that training goes through in some 15 seconds of a core in bfloat16, and
40 in float32."""


class UnetPreparation(NetworkInput):
    """How a case is prepared for training."""

    def prepare(self, image: Volume, labels: LabelMap) -> dict[str, np.ndarray]:
        """Return image, float32 (channel, z, y, x), and target, uint8 class numbers (z, y, x), on one grid."""
        from radfuse.seg.preprocess import network_input, network_target

        array, grid = network_input(image, self)
        return {"image": array, "target": network_target(labels, grid, self)}


class Budget(Section):
    """What one network's training may take; patch, batch and steps follow from it."""

    minutes: PositiveFloat | None = None
    """Of training, measured by the first steps; None: `steps` as set."""
    memory_gib: PositiveFloat | None = None
    """Of the machine or the GPU, from which patch and batch follow; None: `patch_voxels` and `batch` as set."""


class UnetSegmentation(OnnxNetworks):
    """A U-Net trained on the manual masks; each case is segmented by a network that never saw its patient."""

    backend: Literal["unet"] = "unet"
    dimensions: Literal["2d", "2.5d", "3d"] = "3d"
    """What the network sees: slices, slices with their neighbours as channels, or volumes; 2d for few thick slices."""
    neighbours: PositiveInt = 1
    """Slices on each side that 2.5d sees beside its own."""
    spacing_zyx_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    """Voxel size it works at; None: the median of the training images."""
    intensities: dict[str, Intensities] = {}
    """Sequence -> how it is standardised: `body` by the voxels of the body, which suits MR and is the default; `ct`
    clips to the percentiles 0.5 and 99.5 inside the training masks and standardises by their mean and deviation."""
    patch_voxels: PositiveInt = 150_000
    """Largest patch; smaller is faster and sees less around a voxel."""
    position: bool = False
    """Tell the network where in the image a voxel lies: for images that are all positioned or cropped alike."""
    channels: tuple[PositiveInt, ...] = Field(default=(16, 32, 64, 128), min_length=3, max_length=6)
    """Of each resolution level."""
    encoder: Literal["plain", "residual"] = "plain"
    """What each level is made of; residual blocks train deeper networks, and take a tenth longer."""
    plan_file: Path | None = None
    """A plan to use in place of that made from the images: `work/plan.json` of a run folder, edited, or a network's."""
    start_from: Path | None = None
    """A network of radfuse to go on from, ONNX or checkpoint: its weights where names and shapes agree."""
    networks: PositiveInt = 1
    """Of each fold, from different seeds, in one file; their probabilities are averaged, which takes as many times as
    long to train and to predict."""
    steps: PositiveInt = 300
    """Of training."""
    batch: PositiveInt = 2
    """Patches a step, on each device."""
    accumulate: PositiveInt = 1
    """Batches whose gradients make one step: a larger batch in the same memory."""
    budget: Budget | None = None
    """Let time and memory choose patch, batch and steps."""
    learning_rate: PositiveFloat = 3e-3
    """The largest of the schedule."""
    schedule: Literal["one_cycle", "poly", "cosine"] = "one_cycle"
    """How the learning rate goes: up and down, or down from its largest, by a power of 0.9 or a cosine."""
    loss: Literal["dice_ce", "focal", "tversky"] = "dice_ce"
    """Dice and cross-entropy; Dice and focal, for small labels that are missed; Tversky, which forgives voxels too many
    sooner than voxels too few."""
    overlap_of: Literal["batch", "patch"] = "batch"
    """What the loss measures overlap in: all patches of a batch together, which is steadier, or each by itself, so that
    a small object counts as much as a large one."""
    deep_supervision: bool = False
    """Learn from the coarser levels' answers too."""
    ema: float = Field(default=0.0, ge=0, lt=1)
    """Decay of the running mean of weights that is kept in their place, 0.99 say; 0: the last weights."""
    augmentation: Literal["none", "light", "full"] = "light"
    """How training images are varied: light turns, scales, and varies brightness, contrast, gamma and noise; full does
    more of it, and elastic deformation, blur, low resolution, inverted gamma and bias fields."""
    inverted: float = Field(default=0.0, ge=0, lt=1)
    """Share of training patches in which dark is bright, 0.15 say: where few patients show what is sought, dark in most
    and bright in some. Never for CT."""
    mirror_axes: tuple[Axis, ...] = ()
    """Axes along which training images are mirrored; leave out the axis of the side where labels have one."""
    mirror_prediction: bool = False
    """Average over the mirror images along `mirror_axes` in prediction too: twice the time for each axis."""
    foreground: float = Field(default=0.67, ge=0, le=1)
    """Share of patches drawn around a label."""
    unlabelled: bool = False
    """A label that a mask holds no voxel of was not annotated there, rather than absent: the loss leaves it open."""
    even_volumes: bool = Field(default=False, exclude_if=lambda asked: not asked)
    """After training, shift what the network says of each label so that its volume over training cases, 16 at most, is
    that of the manual masks. Losses of overlap draw thin labels too large: cartilage by a tenth."""
    validation: float = Field(default=0.0, ge=0, le=0.5)
    """Share of training patients held back to keep the best weights by; 0, the default, learns from all: of few
    patients, those held back are missed more than they tell."""
    patience: PositiveInt | None = None
    """Checks without a better validation Dice after which training ends; there are ten in a training. None: never."""
    overlap: float = Field(default=0.5, ge=0, lt=1)
    """Of neighbouring patches in prediction."""
    largest_parts: bool = True
    """Keep of each label as many of its largest connected parts as the training masks have: one tibia, two menisci."""
    device: Annotated[DeviceName, Where()] = "auto"
    """Where it trains; auto takes a GPU where there is one."""
    devices: PositiveInt = 1
    """GPUs, or processes on a CPU, that train one network together; each takes `batch` patches a step."""
    precision: Annotated[Literal["auto", "fp32", "bf16", "fp16"], Where()] = "auto"
    """Of training; auto is bf16 on GPUs and on CPUs that compute in it, else fp32. fp16 needs a GPU."""
    compiled: Annotated[bool, Where()] = False
    """Let torch.compile make training faster, after a minute or more of compiling; needs a C++ compiler."""
    workers: Annotated[NonNegativeInt | None, Where()] = None
    """Processes that draw patches; None: none on a CPU, whose cores train, and up to 8 beside a GPU."""
    logger: Annotated[Literal["csv", "tensorboard", "mlflow"], Where()] = "csv"
    """Who else is told of loss and validation Dice, beside the table that is always written."""

    @model_validator(mode="after")
    def _settings_agree(self) -> UnetSegmentation:
        known = self.sequences
        unknown = [name for name in self.intensities if known and name not in known]
        if unknown:
            raise ValueError(
                f"intensities names {unknown[0]!r}, which is not in `sequence`{nearest(unknown[0], known)}"
            )
        if not known and len(self.intensities) > 1:
            raise ValueError("intensities names several images; say which the network reads: `sequence`")
        if self.patience and not self.validation:
            raise ValueError("patience needs validation: 0.2, say, the share of patients held back to judge by")
        if self.mirror_prediction and not self.mirror_axes:
            raise ValueError("mirror_prediction needs mirror_axes, those that the labels allow")
        return self

    def check_here(self) -> None:
        """Look whether the files that it begins with are there, and a plan is one of these labels and images."""
        self.runtime_here()
        for name, path in (("plan_file", self.plan_file), ("start_from", self.start_from)):
            if path is not None and not path.is_file():
                raise InputError(f"{name} {path}: there is no such file; correct segmentation.{name}")
        if self.plan_file is not None:
            from radfuse.seg.unet.plan import given_plan

            given_plan(self, self.plan_file)

    def remarks(self) -> list[str]:
        """Return which settings a plan of a person's own or a budget overrules, or are of other networks."""
        from radfuse.seg.unet.plan import unheeded

        return unheeded(self)

    def check_training(self) -> None:
        """Look whether the devices, the precision and the logger of a training are here."""
        if self.precision == "fp16" and self.device == "cpu":
            raise InputError("segmentation.precision is fp16, which needs a GPU to train in; set it to auto")
        for setting, asked in {"device": "cuda", "precision": "fp16"}.items():
            if getattr(self, setting) == asked:
                require_gpu(f"{setting} is {asked}")
        if self.devices > 1 and find_spec("lightning") is not None:  # who only segments here has none
            from radfuse.seg.unet.fit import device_of

            device_of(self)
        packages = {"csv": (), "tensorboard": ("tensorboard", "tensorboardX"), "mlflow": ("mlflow",)}[self.logger]
        if packages and not any(find_spec(name) for name in packages):
            raise InputError(
                f"segmentation.logger is {self.logger}, which is not installed: pip install {packages[0]}, or set csv"
            )
        if self.logger == "mlflow" and not os.environ.get("MLFLOW_TRACKING_URI"):
            raise InputError(
                "segmentation.logger is mlflow: set MLFLOW_TRACKING_URI to the server or database of its runs"
            )

    def plan(self, grids: Sequence[Grid]) -> str:
        """Return the plan of all the study's networks as JSON, after looking whether `start_from` fits it."""
        from radfuse.seg.unet.plan import given_plan, make_plan

        plan = make_plan(self, grids) if self.plan_file is None else given_plan(self, self.plan_file)
        if self.start_from is not None and find_spec("torch") is not None:  # who only looks at a study may have none
            from radfuse.seg.unet.network import make_network
            from radfuse.seg.unet.start import start_from

            start_from(make_network(plan), self.start_from)
        return plan.model_dump_json(indent=1)

    def preparation(self, plan: str) -> UnetPreparation:
        """Return what prepared cases depend on: spacing, orientation, labels."""
        read = SegPlan.model_validate_json(plan)
        return UnetPreparation.model_validate(read.model_dump(include=set(NetworkInput.model_fields)))

    def beside_others(self, plan: str) -> float | None:
        """Return the memory that a training takes beside others, in bytes; None: each has the machine to itself.

        So it is on a GPU, where several processes train one network, and where a training's time or memory is given.
        Short ones would be through before another process has begun.
        """
        from radfuse.seg.unet.memory import step_bytes

        if self.devices > 1 or self.compiled or self.workers or self.budget is not None:
            return None
        if self.device != "cpu" and machine.torch_has_gpu():
            return None
        read = SegPlan.model_validate_json(plan)
        voxels, batch = math.prod(read.patch_zyx), read.batch or self.batch
        work = self.steps * self.accumulate * batch * voxels * read.channels[0] * self.networks
        return step_bytes(read, voxels, batch) if work > _SHORT else None

    def train(
        self,
        cases: Sequence[Path],
        plan: str,
        seed: int,
        folder: Path,
        tell: Callable[[int, int], None],
        watch: Watch | None = None,
    ) -> bytes:
        """Return a trained network as ONNX, its plan in the metadata; goes on from the last checkpoint in `folder`."""
        from radfuse.seg.export import export_network
        from radfuse.seg.unet.ensemble import train_networks
        from radfuse.seg.unet.plan import fitted_plan

        fitted = fitted_plan(SegPlan.model_validate_json(plan), self, cases)
        network = train_networks(cases, fitted, self, folder, seed, tell, watch)
        export_network(network, fitted, folder / "network.onnx")
        return (folder / "network.onnx").read_bytes()
