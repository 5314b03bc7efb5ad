"""Commands that write something to start from: `phantom`, `configs`, and `demo`, which also runs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from radfuse.cli.show import OK, SOME_FAILED, interval, out, progress, show_next, typed
from radfuse.cli.study import run_to
from radfuse.errors import InputError, counted
from radfuse.run.disk import write_atomically, writing


def configs(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Write this one out.", show_default=False)] = None,
    out_: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; printed by default.", show_default=False)
    ] = None,
) -> None:
    """List the shipped studies, or write one out."""
    from radfuse.study import ALSO_CALLED, shipped_studies, shipped_study

    if name is None:
        studies = shipped_studies()
        widest = max(map(len, studies))
        for known, text in studies.items():
            first = next((line[1:].strip() for line in text.splitlines() if line.startswith("#")), "")
            others = [other for other, name in ALSO_CALLED.items() if name == known]
            also = f" (also {', '.join(others)})" if others else ""
            out.print(f"[bold]{known:<{widest}}[/bold] {escape(first + also)}", soft_wrap=True)
        return
    text = shipped_study(name)
    if out_ is None:
        sys.stdout.write(text)
        return
    if out_.exists():
        raise InputError(f"{out_} exists; choose another file with --out")
    with writing(out_):
        out_.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out_, text.encode())
    out.print(f"Wrote {escape(str(out_))}")


def phantom_table(
    out_: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.", show_default=False)],
    patients: Annotated[int, typer.Option(min=20, help="Number of patients; four in five have two knees.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 7,
    prevalence: Annotated[float, typer.Option(min=0.02, max=0.98, help="Share of knees with the event.")] = 0.35,
    outcome: Annotated[str, typer.Option(help="binary, survival, continuous, ordinal, or multiclass.")] = "binary",
    competing: Annotated[bool, typer.Option("--competing", help="Of survival: people may die first.")] = False,
) -> None:
    """Clinical, radiomic and deep tables with planted contributions and a known reachable AUC."""
    from radfuse.config import build
    from radfuse.phantom.table import TablePhantom, write_table_phantom

    said = {"outcome": outcome, "patients": patients, "seed": seed, "prevalence": prevalence, "competing": competing}
    config = build(TablePhantom, said, "phantom table")
    with writing(out_):
        study = write_table_phantom(out_, config)
    out.print(
        f"Wrote {counted(patients, 'patient')} to {escape(str(out_))}. Next: [bold]radfuse run {typed(study)}[/bold]",
        soft_wrap=True,
    )


def phantom_knee(
    out_: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.", show_default=False)],
    cases: Annotated[int, typer.Option(min=8, help="Number of knees; four in five people have two.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 7,
    visits: Annotated[int, typer.Option(min=1, max=2, help="Images of each knee.")] = 1,
    manual_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of knees whose mask is drawn by hand.")
    ] = 0.6,
) -> None:
    """DESS-like knees with masks and an outcome planted in clinic, texture and the place of a lesion."""
    from radfuse.config import build
    from radfuse.phantom.knee import KneePhantom, write_knee_phantom

    config = build(
        KneePhantom, {"cases": cases, "seed": seed, "visits": visits, "manual_share": manual_share}, "phantom knee"
    )
    with writing(out_), progress() as tell:
        study = write_knee_phantom(out_, config, tell)
    out.print(
        f"Wrote {cases * visits} images of {cases} knees to {escape(str(out_))}. "
        f"Next: [bold]radfuse run {typed(study)}[/bold]",
        soft_wrap=True,
    )


def phantom_oai(
    out_: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.", show_default=False)],
    persons: Annotated[int, typer.Option(min=4, help="Number of persons, two knees each.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 7,
    odd: Annotated[bool, typer.Option(help="Also the odd cases that a real release has.")] = True,
) -> None:
    """Small knees laid out as OAI releases them: folders of DICOM series, tables, masks, and odd cases."""
    from radfuse.config import build
    from radfuse.phantom.oai import OaiPhantom, write_oai_phantom

    config = build(OaiPhantom, {"persons": persons, "seed": seed, "odd": odd}, "phantom oai")
    with writing(out_), progress() as tell:
        write_oai_phantom(out_, config, tell)
    images, tables, masks, table = (typed(out_ / name) for name in ("images", "tables", "masks", "cohort.csv"))
    out.print(
        f"Wrote {persons} persons to {escape(str(out_))}. Next: [bold]radfuse oai index {images} --tables {tables} "
        f"--masks {masks} --outcome incident_oa:48 --out {table}[/bold]",
        soft_wrap=True,
    )


def phantom_recipe(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A shipped study of a protocol; docs/recipes.md lists them.", show_default=False
        ),
    ],
    out_: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.", show_default=False)],
    patients: Annotated[
        int | None, typer.Option(help="Number of patients, or of knees; at least 16.", show_default="40 to 200")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 7,
) -> None:
    """A cohort that a shipped study of a published protocol runs on, tables or images, and that study."""
    from radfuse.phantom.recipes import write_recipe_phantom
    from radfuse.study import ALSO_CALLED, shipped_study

    name = ALSO_CALLED.get(name, name)
    with writing(out_), progress() as tell:
        study = write_recipe_phantom(out_, name, shipped_study(name), patients, seed, tell)
    out.print(
        f"Wrote a cohort for {escape(name)} to {escape(str(out_))}. Next: [bold]radfuse run {typed(study)}[/bold]",
        soft_wrap=True,
    )


def demo(
    out_: Annotated[Path, typer.Option("--out", "-o", help="Folder for cohort and results.")] = Path("radfuse-demo"),
) -> None:
    """Synthetic knees through everything: networks, masks, regions, features, models, bundle, report. About 5 min."""
    import pandas as pd
    from rich.table import Table

    from radfuse.phantom.knee import KneePhantom, write_knee_phantom
    from radfuse.phantom.table import reachable_auc

    study = out_ / "cohort" / "study.yaml"
    if not study.is_file():  # written last; a killed demo draws again
        if out_.is_dir() and {item.name for item in out_.iterdir()} - {"cohort"}:
            raise InputError(f"{out_} is not empty and holds no demo; choose another folder with --out")
        with writing(out_), progress() as tell:
            write_knee_phantom(out_ / "cohort", KneePhantom(), tell)
    finished = run_to(study, out_ / "run", (), "report")
    truth = pd.read_csv(out_ / "cohort" / "truth.csv")
    table = Table("family", "measured AUC (95% CI)", "reachable AUC", title="How near the models come to the truth")
    assert finished.results is not None
    for item in finished.results.performance:
        table.add_row(item.family, interval(item.headline), f"{reachable_auc(truth, item.family):.3f}")
    out.print(table)
    out.print("40 knees are few: the intervals are wide. `radfuse phantom knee --cases N` draws more.")
    show_next(finished)
    raise typer.Exit(SOME_FAILED if finished.failures else OK)
