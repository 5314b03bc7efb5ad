"""Agreement over cases: quartiles with missed cases as the worst, means by patient, figures and the page."""

from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest

from radfuse.report.agreement import (
    MOST_PANELS,
    bland_altman,
    dice_strips,
    means_table,
    parts_table,
    quartiles,
    summary_of,
    summary_table,
    tolerances,
    volumes_table,
    worst_table,
)
from radfuse.report.masks import MasksReport, masks_report
from radfuse.report.study import Made
from radfuse.results import Failure, MaskAgreement
from radfuse.seg.compare import nowhere


def rows(labels: tuple[str, ...] = ("bone",)) -> pd.DataFrame:
    """Five cases of three patients a label, the last one missed: Dice 0.5, 0.6, 0.7, 0.8, 0; HD95 1, 2, 3, 4, none."""
    found = []
    for label in labels:
        for number, (dice, distance) in enumerate(zip((0.5, 0.6, 0.7, 0.8, 0.0), (1, 2, 3, 4, math.inf), strict=True)):
            missed = dice == 0
            values = MaskAgreement(
                dice=dice,
                iou=dice / (2 - dice),
                hd95_mm=distance,
                assd_mm=distance / 2,
                surface_dice=dice,
                tolerance_mm=1.0,
                reference_mm3=2000,
                other_mm3=0 if missed else 2000 + 100 * number,
                components_found=0 if missed else 1,
                components_missed=int(missed),
                components_false=int(number == 1),
            )
            found.append({"case": f"c{number}", "patient": f"p{number // 2}", "label": label, **values.row()})
    return pd.DataFrame(found)


def test_tolerances_are_told_once_and_by_label_where_they_differ() -> None:
    known = rows(("bone", "cartilage", "meniscus"))
    assert tolerances(known) == "1"
    known.loc[known["label"] == "cartilage", "tolerance_mm"] = 0.5
    assert tolerances(known) == "1 (cartilage: 0.5)"


def test_missed_cases_are_the_worst_of_distances() -> None:
    assert quartiles(np.array([1.0, 2, 3, 4, math.inf])) == (2, 3, 4)
    assert quartiles(np.array([1.0, math.inf, math.inf])) == (math.inf, math.inf, math.inf)
    assert quartiles(np.array([-0.5, -0.1, 0.1, math.inf]))[:2] == pytest.approx((-0.2, 0.0))


def test_the_summary_counts_what_has_no_distance_and_averages_the_rest() -> None:
    known = summary_of(rows()).set_index("metric")
    assert known.loc["dice", ["cases", "infinite", "median"]].tolist() == [5, 0, 0.6]
    assert known.loc["dice", "mean"] == pytest.approx(0.52)
    assert known.loc["hd95_mm", ["cases", "infinite", "median", "mean"]].tolist() == [5, 1, 3.0, 2.5]
    assert known.loc["hd95_mm", "mean_low"] == 1.5  # of two patients with distances, the first drawn twice
    assert known.loc["volume_error_share", "q1"] == 0


def empty(case: str, label: str) -> pd.DataFrame:
    """A case whose two masks lack a label."""
    return pd.DataFrame([{"case": case, "patient": case, "label": label, **nowhere(1.0).row()}])


def test_cases_that_both_lack_a_label_are_counted_and_left_out() -> None:
    known = pd.concat([rows(), *(empty(f"e{number}", "bone") for number in range(9)), empty("e0", "meniscus")])
    summary, alone = summary_of(known), summary_of(rows())
    bone = summary[summary["label"] == "bone"]
    assert (bone["cases"] == 14).all()
    assert (bone["with_label"] == 5).all()
    pd.testing.assert_frame_equal(bone.drop(columns="cases"), alone.drop(columns="cases"))
    table = summary_table(summary)
    assert table[["label", "cases", "Dice"]].to_numpy().tolist() == [
        ["bone", "5 of 14", "0.600 (0.500–0.700)"],
        ["meniscus", "0 of 1", "–"],
    ]
    assert parts_table(known, ("B", "A"))["neither"].tolist() == ["9", "1"]
    assert bland_altman(known, ("B", "A"))[2] == ["bone"]
    assert volumes_table(known)["cases"].tolist() == ["5"]
    assert worst_table(known)["case"].tolist() == ["c4", "c0", "c1", "c2", "c3"]
    page = page_of(known)["index.html"]
    assert "5 of 14" in page
    assert "labels.</p>" not in page  # "The first 1 of 2 labels."
    assert "figures/volumes.svg" not in page_of(empty("e0", "bone"))


def test_tables_as_printed() -> None:
    summary = summary_of(rows())
    table = summary_table(summary)
    assert table.loc[0, ["label", "cases", "Dice", "HD95, mm"]].tolist() == [
        *("bone", "5", "0.600 (0.500–0.700)", "3.00 (2.00–4.00)")
    ]
    assert means_table(summary).loc[0, "HD95, mm"] == "2.50 (1.50–3.50)"
    assert parts_table(rows(), ("B", "A")).loc[0].to_dict() == {
        "label": "bone",
        "A alone": "1",
        "B alone": "0",
        "neither": "0",
        "parts found": "4",
        "missed": "1",
        "false": "1",
    }
    assert worst_table(rows()).loc[0, ["case", "HD95, mm", "volume, %"]].tolist() == ["c4", "∞", "−100.0"]


def test_figures_are_by_label_and_not_too_many() -> None:
    assert ">bone<" in dice_strips(rows(("bone", "cartilage")))
    whole, panels, drawn = bland_altman(rows(("bone", "cartilage")), ("predicted", "manual"))
    assert (len(panels), drawn) == (2, ["bone", "cartilage"])
    assert "predicted − manual, ml" in whole
    assert len(bland_altman(rows(tuple(f"l{k}" for k in range(MOST_PANELS + 2))), ("a", "b"))[1]) == MOST_PANELS


def test_one_case_has_a_page_too() -> None:
    one = rows().tail(1)
    files = page_of(one)
    assert "∞" in files["index.html"]
    assert np.isinf(pd.read_csv(io.StringIO(files["metrics.csv"])).loc[0, "hd95_mm"])


def page_of(table: pd.DataFrame) -> dict[str, str]:
    made = Made("2026-11-25", "0.2.0", "radfuse compare-masks A B")
    return masks_report(
        MasksReport(
            "A", "B & co", table, summary_of(table), True, ["one of them"], [Failure(item="x", error="bad")], made
        )
    )


def test_the_page_is_whole() -> None:
    files = page_of(rows(("bone", "cartilage")))
    figures = [f"figures/{name}.{end}" for name in ("dice", "volumes") for end in ("svg", "pdf")]
    assert list(files) == ["metrics.csv", "summary.csv", "index.html", *figures]
    page = files["index.html"]
    for part in ("B &amp; co against A", "<b>3</b><span>patients", "One of them.", "<b>x</b>: bad", "Metrics reloaded"):
        assert part in page
    assert "nan" not in page.split("</style>")[1].split()
