"""Fixtures that several test files share."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from studies import figures_undrawn, finished, once, written
from threadpoolctl import threadpool_limits

from radfuse.study import load_study

if TYPE_CHECKING:
    from stores import NoRename

gc.set_threshold(100_000, 20, 50)  # beside torch's objects a full collection takes half a second, and they were many

settings.register_profile("repeatable", deadline=None, derandomize=True)  # the same examples on a busy machine
settings.load_profile("repeatable")

PHANTOM = [
    "fusion.selection=[{kind: correlation}, {kind: mrmr, k: 30}, {kind: lasso}]",
    "fusion.classifier={kind: logistic}",
    "fusion.strategy={kind: early}",
    "fusion.inner_folds=3",
    "cohort.split.folds=3",
    "report.journal_figures=false",
]
"""One recipe that drops columns and has a formula: bundles and pages show what becomes of both."""

SURVIVAL = [
    "fusion.classifier={kind: cox, spreads: [0.3]}",
    "fusion.strategy={kind: score}",
    "fusion.families=[clinical, clinical-radiomic-deep]",
    "fusion.inner_folds=3",
    "fusion.explain={rows: 24, background: 16, permutations: 1}",
    "cohort.split.folds=3",
    "cohort.outcome.times=[12, 36]",
    "report.journal_figures=false",
    "evaluation={subgroups: [sex], optimism: 1, permutations: 1}",
]


def pytest_configure() -> None:
    """Give each process of a run a core of its own: small studies are done sooner without processes of theirs.

    Linear algebra has begun a thread a core by then, and a second one would wait for the core of another process: a fit
    of 0.2 s took 67.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and hasattr(os, "sched_setaffinity"):
        free = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {free[int(worker.removeprefix("gw")) % len(free)]})
        import_module("scipy.linalg")  # which brings threads of its own
        threadpool_limits(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: else one process ends with them while the other has nothing left."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """Keep the collector from all that is imported and collected by now, which stays: millions of objects."""
    gc.freeze()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name what differs from process to process by what it is: the processes of a run compare their lists of tests."""
    return f"{len(val)}_bytes" if isinstance(val, bytes) else None


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Let networks take one thread: those of tests are so small that two wait for each other longer than they work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("radfuse.machine.threads", lambda: 1)
        yield


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Leave figures undrawn in a file that reads words and tables."""
    with figures_undrawn():
        yield


@pytest.fixture(scope="session")
def phantom_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the study file of a table phantom of 60 patients and its run folder as far as the bundle; change neither.

    Its report is made for who asks for `phantom_run`: it takes longer than all that comes before.
    """

    def make(folder: Path) -> None:
        study = written(folder / "T", PHANTOM, patients=60, site_shift=0.15, seed=5)
        finished(study, folder / "R", until="export")

    folder = once(tmp_path_factory, "phantom_models", make)
    return folder / "T/study.yaml", folder / "R"


@pytest.fixture(scope="session")
def phantom_run(phantom_models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the study file of a table phantom of 60 patients and its finished run folder; change neither."""
    study, models = phantom_models
    folder = once(
        tmp_path_factory, "phantom_run", lambda folder: finished(study, shutil.copytree(models, folder / "R"))
    )
    return study, folder / "R"


@pytest.fixture(scope="session")
def printed_run(phantom_models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder of two of its families whose figures are as journals print them; change nothing in it."""
    study, models = phantom_models
    printed = load_study(study, ["fusion.families=[clinical, clinical-radiomic]", "report.journal_figures=true"])
    folder = once(
        tmp_path_factory, "printed_run", lambda folder: finished(printed, shutil.copytree(models, folder / "R"))
    )
    return folder / "R"


@pytest.fixture(scope="session")
def survival_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the study file of a survival phantom of 100 patients and its finished run folder; change neither."""

    def make(folder: Path) -> None:
        finished(written(folder / "T", SURVIVAL, outcome="survival", patients=100), folder / "R")

    folder = once(tmp_path_factory, "survival_run", make)
    return folder / "T/study.yaml", folder / "R"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> type[NoRename]:
    """An empty object store, which can rename nothing."""
    from stores import emptied  # skips where fsspec is not installed

    return emptied(monkeypatch)
