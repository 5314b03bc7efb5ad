"""Variants as settings: what a study becomes with them, and what is refused, each with its name and dotted path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from radfuse.errors import InputError
from radfuse.evaluation.variants import difference, told, varied
from radfuse.study import Study, load_study

CONTENT: dict[str, Any] = {
    "seed": 7,
    "radiomics": {"bin_width": 25, "classes": ["shape"]},
    "fusion": {"classifier": {"kind": "logistic", "c": [1.0]}, "selection": [{"kind": "mrmr", "k": 30}]},
}
STUDY: dict[str, Any] = {
    "name": "varied",
    "cohort": {"table": "cohort.csv", "clinical": ["age"], "outcome": {"column": "event"}},
    "features": {"radiomic": "radiomic.csv"},
    "fusion": {"selection": [{"kind": "mrmr", "k": 30}], "classifier": {"kind": "logistic"}},
}


@pytest.mark.parametrize(
    ("settings", "place", "value"),
    [
        ({"radiomics.bin_width": 10}, ("radiomics",), {"bin_width": 10, "classes": ["shape"]}),
        ({"radiomics": {"bin_width": 10}}, ("radiomics",), {"bin_width": 10, "classes": ["shape"]}),
        ({"radiomics.filters": {"log": {}}}, ("radiomics", "filters"), {"log": {}}),
        ({"fusion.classifier": {"kind": "svm"}}, ("fusion", "classifier"), {"kind": "svm"}),
        ({"fusion": {"classifier": {"kind": "svm"}}}, ("fusion", "classifier"), {"kind": "svm"}),
        ({"fusion.selection.0.k": 5}, ("fusion", "selection"), [{"kind": "mrmr", "k": 5}]),
        ({"exclude": {"a.1": "why"}}, ("exclude",), {"a.1": "why"}),
        ({"radiomics.bin_width": 1e-05}, ("radiomics", "bin_width"), 1e-05),
        ({"cohort.mask": None}, ("cohort",), {"mask": None}),
    ],
)
def test_settings_are_put_in(settings: dict[str, Any], place: tuple[str, ...], value: object) -> None:
    found: Any = varied(CONTENT, settings, "v")
    for key in place:
        found = found[key]
    assert found == value
    assert CONTENT["radiomics"] == {"bin_width": 25, "classes": ["shape"]}


def test_a_difference_makes_the_other_of_the_one() -> None:
    other = {
        "seed": 8,
        "radiomics": {"bin_width": 25, "classes": ["glcm"], "filters": {}},
        "fusion": {"classifier": {"kind": "svm"}, "selection": [{"kind": "mrmr", "k": 5}]},
    }
    found = difference(CONTENT, other)
    assert found == {
        "seed": 8,
        "radiomics.classes": ["glcm"],
        "radiomics.filters": {},
        "fusion.classifier": {"kind": "svm"},
        "fusion.selection.0.k": 5,
    }
    assert varied(CONTENT, found, "v") == other
    assert difference(CONTENT, CONTENT) == {}
    assert told(found) == (
        "seed: 8, radiomics.classes: [glcm], radiomics.filters: {}, fusion.classifier: svm, fusion.selection.0.k: 5"
    )


def test_one_value_of_another_kind_takes_the_whole_place() -> None:
    assert difference({"threshold": {"sensitivity": 0.9}}, {"threshold": {"cost": 4}}) == {"threshold": {"cost": 4}}
    dotted = difference({"exclude": {"a": "x"}}, {"exclude": {"a": "x", "b.1": "y"}})
    assert varied({"exclude": {"a": "x"}}, dotted, "v") == {"exclude": {"a": "x", "b.1": "y"}}


def with_variants(**variants: Any) -> Study:
    return load_study({**STUDY, "variants": variants})


def test_a_loaded_study_has_whole_variants_with_absolute_paths() -> None:
    study = with_variants(
        k_5={"fusion.selection.0.k": 5}, laboratory={"features": {"radiomic": "other.csv"}}, classifiers=["knn", "lda"]
    )
    assert list(study.variants) == ["knn", "lda", "k_5", "laboratory"]
    assert study.variant("k_5").fusion.selection[0].k == 5
    assert study.variant("laboratory").features["radiomic"].table == Path.cwd() / "other.csv"
    assert [study.variant(name).fusion.classifier.kind for name in ("knn", "lda")] == ["knn", "lda"]
    assert study.variant("lda").variants == {}
    assert load_study(study.model_dump(mode="json")) == study  # the resolved study of a run folder


def test_the_classifier_of_the_study_is_no_variant_of_it() -> None:
    assert list(with_variants(classifiers=["logistic", "knn"]).variants) == ["knn"]


def test_what_follows_from_a_setting_follows_from_that_of_a_variant() -> None:
    """The radiomics of a sequence are those of the study where it says nothing else."""
    study = load_study(
        {
            **STUDY,
            "sequences": {"t1": {"radiomics": {"classes": ["shape"]}}},
            "cohort": {**STUDY["cohort"], "images": {"t1": "t1"}},
            "variants": {"bin_10": {"radiomics.bin_width": 10}},
        }
    )
    own = study.variant("bin_10").sequences["t1"].radiomics
    assert own is not None
    assert own.bin_width == 10
    assert study.variants["bin_10"] == {"radiomics.bin_width": 10, "sequences.t1.radiomics.bin_width": 10}


def test_a_nomogram_of_the_study_is_asked_of_no_variant() -> None:
    content = {**STUDY, "nomogram": "clinical", "variants": {"forest": {"fusion.classifier": {"kind": "forest"}}}}
    content["variants"] = {"knn": {"fusion.classifier": {"kind": "knn"}}}
    assert load_study(content).variant("knn").nomogram is None


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        (
            {"x": {"radiomics.bin_widht": 3}},
            r"variant x: radiomics.bin_widht: unknown setting; did you mean 'bin_width'",
        ),
        ({"x": {"radiomic": {"bin_width": 3}}}, r"variant x: radiomic: unknown setting; did you mean 'radiomics'"),
        ({"x": {"fusion": {"classifier": {"kind": "svn"}}}}, r"variant x: fusion.classifier: unknown kind 'svn'; did"),
        (
            {"x": {"fusion.selection.4.k": 3}},
            r"variants.x 'fusion.selection.4.k=3': fusion.selection.4 must be a number",
        ),
        ({"x": {"name": "b"}}, r"variants.x: 'name' cannot vary, as the folder of a variant has its name"),
        ({"x": {"evaluation.optimism": 3}}, r"variants.x: 'evaluation.optimism' cannot vary"),
        ({"x": {"report": {"journal_figures": True}}}, r"variants.x: 'report.journal_figures' cannot vary"),
        ({"x": {"seed": 7}}, r"variants.x changes nothing of the study"),
        (
            {
                "x": {
                    "cohort.outcome": {"column": "mm", "kind": "continuous"},
                    "fusion": {"classifier": {"kind": "linear"}, "selection": []},
                }
            },
            r"variants.x: its outcome is measured by C, the study's by AUC, and no table holds both",
        ),
        ({"x": {}}, r"variants: x changes nothing; name its settings"),
        ({"x": 3}, r"variants.x: Input should be a mapping, as"),
        ({"a b": {"seed": 3}}, r"'a b' is no name of a variant"),
        ({"classifiers": ["svm", "svm"]}, r"classifiers lists kinds, each once"),
        ({"classifiers": [{"kind": "svm"}]}, r"classifiers lists kinds, each once"),
        ({"classifiers": ["svn"]}, r"variant svn: fusion.classifier: unknown kind 'svn'; did you mean 'svm'"),
    ],
)
def test_a_wrong_variant_is_told_at_load(variants: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_variants(**variants)


def test_an_unknown_variant_names_the_nearest() -> None:
    with pytest.raises(InputError, match="no variant 'k5'; did you mean 'k_5'"):
        with_variants(k_5={"fusion.selection.0.k": 5}).variant("k5")
