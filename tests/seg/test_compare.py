"""Which masks belong together, and one pair: resampled where the grids differ, refused where they lie apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from boxes import box, grid
from contours import item, write_seg
from knees import stored_as
from PIL import Image

from radfuse.errors import InputError
from radfuse.seg.compare import MaskPair, _slices_of_both, compare, matched, nowhere, one_sided
from radfuse.volume.files import write_image
from radfuse.volume.grid import Grid, oriented, turned
from radfuse.volume.image import LabelMap
from radfuse.volume.resample import resample_labels


def labels(where: Grid, start: int = 2, number: int = 1) -> LabelMap:
    """A box of 4 x 4 x 4 voxels from `start` along x."""
    inside = box(where.shape, (2, 2, start), (6, 6, start + 4))
    return LabelMap((inside * number).astype(np.uint8), where)


def pair(folder: Path, first: LabelMap, second: LabelMap, named: dict[str, int] | None = None) -> MaskPair:
    write_image(first, folder / "a.nrrd")
    write_image(second, folder / "b.mha")
    return MaskPair("a", folder / "a.nrrd", folder / "b.mha", named, {"": 1.0})


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_masks_are_matched_by_name_whatever_their_format(tmp_path: Path) -> None:
    first = touch(tmp_path / "A", "c1.nii.gz", "c.2.nrrd", "only.mha", "notes.txt", ".hidden.nrrd")
    second = touch(
        tmp_path / "B",
        "c1.mha",
        "c.2/labels.nrrd",
        "c.2/preview.png",
        "c1.png",
        "more.nrrd",
        "many/x.nii",
        "many/y.nii",
    )
    files, problems = matched(first, second)
    assert files == {
        "c.2": (first / "c.2.nrrd", second / "c.2/labels.nrrd"),
        "c1": (first / "c1.nii.gz", second / "c1.mha"),
    }
    assert [(problem.severity, problem.message.split(": ")[1][:5]) for problem in problems] == [
        ("error", "only."),
        ("warning", "more."),
        ("warning", "many."),
    ]


def test_two_files_are_one_case(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz", "b.nrrd")
    assert list(matched(tmp_path / "a.nii.gz", tmp_path / "b.nrrd")[0]) == ["a"]


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("A", "nowhere", "no file or folder"),
        ("A", "A/c.nrrd", "is a file and the other a folder"),
        ("A", "empty", "holds no masks"),
        ("A", "twice", "two masks named c"),
        ("A", "B", "found c there and d here"),
    ],
)
def test_what_cannot_be_matched(tmp_path: Path, first: str, second: str, says: str) -> None:
    touch(tmp_path, "A/c.nrrd", "B/d.nrrd", "empty/readme.txt", "twice/c.nrrd", "twice/c.nii.gz")
    with pytest.raises(InputError, match=says):
        matched(tmp_path / first, tmp_path / second)


def test_labels_are_named_by_their_numbers_unless_named(tmp_path: Path) -> None:
    where = grid((8, 8, 12))
    same = pair(tmp_path, labels(where, number=7), labels(where, start=4, number=7))
    found = compare(same)
    assert found.agreement["7"].dice == pytest.approx(0.5)
    assert (found.present, found.remark) == ({7}, "")
    named = compare(MaskPair("a", same.reference, same.other, {"bone": 7, "none": 8}, {"": 1.0, "bone": 2.0}))
    assert [item.tolerance_mm for item in named.agreement.values()] == [2.0, 1.0]
    assert named.agreement["none"] == nowhere(1.0)


def test_a_mask_on_a_finer_grid_is_resampled_with_a_remark(tmp_path: Path) -> None:
    coarse = labels(grid((8, 8, 8)))
    fine = resample_labels(coarse, Grid((16, 16, 16), (0.5, 0.5, 0.5), (-0.25, -0.25, -0.25)))
    found = compare(pair(tmp_path, coarse, fine))
    assert found.agreement["1"].dice == 1
    assert found.remark.startswith("resampled onto 8 x 8 x 8 voxels of 1 x 1 x 1 mm")


def test_a_mask_stored_in_another_order_is_no_other_grid(tmp_path: Path) -> None:
    where = Grid((8, 9, 12), (3.0, 1.0, 2.0))
    found = compare(pair(tmp_path, labels(where), stored_as(labels(where, 4), (1, 2, 0), (True, False, True))))
    assert (found.agreement["1"].dice, found.remark) == (pytest.approx(0.5), "")


def test_dicom_segmentations_lie_on_the_slices_of_the_other_side(tmp_path: Path) -> None:
    """One holds the slices 1 and 2 alone, the other all five."""
    where = Grid((5, 6, 8), (2.0, 1.0, 1.0), (10.0, 20.0, 30.0))
    for name, slices in (("few", (1, 3)), ("all", (0, 5))):
        mask = box(where.shape, (slices[0], 1, 1), (slices[1], 4, 5))
        (tmp_path / name).mkdir()
        (tmp_path / f"dicom_{name}").mkdir()
        write_image(LabelMap(mask.astype(np.uint8), where), tmp_path / name / "c.nrrd")
        frames = [(1, z, mask[z]) for z in range(*slices)]
        write_seg(tmp_path / f"dicom_{name}" / "c.dcm", frames, {1: "bone"})
    for first, second in (("dicom_few", "all"), ("few", "dicom_all"), ("dicom_few", "dicom_all")):
        files, problems = matched(tmp_path / first, tmp_path / second)
        found = compare(MaskPair("c", *files["c"], None, {"": 1.0}))
        assert (found.agreement["1"].dice, found.remark, problems) == (pytest.approx(4 / 7), "", [])
    (tmp_path / "ras").mkdir()
    write_image(LabelMap(turned(mask.astype(np.uint8), where, "RAS"), oriented(where, "RAS")), tmp_path / "ras/c.nrrd")
    found = compare(MaskPair("c", tmp_path / "dicom_few" / "c.dcm", tmp_path / "ras" / "c.nrrd", None, {"": 1.0}))
    assert (found.agreement["1"].dice, found.remark) == (pytest.approx(4 / 7), "")
    (tmp_path / "dicom_all" / "c.dcm").write_bytes(b"damaged")
    files, _ = matched(tmp_path / "few", tmp_path / "dicom_all")
    with pytest.raises(InputError, match="is no DICOM file"):
        compare(MaskPair("c", *files["c"], None, {"": 1.0}))
    few = Grid((2, 6, 8), (2.0, 1.0, 1.0), (10.0, 20.0, 36.0))
    assert _slices_of_both(few, oriented(where, "RPI")).same_as(where)
    far = Grid((2, 6, 8), (2.0, 1.0, 1.0), (10.0, 20.0, 9e5))
    assert _slices_of_both(where, far).shape[0] > 400_000  # not made


def test_a_series_is_not_parsed_to_see_that_it_is_no_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def look(path: Path) -> tuple[Path, None] | None:
        seen.append(path.name)
        return (path, None) if "seg" in path.name else None

    monkeypatch.setattr("radfuse.seg.compare.mask_object", look)
    touch(tmp_path, *(f"A/series/{z}.dcm" for z in range(9)), "A/c/seg.dcm", "A/c/sr.dcm", "B/c.nrrd")
    touch(tmp_path, "A/d_seg.dcm", "A/d_sr.dcm", "A/e_sr.dcm", "A/f_seg.dcm")
    files, _ = matched(tmp_path / "A", tmp_path / "B")
    assert files["c"][0].name == "seg.dcm"
    assert sorted(seen) == ["0.dcm", "1.dcm", "d_seg.dcm", "d_sr.dcm", "e_sr.dcm", "f_seg.dcm", "seg.dcm", "sr.dcm"]


@pytest.mark.parametrize("said", [None, (1.0, 1.0)])
def test_pixels_of_a_picture_are_those_of_a_dicom_segmentation_or_as_they_are_said(
    tmp_path: Path, said: tuple[float, float] | None
) -> None:
    mask = np.zeros((6, 8), dtype=bool)
    mask[1:4, 2:5] = True
    place = item(
        PlanePositionSequence=[item(ImagePositionPatient=[0, 0, 0])],
        SegmentIdentificationSequence=[item(ReferencedSegmentNumber=1)],
    )
    write_seg(tmp_path / "c.dcm", [(1, 0, mask)], {1: "bone"}, PerFrameFunctionalGroupsSequence=[place])
    Image.fromarray(mask.astype(np.uint8)).save(tmp_path / "c.png")
    for first, second in (("c.dcm", "c.png"), ("c.png", "c.dcm")):
        found = compare(MaskPair("c", tmp_path / first, tmp_path / second, None, {"": 1.0}, said))
        assert found.agreement["1"].dice == 1


@pytest.mark.parametrize("lying", [("A/site1/c.nrrd", "A/site1/d.nrrd"), ("A/site1/c/mask.nrrd",)])
def test_folders_that_hold_several_images_or_folders_of_them_are_told(tmp_path: Path, lying: tuple[str, ...]) -> None:
    touch(tmp_path, *lying, "B/c.nrrd")
    with pytest.raises(InputError, match=r"no masks, but folders with several images, or with folders of them: site1"):
        matched(tmp_path / "A", tmp_path / "B")
    touch(tmp_path, "A/c.nrrd")
    _, (told,) = matched(tmp_path / "A", tmp_path / "B")
    assert (told.severity, told.message.split(":")[0]) == (
        "warning",
        "folders with several images, or with folders of them, 1 in all, are left out",
    )


def test_masks_that_lie_apart_are_refused(tmp_path: Path) -> None:
    here, there = grid((8, 8, 8)), Grid((8, 8, 8), (1, 1, 1), (500.0, 0, 0))
    with pytest.raises(InputError, match="no labelled voxel lies on the grid"):
        compare(pair(tmp_path, labels(here), labels(there)))


def test_what_the_reference_cannot_show_is_remarked(tmp_path: Path) -> None:
    whole = LabelMap(np.ones((8, 8, 8), np.uint8), grid((8, 8, 8)))
    moved = LabelMap(whole.array, Grid((8, 8, 8), (1, 1, 1), (2.0, 0, 0)))
    assert "; 25% of mask" in compare(pair(tmp_path, whole, moved)).remark


def test_an_image_is_not_taken_for_a_mask(tmp_path: Path) -> None:
    many = LabelMap(np.arange(512, dtype=np.int16).reshape(8, 8, 8), grid((8, 8, 8)))
    with pytest.raises(InputError, match="hold 511 labels, as an image does"):
        compare(pair(tmp_path, many, many))
    assert compare(pair(tmp_path, many, many, {"a": 5})).agreement["a"].dice == 1


def test_an_empty_mask_is_a_mask(tmp_path: Path) -> None:
    where = grid((8, 8, 8))
    found = compare(pair(tmp_path, labels(where), LabelMap(np.zeros(where.shape, np.uint8), where)))
    assert (found.agreement["1"].dice, found.agreement["1"].components_missed) == (0, 1)


@pytest.mark.parametrize(
    ("first", "second", "named", "says"),
    [
        (1, 255, None, ["no mask of A holds 255, and", "no mask of B holds 1, and those of A do; A holds 1, B 255."]),
        (1, 255, {"tumour": 1}, ["no mask of B holds tumour=1"]),
        (255, 255, {"tumour": 1}, ["no mask holds tumour=1; those of A hold 255, those of B 255."]),
        (1, 0, None, ["no mask of B holds 1, and those of A do; A holds 1, B none."]),
        (1, 1, {"tumour": 1}, []),
    ],
)
def test_labels_of_one_side_alone_are_told_with_those_that_occur(
    tmp_path: Path, first: int, second: int, named: dict[str, int] | None, says: list[str]
) -> None:
    where = grid((8, 8, 8))
    found = compare(pair(tmp_path, labels(where, number=first), labels(where, number=second), named))
    told = [problem.message for problem in one_sided([found], named)]
    assert [message[: len(part)] for message, part in zip(told, says, strict=True)] == says
