"""Ways to spoil good files; each returns a step that is given the folder."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import struct
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

Step = Callable[[Path], None]


def sub(file: str, old: str, new: str) -> Step:
    """Replace a text that stands in a file."""

    def step(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text, (file, old)
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")

    return step


def setting(line: str, file: str = "study.yaml") -> Step:
    """Add lines to a study."""
    return lambda folder: add(file, line + "\n")(folder)


def add(file: str, text: str) -> Step:
    """Add a text at the end."""

    def step(folder: Path) -> None:
        with (folder / file).open("a", encoding="utf-8") as stream:
            stream.write(text)

    return step


def write(file: str, content: str | bytes) -> Step:
    """Write a file."""

    def step(folder: Path) -> None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)

    return step


def change(file: str, how: Callable[[bytes], bytes]) -> Step:
    """Change the bytes of a file."""
    return lambda folder: (folder / file).write_bytes(how((folder / file).read_bytes())) and None


def cut(file: str, keep: float) -> Step:
    """Keep the first bytes: their number, or a share below 1."""
    return change(file, lambda content: content[: int(keep * len(content)) if keep < 1 else int(keep)])


def flip(file: str, place: float = 0.5) -> Step:
    """Turn one byte over, at a share of the length."""

    def how(content: bytes) -> bytes:
        at = min(int(place * len(content)), len(content) - 1)
        return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]

    return change(file, how)


def remove(name: str) -> Step:
    """Remove a file or folder."""

    def step(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return step


def mkdir(name: str) -> Step:
    """Make a folder."""
    return lambda folder: (folder / name).mkdir(parents=True, exist_ok=True)


def copy(source: str, target: str) -> Step:
    """Copy a file or a folder."""

    def step(folder: Path) -> None:
        place = folder / target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder / source, place) if (folder / source).is_dir() else shutil.copy(folder / source, place)

    return step


def packed(source: str, target: str) -> Step:
    """Write a file as gzip."""
    return lambda folder: (folder / target).write_bytes(gzip.compress((folder / source).read_bytes())) and None


def _rows(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))


def _save(path: Path, rows: list[list[str]]) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    path.write_text(stream.getvalue(), encoding="utf-8")


def cells(file: str, column: str, texts: Mapping[int, str]) -> Step:
    """Put texts into a column: row, as a spreadsheet numbers it -> text."""

    def step(folder: Path) -> None:
        rows = _rows(folder / file)
        place = rows[0].index(column)
        for row, text in texts.items():
            rows[row - 1][place] = text
        _save(folder / file, rows)

    return step


def column(file: str, name: str, how: Callable[[int], str]) -> Step:
    """Fill a column, a new one where there is none: text of row, numbered as a spreadsheet does."""

    def step(folder: Path) -> None:
        rows = _rows(folder / file)
        if name not in rows[0]:
            rows = [[*row, ""] for row in rows]
            rows[0][-1] = name
        place = rows[0].index(name)
        for number, row in enumerate(rows[1:], start=2):
            row[place] = how(number)
        _save(folder / file, rows)

    return step


def without(file: str, *names: str) -> Step:
    """Leave columns out."""

    def step(folder: Path) -> None:
        rows = _rows(folder / file)
        keep = [place for place, name in enumerate(rows[0]) if name not in names]
        assert len(keep) == len(rows[0]) - len(names)
        _save(folder / file, [[row[place] for place in keep] for row in rows])

    return step


def rename(file: str, old: str, new: str) -> Step:
    """Name a column otherwise."""

    def step(folder: Path) -> None:
        rows = _rows(folder / file)
        rows[0][rows[0].index(old)] = new
        _save(folder / file, rows)

    return step


def keep_rows(file: str, count: int) -> Step:
    """Keep the header and the first rows."""
    return lambda folder: _save(folder / file, _rows(folder / file)[: count + 1])


def same_rows(file: str, row: int, other: int) -> Step:
    """Give one row the values of another, its id its own."""

    def step(folder: Path) -> None:
        rows = _rows(folder / file)
        rows[row - 1][1:] = rows[other - 1][1:]
        _save(folder / file, rows)

    return step


def as_frame(file: str, target: str, how: Callable[[Any], Any] = lambda frame: frame) -> Step:
    """Write a table as .xlsx or .parquet, after a change."""

    def step(folder: Path) -> None:
        import pandas as pd

        frame = how(pd.read_csv(folder / file))
        if target.endswith(".xlsx"):
            frame.to_excel(folder / target, index=False)
        else:
            frame.to_parquet(folder / target, index=False)

    return step


# the bundle


def resign(folder: Path, bundle: str = "bundle") -> None:
    """Write SHA256SUMS anew, as someone would who means to deceive."""
    place = folder / bundle
    lines = [
        f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(place.iterdir())
        if path.name != "SHA256SUMS" and path.is_file()
    ]
    (place / "SHA256SUMS").write_text("".join(lines))


def schema(how: Callable[[dict[str, Any]], object]) -> Step:
    """Change bundle.json and sign it."""

    def step(folder: Path) -> None:
        path = folder / "bundle" / "bundle.json"
        content = json.loads(path.read_text())
        how(content)
        path.write_text(json.dumps(content))
        resign(folder)

    return step


def signed(step: Step) -> Step:
    """Do a step and sign the bundle."""

    def both(folder: Path) -> None:
        step(folder)
        resign(folder)

    return both


# images

FIELDS = {
    "sizeof_hdr": (0, "i"),
    "dim_info": (39, "b"),
    "dim": (40, "8h"),
    "intent_code": (68, "h"),
    "datatype": (70, "h"),
    "bitpix": (72, "h"),
    "pixdim": (76, "8f"),
    "vox_offset": (108, "f"),
    "scl_slope": (112, "f"),
    "scl_inter": (116, "f"),
    "xyzt_units": (123, "b"),
    "qform_code": (252, "h"),
    "sform_code": (254, "h"),
    "quatern": (256, "3f"),
    "qoffset": (268, "3f"),
    "srow_x": (280, "4f"),
    "srow_y": (296, "4f"),
    "srow_z": (312, "4f"),
    "magic": (344, "4s"),
}
"""Field of a NIfTI-1 header -> its place and its type."""
_KINDS = {"uint8": 2, "int16": 4, "int32": 8, "float32": 16, "float64": 64, "int64": 1024, "uint64": 1280}


def nifti_bytes(array: np.ndarray, **fields: Any) -> bytes:
    """Return a NIfTI-1 file of an array (z, y, x), 1 mm, on the grid of `nrrd_bytes`; header fields as given."""
    header = bytearray(352)
    shape = array.shape[::-1]
    usual: dict[str, Any] = {
        "sizeof_hdr": 348,
        "dim": (len(shape), *shape, *(1 for _ in range(7 - len(shape)))),
        "datatype": _KINDS[str(array.dtype)],
        "bitpix": 8 * array.dtype.itemsize,
        "pixdim": (1.0,) * 8,
        "vox_offset": 352.0,
        "scl_slope": 1.0,
        "qform_code": 1,
        "sform_code": 1,
        "quatern": (0.0, 0, 1.0),  # x and y run the other way than in NRRD and MHA
        "srow_x": (-1.0, 0, 0, 0),
        "srow_y": (0, -1.0, 0, 0),
        "srow_z": (0, 0, 1.0, 0),
        "magic": b"n+1\0",
    }
    for name, value in {**usual, **fields}.items():
        place, kind = FIELDS[name]
        struct.pack_into(f"<{kind}", header, place, *(value if isinstance(value, tuple) else (value,)))
    return bytes(header) + array.tobytes()


def head(**fields: Any) -> Callable[[bytes], bytes]:
    """Return what puts header fields into the bytes of a NIfTI-1 file."""

    def how(content: bytes) -> bytes:
        changed = bytearray(content)
        for name, value in fields.items():
            place, kind = FIELDS[name]
            struct.pack_into(f"<{kind}", changed, place, *(value if isinstance(value, tuple) else (value,)))
        return bytes(changed)

    return how


def nrrd_bytes(array: np.ndarray, **fields: str | None) -> bytes:
    """Return an NRRD file of an array (z, y, x), 1 mm, raw; header fields as given, None leaves one out."""
    names = {"uint8": "uchar", "int16": "short", "float32": "float", "float64": "double", "int32": "int"}
    usual: dict[str, str | None] = {
        "type": names[str(array.dtype)],
        "dimension": str(array.ndim),
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, array.shape[::-1])),
        "space directions": "(1,0,0) (0,1,0) (0,0,1)",
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "raw",
        "space origin": "(0,0,0)",
    }
    merged = {**usual, **{name.replace("_", " "): value for name, value in fields.items()}}
    lines = [f"{name}: {value}" for name, value in merged.items() if value is not None]
    return ("NRRD0004\n" + "\n".join(lines) + "\n\n").encode() + array.tobytes()


def mha_bytes(array: np.ndarray, **fields: str | None) -> bytes:
    """Return an MHA file of an array (z, y, x), 1 mm; header fields as given, None leaves one out."""
    names = {"uint8": "MET_UCHAR", "int16": "MET_SHORT", "float32": "MET_FLOAT", "float64": "MET_DOUBLE"}
    usual: dict[str, str | None] = {
        "ObjectType": "Image",
        "NDims": str(array.ndim),
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "0 0 0",
        "ElementSpacing": "1 1 1",
        "DimSize": " ".join(map(str, array.shape[::-1])),
        "ElementType": names[str(array.dtype)],
        "ElementDataFile": "LOCAL",
    }
    merged = {**usual, **fields}
    merged["ElementDataFile"] = merged.pop("ElementDataFile")  # ends the header
    lines = [f"{name} = {value}" for name, value in merged.items() if value is not None]
    return ("\n".join(lines) + "\n").encode() + array.tobytes()
