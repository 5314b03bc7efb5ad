"""What a reviewer would ask about a design: columns that tell the outcome, folds too small, names nearly usual."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from math import comb

import numpy as np
import pandas as pd

from radfuse.cohort.config import CohortConfig
from radfuse.cohort.splits import Fold, Grouped, make_folds
from radfuse.errors import InputError, Problem, listed
from radfuse.fusion.config import FIRST_BLOCKS
from radfuse.fusion.design import Design
from radfuse.outcomes.kinds import Outcome
from radfuse.statistics.auc import auc

_TELLING = 0.99
"""Area under the ROC curve of one column from which on it is taken for the outcome itself."""
_CHANCE = 0.05
"""Columns of such an area expected by chance in a block, from which on they are no news."""


def telling_columns(design: Design, outcome: Outcome) -> list[Problem]:
    """Return a remark for each block with columns that tell two classes apart by themselves.

    A column of two values is named always, one of more values where chance would hardly make it: of few patients and
    thousands of columns some tell them apart by chance.
    """
    labels = outcome.labels(design.units)
    if labels is None or set(labels) != {0, 1}:
        return []
    remarks = []
    for block, values in design.blocks.items():
        by_chance = 2 * values.shape[1] / comb(len(labels), int(labels.sum()))
        areas = {str(name): _area(labels, values[name].to_numpy(dtype=float)) for name in values}
        found = {name: area for name, area in areas.items() if area > _TELLING}
        if by_chance > _CHANCE:
            found = {name: area for name, area in found.items() if values[name].nunique() == 2}
        if found:
            where = "cohort.clinical" if block == "clinical" else f"features.{block}"
            mend = "remove it from cohort.clinical" if block == "clinical" else f"leave it out with {where}.exclude"
            first = next(iter(found))
            shown = listed(f"{name} (AUC {area:.3f})" for name, area in found.items())
            message = (
                f"tells the outcome by itself: {shown}. If it copies the outcome, or is known only after it, {mend}"
            )
            remarks.append(Problem(where, message, None, first, "warning"))
    return remarks


def _area(labels: np.ndarray, values: np.ndarray) -> float:
    """Return the area under the ROC curve of one column, whichever way it points; 0.5 where a class has no value."""
    known = ~np.isnan(values)
    if known.sum() < 0.5 * len(labels) or len(set(labels[known])) < 2:
        return 0.5
    area = auc(labels[known], values[known])
    return max(area, 1 - area)


def inner_folds_possible(
    config: CohortConfig, design: Design, folds: Sequence[Fold], order: np.ndarray, seed: int, wanted: int
) -> list[Problem]:
    """Return what is wrong where training sets allow fewer inner folds than the study asks for: an error if none.

    Args:
        config: of the cohort, with an outcome.
        design: its units.
        folds: the outer folds.
        order: of the units, from `order_of`.
        seed: of the folds.
        wanted: `fusion.inner_folds`.

    Returns:
        An error where a training set allows none, with the fold and other outer folds that would do; a warning where
        one allows fewer; else nothing.
    """
    fewest = wanted
    for fold in folds:
        try:
            possible = _possible(config, design.units, fold, wanted)
        except ValueError as error:
            mend = _mend(config, design, order, seed)
            message = f"the training set without fold {fold.name!r} cannot be tuned: {error}; {mend}"
            return [Problem("cohort.split", message)]
        fewest = min(fewest, possible)
    if fewest == wanted:
        return []
    message = (
        f"{wanted} are wanted, but the training sets have patients of the rarer outcome for {fewest} only; so many are "
        f"used. Set fusion.inner_folds: {fewest} to say so"
    )
    return [Problem("fusion.inner_folds", message, severity="warning")]


def _possible(config: CohortConfig, units: pd.DataFrame, fold: Fold, wanted: int) -> int:
    outcome = config.outcome
    assert outcome is not None
    patients = units[config.patient].to_numpy()
    return outcome.folds_possible(outcome.targets(units)[fold.train], patients[fold.train], wanted)


def _mend(config: CohortConfig, design: Design, order: np.ndarray, seed: int) -> str:
    """Return the split into patients that would do, or what is lacking."""
    assert config.outcome is not None
    patients = design.units[config.patient].nunique()
    for count in range(2, min(patients, 10) + 1):
        split = Grouped(folds=count)
        if any(split.check(design.units, config.patient, config.outcome)):
            continue
        try:
            folds = make_folds(split, design.units, config.patient, config.outcome, seed, order)
            for fold in folds:
                _possible(config, design.units, fold, 2)
        except (InputError, ValueError):
            continue
        return f"set cohort.split: {{kind: grouped, folds: {count}}}"
    return "add patients of the rarer outcome: each training set needs two of them"


def one_class_tests(folds: Sequence[Fold], labels: np.ndarray | None) -> list[Problem]:
    """Return a remark where test sets hold one of two classes only; labels are None where there are no classes."""
    if labels is None:
        return []
    found = [fold.name for fold in folds if len(set(labels[fold.test])) < 2]
    if not found:
        return []
    message = (
        f"the test set of fold {listed(map(repr, found))} holds one outcome only, so that nothing can be told apart "
        "in it alone; take fewer folds, or another cohort.split"
    )
    return [Problem("cohort.split", message, severity="warning")]


def near_usual_names(blocks: Iterable[str]) -> list[Problem]:
    """Return a remark for each block of tables whose name is nearly one that radfuse knows."""
    remarks = []
    for block in blocks:
        usual = [name for name in FIRST_BLOCKS if name != "clinical"]
        near = difflib.get_close_matches(block.lower(), usual, n=1, cutoff=0.7)
        if near and block not in usual:
            message = f"{block!r} is a block of its own; if you mean the usual one, write {near[0]!r}"
            remarks.append(Problem(f"features.{block}", message, severity="warning"))
    return remarks
