"""Closed, typed configuration: the Section base, YAML reading, overrides, and errors that name the nearest key."""

from __future__ import annotations

import errno
import io
import math
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError, PydanticKnownError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

from radfuse.errors import InputError, Problem, SettingError, asked, short
from radfuse.faults import nearest as nearest
from radfuse.faults import told

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

_MOST_BYTES, _MOST_NODES, _DEEPEST = 1_000_000, 100_000, 50
"""Of a file of settings: its bytes, its values once aliases are written out, how deep they are nested."""


class _Told(ModelMetaclass):
    """Lets who makes settings in Python read of what is wrong as who writes them in a file does."""

    if not TYPE_CHECKING:  # a type checker looks at the fields

        def __call__(cls, *args: Any, **settings: Any) -> Any:  # noqa: N805  of a metaclass
            if args:
                first = next(iter(cls.model_fields), "name")
                raise SettingError(
                    f"{cls.__name__}: {short(repr(args[0]))} has no name; write {cls.__name__}({first}=..., ...)"
                )
            try:
                return super().__call__(**settings)
            except ValidationError as error:
                raise SettingError(told(cls, error, cls.__name__)) from None


class Section(BaseModel, metaclass=_Told):
    """A frozen group of settings that rejects unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @model_validator(mode="wrap")
    @classmethod
    def _true_is_no_number(cls, said: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Refuse true and false where a number stands, which pydantic takes for 1 and 0."""
        found = validate(said)
        for name, field in cls.model_fields.items() if isinstance(said, Mapping) else ():
            key = name if name in said else field.alias
            if key in said and _counted(said[key], getattr(found, name)):
                fault = PydanticCustomError("no_number", "true and false are no numbers; write one")
                raise ValidationError.from_exception_data(
                    cls.__name__, [InitErrorDetails(type=fault, loc=(str(key),), input=said[key])]
                )
        return found

    def not_default(self) -> set[str]:
        """Return the settings that differ from their defaults; a resolved study names all others too."""
        fields = type(self).model_fields
        return {name for name in self.model_fields_set if getattr(self, name) != fields[name].default}

    if not TYPE_CHECKING:  # to a type checker, fields are frozen

        def __setattr__(self, name: str, value: Any) -> None:
            try:
                super().__setattr__(name, value)
            except ValidationError:
                kind = type(self).__name__
                raise SettingError(
                    f"{kind}: settings are frozen; make others: {kind}(..., {name}={short(repr(value))})"
                ) from None


def _counted(value: object, found: object) -> bool:
    """Return whether a boolean, or one in a list, was read as a number."""
    if isinstance(value, bool):
        return isinstance(found, (int, float)) and not isinstance(found, bool)
    both = isinstance(value, (list, tuple)) and isinstance(found, (list, tuple)) and len(value) == len(found)
    return both and any(map(_counted, value, found))  # type: ignore[call-overload]


class Where:
    """Marks a setting that is no part of content keys: where work is done, or what the one job that reads it names."""


