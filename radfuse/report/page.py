"""The report as one HTML file with everything inside, and its tables and figures beside it for a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from radfuse.errors import Problem
from radfuse.report import figures, slices, tables
from radfuse.report.palette import looks
from radfuse.results import FittedFamily, SegmentationReport, StudyResults

if TYPE_CHECKING:
    from radfuse.bundle import BundleSchema, Evaluation


@dataclass(frozen=True)
class StudyReport:
    """Everything a study's report shows.

    Attributes:
        title: of the page.
        outcome: what is predicted.
        event: what counts as the event, in words of the table.
        events: 1 for each unit that has it, else 0.
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
        warnings: findings about the input.
        versions: of Python and packages.
        seed: of resampling.
        segmentation: agreement of predicted with manual masks; None where nothing was segmented.
        masks: where masks come from -> number of cases; empty where nothing starts from images.
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
    warnings: Sequence[Problem]
    versions: Mapping[str, str]
    seed: int
    segmentation: SegmentationReport | None = None
    masks: Mapping[str, int] = field(default_factory=dict)


def write_study_report(folder: Path, study: StudyReport) -> None:
    """Write index.html, tables/*.csv and figures/*.svg into an existing folder."""
    performance = study.results.performance
    drawn_as = looks(item.family for item in performance)
    drawn = {
        "roc": figures.roc_overlay(study.predictions, performance, drawn_as),
        "auc": figures.auc_forest(performance, drawn_as),
        "roc_by_family": figures.roc_panels(study.predictions, performance, drawn_as, study.seed),
        "calibration": figures.calibration_panels(study.predictions, performance, drawn_as),
    }
    chosen = {
        family: tables.chosen_features(family, study.folds[family], study.final.get(family)) for family in study.folds
    }
    shown = {}
    for family, features in chosen.items():
        drawn[f"features_{family}"], shown[family] = figures.coefficient_plot(
            features, study.results.outer_folds, list(study.blocks), study.folds[family][0].explanation.unit
        )
    made = {
        "table_one": tables.table_one(study.units, study.clinical, study.events, study.patient, study.site),
        "performance": tables.performance_table(performance),
        "classification": tables.classification_table(performance),
        "calibration": tables.calibration_table(performance),
        "comparisons": tables.comparison_table(study.results.comparisons),
    }
    if study.masks:
        made["masks"] = tables.mask_table(study.masks)
    if study.segmentation is not None:
        drawn |= slices.segmentation_figures(study.segmentation)
        made["dice"] = tables.dice_table(study.segmentation.dice)
        made["agreement"] = tables.agreement_table(study.segmentation.agreement)
    features_csv = pd.DataFrame([item.model_dump() for features in chosen.values() for item in features])
    measure = next(iter(study.folds.values()))[0].explanation.measure
    features_csv = features_csv.rename(columns={"importance": measure})
    page = _render(
        "study.html",
        report=study,
        best=max(performance, key=lambda item: item.auc.value or 0.0),
        figures=drawn,
        tables=made,
        chosen=chosen,
        shown=shown,
        colours={family: look.colour for family, look in drawn_as.items()},
        patients=study.units[study.patient].nunique(),
        events=int(study.events.sum()),
        measure=measure,
        formulas={
            family: final.explanation.formula for family, final in study.final.items() if final.explanation.formula
        },
    )
    _write(folder, page, drawn, {**made, "features": features_csv})


def write_evaluation_report(
    folder: Path, schema: BundleSchema, evaluation: Evaluation, predictions: pd.DataFrame
) -> None:
    """Write index.html, tables and figures of a frozen bundle on other patients."""
    performance = evaluation.performance
    drawn_as = looks(schema.families)
    drawn = {
        "roc": figures.roc_overlay(predictions, performance, drawn_as),
        "auc": figures.auc_forest(performance, drawn_as),
        "calibration": figures.calibration_panels(predictions, performance, drawn_as),
    }
    before = {name: family.performance for name, family in schema.families.items()}
    made = {
        "performance": tables.performance_table(performance),
        "classification": tables.classification_table(performance),
        "calibration": tables.calibration_table(performance),
        "comparisons": tables.comparison_table(evaluation.comparisons),
        "transport": pd.DataFrame(
            [
                {
                    "family": item.family,
                    "AUC at training (nested)": tables.interval(before[item.family].auc),
                    "AUC here": tables.interval(item.auc),
                }
                for item in performance
            ]
        ),
    }
    page = _render(
        "evaluation.html",
        schema=schema,
        evaluation=evaluation,
        figures=drawn,
        tables=made,
        colours={family: look.colour for family, look in drawn_as.items()},
    )
    _write(folder, page, drawn, made)


def write_stability_report(folder: Path, title: str, table: pd.DataFrame) -> None:
    """Write stability.csv, figures/, tables/ and index.html into an existing folder.

    Args:
        folder: where to.
        title: of the page.
        table: a row per source and feature, with icc11, icc21, icc31 and their limits.
    """
    table.to_csv(folder / "stability.csv", index=False, encoding="utf-8")
    drawn = {"curves": figures.stability_curves(table)}
    made = {"classes": tables.stability_table(table)}
    missing = table.loc[table["reason"] != "", "reason"].value_counts().to_dict()
    page = _render(
        "stability.html",
        title=title,
        cases=int(table["cases"].max()),
        copies=int(table.loc[table["source"] == "perturbation", "copies"].max()) - 1,
        readers=bool((table["source"] == "readers").any()),
        features=int((table["source"] == "perturbation").sum()),
        missing=missing,
        figures=drawn,
        tables=made,
    )
    _write(folder, page, drawn, made)


def _write(folder: Path, page: str, drawn: Mapping[str, str], made: Mapping[str, pd.DataFrame]) -> None:
    (folder / "index.html").write_text(page, encoding="utf-8")
    for name in ("figures", "tables"):
        (folder / name).mkdir(exist_ok=True)
    for name, text in drawn.items():
        (folder / "figures" / f"{name}.svg").write_text(text, encoding="utf-8")
    for name, table in made.items():
        table.to_csv(folder / "tables" / f"{name}.csv", index=False, encoding="utf-8")


def _render(template: str, **content: Any) -> str:
    environment = Environment(
        loader=PackageLoader("radfuse.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = tables.number
    environment.filters["interval"] = tables.interval
    environment.globals["svg"] = _figure
    return environment.get_template(template).render(**content)


def _figure(text: str, name: str, label: str) -> Markup:
    """Return a figure for the page; its ids carry the name, so that several figures share one document."""
    for mark in ('id="', "url(#", 'href="#'):
        text = text.replace(mark, f"{mark}{name}-")
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1))  # noqa: S704  drawn by us
