"""Stage `report`: everything a study found, on one page, its tables and figures beside it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import pandas as pd

from radfuse.audit.checks import problems_of
from radfuse.audit.volume import NAME, volume_check, with_volumes
from radfuse.bundle.schema import versions
from radfuse.check.answers import read_answers
from radfuse.cohort.config import levels_of
from radfuse.config import Section, Where, to_yaml
from radfuse.outcomes.kinds import Outcome, explained, happened, settled
from radfuse.report.printed import this_day, without_folders
from radfuse.results import (
    AnyPerformance,
    Audit,
    Comparison,
    Failure,
    FittedFamily,
    LearningPoint,
    OptimismDraw,
    ReaderResults,
    Shuffled,
    VariantResults,
)
from radfuse.results.visits import VisitResults
from radfuse.run.folder import read_json
from radfuse.run.ledger import paces_of
from radfuse.run.stage import Stage
from radfuse.stages import (
    audit,
    beside,
    explain,
    fuse,
    learning_curve,
    optimism,
    permute,
    prepare,
    readers,
    refit,
    variants,
    visits,
)
from radfuse.stages.context import Context
from radfuse.stages.export import write_files
from radfuse.stages.prepare import Prepared
from radfuse.stages.shown_masks import MaskFiles, drawn_examples, masks_to_look_at, segmentation_report

if TYPE_CHECKING:
    from radfuse.fusion.config import FusionConfig
    from radfuse.fusion.design import Design
    from radfuse.results.explained import ExplainedFamily
    from radfuse.study import Study

Draw = TypeVar("Draw")
Kept = TypeVar("Kept", bound=Section)


class Occasion(Section):
    """When and where a page is made; another day or place is no reason to make it again."""

    date: Annotated[str, Where()]
    folder: Annotated[str, Where()]
    """Of the cohort table; paths are shown relative to it."""
    run: Annotated[str, Where()] = ""
    """Folder of the run, whose log tells how fast it went; empty: nothing is told of it."""
    command: Annotated[str, Where()] = ""
    """What was typed to make it."""


@dataclass(frozen=True)
class ReportJob:
    """The one report.

    Attributes:
        title: of the page.
        settings: the resolved study, its paths relative to the cohort table.
        strategy: how families of several blocks are joined, defaults resolved.
        unit: columns that name a unit.
        patient: column of the person.
        site: column of the site, or None.
        outcome: what is predicted.
        seed: of resampling.
        design: where it is stored.
        audited: what an audit fitted.
        comparison: of the families.
        fits: family -> its outer folds.
        final: family -> its fit on all units.
        failures: what could not be computed.
        versions: of Python and packages.
        masks: where what is shown of masks is stored.
        primary: the family that the study is about, or None.
        readers: what they gave, or None.
        groups: subgroups of units, or None.
        variants: compared with the study, or None.
        optimism: family -> bootstrap samples.
        shuffled: family -> shuffles of the outcomes.
        learning: family -> points of its learning curve.
        levels: clinical column of words -> its levels.
        nomogram: the family whose nomogram is asked for, or None.
        tuned: setting -> values that inner folds choose of.
        journal_figures: files of figures are as journals print them.
        answers: of the study's authors to items of checklists; None: they gave none.
        occasion: today, and here.
        explained: family -> class, "" where there is none -> fold -> its explanation, of those that there are.
        visits: what they changed, or None.
    """

    title: str
    settings: Mapping[str, Any]
    strategy: Mapping[str, Any]
    unit: tuple[str, ...]
    patient: str
    site: str | None
    outcome: Outcome
    seed: int
    design: Path
    audited: Path
    comparison: Path
    fits: Mapping[str, tuple[Path, ...]]
    final: Mapping[str, Path]
    failures: tuple[Failure, ...]
    versions: Mapping[str, str]
    masks: MaskFiles
    primary: str | None
    readers: Path | None
    groups: Path | None
    variants: Path | None
    optimism: Mapping[str, tuple[Path, ...]]
    shuffled: Mapping[str, tuple[Path, ...]]
    learning: Mapping[str, tuple[Path, ...]]
    levels: Mapping[str, tuple[str, ...]]
    nomogram: str | None
    tuned: Mapping[str, tuple[float, ...]]
    journal_figures: bool
    answers: Path | None
    occasion: Occasion
    explained: Mapping[str, Mapping[str, Mapping[str, Path]]]
    visits: Path | None

    def __str__(self) -> str:
        return "the report"


def jobs(context: Context) -> Iterator[ReportJob]:
    """Yield the one report."""
    study, config = context.study, context.study.cohort
    assert config.outcome is not None
    base = str(config.table.parent)
    fits = fuse.whole_families(context)
    final = {family: refit.place_of(family) for family in fits}
    yield ReportJob(
        title=study.title or study.name,
        settings=_shown(study.model_dump(mode="json"), base),
        strategy=_strategy(study),
        unit=config.unit_columns,
        patient=config.patient,
        site=config.site,
        outcome=config.outcome,
        seed=study.seed,
        design=context.path(prepare.PLACE),
        audited=context.path(audit.PLACE),
        comparison=context.path(fuse.PLACE),
        fits=fits,
        final={name: context.path(place) / "fitted.json" for name, place in final.items() if context.has(place)},
        failures=tuple(
            Failure(item=failure.item, error=without_folders(failure.error, base)) for failure in context.failures
        ),
        versions=versions(),
        masks=MaskFiles.of(context),
        primary=study.fusion.primary,
        readers=_there(context, readers.PLACE),
        groups=context.path(beside.PLACE) / beside.GROUPS if study.evaluation.subgroups else None,
        variants=_there(context, variants.PLACE),
        optimism=_each(context, fits, optimism.place_of, range(study.evaluation.optimism + 1)),
        shuffled=_each(context, fits, permute.place_of, range(1, study.evaluation.permutations + 1)),
        learning=_each(
            context,
            fits,
            lambda family, point: learning_curve.place_of(family, *point),
            learning_curve.points_of(context),
        ),
        levels=levels_of(config.clinical),
        nomogram=study.nomogram,
        tuned=tuned_settings(study.fusion),
        journal_figures=study.report.journal_figures,
        answers=study.report.answers,
        occasion=Occasion(
            date=this_day(),
            folder=base,
            run=str(context.folder.path),
            command=shlex.join(["radfuse", *(_typed(word, base) for word in context.command)]),
        ),
        explained=_explanations(context),
        visits=_there(context, visits.PLACE),
    )


def _explanations(context: Context) -> dict[str, dict[str, dict[str, Path]]]:
    """Return the explained folds of each family, and of each of its classes."""
    found: dict[str, dict[str, dict[str, Path]]] = {}
    folds = prepare.read_design(context.path(prepare.PLACE)).folds
    for family, level in product(explain.explained_families(context), explain.levels_of(context)):
        for fold in folds:
            place = explain.place_of(family, level, fold.name)
            if context.has(place):
                found.setdefault(family, {}).setdefault(level, {})[fold.name] = context.path(place)
    return found


def _there(context: Context, place: str) -> Path | None:
    return context.path(place) if context.has(place) else None


def _each(
    context: Context, families: Iterable[str], place_of: Callable[[str, Draw], str], draws: Sequence[Draw]
) -> dict[str, tuple[Path, ...]]:
    """Return family -> its draws that are there; families without any are left out."""
    found = {family: [place_of(family, draw) for draw in draws] for family in families}
    there = {family: tuple(context.path(place) for place in own if context.has(place)) for family, own in found.items()}
    return {family: paths for family, paths in there.items() if paths}


def _strategy(study: Study) -> dict[str, Any]:
    """Return how families of several blocks are joined, the usual way resolved."""
    resolved = study.fusion.model_copy(update={"strategy": study.fusion.joins})
    return dict(resolved.model_dump(mode="json")["strategy"])


def tuned_settings(fusion: FusionConfig) -> dict[str, tuple[float, ...]]:
    """Return each setting of selections and learners that has several values to choose of, with these."""
    tried: dict[str, dict[float, None]] = {}
    for part in [*(step for steps in fusion.selections.values() for step in steps), *fusion.learners]:
        for settings in part.candidates():
            for name, value in settings.items():
                tried.setdefault(name, {})[float(value)] = None
    return {name: tuple(sorted(values)) for name, values in tried.items() if len(values) > 1}


def _shown(value: Any, base: str) -> Any:
    """Return settings as a page may show them: no folder of this machine."""
    if isinstance(value, Mapping):
        return {key: _shown(item, base) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item, base) for item in value]
    return without_folders(value, base) if isinstance(value, str) else value


def _typed(word: str, base: str) -> str:
    """Return what was typed without the folders in it: paths that are all of a value may hold blanks."""
    key, sign, value = word.rpartition("=")
    if PurePath(value).is_absolute() and not value.startswith(base):
        value = PurePath(value).name
    return without_folders(f"{key}{sign}{value}", base)


def work(job: ReportJob) -> dict[str, str | bytes]:
    """Return the report's files."""
    from radfuse.report.page import study_report
    from radfuse.report.study import Made, StudyReport

    prepared, base = prepare.read_design(job.design), job.occasion.folder
    design, results = prepared.design, fuse.read_results(job.comparison)
    fits = {family: [fuse.read_fit(path) for path in paths] for family, paths in job.fits.items()}
    told = problems_of(prepared.audit.checks)  # in a section of their own
    report = StudyReport(
        title=job.title,
        outcome=job.outcome.name(),
        event=settled(job.outcome, design.units).event_name(),
        events=happened(job.outcome, design.units),
        unit=job.unit,
        patient=job.patient,
        site=job.site,
        units=design.units,
        blocks={name: values.shape[1] for name, values in design.blocks.items()},
        clinical=design.blocks.get("clinical", pd.DataFrame(index=design.units.index)),
        predictions=pd.read_parquet(job.comparison / "predictions.parquet"),
        results=results.model_copy(update={"failures": job.failures}),
        folds=fits,
        final={family: fuse.read_fit(path) for family, path in job.final.items()},
        study_yaml=to_yaml(job.settings),
        settings=job.settings,
        strategy=job.strategy,
        warnings=[
            replace(item, where=without_folders(item.where, base), message=without_folders(item.message, base))
            for item in prepared.warnings
            if item not in told
        ],
        versions=job.versions,
        seed=job.seed,
        audit=_audited(job, prepared, fits),
        primary=job.primary,
        levels=job.levels,
        nomogram=job.nomogram,
        sections=job.outcome.sections(),
        made=Made(job.occasion.date, job.versions["radfuse"], job.occasion.command),
        drawn=drawn_examples(job.masks),
        review=masks_to_look_at(job.masks),
        segmentation=segmentation_report(job.masks),
        tuned=job.tuned,
        journal_figures=job.journal_figures,
        answers=read_answers(job.answers),
        masks=dict(Counter(str(read_json(path)["mask_source"]) for path in job.masks.cases.values())),
        lacking=lacking(design.blocks, job.settings["cohort"]["images"], job.settings["features"]),
        readers=ReaderResults.model_validate_json(job.readers.read_bytes()) if job.readers else None,
        groups=pd.read_parquet(job.groups) if job.groups else None,
        variants=VariantResults.model_validate_json(job.variants.read_bytes()) if job.variants else None,
        optimism=_read(job.optimism, OptimismDraw),
        shuffled=_read(job.shuffled, Shuffled),
        learning=_read(job.learning, LearningPoint),
        explained=_explained(job, design),
        paces=paces_of(Path(job.occasion.run)) if job.occasion.run else (),
        visits=VisitResults.model_validate_json(job.visits.read_bytes()) if job.visits else None,
    )
    return study_report(report)


