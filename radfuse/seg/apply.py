"""A network from an ONNX file on images that belong to no study: masks beside each other in a folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from radfuse.config import kind_of
from radfuse.errors import InputError, listed
from radfuse.run.disk import remove, sweep, sync, temporary_of, write_atomically, writing
from radfuse.volume.files import SUFFIXES, suffix_of, write_image
from radfuse.volume.image import LabelMap
from radfuse.volume.stack import read_stacked

NOTE = "network.json"
"""Beside the masks: which network made them."""
_WRITTEN = {"": ".nrrd", ".nhdr": ".nrrd", ".mhd": ".mha"}
"""Format of an image -> that of its mask, where it is another: one file each."""
_CHANNEL = re.compile(r"(.+)_(\d{4})")


@dataclass(frozen=True)
class ApplyJob:
    """One case to segment.

    Attributes:
        case: its name.
        images: its channels.
        network: ONNX file with its plan.
        runtime: that runs it.
        place: of the mask.
    """

    case: str
    images: tuple[Path, ...]
    network: Path
    runtime: str
    place: Path

    def __str__(self) -> str:
        return self.case


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
        raise InputError(f"no image in {listed(list(map(str, paths)))}; images end in {listed(SUFFIXES)}")
    for case, known in found.items():
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
            raise InputError(f"{path}: there is no such file or folder")
        here = [each for each in sorted(path.iterdir()) if not each.name.startswith(".")] if path.is_dir() else []
        files = [each for each in here if suffix_of(each) and not each.is_dir()]
        found += files or [each for each in here if each.is_dir()] or [path]
    return found


def jobs_of(
    cases: dict[str, tuple[Path, ...]], network: Path, runtime: str, out: Path, *, again: bool = False
) -> list[ApplyJob]:
    """Return the cases whose mask is not there yet, and note beside the masks which network makes them.

    Args:
        cases: name -> images.
        network: ONNX file.
        runtime: that runs it.
        out: folder of the masks.
        again: make masks that are there anew.

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
    for case, images in cases.items():
        suffix = suffix_of(images[0])
        place = out / f"{case}{_WRITTEN.get(suffix, suffix)}"
        if again or not place.is_file():
            jobs.append(ApplyJob(case, images, network, runtime, place))
    return jobs


def apply(job: ApplyJob) -> tuple[str, ...]:
    """Write the mask of one case, whole or not at all; returns the labels that were found."""
    from radfuse.seg.predict import segmenter

    labels = segmenter(job.network, job.runtime)(read_stacked(job.images))
    write_labels(labels, job.place)
    return tuple(labels.names[number] for number in labels.present())


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
