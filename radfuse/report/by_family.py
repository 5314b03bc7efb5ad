"""Tables of a row per family, whatever is predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.printed import interval, number
from radfuse.results import Interval, Measured


def table_of(performance: Sequence[Measured], columns: Mapping[str, str]) -> pd.DataFrame:
    """Return measures of each family; what is pooled over test folds stands there where there are several.

    Args:
        performance: of each family.
        columns: title -> name of the measure.
    """
    several = any(len(item.fold_values) > 1 for item in performance)
    shown = {title: name for title, name in columns.items() if several or not title.startswith("pooled")}
    return pd.DataFrame(
        [
            {
                "family": item.family,
                **{
                    title: _told(getattr(item, name), item.places.get(title.partition(" (")[0], 3))
                    for title, name in shown.items()
                },
            }
            for item in performance
        ]
    )


def transport(report: EvaluationReport, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return measures on other patients beside those of the study; columns as of `table_of`."""
    rows = []
    for item in report.performance:
        before, row = report.before[item.family], {"family": item.family}
        for title, name in columns.items():
            row |= {f"{title} at training (nested)": _told(getattr(before, name))}
            row |= {f"{title} here": _told(getattr(item, name))}
        rows.append(row)
    return pd.DataFrame(rows)


def _told(value: Interval | float | None, digits: int = 3) -> str:
    return interval(value, digits) if isinstance(value, Interval) else number(value, digits)
