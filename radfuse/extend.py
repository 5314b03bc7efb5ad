"""A user's own part in a study: `use: package.module:Class` where a wing has kinds, checked against its protocol.

The class is a `Section` of its own settings with the methods that the wing asks for. Its module is looked for where
Python looks, then beside the study file. The source of its module belongs to the content key of what it makes.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import SerializerFunctionWrapHandler, ValidatorFunctionWrapHandler, WrapSerializer, WrapValidator

from radfuse.config import Section, nearest

_PACKAGE = __name__.partition(".")[0]
_beside: ContextVar[Path | None] = ContextVar("beside", default=None)


@contextmanager
def parts_beside(folder: Path) -> Iterator[None]:
    """Look for users' modules in a folder too, that of the study file."""
    token = _beside.set(folder)
    try:
        yield
    finally:
        _beside.reset(token)


def own_parts(
    protocol: type, what: str, base: type[Section] = Section, usual: str = ""
) -> tuple[WrapValidator, WrapSerializer]:
    """Return what opens a union of kinds to users' classes.

    It stands last in the annotation: `Annotated[A | B, Field(discriminator="kind"), *own_parts(...)]`.

    Args:
        protocol: a class whose public methods the user's class must have, with the same parameters.
        what: one of its kind, for messages: "a region".
        base: what the user's class derives from.
        usual: the `kind` of settings that name none; empty where they must.
    """

    def parse(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, Section) and not type(value).__module__.startswith(f"{_PACKAGE}."):
            return value
        if not isinstance(value, Mapping):
            return handler(value)
        if "use" not in value:
            return handler({"kind": usual, **value} if usual else value)
        part = load_part(str(value["use"]), protocol, what, base)
        return part.model_validate({name: item for name, item in value.items() if name != "use"})

    def dump(value: Any, handler: SerializerFunctionWrapHandler) -> Any:
        if type(value).__module__.startswith(f"{_PACKAGE}."):
            return handler(value)
        return {"use": f"{type(value).__module__}:{type(value).__qualname__}", **value.model_dump(mode="json")}

    return WrapValidator(parse), WrapSerializer(dump)


def load_part(use: str, protocol: type, what: str, base: type[Section] = Section) -> type[Section]:
    """Return the class that "package.module:Class" names.

    Raises:
        ValueError: no such module or class, or a class that lacks a method; says which.
    """
    module_name, colon, class_name = use.partition(":")
    if not colon or not module_name or not class_name:
        raise ValueError(f"use {use!r} is not package.module:Class, for example use: my_parts:MyClass")
    module = _import(module_name, use)
    found = getattr(module, class_name, None)
    if found is None:
        known = [name for name, item in vars(module).items() if isinstance(item, type)]
        raise ValueError(f"use {use!r}: {module_name} has no class {class_name!r}{nearest(class_name, known)}")
    if not (isinstance(found, type) and issubclass(found, base)):
        parent = f"{base.__module__}.{base.__qualname__}"
        raise ValueError(f"use {use!r}: {what} is a class derived from {parent}, with its settings as fields")
    for name, wanted in _methods(protocol).items():
        method = getattr(found, name, None)
        here = _parameters(method) if callable(method) else None
        if here != _parameters(wanted):
            has = "no" if here is None else f"{name}({', '.join(here)}) in the place of the"
            needs = ", ".join(f"{each}({', '.join(_parameters(item))})" for each, item in _methods(protocol).items())
            raise ValueError(
                f"use {use!r} has {has} method {name}({', '.join(_parameters(wanted))}); {what} needs: {needs}"
            )
    for name in inspect.get_annotations(protocol):
        if name not in found.model_fields and not hasattr(found, name):
            raise ValueError(f"use {use!r} has no setting `{name}`; {what} needs one: {name}: str, for example")
    return found


def source_digest(part: type) -> str | None:
    """Return the SHA-256 of the module that defines a user's class; None for radfuse's own and for Python's."""
    module = part.__module__
    if module.startswith((f"{_PACKAGE}.", "pydantic.")) or module in sys.stdlib_module_names:
        return None
    return _module_digest(module)


def _module_digest(module: str) -> str | None:
    """Return the digest of the source that was imported."""
    found = sys.modules.get(module)
    try:
        return sha256(inspect.getsource(found).encode()).hexdigest() if found is not None else None
    except (OSError, TypeError):  # no source, as in an interpreter's session
        return None


def _import(name: str, use: str) -> Any:
    folder = _beside.get()
    if folder is not None and (folder / f"{name.partition('.')[0]}.py").is_file() and str(folder) not in sys.path:
        sys.path.append(str(folder))  # workers inherit it
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        where = f", nor beside the study in {folder}" if folder is not None else ""
        raise ValueError(f"use {use!r}: no module {error.name!r} where Python looks{where}") from error
    except Exception as error:  # the user's own code, whatever it raises
        raise ValueError(f"use {use!r}: importing it failed: {type(error).__name__}: {error}") from error


def _methods(protocol: type) -> dict[str, Any]:
    return {
        name: item for name, item in vars(protocol).items() if inspect.isfunction(item) and not name.startswith("_")
    }


def _parameters(method: Any) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(method).parameters if name != "self")
