"""radfuse: from medical images and tables to compared clinical, radiomic and deep models, exported to ONNX."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radfuse.bundle import evaluate as evaluate
    from radfuse.bundle import load_bundle as load_bundle
    from radfuse.bundle import predict as predict
    from radfuse.cohort.case import Case as Case
    from radfuse.cohort.case import Cohort as Cohort
    from radfuse.cohort.config import CohortConfig as CohortConfig
    from radfuse.cohort.read import read_cohort as read_cohort
    from radfuse.errors import CaseError as CaseError
    from radfuse.errors import InputError as InputError
    from radfuse.errors import RadfuseError as RadfuseError
    from radfuse.features import FeatureTable as FeatureTable
    from radfuse.features import read_features as read_features
    from radfuse.pipeline import Run as Run
    from radfuse.pipeline import check_study as check_study
    from radfuse.pipeline import run_study as run_study
    from radfuse.radiomics.config import RadiomicsConfig as RadiomicsConfig
    from radfuse.radiomics.engine import extract as extract
    from radfuse.study import Study as Study
    from radfuse.study import load_study as load_study
    from radfuse.volume.files import read_labels as read_labels
    from radfuse.volume.files import read_volume as read_volume
    from radfuse.volume.image import LabelMap as LabelMap
    from radfuse.volume.image import Volume as Volume

_HOMES = {
    "Case": "cohort.case",
    "CaseError": "errors",
    "Cohort": "cohort.case",
    "CohortConfig": "cohort.config",
    "FeatureTable": "features",
    "LabelMap": "volume.image",
    "InputError": "errors",
    "RadfuseError": "errors",
    "RadiomicsConfig": "radiomics.config",
    "Run": "pipeline",
    "Study": "study",
    "Volume": "volume.image",
    "check_study": "pipeline",
    "evaluate": "bundle",
    "extract": "radiomics.engine",
    "load_bundle": "bundle",
    "load_study": "study",
    "predict": "bundle",
    "read_cohort": "cohort.read",
    "read_features": "features",
    "read_labels": "volume.files",
    "read_volume": "volume.files",
    "run_study": "pipeline",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'radfuse' has no attribute {name!r}")
    return getattr(import_module(f"radfuse.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
