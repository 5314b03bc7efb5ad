"""Command `look`: one case's images with the contours of its regions, before anything is trained."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from radfuse.cli.arguments import Overrides, RunMade, StudyFile
from radfuse.cli.show import SOME_FAILED, out, show_failures
from radfuse.errors import CaseError, InputError
from radfuse.run.disk import check_folder, write_folder

if TYPE_CHECKING:
    from radfuse.cohort.case import Case
    from radfuse.recipe import MaskedImage, RegionRecipe
    from radfuse.sequences import SequenceRecipe
    from radfuse.study import Study
    from radfuse.volume.image import LabelMap
    from radfuse.volume.region import Region
    from radfuse.volume.sitk import Transform


def look(
    study: StudyFile,
    case: Annotated[str, typer.Argument(metavar="CASE", help="Its id in the cohort table.", show_default=False)],
    out_: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the page; look/CASE in the run folder by default."),
    ] = None,
    run_: RunMade = None,
    set_: Overrides = None,
) -> None:
    """One page of a case: every image with every region's contour in three planes, and its numbers."""
    from radfuse.run.folder import LOOKS, MARK, safe_name
    from radfuse.study import load_study

    loaded = load_study(study, set_ or ())
    if not loaded.regions or loaded.segmentation is None:
        raise InputError(f"{study}: the study has no `regions`, so there is nothing to draw; name some")
    if run_ is not None and not (run_ / MARK).is_file():
        raise InputError(f"{run_} is no run folder: it has no {MARK}; give the folder that `radfuse run` wrote")
    run = run_ or Path("runs") / loaded.name
    place = out_ or run / LOOKS / safe_name(case)
    check_folder(place)
    loaded, found = _as_learned(loaded, run), _case(loaded, case)
    mask, source = _mask(loaded, found, run)
    page, failed = _page(loaded, found, mask, source, study, run)
    write_folder(place, {"index.html": page.encode()})
    out.print(f"{escape(case)} -> {escape(str(place / 'index.html'))}", soft_wrap=True)
    if failed:
        raise typer.Exit(SOME_FAILED)


def _as_learned(study: Study, run: Path) -> Study:
    """Return the study with what the images of all its cases taught, where the run has learned that."""
    from radfuse.learned import Learned, filled, learns
    from radfuse.stages.context import ALL, learned_of

    place = run / learned_of(ALL)
    return (
        filled(study, Learned.model_validate_json(place.read_bytes())) if learns(study) and place.is_file() else study
    )


def _case(study: Study, case: str) -> Case:
    """Return a case by its id; others of its table are not looked at."""
    from radfuse.cohort.read import read_cohort
    from radfuse.cohort.spreadsheet import ROW, numbered, read_table
    from radfuse.config import nearest

    config = study.cohort
    table = read_table(config.table)
    table = numbered(table) if ROW in (config.case, config.patient) else table
    if config.case not in table.cells:
        raise InputError(f"{table.path.name}: there is no column {config.case!r} (cohort.case)")
    ids = table.text(config.case)
    if case not in set(ids.dropna()):
        raise InputError(f"{table.path.name} has no case {case!r}{nearest(case, ids.dropna())}")
    alone = replace(table, cells=table.cells[ids == case])
    plain = config.model_copy(update={"exclude": {}, "changes": None, "clinical": (), "outcome": None})
    return next(iter(read_cohort(alone, plain, labelled=False, new=True)))


def _mask(study: Study, case: Case, run: Path) -> tuple[LabelMap, str]:
    """Return the mask that a case is measured with: that of the run's network, else the one drawn by hand."""
    from radfuse.recipe import read_mask
    from radfuse.run.folder import safe_name
    from radfuse.sequences import spacings_of
    from radfuse.stages.context import followed
    from radfuse.volume.files import read_grid

    assert study.segmentation is not None
    labels = study.segmentation.labels
    if study.visits is not None and study.visits.masks == "carried" and case.visit != study.visits.first(study.cohort):
        carried = run / followed(case.case_id) / "labels.nrrd"
        if not carried.is_file():
            raise InputError(f"the mask of the case {case.case_id!r} is its baseline's: run `radfuse follow` first")
        return read_mask(carried, labels, study.segmentation.source), "carried over from the baseline"
    predicted = run / "labels" / safe_name(case.case_id) / "labels.nrrd"
    if study.segments and predicted.is_file():
        return read_mask(predicted, labels, study.segmentation.source), f"predicted, {study.segmentation.source}"
    if case.mask is None:
        mend = "run `radfuse segment` first, or draw one" if study.segments else "draw one"
        raise InputError(f"the case {case.case_id!r} has no mask: {mend}")
    home = (study.segmentation.sequences or tuple(study.cohort.images))[0]
    like = read_grid(case.images[home], *spacings_of([home], study.sequences))
    return read_mask(case.mask, labels, "manual", like), "drawn by hand"


