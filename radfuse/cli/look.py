"""Command `look`: one case's images with the contours of its regions, before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from radfuse.cli.arguments import Overrides, StudyFile
from radfuse.cli.show import SOME_FAILED, out, show_failures
from radfuse.errors import CaseError, InputError
from radfuse.run.disk import check_folder, write_folder

if TYPE_CHECKING:
    from radfuse.cohort.case import Case
    from radfuse.study import Study
    from radfuse.volume.image import LabelMap


def look(
    study: StudyFile,
    case: Annotated[str, typer.Argument(metavar="CASE", help="Its id in the cohort table.", show_default=False)],
    out_: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the page; look/CASE in the run folder by default."),
    ] = None,
    set_: Overrides = None,
) -> None:
    """One page of a case: every image with every region's contour in three planes, and its numbers."""
    from radfuse.run.folder import safe_name
    from radfuse.study import load_study

    loaded = load_study(study, set_ or ())
    if not loaded.regions or loaded.segmentation is None:
        raise InputError(f"{study}: the study has no `regions`, so there is nothing to draw; name some")
    run = Path("runs") / loaded.name
    place = out_ or run / "look" / safe_name(case)
    check_folder(place)
    found = _case(loaded, case)
    mask, source = _mask(loaded, found, run)
    page, failed = _page(loaded, found, mask, source, study)
    write_folder(place, {"index.html": page.encode()})
    out.print(f"{escape(case)} -> {escape(str(place / 'index.html'))}", soft_wrap=True)
    if failed:
        raise typer.Exit(SOME_FAILED)


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

    assert study.segmentation is not None
    labels = study.segmentation.labels
    predicted = run / "labels" / safe_name(case.case_id) / "labels.nrrd"
    if study.segments and predicted.is_file():
        return read_mask(predicted, labels, study.segmentation.source), f"predicted, {study.segmentation.source}"
    if case.mask is None:
        mend = "run `radfuse segment` first, or draw one" if study.segments else "draw one"
        raise InputError(f"the case {case.case_id!r} has no mask: {mend}")
    return read_mask(case.mask, labels, "manual"), "drawn by hand"


def _page(study: Study, case: Case, mask: LabelMap, source: str, file: Path) -> tuple[str, bool]:
    """Return the page, and whether some image's regions could not be made."""
    from radfuse.recipe import RegionRecipe, about, regions_on
    from radfuse.report.look import CaseReport, SeenImage, case_page
    from radfuse.report.study import Made
    from radfuse.results import Failure
    from radfuse.volume.files import read_volume

    assert study.segmentation is not None
    recipe = RegionRecipe(
        labels=study.segmentation.labels,
        regions=study.regions,
        min_voxels=study.radiomics.min_voxels,
        resample_masks=study.resample_masks,
    )
    who = about(case, study.cohort.unit_columns)
    seen, failures = [], []
    images = {sequence: read_volume(path) for sequence, path in case.images.items()}
    for sequence, image in images.items():
        try:
            seen.append(SeenImage(sequence, image, regions_on(sequence, images, mask, recipe, who)))
        except (CaseError, InputError) as error:
            message = error.message if isinstance(error, CaseError) else str(error)
            failures.append(Failure(item=sequence, error=message))
            seen.append(SeenImage(sequence, image, []))
    known = {"mask": source, "side": who.side, "visit": who.visit, "images": str(len(seen))}
    facts = {name: value for name, value in known.items() if value}
    made = Made.today(["look", file.name, case.case_id])
    show_failures(failures)
    return case_page(CaseReport(case.case_id, facts, seen, failures, made)), bool(failures)
