"""Command `radiomics`: features of one image, a table and beside it a JSON file of how they were made."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from radfuse.cli.show import SOME_FAILED, err, out
from radfuse.errors import InputError, counted
from radfuse.run.disk import check_folder, write_atomically, writing

if TYPE_CHECKING:
    import numpy as np


_LINES = 50
"""Of what has no value, or failed, told one by one."""
_NAMED = 3
"""Features named behind a reason that several have."""
_MASK_VALUES, _IMAGE_VALUES = 100, 20
"""Labels above which, and values of the image up to which, image and mask are taken to be swapped."""


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
        Path | None,
        typer.Option(
            "--out", "-o", help="CSV to write, with NAME.json beside it; printed by default.", show_default=False
        ),
    ] = None,
) -> None:
    """Radiomic features of one image, a row per label."""
    from radfuse.radiomics.config import RadiomicsConfig
    from radfuse.radiomics.extract import extract
    from radfuse.radiomics.plan import plan_of
    from radfuse.volume.files import channels_of, read_labels, read_volume

    if out_ is not None:
        with writing(out_):
            _check_target(out_)
    config = RadiomicsConfig(params=params) if params is not None else RadiomicsConfig()
    plan = plan_of(config)
    channel = plan.settings.mask_channel
    volume = read_volume(image)
    labels = read_labels(mask, channel=channel, like=volume.grid)
    if (channels := channels_of(mask)) > 1:
        _tell("yellow", "remark", f"{mask}: of {channels} channels number {channel} is read (label_channel)")
    if not label:
        _check_order(image, mask, volume.array, labels.array)
    with err.status("extracting features") as status:
        if engine == "fast":
            from radfuse.radiomics.kernels import warm_up

            warm_up(plan, status.update)
        table = extract(volume, labels, config, engine=engine, only=label or ())
    found = table.provenance
    for what, kind in (("missing", "no value"), ("remarks", "remark")):
        _tell_each(
            "yellow", kind, [(f"label {row}", why) for row, causes in found[what].items() for why in _why(causes)]
        )
    _tell_each("red", "failed", [(f"label {row}", cause) for row, cause in found["failed"].items()])
    if out_ is None:
        sys.stdout.write(table.values.to_csv())
    else:
        with writing(out_):
            out_.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(out_, table.values.to_csv().encode())
            write_atomically(out_.with_suffix(".json"), json.dumps(found, indent=1, default=str).encode())
        measured = f"{counted(len(table.values), 'label')}, {counted(len(table.names), 'feature')}"
        out.print(f"{measured} -> {escape(str(out_))}", soft_wrap=True)
    if found["failed"]:
        raise typer.Exit(SOME_FAILED)


def _tell(style: str, kind: str, text: str) -> None:
    err.print(f"[{style}]{kind}[/{style}] {escape(text)}", soft_wrap=True)


def _tell_each(style: str, kind: str, lines: Sequence[tuple[str, str]]) -> None:
    """Tell the first of many lines, and how many there are."""
    for who, why in lines[:_LINES]:
        _tell(style, kind, f"{who}{'' if why.startswith(',') else ': '}{why}")
    if len(lines) > _LINES:
        _tell(style, kind, f"and {len(lines) - _LINES:,} more, which the JSON file of --out names")


def _why(causes: Mapping[str, str]) -> Iterator[str]:
    """Yield each reason once, behind the features or images that it holds for."""
    named: dict[str, list[str]] = {}
    for name, cause in causes.items():
        named.setdefault(cause, []).append(name)
    for cause, names in named.items():
        rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f", {', '.join(names[:_NAMED])}{rest}: {cause}"


def _check_order(image: Path, mask: Path, values: np.ndarray, labels: np.ndarray) -> None:
    """Refuse an image of few values under a mask of very many: the two were given the wrong way round."""
    import numpy as np

    if (many := len(np.unique(labels)) - 1) > _MASK_VALUES and (few := len(np.unique(values))) <= _IMAGE_VALUES:
        raise InputError(
            f"{image} holds {few} values and {mask}, the mask, {many:,} labels: the image comes first, then the mask; "
            "give them the other way round, or the labels that are meant with --label"
        )


def _check_target(table: Path) -> None:
    """Refuse, before anything is computed, a table that would overwrite what is not ours, or itself."""
    if table.suffix.lower() != ".csv":
        raise InputError(f"--out {table}: give a name that ends in .csv; NAME.json beside it says how it was made")
    check_folder(table.parent)
    if table.is_dir():
        raise InputError(f"--out {table} is a folder; give another name")
    record = table.with_suffix(".json")
    if not record.exists():
        return
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    if not (isinstance(content, dict) and {"engine", "versions", "image_sha256"} <= set(content)):
        raise InputError(
            f"{record} is there and is no record of an extraction, which --out {table} would write over it; give "
            "another name, or move the file"
        )
