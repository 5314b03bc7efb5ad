"""What all kinds have in common, the reduction among them."""

from __future__ import annotations

import numpy as np
import pytest
from columns import planted, standardised

from radfuse.config import build
from radfuse.errors import InputError
from radfuse.fusion.config import FusionConfig, Mean, Member, check_blocks
from radfuse.fusion.models.logistic import Logistic
from radfuse.fusion.models.ridge import Ridge
from radfuse.fusion.selectors.boruta import Boruta
from radfuse.fusion.selectors.clusters import Clusters
from radfuse.fusion.selectors.correlation import Correlation
from radfuse.fusion.selectors.elastic_net import ElasticNet
from radfuse.fusion.selectors.lasso import Lasso
from radfuse.fusion.selectors.mrmr import Mrmr
from radfuse.fusion.selectors.multivariable import Multivariable
from radfuse.fusion.selectors.pca import Pca
from radfuse.fusion.selectors.rfe import Rfe
from radfuse.fusion.selectors.stability_selection import StabilitySelection
from radfuse.fusion.selectors.step import Step
from radfuse.fusion.selectors.univariate import Univariate
from radfuse.fusion.selectors.variance import Variance
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")
SELECTORS = {
    "variance": Variance(),
    "univariate": Univariate(),
    "univariate, fdr": Univariate(test="mann_whitney", fdr=True),
    "correlation": Correlation(),
    "pearson": Correlation(method="pearson", threshold=0.8),
    "clusters": Clusters(threshold=0.3),
    "mrmr": Mrmr(k=6),
    "lasso": Lasso(strengths=(0.5,)),
    "lasso, one_se": Lasso(rule="one_se", strengths=(0.7, 0.4), own_folds=3),
    "elastic_net": ElasticNet(strengths=(0.5,)),
    "stability_selection": StabilitySelection(halves=12),
    "rfe": Rfe(k=4),
    "rfe, svm": Rfe(k=4, by="svm"),
    "boruta": Boruta(rounds=12, trees=40),
    "boruta, random": Boruta(rounds=12, trees=40, forest="random"),
    "multivariable": Multivariable(),
    "multivariable, aic": Multivariable(rule="aic"),
}
each = pytest.mark.parametrize("step", SELECTORS.values(), ids=SELECTORS)
OVER_ALL = {"lasso", "elastic_net", "rfe", "boruta", "stability_selection"}


