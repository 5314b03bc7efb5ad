"""Splits into training and test units; a patient is never on both sides."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field

from radfuse.cohort.spreadsheet import to_numbers
from radfuse.cohort.times import days_of, times_of
from radfuse.config import Section
from radfuse.errors import Finding, InputError, counted, listed
from radfuse.outcomes.kinds import Outcome, strata
from radfuse.outcomes.survival import SurvivalOutcome

_SIDE = re.compile(
    r"(?<![^\W_])(?:train(?:ing)?|test(?:ing)?|val(?:id(?:ation)?)?|dev(?:elopment)?|derivation|discovery|replication|"
    r"hold[\s_-]?out|internal|external)(?:[\s_-]?(?:set|cohort|data))?(?![^\W_])",
    re.IGNORECASE,
)
"""Words for a side of a split."""


def _as_text(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)  # a year, or a number of a column of numbers
    return value.isoformat() if isinstance(value, date) else value  # YAML reads 2019-05-31 as a date


class Fold(NamedTuple):
    """One split: positions of units, disjoint in patients; `repeat` counts the times that patients were dealt anew."""

    name: str
    train: np.ndarray
    test: np.ndarray
    repeat: int = 1


class Drawn(Section):
    """Splits that are drawn at random, and may be drawn again: results then hang less on the luck of one deal."""

    repeats: int = Field(default=1, ge=1, le=1000)
    """How many times patients are dealt anew; every family is fitted on every fold of every deal."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Table columns the split reads."""
        return ()

    def _deals(self, seed: int, deal: Callable[[int], list[Fold]]) -> list[Fold]:
        """Return the folds of all deals, each from a seed of its own, named "fold.deal" where there are several."""
        if self.repeats == 1:
            return deal(seed)
        seeds = [seed, *np.random.SeedSequence(seed).generate_state(self.repeats - 1)]
        deals = [(number, deal(int(own))) for number, own in enumerate(seeds, start=1)]
        return [Fold(f"{fold.name}.{number}", fold.train, fold.test, number) for number, part in deals for fold in part]


class Grouped(Drawn):
    """K folds of patients, with like shares of the outcome."""

    kind: Literal["grouped"] = "grouped"
    folds: int = Field(default=5, ge=2)
    """How many; each patient is tested once."""
    stratified: bool = True
    """Give each fold a like share of the outcome."""

    def check(self, frame: pd.DataFrame, patient: str, outcome: Outcome | None) -> Iterator[Finding]:
        """Yield what makes the split impossible: fewer patients, or fewer events, than folds."""
        if frame[patient].nunique() < self.folds:
            found = frame[patient].nunique()
            mend = f"set it to {found} or less" if found >= 2 else "add patients"
            yield Finding(
                f"{counted(found, 'patient')} cannot fill {self.folds} folds (cohort.split.folds); {mend}", None, None
            )
        elif outcome is not None:
            yield from outcome.check_folds(frame, patient, self.folds)

    def folds_of(self, units: pd.DataFrame, patient: str, outcome: Outcome | None, seed: int) -> list[Fold]:
        """Return K folds a deal; `units` has a row per unit and a default index, and its order is dealt from."""
        from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

        groups = _numbers_of(units[patient])
        labels = strata(outcome, units) if self.stratified and outcome is not None else None
        kind = GroupKFold if labels is None else StratifiedGroupKFold

        def deal(seed: int) -> list[Fold]:
            parts = _split(kind(self.folds, shuffle=True, random_state=seed), labels, groups)
            return [Fold(str(number), train, test) for number, (train, test) in enumerate(parts, start=1)]

        return self._deals(seed, deal)


class Holdout(Drawn):
    """One test set of patients drawn at random, with a like share of the outcome."""

    kind: Literal["holdout"] = "holdout"
    test_fraction: float = Field(default=0.25, gt=0, lt=1)
    """Share of the patients of each outcome that are tested."""

    def check(self, frame: pd.DataFrame, patient: str, outcome: Outcome | None) -> Iterator[Finding]:
        """Yield what makes the split impossible: fewer than two patients of a class."""
        yield from Grouped(folds=2).check(frame, patient, outcome)

    def folds_of(self, units: pd.DataFrame, patient: str, outcome: Outcome | None, seed: int) -> list[Fold]:
        """Return one fold a deal whose test patients are about `test_fraction` of each class, the commonest first.

        What the classes are called changes nothing.
        """
        known = outcome.labels(units) if outcome is not None else None
        classes = pd.Series(0 if known is None else known, index=units.index)
        people = _numbers_of(units[patient])
        counts = classes.value_counts(sort=False).sort_values(ascending=False, kind="stable")
        ranks = classes.map({label: rank for rank, label in enumerate(counts.index)})
        labels = ranks.groupby(people).max()  # whoever has units of two classes counts to the rarer

        def deal(seed: int) -> list[Fold]:
            generator = np.random.default_rng(seed)
            chosen: list[int] = []
            for _, members in labels.groupby(labels):
                count = min(max(round(self.test_fraction * len(members)), 1), max(len(members) - 1, 1))
                chosen += list(generator.choice(members.index.to_numpy(), size=count, replace=False))
            return [_fold("holdout", np.isin(people, chosen))]

        return self._deals(seed, deal)


