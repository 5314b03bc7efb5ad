"""The page of two folders of masks against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from radfuse.report.agreement import (
    bland_altman,
    dice_strips,
    having,
    means_table,
    parts_table,
    summary_table,
    tolerances,
    worst_table,
)
from radfuse.report.render import Part, page_files, render
from radfuse.report.study import Made
from radfuse.results import Failure


@dataclass(frozen=True)
class MasksReport:
    """Everything the page shows.

    Attributes:
        reference: name of what the others are measured against.
        other: name of what is measured.
        rows: a row per case and label, as of `agreement.summary_of`.
        summary: of them, as `agreement.summary_of` gives it.
        patients: whether patients are known; else a case counts as one.
        remarks: what a reader should know, in sentences.
        failures: cases that could not be compared, and why.
        made: when, by what, and how to do it again.
    """

    reference: str
    other: str
    rows: pd.DataFrame
    summary: pd.DataFrame
    patients: bool
    remarks: Sequence[str]
    failures: Sequence[Failure]
    made: Made


def masks_report(report: MasksReport) -> dict[str, str | bytes]:
    """Return metrics.csv, summary.csv, index.html and figures/*, name -> content."""
    rows, summary = report.rows, report.summary
    volumes, panels, labels = bland_altman(rows, (report.other, report.reference))
    figures = {"dice": dice_strips(rows), **({"volumes": volumes} if volumes else {})}
    tables = {
        "summary": summary_table(summary),
        "means": means_table(summary),
        "parts": parts_table(rows, (report.other, report.reference)),
        "worst": worst_table(rows),
    }
    page = render(
        "masks.html",
        report=report,
        cases=rows["case"].nunique(),
        people=rows["patient"].nunique(),
        labels=rows["label"].nunique(),
        drawn=labels,
        drawable=having(rows)["label"].nunique(),
        figures=figures,
        panels=panels,
        tables=tables,
        tolerance=tolerances(rows),
    )
    files = page_files(page, {"": Part("", page, figures)})
    return {"metrics.csv": str(rows.to_csv(index=False)), "summary.csv": str(summary.to_csv(index=False)), **files}
