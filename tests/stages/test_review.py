"""Masks to look at, of a study of boxes from its images to its report and to predictions of its bundle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boxes import box, grid, tumour_cohort
from PIL import Image

from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.predict import predict
from radfuse.bundle.schema import BundleSchema
from radfuse.pipeline import Run, run_study
from radfuse.results import SegmentedCase, TrainingRange
from radfuse.volume.files import read_labels, write_image
from radfuse.volume.image import Volume

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]
STUDY = """
name: looked
report: {journal_figures: false}
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {use: "bright_backend:Bright", labels: {tumour: 1}, tolerance_mm: {tumour: 0.5}}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {classes: [shape]}
fusion: {inner_folds: 2, selection: [{kind: mrmr, k: 2}], classifier: {kind: logistic, c: [1.0]}}
"""
BACKEND = '''
import numpy as np
from radfuse.config import Section
from radfuse.seg.backend import Labelled
from radfuse.seg.quality import ScoredLabels

class Nothing(Section):
    def prepare(self, image, labels):
        return {"size": np.array([labels.array.sum()])}

class Bright(Labelled):
    """A tumour is what is brighter than 150; one of more than 2000 voxels does not fit into memory."""

    def plan(self, grids):
        return "{}"

    def preparation(self, plan):
        return Nothing()

    def train(self, cases, plan, seed, folder, tell):
        return b"bright"

    def segment(self, network, image):
        found = image.array > 150
        if found.sum() > 2000:
            raise MemoryError("Unable to allocate 3 GiB for an array")
        return ScoredLabels(found.astype(np.uint8), image.grid, self.names, entropy={1: 0.05})
'''
SHAPE = (20, 24, 24)
"""Voxels are 2 x 1.5 x 1.5 mm; tumours are cubes of 8 and 11 voxels, 2.3 and 6.0 ml, and none touches the border."""


def draw(path: Path, *bright: np.ndarray) -> None:
    """Write 200 in boxes and 100 around, and so little noise that no two images are one, as twins would be."""
    noise = np.random.default_rng(sum(path.name.encode())).random(SHAPE)
    array = np.where(np.any(bright, axis=0), 200, 100) + noise
    write_image(Volume(array.astype(np.float32), grid(SHAPE, (2.0, 1.5, 1.5))), path)


@contextmanager
def cohort_in(folder: Path) -> Iterator[Path]:
    """Twelve tumours, seen without noise; c1 has a second part at the border, in c3 there is nothing to see."""
    tumour_cohort(folder, 12)
    for number in range(12):
        draw(folder / f"c{number}.nrrd", read_labels(folder / f"m{number}.nrrd").array > 0)
    large = box(SHAPE, (2, 2, 2), (13, 13, 13))
    draw(folder / "c1.nrrd", large, box(SHAPE, (16, 16, 18), (19, 22, 24)))
    draw(folder / "c3.nrrd", box(SHAPE, (0, 0, 0), (0, 0, 0)))
    (folder / "study.yaml").write_text(STUDY)
    (folder / "bright_backend.py").write_text(BACKEND)
    yield folder / "study.yaml"
    sys.modules.pop("bright_backend", None)
    sys.path[:] = [place for place in sys.path if place != str(folder)]


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Path]:
    """One that a test may change."""
    with cohort_in(tmp_path) as study:
        yield study


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One run to its report; change nothing in it."""
    with cohort_in(tmp_path_factory.mktemp("looked")) as study:
        yield run_study(study, study.parent / "run")


FLAGS = {
    "c3": "nothing found",
    "c1": "tumour: 2 parts where manual masks have 1; tumour: touches the border",
}


def test_suspicious_masks_are_listed_pictured_reported(run: Run) -> None:
    assert (run.masks, run.suspicious) == (12, ("c3", "c1"))
    listed = pd.read_csv(run.path / "labels/review.csv", keep_default_na=False)
    assert len(listed) == 12
    assert dict(zip(listed["case"][:2], listed["flags"][:2], strict=True)) == FLAGS
    assert (listed["flags"][2:] == "").all()
    assert listed["suspicion"].tolist() == [10.0, 2.05, *[0.05] * 10]
    assert (listed["tumour_ml"][0], listed["tumour_parts"][0]) == (0, 0)
    assert listed["tumour_ml"][1] == pytest.approx((11**3 + 3 * 6 * 6) * 4.5 / 1000, abs=1e-3)
    for row in listed.itertuples():
        assert (run.path / "labels" / row.mask).is_file()
        with Image.open(run.path / "labels" / row.preview) as picture:
            assert max(picture.size) == 256
        assert (run.path / "labels" / row.preview).stat().st_size < 60_000
    facts = SegmentedCase.model_validate_json((run.path / "labels/c1/segmented.json").read_bytes())
    assert (facts.figures.labels["tumour"].parts, facts.figures.labels["tumour"].border) == (2, True)
    assert facts.manual is not None
    assert facts.manual.labels["tumour"].ml == pytest.approx(11**3 * 4.5 / 1000)
    assert facts.agreement["tumour"].tolerance_mm == 0.5
    page = run.report.read_text()
    assert "surface Dice within 0.5 mm" in page
    assert "Masks to look at</h2>" in page
    assert page.count('<img src="data:image/png;base64,') == 2
    assert all(words in page for words in FLAGS.values())
    assert run_study(run.path.parent / "study.yaml", run.path).computed == 0


