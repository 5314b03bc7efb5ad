"""Segment a volume with an exported network, by any runtime; no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from radfuse import machine
from radfuse.errors import InputError, counted
from radfuse.seg.memory import memory_told, with_batch
from radfuse.seg.nnunet.frame import NnunetFrame
from radfuse.seg.nnunet.plan import PREVIOUS, NnunetPlan
from radfuse.seg.plan import Frame, SegPlan
from radfuse.seg.preprocess import OwnFrame
from radfuse.seg.quality import Doubt, ScoredLabels
from radfuse.seg.runtimes.runtime import USUAL, Runtime, chosen, runtime
from radfuse.seg.window import There, sliding_window
from radfuse.volume.image import Volume


def read_plan(text: str) -> SegPlan | NnunetPlan:
    """Return the plan that stands in a network's metadata; raises `ValueError` where it is none."""
    found = json.loads(text)
    theirs = isinstance(found, dict) and found.get("kind") == "nnunet"
    return NnunetPlan.model_validate_json(text) if theirs else SegPlan.model_validate_json(text)


class OnnxSegmenter:
    """An exported network with its plan, ready for many volumes.

    Args:
        path: ONNX file that `export_network` wrote.
        runtime: name of who segments with it; deep features always come from onnxruntime, in float32.

    Raises:
        InputError: the file holds no plan, or that of another network.
    """

    def __init__(self, path: Path, runtime: str = USUAL) -> None:
        import onnx
        from google.protobuf.message import DecodeError

        self._content, self._runtime = path.read_bytes(), runtime
        try:
            model = onnx.load_model_from_string(self._content)
        except DecodeError as error:
            raise InputError(
                f"{path} is no ONNX file, or was cut short; copy it again, or export the network with radfuse"
            ) from error
        plan = next((item.value for item in model.metadata_props if item.key == "plan"), None)
        if plan is None:
            why = "holds no plan, so that it is none that radfuse exported" if self._content else "is empty"
            raise InputError(
                f"{path} {why}; give a network of a run's models/segmentation or a bundle's, or make one of nnU-Net's "
                "results: radfuse export-onnx"
            )
        try:
            self.plan = read_plan(plan)
        except ValueError as error:
            raise InputError(
                f"{path}: its plan is not one that this radfuse reads; export the network again"
            ) from error
        first = self.plan.previous if isinstance(self.plan, NnunetPlan) else None
        _check_graph(path, model.graph, self.plan, "")
        if first is not None:
            _check_graph(path, model.graph, first, PREVIOUS)

    def __call__(self, volume: Volume) -> ScoredLabels:
        """Return the labels of a volume, on its own grid, and how sure the network is of them.

        Raises:
            InputError: there is not enough memory, not even for one patch at once.
        """
        with memory_told(volume.name):
            return self._labels(self.frame(volume), self.plan, first=False)

    def frame(self, volume: Volume) -> Frame:
        """Return an image as the network reads it; a cascade's first stage is asked then."""
        if not isinstance(self.plan, NnunetPlan):
            return OwnFrame(volume, self.plan)
        first = self.plan.previous
        before = self._labels(NnunetFrame(volume, first), first, first=True) if first else None
        return NnunetFrame(volume, self.plan, before)

    def _labels(self, frame: Frame, plan: SegPlan | NnunetPlan, *, first: bool) -> ScoredLabels:
        """Return the labels of an image by one network of the file: that of a cascade's first stage, or the last."""
        overlap = isinstance(plan, NnunetPlan) and plan.regions  # classes that are no alternatives have no entropy

        def labels(batch: int) -> ScoredLabels:
            said = _said(frame.array, plan, network, batch)
            if overlap or first:
                return ScoredLabels.of(frame.labels(said))
            doubt = Doubt(frame.grid, logits=plan.window.averages == "logits")
            return doubt.scored(frame.labels(doubt.noted(said)))

        with machine.NETWORK_TURN:
            network = self._previous if first else self._network
        return with_batch(network.batch, labels)

    def encode(self, patch: np.ndarray) -> np.ndarray:
        """Return encoder features of a patch: float32 (1, input, z, y, x) -> (1, channel, z, y, x)."""
        with machine.NETWORK_TURN:
            return self._encoder(patch)

    @cached_property
    def _encoder(self) -> Runtime | Slices:
        return self._open(self.plan, "image", "features", USUAL)

    @cached_property
    def _network(self) -> Runtime | Slices:
        return self._open(self.plan, "image", "logits", self._runtime)

    @cached_property
    def _previous(self) -> Runtime | Slices:
        assert isinstance(self.plan, NnunetPlan)
        assert self.plan.previous is not None
        return self._open(self.plan.previous, f"{PREVIOUS}image", f"{PREVIOUS}logits", self._runtime)

    def _open(self, plan: SegPlan | NnunetPlan, reads: str, output: str, name: str) -> Runtime | Slices:
        """Open the part of the network that one output needs; runtimes would run the rest too."""
        import onnx
        import onnx.utils

        whole = onnx.load_model_from_string(self._content)
        part = onnx.utils.Extractor(whole).extract_model([reads], [output])
        _fix_patch(plan, part.graph.input[0].type.tensor_type.shape.dim)
        opened = runtime(name)(part.SerializeToString())
        return Slices(opened) if plan.slices else opened


