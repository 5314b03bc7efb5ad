"""Studies of the table phantom: written with a test's settings, run, and their bundles measured on other patients."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from radfuse.bundle.evaluate import Evaluation, evaluate
from radfuse.bundle.load import load_bundle
from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.errors import InputError
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def written(folder: Path, settings: Sequence[str], **phantom: Any) -> Path:
    """Write a phantom without a shift between sites and its study with some settings; return the study file."""
    study = write_table_phantom(folder, TablePhantom(**{"seed": 3, "site_shift": 0, **phantom}))
    study.write_text(to_yaml(apply_overrides(read_yaml(study), list(settings))), encoding="utf-8")
    return study


def finished(study: Path | Study, folder: Path, until: str = "report") -> Path:
    """Run a study as far as a stage, in which nothing fails; return its run folder."""
    run = run_study(study, folder, until=until)
    assert run.failures == ()
    return run.path


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that is filled once for all processes of a run: who comes second waits, which is no longer."""
    if "PYTEST_XDIST_WORKER" not in os.environ or sys.platform == "win32":
        folder = factory.mktemp(name)
        make(folder)
        return folder
    import fcntl

    folder = factory.getbasetemp().parent / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "made").touch()
    return folder


@contextmanager
def figures_undrawn() -> Iterator[None]:
    """Put their words in the place of figures: most of a report is to draw."""
    from matplotlib.backends.backend_svg import RendererSVG
    from matplotlib.text import Text

    from radfuse.report import svg

    draw = svg._draw

    def words(figure: Figure, renderer: Any) -> None:
        if not isinstance(renderer, RendererSVG):
            draw(figure, renderer)
            return
        for text in figure.findobj(Text):
            if text.get_text():
                renderer.writer.element("text", text.get_text())
        renderer.finalize()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(svg, "_draw", words)
        yield


def measured_on(
    run: Path, rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame], families: Sequence[str] = ()
) -> tuple[Evaluation, str]:
    """Return what a run's bundle reaches on a table, and the page of it; recalibration is refused on the way."""
    # here, as every test imports this file through conftest, and pages draw with matplotlib
    from radfuse.report.evaluation import EvaluationReport
    from radfuse.report.page import evaluation_report
    from radfuse.report.study import Made

    found, _, long = evaluate(run / "bundle", rows, tables, families)
    schema = load_bundle(run / "bundle").schema
    report = EvaluationReport(
        title="t",
        table="cohort.csv",
        outcome=schema.opened_outcome().name(),
        event=schema.opened_outcome().event_name(),
        unit=schema.unit,
        performance=found.performance,
        comparisons=found.comparisons,
        before={name: item.performance for name, item in schema.families.items()},
        trained_units=schema.trained_on.units,
        predictions=long,
        versions=schema.versions,
        sections=schema.opened_outcome().evaluation_sections(),
        made=Made("2026-11-26", "0", "radfuse evaluate"),
        remarks=found.remarks,
    )
    with pytest.raises(InputError, match=rf"none of {schema.opened_outcome().kind} outcomes"):
        evaluate(run / "bundle", rows, tables, recalibrate=True)
    return found, evaluation_report(report)["index.html"]