def kept(step: Step, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    mask = step.choose(x, y, step.candidates()[0], EVENT)
    assert mask.dtype == bool
    assert mask.shape == (x.shape[1],)
    assert mask.any()
    return mask


@each
def test_keeps_what_was_planted_the_same_twice_and_in_any_order_of_columns(step: Step):
    x, y = planted(5, columns=21)
    x = np.delete(x, 2, axis=1)  # a noisy copy, which takes votes from its original
    before = x.copy()
    found = kept(step, x, y)
    assert found[:2].all()
    np.testing.assert_array_equal(kept(step, x, y), found)
    np.testing.assert_array_equal(x, before)
    order = np.random.default_rng(0).permutation(20)
    np.testing.assert_array_equal(kept(step, x[:, order], y), found[order])


@each
def test_columns_that_say_the_same_in_another_unit_and_at_another_place(step: Step):
    """The last bits of a length in mm and in cm differ; which of the two comes first names the one that stays."""
    x, y = planted(5, units=60, columns=12)
    twice = np.hstack([x, 2.54 * x[:, :6] - 1])
    generator = np.random.default_rng(0)
    expected = kept(step, standardised(twice), y)
    units = 10.0 ** generator.integers(-6, 7, 18)
    np.testing.assert_array_equal(kept(step, standardised((twice - 400) * units), y), expected)
    order = generator.permutation(18)
    moved = kept(step, standardised((twice[:, order] + 30) * units), y)
    assert np.sort(order[moved] % 12).tolist() == np.sort(np.flatnonzero(expected) % 12).tolist()


@each
def test_one_column(step: Step):
    x, y = planted(3)
    assert kept(step, x[:, :1], y).tolist() == [True]
    assert kept(step, x[:, 5:6], y).tolist() == [True]


@each
def test_six_units(step: Step):
    generator = np.random.default_rng(1)
    x = np.repeat(generator.standard_normal((3, 8)), 2, axis=0) + 0.1 * generator.standard_normal((6, 8))
    kept(step, (x - x.mean(axis=0)) / x.std(axis=0), np.array([0, 1, 0, 1, 0, 1]))


@each
def test_columns_that_tell_nothing_at_all(step: Step):
    """Each value is as frequent in one class as in the other."""
    x = np.column_stack([np.tile([-1.0, 1, -1, 1], 6), np.tile([-1.0, 1, 1, -1], 6)])
    kept(step, x, np.tile([0, 0, 1, 1], 6))


@each
def test_where_columns_are_a_thousand_and_units_forty(step: Step):
    generator = np.random.default_rng(2)
    x = generator.standard_normal((40, 300))
    y = np.arange(40) % 2
    x[:, 7] += 4 * y
    assert kept(step, (x - x.mean(axis=0)) / x.std(axis=0), y)[7]


@pytest.mark.parametrize("step", [*SELECTORS.values(), Pca()], ids=[*SELECTORS, "pca"])
def test_each_says_whether_it_sees_all_blocks_and_can_be_told(step: Step):
    assert step.jointly() == (step.kind in OVER_ALL)
    other = "block" if step.jointly() else "all"
    settings = {**step.model_dump(mode="json"), "over": other, "blocks": ["clinical"]}
    (read,) = build(FusionConfig, {"selection": [settings]}, "study.yaml").selection
    assert type(read) is type(step)
    assert read.jointly() != step.jointly()
    assert read.blocks == ("clinical",)
    assert next(iter(read.model_dump())) == "kind"


WRONG = {
    "variance": {"most_alike": 0},
    "univariate": {"alpha": 1.5},
    "correlation": {"method": "kendall"},
    "clusters": {"threshold": 1},
    "mrmr": {"over": "blocks"},
    "lasso": {"rule": "min"},
    "elastic_net": {"l1_share": 0},
    "stability_selection": {"threshold": 0.5},
    "rfe": {"drop": 1},
    "boruta": {"trees": 1},
    "multivariable": {"alpha": 0},
    "pca": {"components": 0},
}


@pytest.mark.parametrize("kind", WRONG)
def test_refuses(kind: str):
    ((name, value),) = WRONG[kind].items()
    with pytest.raises(InputError, match=rf"selection\.0\.{name}"):
        build(FusionConfig, {"selection": [{"kind": kind, name: value}]}, "study.yaml")


@pytest.mark.parametrize("components", [0.0, 1.5, -1, True, "many"])
def test_components_are_a_count_or_a_share(components: object):
    with pytest.raises(InputError, match=r"selection\.0\.components"):
        build(FusionConfig, {"selection": [{"kind": "pca", "components": components}]}, "study.yaml")


def test_blocks_that_the_study_lacks_are_refused():
    steps = (Mrmr(blocks=("clinical",)), Lasso())
    check_blocks(FusionConfig(selection=steps), ["clinical", "radiomic"])
    wrong = (Mrmr(), Lasso(blocks=("clinical", "radiomics")))
    with pytest.raises(ValueError, match=r"selection\.1\.blocks: .* no block 'radiomics'; did you mean 'radiomic'\?"):
        check_blocks(FusionConfig(selection=wrong), ["clinical", "radiomic"])
    several = Mean(members=(Member(model=Logistic()), Member(model=Ridge(), selection=wrong)))
    with pytest.raises(ValueError, match=r"fusion\.classifier\.members\.1\.selection\.1\.blocks: .* 'radiomics'"):
        check_blocks(FusionConfig(selection=steps, classifier=several), ["clinical", "radiomic"])
