"""OAI's folders, `RELEASE/ID/YYYYMMDD/BARCODE/001...`: where its series lie, and what each is by its protocol.

Source:
    Peterfy, Schneider and Nevitt 2008, doi:10.1016/j.joca.2008.06.016 (sequences and their parameters).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from radfuse.volume.series import Facts

MONTHS = {0: 0, 1: 12, 2: 18, 3: 24, 4: 30, 5: 36, 6: 48, 7: 60, 8: 72, 9: 84, 10: 96, 11: 108}
"""Number of a visit, which begins the name of its release and of its columns, V00..., -> months since the first."""
_RELEASE = re.compile(r"(\d{1,2})\.[A-Za-z]\.\d{1,2}")
_PERSON, _DATE, _BARCODE = re.compile(r"\d{7}"), re.compile(r"\d{8}"), re.compile(r"\d{5,14}")
_PACKED = re.compile(r"(\d{5,14})\.(tar\.gz|tgz|tar|zip)", re.IGNORECASE)
"""A series as archives hand it out."""
_DEEPEST = 4
"""Folders below the root in which a release is looked for: downloads wrap them in folders of their own."""
USUAL_DESS = (160, 384, 384)
"""Slices, rows, columns of a sagittal DESS."""


@dataclass(frozen=True)
class Place:
    """One series.

    Attributes:
        folder: that holds its files, relative to the root.
        release: as its folder is called.
        person: OAI's id.
        date: of the visit, YYYYMMDD.
        barcode: of the series.
        changed: when the folder was changed last, ns.
    """

    folder: str
    release: str
    person: str
    date: str
    barcode: str
    changed: int


@dataclass(frozen=True)
class Unread:
    """A folder that the system does not let us look into, or that holds packed series, and what to do about it."""

    folder: str
    reason: str


@dataclass(frozen=True)
class Protocol:
    """What tells a sequence: plane and, in ms and degrees, the ranges of TR, TE and flip angle."""

    plane: str
    tr: tuple[float, float]
    te: tuple[float, float]
    flip: tuple[float, float] = (0.0, 360.0)


PROTOCOLS: dict[str, Protocol] = {
    "dess": Protocol("sagittal", (15.0, 18.0), (4.0, 5.5), (20.0, 30.0)),
    "dess_coronal": Protocol("coronal", (15.0, 18.0), (4.0, 5.5), (20.0, 30.0)),
    "dess_axial": Protocol("axial", (15.0, 18.0), (4.0, 5.5), (20.0, 30.0)),
    "t2_map": Protocol("sagittal", (2400.0, 2950.0), (8.0, 90.0)),
    "tse": Protocol("sagittal", (2950.0, 4500.0), (20.0, 45.0)),
    "tse_coronal": Protocol("coronal", (2950.0, 4500.0), (20.0, 45.0)),
    "flash": Protocol("coronal", (18.0, 24.0), (6.0, 9.0), (8.0, 16.0)),
    "thigh": Protocol("axial", (400.0, 650.0), (7.0, 16.0)),
}
_NAMES = {"DESS": "dess", "T2_MAP": "t2_map", "SAG_IW_TSE": "tse", "COR_IW_TSE": "tse_coronal", "FLASH": "flash"}
"""Part of a series' description -> what it then is; looked at only where a header has no TR or TE."""
_RADIOGRAPHS = {"CR", "DX", "RG", "RF"}


def visit_of(release: str) -> tuple[str, int] | None:
    """Return the visit of a release and its months, "3.C.2" -> ("V03", 24); None where it is none that we know."""
    match = _RELEASE.fullmatch(release)
    number = int(match[1]) if match else -1
    return (f"V{number:02d}", MONTHS[number]) if number in MONTHS else None


def walk(root: Path) -> Iterator[Place | Unread]:
    """Yield every series below a folder, or below one of its folders, in the order of their names.

    Folders of other names are passed over; those one may not look into are told.
    """
    for release in _releases(root, root, _DEEPEST, set()):
        if isinstance(release, Unread):
            yield release
            continue
        for person in _inside(root, release, _PERSON):
            if isinstance(person, Unread):
                yield person
                continue
            for date in _inside(root, person, _DATE):
                if isinstance(date, Unread):
                    yield date
                    continue
                series = list(_inside(root, date, _BARCODE))
                for found in series:
                    yield found if isinstance(found, Unread) else _place(root, release, person, date, found)
                yield from _packed(root, date, {found.name for found in series if isinstance(found, Path)})


