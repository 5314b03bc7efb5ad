"""The section `sequences` of a study: merged settings, ways for masks that fit each other, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sequences import STUDY, two_sequences

from radfuse.bundle.images import features_from_images
from radfuse.bundle.schema import ImageRecipe
from radfuse.cohort.read import read_cohort
from radfuse.config import parse_yaml
from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.run.folder import read_json
from radfuse.sequences import SequenceConfig, recipes_of
from radfuse.study import Study, load_study
from radfuse.volume.files import read_volume, write_image
from radfuse.volume.image import Volume


def study(**section: Any) -> dict[str, Any]:
    return {**parse_yaml(STUDY, "study"), **section}


def loaded(*settings: str, **section: Any) -> Study:
    return load_study(study(**section), settings)


def test_settings_of_a_sequence_are_merged_over_the_studys() -> None:
    found = loaded("radiomics.classes=[firstorder]", "sequences.t2.radiomics.min_voxels=4").sequences["t2"].radiomics
    assert found is not None
    assert (found.bin_width, found.bin_count, found.min_voxels, found.classes) == (3, None, 4, ("firstorder",))
    counted = loaded("sequences.t2.radiomics={classes: [shape]}").sequences["t2"].radiomics
    assert counted is not None
    assert (counted.bin_count, counted.classes) == (16, ("shape",))


def test_a_resolved_study_is_the_same_study(tmp_path: Path) -> None:
    first = loaded("sequences.t1={normalise: [{kind: window, low: 0, high: 90}]}")
    (tmp_path / "study.yaml").write_text(first.to_yaml())
    again = load_study(tmp_path / "study.yaml")
    assert again.sequences == first.sequences
    assert again.radiomics == first.radiomics


def test_masks_reach_sequences_as_said_and_otherwise_as_they_did_before() -> None:
    images = ("t1", "t2", "pet", "ct")
    said = {"pet": SequenceConfig(masks="register"), "ct": SequenceConfig(masks="same_grid")}
    common = loaded().radiomics
    for resample, rest in ((False, "same_grid"), (True, "resample")):
        found = recipes_of(images, said, ("t2", "pet"), common, resample_masks=resample)
        assert {name: item.masks for name, item in found.items()} == {
            "t1": rest,
            "t2": "own",
            "pet": "register",
            "ct": "same_grid",
        }


BAD = {
    "sequences.t3={}": "sequences: 't3' is not one of cohort.images; known: 't1', 't2'",
    "sequences.t2.mask=own": "sequences.t2.mask: unknown setting; did you mean 'masks'?",
    "sequences.t2.masks=registered": "'registered' is not one of same_grid, resample, register, own",
    "sequences.t2.radiomics.bin_widht=3": "t2.radiomics.bin_widht: unknown setting; did you mean 'bin_width'?",
    "sequences.t2={masks: register, registration: {by: t3}}": "sequences.t2.registration.by: 't3' is no other sequence",
    "sequences.t2.radiomics.bin_width=0": "sequences.t2.radiomics.bin_width: Input should be greater than 0",
    "sequences.t2.radiomics={params: x.yaml, bin_width: 2}": "remove bin_width, classes, or `params`",
    "sequences.t2.normalise=[{kind: zscore, within: muscl}]": "sequences.t2.normalise: no label 'muscl'",
    "sequences.t2.normalise=[{kind: window, low: 5, high: 5}]": "a window goes from a lower to an upper value",
    "sequences.t2.normalise=[{kind: nyl}]": "unknown kind 'nyl'; did you mean 'nyul'?",
    "sequences.t1.map=true": "a map needs bins of its own units: radiomics: {bin_width: 20}",
    "sequences.t2={map: true, radiomics: {bin_width: 2}, normalise: [{kind: zscore}]}": "a map has units, which zscore",
    "sequences.t2={map: true, radiomics: {bin_width: 2, normalize: true}}": "which radiomics.normalize would take away",
    "sequences.t2={map: {low: 3, high: 2}, radiomics: {bin_width: 2}}": "a map goes from a lower to an upper value",
    "sequences.t2.registration.transform=ridgid": "did you mean 'rigid'?",
    "sequences.t1={masks: register}": "sequences.t1.masks: register, but masks are drawn on 't1' itself",
    "cohort.masks={t1: first}": "cohort.masks.t1: cohort.mask holds the masks of 't1', which is segmented",
    "cohort.masks={}": "sequences.t2.masks: own needs cohort.masks.t2, the column of its masks",
    "cohort.masks={t3: m}": "`masks` names 't3', which is not in `images`",
    "cohort.masks={t2: mask}": "column 'mask' stands twice in `images, mask, second_mask and masks`",
    "cohort.optional_images=[t1]": "masks are drawn or made on 't1', so that every case needs it",
    "cohort.optional_images=[t1, t2]": "`optional_images` holds all of `images`",
}


@pytest.mark.parametrize("setting", BAD)
def test_what_contradicts_itself_is_refused_with_its_mend(setting: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(setting)
    assert BAD[setting] in str(caught.value)
    assert len(caught.value.problems) == 1


def test_one_parameter_file_is_for_all_sequences() -> None:
    bare = study(radiomics={}, sequences={"t2": {"radiomics": {"params": "x.yaml"}}})
    with pytest.raises(InputError, match="a parameter file of PyRadiomics is for all sequences"):
        load_study(bare)


UNET = "segmentation={backend: unet, labels: {tumour: 1}, sequence: t1}"
VOTE = ["segmentation={backend: vote, min_readers: 1, labels: {tumour: 1}, sequence: t1}", "cohort.readers={a: mask}"]
"""One voice is a mask that nobody trained for, and equal to the one that was drawn."""


def test_masks_drawn_beside_those_of_a_network_are_asked_for() -> None:
    assert loaded(UNET).sequences["t2"].masks == "own"
    for backend in ([UNET], VOTE):
        with pytest.raises(InputError, match=r"set sequences.t2.masks: register, or resample; or own, where somebody"):
            loaded(*backend, "sequences.t2.masks=null")
    with pytest.raises(InputError, match=r"own needs cohort.masks.t2, the column of its masks"):
        loaded(UNET, "cohort.masks={}")


def test_a_sequence_is_measured_by_its_own_masks_beside_those_that_are_made(tmp_path: Path) -> None:
    file = two_sequences(tmp_path, 4)
    table = pd.read_csv(tmp_path / "cohort.csv")
    table.loc[3, "t2_mask"] = ""
    table.to_csv(tmp_path / "cohort.csv", index=False)
    by_hand = run_study(load_study(file), tmp_path / "by_hand", until="extract")
    assert [one.message for one in by_hand.warnings if one.where == "sequences.t2.registration"] == [
        "masks reach it by own, so that this is not heeded; set masks: register, or remove it"
    ]
    made = load_study(file, [*VOTE, "cohort.mask=null"])
    found = run_study(made, tmp_path / "made", until="extract")
    for run in (by_hand, found):
        (failure,) = run.failures
        assert failure.item == "c3"
        assert (
            "the case has no mask of its own on 't2'; fill its cell in the column that cohort.masks.t2" in failure.error
        )
    recipe = ImageRecipe.of(made)
    assert recipe is not None
    image = read_volume(tmp_path / "d3.nrrd")
    write_image(Volume(np.zeros_like(image.array), image.grid), tmp_path / "d3.nrrd")
    predicted = features_from_images(recipe, read_cohort(config=made.cohort, labelled=False, new=True), tmp_path)
    assert [failure.item for failure in predicted.failures] == ["c3"]
    assert list(map(str, predicted.remarks)) == [
        "case c3: every voxel of d3.nrrd is 0; look whether it is the right file"
    ]
    for case in ("c0", "c1", "c2"):
        hand, network = (read_json(run.path / f"features/cases/{case}.json") for run in (by_hand, found))
        assert hand["features"] == network["features"]
        assert {name.partition("/")[0] for name in hand["features"]} == {"t1", "t2"}
        assert (hand["mask_source"], network["mask_source"]) == ("manual", "untrained")
        again = predicted.tables["radiomic"].values.loc[case]
        assert again.to_dict() == pytest.approx(hand["features"], nan_ok=True)
