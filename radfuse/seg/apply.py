"""A network from an ONNX file on images that belong to no study: masks beside each other in a folder.

What the masks look like, and a picture of each, lies in `review/CASE/` there, and in `review.csv` the list of all.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from radfuse.config import Section, kind_of
from radfuse.errors import InputError, listed
from radfuse.results import MaskFigures, TrainingRange
from radfuse.run.disk import remove, sweep, sync, temporary_of, write_atomically, write_folder, writing
from radfuse.run.folder import safe_name
from radfuse.volume.dicom_seg import Maker
from radfuse.volume.dicom_study import SR, write_objects
from radfuse.volume.doubts import doubt_of_values
from radfuse.volume.files import SUFFIXES, images_among, suffix_of, write_image
from radfuse.volume.flat import FLAT
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.stack import Stack, read_stacked
from radfuse.volume.zipped import ZIP, is_zip

NOTE = "network.json"
"""Beside the masks: which network made them."""
REVIEW, LOOKS, DICOM = "review.csv", "review", "dicom"
_FIGURES, _PREVIEW = "figures.json", "preview.png"
_WRITTEN = {"": ".nrrd", ZIP: ".nrrd", ".nhdr": ".nrrd", ".mhd": ".mha", **dict.fromkeys(FLAT, ".nrrd")}
"""Format of an image -> that of its mask, where it is another: one file each."""
_CHANNEL = re.compile(r"(.+)_(\d{4})")


class AppliedMask(Section):
    """What is known of one mask.

    Attributes:
        case: its name.
        mask: its file's name.
        figures: of it.
    """

    case: str
    mask: str
    figures: MaskFigures


@dataclass(frozen=True)
class ApplyJob:
    """One case to segment.

    Attributes:
        case: its name.
        images: its channels.
        network: ONNX file with its plan.
        runtime: that runs it.
        place: of the mask.
        picture: that draws a preview of a mask on its image, PNG.
        maker: what DICOM objects say of the network; None: there are none.
        codes: label name -> code of its DICOM segment, in the place of ours.
    """

    case: str
    images: tuple[Path, ...]
    network: Path
    runtime: str
    place: Path
    picture: Callable[[Volume, LabelMap], bytes]
    maker: Maker | None = None
    codes: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.case


@dataclass(frozen=True)
class Applied:
    """What there is to say of one case.

    Attributes:
        labels: that were found.
        remark: on its channels; empty: nothing.
    """

    labels: tuple[str, ...]
    remark: str


def cases_of(paths: Sequence[Path], channels: int) -> dict[str, tuple[Path, ...]]:
    """Return the images of each case by its name.

    Args:
        paths: image files, folders of them, or folders of one DICOM series; images of several channels are called
            CASE_0000, CASE_0001, ... as nnU-Net has them.
        channels: that the network reads.

    Raises:
        InputError: no image, two of one name, or a case that lacks a channel.
    """
    found: dict[str, dict[int, Path]] = {}
    for path in _images(paths):
        name = path.name[: len(path.name) - len(suffix_of(path))]
        match = _CHANNEL.fullmatch(name)
        case, channel = (match[1], int(match[2])) if match else (name, 0)
        known = found.setdefault(case, {})
        if channel in known:
            raise InputError(f"two images are called {name}: {known[channel]} and {path}; rename one")
        known[channel] = path
    if not found:
        raise InputError(
            f"no image in {listed(list(map(str, paths)))}; images end in {listed((*SUFFIXES, *FLAT), 12)}; give them, "
            "or their folder"
        )
    for case, known in found.items():
        if channels == 1 and 0 not in known:
            raise InputError(
                f"{listed([path.name for path in known.values()])}: four digits at the end of a name number a "
                f"channel, and the network reads one, {case}_0000; rename the images, as {case}_0000 or {case}-0001"
            )
        if sorted(known) != list(range(channels)):
            wanted = [f"{case}_{number:04d}" for number in range(channels)]
            raise InputError(
                f"case {case}: the network reads {channels} channels, and there are the images "
                f"{listed([path.name for path in known.values()])}; it wants {listed(wanted)}"
            )
    return {case: tuple(known[number] for number in range(channels)) for case, known in sorted(found.items())}


def _images(paths: Sequence[Path]) -> list[Path]:
    """Return image files, and folders that are one image, among files and folders."""
    found = []
    for path in paths:
        if kind_of(path) is None:
            raise InputError(f"{path}: there is no such file or folder; correct the path of the images")
        here = [each for each in sorted(path.iterdir()) if not each.name.startswith(".")] if path.is_dir() else []
        own = [path] if here or not path.is_dir() else []  # an empty folder is no series
        folders = [each for each in here if each.is_dir()]
        zips = [each for each in here if is_zip(each) and each.with_suffix("") not in folders]  # else unpacked already
        several = folders or len(zips) == len(here)  # else a zip lies beside slices
        found += images_among(here) or (sorted([*folders, *zips]) if several else []) or own
    return found


def jobs_of(
    cases: dict[str, tuple[Path, ...]],
    network: Path,
    runtime: str,
    out: Path,
    picture: Callable[[Volume, LabelMap], bytes],
    *,
    again: bool = False,
    dicom: bool = False,
    codes: Mapping[str, str] | None = None,
) -> list[ApplyJob]:
    """Return the cases whose mask is not there yet, and note beside the masks which network makes them.

    Args:
        cases: name -> images.
        network: ONNX file.
        runtime: that runs it.
        out: folder of the masks.
        picture: that draws previews.
        again: make masks that are there anew.
        dicom: with DICOM objects, in `DICOM`/CASE; cases that lack them are made anew.
        codes: label name -> code of its DICOM segment, in the place of ours.

    Raises:
        InputError: the folder holds masks of another network.
    """
    digest = hashlib.sha256(network.read_bytes()).hexdigest()
    note = {"network": network.name, "sha256": digest, "runtime": runtime}
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        sweep(out)
        if (out / NOTE).is_file() and json.loads((out / NOTE).read_text(encoding="utf-8")) != note and not again:
            raise InputError(f"{out} holds masks of another network or runtime; choose another folder, or --again")
        write_atomically(out / NOTE, json.dumps(note, indent=1).encode())
    jobs = []
    maker = Maker(network.name, digest, version("radfuse")) if dicom else None
    for case, images in cases.items():
        suffix = suffix_of(images[0])
        place = out / f"{case}{_WRITTEN.get(suffix, suffix)}"
        whole = place.is_file() and (maker is None or (_objects_of(place, case) / SR).is_file())
        if again or not whole:
            jobs.append(ApplyJob(case, images, network, runtime, place, picture, maker, codes or {}))
    return jobs


def apply(job: ApplyJob) -> Applied:
    """Write what one case's mask looks like, then the mask, whole or not at all."""
    from radfuse.seg.predict import segmenter
    from radfuse.seg.quality import figures_of

    image = read_stacked(job.images)
    opened = segmenter(job.network, job.runtime)
    labels = opened(image)
    look = AppliedMask(case=job.case, mask=job.place.name, figures=figures_of(labels, opened.plan.labels))
    folder = job.place.parent / LOOKS / safe_name(job.case)
    write_folder(folder, {_FIGURES: look.model_dump_json(indent=1).encode(), _PREVIEW: job.picture(image, labels)})
    write_labels(labels, job.place)
    if job.maker is not None and labels.present():
        write_objects(_objects_of(job.place, job.case), labels, job.images[0], job.maker, job.codes)
    found = tuple(labels.names[number] for number in labels.present())
    told = [*map(doubt_of_values, image.channels), *((image.brought, image.lacks) if isinstance(image, Stack) else ())]
    return Applied(found, "; ".join(filter(None, told)))