def _place(root: Path, release: Path, person: Path, date: Path, found: Path) -> Place | Unread:
    folder = found.relative_to(root).as_posix()
    try:
        changed = found.stat().st_mtime_ns
    except OSError as error:
        return Unread(folder, _reason(error))
    return Place(folder, release.name, person.name, date.name, found.name, changed)


def _releases(root: Path, folder: Path, left: int, seen: set[str]) -> Iterator[Path | Unread]:
    """Yield the folders of releases at or below a folder, each once: links may lead back."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    if _RELEASE.fullmatch(folder.name):
        yield folder
        return
    for found in _inside(root, folder, re.compile(r"[^.].*")) if left else ():
        if isinstance(found, Unread):
            yield found
        else:
            yield from _releases(root, found, left - 1, seen)


def _inside(root: Path, folder: Path, names: re.Pattern[str]) -> Iterator[Path | Unread]:
    """Yield the folders in a folder whose name fits."""
    try:
        with os.scandir(folder) as items:
            fitting = [item for item in items if names.fullmatch(item.name)]
            found = sorted(item.name for item in fitting if item.is_dir())
            astray = sorted(item.name for item in fitting if item.is_symlink() and not Path(item).exists())
    except OSError as error:
        yield Unread(folder.relative_to(root).as_posix(), _reason(error))
        return
    for name in found:
        yield folder / name
    for name in astray:
        yield Unread((folder / name).relative_to(root).as_posix(), "a link that leads nowhere; mend it")


def _packed(root: Path, folder: Path, known: set[str]) -> Iterator[Unread]:
    """Tell of a folder that holds packed series which do not lie there unpacked."""
    with contextlib.suppress(OSError), os.scandir(folder) as items:  # what cannot be read is told already
        names = [match[1] for item in items if (match := _PACKED.fullmatch(item.name)) is not None]
        if set(names) - known:
            reason = "holds packed series, which are not looked into; unpack each into a folder of its name (10263609)"
            yield Unread(folder.relative_to(root).as_posix(), reason)


def _reason(error: OSError) -> str:
    return f"cannot be read ({error.strerror or error}); look at its permissions and the disk"


def protocol_of(facts: Facts) -> tuple[str, list[str]]:
    """Return what a series is by its parameters, "other" where nothing fits, and what is remarkable about that."""
    if facts["modality"] in _RADIOGRAPHS:
        return "radiograph", []
    tr, te, flip = facts["tr_ms"], facts["te_ms"], facts["flip_deg"]
    named = next((name for part, name in _NAMES.items() if part in str(facts["description"] or "").upper()), None)
    if not isinstance(tr, (int, float)) or not isinstance(te, (int, float)):
        return named or "other", ["header without TR or TE, told by its description"] if named else []
    for name, known in PROTOCOLS.items():
        fits = known.tr[0] <= tr <= known.tr[1] and known.te[0] <= te <= known.te[1]
        turned = not isinstance(flip, (int, float)) or known.flip[0] <= flip <= known.flip[1]
        if facts["plane"] == known.plane and fits and turned:
            other = named is not None and not name.startswith(named)
            return name, [f"the description says {named}, TR {tr:g} and TE {te:g} ms say {name}"] if other else []
    return "other", [f"the description says {named}, TR {tr:g} and TE {te:g} ms do not"] if named else []


def side_of(facts: Facts) -> tuple[str | None, list[str]]:
    """Return the side by DICOM alone: its field of laterality, else the description; none where they disagree."""
    words = set(re.split(r"[^A-Z]+", str(facts["description"] or "").upper()))
    said = {side for side in ("right", "left") if side.upper() in words}
    field = facts["laterality"]
    if field is not None and said and said != {field}:
        return None, [f"laterality says {field}, the description {' and '.join(sorted(said))}: no side"]
    if field is not None:
        return str(field), []
    return (said.pop(), []) if len(said) == 1 else (None, [])
