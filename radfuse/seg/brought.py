"""Backend `onnx`: a network that was trained elsewhere and exported by radfuse segments every case."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from radfuse.errors import InputError, listed
from radfuse.seg.backend import Labelled, OnnxNetworks

if TYPE_CHECKING:
    from radfuse.seg.plan import NetworkPlan


class OnnxSegmentation(OnnxNetworks):
    """A network from an ONNX file with its plan, as `radfuse export-onnx` or a bundle holds one; nothing is trained."""

    backend: Literal["onnx"] = "onnx"
    model: Path
    """The file."""

    @property
    def source(self) -> str:
        """Masks come from elsewhere."""
        return "external"

    def check_here(self) -> None:
        """Look whether the file is there and makes these labels from these images."""
        from radfuse.seg.predict import OnnxSegmenter

        self.runtime_here()
        if not self.model.is_file():
            raise InputError(f"model {self.model}: there is no such file; correct segmentation.model")
        check_fits(self, OnnxSegmenter(self.model).plan, self.model)

    def brought(self, folder: Path) -> bytes:
        """Return the file's content."""
        return self.model.read_bytes()


def check_fits(backend: Labelled, plan: NetworkPlan, model: Path) -> None:
    """Check that a network makes the labels that a study names, from as many images.

    Raises:
        InputError: it does not.
    """
    check_labels(backend, plan.labels, model)
    reads = max(len(backend.sequences), 1)
    if reads != plan.images:
        raise InputError(
            f"{model} reads {plan.images} images as channels, and segmentation.sequence names {reads}; name them in "
            "the order that it was trained with"
        )


def check_labels(backend: Labelled, makes: Mapping[str, int], model: Path) -> None:
    """Check that a network makes the labels that a study names.

    Raises:
        InputError: it does not.
    """
    if dict(backend.labels) != dict(makes):
        said = listed([f"{name}: {number}" for name, number in makes.items()])
        raise InputError(f"{model} makes the labels {said}; give them as segmentation.labels: {{{said}}}")
