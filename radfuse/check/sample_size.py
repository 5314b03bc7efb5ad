"""What a study has of what the criteria of a sample size ask for: units, events, candidate predictors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from radfuse.check.study import check_study
from radfuse.errors import InputError
from radfuse.fusion.design import Design, join
from radfuse.fusion.families import blocks_of
from radfuse.outcomes.kinds import happened
from radfuse.outcomes.survival import SurvivalOutcome
from radfuse.stages import prepare
from radfuse.stages.prepare import Prepared
from radfuse.study import Study


@dataclass(frozen=True)
class Had:
    """What there is.

    Attributes:
        units: of prediction.
        patients: whose they are.
        events: among the units; None of a continuous outcome.
        predictors: columns of the largest family before selection; 0 where features have yet to be made from images.
        asked: what a criterion asks of the outcome, by the names of `statistics.sample_size`.
    """

    units: int
    patients: int
    events: int | None
    predictors: int
    asked: Mapping[str, float]


def had(study: Study, run: Path) -> Had:
    """Return what a study has: from its run folder where its features lie there already, else from its tables.

    Raises:
        InputError: its tables are not usable, or it names no outcome.
    """
    stored = run / prepare.PLACE
    if study.regions and (stored / "design.json").is_file():
        return _of(study, prepare.read_design(stored).design, made=True)
    checked = check_study(study)
    if isinstance(checked, Prepared):
        return _of(study, checked.design, made=True)
    return _of(study, join(checked.cohort, dict(checked.tables)), made=False)


def _of(study: Study, design: Design, made: bool) -> Had:
    outcome = study.cohort.outcome
    assert outcome is not None
    kind, y = getattr(outcome, "kind", "binary"), outcome.targets(design.units)
    if kind in ("ordinal", "multiclass"):
        raise InputError(
            f"sample sizes are of binary, continuous and survival outcomes; that of the study is {kind}: leave the "
            "study out and give the numbers of such an outcome, for example --prevalence 0.3 --predictors 20"
        )
    events = None if kind == "continuous" else int(happened(outcome, design.units).sum())
    if kind == "continuous":
        asked = {"mean": float(y.mean()), "sd": float(y.std(ddof=1))}
    elif isinstance(outcome, SurvivalOutcome):
        asked = {"rate": float(y[:, 1].sum() / y[:, 0].sum()), "follow_up": float(y[:, 0].mean())}
        asked["horizon"] = outcome.horizon
    else:
        asked = {"prevalence": float(y.mean())}
    sizes = {name: values.shape[1] for name, values in design.blocks.items()}
    largest = max(sum(sizes.get(block, 0) for block in blocks_of(family)) for family in study.families)
    patients = design.units[study.cohort.patient].nunique()
    return Had(len(design.units), patients, events, largest if made else 0, asked)
