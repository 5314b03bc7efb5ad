"""Check: what is held out leaves no trace in what is fitted.

A fold's held-out rows are replaced by noise a thousand times their spread, their outcomes turned, and the same family
is fitted once more: every fitted number has to come out bit by bit the same. A part that looks at rows it is not given,
by a global or by what it remembers of another fold, gives another model. Where a study brings parts of its own, each of
the two fits has an interpreter of its own, and another fold is fitted before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from radfuse.cohort.splits import Fold
from radfuse.errors import CaseError, listed
from radfuse.extend import source_digest
from radfuse.fusion.config import FusionConfig, blocks_of
from radfuse.fusion.design import Design
from radfuse.fusion.validate import Fit, everyone, family_table, fit_fold
from radfuse.outcomes.kinds import Outcome
from radfuse.results import AuditCheck, AuditFinding, FittedFamily

NAME = "held-out rows leave no trace"
_LOOKS = (
    "a family fitted twice on one fold, once with its held-out rows replaced by noise and their outcomes turned: all "
    "fitted numbers bit by bit"
)
_FAR = 1e3
"""Spreads of a column by which the noise is scaled."""


@dataclass(frozen=True)
class Trial:
    """A family to be fitted on a fold.

    Attributes:
        design: units and blocks.
        family: which blocks.
        fold: its held-out rows are what must not be seen.
        before: fitted first, where parts may remember; None: nothing is.
        patient: column of the person.
        outcome: what is predicted.
        fusion: how models are built.
        seed: of the inner folds.
        site: column of the site, where values are harmonised by it.
    """

    design: Design
    family: str
    fold: Fold
    before: Fold | None
    patient: str
    outcome: Outcome
    fusion: FusionConfig
    seed: int
    site: str | None


def look(
    design: Design,
    folds: Sequence[Fold],
    families: Sequence[str],
    patient: str,
    outcome: Outcome,
    fusion: FusionConfig,
    seed: int,
    site: str | None = None,
    *,
    every: bool = False,
) -> AuditCheck:
    """Return whether held-out rows of the first fold leave a trace.

    Args:
        design: units and blocks.
        folds: the outer ones.
        families: of the study.
        patient: column of the person.
        outcome: what is predicted.
        fusion: how models are built.
        seed: of the study.
        site: column of the site, where values are harmonised by it.
        every: try all families; else one, the cheapest, of a study with parts of its own the widest.
    """
    own = own_parts_of(fusion, outcome)
    tried = families if every else [chosen_family(design, families, fusion, widest=bool(own))]
    before = folds[1] if len(folds) > 1 else everyone(np.sort(np.concatenate([folds[0].train, folds[0].test])))
    findings, done, failed = [], [], []
    for family in tried:
        trial = Trial(design, family, folds[0], before if own else None, patient, outcome, fusion, seed, site)
        try:
            changed = differing(trial, apart=bool(own))
        except CaseError as error:
            failed.append(f"{error.item}: {error.message}")
            continue
        done.append(family)
        if changed:
            findings.append(_finding(family, folds[0].name, changed, own))
    if not done:
        return AuditCheck(name=NAME, looks=_LOOKS, skipped=f"it could not be fitted: {'; '.join(failed)}")
    told = f"{listed(done)} on fold {folds[0].name}: the same to the last bit"
    return AuditCheck(name=NAME, looks=_LOOKS, told=told, findings=tuple(findings))


def _finding(family: str, fold: str, changed: Sequence[str], own: Sequence[str]) -> AuditFinding:
    whose = f"the study's own {listed(own)}" if own else "a part of radfuse: please report it"
    return AuditFinding(
        severity="error",
        where="fusion",
        found=f"{family} on fold {fold} is another model when its held-out rows are noise ({listed(changed)} differ): "
        "something looks at rows that it is not given",
        mend=f"Its performance cannot be believed. The first to look at is {whose}",
    )


def chosen_family(design: Design, families: Sequence[str], fusion: FusionConfig, *, widest: bool = False) -> str:
    """Return the family with fewest columns, or most, among those that every step of the study has work in."""
    steps = [step for selection in fusion.selections.values() for step in selection]
    named = {name for step in steps for name in getattr(step, "blocks", ())}
    able = [family for family in families if named <= set(blocks_of(family))] or list(families)
    sizes = {family: sum(design.blocks[name].shape[1] for name in blocks_of(family)) for family in able}
    return (max if widest else min)(able, key=lambda family: sizes[family])


def own_parts_of(fusion: FusionConfig, outcome: Outcome) -> list[str]:
    """Return the names of classes that the study brings."""
    parts: list[object] = [outcome, fusion.joins, *fusion.learners]
    parts += [step for steps in fusion.selections.values() for step in steps]
    return list(dict.fromkeys(type(part).__qualname__ for part in parts if source_digest(type(part)) is not None))


def differing(trial: Trial, *, apart: bool) -> list[str]:
    """Return the names of what differs between the two fits.

    Args:
        trial: what is fitted.
        apart: each in an interpreter of its own.

    Raises:
        CaseError: the family cannot be fitted, or no interpreter be started.
    """
    both = [trial, replace(trial, design=poisoned(trial.design, trial.fold.test, trial.outcome))]
    first, second = (_alone(each) if apart else fitted_numbers(each) for each in both)
    return [name for name in first if first[name] != second.get(name)]


def _alone(trial: Trial) -> Mapping[str, str]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            return pool.submit(fitted_numbers, trial).result()
    except BrokenProcessPool as error:
        raise CaseError(trial.family, "no process could be started for it") from error


def fitted_numbers(trial: Trial) -> Mapping[str, str]:
    """Return digests of what was fitted, by what they are of.

    Raises:
        CaseError: the family cannot be fitted.
    """
    from threadpoolctl import threadpool_limits

    from radfuse.fusion.memory import forget

    about = (trial.patient, trial.outcome, trial.fusion, trial.seed, trial.site)
    with threadpool_limits(1):
        forget()  # what was learned of the same rows before would be taken over
        if trial.before is not None:
            fit_fold(trial.design, trial.family, trial.before, *about)
        stored, fit = fit_fold(trial.design, trial.family, trial.fold, *about)
        forget()
    return _digests(trial, stored, fit)


def _digests(trial: Trial, stored: FittedFamily, fit: Fit) -> Mapping[str, str]:
    columns = {column.name: column.importance for column in stored.explanation.columns}
    table = family_table(trial.design, trial.family, trial.fold.name, trial.fusion, trial.site)
    again = np.asarray(fit.fitted.predict(table.x[trial.fold.train]), dtype=np.float64)
    known = {
        "columns": str(sorted(columns)),
        "coefficients": f"{sorted(columns.items())} {stored.explanation.formula}",
        "settings": str(sorted(stored.tuned.items())),
        "threshold": repr(stored.threshold),
        "inner AUC": repr(stored.inner_auc),
        "predictions": hashlib.sha256(again.tobytes()).hexdigest(),
    }
    try:
        model = fit.fitted.to_onnx(trial.family, stored.threshold)
    except (ValueError, NotImplementedError):  # a part that cannot ship has its predictions compared alone
        return known
    return {**known, "model": hashlib.sha256(model).hexdigest()}


def poisoned(design: Design, rows: np.ndarray, outcome: Outcome) -> Design:
    """Return a design whose rows hold noise in every block, and turned outcomes: events for none, the last first."""
    generator = np.random.default_rng(0)
    units = design.units.copy()
    for name in outcome.columns().values():
        values = units[name].to_numpy().copy()
        two = pd.unique(pd.Series(values).dropna())
        turned = np.where(values[rows] == two[0], two[-1], two[0]) if len(two) == 2 else values[rows][::-1]
        values[rows] = turned
        units[name] = values

    def noise(frame: pd.DataFrame) -> pd.DataFrame:
        values = frame.to_numpy(dtype="float64", copy=True)
        known = np.where(np.isnan(values), 0.0, values)
        spread = np.where(np.ptp(known, axis=0) > 0, known.std(axis=0), 1.0)
        values[rows] = _FAR * spread * generator.standard_normal((len(rows), values.shape[1]))
        return pd.DataFrame(values, index=frame.index, columns=frame.columns)

    return replace(
        design,
        units=units,
        blocks={name: noise(frame) for name, frame in design.blocks.items()},
        by_fold={name: {fold: noise(each) for fold, each in own.items()} for name, own in design.by_fold.items()},
        again={
            name: {source: tuple(map(noise, frames)) for source, frames in own.items()}
            for name, own in design.again.items()
        },
    )
