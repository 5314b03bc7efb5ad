"""What a bundle predicts as DICOM: the unit's numbers go to each of its cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from radfuse.bundle.dicom import write_dicom
from radfuse.bundle.load import Bundle
from radfuse.bundle.predict import Prediction
from radfuse.cli.bundle import _as_dicom
from radfuse.cli.show import FAILURES
from radfuse.errors import InputError
from radfuse.phantom.oai import tiny, write_series
from radfuse.results import Failure
from radfuse.volume.files import read_grid, write_image
from radfuse.volume.image import LabelMap

hd = pytest.importorskip("highdicom", reason="needs radfuse[dicom]")


def test_the_numbers_of_a_unit_are_in_the_reports_of_its_cases(tmp_path: Path) -> None:
    about = {"PatientID": "1", "StudyDate": "20041006", "StudyInstanceUID": "1.2.826.7.1"}
    fine = replace(tiny(3), grid=replace(tiny(3).grid, spacing_zyx_mm=(0.7, 0.365, 0.365)))  # no NIfTI holds them
    write_series(tmp_path / "1", fine, "right", "SAG_3D_DESS", about)
    grid = read_grid(tmp_path / "1")
    array = np.zeros(grid.shape, dtype=np.uint8)
    array[1, 1, 1:3] = 2
    (tmp_path / "out" / "labels").mkdir(parents=True)
    write_image(LabelMap(array, grid, {2: "tibia"}), tmp_path / "out" / "labels" / "a.nii.gz")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "SHA256SUMS").write_text("sums")
    outcome = SimpleNamespace(name=lambda: "progressed")
    imaging = SimpleNamespace(labels={"tibia": 2}, codes={})
    schema = SimpleNamespace(imaging=imaging, title="Knees", opened_outcome=lambda: outcome)
    bundle = cast("Bundle", SimpleNamespace(path=tmp_path / "b", schema=schema))
    prediction = Prediction(
        units=pd.DataFrame({"patient_id": ["p"]}, index=[4]),
        probabilities=pd.DataFrame({"radiomic": [0.25]}, index=[4]),
        warnings=(),
        used=pd.DataFrame({"dess/tibia/a": [1.5], "dess/tibia/b": [np.nan], "age": [60.0]}, index=[4]),
        imaged={"a": (4, tmp_path / "1"), "b": (4, tmp_path / "nifti.nii.gz")},
    )
    failures = write_dicom(bundle, prediction, tmp_path / "out")
    assert [failure.item for failure in failures] == ["b"]
    report = hd.sr.srread(tmp_path / "out" / "dicom" / "a" / "sr.dcm").content
    (segment,) = report.get_volumetric_roi_measurement_groups()
    assert segment.get_measurements()[0].value == pytest.approx(2 * 0.7 * 0.365**2, rel=1e-12)
    found = [
        (group.tracking_identifier, item.value)
        for group in report.get_image_measurement_groups()
        for item in group.get_measurements()
    ]
    assert found == [("dess/tibia", 1.5), ("progressed: radiomic", 0.25)]
    with pytest.raises(InputError, match="here it drew none"):
        write_dicom(bundle, Prediction(prediction.units, prediction.probabilities, ()), tmp_path / "out")


def test_cases_without_objects_are_listed_with_the_others_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = (Failure(item="b", error="no DICOM"),)
    monkeypatch.setattr("radfuse.bundle.dicom.write_dicom", lambda *_: failed)
    prediction = SimpleNamespace(failures=(Failure(item="a", error="no mask"),), imaged={"b": (0, tmp_path)})
    assert _as_dicom(cast(Bundle, None), cast(Prediction, prediction), tmp_path) == failed
    assert (tmp_path / FAILURES).read_text().splitlines() == ["item,why", "a,no mask", "b,no DICOM"]
