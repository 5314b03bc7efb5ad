"""Captions of calibration say what its intervals hold."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from radfuse.report.render import render

KINDS = ("", "survival_", "continuous_", "ordinal_", "multiclass_")


@pytest.mark.parametrize("kind", KINDS)
def test_an_interval_over_several_folds_is_said_to_be_wider_and_on_other_patients_not(kind: str) -> None:
    tables = {"calibration": pd.DataFrame({"family": ["a"]}), "calibration_curve": pd.DataFrame({"family": ["a"]})}

    def text(**more: object) -> str:
        report = SimpleNamespace(performance=[SimpleNamespace(family="a", rivals=None, units=80)], colours={}, **more)
        return render(f"sections/{kind}calibration.html", report=report, panels=[], tables=tables)

    wide = "wider by the overlap of training sets"
    assert wide in text(results=SimpleNamespace(outer_folds=5))
    assert wide not in text(results=SimpleNamespace(outer_folds=1))
    assert wide not in text()
