"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.", show_default=False)]
RunMade = Annotated[
    Path | None,
    typer.Option("--run", help="Run folder of the study, as it was run; runs/NAME by default.", show_default=False),
]
RunPlace = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        metavar="DIR",
        help="Run folder, or URL of one in a store, such as s3://BUCKET/FOLDER; runs/NAME by default.",
        show_default=False,
    ),
]
Work = Annotated[
    Path | None,
    typer.Option(
        "--work",
        help="Where the copy of a run folder in a store lies; in the user's cache by default.",
        show_default=False,
    ),
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, e.g. fusion.inner_folds=3.")
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Job I of N: cases I, I+N, ... only, into the same run folder.",
        show_default=False,
    ),
]
On = Annotated[
    str,
    typer.Option(
        "--on",
        metavar="WHERE",
        help="local: processes here; ray or ray://HOST:PORT: a Ray cluster whose machines all see the files.",
    ),
]
GpuShare = Annotated[
    float | None,
    typer.Option(
        "--gpu-share",
        metavar="SHARE",
        help="Share of a GPU that each network job takes on Ray; 0.5: two a GPU. By default a whole one.",
        show_default=False,
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed", help="Try failed cases again, though neither their files nor the settings have changed."
    ),
]
BundleFolder = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="Folder that `radfuse export` wrote.", show_default=False)
]
NewTable = Annotated[
    Path, typer.Argument(metavar="TABLE", help="Cohort table of the new patients.", show_default=False)
]
NewFeatures = Annotated[
    list[str] | None,
    typer.Option(
        "--features", metavar="BLOCK=FILE", help="Feature table of a block; by default features stand in TABLE."
    ),
]
Families = Annotated[list[str] | None, typer.Option("--family", help="Only this family; may be repeated.")]
ResultFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.", show_default=False)]
Dicom = Annotated[
    bool,
    typer.Option("--dicom", help="Also a DICOM segmentation and a structured report of each case, in its own study."),
]
Force = Annotated[bool, typer.Option("--force", help="Write over a table that was edited since.")]
