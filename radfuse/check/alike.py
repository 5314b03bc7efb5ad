"""What differs between the images of one sequence, and would differ in their features for no patient's sake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from radfuse.config import Section
from radfuse.errors import InputError, Problem, listed
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.plan import plan_of
from radfuse.radiomics.settings import Plan
from radfuse.regions.knee.anatomy import KneeRegion
from radfuse.regions.named import made_on
from radfuse.sequences import SequenceConfig
from radfuse.volume.grid import Grid, orientation_of
from radfuse.volume.stack import brought

_AXES = {letter: pair for pair in ("LR", "PA", "SI") for letter in pair}
_BY_AXIS = ("wavelet", "lbp_2d")
"""Filters that see along the axes in which an image is stored."""
_BY_VOXEL = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")
"""Classes that count voxels, whatever their size."""
_APART = 1.25
"""Voxels of which the largest is longer by more than so many times along an axis are of several sizes."""
_SHOWN = 4
_THIN = 1.25
"""Bands of no more slices than that are mostly the work of where these lie; docs/regions.md has the numbers."""


def remarks_on_grids(
    radiomics: Mapping[str, RadiomicsConfig], grids: Mapping[str, Mapping[str, Grid]], *, ragged: bool = False
) -> list[Problem]:
    """Return, as warnings, which sequences are stored in several ways that their features would tell.

    Args:
        radiomics: sequence -> how it is measured.
        grids: sequence -> case -> where its voxels lie.
        ragged: some regions are cut by brightness or by distance, so that voxels of theirs touch by corners alone,
            where PyRadiomics' mesh depends on the side it is looked at from.
    """
    found = []
    for sequence, settings in radiomics.items():
        here = grids.get(sequence, {})
        if len(here) > 1 and (plan := _plan(settings)) is not None:
            told = (_orientations(plan, here, ragged=ragged), _sizes(plan, here))
            found += [Problem(f"sequences.{sequence}", text, severity="warning") for text in told if text]
    return found


def remarks_on_channels(grids: Mapping[str, Mapping[str, Grid]]) -> list[Problem]:
    """Return, as warnings, which channels of a network lie on other grids than its first.

    Args:
        grids: sequence -> case -> where its voxels lie; the first channel first.
    """
    first, *others = grids or {"": {}}
    found = []
    for name in others:
        both = [case for case in grids[first] if case in grids[name]]
        told = {case: brought(first, grids[first][case], name, grids[name][case]) for case in both}
        for texts in zip(*told.values(), strict=True):
            cases = [case for case, text in zip(told, texts, strict=True) if text]
            if cases:
                text = f"as a channel of the network, {texts[both.index(cases[0])]} ({cases[0]}; so in {len(cases)} of "
                found.append(Problem(f"sequences.{name}", f"{text}{len(both)} cases)", severity="warning"))
    return found


def remarks_on_scales(
    radiomics: Mapping[str, RadiomicsConfig], sequences: Mapping[str, SequenceConfig]
) -> list[Problem]:
    """Return, as warnings, which sequences have bins of one width after N4, which leaves each image a scale of its own.

    Args:
        radiomics: sequence -> how it is measured.
        sequences: the study's section.
    """
    found = []
    for name, section in sequences.items():
        kinds = [step.kind for step in section.normalise]
        if "n4" not in kinds or set(kinds[kinds.index("n4") :]) & {"zscore", "whitestripe", "nyul"}:
            continue
        plan = _plan(radiomics[name])
        if plan is None or plan.settings.normalize or plan.settings.bin_count is not None:
            continue
        if told := [one for one in plan.features if one in ("firstorder", *_BY_VOXEL)]:
            text = (
                f"N4 takes out a field that it knows up to a factor, so that it leaves each image a scale of its own, "
                f"and {listed(told)} have bins of one width; add a step that scales after n4, as {{kind: zscore, "
                "within: body}, or take radiomics.bin_count"
            )
            found.append(Problem(f"sequences.{name}.normalise", text, severity="warning"))
    return found


def remarks_on_bands(regions: Sequence[Section], grids: Mapping[str, Mapping[str, Grid]]) -> list[Problem]:
    """Return, as warnings, which bands of a knee are thinner than the slices that they are seen in, or hardly thicker.

    Args:
        regions: of the study.
        grids: sequence -> case -> where its voxels lie.
    """
    found = []
    bands = [(one, thin) for one in regions if isinstance(one, KneeRegion) and (thin := one.thin_mm()) is not None]
    for sequence, here in grids.items():
        slices = {case: max(grid.spacing_zyx_mm) for case, grid in here.items()}
        some = [(one.name, thin) for one, thin in bands if made_on(one, sequence)]
        thick = {case: mm for case, mm in slices.items() if any(thin < _THIN * mm for _, thin in some)}
        if not thick:
            continue
        case = max(thick, key=lambda name: thick[name])
        mm = thick[case]
        named = listed(f"{name} ({thin:g} mm)" for name, thin in some if thin < _THIN * mm)
        text = (
            f"slices are up to {mm:.3g} mm apart ({case}; {len(thick)} of {len(slices)} cases), and hardly hold a band "
            f"so thin: where they lie decides what {named} cover; make bands thicker, or compare scans of equal slices"
        )
        found.append(Problem(f"sequences.{sequence}", text, severity="warning"))
    return found


def _plan(settings: RadiomicsConfig) -> Plan | None:
    try:
        return plan_of(settings)
    except InputError:
        return None  # who reads the settings tells


def _orientations(plan: Plan, grids: Mapping[str, Grid], *, ragged: bool) -> str:
    """Return that axes are stored in several orders or ways, where features follow them; else nothing."""
    stored = {case: orientation_of(grid) for case, grid in grids.items()}
    orders = {"".join(_AXES[letter] for letter in way) for way in stored.values()}
    settings = plan.settings
    told = [name for name in _BY_AXIS if name in plan.filters]
    if len(orders) > 1:
        told += [f"slice_axis: {settings.slice_axis}"] if settings.slice_axis else []
        told += ["shape's Maximum2DDiameter"] if "shape" in plan.features else []
    told += ["all that is resampled, whose voxels begin at a corner"] if any(settings.spacing_zyx_mm or ()) else []
    if ragged and "shape" in plan.features:
        told += ["shape's mesh, where a region is ragged"]
    if len(set(stored.values())) < 2 or not told:
        return ""
    (usual, count), *others = Counter(stored.values()).most_common()
    some = [case for case, way in stored.items() if way != usual]
    ways = ", ".join(f"{way} in {number}" for way, number in others[:_SHOWN])
    return (
        f"the axes of images point to {usual} in {count} cases and to {ways}: {listed(told)} follow them, and differ "
        f"for that alone in {listed(some)}; store all images in one orientation"
    )


def _sizes(plan: Plan, grids: Mapping[str, Grid]) -> str:
    """Return that voxels are of several sizes, where features count voxels as they are; else nothing."""
    told = [name for name in plan.features if name in _BY_VOXEL] + [name for name in plan.filters if name != "original"]
    sizes = {case: _along_patient(grid) for case, grid in grids.items()}
    spread = np.array([*sizes.values()])
    if (
        plan.settings.spacing_zyx_mm is not None
        or not told
        or (spread.max(axis=0) <= _APART * spread.min(axis=0)).all()
    ):
        return ""
    low, high = (" x ".join(f"{value:.3g}" for value in ends) for ends in (spread.min(axis=0), spread.max(axis=0)))
    usual = [float(f"{value:.2g}") for value in np.median([grid.spacing_zyx_mm for grid in grids.values()], axis=0)]
    return (
        f"voxels measure from {low} to {high} mm (left, posterior, superior), and {listed(told)} count voxels of "
        f"whatever size; bring all to one, for example radiomics.spacing_zyx_mm: {usual}"
    )


def _along_patient(grid: Grid) -> tuple[float, ...]:
    """Return the size of a voxel along the patient's axes: left, posterior, superior."""
    steps = dict(zip((_AXES[letter] for letter in orientation_of(grid)), grid.spacing_zyx_mm[::-1], strict=True))
    return steps["LR"], steps["PA"], steps["SI"]
