"""Do 95 % intervals hold what they promise? Samples of the table phantom whose true AUC is measured on other patients.

    uv run python scripts/interval_coverage.py --samples 200
    uv run python scripts/interval_coverage.py --samples 200 --shuffled
    uv run python scripts/interval_coverage.py --samples 200 --repeats 5

Each sample has 100 patients and 64 columns. Its interval is that of the study's report, from five outer folds; it
covers where it holds the mean AUC that the five folds' models reach on patients who took no part. With `--shuffled`
outcomes nothing can be known, and it should hold 0.5. Calibration slopes are held against that of all folds' models
together on the other patients. Fails where 200 samples or more are covered less often than 92 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from small_samples import blocks_in

from radfuse import machine
from radfuse.cohort.splits import Grouped
from radfuse.config import apply_overrides
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.validate import fit_family
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.outcomes.performance import measure
from radfuse.phantom.table import TablePhantom, table_phantom
from radfuse.results import Interval, Performance
from radfuse.run.workers import take_place
from radfuse.statistics.auc import auc
from radfuse.statistics.calibration import calibration

LEAST, ENOUGH = 0.92, 200
"""Share of intervals that must cover, and samples from which on less is no chance."""
OUTCOME = BinaryOutcome(column="progressed")


@dataclass(frozen=True)
class Sample:
    """One draw of patients."""

    seed: int
    patients: int
    shuffled: bool
    settings: tuple[str, ...]
    repeats: int = 1


def measured(sample: Sample) -> dict[str, float | bool]:
    """Return whether the intervals of one sample cover, and how wide they are."""
    tables = table_phantom(TablePhantom(patients=1200, seed=sample.seed))
    cohort, blocks = tables["cohort"], blocks_in(tables)
    parts = (blocks["clinical"], blocks["radiomic"].iloc[:, :40], blocks["deep"].iloc[:, :20])
    x = np.hstack([part.to_numpy(dtype=float) for part in parts])
    generator = np.random.default_rng(sample.seed)
    if sample.shuffled:
        cohort["progressed"] = generator.permutation(cohort["progressed"].to_numpy())
    y = cohort["progressed"].to_numpy()
    chosen = generator.choice(cohort["patient_id"].unique(), sample.patients, replace=False)
    inside = cohort["patient_id"].isin(chosen).to_numpy()
    units, others = cohort[inside].reset_index(drop=True), cohort[~inside]
    config = FusionConfig.model_validate(apply_overrides({}, list(sample.settings)))
    people = pd.factorize(units["patient_id"])[0]
    names = [f"column {i}" for i in range(x.shape[1])]
    rows, reached, beyond = [], [], []
    folds = Grouped(folds=5, repeats=sample.repeats).folds_of(units, "patient_id", OUTCOME, sample.seed)
    for fold in folds:
        own, known = x[inside][fold.train], y[inside][fold.train]
        fit = fit_family(own, known, known, people[fold.train], {"all": range(len(names))}, names, OUTCOME, config, 7)
        part = units.iloc[fold.test][["patient_id", "progressed"]].set_axis(["patient", "outcome"], axis=1)
        part["position"], part["repeat"] = fold.test, fold.repeat
        part["family"], part["fold"], part["threshold"] = "all", fold.name, fit.threshold
        part["probability"] = fit.fitted.predict(x[inside][fold.test])
        rows.append(part)
        beyond.append(fit.fitted.predict(x[~inside]))
        reached.append(auc(y[~inside], beyond[-1]))
    found: Performance = measure(pd.concat(rows))
    true = 0.5 if sample.shuffled else float(np.mean(reached))
    who = np.tile(others["patient_id"].to_numpy(), len(folds))
    slope = calibration(np.tile(y[~inside], len(folds)), np.concatenate(beyond), who).slope.value
    return {
        "auc": found.auc.value or np.nan,
        "true": float(np.mean(reached)),
        "AUC": _holds(found.auc, true),
        "width": (found.auc.high or np.nan) - (found.auc.low or np.nan),
        "slope": _holds(found.calibration_slope, slope),
    }


def _holds(interval: Interval, value: float) -> bool:
    return interval.low is not None and interval.high is not None and interval.low <= value <= interval.high


def main(words: Sequence[str] | None = None) -> None:
    """Draw, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--first", type=int, default=20_000, help="seed of the first sample")
    parser.add_argument("--repeats", type=int, default=1, help="of the five folds")
    parser.add_argument("--shuffled", action="store_true", help="outcomes that nothing tells")
    parser.add_argument("--jobs", type=int, default=machine.cores())
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of fusion, against defaults")
    arguments = parser.parse_args(words)
    samples = [
        Sample(seed, arguments.patients, arguments.shuffled, tuple(arguments.set), arguments.repeats)
        for seed in range(arguments.first, arguments.first + arguments.samples)
    ]
    with ProcessPoolExecutor(arguments.jobs, initializer=take_place) as crew:
        found = pd.DataFrame(list(crew.map(measured, samples)))
    n = len(found)
    print("| samples | repeats | patients | mean AUC found | truly reached | AUC covers | its width | slope covers |")
    print("|---|---|---|---|---|---|---|---|")
    cells = [
        f"{n}",
        f"{arguments.repeats}",
        f"{arguments.patients}",
        f"{found['auc'].mean():.3f}",
        f"{found['true'].mean():.3f}",
    ]
    cells += [f"{found['AUC'].mean():.1%}", f"{found['width'].mean():.2f}", f"{found['slope'].mean():.1%}"]
    print(f"| {' | '.join(cells)} |")
    error = found["auc"].sem()
    covered, verdict = float(found["AUC"].mean()), "at least" if found["AUC"].mean() >= LEAST else "less than"
    print(f"\nthe 95 % interval of the AUC holds what the fitted models reach in {covered:.1%}, {verdict} {LEAST:.0%}")
    print(f"mean AUC found lies {(found['auc'].mean() - 0.5) / error:+.1f} standard errors from 0.5")
    assert n < ENOUGH or covered >= LEAST, "the intervals of the AUC are too narrow"


if __name__ == "__main__":
    main()
