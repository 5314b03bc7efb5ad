"""Command `radiomics`: features of one image."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from radfuse.cli.show import err, out, writing


def radiomics(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="NIfTI, NRRD, MHA or DICOM folder.", show_default=False)
    ],
    mask: Annotated[Path, typer.Argument(metavar="MASK", help="Segmentation on the same grid.", show_default=False)],
    params: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PyRadiomics parameter file.", show_default=False)
    ] = None,
    engine: Annotated[str, typer.Option(help="Who computes: fast, or pyradiomics.")] = "fast",
    label: Annotated[list[int] | None, typer.Option(help="Only this label; may be repeated. All by default.")] = None,
    out_: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV to write; printed by default.", show_default=False)
    ] = None,
) -> None:
    """Radiomic features of one image, a row per label."""
    from radfuse.radiomics.config import RadiomicsConfig
    from radfuse.radiomics.extract import extract
    from radfuse.radiomics.plan import plan_of
    from radfuse.run.disk import write_atomically
    from radfuse.volume.files import read_labels, read_volume

    config = RadiomicsConfig(params=params) if params is not None else RadiomicsConfig()
    plan = plan_of(config)
    volume, labels = read_volume(image), read_labels(mask, channel=plan.settings.mask_channel)
    with err.status("extracting features") as status:
        if engine == "fast":
            from radfuse.radiomics.kernels import warm_up

            warm_up(plan, status.update)
        table = extract(volume, labels, config, engine=engine, only=label or ())
    for row, causes in table.provenance["missing"].items():
        for feature, cause in causes.items():
            err.print(
                f"[yellow]no value[/yellow] label {escape(row)}, {escape(feature)}: {escape(cause)}", soft_wrap=True
            )
    if out_ is None:
        sys.stdout.write(table.values.to_csv())
        return
    with writing(out_):
        out_.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out_, table.values.to_csv().encode())
        write_atomically(out_.with_suffix(".json"), json.dumps(table.provenance, indent=1, default=str).encode())
    out.print(f"{len(table.values)} labels, {len(table.names)} features -> {escape(str(out_))}", soft_wrap=True)
