"""A drawn curve is the AUC it stands for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radfuse.report.sections.discrimination import _mean_roc
from radfuse.statistics.auc import auc


def test_the_drawn_curve_has_the_area_of_the_auc() -> None:
    generator = np.random.default_rng(1)
    y = generator.integers(0, 2, 400)
    p = generator.random(400) * 0.6 + 0.4 * y * generator.random(400)
    rows = pd.DataFrame({"fold": "1", "outcome": y, "probability": p})
    assert np.trapezoid(_mean_roc(rows), dx=0.01) == pytest.approx(auc(y, p), abs=0.01)