def _word(value: object) -> object:
    """Return a boolean or a number as YAML spells it: what stands in a table is compared as text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, (int, float)) else value


Word = Annotated[str, BeforeValidator(_word)]
"""A text of a table in a study file, where YAML may have read a boolean (`positive: True`) or a number."""

SectionType = TypeVar("SectionType", bound=Section)


def one_of(known: Collection[str]) -> PlainValidator:
    """Return what accepts the names of a list and no other, told as pydantic tells of literals."""

    def check(value: Any) -> Any:
        if isinstance(value, str) and value in known:
            return value
        *most, last = map(repr, known)
        raise PydanticKnownError("literal_error", {"expected": f"{', '.join(most)} or {last}"})

    return PlainValidator(check)


def kind_of(path: Path) -> Literal["file", "folder"] | None:
    """Return what lies at a path that a user named; None for nothing, and for what is neither.

    Raises:
        InputError: the system does not let us look; says why.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        mend = "shorten it" if error.errno == errno.ENAMETOOLONG else "check permissions and links on the way"
        raise InputError(f"the path {short(path, 120)} cannot be followed ({error.strerror}); {mend}") from error
    except ValueError as error:
        raise InputError(f"the path {str(path)!r:.120} cannot be followed ({error}); correct it") from error
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        InputError: as `read_text`; not YAML, too deep, or not a mapping.
    """
    content = parse_yaml(read_text(path), str(path))
    if not isinstance(content, dict):
        held = type(content).__name__ if content is not None else "nothing"
        raise InputError(f"{path} holds {held}, not a mapping of settings such as 'name: my_study'")
    return content


def read_text(path: Path) -> str:
    """Read a file of settings.

    Raises:
        InputError: the file is missing or cannot be read, is not UTF-8, or is too large.
    """
    kind = kind_of(path)
    if kind == "folder":
        raise InputError(f"{path} is a folder, not a study file; did you mean {path / 'study.yaml'}?")
    if kind is None:
        siblings = [item.name for item in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise InputError(f"no file {path}{nearest(path.name, siblings)}")
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise InputError(f"{path} holds {size:,} bytes, a file of settings at most {_MOST_BYTES:,}; is it a table?")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions and the disk") from error


def parse_yaml(text: str, where: str) -> Any:
    """Return what YAML says, nothing of it longer or deeper than settings are.

    Raises:
        InputError: not YAML, or more than `_MOST_NODES` values once its aliases are written out, or deeper than
            `_DEEPEST`, or holding itself; begins with `where` and names the line.
    """
    try:
        _refuse_bombs(text)
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{where}{line}: not valid YAML ({reason}); correct it") from error
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # tags such as !!timestamp on other texts, days that no month has, and numbers of thousands of digits
        raise InputError(
            f"{where}{_line_of_fault(text)}: a value is not what it is marked as ({short(error, 100)}); correct it"
        ) from error


def _line_of_fault(text: str) -> str:
    """Return ", line N" of the first value that cannot be built."""
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, ScalarEvent) and event.style is None:
            tag = f"!<{event.tag}> " if event.tag else ""
            try:
                YAML(typ="safe", pure=True).load(f"{tag}{event.value}")
            except YAMLError:
                continue
            except Exception:  # noqa: BLE001  what building a value raises is what is looked for
                return f", line {event.start_mark.line + 1}"
    return ""


def _refuse_bombs(text: str) -> None:
    """Walk the events of YAML, which takes neither recursion nor memory, and refuse what would."""
    sizes: dict[str, int] = {}
    open_nodes: list[list[Any]] = [[None, 0]]  # anchor, values so far
    for event in YAML(typ="safe", pure=True).parse(text):
        mark = event.start_mark
        if isinstance(event, CollectionStartEvent):
            open_nodes.append([event.anchor, 1])
            if len(open_nodes) > _DEEPEST + 1:
                raise MarkedYAMLError(problem=f"nested deeper than {_DEEPEST} levels", problem_mark=mark)
        elif isinstance(event, (CollectionEndEvent, ScalarEvent)):
            anchor, size = open_nodes.pop() if isinstance(event, CollectionEndEvent) else (event.anchor, 1)
            if anchor is not None:
                sizes[anchor] = size
            open_nodes[-1][1] += size
        elif isinstance(event, AliasEvent):
            if any(event.anchor == anchor for anchor, _ in open_nodes):
                raise MarkedYAMLError(problem=f"{event.anchor!r} holds itself", problem_mark=mark)
            open_nodes[-1][1] += sizes.get(event.anchor, 1)
        if sum(size for _, size in open_nodes) > _MOST_NODES:
            raise MarkedYAMLError(problem=f"more than {_MOST_NODES:,} values, aliases written out", problem_mark=mark)


def to_yaml(content: Mapping[str, Any]) -> str:
    """Return a mapping as YAML text, keys in their own order."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(dict(content), stream)
    return stream.getvalue()