def _page(study: Study, case: Case, mask: LabelMap, source: str, file: Path, run: Path) -> tuple[str, bool]:
    """Return the page, and whether some image's regions could not be made."""
    from radfuse.recipe import about, regions_on
    from radfuse.report.look import CaseReport, SeenImage, case_page
    from radfuse.report.study import Made
    from radfuse.results import Failure
    from radfuse.volume.files import read_volume

    who = about(case, study.cohort.unit_columns)
    recipe = _recipe(study)
    ready: dict[str, MaskedImage] = {}
    told: dict[str, str] = {}
    regions: dict[str, list[Region]] = {}
    for sequence in case.images:
        try:
            ready[sequence] = _masked(study, case, sequence, mask, run)
        except InputError as error:
            told[sequence] = str(error)
    for sequence in ready:
        try:
            regions[sequence] = regions_on(sequence, ready, recipe, who)
        except (CaseError, InputError) as error:
            told[sequence] = error.message if isinstance(error, CaseError) else str(error)
    images = {name: at.image for name, at in ready.items()}
    for name in set(case.images) - set(ready):
        with contextlib.suppress(InputError):  # told already
            images[name] = read_volume(case.images[name], recipe.sequences[name].spacing_mm)
    steps = {name: _steps(recipe.sequences[name]) if name in ready else () for name in images}
    seen = [SeenImage(name, images[name], regions.get(name, []), steps[name]) for name in case.images if name in images]
    failures = [Failure(item=name, error=message) for name, message in told.items()]
    counted = "image" if len(seen) == 1 else "images"
    known = {"mask": source, "side": who.side, "visit": who.visit, counted: str(len(seen))}
    facts = {name: value for name, value in known.items() if value}
    made = Made.today(["look", file.name, case.case_id])
    show_failures(failures)
    return case_page(CaseReport(case.case_id, facts, seen, failures, made)), bool(failures)


def _steps(recipe: SequenceRecipe) -> tuple[str, ...]:
    """Return what is done to the values of an image before they are measured."""
    return (*(["SUV"] if recipe.suv else []), *(step.kind for step in recipe.normalise))


def _recipe(study: Study) -> RegionRecipe:
    """Return what decides the study's regions."""
    from radfuse.recipe import RegionRecipe
    from radfuse.sequences import recipes_of

    assert study.segmentation is not None
    about = (study.cohort.images, study.sequences, study.cohort.masks, study.radiomics)
    sequences = recipes_of(*about, resample_masks=study.resample_masks)
    return RegionRecipe(labels=study.segmentation.labels, regions=study.regions, sequences=sequences)


def _masked(study: Study, case: Case, sequence: str, mask: LabelMap, run: Path) -> MaskedImage:
    """Return one image of a case with the mask on its grid, by the run's registration where it takes one."""
    from radfuse.recipe import masked, read_mask, read_measured
    from radfuse.stages.context import TRANSFORM, registered
    from radfuse.volume.sitk import read_transform
    from radfuse.volume.visit import Visit

    recipe = _recipe(study)
    image = read_measured(case.images[sequence], recipe.sequences[sequence])
    drawn = case.own_masks if recipe.sequences[sequence].masks == "own" else {}
    own = {
        name: read_mask(path, recipe.labels, "manual", image.grid) for name, path in drawn.items() if name == sequence
    }
    transforms = {}
    if recipe.sequences[sequence].masks == "register":
        place = run / registered(case.case_id, sequence) / TRANSFORM
        if not place.is_file():
            raise InputError(f"masks reach {sequence!r} by registration; run `radfuse register` first")
        transforms[sequence] = read_transform(place)
    seen = Visit({sequence: image}, mask, own, transforms)
    if study.visits is not None and study.visits.masks == "own":
        seen = seen.together(_to_baseline(study, case, run))
    return masked(seen, recipe)[sequence]


def _to_baseline(study: Study, case: Case, run: Path) -> Transform | None:
    """Return the way from a follow-up to its baseline, by the run's registration; None for the baseline itself."""
    from radfuse.stages.context import TRANSFORM, followed
    from radfuse.volume.sitk import read_transform

    if study.visits is None or case.visit == study.visits.first(study.cohort):
        return None
    place = run / followed(case.case_id) / TRANSFORM
    if not place.is_file():
        raise InputError("the case is measured where its baseline lies: run `radfuse follow` first")
    return read_transform(place)
