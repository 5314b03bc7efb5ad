"""The report of how far features hold when image and mask are disturbed, and between readers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.agreement import (
    bland_altman,
    means_table,
    summary_of,
    summary_table,
    tolerances,
    volumes_table,
    worst_table,
)
from radfuse.report.printed import number, percent
from radfuse.report.render import Part, page_files, render
from radfuse.report.svg import multiples

_COUNTS = {2: "Two", 3: "Three", 4: "Four", 5: "Five"}
_ORDINALS = {"first": "the first reader", "second": "the second reader"}
"""What readers are called whose names a study does not tell."""


def stability_report(title: str, table: pd.DataFrame, masks: pd.DataFrame | None = None) -> dict[str, str | bytes]:
    """Return stability.csv, readers.csv, index.html, tables/*.csv and figures/*.svg, name -> text.

    Args:
        title: of the page.
        table: a row per source and feature, with icc11, icc21, icc31 and their limits.
        masks: of each two readers, and of each reader twice, a row per case, pair (`reader`, `other`) and label, as
            `agreement.summary_of` takes them; empty or None without.
    """
    whole, panels = stability_curves(table)
    figures = {"curves": whole}
    tables = {"classes": stability_table(table)}
    compared: list[dict[str, Any]] = []
    if masks is not None and len(masks):
        again = masks["reader"] == masks["other"]
        for key, rows in (("masks", masks[~again]), ("repeats", masks[again])):
            if len(rows):
                part, drawn, told = _compared(key, rows)
                compared.append(part)
                figures |= drawn
                tables |= told
    page = render(
        "stability.html",
        title=title,
        cases=int(table["cases"].max()),
        copies=int(table.loc[table["source"] == "perturbation", "copies"].max()) - 1,
        readers=_title(table, "readers").lower() if (table["source"] == "readers").any() else "",
        repeats=bool(table["source"].str.startswith("repeats:").any()),
        features=int((table["source"] == "perturbation").sum()),
        missing=table.loc[table["reason"] != "", "reason"].value_counts().to_dict(),
        panels=panels,
        compared=compared,
        sources=[_title(table, name) for name in _sources(table)],
        tables=tables,
    )
    files = page_files(page, {"": Part("", page, figures, tables)})
    if masks is not None and len(masks):
        files["readers.csv"] = str(masks.to_csv(index=False))
    return {"stability.csv": str(table.to_csv(index=False)), **files}


def _compared(key: str, masks: pd.DataFrame) -> tuple[dict[str, Any], dict[str, str], dict[str, pd.DataFrame]]:
    """Return what a page says of masks that are held against each other, with its figures and tables.

    Args:
        key: begins the names of figures and tables.
        masks: those of each two readers, or those of the same reader.
    """
    names = list(dict.fromkeys([*masks["reader"], *masks["other"]]))
    again = key == "repeats"
    several = len(masks[["reader", "other"]].drop_duplicates()) > 1
    one, other = masks["reader"].map(_called), masks["other"].map(_called)
    second = other + " again" if again else other
    labels = masks["label"] + ": " + (one if again else second + " and " + one) if several else masks["label"]
    rows = masks.assign(label=labels)
    what = dict(zip(rows["label"], zip(second.map(_short), one.map(_short), strict=True), strict=True))
    summary = summary_of(rows)
    drawn, panels, shown = bland_altman(rows, what)
    tables = {
        key: summary_table(summary),
        f"{key}_means": means_table(summary),
        f"{key}_volumes": volumes_table(rows),
        f"{key}_worst": worst_table(rows),
    }
    title = "Masks drawn once more" if again else f"Masks of {_COUNTS.get(len(names), str(len(names))).lower()} readers"
    pair = "" if several else f"{second.iloc[0]} against {one.iloc[0]}"
    part = {"key": key, "title": title, "panels": panels, "labels": shown, "pair": pair, "again": again}
    part["tolerance"] = tolerances(masks)
    return part, {f"{key}_volumes": drawn}, tables


def _called(reader: str) -> str:
    return _ORDINALS.get(reader, reader)


def _short(name: str) -> str:
    """Return a name fit for an axis."""
    return name.removeprefix("the ")


def _title(table: pd.DataFrame, source: str) -> str:
    """Return what a panel is of."""
    kind, _, reader = source.partition(":")
    if kind == "repeats":
        return f"{_called(reader).replace('the ', 'The ', 1) if reader in _ORDINALS else reader}, twice"
    if kind == "readers":
        count = int(table.loc[table["source"] == source, "copies"].iloc[0])
        return f"{_COUNTS.get(count, str(count))} readers"
    return "Disturbed copies"


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
        axes.set_xlabel("features, sorted, %")
        axes.set_ylabel("ICC(2,1), 95% CI")
        axes.set_title(_title(table, source), loc="left")

    return multiples(_sources(table), draw)


def _sources(table: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(table["source"]))


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
                "source": _title(table, source),
                "features": len(part),
                "median ICC(2,1)": number(part["icc21"].median()),
                "good (lower limit ≥ 0.75)": percent((low >= 0.75).mean()),
                "excellent (≥ 0.90)": percent((low >= 0.9).mean()),
            }
        )
    return pd.DataFrame(rows)
