"""Commands `export-onnx` and `apply`: networks trained elsewhere, and networks by themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from radfuse.cli.arguments import Dicom, ResultFolder
from radfuse.cli.show import SOME_FAILED, err, out, progress, show_suspicious, typed, write_failures
from radfuse.errors import CaseError, InputError
from radfuse.run.disk import check_folder, write_atomically, writing

_SHOWN = 5
"""Cases of which one thing is told alike."""

if TYPE_CHECKING:
    from radfuse.results import TrainingRange
    from radfuse.seg.apply import Applied
    from radfuse.seg.nnunet.results import Trained


def export_onnx(
    results: Annotated[
        Path,
        typer.Argument(
            metavar="NNUNET_RESULTS",
            help="nnU-Net's folder TRAINER__PLANS__CONFIGURATION, or that of its data set.",
            show_default=False,
        ),
    ],
    out_: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The ONNX file.", show_default=False)],
    configuration: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="2d, 3d_fullres, ... of several.", show_default=False),
    ] = None,
    fold: Annotated[
        list[str] | None, typer.Option(help="Only this fold's network; may be repeated. All by default.")
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(metavar="FILE", help="checkpoint_final.pth by default.", show_default=False)
    ] = None,
    mirror: Annotated[
        bool, typer.Option(help="Prediction mirrors patches too, as nnU-Net does; without, 3D is eight times quicker.")
    ] = True,
    overlap: Annotated[float, typer.Option(min=0, max=0.95, help="Of neighbouring patches in prediction.")] = 0.5,
    trust: Annotated[
        bool, typer.Option("--trust", help="Open checkpoints that can run code: only of a known origin.")
    ] = False,
) -> None:
    """A trained nnU-Net as one ONNX file that holds its plan and preprocessing too: `radfuse apply` needs no torch."""
    check_folder(out_.parent)
    with writing(out_):
        out_.parent.mkdir(parents=True, exist_ok=True)
    if out_.is_dir():
        raise InputError(f"--out {out_} is a folder; name a file, for example {out_ / 'network.onnx'}")
    from radfuse.seg.nnunet.folders import require_nnunet

    require_nnunet()
    with err.status("reading nnU-Net's results") as status:
        from radfuse.seg.nnunet.export import export_results
        from radfuse.seg.nnunet.results import open_results

        found = open_results(results, configuration, fold or (), checkpoint, mirror=mirror, trust=trust)
        plan = found.plan.changed(overlap=overlap)
        status.update("exporting, and comparing with torch")
        aside = out_.with_name(f".{out_.name}.part")
        try:
            difference = export_results(found, plan, aside)
            content = aside.read_bytes()
        finally:
            aside.unlink(missing_ok=True)
        write_atomically(out_, content)
    _show_results(found)
    out.print(f"logits differ from torch by {difference:.1g} of the largest", soft_wrap=True)
    out.print(
        f"{escape(str(out_))}, {len(content) / 1e6:.1f} MB; now: radfuse apply {typed(out_)} IMAGES --out MASKS",
        soft_wrap=True,
    )


def _show_results(found: Trained) -> None:
    """Tell which networks there are, what they read and make."""
    labels = ", ".join(f"{number} {name}" for name, number in found.plan.labels.items())
    for stage in (found.previous, found) if found.previous else (found,):
        folds = ", ".join(map(_fold, stage.checkpoints))
        patch = " x ".join(map(str, stage.plan.patch))
        out.print(f"{stage.plan.configuration}, fold {folds}, patch {patch}", soft_wrap=True)
    out.print(f"reads:  {escape(', '.join(found.plan.channels))}", soft_wrap=True)
    out.print(f"labels: {escape(labels)}", soft_wrap=True)


def _fold(checkpoint: Path) -> str:
    """Return "0", or "0 (checkpoint_best.pth)" where that is not the end of its training."""
    fold = checkpoint.parent.name.removeprefix("fold_")
    return fold if checkpoint.name == "checkpoint_final.pth" else f"{fold} ({checkpoint.name})"


Codes = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LABEL=SCHEME:VALUE:MEANING", help="Code of a label in DICOM, in the place of radfuse's; repeatable."
    ),
]


def apply(
    network: Annotated[
        Path, typer.Argument(metavar="NETWORK.onnx", help="As radfuse exported it.", show_default=False)
    ],
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGES...",
            help="Files, or folders of them; several channels are CASE_0000, CASE_0001, ...",
            show_default=False,
        ),
    ],
    out_: ResultFolder,
    runtime: Annotated[
        str, typer.Option(metavar="NAME", help="onnxruntime, openvino, tensorrt, or auto: the fastest here.")
    ] = "auto",
    again: Annotated[bool, typer.Option("--again", help="Make masks anew that are there.")] = False,
    dicom: Dicom = False,
    code: Codes = None,
) -> None:
    """Segment images by a network from an ONNX file, and list the masks to look at; what is there is not made again."""
    check_folder(out_)
    from radfuse.report.preview import preview
    from radfuse.results import Failure
    from radfuse.run.workers import Crew
    from radfuse.seg import apply as work
    from radfuse.seg.predict import OnnxSegmenter
    from radfuse.seg.runtimes.runtime import chosen, crew_on
    from radfuse.volume.dicom_seg import highdicom

    if not network.is_file():
        raise InputError(f"{network}: there is no such file; radfuse export-onnx writes one")
    plan, usual = OnnxSegmenter(network).plan, _usual(network)
    here, codes = chosen(runtime), _codes(code or (), plan.labels, dicom=dicom)
    if dicom:
        highdicom()
    cases = _apart(work.cases_of(images, plan.images), out_)
    jobs = work.jobs_of(cases, network, here, out_, preview, again=again, dicom=dicom, codes=codes)
    failures: list[Failure] = []
    segmented: dict[str, Applied] = {}
    with progress() as tell, Crew() as crew:
        tell("segmenting", len(cases) - len(jobs), len(cases))
        for done, (job, result) in enumerate(crew.each(work.apply, jobs, crew_on(here)), start=1):
            if isinstance(result, CaseError):
                failures.append(Failure(item=job.case, error=result.message))
            else:
                segmented[job.case] = result
            tell("segmenting", len(cases) - len(jobs) + done, len(cases))
    write_failures(failures, out_)
    _show_told(segmented)
    there = f", {len(cases) - len(jobs)} were there" if len(jobs) < len(cases) else ""
    out.print(
        f"{len(jobs) - len(failures)} of {len(cases)} cases segmented by {here}{there} -> {escape(str(out_))}",
        soft_wrap=True,
    )
    suspicious, listed = work.write_review(out_, usual)
    show_suspicious(suspicious, listed, out_ / work.REVIEW)
    if failures:
        raise typer.Exit(SOME_FAILED)


def _show_told(segmented: Mapping[str, Applied]) -> None:
    """Name the cases of which nothing was found, and some of those whose channels are remarkable."""
    remarks = [f"{case}: {applied.remark}" for case, applied in segmented.items() if applied.remark]
    for remark in remarks[:_SHOWN]:
        err.print(f"[yellow]remark[/yellow] {escape(remark)}", soft_wrap=True)
    if len(remarks) > _SHOWN:
        err.print(f"... and of {len(remarks) - _SHOWN:,} more cases alike", soft_wrap=True)
    for case in (case for case, applied in segmented.items() if not applied.labels):
        err.print(f"[yellow]nothing found[/yellow] {escape(case)}: the mask is empty", soft_wrap=True)


def _apart(cases: dict[str, tuple[Path, ...]], out_: Path) -> dict[str, tuple[Path, ...]]:
    """Return the images of cases; refuse to write masks among them, which are called as they are."""
    if any(image.parent.resolve() == out_.resolve() for files in cases.values() for image in files):
        raise InputError(f"--out {out_} is the folder of the images, which masks would be taken for; choose another")
    return cases


def _codes(texts: Sequence[str], labels: Collection[str], *, dicom: bool) -> dict[str, str]:
    """Return label name -> code, of what was said on the command line."""
    from pydantic import TypeAdapter, ValidationError

    from radfuse.config import nearest
    from radfuse.volume.codes import CodeText

    if texts and not dicom:
        raise InputError("--code names what --dicom writes; add --dicom, or leave it out")
    found = {}
    for text in texts:
        name, _, said = text.partition("=")
        if name not in labels:
            raise InputError(f"--code {text!r}: the network makes no label {name!r}{nearest(name, labels)}")
        try:
            found[name] = TypeAdapter(CodeText).validate_python(said)
        except ValidationError as error:
            raise InputError(f"--code {text!r}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
    return found


def _usual(network: Path) -> TrainingRange | None:
    """Return what the masks look like that a network learned from, where a run or a bundle has it beside its file."""
    from radfuse.bundle.schema import NETWORK, SCHEMA, BundleSchema
    from radfuse.results import TrainingRange

    ranges, bundle = network.with_name(f"{network.stem}.masks.json"), network.with_name(SCHEMA)
    try:
        if ranges.is_file():
            return TrainingRange.model_validate_json(ranges.read_bytes())
        if network.name == NETWORK and bundle.is_file():
            imaging = BundleSchema.model_validate_json(bundle.read_bytes()).imaging
            return imaging.training_masks if imaging is not None else None
    except ValueError as error:
        raise InputError(
            f"{ranges.name} or {bundle.name} beside {network} is not what radfuse writes; move the network elsewhere"
        ) from error
    return None
