"""What a family looks at: contributions on held-out units, what shuffling costs, and which parts carry the signal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.confusion import short_name
from radfuse.report.contributions import Way, beeswarm, dependence, heat_map, waterfall
from radfuse.report.palette import Look, block_looks
from radfuse.report.printed import interval, number, percent
from radfuse.report.render import Part, render
from radfuse.report.sections.features import DEEP
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import FittedFamily
from radfuse.results.explained import ExplainedFamily
from radfuse.results.numbers import decimals

_SHOWN, _DEPENDENCE, _CLUSTERS = 20, 6, 10
_OF_CLASS, _BY_CLASS = 10, 15
"""Columns shown of each class of several, and of all together."""


def study(report: StudyReport) -> Part:
    """Return what each explained family looks at."""
    figures: dict[str, str] = {}
    tables: dict[str, pd.DataFrame] = {}
    shown = []
    measure, scale = (report.performance[0].measure, report.performance[0].scale) if report.performance else ("", "")
    if any(found.level for found in report.explained):
        measure, scale = "AUC", f"{scale} against the rest"
    silent = [found for found in report.explained if not found.columns]
    for number_, found in enumerate(report.explained):
        if not found.columns:
            continue
        key = (
            f"{found.family}_{number_ + 1}_{re.sub('[^A-Za-z0-9]+', '-', found.level)}" if found.level else found.family
        )
        drawn = figures_of(found, list(report.blocks), report.looks, scale)
        told = tables_of(found, [] if found.level else report.folds.get(found.family, ()), measure)
        figures |= {f"explanation_{key}_{name}": svg for name, svg in drawn["files"].items()}
        tables |= {f"explanation_{key}_{name}": table for name, table in told.items()}
        some = told["columns"].head(_OF_CLASS if found.level else _SHOWN).drop(columns="rise in loss")
        own = {"columns": some, "blocks": told["blocks"]} if found.level else {**told, "columns": some}
        shown.append({"found": found, "key": key, "drawn": drawn, "tables": own})
    families = dict.fromkeys(found.family for found in report.explained if found.level and found.columns)
    maps = {name: by_class(report.explained, name) for name in families}
    figures |= {f"explanation_{name}_by_class": heat_map(cells) for name, cells in maps.items()}
    words: dict[str, Any] = {"measure": measure, "scale": scale, "stable": stable, "silent": silent}
    words["each_its_own"] = lambda found: _each_its_own(found, report)
    narrow = {name: heat_map(cells, narrow=True) for name, cells in maps.items()}
    html = render("sections/explanation.html", shown=shown, report=report, figures=figures, narrow=narrow, **words)
    return Part("Explanation", html, figures, tables)


def by_class(explained: Sequence[ExplainedFamily], family: str) -> dict[tuple[str, str], float]:
    """Return (column, class) -> mean absolute contribution, of the columns of a family that tell any class most."""
    own = [found for found in explained if found.family == family]
    sizes = {(column.name, found.level): column.size for found in own for column in found.columns}
    top = list(dict.fromkeys(name for name, _ in sorted(sizes, key=lambda cell: -sizes[cell])))[:_BY_CLASS]
    return {(name, short_name(found.level)): sizes.get((name, found.level), 0.0) for name in top for found in own}


def figures_of(
    found: ExplainedFamily, blocks: Sequence[str], families: Mapping[str, Look], scale: str
) -> dict[str, Any]:
    """Return the figures of a family: `files` by name, and how the page shows them; `scale` is what scores are in.

    Of a class of several it is the beeswarm alone.
    """
    unit = f"score ({scale})"
    if found.level:
        swarms = [beeswarm(found, _OF_CLASS, narrow=narrow, unit=unit) for narrow in (False, True)]
        return {"swarm_narrow": swarms[1], "files": {"beeswarm": swarms[0]}}
    colours = block_looks([*blocks, *(column.block for column in found.columns)], families)
    count = min(_DEPENDENCE, int((np.ptp(found.contributions, axis=0) > 0).sum()))

    def draw(axes: Any, column: int) -> None:
        dependence(axes, found, column, colours[found.columns[column].block].colour)

    whole, panels = multiples(range(count), draw) if count else ("", [])
    cases = ways_of(found)
    drawn: dict[str, Any] = {
        "panels": panels,
        "panel_names": [column.name for column in found.columns[:count]],
        "swarm_narrow": beeswarm(found, _SHOWN, narrow=True, unit=unit),
        "cases": [(way.title, waterfall(way, unit=unit), waterfall(way, narrow=True, unit=unit)) for way in cases],
    }
    files = {"beeswarm": beeswarm(found, _SHOWN, unit=unit)}
    files |= {"dependence": whole} if whole else {}
    files |= {f"case{i + 1}": wide for i, (_, wide, _) in enumerate(drawn["cases"])}
    if len(found.cells) > 1:
        files["regions"] = heat_map(found.cells)
        drawn["regions_narrow"] = heat_map(found.cells, narrow=True)
    return {**drawn, "files": files}


def ways_of(found: ExplainedFamily) -> list[Way]:
    """Return the cases with the lowest, the median and the highest score."""
    order = np.argsort(found.score, kind="stable")
    picked = dict.fromkeys((int(order[-1]), int(order[len(order) // 2]), int(order[0])))
    words = dict(
        zip((int(order[0]), int(order[len(order) // 2]), int(order[-1])), ("lowest", "median", "highest"), strict=True)
    )
    names = [column.name for column in found.columns]
    return [
        Way(
            f"{found.units[i]}, {words[i]} score",
            float(found.base[i]),
            names,
            found.values[i],
            found.contributions[i],
            float(found.absence[i]),
        )
        for i in picked
    ]


def tables_of(found: ExplainedFamily, fits: Sequence[FittedFamily], measure: str) -> dict[str, pd.DataFrame]:
    """Return tables of columns, blocks, families of features and clusters; `measure` names the discrimination."""
    digits = decimals(max((column.size for column in found.columns), default=0.0))  # of the outcome's own unit
    chosen: dict[str, int] = {}
    for fit in fits:
        used = {*(column.name for column in fit.explanation.columns), *fit.explanation.made_of}
        chosen |= {name: chosen.get(name, 0) + 1 for name in used}
    columns = [
        {
            "column": column.name,
            "block": column.block,
            "mean |contribution|": number(column.size, digits),
            "share": percent(column.share, 1),
            "higher values": _direction(column.direction),
            "folds": f"{chosen.get(column.name, column.folds)}/{len(fits) or len(found.stability)}",
            f"drop in {measure}": interval(column.auc, 3),
            "rise in loss": interval(column.loss, 3),
        }
        for column in found.columns
    ]
    blocks = [
        {
            "block": item.block,
            "columns": f"{item.columns:,}",
            "mean |contribution|": number(item.size, digits),
            "share": percent(item.share, 1),
            f"drop in {measure}": interval(item.auc, 3),
            "rise in loss": interval(item.loss, 3),
        }
        for item in found.blocks
    ]
    families = [
        {
            "by": item.part,
            "name": item.name,
            "columns": f"{item.columns:,}",
            "mean |contribution|": number(item.size, digits),
            "share": percent(item.share, 1),
        }
        for item in found.families
    ]
    clusters = [
        {
            "columns that rank alike": ", ".join(item.columns[:4]) + _more(len(item.columns) - 4),
            "together": number(item.size, digits),
            "largest alone": number(item.alone, digits),
        }
        for item in found.clusters[:_CLUSTERS]
    ]
    every = {"columns": columns, "blocks": blocks, "features": families, "clusters": clusters}
    return {name: pd.DataFrame(rows) for name, rows in every.items() if rows}


def stable(found: ExplainedFamily) -> Mapping[str, str]:
    """Return the mean, the lowest and the highest correlation of importances between folds; empty with one fold."""
    count = len(found.stability)
    values = found.stability[np.triu_indices(count, 1)]
    values = values[np.isfinite(values)]
    if not len(values):
        return {}
    return {"mean": number(values.mean(), 2), "low": number(values.min(), 2), "high": number(values.max(), 2)}


def _each_its_own(found: ExplainedFamily, report: StudyReport) -> bool:
    """Return whether columns of a family are channels of a network that each test fold trained anew."""
    return (
        report.settings.get("deep") is not None
        and len(found.stability) > 1
        and any(DEEP.search(column.name) for column in found.columns)
    )


def _direction(value: float | None) -> str:
    """Return what higher values do, in a word."""
    if value is None or abs(value) < 0.3:
        return "mixed"
    return "raise" if value > 0 else "lower"


def _more(count: int) -> str:
    return f" and {count:,} more" if count > 0 else ""