class Temporal(Section):
    """Train on earlier patients, test on later ones; a patient counts at the first date."""

    kind: Literal["temporal"] = "temporal"
    column: str
    """Dates (2019-05-31) or numbers."""
    test_from: Annotated[str, BeforeValidator(_as_text)] | None = None
    """First date of the test set; None takes the latest `test_fraction` of patients."""
    test_fraction: float = Field(default=0.3, gt=0, lt=1)
    """Share of the patients, the latest, that are tested where no date is given."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Table columns the split reads."""
        return (self.column,)

    def check(self, frame: pd.DataFrame, patient: str, outcome: Outcome | None) -> Iterator[Finding]:
        """Yield dates that cannot be read, and a date that leaves one side empty."""
        if self.column not in frame:
            return
        times, _ = times_of(frame[self.column])
        for index in frame.index[~np.isfinite(times)]:
            found = frame.loc[index, self.column]
            yield Finding(f"{found!r} is no date; write 2019-05-31, or a number", index, self.column)
        if self.test_from is not None:
            start = self._start(frame[self.column])
            if np.isnan(start):
                like = (
                    f"as the column has it ({frame[self.column].iloc[0]})" if np.isfinite(times).all() else "2019-05-31"
                )
                yield Finding(f"cohort.split.test_from {self.test_from!r} is no date; write it {like}", None, None)
            elif not times.isna().any():
                share = (times.groupby(frame[patient]).min() >= start).mean()
                if share in (0.0, 1.0):
                    side = "training" if share == 1.0 else "test"
                    yield Finding(
                        f"cohort.split.test_from {self.test_from!r} leaves the {side} set empty; take another",
                        None,
                        self.column,
                    )

    def _start(self, values: pd.Series) -> float:
        """Return `test_from` as the column's values are read: "2019" is a year among dates, a number among numbers."""
        text = pd.Series([self.test_from], dtype=object)
        if not to_numbers(values)[1].any():
            return float(to_numbers(text)[0].iloc[0])
        return float(days_of(text).iloc[0])

    def folds_of(self, units: pd.DataFrame, patient: str, outcome: Outcome | None, seed: int) -> list[Fold]:
        """Return one fold: earlier patients train, later ones test."""
        first = times_of(units[self.column])[0].groupby(units[patient]).min()
        if self.test_from is not None:
            start = self._start(units[self.column])
        else:
            start = np.quantile(first, 1 - self.test_fraction, method="higher")
        return [_fold("later", units[patient].isin(first.index[first >= start]).to_numpy())]


class LeaveSiteOut(Section):
    """Each site in turn is the test set."""

    kind: Literal["leave_site_out"] = "leave_site_out"
    column: str = "site"
    """Of the cohort table; each value is a fold."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Table columns the split reads."""
        return (self.column,)

    def check(self, frame: pd.DataFrame, patient: str, outcome: Outcome | None) -> Iterator[Finding]:
        """Yield patients seen at two sites, missing sites, and a single site."""
        yield from _one_value_each(frame, patient, self.column)
        if self.column in frame and frame[self.column].nunique() == 1:
            yield Finding(
                "all cases are of one site; none can be left out; take another cohort.split", None, self.column
            )

    def folds_of(self, units: pd.DataFrame, patient: str, outcome: Outcome | None, seed: int) -> list[Fold]:
        """Return a fold per site, in the order of their names."""
        return [_fold(site, (units[self.column] == site).to_numpy()) for site in sorted(units[self.column].unique())]


class ByColumn(Section):
    """The folds stand in the table: each value is a test fold, or the values are "train" and "test"."""

    kind: Literal["column"] = "column"
    column: str = "fold"
    """Of the cohort table, for example fold."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Table columns the split reads."""
        return (self.column,)

    def check(self, frame: pd.DataFrame, patient: str, outcome: Outcome | None) -> Iterator[Finding]:
        """Yield patients in two splits, missing values, and a single value."""
        yield from _one_value_each(frame, patient, self.column)
        if self.column in frame and frame[self.column].nunique() == 1:
            yield Finding(
                "all cases are in one split; two or more are needed: correct the column, or take another",
                None,
                self.column,
            )

        values = {str(value) for value in frame.get(self.column, pd.Series(dtype=object)).dropna()}
        said = {value.lower() for value in values}
        asked = bool(_SIDE.search(self.column)) and said in ({"0", "1"}, {"false", "true"}, {"no", "yes"})
        if values != {"train", "test"} and (asked or any(_SIDE.fullmatch(value) for value in said)):
            yield Finding(
                f"the values are {listed(map(repr, sorted(values)))}: write train and test alone, or number the folds, "
                "of which each is tested in turn; list cases of neither under cohort.exclude",
                None,
                self.column,
            )

    def folds_of(self, units: pd.DataFrame, patient: str, outcome: Outcome | None, seed: int) -> list[Fold]:
        """Return a fold per value, or the one of train and test."""
        values = units[self.column]
        names = ["test"] if set(values) == {"train", "test"} else sorted(values.unique())
        return [_fold(f"{name:g}" if isinstance(name, float) else name, (values == name).to_numpy()) for name in names]


