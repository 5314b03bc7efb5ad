"""radfuse: from medical images and tables to compared clinical, radiomic and deep models, exported to ONNX."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radfuse.bundle.evaluate import Evaluation as Evaluation
    from radfuse.bundle.evaluate import evaluate as evaluate
    from radfuse.bundle.load import Bundle as Bundle
    from radfuse.bundle.load import load_bundle as load_bundle
    from radfuse.bundle.predict import Prediction as Prediction
    from radfuse.bundle.predict import predict as predict
    from radfuse.check.study import check_study as check_study
    from radfuse.cohort.case import Case as Case
    from radfuse.cohort.case import Cohort as Cohort
    from radfuse.cohort.config import CohortConfig as CohortConfig
    from radfuse.cohort.read import read_cohort as read_cohort
    from radfuse.errors import CaseError as CaseError
    from radfuse.errors import InputError as InputError
    from radfuse.errors import Problem as Problem
    from radfuse.errors import RadfuseError as RadfuseError
    from radfuse.errors import RunError as RunError
    from radfuse.errors import StudyError as StudyError
    from radfuse.features import FeatureTable as FeatureTable
    from radfuse.features import read_features as read_features
    from radfuse.pipeline import Run as Run
    from radfuse.pipeline import run_study as run_study
    from radfuse.radiomics.config import RadiomicsConfig as RadiomicsConfig
    from radfuse.radiomics.extract import extract as extract
    from radfuse.study import Study as Study
    from radfuse.study import load_study as load_study
    from radfuse.volume.files import read_labels as read_labels
    from radfuse.volume.files import read_volume as read_volume
    from radfuse.volume.grid import Grid as Grid
    from radfuse.volume.image import LabelMap as LabelMap
    from radfuse.volume.image import Volume as Volume

    __version__: str

_HOMES = {
    "Bundle": "bundle.load",
    "Case": "cohort.case",
    "CaseError": "errors",
    "Cohort": "cohort.case",
    "CohortConfig": "cohort.config",
    "Evaluation": "bundle.evaluate",
    "FeatureTable": "features",
    "Grid": "volume.grid",
    "InputError": "errors",
    "LabelMap": "volume.image",
    "Prediction": "bundle.predict",
    "Problem": "errors",
    "RadfuseError": "errors",
    "RadiomicsConfig": "radiomics.config",
    "Run": "pipeline",
    "RunError": "errors",
    "Study": "study",
    "StudyError": "errors",
    "Volume": "volume.image",
    "check_study": "check.study",
    "evaluate": "bundle.evaluate",
    "extract": "radiomics.extract",
    "load_bundle": "bundle.load",
    "load_study": "study",
    "predict": "bundle.predict",
    "read_cohort": "cohort.read",
    "read_features": "features",
    "read_labels": "volume.files",
    "read_volume": "volume.files",
    "run_study": "pipeline",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


if not TYPE_CHECKING:  # to a type checker, a misspelled name would be an object

    def __getattr__(name: str) -> object:
        if name == "__version__":
            return import_module("importlib.metadata").version("radfuse")  # 40 ms, which nobody else waits for
        if name not in _HOMES:
            raise AttributeError(f"module 'radfuse' has no attribute {name!r}")
        return getattr(import_module(f"radfuse.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
