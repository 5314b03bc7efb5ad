"""Write docs/settings.md from the classes of the settings: every setting with what it takes, its default and its use.

    uv run python scripts/write_settings.py

What a setting is for stands in the docstring below it, what a section is for in that of its class. The same classes
give the same bytes.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, PlainValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from radfuse.study import Study

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
HEAD = """# Settings

Every setting of a study file, written from the classes by `scripts/write_settings.py`. Unknown settings are refused by
their dotted path, with the nearest that there is; `--set fusion.selection.0.k=10` overrides one. Paths are relative to
the study file. What radiomic settings are called in PyRadiomics stands in [radiomics.md](radiomics.md). Where there are
kinds, `use: package.module:Class` takes one of your own.

A study needs `name` and `cohort.table`, an outcome to compare models, and something to predict from: clinical columns,
finished tables under `features`, or images with `regions`.

"""
PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}


@dataclass(frozen=True)
class Part:
    """A section of the page: where it stands in a study file, its class, and its kind where it has siblings."""

    place: str
    model: type[BaseModel]
    kind: str = ""

    @property
    def title(self) -> str:
        """The heading."""
        return f"{self.place}: {self.kind}" if self.kind else self.place or "the study"


def parts(model: type[BaseModel] = Study, place: str = "", kind: str = "") -> Iterator[Part]:
    """Yield a class and every class that its settings lead to, in their order."""
    yield Part(place, model, kind)
    for name, field in model.model_fields.items():
        inside = models_in(field.annotation)
        for other in inside:
            kind = kind_of(other) if len(inside) > 1 else ""
            yield from parts(other, f"{place}.{name}{each_of(field)}".lstrip("."), kind)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the classes of settings that an annotation holds, in their order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in models_in(argument)]


def each_of(field: FieldInfo) -> str:
    """Return what stands behind a setting for one of its sections: a name in a mapping, a number in a list."""
    origins = [get_origin(member) for member in [field.annotation, *get_args(field.annotation)]]
    return ".NAME" if dict in origins else "[]" if {tuple, list} & set(origins) else ""


def kind_of(model: type[BaseModel]) -> str:
    """Return the word that chooses a class among its siblings; its name where there is none."""
    for name in ("kind", "backend"):
        if name in model.model_fields:
            return str(get_args(model.model_fields[name].annotation)[0])
    return model.__name__


@cache
def said(model: type[BaseModel]) -> dict[str, str]:
    """Return setting -> what the docstring below it says, those of base classes first."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not issubclass(base, BaseModel) or base.__module__.startswith("pydantic"):
            continue
        (tree,) = ast.parse(inspect.getsource(base)).body
        assert isinstance(tree, ast.ClassDef)
        for item, after in zip(tree.body, tree.body[1:], strict=False):
            if (
                isinstance(item, ast.AnnAssign)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ):
                found[ast.unparse(item.target)] = " ".join(str(after.value.value).split())
    return found


def takes(annotation: Any, metadata: tuple[Any, ...] | list[Any] = ()) -> str:
    """Return in words what a setting takes."""
    for item in metadata:
        if isinstance(item, PlainValidator):  # names of a list that grows with its folder
            known = inspect.getclosurevars(item.func).nonlocals.get("known", ())
            return " \\| ".join(f"`{name}`" for name in known) or "text"
    text = words(annotation)
    none = ", or none" if text.endswith(", or none") else ""
    text = text.removesuffix(none)
    limits = dict.fromkeys(limit for item in metadata for limit in limits_of(item, letters=text == "text"))
    return ", ".join([text, *limits]) + none


def words(annotation: Any) -> str:
    """Return a type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return takes(arguments[0], annotation.__metadata__)
    if origin in (Union, types.UnionType):
        members = dict.fromkeys(words(member) for member in arguments if member is not type(None))
        return " or ".join(members) + (", or none" if type(None) in arguments else "")
    if origin is Literal:
        return " \\| ".join(f"`{value}`" for value in arguments)
    if origin is dict:
        return f"mapping of {words(arguments[0])} to {words(arguments[1])}"
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"list of {words(arguments[0])}"
        return f"{len(arguments)} times {words(arguments[0])}"
    if models_in(annotation):
        return "settings"
    return PLAIN.get(annotation, getattr(annotation, "__name__", str(annotation)))


def limits_of(item: Any, letters: bool) -> Iterator[str]:
    """Yield what a constraint says; those of pydantic's own aliases are fields themselves."""
    what = "letters" if letters else "of them"
    for inner in getattr(item, "metadata", ()):
        yield from limits_of(inner, letters)
    for name, text in (
        ("gt", "above {}"),
        ("ge", "{} or more"),
        ("lt", "below {}"),
        ("le", "{} at most"),
        ("min_length", f"{{}} or more {what}"),
        ("max_length", f"{{}} {what} at most"),
    ):
        value = getattr(item, name, None)
        if value is not None and not isinstance(item, FieldInfo):
            yield text.format(f"{value:,}" if isinstance(value, int) else value)


def default_of(field: FieldInfo) -> str:
    """Return a default as YAML would write it; "needed" where there is none."""
    value = field.default
    if value is PydanticUndefined:
        return "needed"
    if isinstance(value, BaseModel):
        return f"`{kind_of(type(value))}`" if {"kind", "backend"} & set(type(value).model_fields) else "see below"
    if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        return ", ".join(f"`{kind_of(type(item))}`" for item in value)
    return f"`{as_yaml(value)}`"


def as_yaml(value: Any) -> str:
    """Return a plain value as YAML in one line."""
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(as_yaml, value))}]"
    if isinstance(value, bool) or value is None:
        return str(value).lower().replace("none", "null")
    if isinstance(value, dict):
        return "{}" if not value else "{" + ", ".join(f"{key}: {as_yaml(item)}" for key, item in value.items()) + "}"
    return '""' if value == "" else str(value)


def table(part: Part) -> str:
    """Return a section of the page."""
    texts = said(part.model)
    about = " ".join((inspect.getdoc(part.model) or "").split("\n\n")[0].split())
    lines = [f"## {part.title}", "", fill(about, 120, break_long_words=False, break_on_hyphens=False), ""]
    lines += ["| setting | takes | default | |", "|---|---|---|---|"]
    for name, field in part.model.model_fields.items():
        chooses = name in ("kind", "backend") and len(get_args(field.annotation)) == 1
        text = "Chooses this kind." if chooses and name not in texts else texts.get(name, "")
        cells = (f"`{name}`", takes(field.annotation, field.metadata), default_of(field), text.replace("|", "\\|"))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def page() -> str:
    """Return the whole page."""
    return HEAD + "\n\n".join(table(part) for part in parts()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
