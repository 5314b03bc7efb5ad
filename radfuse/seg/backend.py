"""What a segmentation backend is: settings that know their labels, and, where it is trained, four methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol, Self

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveInt, field_validator, model_validator

from radfuse.config import Section, Where
from radfuse.errors import InputError, listed
from radfuse.seg.runtimes.runtime import USUAL, RuntimeName, chosen
from radfuse.volume.codes import CodeText

if TYPE_CHECKING:
    import numpy as np

    from radfuse.volume.grid import Grid
    from radfuse.volume.image import LabelMap, Volume


def sequences_of(sequence: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the images that a setting names: none, one, or several."""
    if sequence is None:
        return ()
    return (sequence,) if isinstance(sequence, str) else sequence


def _one_gpu(device: object) -> object:
    """Return what is said of a device; refuse the number of a GPU, which other programs take there."""
    kind, _, number = str(device).lower().partition(":")
    if kind == "cuda" and number:
        raise ValueError(f"GPU {number} is chosen by the environment: CUDA_VISIBLE_DEVICES={number}, and device: cuda")
    return device


DeviceName = Annotated[Literal["auto", "cpu", "cuda"], BeforeValidator(_one_gpu)]


class Labelled(Section):
    """What every backend has: the labels, and where its masks come from."""

    encodes: ClassVar[bool] = False
    """Whether its networks give deep features too: ONNX files that `seg.predict.OnnxSegmenter` opens."""

    takes_turns: ClassVar[bool] = False
    """Whether `segment` takes `machine.NETWORK_TURN` itself, for the network alone; if not, it holds it throughout."""

    labels: dict[str, PositiveInt] = Field(min_length=1)
    """Label name -> number in the masks; other numbers are an error."""
    sequence: str | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Which image it reads; None: the only one. Several, [t2, adc], say, are channels of one image, brought onto the
    grid of the first, on which masks lie."""
    codes: Annotated[dict[str, CodeText], Where()] = {}
    """Label name -> what its segment is called in DICOM (`radfuse predict --dicom`), SCHEME:VALUE:MEANING, as
    SCT:309312004:Cartilage tissue; labels that are not named are coded by their names."""
    tolerance_mm: Annotated[NonNegativeFloat | dict[str, NonNegativeFloat], Where()] = 1.0
    """Of the surface Dice between predicted and manual masks, and between readers: one for all labels, or
    {cartilage: 0.5}, and 1.0 for labels that are not named. Cases with a manual mask are segmented again where it
    changes; nothing trains again."""

    @model_validator(mode="after")
    def _numbers_differ(self) -> Labelled:
        if len(set(self.labels.values())) < len(self.labels):
            raise ValueError("two labels share one number; give each its own")
        return self

    @model_validator(mode="after")
    def _tolerances_of_labels(self) -> Labelled:
        of_some = self.tolerance_mm if isinstance(self.tolerance_mm, dict) else {}
        if unknown := sorted(set(of_some) - set(self.labels)):
            raise ValueError(f"tolerance_mm names {unknown[0]!r}, which is none of the labels: {listed(self.labels)}")
        return self

    @model_validator(mode="after")
    def _codes_of_labels(self) -> Labelled:
        if unknown := sorted(set(self.codes) - set(self.labels)):
            raise ValueError(f"codes names {unknown[0]!r}, which is none of the labels: {listed(self.labels)}")
        return self

    @field_validator("sequence")
    @classmethod
    def _sequences_differ(cls, sequence: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if isinstance(sequence, tuple):
            if len(set(sequence)) < len(sequence):
                raise ValueError("names one image twice")
            return sequence if len(sequence) > 1 else sequence[0]
        return sequence

    @property
    def sequences(self) -> tuple[str, ...]:
        """The images that it reads, where that is said; the first is that which masks lie on."""
        return sequences_of(self.sequence)

    @property
    def names(self) -> dict[int, str]:
        """Number -> name."""
        return {number: name for name, number in self.labels.items()}

    @property
    def tolerances_mm(self) -> dict[str, float]:
        """Label name -> tolerance of its surface Dice."""
        said = self.tolerance_mm
        return {name: said.get(name, 1.0) if isinstance(said, dict) else said for name in self.labels}

    @property
    def source(self) -> str:
        """Where its masks come from, as recorded: manual, external, cross_fitted or untrained."""
        return "cross_fitted"

    def check_here(self) -> None:
        """Look whether what it needs is on this machine, before any compute.

        Raises:
            InputError: a runtime, or a network that it brings, is not.
        """
        self.runtime_here()

    def remarks(self) -> list[str]:
        """Return which settings are not heeded beside others, in words; asked once `check_here` found nothing wrong."""
        return []

    def check_training(self) -> None:
        """Look whether this machine has what a training needs, before anything is prepared for one.

        Raises:
            InputError: it has not.
        """

    def brought(self, folder: Path) -> bytes:
        """Return the network of a backend whose source is "external", as a file's content.

        Args:
            folder: private, for what is made on the way.

        Raises:
            InputError: it cannot be used.
        """
        raise InputError(
            f"{type(self).__name__} says that its masks come from elsewhere (source: {self.source!r}), and brings no "
            "network; give it a method brought(folder), which returns the content of the network's file"
        )

    def beside(self, folder: Path) -> Self:
        """Return these settings, their paths taken from the folder of the study file."""
        paths = {name: getattr(self, name) for name in type(self).model_fields}
        return self.model_copy(update={name: folder / path for name, path in paths.items() if isinstance(path, Path)})

    def runtime_here(self) -> str:
        """Return the name of the runtime of `seg/runtimes/` that its networks run on; "" where they need none.

        Raises:
            InputError: it is not on this machine.
        """
        return ""


def require_gpu(setting: str) -> None:
    """Look whether torch has the GPU that a setting asks for.

    Args:
        setting: as "device is cuda".

    Raises:
        InputError: it has none.
    """
    if find_spec("torch") is None:
        return  # who only segments and measures here has no need of it
    import torch

    if not torch.cuda.is_available():
        raise InputError(
            f"segmentation.{setting}, and torch finds no GPU it can use here; set it to auto, or look at the driver"
        )


@dataclass(frozen=True)
class Watch:
    """What a training may know of its cases, and whom it may tell more than how far it is.

    Attributes:
        patients: of each case, in their order.
        say: called with a few words on how it goes: "loss 0.21, Dice 0.80".
    """

    patients: tuple[str, ...]
    say: Callable[[str], None]


class OnnxNetworks(Labelled):
    """A backend whose networks are ONNX files with their plan: `seg.predict` runs them, and their encoders."""

    encodes: ClassVar[bool] = True
    takes_turns: ClassVar[bool] = True

    runtime: Annotated[RuntimeName, Where()] = USUAL
    """Who runs the network on each case: `openvino`, an extra, and `torch` are the fastest on CPUs; `auto` takes a GPU,
    or openvino where it is installed. Masks may differ in single voxels, so that cases are segmented again where it
    changes; networks are not trained again. Deep features are onnxruntime's whatever stands here."""

    def runtime_here(self) -> str:
        """Return the runtime that its setting means here."""
        return chosen(self.runtime)

    def segment(self, network: Path, image: Volume) -> LabelMap:
        """Return the labels of an image, on its own grid."""
        from radfuse.seg.predict import segmenter

        return segmenter(network, self.runtime)(image)


