"""Volume alone: what the size of a region says by itself, on the same folds as all families."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radfuse.cohort.splits import Fold
from radfuse.errors import CaseError
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.design import Design
from radfuse.fusion.families import blocks_of
from radfuse.fusion.learn import plain_model
from radfuse.fusion.strategies.early import Early
from radfuse.fusion.validate import fit_fold
from radfuse.outcomes.kinds import Outcome
from radfuse.results import AnyPerformance, AuditCheck, AuditFinding, Comparison, FittedFamily

NAME = "volume alone"
LOOKS = (
    "a ridge regression (Cox's of survival) on the volumes of the regions alone, in the folds of all families, beside "
    "each that has them"
)
_VOLUME = re.compile(r"(?:^|[_/])shape_(Mesh|Voxel)Volume(?:$|@)")


def volume_columns(design: Design) -> dict[str, list[str]]:
    """Return block -> its columns of volumes, those of the mesh where there are both; no block without any."""
    found = {}
    for block, values in design.blocks.items():
        kinds: dict[str, list[str]] = {"Mesh": [], "Voxel": []}
        for name in map(str, values.columns):
            match = _VOLUME.search(name)
            if match:
                kinds[match[1]].append(name)
        if kinds["Mesh"] or kinds["Voxel"]:
            found[block] = kinds["Mesh"] or kinds["Voxel"]
    return found


def volume_fits(
    design: Design,
    folds: Sequence[Fold],
    patient: str,
    outcome: Outcome,
    fusion: FusionConfig,
    seed: int,
    *,
    whole: bool = False,
) -> tuple[FittedFamily, ...]:
    """Return the fit on each fold; empty where there is no column of a volume, or a fold does not allow it.

    Args:
        design: units and blocks.
        folds: the outer ones.
        patient: column of the person.
        outcome: what is predicted.
        fusion: of the study, whose inner folds and rule of the threshold are kept.
        seed: of the inner folds.
        whole: on all columns of the block of the volumes, named as `whole_of` does, to have something beside them.
    """
    columns = volume_columns(design)
    if not columns:
        return ()
    (block, names), *_ = columns.items()
    called = whole_of(block) if whole else NAME
    alone = Design(design.units, {called: design.blocks[block] if whole else design.blocks[block][names]})
    plain = FusionConfig(
        classifier=plain_model(outcome),
        strategy=Early(),
        inner_folds=fusion.inner_folds,
        threshold=fusion.threshold,
    )
    try:
        return tuple(fit_fold(alone, called, fold, patient, outcome, plain, seed)[0] for fold in folds)
    except CaseError:
        return ()


def whole_of(block: str) -> str:
    """Return what the same regression on all columns of a block is called."""
    return f"ridge on all of {block}"


def with_volumes(design: Design, families: Sequence[str]) -> list[str]:
    """Return the families that have the block of the volumes."""
    block = next(iter(volume_columns(design)), None)
    return [family for family in families if block in blocks_of(family)]


def volume_check(volume: AnyPerformance | None, against: Sequence[Comparison], where: str = "") -> AuditCheck:
    """Return what the comparison comes to.

    Args:
        volume: how volume alone does; None where nothing was fitted.
        against: each family that has its block, less volume alone.
        where: that the study names what is compared; empty: it is a family.
    """
    if volume is None:
        return AuditCheck(
            name=NAME, looks=LOOKS, skipped="no column is a volume (shape_MeshVolume), or none could be fitted"
        )
    findings = []
    for pair in against:
        gain = pair.difference
        if gain.value is None or gain.low is None or gain.high is None or gain.low > 0:
            continue
        if gain.value > 0 and (volume.headline.low is None or volume.headline.low <= 0.5):
            continue  # neither is shown to rank: nothing says that size is what the family knows
        value, low, high = (f"{end:+.3f}".replace("-", "−") for end in (gain.value, gain.low, gain.high))
        does = "ranks worse than" if gain.high < 0 else "is not shown to rank better than"
        findings.append(
            AuditFinding(
                severity="remark",
                where=where or f"family {pair.first}",
                found=f"{pair.first} {does} volume alone: gain in {volume.measure} {value} ({low} to {high}) over "
                f"{volume.headline.value:.3f}",
                mend="What it knows may be how large a region is",
            )
        )
    return AuditCheck(
        name=NAME,
        looks=LOOKS,
        told=f"{volume.measure} {volume.headline.value:.3f} of volume alone",
        findings=tuple(findings),
    )
