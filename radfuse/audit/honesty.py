"""Check: what is held out leaves no trace in what is fitted.

A fold's held-out rows are replaced by noise a thousand times their spread, their outcomes turned, and the same family
is fitted once more: every fitted number has to come out bit by bit the same. A part that looks at rows it is not given,
by a global or by what it remembers of another fold, gives another model; so does one that draws without a seed. Where
a study brings parts of its own, each of the two fits has an interpreter of its own, which takes down whether the
study's tables are opened, and another fold is fitted before it; in the second the clock stands at another time, so
that a part that reads it is caught as well. Where the two differ, the rows as they are are fitted once more: a part
whose model is another one then is no spy, but cannot be repeated. Of large tables a few hundred patients and columns
do: it is the code that is tried.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.context import BaseContext
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.audit.clock import put_on_the_clock
from radfuse.cohort.splits import Fold
from radfuse.errors import CaseError, listed
from radfuse.extend import source_digest
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.design import Design
from radfuse.fusion.families import blocks_of
from radfuse.fusion.validate import Fit, everyone, family_table, fit_fold
from radfuse.outcomes.kinds import Outcome
from radfuse.results import AuditCheck, AuditFinding, FittedFamily
from radfuse.run.workers import take_place

NAME = "held-out rows leave no trace"
LOOKS = (
    "a family fitted twice on one fold, once with its held-out rows replaced by noise and their outcomes turned: all "
    "fitted numbers bit by bit"
)
_FAR = 1e3
"""Spreads of a column by which the noise is scaled."""
_PATIENTS, _COLUMNS = 240, 200
"""Trained on, and of each block, at most."""
_LIBRARIES = ("numpy", "onnx", "pandas", "pydantic", "scipy.stats", "sklearn.linear_model")
"""What every fit imports, which takes longer than to fit."""
_opened: list[str] = []


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
        tables: files that nothing may open while models are fitted.
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
    tables: tuple[Path, ...] = ()


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
    tables: Sequence[Path] = (),
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
        tables: of the study, which a part of its own may not open.
        every: try all families; else one, the cheapest, of a study with parts of its own the widest.
    """
    own = own_parts_of(fusion, outcome)
    tried = families if every else [chosen_family(design, families, fusion, widest=bool(own))]
    before = folds[1] if len(folds) > 1 else everyone(np.sort(np.concatenate([folds[0].train, folds[0].test])))
    findings, done, failed = [], [], []
    for family in tried:
        about = (patient, outcome, fusion, seed, site, tuple(tables))
        trial = smaller(Trial(design, family, folds[0], before if own else None, *about))
        try:
            changed, read, alike = differing(trial, apart=bool(own))
        except CaseError as error:
            failed.append(f"{error.item}: {error.message}")
            continue
        done.append(family)
        if changed:
            findings.append(_finding(f"{family} on fold {folds[0].name}", changed, own, repeats=alike))
        if read:
            findings.append(_of_reading(read, own))
    if not done:
        return AuditCheck(name=NAME, looks=LOOKS, skipped=f"it could not be fitted: {'; '.join(failed)}")
    told = f"{listed(done)} on fold {folds[0].name}: the same to the last bit"
    return AuditCheck(name=NAME, looks=LOOKS, told=told, findings=tuple(findings))


def _finding(what: str, changed: Sequence[str], own: Sequence[str], *, repeats: bool) -> AuditFinding:
    whose = f"the study's own {listed(own)}" if own else "a part of radfuse: please report it"
    when, why = "when its held-out rows are noise", "something looks at rows that it is not given"
    if not repeats:
        when, why = "each time it is fitted to the same rows", "something draws without a seed, or reads the clock"
    return AuditFinding(
        severity="error",
        where="fusion",
        found=f"{what} is another model {when} ({listed(changed)} differ): {why}",
        mend=f"Its performance cannot be believed. The first to look at is {whose}",
    )


