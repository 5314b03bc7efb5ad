"""Settings of what a study asks to be known of its models beside how they rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, FiniteFloat, field_validator, model_validator

from radfuse.config import Section
from radfuse.errors import short

_LONGEST_NAME = 40
"""Letters of a reader's name, which heads columns of the report."""


def _column_alone(said: Any) -> Any:
    return {"column": said} if isinstance(said, str) else said


class Subgroup(Section):
    """A column that tells units apart; each of its groups is measured alone."""

    column: str
    """Of the cohort table: words, or numbers."""
    cuts: tuple[FiniteFloat, ...] = ()
    """Borders between groups of numbers, rising; one at a border is above it. Empty: a column of more than six numbers
    is cut at its median, and one of fewer has a group a number."""

    @field_validator("cuts")
    @classmethod
    def _rise(cls, cuts: tuple[float, ...]) -> tuple[float, ...]:
        if list(cuts) != sorted(set(cuts)):
            raise ValueError(f"cuts must rise; found {short(list(cuts))}")
        return cuts


class Reader(Section):
    """What a reader says of each unit: an ordinal grade or a probability; never a feature."""

    column: str
    """Of the cohort table; may be empty for some rows. Higher: the event is more likely."""
    reverse: bool = False
    """Lower means that the event is more likely."""
    cut: FiniteFloat | None = None
    """Grade from which on (to which down, where `reverse`) the reader calls a unit; None: no call is measured."""


class LearningCurve(Section):
    """Families fitted on growing shares of the patients of each training set, and tested on its whole test set."""

    shares: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    """Of the training patients, rising."""
    repeats: int = Field(default=5, ge=1, le=1000)
    """Draws of each share, a fit of every family on every fold each; all patients are drawn once, and not fitted again.
    """

    @field_validator("shares")
    @classmethod
    def _rise(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not shares or list(shares) != sorted({round(share, 4) for share in shares}):
            raise ValueError(f"shares must rise, each once, with four digits at most; found {short(list(shares))}")
        return shares


class EvaluationConfig(Section):
    """What is measured beside discrimination, calibration and decisions."""

    subgroups: tuple[Annotated[Subgroup, BeforeValidator(_column_alone)], ...] = ()
    """Columns whose groups are measured alone: [sex, site, {column: age, cuts: [60]}]."""
    readers: dict[str, Annotated[Reader, BeforeValidator(_column_alone)]] = {}
    """Reader -> column of their scores, to be compared with the models: {reader_1: mrtrg_1}."""
    optimism: int = Field(default=0, ge=0, le=10_000)
    """Bootstrap samples of patients for Harrell's optimism, each a fit of every family; 100 to 300 are usual. 0: none.
    """
    permutations: int = Field(default=0, ge=0, le=10_000)
    """Times that outcomes are shuffled between patients and every family is fitted on every fold again; 200 or more
    tell a p of 0.01. 0: none."""
    learning_curve: LearningCurve | None = None
    """How families learn from more patients; {} takes the usual shares. None: not asked."""
    visits: tuple[str, ...] = ("*morphometry_*", "*shape_MeshVolume", "*shape2D_MeshSurface")
    """Names or patterns of features whose change the report shows where units have several visits; []: none."""

    @property
    def reader_columns(self) -> tuple[str, ...]:
        """Columns of readers, which are no features."""
        return tuple(reader.column for reader in self.readers.values())

    @field_validator("readers")
    @classmethod
    def _short_names(cls, readers: Mapping[str, Reader]) -> Mapping[str, Reader]:
        for name in readers:
            if not 0 < len(name.strip()) <= _LONGEST_NAME:
                raise ValueError(f"the name {short(name)!r} of a reader has 1 to {_LONGEST_NAME} letters; rename it")
        return readers

    @model_validator(mode="after")
    def _columns_once(self) -> EvaluationConfig:
        for setting, columns in (
            ("readers", self.reader_columns),
            ("subgroups", tuple(group.column for group in self.subgroups)),
        ):
            twice = sorted({column for column in columns if columns.count(column) > 1})
            if twice:
                raise ValueError(f"{setting}: the column {twice[0]!r} stands twice; remove one")
        return self


def check_readers(config: EvaluationConfig, taken: Mapping[str, str], families: tuple[str, ...]) -> None:
    """Check that what readers say takes no part in the models.

    Args:
        config: to check.
        taken: column of the cohort table -> setting that it stands under.
        families: of the study.

    Raises:
        ValueError: the first reader whose column or name stands for something else.
    """
    for group in config.subgroups:
        if taken.get(group.column) == "cohort.outcome":
            raise ValueError(
                f"evaluation.subgroups: groups of the outcome {group.column!r} hold one outcome each; name another "
                "column"
            )
    for name, reader in config.readers.items():
        where = f"evaluation.readers.{name}"
        if reader.column in taken:
            setting = taken[reader.column]
            raise ValueError(
                f"{where}: the column {reader.column!r} stands under {setting} too; a reader that models are compared "
                "with can be no part of them: remove one"
            )
        if name in families:
            raise ValueError(f"{where}: a family is called {name!r} too; rename the reader")
