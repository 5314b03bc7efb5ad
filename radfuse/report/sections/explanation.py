"""What a family looks at: contributions on held-out units, what shuffling costs, and which parts carry the signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.contributions import Way, beeswarm, dependence, heat_map, waterfall
from radfuse.report.palette import looks
from radfuse.report.printed import interval, number
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import FittedFamily
from radfuse.results.explained import ExplainedFamily

_SHOWN, _DEPENDENCE, _CLUSTERS = 20, 6, 10


def study(report: StudyReport) -> Part:
    """Return what each explained family looks at."""
    figures: dict[str, str] = {}
    tables: dict[str, pd.DataFrame] = {}
    shown = []
    measure, scale = (report.performance[0].measure, report.performance[0].scale) if report.performance else ("", "")
    for found in report.explained:
        drawn = figures_of(found, list(report.blocks), scale)
        told = tables_of(found, report.folds.get(found.family, ()), measure)
        figures |= {f"explanation_{found.family}_{name}": svg for name, svg in drawn["files"].items()}
        tables |= {f"explanation_{found.family}_{name}": table for name, table in told.items()}
        shown.append(
            {
                "found": found,
                "drawn": drawn,
                "tables": {**told, "columns": told["columns"].head(_SHOWN).drop(columns="rise in loss")},
            }
        )
    if not shown:
        return Part("Explanation", render("sections/explanation.html", shown=(), report=report))
    words = {"measure": measure, "scale": scale}
    html = render("sections/explanation.html", shown=shown, report=report, stable=stable, **words)
    return Part("Explanation", html, figures, tables)


def figures_of(found: ExplainedFamily, blocks: Sequence[str], scale: str) -> dict[str, Any]:
    """Return the figures of a family: `files` by name, and how the page shows them; `scale` is what scores are in."""
    unit = f"score ({scale})"
    colours = looks(dict.fromkeys([*blocks, *(column.block for column in found.columns)]))
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
    chosen: dict[str, int] = {}
    for fit in fits:
        used = {*(column.name for column in fit.explanation.columns), *fit.explanation.made_of}
        chosen |= {name: chosen.get(name, 0) + 1 for name in used}
    columns = [
        {
            "column": column.name,
            "block": column.block,
            "mean |contribution|": number(column.size, 3),
            "share": f"{column.share:.1%}",
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
            "columns": item.columns,
            "mean |contribution|": number(item.size, 3),
            "share": f"{item.share:.1%}",
            f"drop in {measure}": interval(item.auc, 3),
            "rise in loss": interval(item.loss, 3),
        }
        for item in found.blocks
    ]
    families = [
        {
            "by": item.part,
            "name": item.name,
            "columns": item.columns,
            "mean |contribution|": number(item.size, 3),
            "share": f"{item.share:.1%}",
        }
        for item in found.families
    ]
    clusters = [
        {
            "columns that rank alike": ", ".join(item.columns[:4]) + _more(len(item.columns) - 4),
            "together": number(item.size, 3),
            "largest alone": number(item.alone, 3),
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


def _direction(value: float | None) -> str:
    """Return what higher values do, in a word."""
    if value is None or abs(value) < 0.3:
        return "mixed"
    return "raise" if value > 0 else "lower"


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""
