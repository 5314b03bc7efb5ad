from pathlib import Path

import numpy as np
import pytest

from radfuse.seg.apply import write_labels
from radfuse.volume.files import read_labels
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap


def test_labels_are_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that is cut half-way leaves the file that was there, and nothing of its own."""
    grid = Grid((2, 3, 4), (1, 1, 1))
    labels = LabelMap(np.ones(grid.shape, dtype=np.uint8), grid, {1: "tumour"})
    write_labels(labels, tmp_path / "labels/c1.nii.gz")
    whole = (tmp_path / "labels/c1.nii.gz").read_bytes()

    def cut(_: LabelMap, path: Path) -> None:
        path.write_bytes(whole[:10])
        raise KeyboardInterrupt

    monkeypatch.setattr("radfuse.seg.apply.write_image", cut)
    with pytest.raises(KeyboardInterrupt):
        write_labels(labels, tmp_path / "labels/c1.nii.gz")
    assert [item.name for item in (tmp_path / "labels").iterdir()] == ["c1.nii.gz"]
    assert (tmp_path / "labels/c1.nii.gz").read_bytes() == whole
    assert read_labels(tmp_path / "labels/c1.nii.gz").array.sum() == 24
