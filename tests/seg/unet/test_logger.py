"""Who else is told of a training: one run, however often it goes on."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("lightning", reason="training needs radfuse[train]")
from lightning.pytorch import loggers

from radfuse.errors import InputError
from radfuse.seg.unet.logger import logger

pytestmark = pytest.mark.filterwarnings("ignore")
SETTINGS = {"steps": 20, "batch": 2}


class AbsentError(Exception):
    """What mlflow says."""


class Server:
    """Runs as mlflow keeps them: number -> settings, and whether somebody removed it."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, object]] = {}
        self.removed: set[str] = set()
        self.answers = True

    def get_run(self, run: str) -> Any:
        if run not in self.runs:
            raise AbsentError(f"no run {run}")
        return SimpleNamespace(info=SimpleNamespace(lifecycle_stage="deleted" if run in self.removed else "active"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server in the place of mlflow's, which is not installed."""
    found = Server()

    class Fake:
        def __init__(self, *_: Any, run_id: str | None = None, **__: Any) -> None:
            self.run_id, self.experiment = run_id, found

        def log_hyperparams(self, settings: dict[str, object]) -> None:
            if not found.answers:
                raise AbsentError("connection refused")
            self.run_id = str(len(found.runs))
            found.runs[self.run_id] = settings

    package, errors = ModuleType("mlflow"), ModuleType("mlflow.exceptions")
    errors.MlflowException = AbsentError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", package)
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", errors)
    monkeypatch.setattr(loggers, "MLFlowLogger", Fake)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://here")
    return found


def test_a_training_that_goes_on_stays_one_run_of_mlflow(tmp_path: Path, server: Server) -> None:
    for done in (0, 8):
        assert logger("mlflow", tmp_path, "fold 1", SETTINGS, done).run_id == "0"
    assert server.runs == {"0": SETTINGS}
    server.removed.add("0")
    assert logger("mlflow", tmp_path, "fold 1", SETTINGS, 8).run_id == "1"
    server.runs.clear()
    assert logger("mlflow", tmp_path, "fold 1", SETTINGS, 8).run_id == "0"  # another server, which has no such run
    fewer = {**SETTINGS, "batch": 1}  # it begins again, as memory was short
    assert logger("mlflow", tmp_path, "fold 1", fewer, 0).run_id == "1"
    assert server.runs["1"] == fewer


def test_an_mlflow_that_does_not_answer_or_is_not_whole_is_told(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = False
    with pytest.raises(InputError, match=r"says: connection refused\. Look at MLFLOW_TRACKING_URI, or set csv"):
        logger("mlflow", tmp_path, "fold 1", SETTINGS, 0)

    def broken(*_: Any, **__: Any) -> None:
        raise ModuleNotFoundError("No module named 'lazy'")

    monkeypatch.setattr(loggers, "MLFlowLogger", broken)
    with pytest.raises(InputError, match=r"cannot be imported \(No module named 'lazy'\); pip install"):
        logger("mlflow", tmp_path, "fold 1", SETTINGS, 0)


def test_tensorboard_has_settings_and_forgets_steps_that_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    class Fake:
        def __init__(self, folder: Path, **settings: Any) -> None:
            told.append((folder, settings["name"], settings["purge_step"]))

        def log_hyperparams(self, settings: dict[str, object]) -> None:
            told.append(settings)

    monkeypatch.setattr(loggers, "TensorBoardLogger", Fake)
    logger("tensorboard", tmp_path, "fold 1", SETTINGS, 8)
    assert told == [(tmp_path, "tensorboard", 9), SETTINGS]
    assert logger("csv", tmp_path, "fold 1", SETTINGS, 8) is False
