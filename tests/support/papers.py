"""A study's report as plain values, made from a study file without running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.study import Made, StudyReport
from radfuse.results import Comparison, Explanation, FittedFamily, Interval, Performance, StudyResults
from radfuse.stages.report import tuned_settings
from radfuse.study import Study, load_study, shipped_studies, shipped_study

COLUMNS = {"clinical": 3, "radiomic": 107, "deep": 40}

OF_CLASSES = sorted({*shipped_studies()} - {"osteosarcoma_survival"})
"""Shipped studies whose outcome is one of two classes, as the report made here has it; survival is run for real."""


def report_of(study: Study, masks: Mapping[str, int] | None = None, **changed: Any) -> StudyReport:
    """Return the report of a study whose run is made up: 40 patients, 16 events, nothing predicted."""
    units = pd.DataFrame({study.cohort.patient: [f"p{i}" for i in range(40)], "site": ["a", "b"] * 20})
    events = np.array([1, 1, 0, 0, 0] * 8)
    families = list(study.families)
    results = StudyResults(
        outer_folds=getattr(study.cohort.split, "folds", 1) * getattr(study.cohort.split, "repeats", 1),
        repeats=getattr(study.cohort.split, "repeats", 1),
        performance=tuple(_performance(family) for family in families),
        comparisons=tuple(_comparison(*families[i : i + 2]) for i in range(len(families) - 1)),
    )
    blocks = {block: COLUMNS.get(block, 5) for block in study.blocks}
    fits = {family: [_fit(family, sum(blocks[name] for name in family.split("-")))] for family in families}
    resolved = study.fusion.model_copy(update={"strategy": study.fusion.joins})
    values: dict[str, Any] = {
        "title": study.title,
        "outcome": study.cohort.outcome.name() if study.cohort.outcome else "",
        "event": "1",
        "events": events,
        "unit": study.cohort.unit_columns,
        "patient": study.cohort.patient,
        "site": study.cohort.site,
        "units": units,
        "blocks": blocks,
        "clinical": pd.DataFrame(index=units.index),
        "predictions": pd.DataFrame(),
        "results": results,
        "folds": fits,
        "final": {},
        "study_yaml": study.to_yaml(),
        "settings": study.model_dump(mode="json"),
        "strategy": resolved.model_dump(mode="json")["strategy"],
        "tuned": tuned_settings(study.fusion),
        "warnings": (),
        "versions": {"python": "3.11.7", "radfuse": "0.2.0", "numpy": "2.0"},
        "seed": study.seed,
        "sections": (),
        "made": Made("2026-11-26", "0.2.0", "radfuse run study.yaml"),
        "primary": study.fusion.primary,
        "masks": masks if masks is not None else ({study.segmentation.source: 40} if study.regions else {}),
    }
    return StudyReport(**{**values, **changed})


def shipped(name: str, folder: Path, overrides: Sequence[str] = ()) -> Study:
    """Return a shipped study with some settings changed."""
    path = folder / f"{name}.yaml"
    path.write_text(shipped_study(name), encoding="utf-8")
    return load_study(path, list(overrides))


def _performance(family: str) -> Performance:
    share = Interval(value=0.7, low=0.6, high=0.8)
    measures = ("auc", "auc_pooled", "brier", "sensitivity", "specificity", "ppv", "npv")
    more = ("calibration_intercept", "calibration_slope")
    return Performance(
        family=family,
        units=40,
        patients=40,
        events=16,
        fold_aucs={"0": 0.7},
        brier_scaled=0.1,
        observed=0.4,
        expected=0.4,
        **dict.fromkeys((*measures, *more), share),
    )


def _comparison(first: str, second: str) -> Comparison:
    return Comparison(first=first, second=second, difference=Interval(value=0.0, low=-0.1, high=0.1), p=0.5, p_holm=1.0)


def _fit(family: str, columns: int) -> FittedFamily:
    said = Explanation(measure="coefficient", unit="log odds", columns=())
    return FittedFamily(
        family=family, fold="0", explanation=said, threshold=0.5, tuned={}, inner_auc=0.7, columns_in=columns
    )
