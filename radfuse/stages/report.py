"""Stage `report`: everything a study found, on one page, its tables and figures beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np
import pandas as pd

from radfuse.bundle.schema import versions
from radfuse.config import Section, Where, to_yaml
from radfuse.outcomes.kinds import Outcome
from radfuse.report.printed import this_day, without_folders
from radfuse.results import (
    Failure,
    LearningPoint,
    MasksToLookAt,
    MaskToLookAt,
    OptimismDraw,
    ReaderResults,
    SegmentationReport,
    SegmentedCase,
    SegmentedExample,
    Shuffled,
    VariantResults,
)
from radfuse.run.folder import read_json
from radfuse.run.stage import Stage
from radfuse.stages import (
    beside,
    extract,
    fuse,
    learning_curve,
    manual,
    optimism,
    permute,
    prepare,
    readers,
    refit,
    review,
    segment,
    variants,
)
from radfuse.stages.context import Context
from radfuse.stages.export import write_files
from radfuse.statistics.icc import icc

if TYPE_CHECKING:
    from radfuse.volume.image import LabelMap, Volume

Draw = TypeVar("Draw")
Kept = TypeVar("Kept", bound=Section)
_SHOWN = 6
"""Suspicious masks pictured, at most."""


@dataclass(frozen=True)
class SegmentedFiles:
    """What there is of one case that was segmented and has a manual mask too.

    Attributes:
        patient: whose it is.
        image: that the network read.
        manual: mask.
        found: folder of the segmentation.
        features: from the found mask and from the manual one, where there are both.
    """

    patient: str
    image: Path
    manual: Path
    found: Path
    features: tuple[Path, Path] | None


class Occasion(Section):
    """When and where a page is made; another day or place is no reason to make it again."""

    date: Annotated[str, Where()]
    folder: Annotated[str, Where()]
    """Of the cohort table; paths are shown relative to it."""


@dataclass(frozen=True)
class ReportJob:
    """The one report.

    Attributes:
        title: of the page.
        study_yaml: the resolved study, its paths relative to the cohort table.
        unit: columns that name a unit.
        patient: column of the person.
        site: column of the site, or None.
        outcome: what is predicted.
        seed: of resampling.
        design: where it is stored.
        comparison: of the families.
        fits: family -> its outer folds.
        final: family -> its fit on all units.
        failures: what could not be computed.
        versions: of Python and packages.
        cases: case -> its features, where the study starts from images.
        segmented: case -> its files, of cases with both masks; those too that failed later: what a network missed
            belongs in its Dice.
        review: list of all predicted masks; None where no network was trained.
        previews: case -> picture of its predicted mask.
        drawn: case -> its image and the mask it brought, where no network was trained.
        names: label -> name.
        all_cases: number of cases that the study started with.
        primary: the family that the study is about, or None.
        readers: what they gave, or None.
        groups: subgroups of units, or None.
        variants: compared with the study, or None.
        optimism: family -> bootstrap samples.
        shuffled: family -> shuffles of the outcomes.
        learning: family -> points of its learning curve.
        occasion: today, and here.
    """

    title: str
    study_yaml: str
    unit: tuple[str, ...]
    patient: str
    site: str | None
    outcome: Outcome
    seed: int
    design: Path
    comparison: Path
    fits: Mapping[str, tuple[Path, ...]]
    final: Mapping[str, Path]
    failures: tuple[Failure, ...]
    versions: Mapping[str, str]
    cases: Mapping[str, Path]
    segmented: Mapping[str, SegmentedFiles]
    review: Path | None
    previews: Mapping[str, Path]
    drawn: Mapping[str, tuple[Path, Path]]
    names: Mapping[int, str]
    all_cases: int
    primary: str | None
    readers: Path | None
    groups: Path | None
    variants: Path | None
    optimism: Mapping[str, tuple[Path, ...]]
    shuffled: Mapping[str, tuple[Path, ...]]
    learning: Mapping[str, tuple[Path, ...]]
    occasion: Occasion

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
        study_yaml=to_yaml(_shown(study.model_dump(mode="json"), base)),
        unit=config.unit_columns,
        patient=config.patient,
        site=config.site,
        outcome=config.outcome,
        seed=study.seed,
        design=context.path(prepare.PLACE),
        comparison=context.path(fuse.PLACE),
        fits=fits,
        final={name: context.path(place) / "fitted.json" for name, place in final.items() if context.has(place)},
        failures=tuple(
            Failure(item=failure.item, error=without_folders(failure.error, base)) for failure in context.failures
        ),
        versions=versions(),
        cases={case.case_id: context.path(extract.place_of(case.case_id)) for case in context.cases()},
        segmented=_segmented(context),
        review=context.path(review.PLACE) if context.has(review.PLACE) else None,
        previews=_previews(context),
        drawn=_masks_brought(context),
        names=context.segmentation.names if study.regions else {},
        all_cases=len(context.all_cases),
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
        occasion=Occasion(date=this_day(), folder=base),
    )


def _there(context: Context, place: str) -> Path | None:
    return context.path(place) if context.has(place) else None


def _each(
    context: Context, families: Iterable[str], place_of: Callable[[str, Draw], str], draws: Sequence[Draw]
) -> dict[str, tuple[Path, ...]]:
    """Return family -> its draws that are there; families without any are left out."""
    found = {family: [place_of(family, draw) for draw in draws] for family in families}
    there = {family: tuple(context.path(place) for place in own if context.has(place)) for family, own in found.items()}
    return {family: paths for family, paths in there.items() if paths}


def _previews(context: Context) -> dict[str, Path]:
    """Return the picture of every predicted mask."""
    places = {case.case_id: segment.place_of(case.case_id) for case in context.all_cases}
    return {case: context.path(place) / segment.PREVIEW for case, place in places.items() if context.has(place)}


def _masks_brought(context: Context) -> dict[str, tuple[Path, Path]]:
    """Return the image and the mask of every case of a study that trains no network."""
    if context.segments:
        return {}
    return {case.case_id: (context.image(case), case.mask) for case in context.cases() if case.mask is not None}


def _shown(value: Any, base: str) -> Any:
    """Return settings as a page may show them: no folder of this machine."""
    if isinstance(value, Mapping):
        return {key: _shown(item, base) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item, base) for item in value]
    return without_folders(value, base) if isinstance(value, str) else value


def _segmented(context: Context) -> dict[str, SegmentedFiles]:
    """Return the files of every case that has a manual mask and a predicted one."""
    found = {}
    for case in context.all_cases:
        place = segment.place_of(case.case_id)
        if case.mask is not None and context.has(place):
            pair = (extract.place_of(case.case_id), manual.place_of(case.case_id))
            both = (context.path(pair[0]), context.path(pair[1])) if all(map(context.has, pair)) else None
            found[case.case_id] = SegmentedFiles(
                case.patient, context.image(case), case.mask, context.path(place), both
            )
    return found


def work(job: ReportJob) -> dict[str, str]:
    """Return the report's files."""
    from radfuse.report.page import study_report
    from radfuse.report.study import Made, StudyReport

    prepared, base = prepare.read_design(job.design), job.occasion.folder
    design, results = prepared.design, fuse.read_results(job.comparison)
    report = StudyReport(
        title=job.title,
        outcome=job.outcome.name(),
        event=job.outcome.event(),
        events=job.outcome.labels(design.units),
        unit=job.unit,
        patient=job.patient,
        site=job.site,
        units=design.units,
        blocks={name: values.shape[1] for name, values in design.blocks.items()},
        clinical=design.blocks.get("clinical", pd.DataFrame(index=design.units.index)),
        predictions=pd.read_parquet(job.comparison / "predictions.parquet"),
        results=results.model_copy(update={"failures": job.failures}),
        folds={family: [fuse.read_fit(path) for path in paths] for family, paths in job.fits.items()},
        final={family: fuse.read_fit(path) for family, path in job.final.items()},
        study_yaml=job.study_yaml,
        warnings=[
            replace(item, where=without_folders(item.where, base), message=without_folders(item.message, base))
            for item in prepared.warnings
        ],
        versions=job.versions,
        seed=job.seed,
        primary=job.primary,
        sections=job.outcome.sections(),
        made=Made(job.occasion.date, job.versions["radfuse"], "radfuse run study.yaml"),
        drawn=_drawn(job),
        review=_to_look_at(job),
        segmentation=_segmentation_report(job),
        masks=dict(Counter(str(read_json(path)["mask_source"]) for path in job.cases.values())),
        readers=ReaderResults.model_validate_json(job.readers.read_bytes()) if job.readers else None,
        groups=pd.read_parquet(job.groups) if job.groups else None,
        variants=VariantResults.model_validate_json(job.variants.read_bytes()) if job.variants else None,
        optimism=_read(job.optimism, OptimismDraw),
        shuffled=_read(job.shuffled, Shuffled),
        learning=_read(job.learning, LearningPoint),
    )
    return study_report(report)


