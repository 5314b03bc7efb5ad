"""What a reviewer would ask about a design: folds too small, names nearly usual."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from radfuse.cohort.config import CohortConfig
from radfuse.cohort.splits import Fold, Grouped, Split, make_folds
from radfuse.errors import InputError, Problem, counted, listed
from radfuse.fusion.design import Design
from radfuse.fusion.families import FIRST_BLOCKS
from radfuse.outcomes.kinds import Outcome, settled
from radfuse.outcomes.timed import TimedOutcome

_FEW = 3
"""Tested patients with an outcome below which nothing can be said of it."""


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
    assert config.outcome is not None
    outcome = settled(config.outcome, units)
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


def untold_times(outcome: Outcome, units: pd.DataFrame, folds: Sequence[Fold]) -> list[Problem]:
    """Return a remark on each thing that test sets cannot tell, or training sets cannot teach, of times to an event."""
    if not isinstance(outcome, TimedOutcome):
        return []
    y = outcome.targets(units)
    said: dict[str, list[str]] = {}
    for fold in folds:
        for text in outcome.untold(y[fold.train], y[fold.test]):
            said.setdefault(text, []).append(fold.name)
    mend = "take fewer folds, another cohort.split, or another cohort.outcome.horizon"
    return [
        Problem("cohort.split", f"fold {listed(map(repr, names))}: {text}; {mend}", severity="warning")
        for text, names in said.items()
    ]


def lacking_levels(outcome: Outcome, units: pd.DataFrame) -> list[Problem]:
    """Return a remark where no unit at all has what the study says that there is, as a grade."""
    said = getattr(outcome, "cautions", lambda _: ())(outcome.targets(units))
    return [
        Problem("cohort.outcome", f"{text}; correct its levels, or add such cases", severity="warning") for text in said
    ]


def odd_sizes(split: Split, folds: Sequence[Fold], patients: np.ndarray, labels: np.ndarray | None) -> list[Problem]:
    """Return remarks where one test set is far from the share that was asked for, or tells next to nothing.

    Args:
        split: that made the folds.
        folds: of it.
        patients: of each unit.
        labels: of each unit; None where there are no classes.
    """
    found = []
    fold, asked = folds[0], getattr(split, "test_fraction", None)
    if asked is None or getattr(split, "test_from", None) is not None:
        return []
    tested, people = len(set(patients[fold.test])), len(set(patients))
    if abs(tested / people - asked) > max(0.1, 1 / people):
        found.append(
            f"{tested} of {people} patients are tested, not {asked:.0%}, as many share the date where it would be cut; "
            "set cohort.split.test_from"
        )
    rarest = (
        min(len(set(patients[fold.test][labels[fold.test] == value])) for value in set(labels))
        if labels is not None
        else 0
    )
    if 0 < rarest < _FEW:
        found.append(
            f"{counted(rarest, 'tested patient has', 'tested patients have')} the rarest outcome, which tells next to "
            "nothing; raise cohort.split.test_fraction, or take folds, cohort.split: {kind: grouped}"
        )
    return [Problem("cohort.split", message, severity="warning") for message in found]


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


def one_valued(values: pd.DataFrame) -> list[Problem]:
    """Return a remark for each image and region whose voxels hold one value in some cases, as far as features tell.

    Args:
        values: a row per case, a column per radiomic feature.
    """
    told: dict[str, pd.Index] = {}
    for feature in ("Range", "Variance"):
        end = f"/original_firstorder_{feature}"
        for column in (name for name in values.columns if str(name).endswith(end)):
            cases = values.index[values[column] == 0]
            if len(cases):
                told.setdefault(str(column).removesuffix(end), cases)
    return [
        Problem(
            "features.radiomic",
            f"{place}: all voxels hold one value in {listed(cases)}; look at the image, or leave the case out",
            severity="warning",
        )
        for place, cases in told.items()
    ]
