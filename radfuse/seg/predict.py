"""Segment a volume with an exported network; onnxruntime only."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from radfuse.errors import InputError
from radfuse.seg.plan import SegPlan
from radfuse.seg.preprocess import label_map, network_input
from radfuse.seg.window import sliding_window
from radfuse.volume import LabelMap, Volume


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

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        plan = self._session.get_modelmeta().custom_metadata_map.get("plan")
        if plan is None:
            raise InputError(f"{path} holds no plan; export the network with radfuse")
        self.plan = SegPlan.model_validate(json.loads(plan))

    def __call__(self, volume: Volume) -> LabelMap:
        """Return the labels of a volume, on its own grid."""
        image, inner = network_input(volume, self.plan)
        plan = self.plan
        probability = sliding_window(image, plan.patch_zyx, plan.classes, plan.overlap, self._run)
        return label_map(lambda number: probability[number], inner, volume, plan)

    def encode(self, patch: np.ndarray) -> np.ndarray:
        """Return encoder features of a patch: float32 (1, 1, z, y, x) -> (1, channel, z / 2, y / 2, x / 2)."""
        return np.asarray(self._session.run(["features"], {"image": patch})[0])

    def _run(self, patch: np.ndarray) -> np.ndarray:
        return np.asarray(self._session.run(["logits"], {"image": patch})[0])
