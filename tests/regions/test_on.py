"""Regions that are made on some sequences alone: measured there and nowhere else, in a study and by its bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from boxes import box, grid
from habitats import STUDY as PARTS
from sequences import STUDY, two_sequences
from typer.testing import CliRunner

from radfuse.bundle.images import features_from_images
from radfuse.bundle.schema import ImageRecipe
from radfuse.check.inputs import read_inputs
from radfuse.cli.app import app
from radfuse.cohort.read import read_cohort
from radfuse.config import parse_yaml
from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.regions.make import make_regions
from radfuse.regions.ring import RingRegion
from radfuse.regions.scene import Scene
from radfuse.study import Study, load_study
from radfuse.volume.image import LabelMap

TUMOUR = "{kind: label, name: tumour, label: tumour}"
HOT = "{kind: threshold, name: hot, of: tumour, at_least: 0.41, relative: true, on: t2}"
QUICK = ["radiomics.classes=[firstorder]", "sequences.t2={masks: own}"]


def loaded(*settings: str, text: str = STUDY, **section: Any) -> Study:
    return load_study({**parse_yaml(text, "study"), **section}, settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["regions.0.on=[t3]"], "regions: 'tumour': on 't3' is not one of cohort.images; known: 't1', 't2'"),
        (["cohort.images={t1: t1, t2: t2, adc: a}", "regions.0.on=acd"], "did you mean 'adc'?"),
        (["regions.0.on=[]"], "on: it names no sequence, and the region is made nowhere"),
        (["regions.0.on=[t1, t1]"], "on: a sequence stands there twice among t1, t1"),
        (["regions=[{preset: cartimorph20, on: []}]"], "on: it names no sequence"),
        (
            [f"regions=[{TUMOUR}, {HOT}]", "morphometry=[{kind: size, regions: [tumour, hot]}]"],
            "morphometry.0 measures region 'hot' on 't1', where it is not made (on: t2); set morphometry.0.sequence",
        ),
        (
            [f"regions=[{TUMOUR}, {HOT}]", "radiomics={normalize: true, normalize_region: hot}"],
            "radiomics.normalize_region: 'hot' is not made on 't1', where tumour is measured (on: t2)",
        ),
    ],
)
def test_what_a_region_cannot_be_made_on_is_told(settings: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(*settings)
    assert message in str(caught.value)


def test_who_reads_a_study_by_pyyaml_is_told_what_became_of_on() -> None:
    with pytest.raises(InputError, match=r"here is True; PyYAML reads a plain on, off, yes or no so: quote it"):
        loaded(regions=[{"kind": "label", "name": "tumour", "label": "tumour", True: ["t1"]}])


def test_a_network_encodes_regions_of_its_own_image() -> None:
    unet = ["segmentation={backend: unet, labels: {tumour: 1}, sequence: t1}", f"regions=[{TUMOUR}, {HOT}]"]
    loaded(*unet, "deep={}")
    for one, mend in (("deep={regions: [hot]}", "remove it from deep.regions"), ("deep={}", "leave `deep` out")):
        alone = [f"regions=[{HOT}]"] if mend.startswith("leave") else []
        with pytest.raises(InputError, match=r"region 'hot' is not made on 't1', which the network reads") as caught:
            loaded(*unet, *alone, one)
        assert mend in str(caught.value)


def test_shares_of_habitats_are_taken_where_they_are_made() -> None:
    loaded("regions.1.on=[t1]", text=PARTS)
    with pytest.raises(InputError, match=r"taken on the grid of 't1', the first of sequences; name it there too"):
        loaded("regions.1.on=[adc]", text=PARTS)


def test_a_study_without_it_is_written_as_before() -> None:
    assert "on" not in loaded().model_dump(mode="json")["regions"][0]
    preset = "regions=[{preset: cartimorph20}]"
    labels = "segmentation.labels={femoral_cartilage: 1, tibial_cartilage: 2}"
    plain, placed = loaded(preset, labels), loaded("regions=[{preset: cartimorph20, on: t1}]", labels)
    assert not any("on" in one for one in plain.model_dump(mode="json")["regions"])
    assert [one["on"] for one in placed.model_dump(mode="json")["regions"]] == [["t1"]] * 20
    assert load_study(parse_yaml(placed.to_yaml(), "study")).regions == placed.regions


def test_a_scene_of_no_measured_image_makes_all() -> None:
    labels = LabelMap(box((4, 9, 9), (1, 3, 3), (3, 6, 6)).astype("uint8"), grid((4, 9, 9)))
    regions = [RingRegion(name="a", around=1, margin_mm=2), RingRegion(name="b", around=1, margin_mm=2, on=("t2",))]
    for measured, names in ((None, ["a", "b"]), ("t1", ["a"]), ("t2", ["a", "b"])):
        assert [one.name for one in make_regions(Scene(labels, {}, measured=measured), regions)] == names


def test_who_lacks_the_image_that_a_region_is_made_on_and_with_is_imputed(tmp_path: Path) -> None:
    two_sequences(tmp_path, 4)
    optional = ["cohort.optional_images=[t2]", f"cohort.table={tmp_path / 'cohort.csv'}"]
    told = {}
    for on in ("t2", "[t1, t2]"):
        region = f"{{kind: threshold, name: hot, of: tumour, sequence: t2, at_least: 1, on: {on}}}"
        study = loaded(f"regions=[{TUMOUR}, {region}]", *optional)
        told[on] = [one for one in read_inputs(study, tunes=False).warnings if "'hot'" in one.where]
    assert told["t2"] == []
    assert "a case without it fails" in told["[t1, t2]"][0].message


def test_an_image_that_nothing_reads_is_told(tmp_path: Path) -> None:
    two_sequences(tmp_path, 4)
    table = f"cohort.table={tmp_path / 'cohort.csv'}"
    tumour = f"{TUMOUR[:-1]}, on: t1}}"
    for regions, counted in (([tumour], 1), ([tumour, HOT.replace("on: t2", "on: t1, sequence: t2")], 0)):
        study = loaded(f"regions=[{', '.join(regions)}]", table)
        told = [one for one in read_inputs(study, tunes=False).warnings if one.where == "cohort.images: 't2'"]
        assert len(told) == counted


@pytest.mark.slow
def test_a_region_is_measured_on_its_sequence_alone_by_every_way(tmp_path: Path) -> None:
    """The study, the files of its regions, copies for stability, the page of a case, and what its bundle would do."""
    file = two_sequences(tmp_path, 3)
    settings = [*QUICK, f"regions=[{HOT}]", "stability={copies: 1, rotation_degrees: 0, contour: false}"]
    settings.append("morphometry=[{kind: size, regions: [hot], sequence: t2}]")
    study = load_study(file, settings)
    for until in ("extract", "regions"):
        run = run_study(study, tmp_path / "run", until=until)
        assert run.failures == ()
    found = json.loads((run.path / "features/cases/c1.json").read_text())["features"]
    assert {"/".join(name.split("/")[:2]) for name in found} == {"t2/hot"}
    assert found["t2/hot/morphometry_LongestAxialDiameter"] > 0
    made = json.loads((run.path / "regions/c1/regions.json").read_text())["regions"]
    assert list(made) == ["t2/hot"]
    recipe = ImageRecipe.of(study)
    assert recipe is not None
    cohort = read_cohort(config=study.cohort, labelled=False, new=True)
    again = features_from_images(recipe, cohort, tmp_path).tables["radiomic"].values.loc["c1"]
    assert again.to_dict() == pytest.approx(found, nan_ok=True)
    changed = [word for one in settings for word in ("--set", one)]
    result = CliRunner().invoke(app, ["look", str(file), "c1", "--out", str(tmp_path / "L"), *changed])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "L/index.html").read_text()
    assert page.count("<h3>hot</h3>") == 1
    assert "there is no region on t1" in page
    stable = run_study(study, tmp_path / "run", until="disturb")
    assert stable.failures == ()
    copies = json.loads((run.path / "features/stability/c1.json").read_text())["copies"]
    assert all({name.partition("/")[0] for name in copy} == {"t2"} for copy in copies)
