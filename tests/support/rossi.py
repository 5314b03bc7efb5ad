"""The recidivism table that Cox regressions are checked on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from realdata import real_file

COVARIATES = ("fin", "age", "race", "wexp", "mar", "paro", "prio")


def rossi() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return covariates, weeks and arrests of 432 people, or skip the test."""
    table = pd.read_csv(real_file("tables/rossi.csv"))
    time, event = (table[name].to_numpy(dtype=float) for name in ("week", "arrest"))
    return table[list(COVARIATES)].to_numpy(dtype=float), time, event
