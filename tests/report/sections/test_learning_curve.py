"""What a learning curve says of more patients."""

from __future__ import annotations

import pytest

from radfuse.report.sections.learning_curve import told
from radfuse.results import LearningPoint
from radfuse.statistics.learning import PowerLaw


@pytest.mark.parametrize(("limit", "levels"), [(0.84, True), (0.999, False), (1.0, False)])
def test_a_curve_that_does_not_bend_yet_is_not_said_to_level_off(limit: float, levels: bool) -> None:
    point = LearningPoint(family="deep", share=1.0, draw=1, patients=100.0, events=40.0, value=0.7)
    text = told("deep", [point], PowerLaw(limit, 1.0, 0.25), "C")
    assert text.startswith("deep: 0.70 with 100 training patients; with 200, C would be about ")
    assert ("level off" in text) is levels
