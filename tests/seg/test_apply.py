from pathlib import Path

import numpy as np
import pytest

from radfuse.seg.apply import cases_of, jobs_of, write_labels
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


def test_pictures_beside_volumes_are_no_images_and_dicom_files_are_slices(tmp_path: Path) -> None:
    for name in ("volumes/a.nii.gz", "volumes/a.png", "flat/b.png", "series/1.dcm", "series/2.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert cases_of([tmp_path / "volumes"], 1) == {"a": (tmp_path / "volumes/a.nii.gz",)}
    assert cases_of([tmp_path / "flat"], 1) == {"b": (tmp_path / "flat/b.png",)}
    assert cases_of([tmp_path / "series"], 1) == {"series": (tmp_path / "series",)}


def test_masks_have_the_format_of_their_image_where_that_holds_volumes(tmp_path: Path) -> None:
    network = tmp_path / "net.onnx"
    network.write_bytes(b"")
    images = {name: (Path(name),) for name in ("a.nii.gz", "b.mha", "c.mhd", "d.png", "series")}
    jobs = jobs_of(images, network, "onnxruntime", tmp_path / "out", lambda *_: b"")
    assert [job.place.suffix for job in jobs] == [".gz", ".mha", ".mha", ".nrrd", ".nrrd"]
