"""What is added without touching the package: a segmentation backend by `use:`, a stage by the list."""

from __future__ import annotations

import json
import linecache
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boxes import tumour_cohort

from radfuse import stages
from radfuse.bundle.predict import predict
from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.run.stage import Stage
from radfuse.stages.context import Context
from radfuse.study import load_study

STUDY = """
name: own
report: {journal_figures: false}
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {use: "own_backend:Threshold", labels: {tumour: 1}, share: 0.5}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {classes: [shape]}
fusion: {inner_folds: 2, selection: [{kind: mrmr, k: 2}], classifier: {kind: logistic, c: [1.0]}}
"""
BACKEND = '''
import json
import numpy as np
from radfuse.config import Section
from radfuse.seg.backend import Labelled
from radfuse.volume.image import LabelMap

class Halves(Section):
    """How a case is prepared: its grey values inside and outside the mask."""
    share: float

    def prepare(self, image, labels):
        inside = labels.array > 0
        return {"means": np.array([image.array[inside].mean(), image.array[~inside].mean()])}

class Threshold(Labelled):
    """A tumour is what is brighter than a share of the way from outside to inside."""
    share: float = 0.5

    def plan(self, grids):
        return json.dumps({"images": len(grids)})

    def preparation(self, plan):
        return Halves(share=self.share)

    def train(self, cases, plan, seed, folder, tell):
        inside, outside = np.mean([np.load(case / "means.npy") for case in cases], axis=0)
        tell(1, 1)
        return json.dumps({"above": float(outside + self.share * (inside - outside))}).encode()

    def segment(self, network, image):
        above = json.loads(network.read_bytes())["above"]
        return LabelMap((image.array > above).astype(np.uint8), image.grid, self.names)
'''


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Path]:
    """Ten tumours, some without mask, and a module beside the study file."""
    tumour_cohort(tmp_path, 10, masks=False)
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "own_backend.py").write_text(BACKEND)
    yield tmp_path / "study.yaml"
    sys.modules.pop("own_backend", None)
    sys.path[:] = [place for place in sys.path if place != str(tmp_path)]


@pytest.mark.usefixtures("undrawn")
def test_a_backend_of_the_users_own_segments_ships_and_predicts(study: Path) -> None:
    run = run_study(study, study.parent / "run")
    assert run.failures == ()
    assert run.results is not None
    fold = json.loads((run.path / "labels/c0/segmented.json").read_text())
    assert (fold["source"], fold["network"] in ("1", "2")) == ("cross_fitted", True)
    assert pd.read_csv(run.path / "report/tables/segmentation_cases.csv")["dice"].median() > 0.9
    found = predict(run.path / "bundle", study.parent / "cohort.csv", labels_out=study.parent / "labels")
    assert found.failures == ()
    assert len(list((study.parent / "labels").glob("*.nii.gz"))) == 10
    assert run_study(study, run.path).computed == 0


def test_a_changed_source_of_a_users_part_makes_its_work_again(study: Path) -> None:
    run_study(study, study.parent / "run", until="segment")
    sys.modules.pop("own_backend")
    (study.parent / "own_backend.py").write_text(BACKEND.replace("image.array > above", "image.array > above + 1"))
    linecache.clearcache()  # a new process would read it anew
    assert run_study(study, study.parent / "run", until="segment").computed >= 10


WRONG = {
    "own_backend:Treshold": "has no class 'Treshold'; did you mean 'Threshold'?",
    "own_backend:Halves": "a segmentation backend is a class derived from radfuse.seg.backend.Labelled",
    "nowhere:Threshold": "no module 'nowhere' where Python looks, nor beside the study in",
    "own_backend": "is not package.module:Class",
    "broken_backend:Threshold": "importing it failed: ZeroDivisionError",
    "poor_backend:Poor": "has no method plan(grids); a segmentation backend needs: plan(grids)",
    "poor_backend:Odd": "has plan() in the place of the method plan(grids)",
}


@pytest.mark.parametrize("use", WRONG)
def test_a_part_that_does_not_fit_is_told_why(study: Path, use: str) -> None:
    folder = study.parent
    (folder / "broken_backend.py").write_text("1 / 0\n")
    poor = "from radfuse.seg.backend import Labelled\nclass Poor(Labelled):\n    pass\n"
    (folder / "poor_backend.py").write_text(f"{poor}class Odd(Labelled):\n    def plan(self): ...\n")
    with pytest.raises(InputError) as caught:
        load_study(study, [f"segmentation={{use: '{use}', labels: {{tumour: 1}}}}"])
    assert WRONG[use] in str(caught.value)
    assert "segmentation" in str(caught.value)
    for name in ("broken_backend", "poor_backend"):
        sys.modules.pop(name, None)


def test_settings_of_a_users_part_are_checked_like_any(study: Path) -> None:
    with pytest.raises(InputError, match=r"segmentation\.share: Input should be a valid number"):
        load_study(study, ["segmentation.share=much"])


@dataclass(frozen=True)
class CountJob:
    """One image whose bright voxels are counted."""

    case: str
    image: Path

    def __str__(self) -> str:
        return self.case


def count_jobs(context: Context) -> Iterator[CountJob]:
    for case in context.cases():
        yield CountJob(case.case_id, context.image(case))


def count(job: CountJob) -> int:
    from radfuse.volume.files import read_volume

    return int(np.count_nonzero(read_volume(job.image).array > 150))


def write_count(found: int, path: Path) -> None:
    path.write_text(str(found))


def test_a_stage_is_a_file_and_a_line_in_the_list(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("radfuse.stages.count")
    module.STAGE = Stage(  # type: ignore[attr-defined]
        "count", 1, count_jobs, count, write_count, lambda job: f"counts/{job.case}.txt", fails="drops"
    )
    monkeypatch.setitem(sys.modules, "radfuse.stages.count", module)
    monkeypatch.setitem(stages.STAGES, "count", stages.Listed("Count bright voxels.", shards=True))
    (study.parent / "c3.nrrd").write_text("not an image")
    run = run_study(study, study.parent / "run", until="count", shard="1/2")
    assert run.computed == 5
    run = run_study(study, study.parent / "run", until="count")
    assert (run.computed, run.reused) == (4, 5)
    assert [failure.item for failure in run.failures] == ["c3"]
    assert int((run.path / "counts/c1.txt").read_text()) > 500
