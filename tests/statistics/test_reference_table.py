"""The reference table: ours, the reference, the difference, for whatever has a published number."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from realdata import real_file
from sklearn.linear_model import LogisticRegression

from radfuse.statistics.auc import auc_covariance, auc_difference
from radfuse.statistics.brier import brier
from radfuse.statistics.calls import calls
from radfuse.statistics.decision import decision_curve
from radfuse.statistics.goodness import hosmer_lemeshow
from radfuse.statistics.icc import IccForm, icc
from radfuse.statistics.kappa import kappa
from radfuse.statistics.mcnemar import mcnemar
from radfuse.statistics.reclassification import reclassification


class Row(NamedTuple):
    """One number: its source, ours, the reference, and how far apart they may be (half of the last digit printed)."""

    name: str
    source: str
    ours: float
    reference: float
    allowed: float


def cells(table: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the row and the column of each unit of a table of counts."""
    counts = np.array(table)
    rows, columns = np.indices(counts.shape)
    return np.repeat(rows.ravel(), counts.ravel()), np.repeat(columns.ravel(), counts.ravel())


def decisions() -> Iterator[Row]:
    cohort = pd.read_csv(real_file("tables/dcurves/df_binary.csv"))
    expected = pd.read_csv(real_file("tables/dcurves/r_dca_famhistory.csv")).dropna(subset="net_benefit")
    theirs = expected[(expected["variable"] == "famhistory") & expected["threshold"].between(0.001, 0.999)]
    known = (cohort["cancer"].astype(int), cohort["famhistory"], theirs["threshold"], cohort["patientid"])
    ours = decision_curve(*known).net_benefit
    for place in (0, len(theirs) // 2, len(theirs) - 1):
        at = theirs["threshold"].iloc[place]
        yield Row(f"net benefit at {at:g}", "R dcurves", ours[place], theirs["net_benefit"].iloc[place], 1e-9)
    worst = float(np.abs(ours - theirs["net_benefit"]).max())
    yield Row(f"largest difference of {len(theirs)} thresholds", "R dcurves", worst, 0.0, 1e-9)


def goodness() -> Iterator[Row]:
    cars = pd.read_csv(real_file("tables/mtcars.csv"))
    x, y = cars[["wt", "hp"]], cars["am"]
    p = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000, solver="newton-cholesky").fit(x, y).predict_proba(x)
    found = hosmer_lemeshow(y, p[:, 1], 6, held_out=False)
    assert found is not None
    source = "R ResourceSelection, mtcars"
    yield Row("Hosmer-Lemeshow chi2", source, found.statistic, 2.3502, 5e-5)
    yield Row("Hosmer-Lemeshow df", source, found.degrees, 4, 0)
    yield Row("Hosmer-Lemeshow p", source, found.p, 0.6717, 5e-5)


def reclassified() -> Iterator[Row]:
    middle = np.array([0.03, 0.1, 0.5])
    events = cells([[39, 15, 0], [4, 87, 14], [0, 3, 21]])
    others = cells([[1959, 142, 0], [148, 703, 31], [1, 25, 72]])
    old, new = (middle[np.concatenate([events[i], others[i]])] for i in (0, 1))
    y = np.repeat([1, 0], [len(events[0]), len(others[0])])
    found = reclassification(y, old, new, np.arange(len(y)), cuts=(0.06, 0.2))
    yield Row("NRI", "Pencina 2008", found.nri.value, 0.1205, 5e-5)
    yield Row("NRI z", "Pencina 2008", found.z, 3.616, 5e-4)


def agreement() -> Iterator[Row]:
    judges = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    published: dict[IccForm, float] = {"1,1": 0.17, "2,1": 0.29, "3,1": 0.71, "1,k": 0.44, "2,k": 0.62, "3,k": 0.91}
    for form, value in published.items():
        yield Row(f"ICC({form})", "Shrout, Fleiss 1979", icc(judges, form), value, 5.1e-3)
    cohen = cells([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    yield Row("kappa", "Cohen 1960", kappa(*cohen, weights="none").value, 0.492, 5e-4)
    weighed = kappa(*cells([[0, 0, 0], [5, 16, 3], [8, 12, 28]]), weights="linear")
    yield Row("kappa, linear weights", "SAS PROC FREQ", weighed.value, 0.2895, 5e-5)
    error = (weighed.high - weighed.low) / 2 / 1.959964 * np.sqrt(71 / 72)
    yield Row("its standard error", "SAS PROC FREQ", error, 0.0756, 5e-5)


def paired() -> Iterator[Row]:
    table = pd.read_csv(real_file("tables/asah.csv"))
    for marker, z, p in (
        ("s100b", 2.20898359144091, 0.0271757822291882),
        ("ndka", 2.79777591868904, 0.00514557970691098),
    ):
        part = auc_covariance(table["outcome"] == "Poor", table[["wfns", marker]])
        _, found_z, found_p = auc_difference(part, 0, 1)
        yield Row(f"DeLong z, wfns and {marker}", "pROC, aSAH", found_z, z, 1e-11)
        yield Row(f"DeLong p, wfns and {marker}", "pROC, aSAH", found_p, p, 1e-11)
    first, second = cells([[794, 150], [86, 570]])
    yield Row("McNemar z2", "Agresti 2013", mcnemar(first == 0, second == 0)[0], 17.36, 5e-3)
    discordant = [0, 0, 1, 1, 2, 3, 4, 5, *range(21)]
    right = np.arange(29) >= 7
    glands = mcnemar(right, np.arange(29) != 7, discordant)[0]
    yield Row("McNemar by patient", "Durkalski 2003, units rebuilt", glands, 2.86, 5e-3)


def by_hand() -> Iterator[Row]:
    parts = brier(np.repeat([1, 0, 1, 0], [1, 9, 7, 3]), np.repeat([0.2, 0.6], 10))
    for name, value in (("reliability", 0.01), ("resolution", 0.09), ("uncertainty", 0.24)):
        yield Row(f"Brier {name}", "by hand", getattr(parts, name), value, 1e-12)
    y, called = cells([[90, 10], [40, 160]])
    found = calls(y == 0, called == 0, np.arange(300)).measures
    for measure, value in (("MCC", 14000 / np.sqrt(130 * 100 * 200 * 170)), ("LR+", 4.5), ("DOR", 36.0)):
        yield Row(measure, "by hand", found[measure].value, value, 1e-12)


@pytest.mark.parametrize("rows", [decisions, goodness, reclassified, agreement, paired, by_hand])
def test_our_number_is_the_published_one(rows, capsys: pytest.CaptureFixture[str]) -> None:
    found = list(rows())
    with capsys.disabled():
        for row in found:
            apart = row.ours - row.reference
            sys.stdout.write(
                f"\n  {row.name:<36} ours {row.ours:>14.8g}  reference {row.reference:>14.8g}  "
                f"difference {apart:>9.1e}  {row.source}"
            )
    for row in found:
        assert abs(row.ours - row.reference) <= row.allowed, row.name
