"""Good folders, tiny: tables, visits, images of boxes, flat ones, runs, bundles, masks, an image in every format."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from boxes import tumour_cohort
from spoil import mha_bytes, nifti_bytes, nrrd_bytes

PATIENTS = 24
FUSION = """\
fusion:
  inner_folds: 2
  selection: [{kind: mrmr, k: 4}, {kind: lasso, strengths: [0.4]}]
  classifier: {kind: logistic, c: [0.1]}
  strategy: {kind: early}
  explain: {rows: 0}
report: {journal_figures: false}
"""
TABLES = f"""\
name: tiny
seed: 7
cohort:
  table: cohort.csv
  patient: patient_id
  clinical: [age, {{column: sex, levels: [f, m]}}]
  outcome: {{column: event, kind: binary}}
  split: {{kind: grouped, folds: 2}}
features:
  radiomic: radiomic.csv
{FUSION}"""
IMAGES = f"""\
name: boxes
seed: 7
cohort:
  table: cohort.csv
  patient: patient_id
  images: {{t1: t1}}
  mask: mask
  clinical: [age]
  outcome: {{column: event, kind: binary}}
  split: {{kind: grouped, folds: 2}}
segmentation: {{backend: manual, labels: {{tumour: 1}}}}
regions:
  - {{kind: label, name: tumour, label: tumour}}
radiomics: {{classes: [shape, firstorder]}}
{FUSION}"""


def image() -> np.ndarray:
    """Return an image of a bright box in noise, shape (z, y, x), whole numbers as int16."""
    generator = np.random.default_rng(5)
    return (generator.normal(100, 20, (10, 12, 14)) + 80 * mask()).astype(np.int16)


def mask() -> np.ndarray:
    """Return its box of 4 x 6 x 8 voxels as uint8."""
    drawn = np.zeros((10, 12, 14), np.uint8)
    drawn[3:7, 3:9, 3:11] = 1
    return drawn


def tables(folder: Path) -> None:
    """Write a study of two tables: 24 patients, every third with the event."""
    generator = np.random.default_rng(11)
    cohort = ["case_id,patient_id,site,scanned,age,sex,fold,event"]
    features = ["case_id," + ",".join(f"f{k:02d}" for k in range(1, 13))]
    for number in range(1, PATIENTS + 1):
        event = int(number % 3 == 0)
        day = f"20{10 + number % 9}-0{1 + number % 9}-1{number % 10}"
        site = ("north", "south")[number % 2]
        age = 40 + int(generator.integers(0, 40)) + 5 * event
        fold = "test" if number % 4 == 3 or number in (4, 6) else "train"
        cohort.append(f"c{number:02d},p{number:02d},{site},{day},{age},{'fm'[number % 2]},{fold},{event}")
        values = generator.normal(0, 1, 12) + event * np.r_[1.5, 0.8, np.zeros(10)]
        features.append(f"c{number:02d}," + ",".join(f"{value:.4f}" for value in values))
    (folder / "cohort.csv").write_text("\n".join(cohort) + "\n")
    (folder / "radiomic.csv").write_text("\n".join(features) + "\n")
    (folder / "study.yaml").write_text(TABLES)


def visits(folder: Path) -> None:
    """Write the study of tables with a second visit of each patient, two years and some days later."""
    tables(folder)
    cohort, features = ((folder / name).read_text().splitlines() for name in ("cohort.csv", "radiomic.csv"))
    lines = [f"{cohort[0]},visit"]
    for ending, day, visit in (("", "2015-03-01", "00m"), ("b", "2017-03-05", "24m")):
        for case, patient, site, _, *rest in (row.split(",") for row in cohort[1:]):
            lines.append(",".join([case + ending, patient, site, day, *rest, visit]))
    (folder / "cohort.csv").write_text("\n".join(lines) + "\n")
    later = [f"{row[:3]}b{row[3:]}5" for row in features[1:]]  # another digit: no row is twice there
    (folder / "radiomic.csv").write_text("\n".join([*features, *later]) + "\n")
    asked = "changes: {between: [00m, 24m], kinds: [difference, rate], date: scanned}"
    said = TABLES.replace("  clinical:", f"  unit: [patient_id]\n  {asked}\n  clinical:")
    (folder / "study.yaml").write_text(said)


def flat(folder: Path) -> None:
    """Write a study of twelve PNG images, a bright rectangle in noise each, with masks and their spacing."""
    from PIL import Image

    rows = ["case_id,patient_id,xray,mask,age,event"]
    for number in range(12):
        drawn = np.zeros((60, 80), np.uint8)
        drawn[20 : 36 + 4 * (number % 2), 25:50] = 1
        noise = np.random.default_rng(number).normal(120, 12, drawn.shape)
        Image.fromarray((noise + 40 * drawn).astype(np.uint8)).save(folder / f"x{number}.png")
        Image.fromarray(drawn).save(folder / f"m{number}.png")
        rows.append(f"c{number},p{number},x{number}.png,m{number}.png,{50 + number},{number % 2}")
    (folder / "cohort.csv").write_text("\n".join(rows) + "\n")
    (folder / "spacing.json").write_text('{"spacing_mm": [0.5, 0.5]}')
    said = IMAGES.replace("{t1: t1}", "{xray: xray}").replace("[shape,", "[shape2D,").replace("tumour", "bone")
    (folder / "study.yaml").write_text(said.replace("radiomics: {", "radiomics: {slice_axis: z, "))


def masks(folder: Path) -> None:
    """Write two folders of three masks, labels 1 and 2."""
    drawn = mask()
    drawn[3:7, 3:9, 11:13] = 2
    for name in ("A", "B"):
        (folder / name).mkdir()
        for number in range(3):
            (folder / name / f"c{number}.nrrd").write_bytes(nrrd_bytes(drawn))


def images(folder: Path) -> None:
    """Write a study of eight boxes with masks."""
    tumour_cohort(folder, 8)
    (folder / "study.yaml").write_text(IMAGES)


def _run(folder: Path) -> None:
    from radfuse import machine
    from radfuse.pipeline import run_study

    cores, machine.cores = machine.cores, lambda: 1
    try:
        finished = run_study(folder / "study.yaml", folder / "run")
    finally:
        machine.cores = cores
    assert finished.failures == ()


def table_run(folder: Path) -> None:
    """Write the study of tables, finished in run/."""
    tables(folder)
    _run(folder)


def image_run(folder: Path) -> None:
    """Write the study of boxes, finished in run/."""
    images(folder)
    _run(folder)


def _only_bundle(source: Path, folder: Path, names: tuple[str, ...]) -> None:
    shutil.copytree(source / "run" / "bundle", folder / "bundle")
    for pattern in names:
        for path in source.glob(pattern):
            shutil.copy(path, folder / path.name)


def pair(folder: Path) -> None:
    """Write one image and its mask as NIfTI (packed and not), NRRD, MHA and, the image, as DICOM."""
    for name, array in (("image", image()), ("mask", mask())):
        (folder / f"{name}.nii").write_bytes(nifti_bytes(array))
        (folder / f"{name}.nii.gz").write_bytes(gzip.compress(nifti_bytes(array)))
        (folder / f"{name}.nrrd").write_bytes(nrrd_bytes(array))
        (folder / f"{name}.mha").write_bytes(mha_bytes(array))
    dicom(folder / "dicom", image())
    (folder / "params.yaml").write_text("setting: {binWidth: 25}\nfeatureClass: {firstorder: [Mean]}\n")


def dicom(folder: Path, array: np.ndarray) -> None:
    """Write an image as a folder of slices 01.dcm, 02.dcm, ..., 1 mm apart."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    folder.mkdir()
    series, frame = (generate_uid(entropy_srcs=["radfuse", name]) for name in ("series", "frame"))
    for number, plane in enumerate(array):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["radfuse", str(number)])
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        item.SOPClassUID, item.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        item.SeriesInstanceUID, item.FrameOfReferenceUID, item.StudyInstanceUID = series, frame, frame
        item.Modality, item.PatientID, item.PatientName = "CT", "nobody", "Nobody"
        item.ImagePositionPatient, item.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
        item.PixelSpacing, item.SliceThickness, item.InstanceNumber = [1, 1], 1, number + 1
        item.Rows, item.Columns = plane.shape
        item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
        item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 16, 15, 1
        item.RescaleSlope, item.RescaleIntercept = 1, 0
        item.PixelData = plane.astype("<i2").tobytes()
        item.save_as(folder / f"{number + 1:02d}.dcm", enforce_file_format=True)


