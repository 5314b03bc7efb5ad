"""The fusion section of a study: what it accepts, what it refuses, and in which words."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from radfuse.config import build
from radfuse.errors import InputError
from radfuse.extend import parts_beside
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.families import blocks_of, check_families, check_primary, default_families, near_family


def fusion(**settings: object) -> FusionConfig:
    return build(FusionConfig, settings, "study.yaml")


def test_unasked_four_learners_answer():
    config = FusionConfig()
    assert config.selection == ()
    assert [member.model.kind for member in config.classifier.members] == ["ridge", "ridge", "extra_trees", "lightgbm"]
    assert [member.weight for member in config.classifier.members] == [1.0, 0.5, 1.0, 1.0]
    assert config.threshold == "youden"


JOINS = [
    ({}, "priority penalty stack"),
    ({"classifier": {"kind": "logistic"}}, "priority penalty stack"),
    ({"classifier": {"kind": "mean", "members": [{"kind": "knn"}, {"kind": "ridge"}]}}, "priority penalty stack"),
    ({"classifier": {"kind": "svm"}}, "early stack"),
    ({"classifier": {"kind": "lightgbm"}}, "early stack"),
    ({"classifier": {"kind": "mean", "members": [{"kind": "knn"}, {"kind": "svm"}]}}, "early stack"),
    ({"classifier": {"kind": "logistic", "class_weight": "balanced"}}, "priority penalty stack"),
]


@pytest.mark.parametrize(("settings", "kinds"), JOINS)
def test_unasked_blocks_are_joined_by_what_the_learner_can_do(settings: dict, kinds: str):
    assert " ".join(each.kind for each in fusion(**settings).joins.of) == kinds


def test_a_strategy_that_is_named_is_taken():
    assert fusion(classifier={"kind": "svm"}, strategy={"kind": "stack"}).joins.kind == "stack"


def test_strengths_are_sorted_from_strong_to_weak_and_c_from_strong_to_weak_too():
    """Ties keep the first candidate, which is thus the simplest."""
    config = fusion(selection=[{"kind": "lasso", "strengths": [0.1, 0.7, 0.3]}], classifier={"c": [1, 0.01, 0.1]})
    assert config.selection[0].strengths == (0.7, 0.3, 0.1)
    assert config.classifier.c == (0.01, 0.1, 1.0)


def test_a_kind_may_stand_twice_and_steps_in_any_order():
    steps = [{"kind": "lasso"}, {"kind": "mrmr", "blocks": ["deep"]}, {"kind": "mrmr", "k": 3}]
    assert [step.kind for step in fusion(selection=steps).selection] == ["lasso", "mrmr", "mrmr"]
    assert fusion(selection=[]).selection == ()


WRONG = {
    "an unknown key": ({"inner_fold": 3}, "inner_fold: unknown setting; did you mean 'inner_folds'?"),
    "an unknown kind": ({"selection": [{"kind": "lass"}]}, "did you mean 'lasso'?"),
    "a setting of another kind": ({"selection": [{"kind": "mrmr", "threshold": 0.9}]}, "selection.0.threshold"),
    "no kind": ({"selection": [{"k": 3}]}, "needs a 'kind'"),
    "a setting tuned twice": ({"selection": [{"kind": "lasso"}, {"kind": "lasso"}]}, "tune a setting of one name"),
    "no column kept": ({"selection": [{"kind": "mrmr", "k": 0}]}, "selection.0.k"),
    "a threshold of nothing": ({"selection": [{"kind": "correlation", "threshold": 0}]}, "selection.0.threshold"),
    "a threshold above one": ({"selection": [{"kind": "correlation", "threshold": 1.1}]}, "selection.0.threshold"),
    "a strength of one": ({"selection": [{"kind": "lasso", "strengths": [0.5, 1]}]}, "between 0 and 1"),
    "no strength": ({"selection": [{"kind": "lasso", "strengths": []}]}, "one or more numbers"),
    "a strength that is no number": ({"selection": [{"kind": "lasso", "strengths": [float("nan")]}]}, "must be finite"),
    "no penalty": ({"classifier": {"c": []}}, "one or more positive"),
    "a penalty of nought": ({"classifier": {"c": [0, 1]}}, "one or more positive"),
    "an infinite c": ({"classifier": {"c": [float("inf")]}}, "classifier.c"),
    "one inner fold": ({"inner_folds": 1}, "inner_folds"),
    "an unknown threshold": ({"threshold": "youdn"}, "did you mean 'youden'?"),
    "a search beyond its budget": (
        {"budget": 20, "selection": [{"kind": "lasso"}], "classifier": {"kind": "ridge"}},
        "36 settings would be tried in every inner fold (lasso 6, ridge 6), more than fusion.budget 20",
    ),
    "a family twice": ({"families": ["clinical", "deep", "clinical"]}, "families"),
}


@pytest.mark.parametrize("name", WRONG)
def test_refuses(name: str):
    settings, message = WRONG[name]
    with pytest.raises(InputError) as caught:
        fusion(**settings)
    assert message in str(caught.value)


def test_a_configuration_survives_json():
    config = fusion(selection=[{"kind": "mrmr", "k": 5}, {"kind": "lasso"}], families=["deep", "clinical"])
    assert FusionConfig.model_validate_json(config.model_dump_json()) == config


def test_blocks_of_a_family():
    assert blocks_of("clinical-radiomic-deep") == ("clinical", "radiomic", "deep")
    assert blocks_of("deep") == ("deep",)


DEFAULTS = [
    ("", ()),
    ("clinical", ("clinical",)),
    ("clinical radiomic", ("clinical", "radiomic", "clinical-radiomic")),
    ("clinical deep", ("clinical", "deep", "clinical-deep")),
    ("radiomic deep", ("radiomic", "deep", "radiomic-deep")),
    (
        "clinical radiomic deep",
        ("clinical", "radiomic", "deep", "clinical-radiomic", "radiomic-deep", "clinical-radiomic-deep"),
    ),
    ("a b c d", ("a", "b", "c", "d", "a-b", "b-c", "c-d", "a-b-c", "b-c-d", "a-b-c-d")),
]


@pytest.mark.parametrize(("blocks", "families"), DEFAULTS)
def test_default_families_are_all_runs_of_neighbouring_blocks(blocks: str, families: tuple[str, ...]):
    assert default_families(blocks.split()) == families
    check_families(families, blocks.split())


MISSPELLED = {
    "clinical-radiomics": "needs the block 'radiomics'; the study has: clinical, radiomic, deep; did you mean "
    "'clinical-radiomic'?",
    "clinical-thickness": "needs the block 'thickness'; the study has: clinical, radiomic, deep",
    "clinical+deep": "needs the block 'clinical+deep'; the study has: clinical, radiomic, deep; did you mean "
    "'clinical-deep'?",
    "Clinical-depp": "; did you mean 'clinical-deep'?",
    "clincal-thickness": "needs the block 'clincal'; the study has: clinical, radiomic, deep",
    "deep-clinical": "write 'clinical-deep' for 'deep-clinical': each block once, in the order clinical, radiomic",
    "deep-deep": "write 'deep' for 'deep-deep': each block once",
    "": "needs the block ''; the study has",
}


@pytest.mark.parametrize("family", MISSPELLED)
def test_a_family_is_spelled_as_its_blocks_stand(family: str):
    blocks = ("clinical", "radiomic", "deep")
    check_families(["clinical-deep", "radiomic"], blocks)
    with pytest.raises(ValueError, match=r"fusion\.families") as caught:
        check_families(["clinical", family], blocks)
    assert MISSPELLED[family] in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("clinical-radiomics", "; did you mean 'clinical-radiomic'?"),
        ("clinical-radiomic-depp", "; did you mean 'clinical-radiomic-deep'?"),
        ("clinical-depp", "; 'clinical-deep' is not among those compared"),
        ("deep-clinical", "; 'clinical-deep' is not among those compared"),
        ("thickness", "; known: 'clinical', 'clinical-radiomic', 'clinical-radiomic-deep', 'deep', 'radiomic', "),
    ],
)
def test_a_family_that_is_not_there_is_not_taken_for_a_shorter_one(name: str, hint: str):
    """As a whole clinical-depp is nearer to clinical than to any other family of these."""
    families = default_families(("clinical", "radiomic", "deep"))
    assert near_family(name, families).startswith(hint)
    with pytest.raises(ValueError, match=re.escape(f"no family {name!r}{hint}")):
        check_primary(name, families)


OWN = """
import numpy as np
from radfuse.config import Section
from radfuse.fusion.selectors.step import Step

class Mean(Step):
    def reduce(self, x, y, settings, outcome):
        return np.ones((x.shape[1], 1))

class Half(Section):
    def reduce(self, x, y): ...
"""


def test_a_reduction_of_ones_own_stands_among_the_selectors(tmp_path: Path):
    (tmp_path / "own_reduction.py").write_text(OWN)
    with parts_beside(tmp_path):
        (step,) = fusion(selection=[{"use": "own_reduction:Mean", "over": "all"}]).selection
        with pytest.raises(InputError, match="Half' has no method candidates"):
            fusion(selection=[{"use": "own_reduction:Half"}])
    assert step.jointly()
    assert step.reduce(np.zeros((2, 3)), None, {}, None).tolist() == [[1], [1], [1]]
