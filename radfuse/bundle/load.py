"""Opening a bundle, every file checked against its hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from radfuse.bundle.schema import SCHEMA, SUMS, BundleSchema
from radfuse.errors import InputError, Problem

_LONGEST_NAME = 255


@dataclass(frozen=True)
class Bundle:
    """A bundle whose hashes were checked."""

    path: Path
    schema: BundleSchema


def load_bundle(path: str | Path) -> Bundle:
    """Open a bundle after checking every file against its hash.

    Raises:
        InputError: no bundle, a file that is missing or changed, or a schema of another format.
    """
    path = Path(path)
    if not (path / SUMS).is_file():
        inside = path / "bundle"
        hint = f"; did you mean {inside}?" if (inside / SUMS).is_file() else "; give the folder `radfuse export` wrote"
        raise InputError(f"{path} is no bundle: it has no {SUMS}{hint}")
    problems = []
    listed = set()
    for line in (path / SUMS).read_text(encoding="utf-8", errors="replace").rstrip("\n").split("\n"):
        digest, _, name = line.partition("  ")
        listed.add(name)
        if not name or Path(name).name != name:
            problems.append(Problem(SUMS, f"the line {line[:80]!r} is damaged"))
        elif len(name) > _LONGEST_NAME or not (path / name).is_file():
            problems.append(Problem(name, "the file is missing from the bundle"))
        elif _sha256(path / name) != digest:
            problems.append(Problem(name, "the file is not the one that was exported (its SHA-256 differs)"))
    if SCHEMA not in listed:
        problems.append(Problem(SUMS, f"{SCHEMA} is not listed"))
    if problems:
        mend = Problem(str(path), "nothing was computed; copy the bundle again, or run `radfuse export` again")
        raise InputError([*problems, mend])
    try:
        schema = BundleSchema.model_validate_json((path / SCHEMA).read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{path / SCHEMA} is of a format this radfuse does not read: {'.'.join(map(str, first['loc']))}: "
            f"{first['msg'].removeprefix('Value error, ')} ({error.error_count()} faults)"
        ) from error
    unlisted = [family.file for family in schema.families.values() if family.file not in listed]
    if unlisted:
        raise InputError(f"{path}: {', '.join(unlisted)} not listed in {SUMS}; run `radfuse export` again")
    return Bundle(path, schema)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
