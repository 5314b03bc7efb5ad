"""Subject: what the checks look at, and what several of them need to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from radfuse.audit.ranked import Ranked, ranked
from radfuse.cohort.case import Cohort
from radfuse.cohort.column_names import tells_who
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.splits import Fold
from radfuse.fusion.design import Design
from radfuse.fusion.link import link_of
from radfuse.outcomes.kinds import Outcome, settled


@dataclass(frozen=True)
class Subject:
    """A study before anything is fitted.

    Attributes:
        cohort: the cases.
        design: units and blocks.
        folds: the outer ones.
    """

    cohort: Cohort
    design: Design
    folds: Sequence[Fold]

    @property
    def config(self) -> CohortConfig:
        """What the columns of the cohort's table mean."""
        return self.cohort.config

    @property
    def outcome(self) -> Outcome:
        """What is predicted."""
        assert self.config.outcome is not None
        return self.config.outcome

    @cached_property
    def targets(self) -> np.ndarray:
        """What models are fitted to, a row per unit."""
        return self.outcome.targets(self.design.units)

    @cached_property
    def events(self) -> np.ndarray | None:
        """Which units have the event, bool; None where the outcome is not one of two classes that both occur."""
        return events_of(self.outcome, self.design.units)

    @cached_property
    def timed(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Time and event of each unit; None where the outcome is no time to an event, or nobody has it."""
        y = self.targets
        return (y[:, 0], y[:, 1]) if link_of(self.outcome) == "cloglog" and y[:, 1].any() else None

    @cached_property
    def valued(self) -> np.ndarray | None:
        """Value, or place of the grade, of each unit; None where the outcome is neither."""
        return self.targets if link_of(self.outcome) == "identity" else None

    @cached_property
    def against_rest(self) -> dict[str, Subject]:
        """Class -> the same study with this class as its event; empty where the outcome is not of several classes."""
        if link_of(self.outcome) != "softmax":
            return {}
        names: tuple[str, ...] = getattr(settled(self.outcome, self.design.units), "levels", ())
        parts = (self.cohort, self.design, self.folds)
        return {name: _OfClass(*parts, self.targets[:, place]) for place, name in enumerate(names)}

    @property
    def patients(self) -> np.ndarray:
        """The person of each unit."""
        return self.design.units[self.config.patient].to_numpy()

    @cached_property
    def names(self) -> list[str]:
        """Of the units, as the table spells them."""
        rows = self.design.units[list(self.config.unit_columns)].itertuples(index=False, name=None)
        return ["/".join(map(str, row)) for row in rows]

    def cases_of(self, unit: int) -> list[str]:
        """Return the ids of the cases of a unit, by its position: what `cohort.exclude` takes."""
        keys = list(self.config.unit_columns)
        wanted = self.design.units[keys].iloc[unit]
        cases = self.cohort.cases.reset_index()
        here = (cases[keys] == wanted).all(axis=1)
        return list(map(str, self.cohort.cases.index[here.to_numpy()]))

    @cached_property
    def ranks(self) -> dict[str, Ranked]:
        """Block -> its columns in order of size."""
        return {name: ranked(values, self.events) for name, values in self.design.blocks.items()}

    def columns_beside(self) -> Iterator[tuple[str, pd.Series]]:
        """Yield columns that tell site, scanner or date, a value a unit: those the study names, then the table's."""
        units, config = self.design.units, self.config
        split = () if config.split.kind == "column" else config.split.columns  # folds by hand are neither
        named = dict.fromkeys(name for name in (config.site, *split) if name and name in units)
        for name in named:
            yield name, units[name]
        for name in map(str, self.cohort.beside.columns):
            if name not in named and name not in config.clinical_columns and not tells_who(name):
                yield name, self._a_unit(name)

    def people_beside(self) -> Iterator[tuple[str, pd.Series]]:
        """Yield columns of the table whose name says that they tell a person, a value a unit, but cohort.patient."""
        yield from ((name, self._a_unit(name)) for name in map(str, self.cohort.beside.columns) if tells_who(name))

    def _a_unit(self, name: str) -> pd.Series:
        """Return what the first case of each unit has in a column beside."""
        keys = list(self.config.unit_columns)
        cases = self.cohort.cases.reset_index()
        beside = self.cohort.beside[name].reindex(self.cohort.cases.index).reset_index(drop=True)
        first = beside.groupby([cases[key] for key in keys]).first()
        first.index = pd.MultiIndex.from_tuples([i if isinstance(i, tuple) else (i,) for i in first.index])
        return first.reindex(pd.MultiIndex.from_frame(self.design.units[keys])).reset_index(drop=True)

    def where(self, block: str) -> str:
        """Return where the study names a block."""
        return "cohort.clinical" if block == "clinical" else f"features.{block}"

    def leave_out(self, block: str) -> str:
        """Return how a column of a block is left out."""
        return (
            "remove it from cohort.clinical"
            if block == "clinical"
            else f"leave it out with {self.where(block)}.exclude"
        )


@dataclass(frozen=True)
class _OfClass(Subject):
    """A study with one of several classes as its event.

    Attributes:
        member: 1 for units of the class, else 0, shape (unit,).
    """

    member: np.ndarray

    @property
    def targets(self) -> np.ndarray:
        """What models of the class are fitted to."""
        return self.member

    @property
    def events(self) -> np.ndarray:
        """Which units are of the class."""
        return np.asarray(self.member == 1)

    @property
    def against_rest(self) -> dict[str, Subject]:
        """Nothing: it is one class."""
        return {}


def events_of(outcome: Outcome, units: pd.DataFrame) -> np.ndarray | None:
    """Return which units have the event, bool; None where the outcome is not one of two classes that both occur."""
    labels = outcome.labels(units)
    targets = np.asarray(outcome.targets(units))
    if labels is None or targets.ndim != 1 or targets.dtype.kind not in "iufb" or set(np.unique(targets)) != {0, 1}:
        return None
    return np.asarray(targets == 1)
