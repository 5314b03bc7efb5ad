"""Presets: one entry of a study that stands for many regions."""

from __future__ import annotations

from typing import Any

import pytest

from radfuse.errors import InputError
from radfuse.phantom.knee_shapes import LABELS
from radfuse.study import Study, load_study


def study_of(*regions: Any, labels: dict[str, int] | None = None) -> Study:
    return load_study(
        {
            "name": "knees",
            "cohort": {
                "table": "cohort.csv",
                "images": {"dess": "image"},
                "mask": "mask",
                "patient": "patient_id",
                "outcome": {"column": "progressed", "kind": "binary"},
            },
            "segmentation": {"backend": "manual", "labels": labels or LABELS},
            "regions": list(regions),
        }
    )


def test_cartimorph20_has_the_names_of_the_atlas() -> None:
    names = [region.name for region in study_of({"preset": "cartimorph20"}).regions]
    assert names == [
        *("aMFC", "ecMFC", "ccMFC", "icMFC", "pMFC", "aLFC", "ecLFC", "ccLFC", "icLFC", "pLFC"),
        *("aMTC", "eMTC", "pMTC", "iMTC", "cMTC", "aLTC", "eLTC", "pLTC", "iLTC", "cLTC"),
    ]


def test_load_bearing_has_bone_and_menisci_where_there_are_labels() -> None:
    tissues = ("femoral_cartilage", "tibial_cartilage", "femur", "tibia")
    whole = study_of({"preset": "load_bearing", "meniscus": "meniscus", "share": 0.5}).regions
    assert [region.name for region in whole] == [
        name
        for half in ("medial", "lateral")
        for name in (*(f"{half}_load_bearing_{tissue}" for tissue in tissues), f"{half}_meniscus")
    ]
    few = {"preset": "load_bearing", "femur": None, "tibia": None, "prefix": "lb_", "tibial_cartilage": [4, 5]}
    labels = {"femoral_cartilage": 2, "medial": 4, "lateral": 5}
    assert [region.name for region in study_of(few, labels=labels).regions] == [
        f"lb_{half}_load_bearing_{tissue}" for half in ("medial", "lateral") for tissue in tissues[:2]
    ]


def test_a_study_with_presets_is_written_out_and_read_again_as_it_is() -> None:
    study = study_of({"preset": "cartimorph20"}, {"kind": "label", "name": "t", "label": "tibia"})
    assert [region.name for region in study.regions][:3] == ["aMFC", "t", "ecMFC"]
    assert load_study(study.model_dump(mode="json")) == study


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"preset": "cartimorph"}, "unknown preset 'cartimorph' in place 1; did you mean 'cartimorph20'?"),
        ({"preset": "cartimorph20", "femoral_cartilag": 2}, "regions.1.femoral_cartilag: unknown setting"),
        ({"preset": "load_bearing", "share": 2}, "regions.1.share: Input should be less than 1; found 2"),
        ({"preset": "load_bearing", "femur": "femr"}, "has femur 'femr', no segmentation label; did you mean 'femur'?"),
        ({"preset": "cartimorph20", "prefix": "a/"}, "regions: names must differ and hold no '/'"),
        ({"kind": "compartment", "name": "c", "of": "tibia", "half": "inner"}, "regions.1.half: 'inner' is not one of"),
        (
            {"kind": "subchondral", "name": "s", "bone": 3, "cartilage": 4, "from_mm": 10},
            "regions.1: from_mm 10 is not below depth_mm 10, where the band ends",
        ),
    ],
)
def test_faults_are_told_by_their_place_in_the_users_list(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as told:
        study_of({"preset": "cartimorph20", "prefix": "all_"}, entry)
    assert message in str(told.value)


def test_a_knee_region_needs_only_the_labels_that_it_is_cut_by() -> None:
    labels = {"tibia": 3, "tibial_cartilage": 4}
    half = {"kind": "compartment", "name": "m", "of": "tibia", "half": "medial"}
    assert study_of(half, labels=labels).regions
    femoral = {**half, "of": "tibia", "femur": "tibia"}
    with pytest.raises(InputError, match=r"has femoral_cartilage 'femoral_cartilage', no segmentation label"):
        study_of(femoral, labels=labels)