def test_the_bundle_keeps_the_range_and_tells_of_new_masks(run: Run, tmp_path: Path) -> None:
    kept = TrainingRange.model_validate_json((run.path / "models/segmentation/all.masks.json").read_bytes())
    bundle = load_bundle(run.path / "bundle")
    assert bundle.schema.imaging is not None
    assert bundle.schema.imaging.training_masks == kept
    assert (kept.masks, kept.labels["tumour"].border) == (12, 0)
    found = predict(bundle, run.path.parent / "cohort.csv", labels_out=tmp_path / "labels")
    assert [failure.item for failure in found.failures] == ["c3"]
    assert found.mask_flags is not None
    flags = dict(zip(found.units["case_id"], found.mask_flags, strict=True))
    assert (flags.pop("c1"), set(flags.values())) == (FLAGS["c1"], {""})
    assert found.review is not None
    assert found.review["case"].tolist()[:2] == ["c3", "c1"]
    again = pd.read_csv(tmp_path / "labels/review.csv", keep_default_na=False)
    assert again["flags"].tolist() == found.review["flags"].tolist()
    assert all((tmp_path / "labels" / name).is_file() for name in (*again["mask"], *again["preview"]))


def test_the_command_says_how_many_and_the_table_which(run: Run, tmp_path: Path) -> None:
    words = ["predict", run.path / "bundle", run.path.parent / "cohort.csv", "--out", "P"]
    command = [sys.executable, "-m", "radfuse.cli", *map(str, words)]
    place = {**os.environ, "PYTHONPATH": f"{run.path.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=place)
    assert said.returncode == 1  # c3, where nothing was found
    assert "2 of 12 masks look suspicious: see P/labels/review.csv" in said.stdout
    rows = pd.read_csv(tmp_path / "P/predictions.csv", keep_default_na=False)
    assert list(rows)[-1] == "mask_flags"
    assert rows.set_index("case_id")["mask_flags"]["c1"] == FLAGS["c1"]


def test_jobs_of_an_array_segment_and_one_that_sees_all_lists(study: Path) -> None:
    run_study(study, study.parent / "run", until="train")
    for shard in ("1/2", "2/2"):
        part = run_study(study, study.parent / "run", until="segment", shard=shard)
        assert (part.computed, part.masks) == (6, 0)
        assert not (part.path / "labels/review.csv").exists()
    whole = run_study(study, study.parent / "run", until="segment")
    assert whole.computed == 3 + 1  # what masks look like beside each of three networks, and the list
    assert whole.suspicious == ("c3", "c1")
    assert run_study(study, study.parent / "run", until="segment").computed == 0


def test_a_case_that_does_not_fit_into_memory_says_what_to_lower_and_others_go_on(study: Path) -> None:
    draw(study.parent / "c5.nrrd", box(SHAPE, (2, 2, 2), (18, 20, 20)))
    run = run_study(study, study.parent / "run")
    (failure,) = [failure for failure in run.failures if failure.item == "c5"]
    assert "c5.nrrd: there is not enough memory to segment this image" in failure.error
    assert "lower segmentation.patch_voxels" in failure.error
    assert run.masks == 11
    found = predict(run.path / "bundle", study.parent / "cohort.csv")
    told = {failure.item: failure.error for failure in found.failures}
    assert set(told) == {"c3", "c5"}
    assert "lower segmentation.patch_voxels" in told["c5"]
    assert len(found.units) == 10


def test_a_bundle_without_ranges_still_predicts(run: Run) -> None:
    bundle = load_bundle(run.path / "bundle")
    schema = json.loads(bundle.schema.model_dump_json())
    del schema["imaging"]["training_masks"]
    earlier = Bundle(bundle.path, BundleSchema.model_validate(schema))
    found = predict(earlier, run.path.parent / "cohort.csv")
    assert found.mask_flags is not None
    assert set(found.mask_flags) == {""}