def apply_overrides(
    content: Mapping[str, Any],
    overrides: Sequence[str],
    defaults: Mapping[str, Any] | None = None,
    told_as: str = "",
) -> dict[str, Any]:
    """Return a copy of `content` with each "dotted.path=value" put in; list items are addressed by number.

    Args:
        content: settings.
        overrides: "dotted.path=value" each.
        defaults: lists that an override may reach into where `content` leaves them out.
        told_as: what messages call an override; empty: --set, or `overrides`.

    Raises:
        InputError: an override has no "=", or its path leads through something that is neither mapping nor list.
    """
    result: Any = _copy(content)
    example = asked("--set fusion.inner_folds=3", "'fusion.inner_folds=3'")
    for override in overrides:
        dotted, equals, text = override.partition("=")
        told = f"{told_as or asked('--set', 'overrides')} {short(override)!r}"
        if not equals or not dotted.strip():
            raise InputError(f"{told} is not KEY=VALUE, for example {example}")
        keys = dotted.strip().split(".")
        if not all(keys):
            raise InputError(
                f"{told}: {short(dotted)!r} names no setting between two dots; correct it, for example {example}"
            )
        if len(keys) > _DEEPEST:
            raise InputError(f"{told} reaches deeper than {_DEEPEST} levels; correct it")
        value = parse_yaml(text, told)
        place, default = result, defaults
        for depth, key in enumerate(keys[:-1]):
            default = default.get(key) if isinstance(default, Mapping) else None
            if isinstance(default, list) and isinstance(place, dict) and place.get(key) is None:
                place[key] = _copy(default)
            place = _step(place, key, keys[: depth + 1], told)
        last = keys[-1]
        if isinstance(place, list):
            place[_index(place, last, keys, told)] = value
        else:
            place[last] = value
    return dict(result)


def _copy(value: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise InputError(f"settings are nested deeper than {_DEEPEST} levels, or hold themselves; correct them")
    if isinstance(value, Mapping):
        return {key: _copy(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copy(item, depth + 1) for item in value]
    return value


def _odd_numbers(value: Any, path: tuple[object, ...] = ()) -> Iterator[str]:
    """Yield the dotted path of each number that is none, or infinite."""
    if isinstance(value, float) and not math.isfinite(value):
        yield ".".join(map(str, path))
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _odd_numbers(item, (*path, key))


def _step(place: Any, key: str, path: list[str], told: str) -> Any:
    name: str | int = _index(place, key, path, told) if isinstance(place, list) else key
    found = place[name] if isinstance(name, int) else place.setdefault(name, {})
    if found is None:
        found = place[name] = {}
    if not isinstance(found, (dict, list)):
        raise InputError(f"{told}: {short('.'.join(path))} is {short(repr(found))}, which has no settings inside")
    return found


def _index(place: list[Any], key: str, path: list[str], told: str) -> int:
    if not place:
        raise InputError(f"{told}: {short('.'.join(path[:-1]))} is empty; give the whole list")
    if not re.fullmatch(r"[0-9]{1,9}", key) or int(key) >= len(place):
        raise InputError(f"{told}: {short('.'.join(path))} must be a number from 0 to {len(place) - 1}")
    return int(key)


def build(section: type[SectionType], content: Mapping[str, Any], where: str) -> SectionType:
    """Validate `content` as `section`.

    Raises:
        InputError: one problem per fault, each with its dotted path; an unknown key names the nearest valid one.
    """
    settings = _copy(content)
    odd = [Problem(where, f"{short(path)}: a number must be finite; correct it") for path in _odd_numbers(settings)]
    if odd:
        raise InputError(odd)
    try:
        return section.model_validate(settings)
    except ValidationError as error:
        raise InputError(told(section, error, where)) from error