class Preparation(Protocol):
    """Settings that decide what networks train on; a Section, since prepared cases are kept by its content."""

    def prepare(self, image: Volume, labels: LabelMap) -> Mapping[str, np.ndarray]:
        """Return what networks train on, of one case: name -> array."""


class Backend(Protocol):
    """A backend that is trained: a network a fold, on the manual masks of the other folds."""

    encodes: ClassVar[bool]
    takes_turns: ClassVar[bool]
    labels: dict[str, int]
    sequence: str | tuple[str, ...] | None

    @property
    def source(self) -> str:
        """Where its masks come from, as `Labelled` has it."""

    @property
    def names(self) -> dict[int, str]:
        """Number -> name, as `Labelled` has it."""

    def plan(self, grids: Sequence[Grid]) -> str:
        """Return what all networks of the study share, as JSON, from where the training images' voxels lie."""

    def preparation(self, plan: str) -> Preparation:
        """Return how cases are prepared for training, from what `plan` gave; a Section."""

    def train(
        self,
        cases: Sequence[Path],
        plan: str,
        seed: int,
        folder: Path,
        tell: Callable[[int, int], None],
        watch: Watch | None = None,
    ) -> bytes:
        """Return a trained network as a file's content.

        A file training.csv and a folder tensorboard that it leaves in `folder` are kept beside the network.

        Args:
            cases: folders with a NAME.npy for each array of `Preparation.prepare`.
            plan: as `plan` gave it.
            seed: of everything random.
            folder: private, outlives a kill; training goes on from it.
            tell: called with steps done and all steps.
            watch: whose the cases are, and somebody to tell how it goes; a backend may do without this parameter.
        """

    def segment(self, network: Path, image: Volume) -> LabelMap:
        """Return the labels of an image, on its own grid, by a network that `train` gave.

        Where it reads several sequences, `image.channels` are those, here and in `Preparation.prepare`.
        Several threads may call it, never two at once. A backend that knows how sure it is returns
        `seg.quality.ScoredLabels`: their figures go into the review list.
        """
