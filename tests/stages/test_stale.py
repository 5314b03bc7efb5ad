"""What a changed table or setting must compute again, and what it must leave."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.pipeline import run_study
from radfuse.run.digests import combined_digest, file_digests
from radfuse.run.disk import size_of
from radfuse.study import load_study
from radfuse.volume.files import read_labels, write_image
from radfuse.volume.image import LabelMap

pytestmark = pytest.mark.slow


def deep_features(folder: Path, case: str) -> dict[str, float]:
    return json.loads((folder / f"run/features/deep/all/{case}.json").read_text())["features"]


def test_a_corrected_side_makes_the_deep_features_of_that_case_again(copied: Path) -> None:
    before = {case: deep_features(copied, case) for case in ("c0", "c1", "c2", "c4", "c6", "c8")}
    table = pd.read_csv(copied / "cohort.csv")
    table.loc[0, "side"] = "right"
    table.to_csv(copied / "cohort.csv", index=False)
    run = run_study(copied / "study.yaml", copied / "run", until="deep")
    assert run.computed == 3  # one case by the encoders of two folds and of the network that ships
    table["side"] = "right"
    table.to_csv(copied / "cohort.csv", index=False)
    assert run_study(copied / "study.yaml", copied / "run", until="deep").computed == 4 * 3
    after = {case: deep_features(copied, case) for case in before}
    assert after["c1"] == before["c1"]
    assert all(after[case] != before[case] for case in ("c0", "c2", "c4", "c6", "c8"))


def test_a_renamed_sequence_renames_the_deep_features(copied: Path) -> None:
    text = (copied / "study.yaml").read_text().replace("images: {t1: t1}", "images: {dess: t1}")
    (copied / "study.yaml").write_text(text)
    run_study(copied / "study.yaml", copied / "run", until="deep")
    assert {name.split("/")[0] for name in deep_features(copied, "c0")} == {"dess"}


def test_the_same_study_elsewhere_is_finished(copied: Path) -> None:
    for until in ("export", "regions", "stability", "report"):
        assert run_study(copied / "study.yaml", copied / "run", until=until).computed == 0, until


def test_a_corrected_mask_makes_again_what_depends_on_it_alone(copied: Path) -> None:
    mask = read_labels(copied / "m3.nrrd")
    array = mask.array.copy()
    array[:, :, ::2][array[:, :, ::2] > 0] = 0
    write_image(LabelMap(array, mask.grid), copied / "m3.nrrd")
    before = {path: path.read_bytes() for path in (copied / "run/labels").rglob("labels.nrrd.record.json")}
    run = run_study(load_study(copied / "study.yaml"), copied / "run", until="train")
    assert run.computed == 1 + 2  # the case, the network of the other fold, and the one on all
    assert before == {path: path.read_bytes() for path in before}


def test_a_setting_that_says_where_work_is_done_changes_nothing(copied: Path) -> None:
    study = load_study(copied / "study.yaml", ["segmentation.device=cpu"])
    assert run_study(study, copied / "run", until="deep").computed == 0


def test_an_empty_predicted_mask_has_one_mend_wherever_it_is_met(copied: Path) -> None:
    table = pd.read_csv(copied / "cohort.csv")
    table.loc[4, "mask"] = None  # or stability would take the manual one
    table.to_csv(copied / "cohort.csv", index=False)
    run_study(copied / "study.yaml", copied / "run", until="segment")
    place = copied / "run/labels/c4/labels.nrrd"
    labels = read_labels(place)
    write_image(LabelMap(np.zeros_like(labels.array), labels.grid), place)
    record = copied / "run/labels/c4.record.json"
    facts = json.loads(record.read_text())
    digests, facts["size"] = file_digests(place.parent), size_of(place.parent)
    facts["digest"] = combined_digest(digests)
    record.write_text(json.dumps(facts))
    messages = set()
    for until in ("extract", "regions", "stability", "deep"):
        found = run_study(copied / "study.yaml", copied / "run", until=until).failures
        messages |= {failure.error for failure in found if failure.item == "c4"}
    assert len(messages) == 1
    assert "train longer" in messages.pop()
