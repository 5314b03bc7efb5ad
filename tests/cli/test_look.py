"""`radfuse look`: a case by its id, its mask, and what is wrong with what was asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from boxes import second_reader, tumour_cohort
from typer.testing import CliRunner

from radfuse.cli.app import app
from radfuse.errors import InputError
from radfuse.phantom.knee import KneePhantom, write_knee_phantom
from radfuse.pipeline import run_study
from radfuse.study import load_study

VOTED = """
name: voted
cohort: {table: cohort.csv, images: {t1: t1}, readers: {anna: mask, ben: second}}
segmentation: {labels: {tumour: 1}, backend: vote}
regions: [{kind: label, name: tumour, label: tumour}]
"""


@pytest.fixture(scope="module")
def knees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_knee_phantom(tmp_path_factory.mktemp("look") / "K", KneePhantom(cases=8))


def look(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["look", *map(str, words)], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def first_case(study: Path) -> str:
    return (study.parent / "cohort.csv").read_text().splitlines()[1].split(",")[0]


def test_a_case_has_its_page_before_anything_is_trained(knees: Path, tmp_path: Path) -> None:
    case = first_case(knees)
    code, told = look(knees, case, "--out", tmp_path / "L")
    assert code == 0, told
    page = (tmp_path / "L" / "index.html").read_text()
    assert "drawn by hand" in page
    for region in ("tibial_cartilage", "tibial_subchondral"):
        assert f"<h3>{region}</h3>" in page
    assert str(knees.parent) not in page
    assert "Values are those after" not in page
    sequence = next(iter(load_study(knees).cohort.images))
    steps = f"sequences={{{sequence}: {{normalise: [{{kind: percentiles}}, {{kind: zscore}}]}}}}"
    code, told = look(knees, case, "--out", tmp_path / "L", "--set", steps)
    assert code == 0, told
    assert "Values are those after percentiles, zscore." in (tmp_path / "L" / "index.html").read_text()


def test_masks_are_those_of_the_run_that_is_named(tmp_path: Path) -> None:
    tumour_cohort(tmp_path, 4)
    second_reader(tmp_path)
    study, run = tmp_path / "study.yaml", tmp_path / "elsewhere"
    study.write_text(VOTED)
    run_study(study, run, until="segment")
    code, told = look(study, "c1", "--run", run)
    assert code == 0, told
    assert f"{run / 'look' / 'c1' / 'index.html'}" in told.replace("\n", "")
    assert "predicted, untrained" in (run / "look/c1/index.html").read_text()
    with pytest.raises(InputError, match=r"is no run folder: it has no run\.json; give the folder"):
        look(study, "c1", "--run", tmp_path)


def test_a_second_readers_mask_is_not_asked_for(tmp_path: Path) -> None:
    tumour_cohort(tmp_path, 2)
    second_reader(tmp_path)
    study = tmp_path / "study.yaml"
    study.write_text(VOTED.replace("readers: {anna: mask, ben: second}", "mask: mask, second_mask: second"))
    code, told = look(study, "c1", "--out", tmp_path / "L", "--set", "segmentation.backend=manual")
    assert code == 0, told


def test_a_region_that_cannot_be_made_is_said_on_the_page_and_by_the_exit_code(knees: Path, tmp_path: Path) -> None:
    code, _ = look(knees, first_case(knees), "--out", tmp_path / "L", "--set", "radiomics.min_voxels=1000000")
    assert code == 1
    page = (tmp_path / "L" / "index.html").read_text()
    assert "needs 1000000" in page


def test_an_unknown_case_is_told_with_the_nearest(knees: Path, tmp_path: Path) -> None:
    case = first_case(knees)
    with pytest.raises(InputError, match=f"no case '{case}X'; did you mean '{case}'"):
        look(knees, f"{case}X", "--out", tmp_path / "L")
    assert not (tmp_path / "L").exists()


def test_a_study_without_regions_has_nothing_to_draw(tmp_path: Path) -> None:
    (tmp_path / "cohort.csv").write_text("case_id,patient_id,age,event\na,p,1,0\nb,q,2,1\n")
    study = tmp_path / "study.yaml"
    study.write_text("name: s\ncohort: {table: cohort.csv, clinical: [age], outcome: {column: event}}\n")
    with pytest.raises(InputError, match="no `regions`"):
        look(study, "a")
