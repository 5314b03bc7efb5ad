"""Settings of the fusion wing."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator

from radfuse.config import Section, nearest
from radfuse.evaluation.thresholds import Rule
from radfuse.extend import own_parts
from radfuse.fusion import parts
from radfuse.fusion.explain.config import ExplainConfig
from radfuse.fusion.harmonise import Combat
from radfuse.fusion.models.cox import Cox
from radfuse.fusion.models.cox_mlp import CoxMlp
from radfuse.fusion.models.cox_trees import CoxTrees
from radfuse.fusion.models.extra_trees import ExtraTrees
from radfuse.fusion.models.gaussian_process import GaussianProcess
from radfuse.fusion.models.knn import Knn
from radfuse.fusion.models.lda import Lda
from radfuse.fusion.models.lightgbm import LightGBM
from radfuse.fusion.models.linear import LinearModel
from radfuse.fusion.models.logistic import Logistic
from radfuse.fusion.models.mlp import Mlp
from radfuse.fusion.models.naive_bayes import NaiveBayes
from radfuse.fusion.models.random_forest import RandomForest
from radfuse.fusion.models.regression_forest import RegressionForest
from radfuse.fusion.models.regression_trees import RegressionTrees
from radfuse.fusion.models.ridge import Ridge
from radfuse.fusion.models.svm import Svm
from radfuse.fusion.models.xgboost import XGBoost
from radfuse.fusion.recalibrate import Recalibration
from radfuse.fusion.selectors.boruta import Boruta
from radfuse.fusion.selectors.clusters import Clusters
from radfuse.fusion.selectors.correlation import Correlation
from radfuse.fusion.selectors.elastic_net import ElasticNet
from radfuse.fusion.selectors.lasso import Lasso
from radfuse.fusion.selectors.mrmr import Mrmr
from radfuse.fusion.selectors.multivariable import Multivariable
from radfuse.fusion.selectors.pca import Pca
from radfuse.fusion.selectors.rfe import Rfe
from radfuse.fusion.selectors.stability import Stability
from radfuse.fusion.selectors.stability_selection import StabilitySelection
from radfuse.fusion.selectors.step import Step
from radfuse.fusion.selectors.univariate import Univariate
from radfuse.fusion.selectors.variance import Variance
from radfuse.fusion.strategies.attention import Attention
from radfuse.fusion.strategies.average import Average
from radfuse.fusion.strategies.early import Early
from radfuse.fusion.strategies.mean import MeanOfBlocks
from radfuse.fusion.strategies.penalty import Penalty
from radfuse.fusion.strategies.priority import Priority
from radfuse.fusion.strategies.score import Score
from radfuse.fusion.strategies.stack import Stack

_SHIFTED = (
    ": probabilities are no longer of the cohort's prevalence and calibration suffers, while discrimination seldom "
    "gains (van den Goorbergh 2022, doi:10.1093/jamia/ocac093); leave it out, or set fusion.recalibrate"
)

Selection = Annotated[
    Variance
    | Stability
    | Univariate
    | Correlation
    | Clusters
    | Mrmr
    | Lasso
    | ElasticNet
    | StabilitySelection
    | Rfe
    | Boruta
    | Multivariable
    | Pca,
    Field(discriminator="kind"),
    *own_parts(parts.Selector, "a selector", other=parts.Reduction),
]
OneModel = (
    Logistic
    | Ridge
    | Lda
    | NaiveBayes
    | Knn
    | Svm
    | GaussianProcess
    | RandomForest
    | ExtraTrees
    | LightGBM
    | XGBoost
    | Mlp
    | Cox
    | CoxTrees
    | CoxMlp
    | LinearModel
    | RegressionForest
    | RegressionTrees
)


def _weighable(said: object) -> object:
    """Say which learners weigh classes where one is asked to that cannot."""
    kind = said.get("kind") if isinstance(said, Mapping) and "class_weight" in said else None
    able = {
        str(model.model_fields["kind"].default): "class_weight" in model.model_fields for model in get_args(OneModel)
    }
    names = ", ".join(name for name in able if able[name])
    if kind == "mean":
        raise ValueError(f"mean weighs no classes itself; give class_weight to its members: {names} take it")
    if not able.get(str(kind), True):
        raise ValueError(f"{kind} cannot weigh classes (class_weight); these can: {names}")
    return said


_own_models = (BeforeValidator(_weighable), *own_parts(parts.Model, "a model", usual="logistic"))
Single = Annotated[OneModel, Field(discriminator="kind"), *_own_models]


class Member(Section):
    """One of several learners that answer together."""

    model: Single
    """The model."""
    selection: tuple[Selection, ...] | None = None
    """What chooses its columns; None: as the study's."""
    weight: float = Field(default=1.0, gt=0)
    """How much it counts beforehand, beside the others."""

    @model_validator(mode="before")
    @classmethod
    def _model_alone(cls, said: object) -> object:
        alone = isinstance(said, Section) and not isinstance(said, Member)
        return {"model": said} if alone or (isinstance(said, Mapping) and "model" not in said) else said


