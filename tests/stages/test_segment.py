"""Stage `segment`: its keys."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from radfuse.run.digests import job_key
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.stages.segment import SegmentJob
from radfuse.stages.train import TrainJob


def test_another_runtime_segments_again_and_trains_nothing_again() -> None:
    usual = UnetSegmentation(labels={"tumour": 1})
    fast = usual.model_copy(update={"runtime": "openvino"})
    here = Path(__file__)

    def key(job: object) -> str:
        return job_key("stage", 1, job, str)

    training = TrainJob("1", usual, here, (here,), 0)
    assert key(training) == key(dataclasses.replace(training, backend=fast))
    segmenting = SegmentJob("c1", here, None, "1", here, usual, "onnxruntime")
    assert key(segmenting) != key(dataclasses.replace(segmenting, backend=fast, runtime="openvino"))
    # what "auto" is on this machine counts, and not that it was said
    auto = usual.model_copy(update={"runtime": "auto"})
    assert key(segmenting) == key(dataclasses.replace(segmenting, backend=auto))
