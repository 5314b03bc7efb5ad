from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from radfuse.phantom.oai import tiny, write_series
from radfuse.seg.apply import Applied, ApplyJob, apply, cases_of, jobs_of, write_labels
from radfuse.volume.files import read_grid, read_labels, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume


class Bright:
    """Segments what is above 20."""

    plan = SimpleNamespace(labels={"bright": 1})

    def __call__(self, image: Volume) -> LabelMap:
        return LabelMap((image.array > 20).astype(np.uint8), image.grid, {1: "bright"})


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


def test_zips_among_series_are_series(tmp_path: Path) -> None:
    for name in ("mixed/a/1.dcm", "mixed/a.zip", "mixed/b.zip", "zips/c.zip", "series/1.dcm", "series/left.zip"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert cases_of([tmp_path / "mixed"], 1) == {"a": (tmp_path / "mixed/a",), "b": (tmp_path / "mixed/b.zip",)}
    assert cases_of([tmp_path / "zips"], 1) == {"c": (tmp_path / "zips/c.zip",)}
    assert cases_of([tmp_path / "series"], 1) == {"series": (tmp_path / "series",)}


def test_masks_have_the_format_of_their_image_where_that_holds_volumes(tmp_path: Path) -> None:
    network = tmp_path / "net.onnx"
    network.write_bytes(b"")
    images = {name: (Path(name),) for name in ("a.nii.gz", "b.mha", "c.mhd", "d.png", "series")}
    jobs = jobs_of(images, network, "onnxruntime", tmp_path / "out", lambda *_: b"")
    assert [job.place.suffix for job in jobs] == [".gz", ".mha", ".mha", ".nrrd", ".nrrd"]


def test_a_mask_is_also_a_dicom_object_of_its_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("highdicom", reason="needs radfuse[dicom]")
    about = {"PatientID": "9007827", "StudyDate": "20041006", "StudyInstanceUID": "1.2.826.7.1"}
    write_series(tmp_path / "10263609", tiny(3), "right", "SAG_3D_DESS", about)
    (tmp_path / "net.onnx").write_bytes(b"a network")

    monkeypatch.setattr("radfuse.seg.predict.segmenter", lambda *_: Bright())

    def todo() -> list[ApplyJob]:
        cases = cases_of([tmp_path / "10263609"], 1)
        codes = {"bright": "SCT:71341001:Femur"}
        return jobs_of(
            cases, tmp_path / "net.onnx", "onnxruntime", tmp_path / "m", lambda *_: b"", dicom=True, codes=codes
        )

    (job,) = todo()
    assert apply(job) == Applied(("bright",), "")
    assert todo() == []
    objects = tmp_path / "m" / "dicom" / "10263609"
    found = read_labels(objects / "seg.dcm", {1: "bright"}, like=read_grid(tmp_path / "10263609"))
    assert np.array_equal(found.array, read_labels(job.place).array)
    (objects / "sr.dcm").unlink()
    assert len(todo()) == 1


def test_a_channel_that_shows_nothing_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid((2, 3, 4), (1, 1, 1))
    write_image(Volume(np.arange(24, dtype=np.float32).reshape(grid.shape), grid), tmp_path / "c_0000.nrrd")
    write_image(Volume(np.zeros(grid.shape, np.float32), grid), tmp_path / "c_0001.nrrd")
    (tmp_path / "net.onnx").write_bytes(b"a network")

    monkeypatch.setattr("radfuse.seg.predict.segmenter", lambda *_: Bright())
    images = cases_of([tmp_path], 2)
    (job,) = jobs_of(images, tmp_path / "net.onnx", "onnxruntime", tmp_path / "m", lambda *_: b"")
    assert apply(job).remark == "every voxel of c_0001.nrrd is 0; look whether it is the right file"
