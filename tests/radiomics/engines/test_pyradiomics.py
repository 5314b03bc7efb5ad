"""Features by PyRadiomics: its own baseline, its parameter files, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boxes import box, grid
from realdata import real_file

from radfuse.errors import CaseError, InputError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.extract import extract
from radfuse.volume.files import read_labels, read_volume
from radfuse.volume.image import LabelMap, Volume

pytest.importorskip("radiomics", reason="PyRadiomics is not installed")
CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


@pytest.mark.parametrize("case", ["brain1", "brain2", "breast1"])
def test_features_are_those_of_the_published_baseline(case: str, tmp_path: Path) -> None:
    """PyRadiomics' own tests allow 3 % (its repository, tests/testUtils.py)."""
    volume = read_volume(real_file(f"pyradiomics/{case}_image.nrrd"))
    labels = read_labels(real_file(f"pyradiomics/{case}_label.nrrd"))
    (tmp_path / "p.yaml").write_text("setting: {binWidth: 25, voxelArrayShift: 2000}\nimageType: {Original: {}}\n")
    found = extract(volume, labels, RadiomicsConfig(params=tmp_path / "p.yaml", min_voxels=1)).values.iloc[0]
    compared = 0
    for group in CLASSES:
        table = pd.read_csv(real_file(f"pyradiomics/baseline/baseline_{group}.csv"), index_col=0)[case]
        for name, text in table.items():
            if str(name).startswith("diagnostics") or name not in found:
                continue
            assert found[name] == pytest.approx(float(text), rel=0.03), name
            compared += 1
    assert compared > 90


@pytest.fixture
def blob() -> tuple[Volume, LabelMap]:
    generator = np.random.default_rng(1)
    array = generator.normal(200, 40, (16, 18, 20)).astype(np.float32)
    mask = box(array.shape, (4, 4, 4), (12, 13, 14)).astype(np.uint8)
    mask[mask == 0] = box(array.shape, (13, 1, 1), (15, 6, 6)).astype(np.uint8)[mask == 0] * 3
    where = grid(array.shape, (1.5, 1.0, 0.8))
    return Volume(array, where, "blob"), LabelMap(mask, where, {1: "core"}, "blob mask")


def test_a_row_per_label_and_first_order_by_hand(blob: tuple[Volume, LabelMap]) -> None:
    volume, labels = blob
    table = extract(volume, labels)
    assert list(table.values.index) == ["core", "3"]
    inside = volume.array[labels.array == 1]
    assert table.values.loc["core", "original_firstorder_Mean"] == pytest.approx(inside.mean(), rel=1e-6)
    assert table.values.loc["core", "original_shape_VoxelVolume"] == pytest.approx(8 * 9 * 10 * 1.2)
    assert len(table.names) == 107


def test_a_parameter_file_is_taken_as_it_is(blob: tuple[Volume, LabelMap], tmp_path: Path) -> None:
    volume, labels = blob
    (tmp_path / "p.yaml").write_text(
        "imageType:\n  Original: {}\n  LoG: {sigma: [2.0]}\nfeatureClass:\n  firstorder: [Mean, Energy]\n"
        "setting:\n  binWidth: 10\n  label: 3\n"
    )
    found = extract(volume, labels, RadiomicsConfig(params=tmp_path / "p.yaml"), only=[1])
    assert found.names == (
        "original_firstorder_Mean",
        "original_firstorder_Energy",
        "log-sigma-2-0-mm-3D_firstorder_Mean",
        "log-sigma-2-0-mm-3D_firstorder_Energy",
    )
    (tmp_path / "p.json").write_text('{"imageType": {"Original": {}}, "featureClass": {"firstorder": ["Mean"]}}')
    assert extract(volume, labels, RadiomicsConfig(params=tmp_path / "p.json")).names == ("original_firstorder_Mean",)


def test_our_settings_mean_what_theirs_do(blob: tuple[Volume, LabelMap], tmp_path: Path) -> None:
    volume, labels = blob
    ours = RadiomicsConfig(
        bin_count=16, spacing_zyx_mm=(1.5, 1.2, 1.0), normalize=True, filters=("original", "wavelet", "square")
    )
    (tmp_path / "p.yaml").write_text(
        "setting: {binCount: 16, resampledPixelSpacing: [1.0, 1.2, 1.5], normalize: true, normalizeScale: 100,"
        " preCrop: true, padDistance: 10}\nimageType: {Original: {}, Wavelet: {}, Square: {}}\n"
    )
    theirs = extract(volume, labels, RadiomicsConfig(params=tmp_path / "p.yaml"))
    pd.testing.assert_frame_equal(extract(volume, labels, ours).values[list(theirs.names)], theirs.values)


