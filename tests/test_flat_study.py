"""Radiographs through a whole study: PNG images and masks, two-dimensional features, models and report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from radfuse.bundle.images import features_from_images
from radfuse.bundle.schema import ImageRecipe
from radfuse.check.study import check_study
from radfuse.cli.look import look
from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.run.folder import read_json
from radfuse.study import load_study

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]

STUDY = """
name: flat
report: {journal_figures: false}
cohort: {table: cohort.csv, images: {xray: xray}, mask: mask, clinical: [age], outcome: {column: event},
  split: {folds: 2}}
segmentation: {backend: manual, labels: {bone: 1}}
regions: [{kind: label, name: bone, label: bone}, {kind: ring, name: ring, around: bone, margin_mm: 3}]
radiomics: {slice_axis: z, classes: [shape2D, firstorder]}
fusion: {inner_folds: 2, selection: [{kind: mrmr, k: 3}], classifier: {kind: ridge}, strategy: {kind: early}}
"""


def radiographs(folder: Path, beside: bool = True) -> Path:
    """Noise with a bright rectangle of 16 or 20 rows by 25 columns, pixels of 0.5 mm."""
    rows = []
    for number in range(12):
        mask = np.zeros((60, 80), dtype=np.uint8)
        mask[20 : 36 + 4 * (number % 2), 25:50] = 1
        array = np.random.default_rng(number).normal(120, 12, mask.shape) + 40 * mask
        Image.fromarray(array.clip(0, 255).astype(np.uint8)).save(folder / f"x{number}.png")
        Image.fromarray(mask).save(folder / f"m{number}.png")
        rows.append((f"c{number}", f"c{number}", f"x{number}.png", f"m{number}.png", 50 + number, number % 2))
    names = ["case_id", "patient_id", "xray", "mask", "age", "event"]
    pd.DataFrame(rows, columns=names).to_csv(folder / "cohort.csv", index=False)
    if beside:
        (folder / "spacing.json").write_text('{"spacing_mm": [0.5, 0.5]}')
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


def test_a_study_of_radiographs_runs_to_its_report(tmp_path: Path) -> None:
    study = radiographs(tmp_path)
    run = run_study(study, tmp_path / "run")
    assert run.failures == ()
    design = pd.read_parquet(tmp_path / "run/features/design/radiomic.parquet")
    surface = design["xray/bone/original_shape2D_PixelSurface"].to_numpy()
    assert sorted(set(surface)) == pytest.approx([16 * 25 * 0.25, 20 * 25 * 0.25])
    assert (tmp_path / "run/report/index.html").is_file()
    (tmp_path / "spacing.json").write_text('{"spacing_mm": [1.0, 1.0]}')
    again = run_study(study, tmp_path / "run", until="extract")
    assert again.computed == 12


def test_a_study_says_how_large_pixels_are_and_its_bundle_too(tmp_path: Path) -> None:
    study, place = radiographs(tmp_path, beside=False), tmp_path / "run"
    said = ["sequences.xray.spacing_mm=[0.5, 0.25]"]
    with pytest.raises(InputError) as caught:
        check_study(load_study(study))
    assert [problem.message.count("sequences.NAME.spacing_mm") for problem in caught.value.problems] == [1] * 24
    settings = load_study(study, said)
    run = run_study(settings, place, until="extract")
    assert run.failures == ()
    surfaces = [
        read_json(path)["features"]["xray/bone/original_shape2D_PixelSurface"]
        for path in (place / "features/cases").glob("c*.json")
        if "record" not in path.name
    ]
    assert sorted(set(surfaces)) == pytest.approx([16 * 25 * 0.125, 20 * 25 * 0.125])
    recipe = ImageRecipe.of(settings)
    assert recipe is not None
    made = features_from_images(recipe, read_cohort(config=settings.cohort), tmp_path).tables["radiomic"]
    assert sorted(made.values["xray/bone/original_shape2D_PixelSurface"]) == pytest.approx(sorted(surfaces))
    plain = tmp_path / "said.yaml"
    plain.write_text(STUDY + "sequences: {xray: {spacing_mm: [0.5, 0.25]}}\n")
    look(plain, "c0", tmp_path / "page")
    assert "drawn by hand" in (tmp_path / "page/index.html").read_text(encoding="utf-8")
    assert run_study(settings, place, until="extract").computed == 0
    other = load_study(study, ["sequences.xray.spacing_mm=[0.25, 0.25]"])
    assert run_study(other, place, until="extract").computed == 12
    (tmp_path / "spacing.json").write_text('{"spacing_mm": [0.5, 0.5]}')
    with pytest.raises(InputError, match=r"x0.png has pixels of 0.5 x 0.5 mm.*says 0.5 x 0.25 mm"):
        check_study(settings)


WRONG = {
    "sequences.xray.spacing_mm=0.5": "sequences.xray.spacing_mm",
    "sequences.xray.spacing_mm=[0.5]": "sequences.xray.spacing_mm",
    "sequences.xray.spacing_mm=[0.5, 0.5, 0.5]": "sequences.xray.spacing_mm",
    "sequences.xray.spacing_mm=[0, 0.5]": "sequences.xray.spacing_mm",
    "sequences.xray.spacing_mm=[-1, 0.5]": "sequences.xray.spacing_mm",
    "sequences.xray.spacing_mm=[.nan, 0.5]": "sequences.xray.spacing_mm",
    "sequences.xray.spacing_mm=[1.0e+9, 0.5]": "sequences.xray.spacing_mm",
    "sequences.xray.spacing_mm=[small, 0.5]": "sequences.xray.spacing_mm",
    "sequences.xray.spacing=[0.5, 0.5]": "spacing_mm",
    "sequences.ray.spacing_mm=[0.5, 0.5]": "'xray'",
}


@pytest.mark.parametrize("setting", WRONG)
def test_sizes_that_are_none_are_refused(tmp_path: Path, setting: str) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    with pytest.raises(InputError, match=WRONG[setting]):
        load_study(tmp_path / "study.yaml", [setting])
