"""A registration that found nothing is told of beside the prediction that rests on it, as the study tells it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sequences import OTHER, two_sequences

from radfuse.bundle.images import features_from_images
from radfuse.bundle.load import load_bundle
from radfuse.bundle.predict import predict, prediction_table
from radfuse.bundle.schema import ImageRecipe
from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError
from radfuse.pipeline import Run, run_study
from radfuse.sequences import SequenceConfig
from radfuse.stages.register import QUALITY
from radfuse.study import Study, load_study
from radfuse.volume.files import write_image
from radfuse.volume.image import Volume
from radfuse.volume.registration import RegistrationQuality

SETTINGS = [
    "sequences.t2.masks=register",
    "sequences.t2.registration.levels_mm=[4]",
    "cohort.masks={}",
    "radiomics.classes=[firstorder]",
    "fusion.selection=[{kind: mrmr, k: 1}]",
    "fusion.families=[radiomic]",
]


def cohort(folder: Path, cases: int) -> Study:
    """Return a study whose case c1 has noise for its second image: the two have nothing in common."""
    file = two_sequences(folder, cases)
    noise = np.random.default_rng(0).normal(300, 50, OTHER.shape).astype(np.float32)
    write_image(Volume(noise, OTHER), folder / "d1.nrrd")
    return load_study(file, SETTINGS)


def flags_of(run: Run, case: str) -> tuple[str, ...]:
    """Return what the study's own stage told."""
    text = (run.path / f"registration/{case}.t2" / QUALITY).read_bytes()
    return RegistrationQuality.model_validate_json(text).flags


def test_flags_of_new_images_are_those_of_the_study(tmp_path: Path) -> None:
    study = cohort(tmp_path, 4)
    run = run_study(study, tmp_path / "run", until="register")
    (flag,) = flags_of(run, "c1")
    assert flag.startswith("little in common: mutual information")
    recipe, new = ImageRecipe.of(study), read_cohort(config=study.cohort, labelled=False, new=True)
    assert recipe is not None
    assert features_from_images(recipe, new.without({"c2", "c3"}), tmp_path).registrations["c1"] == (f"t2: {flag}",)
    plain = recipe.model_copy(update={"by_sequence": {"t2": SequenceConfig(masks="resample")}})
    assert features_from_images(plain, new.without({"c1", "c2", "c3"}), tmp_path).registrations == {}
    with pytest.raises(InputError, match=r"no case could be used: the table holds none$"):
        features_from_images(plain, new.without({f"c{i}" for i in range(4)}), tmp_path)


@pytest.mark.slow
def test_predictions_tell_which_registration_to_look_at(tmp_path: Path) -> None:
    run = run_study(cohort(tmp_path, 8), tmp_path / "run", until="export")
    assert run.failures == ()
    bundle = load_bundle(run.path / "bundle")
    rows = prediction_table(bundle, predict(bundle, tmp_path / "cohort.csv")).set_index("case_id")
    (flag,) = flags_of(run, "c1")
    assert rows["registration_flags"].to_dict() == {f"c{i}": f"t2: {flag}" if i == 1 else "" for i in range(8)}
    assert "mask_flags" not in rows
