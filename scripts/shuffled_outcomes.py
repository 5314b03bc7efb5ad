"""No signal, no AUC: the table phantom with shuffled outcomes, over many seeds.

    uv run python scripts/shuffled_outcomes.py --patients 500 --seeds 20

Outcomes are shuffled between patients of the same number of knees, so that nothing leaks through a person. Fails if a
family's fold-averaged AUC, averaged over seeds, is further than three standard errors from 0.50.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import radfuse as rf
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.results import Performance


def shuffle_outcomes(cohort: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """Return the cohort with outcomes exchanged between patients who have as many rows."""
    shuffled = cohort.copy()
    knees = cohort.groupby("patient_id")["progressed"].transform("size")
    for count in sorted(knees.unique()):
        rows = np.flatnonzero(knees == count).reshape(-1, count)
        values = cohort["progressed"].to_numpy()[rows]
        shuffled.iloc[rows.ravel(), shuffled.columns.get_loc("progressed")] = generator.permutation(values).ravel()
    return shuffled


def main() -> None:
    """Run all seeds and print mean, standard error and distance from 0.50."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    rows = []
    for seed in range(1, arguments.seeds + 1):
        with tempfile.TemporaryDirectory() as folder:
            study = write_table_phantom(Path(folder) / "T", TablePhantom(patients=arguments.patients, seed=seed))
            table = study.parent / "cohort.csv"
            shuffle_outcomes(pd.read_csv(table), np.random.default_rng(seed)).to_csv(table, index=False)
            run = rf.run_study(study, Path(folder) / "R", until="fuse")
        assert run.results is not None
        rows += [
            {"family": item.family, "seed": seed, "folds": item.auc.value, "pooled": item.auc_pooled.value}
            for item in run.results.performance
            if isinstance(item, Performance)
        ]
        print(f"seed {seed} done", flush=True)
    groups = pd.DataFrame(rows).groupby("family", sort=False)
    print("\n| family | fold-averaged AUC | standard error | distance, SE | pooled AUC |\n|---|---|---|---|---|")
    worst = 0.0
    for family, group in groups:
        mean, error = group["folds"].mean(), group["folds"].sem()
        distance = (mean - 0.5) / error
        worst = max(worst, abs(distance))
        print(f"| {family} | {mean:.4f} | {error:.4f} | {distance:+.2f} | {group['pooled'].mean():.4f} |")
    assert worst <= 3, f"a family lies {worst:.1f} standard errors from 0.50"


if __name__ == "__main__":
    main()