def _grouped_unless_said(value: object) -> object:
    """Take settings that only grouped folds have for those of grouped folds."""
    settings = Grouped.model_fields
    if isinstance(value, Mapping) and "kind" not in value and all(name in settings for name in value):
        return {"kind": "grouped", **value}
    return value


Split = Annotated[
    Grouped | Holdout | Temporal | LeaveSiteOut | ByColumn,
    Field(discriminator="kind"),
    BeforeValidator(_grouped_unless_said),
]
"""How outer folds are made; grouped where no kind is said."""


def make_folds(
    split: Split, units: pd.DataFrame, patient: str, outcome: Outcome | None, seed: int, order: np.ndarray
) -> list[Fold]:
    """Return the folds of a study and check that each can be trained.

    Args:
        split: how to split.
        units: a row per unit, default index, columns `patient`, those of the outcome and what the split reads.
        patient: column of the person.
        outcome: what is predicted; None: nothing is.
        seed: of the shuffling.
        order: the positions of the units in the order that they are dealt in, from `content_order`.

    Returns:
        Folds whose positions stand in that order.

    Raises:
        InputError: a training side would hold one class only.
    """
    dealt = split.folds_of(units.iloc[order].reset_index(drop=True), patient, outcome, seed)
    folds = [fold._replace(train=order[fold.train], test=order[fold.test]) for fold in dealt]
    labels = outcome.labels(units) if outcome is not None else None
    for fold in folds:
        found = set() if labels is None else set(labels[fold.train].tolist())
        timed = isinstance(outcome, SurvivalOutcome)  # times rank units that all have the event
        if labels is not None and len(found) < 2 and not (timed and found == {1}):
            lacks = "has no unit with the event" if timed else "holds one outcome only"
            raise InputError(
                f"without fold {fold.name!r} the training set {lacks} ({len(fold.train)} units); choose another "
                "cohort.split"
            )
        shared = set(units[patient].iloc[fold.train]) & set(units[patient].iloc[fold.test])
        if shared:
            raise InputError(
                f"fold {fold.name!r} would hold patient {min(shared)!r} on both sides; take another cohort.split"
            )
    return folds


def positions_of(positions: np.ndarray) -> list[int]:
    """Return positions as plain integers, for JSON."""
    return [int(position) for position in positions]


def _numbers_of(patients: pd.Series | np.ndarray) -> np.ndarray:
    """Return each person's number by first appearance: what is shuffled are places in an order, never names."""
    return pd.factorize(np.asarray(patients, dtype=object))[0]


def _fold(name: str, test: np.ndarray) -> Fold:
    return Fold(name, np.flatnonzero(~test), np.flatnonzero(test))


def _one_value_each(frame: pd.DataFrame, patient: str, column: str) -> Iterator[Finding]:
    if column not in frame:
        return
    alike: dict[str, list[str]] = {}
    for name in sorted(map(str, frame[column].dropna().unique())):
        alike.setdefault("".join(name.casefold().removesuffix(".0").split()), []).append(name)
    for names in alike.values():
        if len(names) > 1:
            shown = " and ".join(map(repr, names))
            yield Finding(f"{shown} differ in capitals, spaces or a .0 alone; write one value one way", None, column)
    for index in frame.index[frame[column].isna()]:
        yield Finding("the value is missing; fill it: the split needs one for each case", index, column)
    for person, values in frame.dropna(subset=[column]).groupby(patient, sort=False)[column]:
        for index in values.index[values != values.iloc[0]]:
            yield Finding(
                f"patient {person!r} is in split {values.iloc[0]!r} (row {int(values.index[0]) + 2}) and in "
                f"{values[index]!r}; a patient belongs to one",
                index,
                column,
            )


class InnerSplit(NamedTuple):
    """Inner folds of a training set, as positions within it."""

    train: np.ndarray
    test: np.ndarray


def inner_folds(patients: np.ndarray, labels: np.ndarray | None, folds: int, seed: int) -> list[InnerSplit]:
    """Return folds by patient inside a training set, stratified where there are labels, shape (unit,).

    The seed and the order of the rows decide them, not the patients' names.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    kind = GroupKFold if labels is None else StratifiedGroupKFold
    groups = _numbers_of(patients)
    parts = _split(kind(folds, shuffle=True, random_state=seed), labels, groups)
    return [InnerSplit(train, test) for train, test in parts]


def _split(kind: Any, labels: np.ndarray | None, groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds by scikit-learn, without its warning of strata that are smaller than there are folds."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        return list(kind.split(groups, labels, groups))
