"""What a study's report shows, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from radfuse.errors import Problem
from radfuse.report.checklists.checklist import Answer
from radfuse.report.palette import Look, looks
from radfuse.report.printed import number, this_day
from radfuse.results import (
    Audit,
    FittedFamily,
    LearningPoint,
    MasksToLookAt,
    OptimismDraw,
    ReaderResults,
    SegmentationReport,
    SegmentedExample,
    Shuffled,
    StudyResults,
    VariantResults,
)
from radfuse.results.explained import ExplainedFamily
from radfuse.results.pace import StagePace
from radfuse.results.visits import VisitResults


@dataclass(frozen=True)
class Made:
    """When and how a page was made.

    Attributes:
        date: as 2026-11-25.
        version: of radfuse.
        command: that makes it again.
    """

    date: str
    version: str
    command: str

    @classmethod
    def today(cls, words: Sequence[str]) -> Made:
        """Return that a page is made now, by the command of these words behind `radfuse`."""
        from importlib.metadata import version

        return cls(this_day(), version("radfuse"), " ".join(["radfuse", *words]))


@dataclass(frozen=True)
class StudyReport:
    """Everything a study's report shows.

    Attributes:
        title: of the page.
        outcome: what is predicted.
        event: what counts as the event, in words of the table.
        events: 1 for each unit that has it, or, where there is none, is above the median; else 0.
        unit: columns that name a unit.
        patient: column of the person.
        site: column of the site, or None.
        units: a row per unit.
        blocks: block -> number of columns.
        clinical: encoded clinical columns, rows as `units`.
        predictions: out-of-fold, a row per family and unit.
        results: performance, comparisons, failures.
        folds: family -> its outer folds.
        final: family -> refitted on all units.
        study_yaml: the resolved study.
        settings: the same, as a mapping.
        strategy: how families of several blocks are joined, defaults resolved; its `kind` and settings.
        warnings: findings about the input.
        versions: of Python and packages.
        seed: of resampling.
        segmentation: agreement of predicted with manual masks; None where nothing was segmented.
        review: the most suspicious predicted masks; None where nothing was segmented.
        audit: what looks for leaks came to.
        drawn: cases with masks drawn by hand to look at, where nothing was segmented.
        primary: the family that the study is about; None: the best is picked afterwards.
        levels: clinical column of words -> its levels, the reference first.
        nomogram: the family whose nomogram is drawn; None: of every family that is a sum of terms.
        masks: where masks come from -> number of cases; empty where nothing starts from images.
        lacking: block, and its sequence where it has several -> units without any value of it; none without any.
        readers: beside the models; None without.
        groups: column -> group of each unit, rows as `units`; None without.
        variants: beside the study; None without.
        optimism: family -> bootstrap samples, the first of all units; empty without.
        shuffled: family -> shuffles of the outcomes; empty without.
        learning: family -> points of its learning curve; empty without.
        tuned: setting -> values that were tried in the inner folds, of settings with several.
        journal_figures: files of figures are as journals print them; else SVG as on the page.
        answers: checklist -> item -> verdict and evidence, as the authors of the study gave them.
        sections: names of what is shown, in order.
        made: when, by what, and how to do it again.
        explained: families whose held-out units were taken apart.
        paces: of the stages that were at work.
        visits: what shapes and volumes did between visits; None without.
    """

    title: str
    outcome: str
    event: str
    events: np.ndarray
    unit: Sequence[str]
    patient: str
    site: str | None
    units: pd.DataFrame
    blocks: Mapping[str, int]
    clinical: pd.DataFrame
    predictions: pd.DataFrame
    results: StudyResults
    folds: Mapping[str, Sequence[FittedFamily]]
    final: Mapping[str, FittedFamily]
    study_yaml: str
    settings: Mapping[str, Any]
    strategy: Mapping[str, Any]
    warnings: Sequence[Problem]
    versions: Mapping[str, str]
    seed: int
    sections: Sequence[str]
    made: Made
    audit: Audit = field(default_factory=Audit)
    drawn: Sequence[SegmentedExample] = ()
    segmentation: SegmentationReport | None = None
    review: MasksToLookAt | None = None
    primary: str | None = None
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    nomogram: str | None = None
    masks: Mapping[str, int] = field(default_factory=dict)
    lacking: Mapping[str, int] = field(default_factory=dict)
    readers: ReaderResults | None = None
    groups: pd.DataFrame | None = None
    variants: VariantResults | None = None
    optimism: Mapping[str, Sequence[OptimismDraw]] = field(default_factory=dict)
    shuffled: Mapping[str, Sequence[Shuffled]] = field(default_factory=dict)
    learning: Mapping[str, Sequence[LearningPoint]] = field(default_factory=dict)
    tuned: Mapping[str, Sequence[float]] = field(default_factory=dict)
    journal_figures: bool = True
    answers: Mapping[str, Mapping[str, Answer]] = field(default_factory=dict)
    explained: Sequence[ExplainedFamily] = ()
    paces: Sequence[StagePace] = ()
    visits: VisitResults | None = None

    @property
    def thresholds(self) -> Mapping[str, str]:
        """Of each family: that of the refitted model, and the range over test folds."""
        shown = {}
        for family, folds in self.folds.items():
            values = [fold.threshold for fold in folds]
            final = self.final.get(family)
            low, high = number(min(values), 2), number(max(values), 2)
            ends = low if low == high else f"{low}–{high}"
            shown[family] = f"{number(final.threshold if final else None, 2)} ({ends})"
        return shown

    @property
    def performance(self) -> Sequence[Any]:
        """Of each family, of the outcome's kind: `radfuse.results.Measured`."""
        return self.results.performance

    @property
    def looks(self) -> Mapping[str, Look]:
        """How each family is drawn."""
        return looks(item.family for item in self.performance)

    @property
    def colours(self) -> Mapping[str, str]:
        """Colour of each family, for tables."""
        return {family: look.colour for family, look in self.looks.items()}