def _check_graph(path: Path, graph: Any, plan: SegPlan | NnunetPlan, prefix: str) -> None:
    """Look whether a graph reads and gives what a plan says of it, as far as it tells.

    Raises:
        InputError: it does not: somebody put the plan of one network beside another.
    """
    rank = 4 if plan.slices else 5
    for kind, there, name, channels in (
        ("input", graph.input, f"{prefix}image", plan.inputs),
        ("output", graph.output, f"{prefix}logits", plan.classes),
    ):
        sizes = next((item.type.tensor_type.shape.dim for item in there if item.name == name), None)
        if sizes is None or len(sizes) != rank or (sizes[1].dim_value or channels) != channels:
            has = (
                "is lacking"
                if sizes is None
                else f"is {' x '.join(str(s.dim_value or s.dim_param or '?') for s in sizes)}"
            )
            raise InputError(
                f"{path}: its plan is that of another network: {kind} {name!r} {has}, and the plan has {rank} axes and "
                f"{counted(channels, 'channel')}; export the network again"
            )


def _fix_patch(plan: SegPlan | NnunetPlan, sizes: Any) -> None:
    """Say which patch it is, though the network takes any: runtimes are quicker for it."""
    patch = plan.window.patch_zyx[1:] if plan.slices else plan.window.patch_zyx
    for size, voxels in zip(sizes[2:], patch, strict=True):
        size.dim_value = voxels


def _said(
    image: np.ndarray, plan: SegPlan | NnunetPlan, network: Runtime | Slices, batch: int
) -> Iterator[tuple[slice, np.ndarray | There]]:
    """Yield what a network says, slab by slab, nobody else running one from the first to the last."""
    with machine.NETWORK_TURN:
        yield from sliding_window(image, plan.window, plan.classes, network, batch, network.averages)


class Slices:
    """A network of single slices that takes patches one slice deep."""

    def __init__(self, network: Runtime) -> None:
        self._network, self.batch, self.averages = network, network.batch, network.averages

    def __call__(self, patches: np.ndarray) -> Any:
        """Return what the network says: float32 (batch, input, 1, y, x) -> (batch, output, 1, y, x)."""
        return self._network(patches[:, :, 0])[:, :, None]


def segmenter(path: Path, runtime: str = USUAL) -> OnnxSegmenter:
    """Return a network for a runtime or "auto"; the last few stay open for the cases that follow in this process."""
    with machine.NETWORK_TURN:
        return _opened(path, path.stat().st_mtime_ns, chosen(runtime))


@lru_cache(maxsize=2)
def _opened(path: Path, _: int, runtime: str) -> OnnxSegmenter:
    return OnnxSegmenter(path, runtime)
