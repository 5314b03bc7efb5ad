"""The report of how far features hold when image and mask are disturbed, and between readers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.agreement import bland_altman, means_table, summary_of, summary_table, worst_table
from radfuse.report.render import Part, page_files, render
from radfuse.report.svg import multiples

SOURCES = {"perturbation": "Disturbed copies", "readers": "Two readers"}


def stability_report(title: str, table: pd.DataFrame, masks: pd.DataFrame | None = None) -> dict[str, str | bytes]:
    """Return stability.csv, readers.csv, index.html, tables/*.csv and figures/*.svg, name -> text.

    Args:
        title: of the page.
        table: a row per source and feature, with icc11, icc21, icc31 and their limits.
        masks: of two readers, a row per case and label, as `agreement.summary_of` takes them; empty or None without.
    """
    whole, panels = stability_curves(table)
    figures = {"curves": whole}
    tables = {"classes": stability_table(table)}
    volumes: list[str] = []
    labels: list[str] = []
    if masks is not None and len(masks):
        summary = summary_of(masks)
        tables |= {"masks": summary_table(masks, summary), "means": means_table(summary), "worst": worst_table(masks)}
        figures["volumes"], volumes, labels = bland_altman(masks, ("second reader", "first reader"))
    page = render(
        "stability.html",
        title=title,
        cases=int(table["cases"].max()),
        copies=int(table.loc[table["source"] == "perturbation", "copies"].max()) - 1,
        readers=bool((table["source"] == "readers").any()),
        features=int((table["source"] == "perturbation").sum()),
        missing=table.loc[table["reason"] != "", "reason"].value_counts().to_dict(),
        panels=panels,
        volumes=volumes,
        labels=labels,
        sources=[SOURCES[name] for name in _sources(table)],
        tables=tables,
    )
    files = page_files(page, {"": Part("", page, figures, tables)})
    if masks is not None and len(masks):
        files["readers.csv"] = str(masks.to_csv(index=False))
    return {"stability.csv": str(table.to_csv(index=False)), **files}


def stability_curves(table: pd.DataFrame) -> tuple[str, list[str]]:
    """Return the ICC(2,1) of all features, sorted, with their confidence limits; a panel for each source.

    Returns:
        All panels as one figure, and each alone.
    """

    def draw(axes: Any, source: str) -> None:
        known = table[(table["source"] == source) & (table["reason"] == "")].sort_values("icc21", ascending=False)
        share = 100 * (np.arange(len(known)) + 1) / max(len(known), 1)
        for limit in (0.75, 0.9):
            axes.axhline(limit, color="#d1d5db", linewidth=1)
        axes.fill_between(share, known["icc21_low"], known["icc21_high"], color="#0072B2", alpha=0.2, linewidth=0)
        axes.plot(share, known["icc21"], color="#0072B2")
        axes.set_ylim(-0.05, 1.02)
        axes.set_xlim(0, 100)
        axes.set_xlabel("features, %")
        axes.set_ylabel("ICC(2,1), 95% CI")
        axes.set_title(SOURCES[source], loc="left")

    return multiples(_sources(table), draw, width=4.6, height=3.4)


def _sources(table: pd.DataFrame) -> list[str]:
    return [name for name in SOURCES if (table["source"] == name).any()]


def stability_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each source and feature class, the shares of features whose ICC(2,1) is good and excellent.

    Good and excellent are judged by the lower confidence limit: at least 0.75 and 0.90 (Koo and Li 2016,
    doi:10.1016/j.jcm.2016.02.012).
    """
    known = table[table["reason"] == ""]
    kind = known["feature"].str.rsplit("_", n=2).str[-2]
    rows = []
    for (source, name), part in known.groupby([known["source"], kind]):
        low = part["icc21_low"]
        rows.append(
            {
                "feature class": name,
                "source": source,
                "features": len(part),
                "median ICC(2,1)": f"{part['icc21'].median():.3f}",
                "good (lower limit >= 0.75)": f"{(low >= 0.75).mean():.0%}",
                "excellent (>= 0.90)": f"{(low >= 0.9).mean():.0%}",
            }
        )
    return pd.DataFrame(rows)
