"""The section: why a family has no nomogram, which is drawn where one is asked for, what is too large for a page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from radfuse.report.render import Part
from radfuse.report.sections import nomogram
from radfuse.report.study import StudyReport
from radfuse.results import Explanation, FittedFamily, Score
from radfuse.results.score import ScoreColumn, Terms

AGE = ScoreColumn(name="age", block="clinical", missing=50, mean=50, scale=10, low=20, high=80, whole=True)
SCORE = Score(columns=(AGE,), sum=Terms(intercept=0.0, columns=(0,), coefficients=(1.0,)))


def section(asked: str | None = None, primary: str | None = None, **score: Score | None) -> Part:
    said = Explanation(measure="coefficient", unit="log odds", columns=(), formula="score = 0")
    final = {
        name: FittedFamily(
            family=name,
            fold="all",
            explanation=said,
            threshold=0.4,
            tuned={},
            inner_auc=0.7,
            columns_in=1,
            score=own,
            no_score="" if own else "knn is no sum of terms; set fusion.classifier to logistic",
        )
        for name, own in score.items()
    }
    report: Any = SimpleNamespace(
        title="T",
        outcome="o",
        event="1",
        performance=[SimpleNamespace(family=name) for name in score],
        colours=dict.fromkeys(score, "#000000"),
        final=final,
        blocks={"clinical": 1, "radiomic": 1, "deep": 1},
        levels={},
        nomogram=asked,
        primary=primary,
    )
    return nomogram.study(cast("StudyReport", report))


def test_families_without_terms_say_why_and_what_to_choose() -> None:
    flat = SCORE.model_copy(update={"sum": Terms(intercept=0.0, columns=(0,), coefficients=(0.0,))})
    part = section(clinical=SCORE, radiomic=None, deep=flat)
    assert set(part.figures) == {"nomogram_clinical"}
    text = " ".join(part.html.split())
    assert "<b>No nomogram of radiomic</b>: Knn is no sum of terms; set fusion.classifier to logistic." in text
    assert "<b>No nomogram of deep</b>: Every coefficient is 0" in text
    alone = section(radiomic=None)
    assert "<script>" not in alone.html
    assert "Read the points" not in alone.html


def test_the_family_asked_for_is_drawn_alone_and_the_primary_one_first() -> None:
    assert set(section("b", a=SCORE, b=SCORE).figures) == {"nomogram_b"}
    part = section(None, "b", a=SCORE, b=SCORE)
    assert part.html.index("Nomogram of b") < part.html.index("Nomogram of a")
    assert set(part.files) == {f"calculators/{name}.html" for name in "ab"}


def test_a_large_calculator_is_a_file_beside_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nomogram, "_LARGEST", 10)
    part = section(a=SCORE)
    assert "stands in calculators/a.html" in part.html
    assert 'class="calculator"' not in part.html
    assert 'class="calculator"' in str(part.files["calculators/a.html"])


def test_a_blocks_score_is_printed_with_the_digits_that_matter() -> None:
    columns = {
        "column": ["(constant)", "a"],
        "coefficient": [-0.0000123456789, 2.0],
        "missing value": [None, 0.1 + 0.2],
    }
    shown = nomogram.printed(pd.DataFrame({"score": "s", **columns}))
    assert shown.to_numpy().tolist() == [["(constant)", "−1.2346e-05", "–"], ["a", "2", "0.3"]]
