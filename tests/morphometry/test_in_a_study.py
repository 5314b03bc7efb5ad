"""Measures in a study: values travel with radiomic features into models and bundles; faults of settings are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from boxes import grid, tumour_cohort
from solids import subject

from radfuse.bundle.images import features_from_images
from radfuse.bundle.schema import ImageRecipe
from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError
from radfuse.morphometry.measure import Measure, Measured, Subject
from radfuse.morphometry.take import take
from radfuse.pipeline import run_study
from radfuse.study import load_study

STUDY = """
name: boxes
cohort: {table: cohort.csv, images: {t1: t1, t2: t2}, mask: mask, outcome: {column: event}, split: {kind: grouped,
  folds: 2}}
segmentation: {backend: manual, labels: {tumour: 1, bone: 2}}
regions: [{kind: label, name: tumour, label: tumour}, {kind: ring, name: ring, around: tumour, margin_mm: 4}]
radiomics: {features: {firstorder: [Mean]}, classes: [firstorder]}
morphometry:
  - {kind: size, regions: [tumour]}
  - {kind: muscle, regions: [ring, tumour], sequence: t2}
  - {kind: distance, regions: [tumour], to: bone, name: Femur}
  - {use: "my_measures:Corners", regions: [ring], scale: 2}
fusion: {families: [radiomic], inner_folds: 2, selection: [], classifier: {kind: logistic, c: [0.1]}}
"""
OWN = '''
from radfuse.morphometry.measure import Measure, Measured


class Corners(Measure):
    """Corners of a region's box."""

    scale: float = 1

    def labels_named(self):
        return ()

    def measured(self, subject):
        return {name: Measured({"Corners": 8 * self.scale}) for name in self.regions}
'''


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    tumour_cohort(tmp_path, 4)
    table = pd.read_csv(tmp_path / "cohort.csv")
    for name in table["t1"]:
        (tmp_path / f"second_{name}").write_bytes((tmp_path / name).read_bytes())
    table.assign(t2="second_" + table["t1"]).to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "my_measures.py").write_text(OWN)
    return tmp_path / "study.yaml"


@pytest.mark.slow
def test_values_travel_with_radiomic_ones_and_the_bundles_recipe_gives_the_same(study: Path) -> None:
    loaded = load_study(study, ["cohort.outcome=null"])
    run = run_study(loaded, study.parent / "run", until="extract")
    assert run.failures == ()
    found = json.loads((study.parent / "run/features/cases/c0.json").read_text())
    features: dict[str, Any] = found["features"]
    assert features["t1/tumour/morphometry_Volume"] == 8**3 * 2.0 * 1.5 * 1.5
    assert features["t1/tumour/morphometry_LongestAxialDiameter"] == pytest.approx(8 * 1.5 * 2**0.5, abs=1.1)
    assert features["t2/ring/morphometry_FatFraction"] is not None
    assert features["t1/ring/morphometry_Corners"] == 16
    assert not {"t2/tumour/morphometry_Volume", "t1/ring/morphometry_FatFraction"} & set(features)
    assert features["t1/tumour/morphometry_FemurDistance"] is None
    assert found["missing"]["t1/tumour/morphometry_FemurDistance"] == "the mask has no voxel of bone"
    recipe = ImageRecipe.of(loaded)
    assert recipe is not None
    stored = ImageRecipe.model_validate_json(recipe.model_dump_json())
    assert stored.opened_measures() == loaded.morphometry
    again = features_from_images(stored, read_cohort(config=loaded.cohort), study.parent)
    row = again.tables["radiomic"].values.loc["c0"]
    assert {name: None if value != value else value for name, value in row.items()} == features
    assert again.missing["t1/tumour/morphometry_FemurDistance"] == "the mask has no voxel of bone"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("morphometry.0.regions=[tumor]", r"morphometry\.0\.regions names 'tumor'.*did you mean 'tumour'"),
        ("morphometry.2.to=bones", r"morphometry\.2 has the label 'bones', no segmentation label.*'bone'"),
        ("morphometry.2.to=[1, 5]", r"morphometry\.2 has the label 5, no segmentation label; declared: 1, 2"),
        ("morphometry.1.sequence=t3", r"morphometry\.1\.sequence 't3' is not one of cohort\.images"),
        ("morphometry.1.name=Fat Part", r"morphometry\.1.*name"),
        (
            "morphometry=[{kind: size, regions: [tumour]}, {kind: size, regions: [ring, tumour], sequence: t1}]",
            r"morphometry\.1 measures region 'tumour' as another measure of its kind does; give one a `name`",
        ),
        (
            "morphometry.3={use: 'my_measures:Measured', regions: [ring]}",
            r"a measure is a class derived from .*Measure",
        ),
        ("morphometry_maps=true", r"morphometry_maps needs a measure of kind cartilage in morphometry"),
        ("morphometry.0.kind=sise", r"morphometry\.0.*sise"),
    ],
)
def test_wrong_settings_are_told(study: Path, setting: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_study(study, [setting])


def test_two_of_a_kind_with_names_and_regions_that_lack(study: Path) -> None:
    named = "morphometry=[{kind: size, regions: [tumour]}, {kind: size, regions: [tumour], name: Again}]"
    assert [measure.name for measure in load_study(study, [named]).morphometry] == ["", "Again"]
    with pytest.raises(InputError, match=r"morphometry needs regions"):
        load_study(study, ["regions=[]", "fusion.families=[clinical]", "cohort.clinical=[age]"])


class Broken(Measure):
    """Gives no number, and no reason."""

    def measured(self, subject: Subject) -> dict[str, Measured]:
        return {name: Measured({"Area": float("inf")}) for name in self.regions}


def test_a_number_that_is_none_without_a_reason_is_a_fault_of_the_measure() -> None:
    case = subject(np.ones((2, 2, 2), dtype=np.uint8), grid((2, 2, 2)), {"tumour": 1})
    with pytest.raises(InputError, match="Broken gave inf for Area of region 'tumour' and no reason"):
        take(case, [Broken(regions=("tumour",))])  # type: ignore[list-item]


def test_nothing_is_a_value_and_a_reason_for_each() -> None:
    nothing = Measured.nothing(("A", "B"), "why")
    assert set(nothing.values) == set(nothing.reasons) == {"A", "B"}
