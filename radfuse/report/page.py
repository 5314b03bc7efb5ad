"""Reports as files, name -> text: one HTML page with everything inside, and its tables and figures beside it."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from radfuse.report.answer import answer
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.remarks import performance_remarks
from radfuse.report.render import page_files, render
from radfuse.report.sections import EVALUATION, STUDY
from radfuse.report.study import StudyReport


def study_report(report: StudyReport) -> dict[str, str | bytes]:
    """Return index.html, and tables, figures, methods and checklists of a study as files beside it."""
    with _seldom_collected():
        parts = {name: STUDY[name](report) for name in report.sections}
        said = answer(report.performance, report.results.comparisons, report.primary)
        return page_files(render("study.html", report=report, parts=parts, answer=said), parts, report.journal_figures)


def evaluation_report(report: EvaluationReport) -> dict[str, str | bytes]:
    """Return index.html, and tables and figures as files beside it, of a frozen bundle on other patients."""
    with _seldom_collected():
        parts = {name: EVALUATION[name](report) for name in report.sections}
        remarks = [*report.remarks, *performance_remarks(report.performance)]
        said = answer(report.performance, report.comparisons, None)
        return page_files(render("evaluation.html", report=report, parts=parts, remarks=remarks, answer=said), parts)


@contextlib.contextmanager
def _seldom_collected() -> Iterator[None]:
    """Let garbage lie longer: figures are millions of small objects, and looking through them took a fifth of the time.

    What a process has imported is looked through as well: beside torch it was a quarter.
    """
    before = gc.get_threshold()
    gc.set_threshold(before[0] and max(before[0], 100_000), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
