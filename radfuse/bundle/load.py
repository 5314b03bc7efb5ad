"""Opening a bundle, every file checked against its hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from radfuse.bundle.schema import NETWORK, SCHEMA, SUMS, BundleSchema
from radfuse.errors import InputError, Problem, listed
from radfuse.given import as_path

if TYPE_CHECKING:
    from radfuse.bundle.models import Model

_LONGEST_NAME = 255
_LARGEST = {SUMS: 1 << 20, SCHEMA: 1 << 28}
"""Bytes of what is read before its hash is known to be ours."""


@dataclass(frozen=True)
class Bundle:
    """A bundle whose hashes were checked; opened once, it may be asked many times, from several threads.

    Attributes:
        path: its folder.
        schema: what goes in and comes out, by family.
        models: those that were asked for, kept open; another process opens its own.
    """

    path: Path
    schema: BundleSchema = field(repr=False)
    models: dict[str, Model] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[type[Bundle], tuple[Path, BundleSchema]]:
        return type(self), (self.path, self.schema)


def load_bundle(path: str | Path) -> Bundle:
    """Open a bundle after checking every file against its hash: each is listed, and each that is listed is there.

    A user's own part (`use:`) is not imported here.

    Raises:
        InputError: no bundle, a file that is missing, changed or not listed, or a schema of another format.
    """
    path = as_path(path, "bundle")
    try:
        known = _checked_files(path)
    except OSError as error:
        raise InputError(
            f"cannot read {Path(str(error.filename or path)).name} of the bundle {_shown(path)}: "
            f"{error.strerror or error}; check its name and permissions"
        ) from error
    try:
        schema = BundleSchema.model_validate_json((path / SCHEMA).read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(key) for key in first["loc"] if key not in ("own", "known"))
        raise InputError(
            f"{path / SCHEMA} is of a format this radfuse does not read: {place}: "
            f"{first['msg'].removeprefix('Value error, ')} ({error.error_count()} faults); nothing was computed. Run "
            "`radfuse export` again"
        ) from error
    lacking = [name for name in _files_named(schema) if name not in known]
    if lacking:
        raise InputError(f"{path}: {', '.join(lacking)} not listed in {SUMS}; run `radfuse export` again")
    return Bundle(path.absolute(), schema)  # the working folder may change before it is asked


def _checked_files(path: Path) -> set[str]:
    """Return the names of a bundle's files, each with the hash it was exported with."""
    if not (path / SUMS).is_file():
        inside = path / "bundle"
        hint = f"; did you mean {inside}?" if (inside / SUMS).is_file() else "; give the folder `radfuse export` wrote"
        raise InputError(f"{_shown(path)} is no bundle: it has no {SUMS}{hint}")
    for name, most in _LARGEST.items():
        if (path / name).is_file() and (size := (path / name).stat().st_size) > most:
            raise InputError(f"{path / name} has {size:,} bytes, at most {most:,} are read; it is none of radfuse's")
    known, problems = _listed_files(path)
    if SCHEMA not in known:
        problems.append(Problem(SUMS, f"{SCHEMA} is not listed"))
    extra = sorted(item.name for item in path.iterdir() if item.name not in known and item.name != SUMS)
    if extra:
        message = f"not listed, so nobody knows whether they belong here: {listed(extra)}; remove what is not radfuse's"
        problems.append(Problem(SUMS, message))
    if problems:
        mend = Problem(str(path), "nothing was computed; copy the bundle again, or run `radfuse export` again")
        raise InputError([*problems, mend])
    return known


def _listed_files(path: Path) -> tuple[set[str], list[Problem]]:
    """Return the names in the list of hashes, and what is wrong with its lines and their files."""
    known: set[str] = set()
    problems: list[Problem] = []
    for line in (path / SUMS).read_text(encoding="utf-8", errors="replace").rstrip("\n").split("\n"):
        digest, _, name = line.partition("  ")
        known.add(name)
        if not name or Path(name).name != name:
            problems.append(Problem(SUMS, f"the line {line[:80]!r} is damaged"))
        elif len(name) > _LONGEST_NAME or not (path / name).is_file():
            problems.append(Problem(name[:_LONGEST_NAME], "the file is missing from the bundle"))
        elif _sha256(path / name) != digest:
            problems.append(Problem(name, "the file is not the one that was exported (its SHA-256 differs)"))
    return known, problems


def _files_named(schema: BundleSchema) -> list[str]:
    """Return every file that prediction opens."""
    named = [family.file for family in schema.families.values()]
    named += [family.explainer for family in schema.families.values() if family.explainer is not None]
    named += [name for family in schema.families.values() for name in family.explainers.values()]
    recipe = schema.imaging
    if recipe is not None and recipe.params is not None:
        named.append(recipe.params)
    if recipe is not None and recipe.sequence is not None:
        named.append(NETWORK)
    return named


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _shown(path: Path) -> str:
    """Return a path that a message can hold."""
    text = str(path)
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}..."
