"""The atlas: a phantom's knee as a template for others, of both sides, and the shared knee template moved as known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from boxes import OBLIQUE, ramp
from knees import stored_as
from realdata import real_file

from radfuse.bundle.schema import ImageRecipe
from radfuse.errors import CaseError, InputError
from radfuse.phantom.knee import KneePhantom, draw_case, knee_tables
from radfuse.seg.atlas import AtlasSegmentation
from radfuse.seg.metrics import dice
from radfuse.seg.untrained import Given
from radfuse.study import load_study
from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.registration import Registration

AFFINE = Registration(transform="affine", start="centres")
BONES = {"femur": 1, "femoral_cartilage": 2, "tibia": 3, "tibial_cartilage": 4, "patella": 5, "meniscus": 6}


@pytest.fixture(scope="module")
def knees() -> list[tuple[Volume, LabelMap]]:
    """A person's right and left knee, and that of another."""
    config = KneePhantom(cases=8)
    tables = knee_tables(config)
    assert list(tables["cohort"]["side"][:3]) == ["right", "left", "right"]
    return [draw_case(config, tables, row) for row in range(3)]


def atlas_of(folder: Path, image: Volume, drawn: LabelMap, **settings: object) -> tuple[AtlasSegmentation, Path]:
    write_image(image, folder / "t.nrrd")
    write_image(drawn, folder / "l.nrrd")
    paths = {"template": folder / "t.nrrd", "template_labels": folder / "l.nrrd"}
    backend = AtlasSegmentation.model_validate({"labels": BONES, "registration": AFFINE, **paths, **settings})
    (folder / "packed").write_bytes(backend.brought(folder))
    return backend, folder / "packed"


def test_a_knee_is_a_template_of_either_side(tmp_path: Path, knees: list[tuple[Volume, LabelMap]]) -> None:
    backend, packed = atlas_of(tmp_path, *knees[0], template_side="right")
    for (image, drawn), side, bone, cartilage in ((knees[1], "left", 0.95, 0.7), (knees[2], "right", 0.9, 0.5)):
        found = backend.draw(image, Given("c1", side=side, brought=packed))
        assert found.grid.same_as(image.grid)
        agree = {name: dice(drawn.array == number, found.array == number) for name, number in BONES.items()}
        assert min(agree["femur"], agree["tibia"]) > bone
        assert min(agree["femoral_cartilage"], agree["tibial_cartilage"]) > cartilage


def test_a_side_is_told_by_its_letter_too(tmp_path: Path, knees: list[tuple[Volume, LabelMap]]) -> None:
    backend, packed = atlas_of(tmp_path, *knees[0], template_side="right")
    for side, first in (("R", 1), ("Right", 1), ("l", -1)):
        placed, _ = backend._template(Given("c1", side=side, brought=packed))
        assert placed.direction[2] == first * knees[0][0].direction[2]


def test_labels_of_a_template_may_be_stored_in_another_order(tmp_path: Path) -> None:
    image, drawn = ramp(OBLIQUE), LabelMap(np.arange(60, dtype=np.uint8).reshape(3, 4, 5) % 2, OBLIQUE)
    _, packed = atlas_of(tmp_path, image, stored_as(drawn, (2, 0, 1), (True, False, True)))
    assert np.array_equal(np.load(packed)["labels"], drawn.array)


def test_a_case_without_a_side_and_a_template_that_is_none_are_told(
    tmp_path: Path, knees: list[tuple[Volume, LabelMap]]
) -> None:
    image, labels = knees[0]
    backend, packed = atlas_of(tmp_path, image, labels, template_side="right")
    with pytest.raises(CaseError, match="c1: the table says nothing of its side, and the template is of the right"):
        backend.draw(image, Given("c1", brought=packed))
    with pytest.raises(InputError, match=r"away\.nrrd: there is no such file"):
        backend.model_copy(update={"template": tmp_path / "away.nrrd"}).check_here()
    moved = replace(labels, grid=replace(labels.grid, origin=(0.0, 0.0, 0.0)))
    with pytest.raises(InputError, match="lies on another grid"):
        atlas_of(tmp_path, image, moved)


def test_a_bundle_names_no_folder_of_a_template(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        "name: s\ncohort: {table: c.csv, images: {t1: t1}, outcome: {column: event}}\n"
        "segmentation: {backend: atlas, labels: {femur: 1}, template: at/t.nrrd, template_labels: at/l.nrrd}\n"
        "regions: [{kind: label, name: femur, label: femur}]\n"
    )
    study = load_study(tmp_path / "study.yaml")
    assert isinstance(study.segmentation, AtlasSegmentation)
    assert study.segmentation.template == tmp_path / "at" / "t.nrrd"
    recipe = ImageRecipe.of(study)
    assert recipe is not None
    assert isinstance(recipe.backend, AtlasSegmentation)
    assert (recipe.backend.template, recipe.backend.template_labels) == (Path("t.nrrd"), Path("l.nrrd"))


def test_the_shared_knee_template_is_found_again_where_it_was_turned_and_moved(tmp_path: Path) -> None:
    """Turned by 8 degrees about the patient's axis and moved by 11 mm: its labels come out where they went."""
    image = read_volume(real_file("knee/clair_knee_103r_template.nii.gz"))
    labels = read_labels(real_file("knee/clair_knee_103r_segmentation.nii.gz"))
    names = {f"l{number}": number for number in labels.present()}
    turn = np.radians(8)
    turned = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    origin = turned @ np.array(image.origin) + (6.0, -5.0, 8.0)
    grid = replace(
        image.grid,
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=tuple(float(value) for value in (turned @ np.reshape(image.direction, (3, 3))).ravel()),
    )
    rigid = {"transform": "rigid", "start": "header", "levels_mm": (8, 4, 2)}
    backend, packed = atlas_of(tmp_path, image, labels, labels=names, registration=rigid)
    found = backend.draw(replace(image, grid=grid), Given("c1", brought=packed))
    assert min(dice(labels.array == number, found.array == number) for number in names.values()) > 0.97
