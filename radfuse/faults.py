"""What is wrong with settings, told: pydantic's faults with their dotted paths, and the nearest valid name."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from radfuse.errors import Problem, listed, short


def nearest(name: str, known: Iterable[str], mend: str = "") -> str:
    """Return "; did you mean 'x'?" for the closest known name, or the list of known ones; `mend`: what else to do."""
    names = sorted({str(item) for item in known})
    lowered = {item.lower(): item for item in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.6)
    close.sort(key=lambda item: sorted(item) != sorted(name.lower()))  # letters in another order are the likeliest slip
    if close:
        return f"; did you mean {lowered[close[0]]!r}?{f' If not, {mend}' if mend else ''}"
    told = f"; known: {listed(map(repr, names), 12)}" if names else ""
    return f"{told}; {mend}" if mend else told


def told(section: type[BaseModel], error: ValidationError, where: str) -> list[Problem]:
    """Return each fault of settings once, with its dotted path; an unknown key names the nearest valid one."""
    every = error.errors()
    faults = [fault for fault in every if not _is_echo(fault, every)]
    return [_problem(section, fault, where) for fault in faults or every]


def _is_echo(fault: Any, faults: Sequence[Any]) -> bool:
    """Return whether a fault only repeats another: a mapping that is no text in `str | Section`, a number that is no
    mapping in `float | dict`, a list whose item failed and that is too short without it."""
    if fault["type"] == "dict_type":
        return any(other["type"] != "dict_type" and other["loc"][:-1] == fault["loc"][:-1] for other in faults)
    if fault["type"] in ("string_type", "float_type"):
        return isinstance(fault["input"], Mapping)
    inside = [other for other in faults if other is not fault and other["loc"][: len(fault["loc"])] == fault["loc"]]
    return fault["type"] == "too_short" and bool(inside)


def _problem(section: type[BaseModel], fault: Any, where: str) -> Problem:
    dotted, siblings = _locate(section, fault["loc"])
    if fault["type"] == "extra_forbidden":
        message = f"unknown setting{nearest(str(fault['loc'][-1]), siblings)}"
    elif fault["type"] == "invalid_key" and isinstance(fault["input"], bool):
        message = (
            f"a setting has a name, and here is {fault['input']}; PyYAML reads a plain on, off, yes or no so: quote it"
        )
    elif fault["type"] == "missing":
        message = "this setting is required"
    elif fault["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        context = fault["ctx"]
        tags = [tag.strip(" '") for tag in context.get("expected_tags", "").split(",") if tag.strip()]
        name = str(context.get("discriminator", "kind")).strip("'")
        if fault["type"] == "union_tag_invalid":
            message = f"unknown {name} {short(repr(context['tag']))}{nearest(context['tag'], tags)}"
        else:
            kinds = _tags_at(section, fault["loc"])
            message = f"needs a '{name}': one of {', '.join(kinds)}" if kinds else f"needs a '{name}'"
    elif fault["type"] == "literal_error":
        choices = [choice.strip(" '") for choice in fault["ctx"]["expected"].replace(" or ", ", ").split(",")]
        message = f"{_shown(fault['input'])} is not one of {', '.join(choices)}{_only_close(fault['input'], choices)}"
    else:
        mapping = f"mapping, as {_mapping_at(section, fault)}"
        said = re.sub(
            r"valid dictionary( or instance of \w+| or object to extract fields from)?", mapping, fault["msg"]
        )
        message = said.replace("valid tuple", "list, as [a, b]").replace("Tuple", "List").removeprefix("Value error, ")
        named = "; found " in message or (isinstance(fault["input"], str) and repr(fault["input"]) in message)
        if not named and not isinstance(fault["input"], (Mapping, BaseModel)):
            message += f"; found {_shown(fault['input'])}"
    return Problem(where, f"{short(dotted, 120)}: {message}" if dotted else message)


def _shown(value: object) -> str:
    """Return a value as a message can hold it."""
    try:
        return short(repr(value)) if "\n" not in repr(value) else f"a {type(value).__name__}"
    except ValueError:  # a number of thousands of digits
        return "a number of thousands of digits"


def _only_close(value: object, choices: list[str]) -> str:
    hint = nearest(str(value), choices)
    return hint if "did you mean" in hint else ""


def _tags_at(section: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Return the kinds that may stand at a place."""
    return [str(tag) for model in _models(_place(section, location)[2]) if (tag := _tag(model)) is not None]


def _mapping_at(section: type[BaseModel], fault: Any) -> str:
    """Return how a mapping would stand where a plain value was found: its kind, where there are kinds."""
    kinds, word = _tags_at(section, fault["loc"]), str(fault["input"])
    if not kinds:
        return "{name: value}"
    models = _models(_place(section, fault["loc"])[2])
    key = "backend" if any("backend" in model.model_fields for model in models) else "kind"
    close = [word] if word in kinds else difflib.get_close_matches(word, kinds, n=1)
    return f"{{{key}: {close[0]}}}" if close else f"{{{key}: NAME}}, one of {', '.join(kinds)}"


def _locate(section: type[BaseModel], location: Sequence[int | str]) -> tuple[str, list[str]]:
    """Return the dotted path as the user wrote it (without union tags) and the valid names beside its last key."""
    return _place(section, location)[:2]


def _place(section: type[BaseModel], location: Sequence[int | str]) -> tuple[str, list[str], Any]:
    """Return what `_locate` does, and the annotation at the place."""
    shown: list[str] = []
    siblings: list[str] = []
    current: Any = section
    for key in location:
        models = _models(current)
        tagged = [model for model in models if _tag(model) == key]
        if tagged and len(models) > 1:
            current = tagged[0]
            continue
        if isinstance(key, str) and key in {model.__name__ for model in models}:
            current = next(model for model in models if model.__name__ == key)
            continue
        plain = key in ("str", "int", "float", "bool")
        if plain or (isinstance(key, str) and ("[" in key or key.startswith(("constrained-", "function-")))):
            continue  # pydantic's name for a member of a plain union
        shown.append(str(key))
        fields = {name: field for model in models for name, field in model.model_fields.items()}
        siblings = list(fields)
        if isinstance(key, str) and key in fields:
            field = fields[key]
            current = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        else:
            current = _element(current)
    return ".".join(shown), siblings, current


def _members(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [member for argument in get_args(annotation) for member in _members(argument)]
    return [annotation]


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [member for member in _members(annotation) if isinstance(member, type) and issubclass(member, BaseModel)]


def _tag(model: type[BaseModel]) -> object:
    """Return what tells a model from the others of its union: the value of its `kind` or `backend`."""
    for name in ("kind", "backend"):
        field = model.model_fields.get(name)
        if field is not None and get_args(field.annotation):
            return get_args(field.annotation)[0]
    return None


def _element(annotation: Any) -> Any:
    """Return what a list, tuple or mapping annotation holds."""
    for member in _members(annotation):
        arguments = [argument for argument in get_args(member) if argument is not Ellipsis]
        if arguments:
            return arguments[-1]
    return None