def lacking(
    blocks: Mapping[str, pd.DataFrame], images: Collection[str], outside: Collection[str] = ()
) -> dict[str, int]:
    """Return block, and its sequence where it has several -> units without any value of it; clinical columns apart.

    Args:
        blocks: of the design.
        images: sequences of the study, by which columns SEQUENCE/... and SEQUENCE@VISIT/... are told apart.
        outside: blocks that the study was given as tables, each of which is one thing, whatever its columns are called.
    """
    found = {}
    for block, values in blocks.items():
        if block == "clinical":
            continue
        firsts = [str(name).partition("/")[0] for name in values]
        known = [] if block in outside else images
        sequences = pd.Series([first if first.partition("@")[0] in known else "" for first in firsts], dtype=object)
        several = sequences.nunique() > 1
        for sequence in sequences.unique() if several else [""]:
            own = values.loc[:, (sequences == sequence).to_numpy()] if several else values
            found[f"{block}, {sequence}" if sequence else block] = int(own.isna().all(axis=1).sum())
    return {name: units for name, units in found.items() if units}


def _read(places: Mapping[str, tuple[Path, ...]], kind: type[Kept]) -> dict[str, list[Kept]]:
    """Return family -> what was stored of each draw."""
    return {family: [kind.model_validate_json(path.read_bytes()) for path in own] for family, own in places.items()}


