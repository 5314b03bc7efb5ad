"""Phantoms of shipped studies: the same seed draws the same, and a folder that holds something else stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radfuse.cli.app import app
from radfuse.errors import InputError
from radfuse.phantom.cohorts import knee_oa_incidence, osteosarcoma_survival
from radfuse.phantom.planted import mixed, planted
from radfuse.phantom.recipes import RECIPES, write_recipe_phantom
from radfuse.phantom.shapes import osteosarcoma_response
from radfuse.regions.scene import Scene
from radfuse.study import load_study, shipped_studies, shipped_study
from radfuse.volume.files import read_labels


def test_every_phantom_is_of_a_shipped_study() -> None:
    assert set(RECIPES) <= set(shipped_studies())


def test_the_same_seed_draws_the_same_tables() -> None:
    first, again, other = (knee_oa_incidence(20, seed) for seed in (1, 1, 2))
    assert set(first) == {"cohort", "radiomic", "deep", "truth"}
    for name, table in first.items():
        pd.testing.assert_frame_equal(table, again[name])
        assert not table.equals(other[name])


def test_columns_hold_as_much_of_a_part_as_was_asked() -> None:
    generator = np.random.default_rng(0)
    truth = planted(generator, 20_000, {"a": 2.0, "b": 1.0}, 0.3)
    assert truth["a_part"].std() == pytest.approx(2.0, rel=1e-3)
    assert truth["probability"].mean() == pytest.approx(0.3, abs=1e-6)
    assert truth["event"].mean() == pytest.approx(0.3, abs=0.02)
    assert np.corrcoef(mixed(generator, truth["a_part"], -0.6), truth["a_part"])[0, 1] == pytest.approx(-0.6, abs=0.02)


def test_a_second_reader_measures_some_rows_again_and_some_columns_badly() -> None:
    tables = osteosarcoma_survival(60, 3)
    first, second = tables["radiomic"], tables["radiomic_reader_2"]
    assert list(second["case_id"]) == list(first["case_id"][:20])
    alike = [np.corrcoef(first[name][:20], second[name])[0, 1] for name in first.columns[1:]]
    assert 0.6 < float(np.mean(np.array(alike) > 0.9)) < 0.9


def test_tumours_grow_out_of_bone_before_and_after_treatment(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(shipped_study("osteosarcoma_response"))
    (interface,) = (one for one in load_study(tmp_path / "study.yaml").regions if one.name == "interface")
    osteosarcoma_response(tmp_path, 6, 3)
    for mask in tmp_path.glob("*_mask.nrrd"):
        scene = Scene(read_labels(mask), {"tumour": 1, "bone": 2}, images={}, case=mask.name, measured="t1")
        assert interface.mask(scene).sum() > 50, mask.name


def test_what_is_no_recipe_or_no_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no phantom of a study 'rectal_pcrr'; did you mean 'rectal_pcr'"):
        write_recipe_phantom(tmp_path, "rectal_pcrr", "")
    few: Any
    for few in (0, -3, 15, 2.5, True):
        with pytest.raises(InputError, match=rf"phantom recipe rectal_pcr: patients: .*; found {few}"):
            write_recipe_phantom(tmp_path, "rectal_pcr", "", few)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty; choose another folder"):
        write_recipe_phantom(tmp_path, "knee_pain_nomogram", "")


def test_a_protocol_by_another_name_is_the_same_study_and_phantom(tmp_path: Path) -> None:
    asked = ["phantom", "recipe", "paraspinal_l45", "--out", str(tmp_path / "l45"), "--patients", "16"]
    said = CliRunner().invoke(app, asked)
    assert said.exit_code == 0, said.output
    assert (tmp_path / "l45/study.yaml").read_text() == shipped_study("paraspinal_fasciitis")
    assert len(list((tmp_path / "l45/images").glob("*_t2.nrrd"))) == 16
    assert "(also paraspinal_l45)" in CliRunner().invoke(app, ["configs"]).output


def test_the_command_writes_a_study_beside_its_cohort(tmp_path: Path) -> None:
    folder = tmp_path / "my pain"
    said = CliRunner().invoke(
        app, ["phantom", "recipe", "knee_pain_nomogram", "--out", str(folder), "--patients", "20"]
    )
    assert said.exit_code == 0, said.output
    assert f"Next: radfuse run '{folder}/study.yaml'" in said.output  # as a shell takes it
    assert {item.name for item in folder.iterdir()} == {"cohort.csv", "radiomic.csv", "study.yaml", "truth.csv"}
    assert pd.read_csv(folder / "cohort.csv")["patient_id"].nunique() == 20
