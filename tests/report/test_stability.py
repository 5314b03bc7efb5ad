"""The stability report as files."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from radfuse.report.stability import stability_report, stability_table
from radfuse.seg.metrics import agreement


def test_the_report_is_a_page_a_figure_and_tables() -> None:
    values = {f"icc{kind}{end}": 0.8 for kind in ("11", "21", "31") for end in ("", "_low", "_high")}
    rows = [
        {"source": "perturbation", "feature": f"t1/r/original_glcm_{name}", "cases": 9, "copies": 5, **values}
        for name in ("A", "B")
    ]
    table = pd.DataFrame(rows).assign(reason=["", "constant"])
    files = stability_report("Knees & more", table)
    figures = ["figures/curves.svg", "figures/curves.pdf"]
    assert list(files) == ["stability.csv", "index.html", *figures, "tables/classes.csv"]
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(files["stability.csv"]), keep_default_na=False), table)
    assert "Knees &amp; more: stability of features" in files["index.html"]
    assert "1 feature: constant" in files["index.html"]
    assert "<b>4</b><span>copies a case</span>" in files["index.html"]


def test_halves_of_the_last_digit_go_up() -> None:
    """One good feature of eight is 12.5 percent, which Python's own format rounds down to the even digit."""
    rows = {"source": "perturbation", "feature": "t1/r/original_glcm_A", "reason": "", "icc21": 0.0625}
    table = pd.DataFrame([rows] * 8).assign(icc21_low=[0.8, *[0.0] * 7])
    assert stability_table(table).iloc[0, 3:].tolist() == ["0.063", "13%", "0%"]


def test_two_readers_masks_are_compared() -> None:
    values = {f"icc{kind}{end}": 0.8 for kind in ("11", "21", "31") for end in ("", "_low", "_high")}
    row = {"feature": "t1/r/original_glcm_A", "cases": 3, "copies": 2, "reason": "", **values}
    table = pd.DataFrame([{"source": source, **row} for source in ("perturbation", "readers")])
    mask = np.zeros((6, 12, 12), dtype=bool)
    mask[2:4, 3:9, 3:9] = True
    found = [
        {
            "case": f"c{i}",
            "patient": f"p{i}",
            "reader": "first",
            "other": "second",
            "label": "tumour",
            **agreement(mask, np.roll(mask, i, 1), (1, 1, 1)).row(),
        }
        for i in range(3)
    ]
    files = stability_report("t", table, pd.DataFrame(found))
    assert pd.read_csv(io.StringIO(files["readers.csv"]))["dice"].tolist() == [1, 5 / 6, 4 / 6]
    assert "Masks of two readers" in files["index.html"]
    assert "figures/masks_volumes.svg" in files
