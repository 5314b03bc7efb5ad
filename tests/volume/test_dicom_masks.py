"""Masks that are DICOM: segmentations by frame, structure sets by contour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from contours import item, save, write_contours, write_seg
from rawfiles import write_series
from realdata import real_file

from radfuse.errors import InputError
from radfuse.volume.dicom_masks import RTSTRUCT_CLASS, drawn_elsewhere
from radfuse.volume.files import read_grid, read_labels
from radfuse.volume.grid import Grid, oriented, stored_as

IMAGE = Grid((5, 6, 8), (2.0, 1.0, 1.0), (10.0, 20.0, 30.0))
NAMES = {1: "bone", 4: "femoral_cartilage"}


def plane(rows: slice, columns: slice) -> np.ndarray:
    made = np.zeros((6, 8), dtype=bool)
    made[rows, columns] = True
    return made


@pytest.fixture
def seg(tmp_path: Path) -> Path:
    """Bone on slices 1 and 3, cartilage on 1: slice 2 is left out between, 0 and 4 at the ends."""
    bone, cartilage = plane(slice(0, 3), slice(0, 4)), plane(slice(3, 5), slice(2, 3))
    frames = [(1, 1, bone), (1, 3, bone), (2, 1, cartilage)]
    return write_seg(tmp_path / "m.dcm", frames, {1: "Bone", 2: "Femoral cartilage"})


def test_a_segmentation_lies_on_its_image(seg: Path) -> None:
    found = read_labels(seg, NAMES, like=IMAGE)
    assert found.grid == IMAGE
    assert found.names == NAMES
    assert [(label, int((found.array == label).sum())) for label in found.present()] == [(1, 24), (4, 2)]
    assert found.array[1, 3:5, 2].tolist() == [4, 4]
    assert np.unique(np.nonzero(found.array)[0]).tolist() == [1, 3]


def test_a_label_map_describes_its_background_too(tmp_path: Path) -> None:
    numbers = (plane(slice(0, 3), slice(0, 4)) + 2 * plane(slice(3, 5), slice(2, 3))).astype(np.uint8)
    fields = {"SegmentationType": "LABELMAP", "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    names = {0: "Background", 1: "Bone", 2: "Femoral cartilage"}
    path = write_seg(tmp_path / "m.dcm", [(0, 2, numbers > 0)], names, **fields, PixelData=numbers.tobytes())
    found = read_labels(path, NAMES, like=IMAGE)
    assert [int((found.array[2] == label).sum()) for label in NAMES] == [12, 2]
    assert read_labels(path).names == {1: "Bone", 2: "Femoral cartilage"}


@pytest.mark.parametrize("orientation", ["RAS", "LPI", "PSR"])
def test_a_segmentation_lies_on_its_image_in_whichever_order_that_stores_it(seg: Path, orientation: str) -> None:
    like = oriented(IMAGE, orientation)
    found = read_labels(seg, NAMES, like=like)
    assert found.grid == like
    np.testing.assert_array_equal(stored_as(found.array, like, IMAGE), read_labels(seg, NAMES, like=IMAGE).array)


def test_without_an_image_it_spans_its_frames(seg: Path) -> None:
    found = read_labels(seg)
    assert found.grid == Grid((3, 6, 8), (2.0, 1.0, 1.0), (10.0, 20.0, 32.0))
    assert found.names == {1: "Bone", 2: "Femoral cartilage"}
    assert found.array.any(axis=(1, 2)).tolist() == [True, False, True]


def test_a_segmentation_on_other_voxels_stays_where_it_is(seg: Path) -> None:
    other = Grid((5, 6, 8), (2.0, 1.0, 1.0), (10.5, 20.0, 30.0))
    assert read_labels(seg, NAMES, like=other).grid.shape == (3, 6, 8)


def test_a_folder_that_holds_it_alone(seg: Path, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    seg.rename(tmp_path / "alone" / "m.dcm")
    assert read_labels(tmp_path / "alone", NAMES, like=IMAGE).present() == (1, 4)


def thick(path: Path, slices: tuple[int, ...], **measures: float) -> Path:
    """Write a segmentation of 12 voxels on some slices of the image, whose header says how thick they are."""
    frames = [(1, z, plane(slice(0, 3), slice(0, 4))) for z in slices]
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelMeasuresSequence=[item(PixelSpacing=[1, 1], **measures)],
    )
    return write_seg(path, frames, {1: "bone"}, SharedFunctionalGroupsSequence=[shared])


@pytest.mark.parametrize("orientation", ["LPS", "RAS"])
@pytest.mark.parametrize("slices", [(1, 2, 3), (1, 3)])
@pytest.mark.parametrize("thickness", [1, 2, 5])
def test_slices_may_be_thinner_than_they_are_apart(
    tmp_path: Path, thickness: float, slices: tuple[int, ...], orientation: str
) -> None:
    """Without SpacingBetweenSlices the image says how far; empty slices between had halved the volume."""
    like = oriented(IMAGE, orientation)
    found = read_labels(thick(tmp_path / "m.dcm", slices, SliceThickness=thickness), NAMES, like=like)
    assert (found.grid, found.array.sum(axis=(1, 2)).tolist()) == (like, [12 * (z in slices) for z in range(5)])


@pytest.mark.parametrize("measures", [{"SpacingBetweenSlices": 4}, {"SliceThickness": 4}])
def test_thicker_slices_than_those_of_the_image_stay_as_thick(tmp_path: Path, measures: dict[str, float]) -> None:
    """Slice by slice onto the image, half of the mask would be left."""
    found = read_labels(thick(tmp_path / "m.dcm", (0, 2, 4), **measures), NAMES, like=IMAGE)
    assert (found.grid.spacing_zyx_mm[0], found.array.sum(axis=(1, 2)).tolist()) == (4, [12, 12, 12])


def test_empty_slices_between_that_leave_no_two_side_by_side(tmp_path: Path) -> None:
    """Frames at 0, 6 and 10 mm, of slices 2 mm apart."""
    found = read_labels(thick(tmp_path / "m.dcm", (0, 3, 5), SpacingBetweenSlices=2))
    assert (found.grid.spacing_zyx_mm[0], found.array.sum(axis=(1, 2)).tolist()) == (2, [12, 0, 0, 12, 0, 12])


def test_frames_of_several_planes_are_no_stack(tmp_path: Path) -> None:
    frames = [(1, z, plane(slice(0, 3), slice(0, 4))) for z in (1, 2)]
    for first, second in (((10, 20, 32), (10, 21, 34)), ((10, 20, 32), (10, 20, 34))):
        groups = [
            item(
                PlanePositionSequence=[item(ImagePositionPatient=list(place))],
                PlaneOrientationSequence=[item(ImageOrientationPatient=turn)],
                SegmentIdentificationSequence=[item(ReferencedSegmentNumber=1)],
            )
            for place, turn in (
                (first, [1, 0, 0, 0, 1, 0]),
                (second, [1, 0, 0, 0, 1, 0] if second[1] == 21 else [0, 1, 0, -1, 0, 0]),
            )
        ]
        shared = [item(PixelMeasuresSequence=[item(PixelSpacing=[1, 1], SliceThickness=2)])]
        told = {"SharedFunctionalGroupsSequence": shared, "PerFrameFunctionalGroupsSequence": groups}
        with pytest.raises(InputError, match="its frames are not of one stack of slices"):
            read_labels(write_seg(tmp_path / "m.dcm", frames, {1: "bone"}, **told), NAMES, like=IMAGE)


def test_bad_segments_are_named(tmp_path: Path) -> None:
    both = [(1, 1, plane(slice(0, 3), slice(0, 4))), (2, 1, plane(slice(2, 4), slice(0, 2)))]
    with pytest.raises(InputError, match="2 voxels of one slice are of two segments"):
        read_labels(write_seg(tmp_path / "o.dcm", both, {1: "bone", 2: "femoral_cartilage"}), NAMES, like=IMAGE)
    with pytest.raises(InputError, match=r"segments tumour are not declared; declared: 1 bone"):
        read_labels(write_seg(tmp_path / "u.dcm", both, {1: "bone", 2: "tumour"}), NAMES, like=IMAGE)
    uneven = write_seg(tmp_path / "e.dcm", both, {1: "bone", 2: "femoral_cartilage"}, SegmentSequence=None)
    with pytest.raises(InputError, match=r"e\.dcm is damaged, or lacks what a mask needs"):
        read_labels(uneven, NAMES, like=IMAGE)


def test_a_segment_is_not_numbered_against_its_name(tmp_path: Path) -> None:
    """Neither is called just as a label; by their numbers the tibia would be the femur."""
    frames = [(1, 1, plane(slice(0, 3), slice(0, 4))), (2, 1, plane(slice(3, 5), slice(2, 3)))]
    names = {1: "femur", 2: "tibia"}
    swapped = write_seg(tmp_path / "s.dcm", frames, {1: "Tibia left", 2: "Femur left"})
    with pytest.raises(InputError, match="segment 1 is called 'Tibia left', and by its number would be 'femur', not"):
        read_labels(swapped, names, like=IMAGE)
    right = write_seg(tmp_path / "r.dcm", frames, {1: "Femur left", 2: "Cartilage of femur"})
    assert (read_labels(right, names, like=IMAGE).array == 1).sum() == 12
    strange = write_seg(tmp_path / "t.dcm", frames, {1: "Segment 1", 2: "Segment 2"})
    assert (read_labels(strange, names, like=IMAGE).array == 1).sum() == 12


def square(low: float, high: float, z: float) -> list[float]:
    """Return the corners of a square in the plane of a slice, in mm."""
    corners = [(low, low), (high, low), (high, high), (low, high)]
    return [value for x, y in corners for value in (10 + x, 20 + y, z)]


def test_contours_hold_the_voxels_whose_centres_they_surround(tmp_path: Path) -> None:
    """A square from 0.5 to 4.5 mm holds 4 x 4 centres; the inner one from 1.5 to 3.5 takes 2 x 2 away."""
    path = write_contours(tmp_path / "rs.dcm", square(0.5, 4.5, 32.0), square(1.5, 3.5, 32.0), square(0.5, 4.5, 36.1))
    found = read_labels(path, NAMES, like=IMAGE)
    assert found.grid == IMAGE
    assert found.array.sum(axis=(1, 2)).tolist() == [0, 12, 0, 16, 0]
    assert found.array[1, 1:5, 1:5].tolist() == [[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]


def test_a_contour_that_stands_twice_is_no_hole(tmp_path: Path) -> None:
    once = square(0.5, 4.5, 32.0)
    found = read_labels(write_contours(tmp_path / "rs.dcm", once, once, square(1.5, 3.5, 32.0)), NAMES, like=IMAGE)
    assert found.array.sum() == 12


def test_bad_contours_are_named(tmp_path: Path) -> None:
    good = write_contours(tmp_path / "a.dcm", square(0.5, 4.5, 32.0))
    with pytest.raises(InputError, match="give it beside its image"):
        read_labels(good, NAMES)
    with pytest.raises(InputError, match=r"structures are called Bone, couch, none of the labels tumour"):
        read_labels(good, {1: "tumour"}, like=IMAGE)
    with pytest.raises(InputError, match="its number says nothing"):
        read_labels(good, {7: "tumour", 8: "muscle"}, like=IMAGE)
    across = write_contours(tmp_path / "b.dcm", [10, 20, 30, 12, 20, 30, 12, 20, 36, 10, 20, 36])
    with pytest.raises(InputError, match="lies across the slices, or between them"):
        read_labels(across, NAMES, like=IMAGE)
    beyond = write_contours(tmp_path / "d.dcm", square(0.5, 4.5, 38.0), square(0.5, 4.5, 40.0))
    with pytest.raises(InputError, match=r"d\.dcm: of 'Bone' 1 of 2 contours lie beyond the image"):
        read_labels(beyond, NAMES, like=IMAGE)
    thick = write_contours(tmp_path / "e.dcm", *(square(0.5, 4.5, z) for z in (30.0, 34.0, 38.0)))
    with pytest.raises(InputError, match="no two contours lie on neighbouring slices"):
        read_labels(thick, NAMES, like=IMAGE)
    point = item(ContourGeometricType="POINT", ContourData=["10", "20", "30"])
    drawn = {"ROIContourSequence": [item(ReferencedROINumber=7, ContourSequence=[point])]}
    drawn |= {"StructureSetROISequence": [item(ROINumber=7, ROIName="Bone")]}
    with pytest.raises(InputError, match=r"p\.dcm: no contour of 'Bone' is closed \(POINT\)"):
        read_labels(save(tmp_path / "p.dcm", RTSTRUCT_CLASS, **drawn), NAMES, like=IMAGE)
    with pytest.raises(InputError, match="the mask is empty"):
        read_labels(write_contours(tmp_path / "c.dcm"), NAMES, like=IMAGE)


def test_a_mask_of_another_scan_is_doubted_and_nobody_named(tmp_path: Path) -> None:
    write_series(tmp_path / "s", 2, FrameOfReferenceUID="1.2.5", PatientID="4711")
    frames = [(1, 1, plane(slice(0, 3), slice(0, 4)))]
    for file, fields, doubt in (
        ("a", {"FrameOfReferenceUID": "1.2.5", "PatientID": "4711"}, ""),
        ("b", {}, ""),
        ("c", {"FrameOfReferenceUID": "1.2.6"}, "was drawn in another frame of reference than s; look"),
        ("d", {"PatientID": "4712"}, "was drawn under another PatientID than s; look"),
    ):
        path = write_seg(tmp_path / f"{file}.dcm", frames, {1: "bone"}, **fields)
        found = drawn_elsewhere(path, tmp_path / "s")
        assert found.startswith(doubt)
        assert bool(found) == bool(doubt)
        assert "471" not in found


@pytest.mark.parametrize("patient", ["STS_002", "STS_025"])
def test_real_contours_are_the_published_mask(patient: str) -> None:
    """IBSI's masks of these tumours were made of the same structure sets."""
    grid = read_grid(real_file(f"sarcoma_dicom/{patient}/image"))
    found = read_labels(real_file(f"sarcoma_dicom/{patient}/mask"), like=grid)
    published = read_labels(real_file(f"sarcoma/{patient}/t1_mask.nii.gz"))
    assert published.grid.same_as(found.grid)
    assert np.array_equal(found.array > 0, published.array > 0)
