"""The stability report as files."""

from __future__ import annotations

import io

import pandas as pd

from radfuse.report.stability import stability_report


def test_the_report_is_a_page_a_figure_and_tables() -> None:
    values = {f"icc{kind}{end}": 0.8 for kind in ("11", "21", "31") for end in ("", "_low", "_high")}
    rows = [
        {"source": "perturbation", "feature": f"t1/r/original_glcm_{name}", "cases": 9, "copies": 5, **values}
        for name in ("A", "B")
    ]
    table = pd.DataFrame(rows).assign(reason=["", "constant"])
    files = stability_report("Knees & more", table)
    assert list(files) == ["stability.csv", "index.html", "figures/curves.svg", "tables/classes.csv"]
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(files["stability.csv"]), keep_default_na=False), table)
    assert "Knees &amp; more: stability of features" in files["index.html"]
    assert "1 features: constant" in files["index.html"]
    assert "<b>4</b><span>copies a case</span>" in files["index.html"]
