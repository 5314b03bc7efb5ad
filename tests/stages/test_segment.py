"""Stage `segment`: its keys."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from radfuse.config import build
from radfuse.errors import InputError
from radfuse.run.digests import job_key
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.stages.segment import SegmentJob, work
from radfuse.stages.train import TrainJob
from radfuse.volume.files import write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume


def test_another_runtime_segments_again_and_trains_nothing_again() -> None:
    usual = UnetSegmentation(labels={"tumour": 1})
    fast = usual.model_copy(update={"runtime": "openvino"})
    here = Path(__file__)

    def key(job: object) -> str:
        return job_key("stage", 1, job, str)

    training = TrainJob("1", usual, here, (here,), 0)
    assert key(training) == key(dataclasses.replace(training, backend=fast))
    segmenting = SegmentJob("c1", here, None, "1", here, usual, "onnxruntime", {})
    assert key(segmenting) != key(dataclasses.replace(segmenting, backend=fast, runtime="openvino"))
    # what "auto" is on this machine counts, and not that it was said
    auto = usual.model_copy(update={"runtime": "auto"})
    assert key(segmenting) == key(dataclasses.replace(segmenting, backend=auto))


def test_another_tolerance_measures_again_and_trains_nothing_again() -> None:
    usual = UnetSegmentation(labels={"bone": 1, "cartilage": 2})
    near = UnetSegmentation(labels={"bone": 1, "cartilage": 2}, tolerance_mm={"cartilage": 0.5})
    assert usual.tolerances_mm == {"bone": 1.0, "cartilage": 1.0}
    assert near.tolerances_mm == {"bone": 1.0, "cartilage": 0.5}
    assert UnetSegmentation(labels={"bone": 1}, tolerance_mm=2).tolerances_mm == {"bone": 2.0}
    here = Path(__file__)

    def key(job: object) -> str:
        return job_key("stage", 1, job, str)

    training = TrainJob("1", usual, here, (here,), 0)
    assert key(training) == key(dataclasses.replace(training, backend=near))
    segmenting = SegmentJob("c1", here, here, "1", here, usual, "onnxruntime", usual.tolerances_mm)
    assert key(segmenting) == key(dataclasses.replace(segmenting, backend=near))
    assert key(segmenting) != key(dataclasses.replace(segmenting, backend=near, tolerances_mm=near.tolerances_mm))


def test_a_label_that_a_partial_mask_lacks_has_no_agreement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = UnetSegmentation(labels={"bone": 1, "cartilage": 2}, unlabelled=True)
    drawn = np.zeros((4, 4, 4), dtype=np.uint8)
    drawn[1:3, 1:3, 1:3] = 1
    grid = Grid((4, 4, 4), (1.0, 1.0, 1.0))
    write_image(Volume(drawn.astype(np.float32), grid), tmp_path / "i.nrrd")
    write_image(LabelMap(drawn, grid), tmp_path / "m.nrrd")
    predicted = LabelMap((drawn + (drawn.cumsum(0) > 1)).astype(np.uint8), grid)
    monkeypatch.setattr(UnetSegmentation, "segment", lambda *_: predicted)
    paths = (tmp_path / "i.nrrd",), tmp_path / "m.nrrd"
    job = SegmentJob("c1", *paths, "1", tmp_path, backend, "onnxruntime", {}, partial=True)
    assert set(work(job).facts.agreement) == {"bone"}
    assert set(work(dataclasses.replace(job, partial=False)).facts.agreement) == {"bone", "cartilage"}
    key, before = (job_key("stage", 1, dataclasses.replace(job, partial=said), str) for said in (True, False))
    assert key != before


def test_a_tolerance_of_no_label_or_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="tolerance_mm names 'bnoe', which is none of the labels: bone"):
        UnetSegmentation(labels={"bone": 1}, tolerance_mm={"bnoe": 0.5})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("near", "tolerance_mm: Input should be a valid number, unable to parse string as a number; found 'near'"),
        (-1, "tolerance_mm: Input should be greater than or equal to 0; found -1"),
        ({"bone": -1}, "tolerance_mm.bone: Input should be greater than or equal to 0; found -1"),
    ],
)
def test_a_wrong_tolerance_is_one_error(said: object, told: str) -> None:
    with pytest.raises(InputError) as error:
        build(UnetSegmentation, {"labels": {"bone": 1}, "tolerance_mm": said}, "study.yaml")
    assert [problem.message for problem in error.value.problems] == [told]
