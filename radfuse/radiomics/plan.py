"""From a study's settings to the plan of an extraction."""

from __future__ import annotations

from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.families.family import features_asked
from radfuse.radiomics.pyradiomics_params import plan_of_params, read_params
from radfuse.radiomics.settings import Plan, Settings


def plan_of(config: RadiomicsConfig) -> Plan:
    """Return what a config or its parameter file asks for.

    Raises:
        InputError: the parameter file is none, or names what there is not.
    """
    if config.params is not None:
        return plan_of_params(read_params(config.params), str(config.params), config.max_bins)
    settings = Settings.model_construct(**{**dict(config), "bin_range": None})
    settings = settings.model_copy(update={"pattern_axis": settings.flat_axis or 0})
    return Plan(
        settings,
        {name: _of_filter(name, settings, config) for name in config.filters},
        {name: features_asked(name, config.features.get(name), "radiomics.features") for name in config.classes},
    )


def _of_filter(name: str, settings: Settings, config: RadiomicsConfig) -> Settings:
    """Return the settings with the bins of one filter: its width goes before the common count."""
    changed: dict[str, object] = {"bin_range": config.bin_range} if name == "original" else {}
    own = config.per_filter.get(name)
    if own is not None:
        if own.bin_count is not None:
            changed["bin_count"] = own.bin_count
        elif own.bin_width is not None:
            changed |= {"bin_width": own.bin_width, "bin_count": None}
        if own.bin_range is not None:
            changed["bin_range"] = own.bin_range
    return settings.model_copy(update=changed)
