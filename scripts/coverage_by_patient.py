"""How often intervals of calls, of kappa, of a group's AUC and of the calibration curve hold the truth, by simulation.

Usage: python scripts/coverage_by_patient.py [--patients 100] [--rounds 600]

Two knees a patient whose signals correlate with 0.6; the truth is that of 400,000 patients, of the curve a formula.
Also how often McNemar's test by patient finds a difference at 5 % where there is none.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import norm

from radfuse.statistics.auc import auc_interval
from radfuse.statistics.calls import MEASURES, calls
from radfuse.statistics.curve import calibration_curve
from radfuse.statistics.estimate import Estimate
from radfuse.statistics.kappa import kappa
from radfuse.statistics.mcnemar import mcnemar
from radfuse.statistics.stratified import Groups, grouped_auc

CUT = 0.3
GRADES = (-1, 0, 1)


def knees(patients: int, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return who each knee is of, its outcome, and two scores, all of one signal."""
    who = np.repeat(np.arange(patients), 2)

    def part() -> np.ndarray:
        shared = generator.normal(size=patients)[who]
        return np.asarray(np.sqrt(0.6) * shared + np.sqrt(0.4) * generator.normal(size=len(who)))

    signal = part()
    return who, (signal + part() > 0.5).astype(int), signal + part(), signal + part()


def estimates(who: np.ndarray, y: np.ndarray, first: np.ndarray, second: np.ndarray) -> dict[str, Estimate]:
    """Return everything that has an interval."""
    found = dict(calls(y, first > CUT, who).measures)
    found["kappa"] = kappa(np.digitize(first, GRADES), np.digitize(second, GRADES), who)
    one = np.zeros(len(y))
    found["AUC of a group"] = auc_interval(grouped_auc(y, first, Groups(one, who, one, [0])))
    return found


def curve_holds(who: np.ndarray, y: np.ndarray, first: np.ndarray) -> list[bool]:
    """Return whether the band of a model that is wrong holds the true share of events at three quantiles."""
    p = 1 / (1 + np.exp(0.3 - 1.2 * first))
    curve = calibration_curve(y, p, who)
    assert curve is not None
    held = []
    for at in np.quantile(p, [0.25, 0.5, 0.75]):
        score = (np.log(at / (1 - at)) + 0.3) / 1.2
        truth = norm.sf((0.5 - score / 2) / np.sqrt(1.5))  # the signal given the score has half of each's variance
        low, high = (np.interp(at, curve.predicted, band) for band in (curve.low, curve.high))
        held.append(bool(low <= truth <= high))
    return held


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=600)
    asked = parser.parse_args()
    generator = np.random.default_rng(1)
    truth = {name: item.value for name, item in estimates(*knees(400_000, generator)).items()}
    held: dict[str, list[bool]] = {name: [] for name in (*MEASURES, "kappa", "AUC of a group", "calibration curve")}
    found = []
    for _ in range(asked.rounds):
        who, y, first, second = knees(asked.patients, generator)
        for name, item in estimates(who, y, first, second).items():
            if not np.isnan(item.low):
                held[name].append(item.low <= truth[name] <= item.high)
        held["calibration curve"] += curve_holds(who, y, first)
        found.append(mcnemar((first > CUT) == y, (second > CUT) == y, who)[1] < 0.05)
    for name, each in held.items():
        print(f"{name:<20} {np.mean(each):.3f} of {len(each)}")
    print(f"McNemar at 5 %, no difference: {np.mean(found):.3f}")


if __name__ == "__main__":
    main()
