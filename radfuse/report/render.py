"""Templates filled in, and figures put into a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from radfuse.errors import counted
from radfuse.report.methods.words import unit_word
from radfuse.report.printed import interval, number, sentence
from radfuse.report.svg import Picture
from radfuse.results.measured import folds_told

_LONG = 24
"""Letters of a name that a narrow table may break."""


@dataclass(frozen=True)
class Part:
    """What a section adds to a page.

    Attributes:
        title: in the navigation.
        html: empty where there is nothing to show.
        figures: name -> SVG, as `to_svg` returns it, for a folder beside the page.
        tables: name -> table, for a folder beside the page.
        facts: what it is of -> number, for the head of the page.
        files: name -> content, for the folder of the page.
    """

    title: str
    html: Markup
    figures: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str | bytes] = field(default_factory=dict)


def render(template: str, **content: Any) -> Markup:
    """Return a template of `templates/` filled in."""
    return Markup(environment().get_template(template).render(**content))  # noqa: S704  our own templates, escaped


@lru_cache
def environment() -> Environment:
    """Return what knows the templates, read once, and what they may call."""
    found = Environment(
        loader=PackageLoader("radfuse.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["number"] = number
    found.filters["interval"] = interval
    found.filters["sentence"] = sentence
    found.filters["breakable"] = _breakable
    found.globals["svg"] = _figure
    found.globals["counted"] = counted
    found.globals["folds_told"] = folds_told
    found.globals["unit_word"] = unit_word
    return found


def _breakable(cell: Any) -> Any:
    """Return a cell whose long name, as of a feature, may break where its parts join; other cells as they are."""
    if not isinstance(cell, str) or len(cell) <= _LONG or " " in cell:
        return cell
    return Markup(re.sub(r"([/_@])", r"\1<wbr>", str(escape(cell))))  # noqa: S704  escaped, and no tag but ours


def page_files(page: str, parts: Mapping[str, Part], journal: bool = True) -> dict[str, str | bytes]:
    """Return the files of a report, name -> content: the page, and its figures and tables beside it.

    Args:
        page: HTML.
        parts: of the page.
        journal: figures stand beside it at the widths of journals, as SVG and PDF; else SVG as on the page.
    """
    files: dict[str, str | bytes] = {"index.html": _numbered(page.rstrip("\n"))}
    for part in parts.values():
        for name, picture in part.figures.items():
            printed = picture.printed() if journal and isinstance(picture, Picture) else {"svg": picture}
            files |= {f"figures/{name}.{end}": content for end, content in printed.items()}
        files |= {f"tables/{name}.csv": str(table.to_csv(index=False)) for name, table in part.tables.items()}
        files |= part.files
    return files


def _numbered(page: str) -> str:
    """Return a page whose captions begin with the number of their figure."""
    numbers = count(1)
    return re.sub("<figcaption>", lambda _: f"<figcaption><b>Figure {next(numbers)}.</b> ", page)


def _figure(text: str, name: str, label: str) -> Markup:
    """Return a figure for the page; its ids carry the name, so that several figures share one document."""
    for mark in ('id="', "url(#", 'href="#'):
        text = text.replace(mark, f"{mark}{name}-")
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1))  # noqa: S704  drawn by us