def _objects_of(place: Path, case: str) -> Path:
    """Return the folder of a case's DICOM objects, beside its mask."""
    return place.parent / DICOM / safe_name(case)


def write_review(out: Path, usual: TrainingRange | None) -> tuple[int, int]:
    """Write the list of all masks of a folder that `apply` made, the most suspicious first.

    Args:
        out: folder of the masks.
        usual: what the masks look like that the network learned from; None: masks are seen beside each other.

    Returns:
        How many are suspicious, and how many are listed; a mask that was there before nobody looked at.
    """
    from radfuse.seg.review import beside_each_other, review_list, reviewed

    looks = {}
    for file in sorted((out / LOOKS).glob(f"*/{_FIGURES}")):
        look = AppliedMask.model_validate_json(file.read_bytes())
        if (out / look.mask).is_file():
            looks[look.case] = look
    figures = {case: look.figures for case, look in looks.items()}
    if usual is None:
        masks = beside_each_other(figures)
    else:
        masks = {case: reviewed(found, usual) for case, found in figures.items()}
    files = {case: (look.mask, f"{LOOKS}/{safe_name(case)}/{_PREVIEW}") for case, look in looks.items()}
    if looks:
        write_folder(out, {REVIEW: str(review_list(masks, files).to_csv(index=False)).encode()})
    return sum(bool(mask.flags) for mask in masks.values()), len(masks)


def write_labels(labels: LabelMap, place: Path) -> None:
    """Write a segmentation so that a kill leaves it whole or not there; the next run sweeps what is left aside."""
    with writing(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = temporary_of(place)
        aside.mkdir()
        try:
            write_image(labels, aside / place.name)
            sync(aside)
            (aside / place.name).replace(place)
        finally:
            remove(aside)