def _of_reading(read: Sequence[str], own: Sequence[str]) -> AuditFinding:
    return AuditFinding(
        severity="error",
        where="fusion",
        found=f"{listed(read)} is opened where models are fitted, and holds the rows that are held out",
        mend=f"A part sees what it is given, and nothing else: mend {listed(own)}",
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


def smaller(trial: Trial) -> Trial:
    """Return the same with some of the patients and columns, where there are many."""
    design, fold = trial.design, trial.fold
    patients = design.units[trial.patient]
    generator = np.random.default_rng(0)
    kept: set[object] = set()
    for rows, most in ((fold.train, _PATIENTS), (fold.test, _PATIENTS // 4)):
        people = patients.iloc[rows].unique()
        kept |= set(people if len(people) <= most else generator.choice(people, most, replace=False))
    keep = np.flatnonzero(patients.isin(kept))

    def cut(frame: pd.DataFrame) -> pd.DataFrame:
        wide = frame.shape[1] > _COLUMNS
        columns = np.linspace(0, frame.shape[1] - 1, _COLUMNS).astype(int) if wide else np.arange(frame.shape[1])
        return frame.iloc[keep, columns].reset_index(drop=True)

    def moved(old: Fold) -> Fold:
        train, test = (np.searchsorted(keep, rows[np.isin(rows, keep)]) for rows in (old.train, old.test))
        return old._replace(train=train, test=test)

    before = moved(trial.before) if trial.before is not None else None
    units = design.units.iloc[keep].reset_index(drop=True)
    return replace(trial, design=_each(replace(design, units=units), cut), fold=moved(fold), before=before)


def _each(design: Design, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Design:
    """Return a design whose frames of values are changed."""
    return replace(
        design,
        blocks={name: change(frame) for name, frame in design.blocks.items()},
        by_fold={name: {fold: change(each) for fold, each in own.items()} for name, own in design.by_fold.items()},
        again={
            name: {source: tuple(map(change, frames)) for source, frames in own.items()}
            for name, own in design.again.items()
        },
    )


def differing(trial: Trial, *, apart: bool) -> tuple[list[str], list[str], bool]:
    """Return the names of what differs between the two fits, and of tables that were opened in an interpreter apart.

    And whether either makes the same model again, which is tried where the two differ.

    Args:
        trial: what is fitted.
        apart: each in an interpreter of its own.

    Raises:
        CaseError: the family cannot be fitted, or no interpreter be started.
    """
    fit: Callable[..., tuple[Mapping[str, str], list[str]]] = _alone if apart else _here
    first, read = fit(trial)
    noise = replace(trial, design=poisoned(trial.design, trial.fold.test, trial.outcome))
    second, _ = fit(noise, later=True)
    changed = [name for name in first if first[name] != second.get(name)]
    again = (fit(rows, later=True)[0] == before for rows, before in ((trial, first), (noise, second)))
    return changed, read, not changed or all(again)


def _here(trial: Trial, **_: bool) -> tuple[Mapping[str, str], list[str]]:
    """Return what is fitted in this interpreter, whose clock is left as it is: radfuse's own parts read none."""
    return fitted_numbers(trial), []


def _alone(trial: Trial, *, later: bool = False) -> tuple[Mapping[str, str], list[str]]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    nobody = CaseError(trial.family, "no process could be started for it")
    if multiprocessing.current_process().daemon:  # as a worker of multiprocessing.Pool, which may start none
        raise nobody
    try:
        with ProcessPoolExecutor(1, _beginning(), _watch, (later,)) as pool:
            return pool.submit(_watched, trial).result()
    except BrokenProcessPool as error:
        raise nobody from error


def _beginning() -> BaseContext:
    """Return how an interpreter begins: where that is safe as a copy of one that knows libraries and no own part."""
    import multiprocessing

    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LIBRARIES))
    return context


def _watch(later: bool = False) -> None:
    """Take down every file that is opened, from before the study's own parts are imported; put the clock on, if so."""
    take_place()
    if later:
        put_on_the_clock()
    np.random.seed()  # noqa: NPY002  in a copy numpy's own generator would draw what it draws in the other one

    def heard(event: str, known: tuple[object, ...]) -> None:
        if event == "open" and isinstance(known[0], (str, os.PathLike)):
            _opened.append(os.fspath(known[0]))

    sys.addaudithook(heard)


def _watched(trial: Trial) -> tuple[Mapping[str, str], list[str]]:
    numbers = fitted_numbers(trial)
    opened = {os.path.realpath(name) for name in list(_opened)}
    return numbers, [table.name for table in trial.tables if os.path.realpath(table) in opened]


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

    return _each(replace(design, units=units), noise)
