"""Command `nomogram`: a bundle's models as drawings, points and calculators."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.markup import escape

from radfuse.cli.arguments import BundleFolder, Families, ResultFolder
from radfuse.cli.show import err, out
from radfuse.errors import InputError, Problem
from radfuse.run.disk import check_folder, write_folder

if TYPE_CHECKING:
    from radfuse.bundle.schema import BundleSchema


def nomogram(bundle: BundleFolder, out_: ResultFolder, family: Families = None) -> None:
    """Draw the nomograms of a bundle, with points and a calculator page; needs no torch."""
    from radfuse.bundle.load import load_bundle
    from radfuse.fusion.families import near_family

    opened = load_bundle(bundle)
    check_folder(out_)
    if out_.resolve().is_relative_to(bundle.resolve()):
        raise InputError(f"--out {out_} lies in the bundle, which would be damaged by it; choose another folder")
    schema = opened.schema
    family = list(dict.fromkeys(family or ()))
    for name in family:
        if name not in schema.families:
            raise InputError(f"the bundle has no family {name!r}{near_family(name, schema.families)}")
    files: dict[str, str | bytes] = {}
    without: dict[str, str] = {}
    for name in family or schema.families:
        try:
            files |= {f"{name}/{file}": content for file, content in _files(schema, name).items()}
        except ValueError as error:
            without[name] = str(error)
    problems = [Problem(name, f"no nomogram: {reason}") for name, reason in without.items()]
    if not files or (family and without):
        raise InputError(problems)
    write_folder(out_, files)
    for reason in dict.fromkeys(without.values()):
        names = ", ".join(name for name in without if without[name] == reason)
        err.print(f"[yellow]no nomogram of {escape(names)}[/yellow]: {escape(reason)}", soft_wrap=True)
    drawn = ", ".join(name for name in family or schema.families if name not in without)
    out.print(f"Nomograms: {escape(drawn)} -> {escape(str(out_))}", soft_wrap=True)


def _files(schema: BundleSchema, name: str) -> dict[str, str | bytes]:
    """Return a family's files; raises ValueError where it has no nomogram, and says why."""
    from radfuse.cohort.config import levels_of
    from radfuse.report.calculator import calculator
    from radfuse.report.nomogram import nomogram_of, points_table
    from radfuse.report.nomogram_figure import drawn
    from radfuse.report.sections.nomogram import page

    part = schema.families[name]
    if part.score is None:
        raise ValueError(part.no_score or "the bundle is older than nomograms are; run `radfuse export` again")
    levels, outcome = levels_of(schema.clinical), schema.opened_outcome()
    found = nomogram_of(name, part.score, levels)
    made = calculator(
        found, part.score, levels, part.threshold, part.survival, Counter(item.block for item in part.inputs)
    )
    told = (schema.title, outcome.name(), outcome.event_name(), name, made)
    files: dict[str, str | bytes] = {
        **{f"nomogram.{end}": content for end, content in drawn(found).printed().items()},
        "points.csv": str(points_table(found, part.score).to_csv(index=False)),
        "calculator.html": page(*told, timed=part.survival is not None),
    }
    if len(found.table):
        files["scores.csv"] = str(found.table.to_csv(index=False))
    return files
