"""Images and masks: NIfTI, NRRD, MHA and DICOM, by themselves and in a study."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from badinput import Group
from spoil import cells, change, copy, cut, flip, head, mha_bytes, mkdir, nifti_bytes, nrrd_bytes, remove, sub, write
from templates import image, mask

M = "mask.nrrd"


def holed(value: float, kind: str = "float32") -> np.ndarray:
    """Return the image with twelve voxels of one value."""
    array = image().astype(kind)
    array[4, 4, 3:9] = array[5, 4, 3:9] = value
    return array


nifti = Group("NIfTI", "pair", "radiomics image.nii mask.nrrd --params params.yaml")
bad = nifti.bad
I = "image.nii"  # noqa: E741
bad("is not there", remove(I), says=(I, "no image"))
bad("is empty", write(I, ""), says=(I,))
bad("is text", write(I, "hello\n"), says=(I,))
bad("is zeros", write(I, bytes(5000)), says=(I,))
bad("header cut", cut(I, 100), says=(I,))
bad("header alone", cut(I, 352), says=(I, "truncated"))
bad("cut in the middle", cut(I, 0.5), says=(I, "truncated", "copy"))
bad("one byte short", change(I, lambda content: content[:-1]), says=(I, "truncated"))
bad("size of header", change(I, head(sizeof_hdr=999)), says=(I,))
bad("magic of another format", change(I, head(magic=b"abc\0")), says=(I, "magic|nifti|read"))
bad("magic empty", change(I, head(magic=b"\0\0\0\0")), says=(I,))
bad("magic of a pair of files", change(I, head(magic=b"ni1\0")), says=(I,))
bad("no axes", change(I, head(dim=(0, 1, 1, 1, 1, 1, 1, 1))), says=(I,))
bad("nine axes", change(I, head(dim=(9, 14, 12, 10, 1, 1, 1, 1))), says=(I,))
bad("an axis of 0", change(I, head(dim=(3, 14, 0, 10, 1, 1, 1, 1))), says=(I,))
bad("an axis below 0", change(I, head(dim=(3, 14, -12, 10, 1, 1, 1, 1))), says=(I,))
bad("axes of 32,000", change(I, head(dim=(3, 32000, 32000, 32000, 1, 1, 1, 1))), says=(I, "truncated|reads up to"))
bad("2-D", write(I, nifti_bytes(image()[0])), says=(I, "3-D"))
bad("four time points", write(I, nifti_bytes(np.stack([image()] * 4))), says=(I, "4-D"))
bad("five axes", write(I, nifti_bytes(np.stack([image()] * 3)[:, None])), says=(I, "5-D|values"))
bad(
    "colours",
    write(
        I,
        nifti_bytes(
            np.stack([image().astype(np.uint8)] * 3, -1), datatype=128, bitpix=24, dim=(3, 14, 12, 10, 1, 1, 1, 1)
        ),
    ),
    says=(I, "values|channel|truncated"),
)
bad(
    "complex",
    write(
        I,
        nifti_bytes(
            np.stack([image().astype(np.float32)] * 2, -1), datatype=32, bitpix=64, dim=(3, 14, 12, 10, 1, 1, 1, 1)
        ),
    ),
    says=(I,),
)
bad("unknown type", change(I, head(datatype=77)), says=(I,))
bad("type 0", change(I, head(datatype=0)), says=(I,))
bad("bits that do not fit the type", change(I, head(bitpix=64)), says=(f"{I}|Mean",), code=(0, 2))
for name, number in {
    "0": 0.0,
    "NaN": np.nan,
    "infinite": np.inf,
    "1e-5": 1e-5,
    "1e30": 1e30,
    "-infinite": -np.inf,
}.items():
    for beside, code in (("", 0), (" beside sform", 1)):
        put_in = head(pixdim=(1.0, 1.0, number, 1.0, 0, 0, 0, 0), sform_code=code)
        line = "radiomics image.nii mask.nii --params params.yaml"  # a mask that has the very fault of its image
        bad(
            f"spacing {name}{beside}",
            change(I, put_in),
            change("mask.nii", put_in),
            command=line,
            says=(I, "spacing|pixdim"),
        )
for name, number in {
    "NaN": np.nan,
    "-100": -100.0,
    "1e9": 1e9,
    "350.5": 350.5,
    "0": 0.0,
    "infinite": np.inf,
    "1": 1.0,
}.items():
    bad(f"voxels begin at {name}", change(I, head(vox_offset=number)), says=(I,))
bad("slope NaN", change(I, head(scl_slope=np.nan)), says=("slope|scl|scal|Mean",), code=(0, 2))
bad("slope infinite", change(I, head(scl_slope=np.inf)), says=(I, "slope|scl|scal|infinite"))
bad("intercept NaN", change(I, head(scl_inter=np.nan)), says=(I, "intercept|inter|scl|scal|NaN"))
bad("slope 1e38", change(I, head(scl_slope=1e38)), says=(I,))
bad(
    "sheared",
    change(I, head(srow_x=(-1.0, 0.4, 0, 0), qform_code=0)),
    says=(I, "shear|rectangular|orthonormal|contradicts"),
)
bad("axes of 0", change(I, head(srow_x=(0.0, 0, 0, 0), qform_code=0)), says=(I,))
bad("axes NaN", change(I, head(srow_y=(0.0, np.nan, 0, 0), qform_code=0)), says=(I,))
bad("origin NaN", change(I, head(srow_y=(0.0, -1.0, 0, np.nan), qform_code=0)), says=(I,))
bad("origin infinite", change(I, head(qoffset=(np.inf, 0.0, 0.0), sform_code=0)), says=(I,))
bad("quaternion NaN", change(I, head(quatern=(np.nan, 0.0, 1.0), sform_code=0)), says=(I,))
bad(
    "quaternion of 9",
    change(I, head(quatern=(9.0, 9.0, 9.0), sform_code=0)),
    says=(I, "grid|quatern|direction|orthonormal|header"),
)
for kind in ("float32", "float64"):
    bad(f"NaN in {kind}", write(I, nifti_bytes(holed(np.nan, kind))), says=(I, "12", "NaN"))
    bad(f"infinite in {kind}", write(I, nifti_bytes(holed(np.inf, kind))), says=(I, "12", "infinite"))
bad("NaN throughout", write(I, nifti_bytes(np.full((10, 12, 14), np.nan, np.float32))), says=(I, "NaN", "1680"))
bad("beyond float32", write(I, nifti_bytes(holed(1e300, "float64"))), says=(I,))
bad(
    "whole numbers beyond float32",
    write(I, nifti_bytes(image().astype(np.int64) + 2**60)),
    says=(f"{I}|Mean",),
    code=(0, 1, 2),
)
bad(
    "constant is computed with a remark",
    write(I, nifti_bytes(np.full((10, 12, 14), 7, np.int16))),
    code=0,
    says=("7|constant|every voxel",),
)
bad(
    "empty image file named .nii.gz",
    write("image.nii.gz", ""),
    command="radiomics image.nii.gz mask.nrrd",
    says=("image.nii.gz",),
)
Z = "image.nii.gz"
packed = Group("NIfTI packed", "pair", "radiomics image.nii.gz mask.nrrd --params params.yaml")
bad = packed.bad
bad("not packed", copy(I, Z), says=(Z, "rename"))
bad("packed twice", change(Z, gzip.compress), says=(Z,))
bad("named .nii", copy(Z, I), command="radiomics image.nii mask.nrrd", says=(I,))
for place in (5, 18, 0.3, 0.7, 0.99):
    bad(f"cut at {place}", cut(Z, place), says=(Z,))
for place in (0.01, 0.2, 0.5, 0.8):
    bad(f"byte flipped at {place}", flip(Z, place), says=(Z, "damaged|read|truncated"))
bad("sum flipped", change(Z, lambda content: content[:-6] + b"\1\2" + content[-4:]), says=(Z, "damaged|copy it again"))
bad("size flipped", change(Z, lambda content: content[:-2] + b"\1\2"), says=(Z, "damaged|copy it again"))
bad("of a short file", change(Z, lambda content: gzip.compress(gzip.decompress(content)[:900])), says=(Z, "truncated"))
bad("garbage behind", change(Z, lambda content: content + b"garbage garbage"), says=(Z,), code=(0, 2))
bad("NaN", write(Z, gzip.compress(nifti_bytes(holed(np.nan)))), says=(Z, "12", "NaN"))
bad(
    "of zeros, 3 GB",
    write(Z, gzip.compress(nifti_bytes(np.zeros((10, 12, 14), np.int16), dim=(3, 3000, 700, 700, 1, 1, 1, 1)))),
    says=(Z, "truncated|reads up to"),
)

nrrd = Group("NRRD", "pair", "radiomics image.nrrd mask.nrrd --params params.yaml")
bad = nrrd.bad
N = "image.nrrd"
TINY = "(0.00001,0,0) (0,1,0) (0,0,1)"


def as_nrrd(array: np.ndarray | None = None, **fields: str | None) -> Callable[[Path], None]:
    """Write the image with other fields."""
    return write(N, nrrd_bytes(image() if array is None else array, **fields))


def as_gzip(how: Callable[[bytes], bytes] = lambda content: content) -> Callable[[Path], None]:
    """Write the image packed, the packed part changed."""
    whole = nrrd_bytes(image(), encoding="gzip")
    place = whole.index(b"\n\n") + 2
    return write(N, whole[:place] + how(gzip.compress(whole[place:])))


bad("is empty", write(N, ""), says=(N,))
bad("magic alone", write(N, "NRRD0004\n"), says=(N,))
bad("magic of the future", change(N, lambda content: content.replace(b"NRRD0004", b"NRRD0099")), says=(N,))
bad("header cut", cut(N, 90), says=(N,))
bad("body cut", cut(N, 0.7), says=(N, "truncated"))
bad("one byte short", change(N, lambda content: content[:-1]), says=(N, "truncated"))
bad("no sizes", as_nrrd(sizes=None), says=(N,))
bad("sizes below 0", as_nrrd(sizes="14 -12 10"), says=(N,))
bad("sizes of 0", as_nrrd(sizes="14 0 10"), says=(N,))
bad("sizes of words", as_nrrd(sizes="a b c"), says=(N,))
bad("sizes too large", as_nrrd(sizes="14 12 100"), says=(N,))
bad("sizes of 10^18", as_nrrd(sizes="1000000 1000000 1000000"), says=(N,))
bad("sizes too few", as_nrrd(sizes="14 12"), says=(N,))
bad(
    "dimension 2",
    as_nrrd(image()[0], space_directions="(1,0,0) (0,1,0)", kinds="domain domain"),
    says=(N, "3-D|dimension"),
)
bad("dimension 0", as_nrrd(dimension="0"), says=(N,))
bad("dimension 99", as_nrrd(dimension="99"), says=(N,))
bad(
    "vectors",
    as_nrrd(
        np.stack([image()] * 3, -1),
        space_directions="none (1,0,0) (0,1,0) (0,0,1)",
        kinds="vector domain domain domain",
    ),
    says=(N, "3 values|channel"),
)
bad("type unknown", as_nrrd(type="voxels"), says=(N,))
bad("type block", as_nrrd(type="block"), says=(N,))
bad("type missing", as_nrrd(type=None), says=(N,))
bad("encoding unknown", as_nrrd(encoding="zip"), says=(N,))
bad("encoding text of binary", as_nrrd(encoding="ascii"), says=(N,), slow=True)  # a crash ends the process
bad("encoding gzip of raw", as_nrrd(encoding="gzip"), says=(f"{N}|Mean",), code=(0, 2))
bad("endian missing", as_nrrd(endian=None), says=(N,), code=(0, 2))
bad("directions NaN", as_nrrd(space_directions="(nan,0,0) (0,1,0) (0,0,1)"), says=(N,))
bad("directions infinite", as_nrrd(space_directions="(inf,0,0) (0,1,0) (0,0,1)"), says=(N,))
bad("directions of 0", as_nrrd(space_directions="(0,0,0) (0,1,0) (0,0,1)"), says=(N,))
bad(
    "directions sheared",
    as_nrrd(space_directions="(1,0.5,0) (0,1,0) (0,0,1)"),
    says=(N, "shear|rectangular|orthonormal"),
)
bad("directions the same", as_nrrd(space_directions="(1,0,0) (1,0,0) (0,0,1)"), says=(N,))
bad("directions too few", as_nrrd(space_directions="(1,0,0) (0,1,0)"), says=(N,))
bad("spacing 0", as_nrrd(space_directions=None, space=None, space_origin=None, spacings="1 0 1"), says=(N, "spacing"))
bad("spacing NaN", as_nrrd(space_directions=None, space=None, space_origin=None, spacings="1 nan 1"), says=(N,))
bad("spacing below 0", as_nrrd(space_directions=None, space=None, space_origin=None, spacings="1 -1 1"), says=(N,))
bad(
    "spacing 1e-5",
    as_nrrd(space_directions=TINY),
    write("own.nrrd", nrrd_bytes(mask(), space_directions=TINY)),
    command="radiomics image.nrrd own.nrrd --params params.yaml",
    says=("nrrd", "spacing"),
)
bad("origin NaN", as_nrrd(space_origin="(nan,0,0)"), says=(N,))
bad("origin infinite", as_nrrd(space_origin="(0,inf,0)"), says=(N,))
bad("origin elsewhere", as_nrrd(space_origin="(50,0,0)"), says=("image.nrrd", "mask.nrrd", "grid"))
bad("NaN", as_nrrd(holed(np.nan)), says=(N, "12", "NaN"))
bad("infinite", as_nrrd(holed(-np.inf)), says=(N, "12", "infinite"))
bad("beyond float32", as_nrrd(holed(1e300, "float64")), says=(N,))
bad("gzip cut", as_gzip(lambda content: content[: len(content) // 2]), says=(N,))
bad("gzip flipped", as_gzip(lambda content: content[:300] + bytes([content[300] ^ 0x55]) + content[301:]), says=(N,))
bad("gzip without its sum", as_gzip(lambda content: content[:-8]), says=(N,), code=(0, 2))
bad(
    "data elsewhere, not there",
    write(N, nrrd_bytes(image(), data_file="body.raw")[:300].split(b"\n\n")[0] + b"\n\n"),
    says=(N,),
)
bad(
    "data in a list that is not there",
    write(N, nrrd_bytes(image(), data_file="b%d.raw 1 10 1")[:300].split(b"\n\n")[0] + b"\n\n"),
    says=(N,),
)

mha = Group("MHA", "pair", "radiomics image.mha mask.nrrd --params params.yaml")
bad = mha.bad
H = "image.mha"


def as_mha(array: np.ndarray | None = None, **fields: str | None) -> Callable[[Path], None]:
    """Write the image with other fields."""
    return write(H, mha_bytes(image() if array is None else array, **fields))


bad("is empty", write(H, ""), says=(H,))
bad("is text", write(H, "hello\n"), says=(H,))
bad("header cut", cut(H, 60), says=(H,))
bad("body cut", cut(H, 0.7), says=(H, "truncated"))
bad("one byte short", change(H, lambda content: content[:-1]), says=(H, "truncated"))
bad("no size", as_mha(DimSize=None), says=(H,))
bad("size of 0", as_mha(DimSize="14 0 10"), says=(H, "grid|size|voxel"))
bad("size below 0", as_mha(DimSize="14 -12 10"), says=(H,))
bad("size too large", as_mha(DimSize="14 12 100"), says=(H,))
bad("size of words", as_mha(DimSize="a b c"), says=(H,))
bad("two axes", as_mha(image()[0], TransformMatrix="1 0 0 1", Offset="0 0", ElementSpacing="1 1"), says=(H, "3-D"))
bad("no axes", as_mha(NDims="0"), says=(H,))
bad("type unknown", as_mha(ElementType="MET_VOXEL"), says=(H,))
bad("type missing", as_mha(ElementType=None), says=(H,))
bad(
    "three channels",
    as_mha(np.stack([image()] * 3, -1), NDims="3", DimSize="14 12 10", ElementNumberOfChannels="3"),
    says=(H, "3 values|channel"),
)
for text in ("1 0 1", "1 nan 1", "1 inf 1", "1 -1 1", "1 1e-5 1", "1 x 1"):
    own = write("own.mha", mha_bytes(mask(), ElementSpacing=text))
    bad(f"spacing {text}", as_mha(ElementSpacing=text), own, command="radiomics image.mha own.mha", says=("mha",))
bad("spacing missing", as_mha(ElementSpacing=None), says=(f"{H}|Mean",), code=(0, 2))
bad("axes of 0", as_mha(TransformMatrix="0 0 0 0 0 0 0 0 0"), says=(H,))
bad("axes sheared", as_mha(TransformMatrix="1 0.4 0 0 1 0 0 0 1"), says=(H,))
bad("axes NaN", as_mha(TransformMatrix="nan 0 0 0 1 0 0 0 1"), says=(H,))
bad("origin NaN", as_mha(Offset="0 nan 0"), says=(H,))
bad("packed, it says, and is not", as_mha(CompressedData="True"), says=(H,))
bad("data elsewhere, not there", as_mha(ElementDataFile="body.raw"), says=(H,))
bad("data nowhere", as_mha(ElementDataFile=None), says=(H,))
bad("NaN", as_mha(holed(np.nan)), says=(H, "12", "NaN"))
bad("infinite", as_mha(holed(np.inf)), says=(H, "12", "infinite"))
bad("text where binary is", as_mha(BinaryData="False"), says=(H,))

dicom = Group("DICOM", "pair", "radiomics dicom mask.nrrd --params params.yaml")
bad = dicom.bad


def slices(how: Callable[[Any, int], Any], only: tuple[int, ...] = ()) -> Callable[[Path], None]:
    """Change the header of slices 1, 2, ..."""

    def step(folder: Path) -> None:
        import pydicom

        for path in sorted((folder / "dicom").glob("*.dcm")):
            number = int(path.stem)
            if only and number not in only:
                continue
            item = pydicom.dcmread(path)
            how(item, number)
            item.save_as(path)

    return step


def put(**fields: Any) -> Callable[[Any, int], None]:
    """Return what puts values into a header; None deletes."""

    def how(item: Any, _: int) -> None:
        for name, new in fields.items():
            if new is None:
                delattr(item, name)
            else:
                setattr(item, name, new)

    return how


def as_jpeg(item: Any, _: int) -> None:
    """Say that the voxels are packed as JPEG, and give something else."""
    from pydicom.encaps import encapsulate

    item.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.70"
    item.PixelData = encapsulate([b"\xff\xd8 no picture"])
    item["PixelData"].is_undefined_length = True


bad("folder is not there", remove("dicom"), says=("dicom",))
bad("folder is empty", remove("dicom"), mkdir("dicom"), says=("dicom", "no DICOM"))
bad("folder of folders", remove("dicom"), mkdir("dicom/a/b"), says=("dicom", "no DICOM"))
bad("folder of texts", remove("dicom"), write("dicom/01.dcm", "hello"), says=("dicom", "no DICOM"))
bad("one slice as a file", command="radiomics dicom/01.dcm mask.nrrd", says=("01.dcm", "folder"))
bad("one slice", remove("dicom"), mkdir("dicom"), copy("image.nii", "dicom/x.nii"), says=("dicom",))
bad("slice cut in its voxels", cut("dicom/04.dcm", 0.8), says=("dicom", "04.dcm|truncated"))
bad("slice cut in its header", cut("dicom/04.dcm", 300), says=("dicom",))
bad("slice of 0 bytes", write("dicom/04.dcm", ""), says=("dicom",))
bad("slice missing", remove("dicom/05.dcm"), says=("dicom", "04.dcm", "06.dcm", "missing"))
bad(
    "slice twice",
    copy("dicom/05.dcm", "dicom/05b.dcm"),
    change("dicom/05b.dcm", lambda content: content[:-2] + b"\1\2"),
    says=("dicom", "05.dcm", "05b.dcm"),
)
bad(
    "two series",
    slices(lambda item, number: setattr(item, "SeriesInstanceUID", f"1.2.{number % 2}")),
    says=("dicom", "2 series"),
)
bad("no series", slices(put(SeriesInstanceUID=None)), says=("dicom", "series"))
bad("no spacing", slices(put(PixelSpacing=None)), says=("dicom", "spacing"))
bad("no spacing in one slice", slices(put(PixelSpacing=None), (4,)), says=("dicom", "04.dcm|spacing"))
bad("spacing 0", slices(put(PixelSpacing=[0, 1])), says=("dicom", "spacing"))
bad("spacing below 0", slices(put(PixelSpacing=[-1, 1])), says=("dicom", "spacing"))
bad("spacing of one number", slices(put(PixelSpacing=[1])), says=("dicom", "spacing"))
bad("spacing empty", slices(put(PixelSpacing=[])), says=("dicom", "spacing"))
bad("spacing of one slice differs", slices(put(PixelSpacing=[2, 1]), (4,)), says=("dicom", "spacing"))
bad("no position", slices(put(ImagePositionPatient=None)), says=("dicom",))
bad("no position in one slice", slices(put(ImagePositionPatient=None), (5,)), says=("dicom",))
bad("position of two numbers", slices(put(ImagePositionPatient=[0, 0])), says=("dicom",))
bad("position empty", slices(put(ImagePositionPatient=[])), says=("dicom",))
bad("one position for all", slices(put(ImagePositionPatient=[0, 0, 0])), says=("dicom", "position"))
bad(
    "uneven distances",
    slices(lambda item, number: setattr(item, "ImagePositionPatient", [0, 0, number + 0.3 * (number % 3)])),
    says=("dicom", "distance"),
)
bad("no directions", slices(put(ImageOrientationPatient=None)), says=("dicom",))
bad("three directions", slices(put(ImageOrientationPatient=[1, 0, 0])), says=("dicom", "orientation|direction"))
bad("directions of 0", slices(put(ImageOrientationPatient=[0, 0, 0, 0, 0, 0])), says=("dicom",))
bad("directions the same", slices(put(ImageOrientationPatient=[1, 0, 0, 1, 0, 0])), says=("dicom",))
bad("directions too long", slices(put(ImageOrientationPatient=[2, 0, 0, 0, 2, 0])), says=("dicom",))
bad("directions sheared", slices(put(ImageOrientationPatient=[1, 0, 0, 0.5, 0.866, 0])), says=("dicom",))
bad(
    "a tilted gantry",
    slices(lambda item, number: setattr(item, "ImagePositionPatient", [0, 0.35 * number, number])),
    says=("dicom", "tilt|shear|gantry"),
)
bad(
    "sizes differ",
    slices(lambda item, _: (setattr(item, "Rows", 6), setattr(item, "Columns", 28)), (4,)),
    says=("dicom", "size"),
)
bad("no rows", slices(put(Rows=None)), says=("dicom",))
bad("no columns", slices(put(Columns=None)), says=("dicom",))
bad("rows of 0", slices(put(Rows=0)), says=("dicom",))
bad(
    "more rows than voxels",
    slices(put(Rows=100)),
    write("own.nrrd", nrrd_bytes(np.ones((10, 100, 14), np.uint8))),
    command="radiomics dicom own.nrrd",
    says=("dicom",),
)
bad("no voxels", slices(put(PixelData=None)), says=("dicom",))
bad(
    "a slope a slice is applied",
    slices(lambda item, number: setattr(item, "RescaleSlope", 1 if number == 1 else 0.25)),
    command="radiomics dicom mask.nrrd --params params.yaml",
    code=(0, 2),
    says=("slope|39.|40.|41.|42.|43.|44.|45.|46.",),
)
bad("slope 0", slices(put(RescaleSlope=0)), says=("dicom|Mean",), code=(0, 2))
bad("slope of one slice missing", slices(put(RescaleSlope=None), (4,)), says=("dicom|Mean",), code=(0, 2))
bad("packed as JPEG, it says", slices(as_jpeg), says=("dicom",), slow=True)  # a crash ends the process
bad("unknown packing", slices(lambda item, _: setattr(item.file_meta, "TransferSyntaxUID", "1.2.3.4")), says=("dicom",))
bad(
    "colours",
    slices(
        lambda item, _: (
            setattr(item, "SamplesPerPixel", 3),
            setattr(item, "PhotometricInterpretation", "RGB"),
            setattr(item, "PlanarConfiguration", 0),
            setattr(item, "BitsAllocated", 8),
            setattr(item, "BitsStored", 8),
            setattr(item, "HighBit", 7),
            setattr(item, "PixelData", bytes(3 * 12 * 14)),
        )
    ),
    says=("dicom",),
)
bad("12 bits of 7", slices(put(BitsStored=7, BitsAllocated=12)), says=("dicom",))
bad("many frames in one file", remove("dicom"), copy("image.nii", "dicom/01.dcm"), says=("dicom",))
bad("other files beside are fine", write("dicom/readme.txt", "hello"), code=0)
bad(
    "mask is a DICOM folder of an image",
    command="radiomics image.nrrd dicom --params params.yaml",
    code=(0, 1, 2),
    says=("",),
)

masks = Group("masks", "pair", "radiomics image.nrrd mask.nrrd --params params.yaml")
bad = masks.bad


def drawn(array: np.ndarray, name: str = M, **fields: Any) -> Callable[[Path], None]:
    """Write another mask."""
    maker = {"nrrd": nrrd_bytes, "nii": nifti_bytes, "mha": mha_bytes}[name.rsplit(".", 1)[1]]
    return write(name, maker(array, **fields))


def only(*voxels: tuple[int, int, int]) -> np.ndarray:
    """Return a mask of single voxels."""
    array = np.zeros((10, 12, 14), np.uint8)
    for voxel in voxels:
        array[voxel] = 1
    return array


def labelled(value: float, kind: str) -> np.ndarray:
    """Return the box with one row of another value."""
    array = mask().astype(kind)
    array[4, 4, 3:9] = value
    return array


bad("is not there", remove(M), says=(M, "no image|no mask|no file"))
bad("is empty", drawn(np.zeros((10, 12, 14), np.uint8)), says=(M, "empty"))
bad("of 0 bytes", write(M, ""), says=(M,))
bad("holds halves", drawn(labelled(0.5, "float32")), says=(M, "whole numbers", "0.5"))
bad("holds NaN", drawn(labelled(np.nan, "float32")), says=(M, "nan"))
bad("holds infinities", drawn(labelled(np.inf, "float32")), says=(M, "inf"))
bad("holds 1e20", drawn(labelled(1e20, "float32")), says=(M, "e+20|large"))
bad("holds 2^31", drawn(labelled(2.0**31, "float64")), says=(M, "2147483648|2.14748e+09|large"))
bad("holds -1", drawn(labelled(-1, "int16")), says=(M, "-1"))
bad("holds -1 as float", drawn(labelled(-1, "float32")), says=(M, "-1"))
V = "mask.nii"
for name, number in {
    "NaN": np.nan,
    "infinities": np.inf,
    "-1": -1,
    "1e20": 1e20,
    "2^31": 2.0**31,
    "halves": 0.5,
}.items():
    bad(
        f"NIfTI holds {name}",
        drawn(labelled(number, "float32"), V),
        command="radiomics image.nii mask.nii --params params.yaml",
        says=(V,),
    )
bad(
    "NIfTI slope makes halves",
    change(V, head(scl_slope=0.5)),
    command="radiomics image.nii mask.nii --params params.yaml",
    says=(V, "0.5"),
)
bad("NIfTI cut", cut(V, 0.5), command="radiomics image.nii mask.nii --params params.yaml", says=(V, "truncated"))
bad("of another size", drawn(mask()[1:]), says=(M, "image.nrrd", "grid"))
bad("of another spacing", drawn(mask(), space_directions="(2,0,0) (0,1,0) (0,0,1)"), says=(M, "grid"))
bad("at another place", drawn(mask(), space_origin="(0,0,5)"), says=(M, "grid"))
bad("turned", drawn(mask(), space_directions="(0,1,0) (1,0,0) (0,0,1)"), says=(M, "grid"))
bad("flipped", drawn(mask(), space_directions="(-1,0,0) (0,1,0) (0,0,1)"), says=(M, "grid"))
bad(
    "of one voxel",
    drawn(only((5, 5, 5))),
    command="radiomics image.nrrd mask.nrrd",
    code=(1, 2),
    says=(M, "1 voxels|1 voxel"),
)
bad(
    "of nine voxels",
    drawn(only(*[(5, 5, x) for x in range(2, 11)])),
    command="radiomics image.nrrd mask.nrrd",
    code=(1, 2),
    says=(M, "9 voxels", "min_voxels"),
)
bad(
    "of one row",
    drawn(only(*[(5, 5, x) for x in range(1, 13)])),
    command="radiomics image.nrrd mask.nrrd",
    code=(1, 2),
    says=("image.nrrd", "dimension|axis|axes|row"),
)
bad("of one voxel with a parameter file", drawn(only((5, 5, 5))), code=(0, 1, 2), says=("voxel|dimension|axis|axes",))
bad("is the image", command="radiomics image.nrrd image.nrrd", code=(1, 2), says=("image.nrrd",))
bad(
    "of three channels",
    drawn(
        np.stack([mask()] * 3, -1), space_directions="none (1,0,0) (0,1,0) (0,0,1)", kinds="vector domain domain domain"
    ),
    command="radiomics image.nrrd mask.nrrd",
    says=("channel|values|Mean",),
    code=(0, 2),
)
bad(
    "of four time points",
    write("m4.nii", nifti_bytes(np.stack([mask()] * 4))),
    command="radiomics image.nii m4.nii",
    says=("m4.nii", "4-D"),
)
for text, says in {
    "7": ("7", "present"),
    "0": ("0",),
    "-1": ("-1",),
    "x": ("--label", "integer"),
    "1.5": ("--label", "integer"),
    "99999999999999999999": ("99999999999999999999",),
}.items():
    bad(f"--label {text}", command=("radiomics", "image.nrrd", M, f"--label={text}"), says=says)
bad("is text", write("m.txt", "hello"), command="radiomics image.nrrd m.txt", says=("m.txt", "format"))
bad("is a picture", write("m.png", b"\x89PNG\r\n\x1a\n"), command="radiomics image.nrrd m.png", says=("m.png",))
bad("is a CSV file", write("m.csv", "a,b\n1,2\n"), command="radiomics image.nrrd m.csv", says=("m.csv", "format"))
bad("image and mask swapped", command="radiomics mask.nrrd image.nrrd", code=(1, 2), says=("image.nrrd|mask.nrrd",))
bad("is a device", command="radiomics image.nrrd /dev/null", says=("/dev/null",))
bad(
    "is a pipe that nobody fills",
    lambda folder: __import__("os").mkfifo(folder / "m.nrrd"),
    command="radiomics image.nrrd m.nrrd",
    says=("m.nrrd",),
    slow=True,
)
bad(
    "is a link that leads nowhere",
    lambda folder: (folder / "m.nrrd").symlink_to("nowhere"),
    command="radiomics image.nrrd m.nrrd",
    says=("m.nrrd",),
)
bad(
    "is a link to itself",
    lambda folder: (folder / "m.nrrd").symlink_to("m.nrrd"),
    command="radiomics image.nrrd m.nrrd",
    says=("m.nrrd",),
)

cohort = Group("images of a study", "images")
bad = cohort.bad
C, Y = "cohort.csv", "study.yaml"
bad("image is not there", remove("c3.nrrd"), says=(C, "5", "t1", "c3.nrrd"))
bad("mask is not there", remove("m3.nrrd"), says=(C, "5", "mask", "m3.nrrd"))
bad("image path missing", cells(C, "t1", {5: ""}), says=(C, "5", "t1", "missing"))
bad("mask path missing", cells(C, "mask", {5: ""}), says=(C, "5", "mask"))
bad("image column is not there", sub(Y, "{t1: t1}", "{t1: t2}"), says=(C, "t2", "cohort.images.t1"))
bad("mask column is not there", sub(Y, "mask: mask", "mask: msk"), says=(C, "msk", "cohort.mask"))
bad("image path is a folder", remove("c3.nrrd"), mkdir("c3.nrrd"), says=(C, "5", "c3.nrrd"))
bad("image path of 5,000 letters", cells(C, "t1", {5: "x" * 5000}), says=(C, "5", "t1"))
bad("image path with a zero byte", cells(C, "t1", {5: "c3\\0.nrrd"}), says=(C, "5", "t1"))
bad("an image of two cases by path", cells(C, "t1", {5: "c1.nrrd"}), says=(C, "5", "c3", "c1"))
bad("an image of two cases by content", copy("c1.nrrd", "c3.nrrd"), says=(C, "5", "c3", "c1"))
bad("image empty", write("c3.nrrd", ""), says=(C, "5", "c3.nrrd"))
bad("image is text", write("c3.nrrd", "hello"), says=(C, "5", "c3.nrrd"))
bad("image cut", cut("c3.nrrd", 0.6), says=(C, "5", "c3.nrrd"))
bad(
    "image cut, MHA",
    write("c3.mha", mha_bytes(np.ones((20, 24, 24), np.float32), ElementSpacing="1.5 1.5 2")),
    cut("c3.mha", 0.6),
    cells(C, "t1", {5: "c3.mha"}),
    says=(C, "5", "c3.mha", "truncated"),
)
bad(
    "image cut, raw NRRD",
    write("c3.nrrd", nrrd_bytes(np.ones((20, 24, 24), np.float32), space_directions="(1.5,0,0) (0,1.5,0) (0,0,2)")),
    cut("c3.nrrd", 0.6),
    says=(C, "5", "c3.nrrd", "truncated"),
)
bad(
    "image cut, NIfTI",
    write("c3.nii", nifti_bytes(np.ones((20, 24, 24), np.float32))),
    cut("c3.nii", 0.6),
    cells(C, "t1", {5: "c3.nii"}),
    says=(C, "5", "c3.nii", "truncated"),
)
bad(
    "mask empty",
    write("m3.nrrd", nrrd_bytes(np.zeros((20, 24, 24), np.uint8))),
    says=(C, "5", "mask", "m3.nrrd", "empty"),
)
bad(
    "mask with a label nobody declared",
    write("m3.nrrd", nrrd_bytes(np.full((20, 24, 24), 2, np.uint8))),
    says=(C, "5", "mask", "2", "declared"),
)
bad(
    "mask holds halves",
    write("m3.nrrd", nrrd_bytes(np.full((20, 24, 24), 0.5, np.float32))),
    says=(C, "5", "mask", "whole numbers"),
)
bad(
    "mask on another grid", write("m3.nrrd", nrrd_bytes(np.ones((20, 24, 20), np.uint8))), says=(C, "5", "mask", "grid")
)
bad("mask cut", cut("m3.nrrd", 0.6), says=(C, "5", "mask", "m3.nrrd"))
bad(
    "regions twice",
    command=("check", Y, "--set", "regions=[{kind: label, name: a, label: 1}, {kind: label, name: a, label: 1}]"),
    says=("regions", "a", "differ"),
)
bad("region with a slash", command=("check", Y, "--set", "regions.0.name=a/b"), says=("regions", "a/b"))
bad("region named nothing", command=("check", Y, "--set", "regions.0.name=''"), says=("regions", "name"))
bad(
    "region of a label nobody declared",
    command=("check", Y, "--set", "regions.0.label=tumor"),
    says=("regions", "tumor", "did you mean 'tumour'"),
)
bad("region of number 9", command=("check", Y, "--set", "regions.0.label=9"), says=("regions", "9"))
bad(
    "region of an unknown kind",
    command=("check", Y, "--set", "regions.0.kind=rng"),
    says=("regions.0", "did you mean 'ring'"),
)
bad("region of no kind", command=("check", Y, "--set", "regions=[{name: a, label: 1}]"), says=("regions.0", "kind"))
bad(
    "ring of -1 mm",
    command=("check", Y, "--set", "regions=[{kind: ring, name: a, around: 1, margin_mm: -1}]"),
    says=("regions.0", "margin_mm"),
)
bad(
    "ring of infinite mm",
    command=("check", Y, "--set", "regions=[{kind: ring, name: a, around: 1, margin_mm: .inf}]"),
    says=("regions.0", "margin_mm"),
)
bad(
    "ring of NaN mm",
    command=("check", Y, "--set", "regions=[{kind: ring, name: a, around: 1, margin_mm: .nan}]"),
    says=("regions.0", "margin_mm"),
)
bad(
    "union of nothing",
    command=("check", Y, "--set", "regions=[{kind: union, name: a, labels: []}]"),
    says=("regions.0", "labels"),
)
bad(
    "labels of one number",
    command=("check", Y, "--set", "segmentation.labels={a: 1, tumour: 1}"),
    says=("segmentation", "number"),
)
bad("label 0", command=("check", Y, "--set", "segmentation.labels={tumour: 0}"), says=("segmentation", "labels"))
bad("label 1.5", command=("check", Y, "--set", "segmentation.labels={tumour: 1.5}"), says=("segmentation", "labels"))
bad("no labels", command=("check", Y, "--set", "segmentation.labels={}"), says=("segmentation", "labels"))
bad(
    "backend unknown",
    command=("check", Y, "--set", "segmentation.backend=unett"),
    says=("segmentation", "did you mean 'unet'"),
)
bad("sequence unknown", command=("check", Y, "--set", "segmentation.sequence=t2"), says=("segmentation.sequence", "t2"))
bad("no segmentation", command=("check", Y, "--set", "segmentation=null"), says=("segmentation",))
bad("no images", command=("check", Y, "--set", "cohort.images={}"), says=("cohort.images",))
bad("no mask column", command=("check", Y, "--set", "cohort.mask=null"), says=("cohort.mask",))
bad(
    "features and regions",
    command=("check", Y, "--set", "features={radiomic: cohort.csv}"),
    says=("radiomic", "regions"),
)
bad("deep without a network", command=("check", Y, "--set", "deep={}"), says=("deep", "unet"))
bad(
    "deep of an unknown region",
    command=(
        "check",
        Y,
        "--set",
        "segmentation={backend: unet, labels: {tumour: 1}}",
        "--set",
        "deep={regions: [rng]}",
    ),
    says=("deep.regions", "rng"),
)
for name, says in {
    "steps: 0": "steps",
    "steps: -1": "steps",
    "channels: []": "channels",
    "channels: [0]": "channels",
    "learning_rate: 0": "learning_rate",
    "learning_rate: .nan": "learning_rate",
    "learning_rate: .inf": "learning_rate",
    "patch_voxels: 0": "patch_voxels",
}.items():
    bad(
        f"unet {name}",
        command=("check", Y, "--set", f"segmentation={{backend: unet, labels: {{tumour: 1}}, {name}}}"),
        says=("segmentation", says),
    )


def others_complete(folder: Path, text: str) -> str:
    """Seven of eight cases have features."""
    found = sorted(path.name for path in (folder / "run/features/cases").glob("*.json") if ".record" not in path.name)
    return "" if len(found) == 7 else f"wrong: features of {found}"


EXTRACT = "extract study.yaml --out run"
bad(
    "extract, image cut",
    cut("c3.nrrd", 0.6),
    command=EXTRACT,
    code=1,
    says=("c3", "truncated|copy"),
    after=others_complete,
)
bad("extract, image is text", write("c3.nrrd", "hello"), command=EXTRACT, code=1, says=("c3",), after=others_complete)
bad("extract, image of 0 bytes", write("c3.nrrd", ""), command=EXTRACT, code=1, says=("c3",), after=others_complete)
bad(
    "extract, image holds NaN",
    write(
        "c3.nrrd", nrrd_bytes(np.full((20, 24, 24), np.nan, np.float32), space_directions="(1.5,0,0) (0,1.5,0) (0,0,2)")
    ),
    command=EXTRACT,
    code=1,
    says=("c3", "NaN"),
    after=others_complete,
)
bad(
    "extract, NIfTI holds NaN",
    write(
        "c3.nii",
        nifti_bytes(
            np.where(np.arange(24) == 3, np.nan, np.ones((20, 24, 24))).astype(np.float32),
            pixdim=(1, 1.5, 1.5, 2, 0, 0, 0, 0),
            srow_x=(-1.5, 0, 0, 0),
            srow_y=(0, -1.5, 0, 0),
            srow_z=(0, 0, 2, 0),
        ),
    ),
    cells(C, "t1", {5: "c3.nii"}),
    command=EXTRACT,
    code=1,
    says=("c3", "NaN"),
    after=others_complete,
)
bad(
    "extract, image on another grid",
    write("c3.nrrd", nrrd_bytes(np.arange(20 * 24 * 20, dtype=np.float32).reshape(20, 24, 20))),
    command=EXTRACT,
    code=1,
    says=("c3", "grid"),
    after=others_complete,
)
bad(
    "extract, image is a folder",
    remove("c3.nrrd"),
    mkdir("c3.nrrd"),
    command=EXTRACT,
    code=1,
    says=("c3",),
    after=others_complete,
)
bad(
    "extract, mask empty",
    write("m3.nrrd", nrrd_bytes(np.zeros((20, 24, 24), np.uint8), space_directions="(1.5,0,0) (0,1.5,0) (0,0,2)")),
    command=EXTRACT,
    code=1,
    says=("c3", "empty"),
    after=others_complete,
)
bad("extract, mask cut", cut("m3.nrrd", 0.6), command=EXTRACT, code=1, says=("c3", "m3.nrrd"), after=others_complete)
bad(
    "extract, mask of one voxel",
    write(
        "m3.nrrd",
        nrrd_bytes(
            np.where(np.arange(20 * 24 * 24).reshape(20, 24, 24) == 5000, 1, 0).astype(np.uint8),
            space_directions="(1.5,0,0) (0,1.5,0) (0,0,2)",
        ),
    ),
    command=EXTRACT,
    code=1,
    says=("c3", "voxel"),
    after=others_complete,
)
bad(
    "extract, a label of a union lacks in one",
    command=(
        "extract",
        Y,
        "--out",
        "run",
        "--set",
        "segmentation.labels={tumour: 1, bone: 2}",
        "--set",
        "regions=[{kind: label, name: b, label: bone}]",
    ),
    code=1,
    says=("c0", "bone|b"),
)
bad(
    "extract, all images are text",
    *(write(f"c{k}.nrrd", f"hello {k}") for k in range(8)),
    command=EXTRACT,
    code=(1, 2),
    says=("c0", "c7"),
)
bad(
    "extract, an id of 300 letters",
    cells(C, "case_id", {5: "i" * 300}),
    cells(C, "patient_id", {5: "q"}),
    command=EXTRACT,
    code=(0, 1, 2),
    says=("iii|long|computed",),
)
bad("extract, an id that is a path", cells(C, "case_id", {5: "../../c3"}), command=EXTRACT, code=0, says=("computed",))
bad("extract, an id with a line break", cells(C, "case_id", {5: "c\n3"}), command=EXTRACT, code=(0, 2), says=("",))
bad(
    "extract, ids that differ in capitals", cells(C, "case_id", {5: "C1"}), command=EXTRACT, code=0, says=("8 results",)
)
bad(
    "run, too few events",
    cells(C, "event", {3: "0", 5: "0"}),
    command="run study.yaml --out run",
    code=2,
    says=("event|too few", "fold"),
)

INPUTS = [*nifti.inputs, *packed.inputs, *nrrd.inputs, *mha.inputs, *dicom.inputs, *masks.inputs, *cohort.inputs]
