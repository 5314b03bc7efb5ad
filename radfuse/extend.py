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
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import SerializerFunctionWrapHandler, ValidatorFunctionWrapHandler, WrapSerializer, WrapValidator

from radfuse.config import Section, nearest
from radfuse.errors import InputError, listed

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
            _require_source(type(value))
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
    _require_source(found)
    return found


def is_here(use: str) -> bool:
    """Return whether the module that "package.module:Class" names is where Python looks."""
    name = use.partition(":")[0]
    try:
        return name in sys.modules or find_spec(name) is not None
    except ModuleNotFoundError:
        return False
    except Exception:  # noqa: BLE001  the user's own package, whatever it raises: `load_part` tells
        return True


def source_digest(part: type) -> str | None:
    """Return the SHA-256 of the source that defines a user's class: its module, and those of its folder that it uses.

    None for radfuse's own and for Python's.

    Raises:
        InputError: there is no source, as of a class in a notebook's cell: nothing would tell its results from others.
    """
    module = part.__module__
    if module.startswith((f"{_PACKAGE}.", "pydantic.")) or module in sys.stdlib_module_names:
        return None
    sources = _sources(sys.modules[module]) if module in sys.modules else {}
    if not sources:
        raise InputError(
            f"there is no source of {module}.{part.__qualname__}; write it into a module beside the study, or into a "
            ".py file that Python finds, and import it from there"
        )
    text = "".join(f"{name}\n{sources[name]}\n" for name in sorted(sources))
    return sha256(text.encode()).hexdigest()


def _require_source(part: type) -> None:
    """Have the source of a part known now, while a study is loaded: its file may change while the study runs.

    Raises:
        ValueError: there is none, or it changed since it was imported: workers would import another than keys are of.
    """
    if _beside.get() is None:
        return
    source_digest(part)
    module = part.__module__
    imported = _sources(sys.modules[module]) if module in sys.modules else {}
    changed = [name for name, source in imported.items() if source != _read_source(sys.modules[name])]
    if changed:
        # whoever took names of another module keeps the old ones when that is imported anew
        alone = f", or use importlib.reload({module}) before the study is loaded" if changed == [module] else ""
        raise ValueError(
            f"use '{module}:{part.__qualname__}': the source of {listed(changed)} has changed since this Python "
            f"imported it; start Python, or the notebook's kernel, anew{alone}"
        )


_SOURCES: dict[str, tuple[object, str | None]] = {}
"""Module -> what it was imported by, another after a reload, and its source then; None without any."""


def _sources(module: ModuleType) -> dict[str, str]:
    """Return the sources, as they were imported, of a module and of those of its folder that it uses, by their names.

    Read when they are first asked for, since files may change while a study runs.
    """
    found: dict[str, str] = {}
    left = [module]
    while left:
        each = left.pop()
        imported = each.__spec__ or each  # a script has no spec
        if each.__name__ not in _SOURCES or _SOURCES[each.__name__][0] is not imported:
            _SOURCES[each.__name__] = imported, _read_source(each)
        source = _SOURCES[each.__name__][1]
        if source is not None:
            found[each.__name__] = source
            left += [other for other in _neighbours(each) if other.__name__ not in found]
    return found


def _read_source(module: ModuleType) -> str | None:
    """Return the source of a module as it lies there now; None without any, as in an interpreter's session."""
    try:
        return inspect.getsource(module)
    except (OSError, TypeError):
        return None


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
        if not f"{name}.".startswith(f"{error.name}."):
            raise ValueError(
                f"use {use!r}: importing it failed: it needs {error.name!r}, which is not installed here{where}; "
                "install it, or put it there"
            ) from error
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
