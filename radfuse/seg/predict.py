"""Segment a volume with an exported network; onnxruntime only."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from radfuse.errors import InputError
from radfuse.seg.plan import SegPlan
from radfuse.seg.preprocess import label_map, network_input
from radfuse.seg.window import sliding_window
from radfuse.volume.image import LabelMap, Volume


class OnnxSegmenter:
    """An exported network with its plan, ready for many volumes.

    Args:
        path: ONNX file that `export_network` wrote.
        threads: of onnxruntime; 0 takes all cores.

    Raises:
        InputError: the file holds no plan.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        import onnxruntime

        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._content = path.read_bytes()
        self._session = onnxruntime.InferenceSession(self._content, self._options, providers=["CPUExecutionProvider"])
        plan = self._session.get_modelmeta().custom_metadata_map.get("plan")
        if plan is None:
            raise InputError(f"{path} holds no plan; export the network with radfuse")
        self.plan = SegPlan.model_validate(json.loads(plan))

    def __call__(self, volume: Volume) -> LabelMap:
        """Return the labels of a volume, on its own grid."""
        image, inner = network_input(volume, self.plan)
        plan = self.plan
        probability = sliding_window(
            image, plan.patch_zyx, plan.classes, plan.overlap, self._run, position=plan.position
        )
        return label_map(lambda number: probability[number], inner, volume, plan)

    def encode(self, patch: np.ndarray) -> np.ndarray:
        """Return encoder features of a patch: float32 (1, input, z, y, x) -> (1, channel, z, y, x)."""
        return np.asarray(self._encoder.run(["features"], {"image": patch})[0])

    @cached_property
    def _encoder(self) -> Any:
        """The network up to its features; asked for them alone, onnxruntime would run the rest too."""
        import onnx
        import onnx.utils
        import onnxruntime

        whole = onnx.load_model_from_string(self._content)
        part = onnx.utils.Extractor(whole).extract_model(["image"], ["features"]).SerializeToString()
        return onnxruntime.InferenceSession(part, self._options, providers=["CPUExecutionProvider"])

    def _run(self, patch: np.ndarray) -> np.ndarray:
        return np.asarray(self._session.run(["logits"], {"image": patch})[0])