class Mean(Section):
    """Several learners, each tuned on its own; a weighted mean of their scores answers."""

    kind: Literal["mean"] = "mean"
    members: tuple[Member, ...] = Field(min_length=1)
    """The learners: a model each, or `{model: ..., selection: [...]}`."""
    shares: Literal["learned", "fixed"] = "learned"
    """Whether those count more that predict better in the inner folds: hardly with few units, much with many; fixed:
    as their weights say."""

    def candidates(self) -> tuple[parts.Settings, ...]:
        """Return nothing to tune: each member tunes itself."""
        return ({},)


Classifier = Annotated[OneModel | Mean, Field(discriminator="kind"), *_own_models]
Strategy = Annotated[
    Attention | Average | Early | MeanOfBlocks | Penalty | Priority | Score | Stack,
    Field(discriminator="kind"),
    *own_parts(parts.Strategy, "a strategy", usual="early"),
]


class FusionConfig(Section):
    """Which models are compared, and how each is built inside a fold."""

    families: tuple[str, ...] = ()
    """Blocks joined by "-"; empty: every run of neighbouring blocks, in their order."""
    primary: str | None = None
    """The family that the study is about, named before anything is measured; None: the best is picked afterwards, and
    the report corrects it for the picking."""
    harmonise: Combat | None = None
    """How what sites do to values is taken out, learned inside each training set; needs `cohort.site`. None: not."""
    selection: tuple[Selection, ...] = ()
    """Steps that choose columns or make components of them, in their order; empty: all columns go to the model."""
    classifier: Classifier = Mean(
        members=(
            Member(model=Ridge()),
            Member(model=Ridge(), selection=(Lasso(),), weight=0.5),
            Member(model=ExtraTrees(trees=100)),
            Member(model=LightGBM()),
        )
    )
    """The learner, of a block alone and of blocks by strategies that fit each."""
    strategy: Strategy | None = None
    """How blocks are brought together; None: the mean of `priority`, `penalty` and `stack` where the classifier is a
    linear regression or has one among its members, else the mean of `early` and `stack`."""
    recalibrate: Recalibration | None = None
    """A curve that brings probabilities into line with inner out-of-fold outcomes; None: as the models give them."""
    oversample: Literal["smote"] | None = None
    """Makes up units of the rarer class in each training set until there are as many of either, between neighbours
    after scaling and selection, at the price of calibration; whole numbers and 0/1 columns get values between. None:
    only real units."""
    inner_folds: int = Field(default=5, ge=2)
    """Folds inside each training set, for tuning and for the threshold."""
    budget: int = Field(default=1000, ge=1)
    """Most settings of selection and model together that are tried in the inner folds; more are an error."""
    threshold: Rule = "youden"
    """Where sensitivity and specificity are read: "youden", the largest Youden index on inner out-of-fold predictions;
    {sensitivity: 0.9} or {specificity: 0.9}, the best threshold there that has as much; {cost: 4}, the smallest cost
    where a missed event weighs as much as four false alarms; "half" or a number, that probability."""

    explain: ExplainConfig = ExplainConfig()
    """Which held-out units are explained in the report, of which families."""

    @property
    def joins(self) -> parts.Strategy:
        """The strategy, the usual one where none is named."""
        if self.strategy is not None:
            return self.strategy
        able = [model for model in self.learners if getattr(model, "takes_offset", False)]
        adds = not all(getattr(model, "adds_trees", False) for model in able)
        return Average() if adds else Average(of=(Early(), Stack()))

    @property
    def learners(self) -> tuple[parts.Model, ...]:
        """The models, one by one."""
        if isinstance(self.classifier, Mean):
            return tuple(member.model for member in self.classifier.members)
        return (self.classifier,)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What a reader should know of the settings, a sentence each."""
        if self.recalibrate is not None:
            return ()
        weighted = [
            str(getattr(model, "kind", type(model).__name__))
            for model in self.learners
            if getattr(model, "class_weight", None) is not None and not getattr(model, "keeps_prevalence", False)
        ]
        found = [f"{', '.join(dict.fromkeys(weighted))} weighted the classes equally{_SHIFTED}"] if weighted else []
        if self.oversample is not None:
            found.append(f"units of the rarer class were made up (oversample: {self.oversample}){_SHIFTED}")
        return tuple(found)

    @property
    def selections(self) -> dict[str, tuple[Selection, ...]]:
        """Every selection, by where it stands."""
        found = {"fusion.selection": self.selection}
        for i, member in enumerate(self.classifier.members if isinstance(self.classifier, Mean) else ()):
            found[f"fusion.classifier.members.{i}.selection"] = member.selection or ()
        return found

    @property
    def compares_again(self) -> bool:
        """Whether a step asks for what was measured again."""
        return any(getattr(step, "compares_again", False) for steps in self.selections.values() for step in steps)

    @field_validator("families")
    @classmethod
    def _once_each(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(families)) < len(families):
            raise ValueError("a family stands twice; remove one")
        if any(len(family) > 200 for family in families):
            raise ValueError("the name of a family has more than 200 letters; give its blocks shorter names")
        return families

    @model_validator(mode="after")
    def _folds_of_real_units(self) -> FusionConfig:
        if self.oversample is not None and any(isinstance(model, Svm) for model in self.learners):
            raise ValueError(
                "svm makes its probabilities in folds of its own, between which units made up would leak; leave "
                "fusion.oversample out, set class_weight: balanced of svm, or take another learner"
            )
        return self

    @model_validator(mode="after")
    def _settings_have_names_of_their_own(self) -> FusionConfig:
        members = self.classifier.members if isinstance(self.classifier, Mean) else (Member(model=self.classifier),)
        for member in members:
            steps = self.selection if member.selection is None else member.selection
            tried = [part.candidates() for part in (*steps, member.model)]
            count = math.prod(map(len, tried))
            if count > self.budget:
                sizes = ", ".join(
                    f"{getattr(part, 'kind', type(part).__name__)} {len(each)}"
                    for part, each in zip((*steps, member.model), tried, strict=True)
                    if len(each) > 1
                )
                raise ValueError(
                    f"{count:,} settings would be tried in every inner fold ({sizes}), more than fusion.budget "
                    f"{self.budget:,}; list fewer values, or raise the budget"
                )
            tuned = [name for each in tried for name in each[0]]
            if len(set(tuned)) < len(tuned):
                twice = sorted({name for name in tuned if tuned.count(name) > 1})
                raise ValueError(
                    f"two parts tune a setting of one name: {', '.join(twice)}; leave one out of `selection`"
                )
        return self


def check_blocks(config: FusionConfig, blocks: Sequence[str]) -> None:
    """Check that the steps of the selections, harmonisation and the strategy name blocks of the study.

    Raises:
        ValueError: the first that does not, with its right spelling where there is one.
    """
    for where, steps in config.selections.items():
        for i, step in enumerate(steps):
            for name in step.blocks if isinstance(step, Step) else ():
                if name not in blocks:
                    raise ValueError(f"{where}.{i}.blocks: the study has no block {name!r}{nearest(name, blocks)}")
    for name in config.harmonise.blocks if config.harmonise is not None else ():
        if name not in blocks:
            raise ValueError(f"fusion.harmonise.blocks: the study has no block {name!r}{nearest(name, blocks)}")
    for strategy in (config.strategy, *getattr(config.strategy, "of", ())):
        first = strategy.first if isinstance(strategy, Priority | Score) else "clinical"
        if first not in (*blocks, "clinical"):  # which is where none is named, and may lack
            raise ValueError(f"fusion.strategy: first: the study has no block {first!r}{nearest(first, blocks)}")


def check_again(config: FusionConfig, again: Mapping[str, Collection[str]], images: bool) -> None:
    """Check that steps which compare what was measured again have something to compare.

    Args:
        config: of the fusion wing.
        again: block -> "copies", "readers", "repeats"; blocks that are measured once are left out.
        images: the study starts from images.

    Raises:
        ValueError: the first that has none, and how to measure again.
    """
    for where, steps in config.selections.items():
        for i, step in enumerate(steps):
            if not getattr(step, "compares_again", False):
                continue
            source = getattr(step, "source", None)
            found = [block for block, sources in again.items() if source is None or source in sources]
            lacking = [block for block in getattr(step, "blocks", ()) if block not in found]
            if lacking or not found:
                what = f"the block {lacking[0]}" if lacking else "any block of the study"
                column = "cohort.repeats" if source == "repeats" else "cohort.readers or cohort.second_mask"
                who = "the same reader's" if source == "repeats" else "a second reader's"
                mend = f"name {who} masks in {column}" if images else ""
                if source != "repeats":
                    mend += (
                        f"{', or ' if images else ''}a second reader's table of a block in features.NAME.second_table"
                    )
                if source not in ("readers", "repeats") and not images:
                    mend += ", or start from images (`regions`), whose disturbed copies `stability` makes"
                if images and not lacking:
                    mend += ", or leave out `source`, to compare disturbed copies"
                raise ValueError(f"{where}.{i}: nothing was measured twice of {what}{_by(source)}; {mend}")


def _by(source: str | None) -> str:
    return f" by {source}" if source else ""
