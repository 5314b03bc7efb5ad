"""PyRadiomics' parameter files and dictionaries: read and checked here, and known nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from radfuse.config import nearest, read_yaml
from radfuse.errors import InputError
from radfuse.radiomics.families.family import family_of
from radfuse.radiomics.settings import FILTERS, Plan, Settings

_CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape", "shape2D")
"""Feature classes, in the order of their columns where none is chosen."""
REMOVED = {
    "glcm": ("Dissimilarity", "Homogeneity1", "Homogeneity2", "SumVariance"),
    "gldm": ("DependencePercentage", "GrayLevelNonUniformityNormalized"),
}
"""Names PyRadiomics still accepts and then computes nothing for, being equal to other features."""


def make_plan(params: Mapping[str, Any], where: str, extra: Mapping[str, Mapping[str, Any]] | None = None) -> Plan:
    """Return the plan of a PyRadiomics parameter dictionary.

    Args:
        params: sections setting, imageType, featureClass, as in PyRadiomics' files.
        where: for messages.
        extra: filter ("" for all) -> settings by our own names that PyRadiomics does not have.

    Raises:
        InputError: an unknown section, setting, filter, class or feature, with the nearest known; a value out of range.
    """
    sections = {
        name: _mapping(params.get(name), f"{where}, {name}") for name in ("setting", "imageType", "featureClass")
    }
    extra = extra or {}
    filters = sections["imageType"] or {"Original": {}}
    classes = sections["featureClass"] or dict.fromkeys(_CLASSES)
    for name in filters:
        if name not in FILTERS:
            raise InputError(f"{where}: unknown filter (imageType) {name!r}{nearest(str(name), FILTERS)}")
    common = sections["setting"]
    merged = {
        name: _settings(
            {**common, **_mapping(custom, f"{where}, {name}"), **extra.get("", {}), **extra.get(name, {})},
            f"{where}, {name}",
        )
        for name, custom in filters.items()
    }
    features = {name: _chosen(str(name), names, where) for name, names in classes.items()}
    return Plan(
        settings=_settings({**common, **extra.get("", {})}, where),
        filters=merged,
        features=features,
        chosen=bool(sections["featureClass"]),
    )


def read_params(path: Path) -> dict[str, Any]:
    """Read a PyRadiomics parameter file (YAML or JSON).

    Raises:
        InputError: not a mapping, or a section nobody knows; names the nearest.
    """
    params = _read_json(path) if path.suffix.lower() == ".json" else read_yaml(path)
    known = ("setting", "imageType", "featureClass", "voxelSetting")
    for section in params:
        if section not in known:
            raise InputError(f"{path}: unknown section {section!r}{nearest(str(section), known)}")
    return params


def _read_json(path: Path) -> dict[str, Any]:
    try:
        params = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return read_yaml(path)  # which says what is wrong
    return params if isinstance(params, dict) else read_yaml(path)


def _mapping(section: Any, where: str) -> dict[str, Any]:
    if section is not None and not isinstance(section, Mapping):
        raise InputError(f"{where}: found {section!r}; write a name and a colon for each entry, for example `glcm:`")
    return dict(section or {})


def _settings(values: Mapping[str, Any], where: str) -> Settings:
    known = [field.alias or name for name, field in Settings.model_fields.items()]
    for name in values:
        if name not in known and name not in Settings.model_fields:
            raise InputError(f"{where}: unknown setting {name!r}{nearest(str(name), known)}")
    try:
        # null is PyRadiomics' word for "not set", and for the interpolator "do not resample"
        said = {name: value for name, value in values.items() if value is not None or name == "interpolator"}
        return Settings.model_validate(said)
    except ValidationError as error:
        fault = error.errors()[0]
        message = fault["msg"].removeprefix("Value error, ")
        raise InputError(f"{where}: {'.'.join(map(str, fault['loc']))} = {fault['input']!r}: {message}") from error


def _chosen(name: str, names: Any, where: str) -> tuple[str, ...]:
    if name not in _CLASSES:
        raise InputError(f"{where}: unknown feature class {name!r}{nearest(name, _CLASSES)}")
    family = family_of(name)
    if not names:
        return family.names
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise InputError(
            f"{where}: class {name} has {names!r}; write a list of features, for example [{family.names[0]}]"
        )
    known = (*family.names, *family.deprecated, *REMOVED.get(name, ()))
    for feature in names:
        if feature not in known:
            raise InputError(f"{where}: class {name} has no feature {feature!r}{nearest(str(feature), known)}")
    return tuple(feature for feature in dict.fromkeys(names) if feature not in REMOVED.get(name, ()))
