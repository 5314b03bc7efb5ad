"""Variants of a study: what each changes, as settings; put into a study, and read off two of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator

from radfuse.config import Section, apply_overrides
from radfuse.errors import InputError, short

CLASSIFIERS = "classifiers"
"""Name under which a list of classifiers stands for a variant each."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
ASIDE = ("variants", "nomogram", "report")
"""Sections of a study that its variants do not have: they are not reported by themselves."""
_FIXED = {
    "name": "the folder of a variant has its name",
    "title": "the report is one",
    "evaluation": "readers, subgroups and refits are those of the study",
    **dict.fromkeys(ASIDE, "a variant has no report of its own"),
}
"""Sections that no variant changes, and why."""
_TAGS = ("kind", "backend", "use")


def _spelled_out(said: Any) -> Any:
    """Return variants with a list of classifiers written out, a variant each, named as its kind.

    Raises:
        ValueError: a name that no folder can have, or a variant of nothing.
    """
    for name, settings in said.items() if isinstance(said, Mapping) else ():
        if not _NAME.fullmatch(str(name)):
            raise ValueError(f"{short(repr(name))} is no name of a variant: letters, digits, '_' and '-', 40 at most")
        if settings is None or settings == {}:
            raise ValueError(
                f"{name} changes nothing; name its settings, for example {name}: {{radiomics.bin_width: 10}}"
            )
    spelled = [str(name).lower() for name in said] if isinstance(said, Mapping) else []
    if len(set(spelled)) < len(spelled):
        twice = next(name for name in spelled if spelled.count(name) > 1)
        raise ValueError(
            f"two variants are called {twice!r} but for capitals, and so would be their folders; rename one"
        )
    listed = said.get(CLASSIFIERS) if isinstance(said, Mapping) else None
    if not isinstance(listed, (list, tuple)):
        return said
    found: dict[Any, Any] = {}
    for kind in listed:
        if not isinstance(kind, str) or kind in said or kind in found:
            raise ValueError(
                f"{CLASSIFIERS} lists kinds, each once and no other variant's name, for example [logistic, svm]; found "
                f"{short(repr(kind))}; name a variant with settings by itself: svm_wide: {{fusion.classifier: ...}}"
            )
        found[kind] = {"fusion.classifier": {"kind": kind}}
    return {**found, **{name: settings for name, settings in said.items() if name != CLASSIFIERS}}


Variants = Annotated[dict[str, dict[str, Any]], BeforeValidator(_spelled_out)]
"""Name -> settings that differ from the study's."""


def varied(
    content: Mapping[str, Any], settings: Mapping[str, Any], name: str, defaults: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the settings of a study with those of a variant put in.

    A dotted key takes the place of what stands there, as with --set. A mapping under a plain key is a part of the
    study: what it does not name stays, but for a mapping that names a kind, which is whole.

    Args:
        content: of the study.
        settings: of the variant.
        name: of the variant, for messages.
        defaults: lists that a setting may reach into where `content` leaves them out.

    Raises:
        InputError: a setting leads nowhere, or is no part of an analysis.
    """
    changes = list(_flat(settings))
    for dotted, _ in changes:
        why = _FIXED.get(dotted.split(".")[0])
        if why is not None:
            raise InputError(f"variants.{name}: {short(dotted)!r} cannot vary, as {why}; remove it")
    texts = [f"{dotted}={json.dumps(value, default=str)}" for dotted, value in changes]
    return apply_overrides(content, texts, defaults, f"variants.{name}")


def _flat(settings: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and value of each setting."""
    for key, value in settings.items():
        part = isinstance(value, Mapping) and bool(value) and "." not in str(key) and not set(_TAGS) & set(value)
        if part and all(_is_plain(inner) for inner in value):
            yield from _flat(value, (*path, str(key)))
        else:
            yield ".".join((*path, str(key))), value


def _is_plain(key: object) -> bool:
    """Return whether a dotted path can hold a name."""
    return re.fullmatch(r"[^=.\s]+", str(key)) is not None


def difference(study: Mapping[str, Any], other: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return by dotted path what a study has in another way than the first, so that `varied` makes it of that one."""
    found: dict[str, Any] = {}
    for key, value in other.items():
        here, place = study.get(key), (*path, str(key))
        if value == here and key in study:
            continue
        if isinstance(here, Mapping) and isinstance(value, Mapping) and _alike(here, value):
            found |= difference(here, value, place)
        elif isinstance(here, list) and isinstance(value, list) and _alike_lists(here, value):
            for number, (first, second) in enumerate(zip(here, value, strict=True)):
                found |= difference(first, second, (*place, str(number)))
        else:
            found[".".join(place)] = value
    return found


def kept(study: Any, other: Any) -> Any:
    """Return settings with all that equals a study's as the study has it.

    What was written out and read again may be 0.0 where the study has 0: equal, and not to a content key.
    """
    if study == other and isinstance(study, bool) == isinstance(other, bool):
        return study
    if isinstance(other, Section) and type(study) is type(other):
        names = type(other).model_fields
        return other.model_copy(update={name: kept(getattr(study, name), getattr(other, name)) for name in names})
    if isinstance(other, dict) and isinstance(study, dict):
        return {name: kept(study.get(name), value) for name, value in other.items()}
    if isinstance(other, tuple) and isinstance(study, tuple) and len(study) == len(other):
        return tuple(kept(ours, theirs) for ours, theirs in zip(study, other, strict=True))
    return other


def _alike(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether two mappings are one section with other values in it, whose names a dotted path can hold."""
    same = all(first.get(tag) == second.get(tag) for tag in _TAGS)
    return same and bool(first) and set(first) <= set(second) and all(map(_is_plain, second))


def _alike_lists(first: list[Any], second: list[Any]) -> bool:
    """Return whether two lists hold the same sections in the same order, with other values in them."""
    return len(first) == len(second) and all(
        isinstance(a, Mapping) and isinstance(b, Mapping) and _alike(a, b) for a, b in zip(first, second, strict=True)
    )


def told(settings: Mapping[str, Any]) -> str:
    """Return what a variant changes, as a reader of the report may have it."""
    return ", ".join(f"{dotted}: {_value(value)}" for dotted, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        tag = next((str(value[tag]) for tag in _TAGS if tag in value), None)
        return tag if tag is not None else short("{" + told(value) + "}")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return short("[" + ", ".join(map(_value, value)) + "]")
    return "none" if value is None else short(str(value))