class Templates:
    """The good folders; each is made when it is first asked for.

    Args:
        folder: to keep them in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> Path:
        place = self._folder / name
        if not place.is_dir():
            making = self._folder / f"{name}.making"
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir(parents=True)
            self._make(name, making)
            making.rename(place)
        return place

    def _make(self, name: str, folder: Path) -> None:
        simple: dict[str, Callable[[Path], None]] = {
            "nothing": lambda _: None,
            "tables": tables,
            "images": images,
            "visits": visits,
            "flat": flat,
            "masks": masks,
            "pair": pair,
            "table_run": table_run,
            "image_run": image_run,
        }
        if name == "bundle":
            _only_bundle(self["table_run"], folder, ("cohort.csv", "radiomic.csv"))
        elif name == "image_bundle":
            _only_bundle(self["image_run"], folder, ("cohort.csv", "*.nrrd"))
        else:
            simple[name](folder)


GOOD = {
    "tables": ("check study.yaml",),
    "images": ("check study.yaml", "extract study.yaml --out run"),
    "visits": ("check study.yaml",),
    "flat": ("check study.yaml",),
    "masks": ("compare-masks A B --out O",),
    "pair": (
        *(f"radiomics image.{one} mask.{two} --params params.yaml" for one, two in (
            ("nii", "nii"), ("nii", "nrrd"), ("nii.gz", "nrrd"), ("nrrd", "nrrd"), ("mha", "nrrd"), ("nrrd", "nii.gz"),
        )),
        "radiomics dicom mask.nrrd --params params.yaml",
        "radiomics image.nrrd mask.mha",
    ),
    "bundle": (
        "predict bundle cohort.csv --features radiomic=radiomic.csv --out out",
        "evaluate bundle cohort.csv --features radiomic=radiomic.csv --out out",
    ),
    "image_bundle": ("predict bundle cohort.csv --out out", "evaluate bundle cohort.csv --out out"),
    "table_run": ("run study.yaml --out run",),
    "image_run": ("run study.yaml --out run",),
}  # fmt: skip
"""Commands that go well before anything is spoiled: otherwise a bad input would be told of for another reason."""