def _explained(job: ReportJob, design: Design) -> list[ExplainedFamily]:
    """Return the explained families, or their classes, folds put together."""
    if not job.explained:
        return []
    from radfuse.fusion.explain.summary import summarised

    units = [" ".join(map(str, row)) for row in design.units[list(job.unit)].itertuples(index=False, name=None)]
    of, patients = explained(job.outcome, design.units), design.units[job.patient].to_numpy()
    return [
        summarised(
            *(family, {fold: explain.read(path) for fold, path in folds.items()}),
            *of[level],
            patients,
            units,
            job.seed,
            level,
        )
        for family, levels in job.explained.items()
        for level, folds in levels.items()
    ]


def _audited(job: ReportJob, prepared: Prepared, fits: Mapping[str, Sequence[FittedFamily]]) -> Audit:
    """Return all checks of the study, volume alone beside the families that have it among them."""
    fitted = audit.read_fits(job.audited)
    volume: AnyPerformance | None = None
    against: list[Comparison] = []
    if fitted.volume:
        beside = [family for family in with_volumes(prepared.design, list(fits)) if family in fits]
        every = {NAME: fitted.volume, **{family: fits[family] for family in beside}}
        predictions = fuse.predictions_of(prepared, every, job.unit, job.patient, job.outcome)
        volume = job.outcome.measure(predictions[predictions["family"] == NAME])
        for family in beside:
            pair = predictions[predictions["family"].isin([family, NAME])]
            against += job.outcome.compare(pair, [family, NAME])
    checks = (*prepared.audit.checks, volume_check(volume, against), fitted.honesty)
    return Audit(checks=checks, volume=volume, against=tuple(against))


STAGE = Stage(
    "report",
    30,
    jobs,
    work,
    write_files,
    lambda _: "report",
    what="writing the report",
    needs=(
        *("export", "explain", "manual", "review", "audit", "beside", "visits", "readers"),
        *("variants", "optimism", "permute", "learning_curve"),
    ),
)