def _read(places: Mapping[str, tuple[Path, ...]], kind: type[Kept]) -> dict[str, list[Kept]]:
    """Return family -> what was stored of each draw."""
    return {family: [kind.model_validate_json(path.read_bytes()) for path in own] for family, own in places.items()}


def _segmentation_report(job: ReportJob) -> SegmentationReport | None:
    """Return how predicted masks agree with manual ones, with three examples; None where nothing was segmented."""
    from radfuse.volume.files import read_labels

    if not job.segmented:
        return None
    rows = []
    for case, files in job.segmented.items():
        facts = SegmentedCase.model_validate_json((files.found / segment.FACTS).read_bytes())
        known = {"case": case, "patient": files.patient}
        rows += [{**known, "label": label, **found.row()} for label, found in facts.agreement.items()]
    agreement = pd.DataFrame(rows)
    dice = agreement.groupby("case", sort=False)["dice"].mean()
    examples = []
    for case, which in _three(list(dice.sort_values(kind="stable").index), "worst", "median", "best").items():
        files = job.segmented[case]
        image, truth = _read_pair(files.image, files.manual, job.names)
        predicted = read_labels(files.found / segment.MASK, job.names, empty=True)
        examples.append(SegmentedExample(which, case, image, truth, predicted, float(dice[case])))
    pairs = {case: files.features for case, files in job.segmented.items() if files.features is not None}
    return SegmentationReport(agreement, tuple(examples), _agreement(pairs), job.all_cases)


