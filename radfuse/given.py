"""What a caller gives, from Python or on a command line: taken as it is meant, or refused before anything is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from radfuse.errors import InputError, short

Kind = TypeVar("Kind")


def as_path(value: object, what: str) -> Path:
    """Return a path.

    Raises:
        InputError: no text and no path, an empty text, or a name that is not UTF-8, at which libraries end the process.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise InputError(f"{what}: give a path, a text such as 'folder/file'; found {_kind(value)}")
    if isinstance(value, str) and not value.strip():
        raise InputError(f"{what}: the path is empty; give one, or '.' for the working folder")
    path = Path(value)
    utf8_name(path)
    if "\0" in str(path):
        raise InputError(f"{what}: the path {str(path)!r} cannot be followed (it holds a null byte); correct it")
    return path


def utf8_name(path: Path) -> None:
    """Refuse a path whose name is not UTF-8: ITK ends the whole process at one, and no report could print it.

    Raises:
        InputError: it is not; shows it as far as it can be.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = str(path).encode(errors="replace").decode()
        raise InputError(f"the name {short(shown, 120)} is not UTF-8; rename the file or folder") from error


def as_names(value: object, what: str) -> tuple[str, ...]:
    """Return names; a text alone is one name, None is none.

    Raises:
        InputError: anything but texts.
    """
    if value is None:
        return ()
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else None
    if names is None or not all(isinstance(name, str) for name in names):
        raise InputError(f"{what}: give names, a list of texts; found {_kind(value)} {short(value)}")
    return names


def as_mapping(value: object, what: str) -> Mapping[str, Any]:
    """Return a mapping by name; None is an empty one.

    Raises:
        InputError: no mapping, or keys that are no texts.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise InputError(f"{what}: give a mapping of names, such as {{'radiomic': table}}; found {_kind(value)}")
    return value


def as_kind(value: object, kind: type[Kind], what: str) -> Kind:
    """Return a value that is of a kind.

    Raises:
        InputError: it is of another.
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{what}: give {kind.__name__}; found {_kind(value)} {short(value)}")
    return value


def _kind(value: object) -> str:
    return type(value).__name__