BAD = {
    "settings: {binWidth: 5}": "unknown section 'settings'; did you mean 'setting'?",
    "imageType: {Originl: {}}": "did you mean 'Original'",
    "featureClass: {glcmm: []}": "did you mean 'glcm'",
    "- 1": "not a mapping",
    "featureClass: [firstorder]": "featureClass: found ['firstorder']; write a name and a colon",
    "imageType: [Original]": "imageType: found ['Original']",
    "setting: [1]": "setting: found [1]",
    "imageType: {Original: [1]}": "Original: found [1]",
    "featureClass: {glcm: Contrast}": "class glcm has 'Contrast'; write a list",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_parameter_files_are_named(blob: tuple[Volume, LabelMap], tmp_path: Path, text: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        extract(*blob, RadiomicsConfig(params=tmp_path / "p.yaml"))
    assert BAD[text] in str(caught.value)
    assert "p.yaml" in str(caught.value)


def test_pyradiomics_cannot_compute_lbp3d(blob: tuple[Volume, LabelMap], tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("imageType: {LBP3D: {}}")
    config = RadiomicsConfig(params=tmp_path / "p.yaml")
    with pytest.raises(InputError, match=r"PyRadiomics 3\.0\.1 cannot compute it"):
        extract(*blob, config, engine="pyradiomics")
    assert any(name.startswith("lbp-3D-m1_") for name in extract(*blob, config, engine="fast").names)


def test_a_region_pyradiomics_refuses_leaves_the_others(blob: tuple[Volume, LabelMap], tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("setting: {minimumROISize: 100}\nfeatureClass: {firstorder: [Mean]}")
    for engine in ("fast", "pyradiomics"):
        table = extract(*blob, RadiomicsConfig(params=tmp_path / "p.yaml"), engine=engine)
        assert list(table.values.index) == ["core"]
        assert list(table.provenance["failed"]) == ["3"]


def test_other_refusals(blob: tuple[Volume, LabelMap]) -> None:
    volume, labels = blob
    with pytest.raises(InputError, match="labels 7 are not present; present: 1, 3"):
        extract(volume, labels, only=[7])
    with pytest.raises(InputError, match=r"unknown engine 'pyradiomic'; did you mean 'pyradiomics'\?"):
        extract(volume, labels, engine="pyradiomic")
    with pytest.raises(CaseError, match="label 3 has 50 voxels, needs 51"):
        extract(volume, labels, RadiomicsConfig(min_voxels=51), only=[3])
    table = extract(volume, labels, RadiomicsConfig(min_voxels=51))
    assert list(table.values.index) == ["core"]
    assert "label 3 has 50 voxels, needs 51" in table.provenance["failed"]["3"]
    with pytest.raises(ValueError, match="remove bin_width"):
        RadiomicsConfig(params=Path("p.yaml"), bin_width=5)


@pytest.mark.parametrize("kind", [">f4", ">i2", "f2", "g", "?"])
def test_arrays_of_any_real_type_are_as_good_as_native_ones(kind: str) -> None:
    generator = np.random.default_rng(0)
    array = generator.integers(0, 60, (12, 13, 14)).astype(kind)
    labels = np.zeros(array.shape, dtype=np.uint8)
    labels[3:9, 3:9, 3:9] = 1
    config = RadiomicsConfig(filters=("original", "gradient", "wavelet"), bin_width=2)
    plain = array.astype({"g": "f8", "?": "u1", "f2": "f4"}.get(kind, kind[1:]))
    found, expected = extract(array, labels, config), extract(plain, labels, config)
    assert found.values.equals(expected.values)


def test_the_provenance_holds_what_a_parameter_file_says(blob: tuple[Volume, LabelMap], tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("setting: {binWidth: 3}\nimageType: {Original: {}, Gradient: {}}")
    said = extract(*blob, RadiomicsConfig(params=tmp_path / "p.yaml")).provenance["pyradiomics_settings"]
    assert said["settings"]["binWidth"] == 3
    assert list(said["filters"]) == ["Original", "Gradient"]


def test_more_bins_than_allowed_are_counted_from_the_ranges_lower_end(blob: tuple[Volume, LabelMap]) -> None:
    with pytest.raises(CaseError, match="bins of width 1, allowed are 1,000"):
        extract(*blob, RadiomicsConfig(bin_width=1, bin_range=(-1e7, 1e3), max_bins=1000))
