"""One family on one outer fold, and on all units: the pieces of work the pipeline records and resumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from radfuse.cohort.splits import Fold, InnerSplit
from radfuse.errors import CaseError
from radfuse.evaluation.thresholds import AtSensitivity, AtSpecificity, Rule, name_of
from radfuse.fusion.against_rest import AgainstRest, against_rest
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.design import Design, again_of, stack
from radfuse.fusion.families import blocks_of
from radfuse.fusion.link import link_of
from radfuse.fusion.memory import remembered_folds
from radfuse.fusion.parts import Again, FittedFamilyModel, Outcome, Settings, Training, Tuned
from radfuse.fusion.scaling import rows_of
from radfuse.fusion.sites import Sites, hidden_columns, told_of_unseen, unseen_sites
from radfuse.results import Classes, FittedFamily, OrdinalFit, SiteInput, SurvivalFit
from radfuse.statistics.links import LinkName

ALL = "all"
"""Name of the fit on all units."""
_FEW = 32
"""Columns that are looked at at a time."""


@dataclass(frozen=True)
class Fit:
    """A fitted family with what was chosen inside its training set.

    Attributes:
        fitted: predicts, writes ONNX, explains.
        threshold: on the probability.
        settings: that were tuned.
        inner_auc: mean discrimination over the inner folds; NaN where none could be computed.
        remarks: what fell back on something else, a sentence each.
        thresholds: by other rules.
        beside: what the outcome wants to stand beside the probabilities; None: nothing.
    """

    fitted: FittedFamilyModel
    threshold: float
    settings: Settings
    inner_auc: float
    remarks: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    beside: SurvivalFit | OrdinalFit | Classes | None = None


@dataclass(frozen=True)
class FamilyTable:
    """What one family is fitted on.

    Attributes:
        x: float64, shape (unit, column), NaN where missing; hidden columns come last.
        blocks: block -> positions of its columns.
        names: of all columns.
        sites: where values are harmonised, which columns tell how.
        site: the same for whoever reads new units.
        again: of its columns, what was measured again.
    """

    x: np.ndarray
    blocks: Mapping[str, Sequence[int]]
    names: Sequence[str]
    sites: Sites | None = None
    site: SiteInput | None = None
    again: Again = field(default_factory=dict)


def family_table(design: Design, family: str, fold: str, config: FusionConfig, site: str | None = None) -> FamilyTable:
    """Return a family's columns in the order of its ONNX input, in one outer fold.

    Args:
        design: units and blocks.
        family: which blocks.
        fold: its name.
        config: of the fusion wing.
        site: column of the site in `design.units`; needed to harmonise.

    Raises:
        ValueError: no column of the site is named, and values are to be harmonised.
    """
    blocks = design.blocks_of(fold)
    x, positions, names = stack(blocks, blocks_of(family))
    again = again_of(design, blocks_of(family))
    if config.harmonise is None or not any(map(config.harmonise.harmonises, positions)):
        return FamilyTable(x, positions, names, again=again)
    if site is None:
        raise ValueError("to harmonise, name the column of the site")
    clinical = blocks.get("clinical", design.units[[]])
    beside = positions.get("clinical", ())
    hidden, sites, told = hidden_columns(config.harmonise, design.units[site], site, clinical, names, beside)
    values = np.hstack([x, hidden.to_numpy(dtype="float64")])
    return FamilyTable(values, positions, [*names, *map(str, hidden.columns)], sites, told, again)


def everyone(order: np.ndarray) -> Fold:
    """Return the fold that trains on all units, in the order given, and tests none."""
    return Fold(ALL, order, np.array([], dtype=int))


def fit_family(
    x: np.ndarray,
    y: np.ndarray,
    labels: np.ndarray | None,
    patients: np.ndarray,
    blocks: Mapping[str, Sequence[int]],
    names: Sequence[str],
    outcome: Outcome,
    config: FusionConfig,
    seed: int,
    sites: Sites | None = None,
    again: Again | None = None,
) -> Fit:
    """Tune and fit one family on its training units.

    Args:
        x: float64, shape (unit, column); NaN is imputed.
        y: targets of the outcome, a row per unit.
        labels: classes that inner folds are stratified by, shape (unit,); None without.
        patients: shape (unit,); inner folds keep a patient together.
        blocks: block -> its columns in `x`.
        names: of the columns.
        outcome: what is predicted.
        config: of the fusion wing.
        seed: of the inner folds and of whatever a model draws.
        sites: how values are harmonised; None: they are not.
        again: of the columns of blocks, what was measured again of these units; None: nothing.

    Raises:
        ValueError: too few patients of one class, or no column varies.
    """
    folds = remembered_folds(patients, labels, outcome.folds_possible(y, patients, config.inner_folds), seed)
    parts = (config.selection, config.classifier, outcome, seed)
    told, silent = _telling(x, blocks, folds)
    training = Training(
        *(x, y, told, names, folds, *parts),
        sites=sites,
        again=again or {},
        oversample=config.oversample is not None,
        patients=patients,
    )
    tuned = _tuned(training, config)
    threshold = outcome.threshold(y, tuned.inner, config.threshold)
    scores = np.array([outcome.discrimination(y[fold.test], tuned.inner[fold.test]) for fold in folds])
    inner_auc = float(np.nanmean(scores)) if not np.isnan(scores).all() else float("nan")
    remarks = [f"the block {name} holds no value that varies in a training set, and is left out" for name in silent]
    remarks += getattr(outcome, "cautions", lambda _: ())(y)
    remarks += _called_alike(tuned.inner >= threshold, config.threshold)
    said = (*tuned.remarks, *remarks, *config.cautions)
    beside = outcome.beside(y, tuned.inner) if hasattr(outcome, "beside") else None
    thresholds = outcome.thresholds(y, tuned.inner)
    return Fit(tuned.fitted, threshold, tuned.settings, inner_auc, said, thresholds, beside)


def _called_alike(called: np.ndarray, rule: Rule) -> list[str]:
    """Return a remark where what the rule asks for is had only by calling all alike."""
    if isinstance(rule, (AtSensitivity, AtSpecificity)) and called.all() == called.any():
        who = "every" if called.all() else "no"
        return [f"no threshold has a {name_of(rule)} in training but one by which {who} unit is called"]
    return []


def _telling(
    x: np.ndarray, blocks: Mapping[str, Sequence[int]], folds: Sequence[InnerSplit]
) -> tuple[dict[str, Sequence[int]], list[str]]:
    """Return the blocks in which a column varies in every training set, all where none does, and names of the rest."""
    whole = np.arange(len(x))
    told = {
        name: columns
        for name, columns in blocks.items()
        if all(_varies(x, rows, np.asarray(columns)) for rows in (whole, *(fold.train for fold in folds)))
    }
    if not told:
        return dict(blocks), []
    return told, [name for name in blocks if name not in told]


def _varies(x: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> bool:
    """Return whether any of the columns holds two values on these rows; a few are looked at at a time."""
    for start in range(0, len(columns), _FEW):
        values = x[np.ix_(rows, columns[start : start + _FEW])]
        low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
        if (high > low).any():  # NaN where a column is empty, which is not larger
            return True
    return False


def _tuned(training: Training, config: FusionConfig) -> Tuned:
    """Return the family at its best settings; of several classes each against the rest."""
    if link_of(training.outcome) == "softmax":
        return against_rest(training, lambda own: _tuned(own, config))
    return _recalibrated(training, config) if config.recalibrate is not None else config.joins.fit(training)


def _recalibrated(training: Training, config: FusionConfig) -> Tuned:
    """Return the family with its probabilities brought into line with the outcomes of the inner test folds."""
    from radfuse.fusion.recalibrate import recalibrated

    strategy: Any = config.joins
    if not hasattr(strategy, "learn") or config.recalibrate is None:
        raise ValueError("fusion.recalibrate works with radfuse's own strategies; leave it out, or calibrate in yours")
    return recalibrated(strategy.learn(training), training, config.recalibrate)


def fit_fold(
    design: Design,
    family: str,
    fold: Fold,
    patient: str,
    outcome: Outcome,
    config: FusionConfig,
    seed: int,
    site: str | None = None,
) -> tuple[FittedFamily, Fit]:
    """Fit a family on a fold's training units and predict its test units.

    Args:
        design: units and blocks.
        family: which blocks.
        fold: its training units in the order that models see them; `everyone` trains on all units and tests none.
        patient: column of the person in `design.units`.
        outcome: what is predicted.
        config: of the fusion wing.
        seed: of the inner folds, the same for all families.
        site: column of the site in `design.units`; needed to harmonise.

    Returns:
        The result to store, and the fitted family.

    Raises:
        CaseError: the training units do not allow a fit, or test units are of a site that they lack.
    """
    outcome = outcome.settled(design.units) if hasattr(outcome, "settled") else outcome
    y, patients = outcome.targets(design.units), design.units[patient].to_numpy()
    train, test, table = fold.train, fold.test, family_table(design, family, fold.name, config, site)
    x, new = rows_of(table.x, train), rows_of(table.x, test)
    table = replace(table, x=x)  # the whole is needed no more
    here = getattr(outcome, "strata", outcome.labels)(design.units.iloc[train])  # of these alone: nothing leaks
    try:
        remarks = _unseen(design, fold, table.site)
        again = {name: {source: each[:, train] for source, each in own.items()} for name, own in table.again.items()}
        about = (table.blocks, table.names, outcome, config, seed, table.sites, again)
        fit = fit_family(x, y[train], here, patients[train], *about)
    except ValueError as error:
        raise CaseError(f"{family}, fold {fold.name}", str(error)) from error
    probability = fit.fitted.predict(new) if len(test) else np.array([])
    explainers, unexplained = _explainers(fit.fitted, x, table.names, link_of(outcome), fold)
    result = FittedFamily(
        family=family,
        fold=fold.name,
        explanation=fit.fitted.explain(f"{family} score"),
        threshold=fit.threshold,
        tuned=fit.settings,
        inner_auc=fit.inner_auc,
        columns_in=sum(map(len, table.blocks.values())),
        test=tuple(map(int, test)),
        probability=tuple(map(tuple, probability.tolist())) if probability.ndim > 1 else tuple(probability.tolist()),
        site=table.site,
        remarks=(*fit.remarks, *remarks, *unexplained),
        thresholds=fit.thresholds,
        **explainers,
        **_by_kind(fit.beside),
    )
    return result, fit


def _by_kind(beside: SurvivalFit | OrdinalFit | Classes | None) -> dict[str, Any]:
    """Return what stands beside predictions, by the field of `FittedFamily` that keeps it."""
    kept = {SurvivalFit: "survival", OrdinalFit: "ordinal", Classes: "classes"}
    return {} if beside is None else {kept[type(beside)]: beside}


def _explainers(
    fitted: FittedFamilyModel, x: np.ndarray, names: Sequence[str], link: LinkName, fold: Fold
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what explains a family of the first deal, or each of its classes against the rest, by `FittedFamily`.

    Where it cannot be made, as of a user's part without ONNX, nothing and a remark.
    """
    from radfuse.fusion.explain.explainer import explainer_of

    parts: dict[str, Any] = {"": fitted}
    if isinstance(fitted, AgainstRest):
        parts = dict(zip(fitted.classes, fitted.parts, strict=True))
        link = "logit"
    if fold.repeat > 1:
        return {}, ()
    try:
        found = {name: explainer_of(part, x, names, link).to_text() for name, part in parts.items()}
        return ({"explainer": found[""]} if "" in found else {"explainers": found}), ()
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        return {}, (f"its score cannot be taken apart, so that it is not explained ({type(error).__name__}: {error})",)


def _unseen(design: Design, fold: Fold, site: SiteInput | None) -> tuple[str, ...]:
    """Return a remark where test units of unseen sites pass; raises ValueError where that is not asked for."""
    found = unseen_sites(design.units[site.column], fold) if site is not None else {}
    if not found:
        return ()
    if site is not None and site.unseen == "error":
        raise ValueError(told_of_unseen(found, "the fold"))
    return ("harmonisation left test units as they are whose site has less than two training units",)
