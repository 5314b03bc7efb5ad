"""Who else is told of a training: TensorBoard or MLflow, of its settings, and then of how it goes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from radfuse.errors import InputError

TENSORBOARD = "tensorboard"
"""Folder of what TensorBoard shows, in that of a training."""
_RUN = "mlflow.txt"
"""There: which run of MLflow's it is."""


def logger(
    name: Literal["csv", "tensorboard", "mlflow"], work: Path, title: str, settings: Mapping[str, object], done: int
) -> Any:
    """Return who else is told; False: nobody. A training that goes on stays one run there.

    Args:
        name: of the setting.
        work: the training's folder.
        title: what the run is called.
        settings: of the training; no patient is named there.
        done: steps before; what TensorBoard was told of later ones is made again.

    Raises:
        InputError: it does not answer, or cannot be imported.
    """
    if name == "csv":
        return False
    if name == "mlflow":
        return _mlflow(work / _RUN, title, settings, goes_on=done > 0)
    from lightning.pytorch.loggers import TensorBoardLogger

    found = TensorBoardLogger(work, name=TENSORBOARD, version="", purge_step=done + 1)
    found.log_hyperparams(dict(settings))
    return found


def _mlflow(place: Path, title: str, settings: Mapping[str, object], *, goes_on: bool) -> Any:
    """Return the run of a training that goes on, which a file names; else, or where somebody removed it, a new one."""
    uri = os.environ["MLFLOW_TRACKING_URI"]
    try:
        from lightning.pytorch.loggers import MLFlowLogger
        from mlflow.exceptions import MlflowException

        before = place.read_text() if goes_on and place.is_file() else None
        try:
            if before is not None:
                found = MLFlowLogger(tracking_uri=uri, run_id=before)
                if found.experiment.get_run(before).info.lifecycle_stage == "active":
                    return found
        except MlflowException:
            pass  # there is no such run; where nobody answers, the next question says so
        try:
            found = MLFlowLogger("radfuse", run_name=title, tracking_uri=uri)
            found.log_hyperparams(dict(settings))
            place.write_text(str(found.run_id))
        except MlflowException as error:
            raise InputError(
                f"segmentation.logger is mlflow, which says: {str(error).replace(uri, 'its address')}. Look at "
                "MLFLOW_TRACKING_URI, or set csv"
            ) from None  # it may hold a password
    except ImportError as error:
        raise InputError(
            f"segmentation.logger is mlflow, which is here and cannot be imported ({error}); pip install --upgrade "
            "mlflow, or set csv"
        ) from error
    return found
