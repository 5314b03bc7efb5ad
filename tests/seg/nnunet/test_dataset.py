"""The raw data set that nnU-Net plans from: headers that point into prepared cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nnunetv2", reason="needs radfuse[train]")
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

from radfuse.seg.nnunet.dataset import write_dataset

SHAPE, SPACING = (6, 7, 8), (3.3, 1.1, 0.7)


def prepared(folder: Path, order: str = "C") -> str:
    """A case of two channels whose voxels count from 0, and a mask of those that are even."""
    folder.mkdir(parents=True)
    image = np.arange(2 * np.prod(SHAPE), dtype=np.float32).reshape(2, *SHAPE)
    np.save(folder / "image.npy", np.asarray(image, order=order))
    np.save(folder / "target.npy", np.asarray(image[0] % 2 == 0, dtype=np.uint8, order=order))
    np.save(folder / "spacing.npy", np.array(SPACING))
    return str(folder)


def written(folder: Path, *cases: str) -> Path:
    write_dataset({"channels": ["t1", "t2"], "labels": ["even"], "cases": cases}, folder / "raw")
    return folder / "raw"


def check_read(raw: Path, case: str, name: str) -> None:
    """nnU-Net reads what was prepared."""
    image, facts = SimpleITKIO().read_images([str(raw / f"imagesTr/{name}_{channel:04d}.nrrd") for channel in (0, 1)])
    target, _ = SimpleITKIO().read_seg(str(raw / f"labelsTr/{name}.nrrd"))
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, np.load(Path(case) / "image.npy"))
    np.testing.assert_array_equal(target[0], np.load(Path(case) / "target.npy"))
    assert facts["spacing"] == list(SPACING)


def test_no_voxel_is_copied(tmp_path: Path) -> None:
    cases = [prepared(tmp_path / f"50% done/p{number}") for number in range(2)]
    raw = written(tmp_path, *cases)
    for case, name in zip(cases, ("case00000", "case00001"), strict=True):
        check_read(raw, case, name)
    sizes = [item.lstat().st_size for item in raw.rglob("*") if item.is_file() and not item.is_symlink()]
    assert max(sizes) < 400  # headers alone; an image has 1,344 bytes


@pytest.mark.parametrize("why", ["no links", "another order"])
def test_voxels_are_copied_where_they_cannot_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    if why == "no links":
        monkeypatch.setattr(Path, "symlink_to", refuse)
    case = prepared(tmp_path / "p", "C" if why == "no links" else "F")
    raw = written(tmp_path, case)
    check_read(raw, case, "case00000")
    assert not (raw / "imagesTr/case00000.npy").is_symlink()
