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
from types import ModuleType
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
    protocol: type, what: str, base: type[Section] = Section, usual: str = "", other: type | None = None
) -> tuple[WrapValidator, WrapSerializer]:
    """Return what opens a union of kinds to users' classes.

    It stands last in the annotation: `Annotated[A | B, Field(discriminator="kind"), *own_parts(...)]`.

    Args:
        protocol: a class whose public methods the user's class must have, with the same parameters.
        what: one of its kind, for messages: "a region".
        base: what the user's class derives from.
        usual: the `kind` of settings that name none; empty where they must.
        other: a protocol that will do too.
    """

    def parse(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, Section) and not type(value).__module__.startswith(f"{_PACKAGE}."):
            return value
        if not isinstance(value, Mapping):
            return handler(value)
        if "use" not in value:
            return handler({"kind": usual, **value} if usual else value)
        part = load_part(str(value["use"]), protocol, what, base, other)
        return part.model_validate({name: item for name, item in value.items() if name != "use"})

    def dump(value: Any, handler: SerializerFunctionWrapHandler) -> Any:
        if type(value).__module__.startswith(f"{_PACKAGE}."):
            return handler(value)
        return {"use": f"{type(value).__module__}:{type(value).__qualname__}", **value.model_dump(mode="json")}

    return WrapValidator(parse), WrapSerializer(dump)


def load_part(
    use: str, protocol: type, what: str, base: type[Section] = Section, other: type | None = None
) -> type[Section]:
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
        classes = {name: item.__module__ for name, item in vars(module).items() if isinstance(item, type)}
        known = [name for name, home in classes.items() if home == module.__name__] or list(classes)
        raise ValueError(f"use {use!r}: {module_name} has no class {class_name!r}{nearest(class_name, known)}")
    if not (isinstance(found, type) and issubclass(found, base)):
        parent = f"{base.__module__}.{base.__qualname__}"
        raise ValueError(f"use {use!r}: {what} is a class derived from {parent}, with its settings as fields")
    if other is not None and all(hasattr(found, name) for name in _methods(other)):
        protocol = other
    for name, wanted in _methods(protocol).items():
        method = getattr(found, name, None)
        here = _parameters(method) if callable(method) else None
        if here is None or not _fits(method, wanted):
            has = "no" if here is None else f"{name}({', '.join(here)}) in the place of the"
            needs = [f"{each}({', '.join(_parameters(item, True))})" for each, item in _methods(protocol).items()]
            lacks = f"method {name}({', '.join(_parameters(wanted, True))})"
            raise ValueError(f"use {use!r} has {has} {lacks}; {what} needs: {', '.join(needs)}")
    for name in inspect.get_annotations(protocol):
        if name not in found.model_fields and not hasattr(found, name):
            raise ValueError(f"use {use!r} has no setting `{name}`; {what} needs one: {name}: str, for example")
    source_digest(found)  # now, of what was imported: the file may change while the study runs
    if _read_sources(module) != _source_digest(module):
        raise ValueError(
            f"use {use!r}: the source of {module_name} has changed since this Python imported it; start Python, or the "
            f"notebook's kernel, anew, or use importlib.reload({module_name}) before the study is loaded"
        )
    return found


def source_digest(part: type) -> str | None:
    """Return the SHA-256 of the source that defines a user's class: its module, and those of its folder that it uses.

    Where there is no source, as of a notebook's cell, that of its methods as they are compiled. None for radfuse's own
    and for Python's.
    """
    module = part.__module__
    if module.startswith((f"{_PACKAGE}.", "pydantic.")) or module in sys.stdlib_module_names:
        return None
    found = sys.modules.get(module)
    return (_source_digest(found) if found is not None else None) or _compiled_digest(part)


def _compiled_digest(part: type) -> str | None:
    """Return the digest of a class's methods as they are compiled; None without any."""
    left = [item.__code__ for item in vars(part).values() if inspect.isfunction(item)]
    texts = []
    while left:
        code = left.pop()
        left += [item for item in code.co_consts if inspect.iscode(item)]
        plain = [item for item in code.co_consts if not inspect.iscode(item)]
        texts.append(f"{code.co_name} {code.co_code.hex()} {code.co_names} {plain}")
    return sha256("\n".join(sorted(texts)).encode()).hexdigest() if texts else None


_DIGESTS: dict[str, tuple[object, str | None]] = {}
"""Module -> what it was imported by, another after a reload, and the digest of its source then."""


def _source_digest(module: ModuleType) -> str | None:
    """Return the digest of what was imported: asked for when it is, since files may change while a study runs."""
    imported, digest = _DIGESTS.get(module.__name__, (None, None))
    if imported is None or imported is not module.__spec__:
        digest = _read_sources(module)
        _DIGESTS[module.__name__] = (module.__spec__, digest)
    return digest


def _read_sources(module: ModuleType) -> str | None:
    """Return the digest of a module's source, and of those of its folder that it uses, as it is now."""
    sources: dict[str, str] = {}
    left = [module]
    while left:
        each = left.pop()
        try:
            sources[each.__name__] = inspect.getsource(each)
        except (OSError, TypeError):  # no source, as in an interpreter's session
            continue
        left += [other for other in _neighbours(each) if other.__name__ not in sources]
    text = "".join(f"{name}\n{sources[name]}\n" for name in sorted(sources))
    return sha256(text.encode()).hexdigest() if sources else None


def _neighbours(module: ModuleType) -> list[ModuleType]:
    """Return the modules of the same folder, or below it, that a module's globals come from."""
    folder = Path(module.__file__ or "").parent
    values = vars(module).values()
    names = {value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None) for value in values}
    found = [sys.modules[name] for name in names if isinstance(name, str) and name in sys.modules]
    return [other for other in found if folder in Path(getattr(other, "__file__", None) or "/").parents]


def _import(name: str, use: str) -> Any:
    folder, top = _beside.get(), name.partition(".")[0]
    here = [folder / f"{top}.py", folder / top / "__init__.py"] if folder is not None else []
    beside = next((path for path in here if path.is_file()), None)
    if beside is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))  # workers inherit it
    try:
        found = import_module(name)
    except ModuleNotFoundError as error:
        where = f", nor beside the study in {folder}" if folder is not None else ""
        raise ValueError(f"use {use!r}: no module {error.name!r} where Python looks{where}") from error
    except (Exception, SystemExit) as error:  # the user's own code, whatever it raises
        raise ValueError(f"use {use!r}: importing it failed: {type(error).__name__}: {error}") from error
    loaded = getattr(sys.modules.get(top), "__file__", None)
    if beside is not None and loaded is not None and Path(loaded).read_bytes() != beside.read_bytes():
        raise ValueError(f"use {use!r}: {beside} is not the {loaded} of that name that is loaded; rename one")
    return found


def _methods(protocol: type) -> dict[str, Any]:
    return {
        name: item for name, item in vars(protocol).items() if inspect.isfunction(item) and not name.startswith("_")
    }


def _fits(method: Any, wanted: Any) -> bool:
    """Return whether a method has the parameters wanted in their order; those with a default may lack, or be more."""
    needed, known, here = _parameters(wanted, True), _parameters(wanted), _parameters(method)
    more = set(here[len(needed) :]) & set(_parameters(method, True)) - set(known)
    return here[: len(needed)] == needed and not more


def _parameters(method: Any, needed: bool = False) -> tuple[str, ...]:
    parameters = inspect.signature(method).parameters
    return tuple(
        name for name, item in parameters.items() if name != "self" and not (needed and item.default is not item.empty)
    )
