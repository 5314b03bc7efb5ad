"""Segments of 3D Slicer: names in the header of an NRRD file go before the numbers they were drawn in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rawfiles import nrrd

from radfuse.errors import InputError
from radfuse.volume.files import read_labels

VOXELS = np.array([0, 1, 1, 1, 2, 2] + [0] * 18, dtype="<i2")
"""Three voxels of segment 1, two of 2; (z, y, x) is (2, 3, 4)."""
NAMES = {1: "femur", 2: "tibia"}


def drawn(folder: Path, *names: str) -> Path:
    """Write the voxels with what segments 1, 2, ... are called."""
    notes = "".join(f"Segment{i}_Name:={name}\nSegment{i}_LabelValue:={i + 1}\n" for i, name in enumerate(names))
    head, _, body = nrrd(VOXELS.tobytes()).partition(b"\n\n")
    (folder / "m.seg.nrrd").write_bytes(head + b"\n" + notes.encode() + b"\n" + body)
    return folder / "m.seg.nrrd"


@pytest.mark.parametrize(
    ("called", "femur"), [((), 3), (("femur", "tibia"), 3), (("Tibia", "Femur"), 2), (("Segment_1", "Segment_2"), 3)]
)
def test_a_label_is_the_segment_of_its_name(tmp_path: Path, called: tuple[str, ...], femur: int) -> None:
    found = read_labels(drawn(tmp_path, *called), NAMES)
    assert [(found.names[label], (found.array == label).sum()) for label in found.present()] == [
        ("femur", femur),
        ("tibia", 5 - femur),
    ]


@pytest.mark.parametrize(
    ("called", "message"),
    [
        (("tibia", "Segment_2"), r"numbered in another way .*1 femur, 2 tibia.* and Segment_2 are none of them"),
        (("left tibia", "left femur"), "segment 1 is called 'left tibia', and by its number would be 'femur'"),
    ],
)
def test_names_that_contradict_numbers_are_refused(tmp_path: Path, called: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_labels(drawn(tmp_path, *called), NAMES)


def test_without_declared_names_its_own_are_kept_where_they_differ(tmp_path: Path) -> None:
    assert read_labels(drawn(tmp_path, "tibia", "femur")).names == {1: "tibia", 2: "femur"}
    assert read_labels(drawn(tmp_path, "bone", "bone")).names == {}