def _to_look_at(job: ReportJob) -> MasksToLookAt | None:
    """Return the top of the review list; None where nothing was segmented."""
    if job.review is None:
        return None
    listed = review.read(job.review)
    found = listed[listed["flags"] != ""]
    shown = tuple(
        MaskToLookAt(str(case), str(flags), float(points), job.previews[str(case)].read_bytes())
        for case, flags, points in found[["case", "flags", "suspicion"]].head(_SHOWN).itertuples(index=False)
    )
    names = tuple(job.names[number] for number in sorted(job.names))
    return MasksToLookAt(len(listed), len(found), shown, names)


def _drawn(job: ReportJob) -> tuple[SegmentedExample, ...]:
    """Return the cases with the smallest, the median and the largest mask, where masks were brought."""
    sizes = {case: sum(read_json(path)["voxels"].values()) for case, path in job.cases.items() if case in job.drawn}
    examples = []
    for case, which in _three(sorted(sizes, key=lambda case: sizes[case]), "smallest", "median", "largest").items():
        image, mask = _read_pair(*job.drawn[case], job.names)
        examples.append(SegmentedExample(which, case, image, mask))
    return tuple(examples)


def _three(order: Sequence[str], first: str, middle: str, last: str) -> dict[str, str]:
    """Return the first, the middle and the last of cases in order, each once, and what it is called."""
    if not order:
        return {}
    names = {order[0]: first, order[-1]: last, order[len(order) // 2]: middle}
    return {case: names[case] for case in dict.fromkeys((order[0], order[len(order) // 2], order[-1]))}


def _read_pair(image: Path, mask: Path, names: Mapping[int, str]) -> tuple[Volume, LabelMap]:
    """Return an image and a mask on its grid."""
    from radfuse.volume.files import read_labels, read_volume
    from radfuse.volume.resample import resample_labels

    volume, labels = read_volume(image), read_labels(mask, names)
    return volume, resample_labels(labels, volume.grid)


def _agreement(pairs: Mapping[str, tuple[Path, Path]]) -> pd.Series:
    """Return ICC(2,1) of each radiomic feature between predicted and manual masks."""
    tables = []
    for which in (0, 1):
        rows = {case: read_json(paths[which])["features"] for case, paths in pairs.items()}
        tables.append(pd.DataFrame.from_dict(rows, orient="index").astype("float64"))
    predicted, drawn = tables
    both = {name: np.column_stack([predicted[name], drawn[name]]) for name in predicted if name in drawn}
    return pd.Series({name: icc(pair[np.isfinite(pair).all(axis=1)]) for name, pair in both.items()}, dtype=float)


STAGE = Stage(
    "report",
    11,
    jobs,
    work,
    write_files,
    lambda _: "report",
    what="writing the report",
    needs=("export", "manual", "review", "beside", "readers", "variants", "optimism", "permute", "learning_curve"),
)
