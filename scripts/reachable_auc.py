"""How near the models come to the best reachable AUC on the table phantom, over several seeds.

    uv run python scripts/reachable_auc.py --patients 2000 --seeds 1 2 3 4 5

Reachable is what the best ranking would have over all outcomes that may be drawn; outcomes as they were drawn give it
more or less by chance, the same more or less that a model has. So the gap is to the best ranking's AUC on these very
outcomes. Fails if a fused family does not beat each of its own blocks on average.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import radfuse as rf
from radfuse.phantom.table import TablePhantom, reachable_auc, write_table_phantom
from radfuse.results import Performance
from radfuse.statistics.auc import auc


def main() -> None:
    """Run the phantom over the seeds and print measured, reachable and gap."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    arguments = parser.parse_args()
    rows = []
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as folder:
            study = write_table_phantom(Path(folder) / "T", TablePhantom(patients=arguments.patients, seed=seed))
            run = rf.run_study(study, Path(folder) / "R", until="fuse")
            truth, cohort = (pd.read_csv(study.parent / f"{name}.csv") for name in ("truth", "cohort"))
            assert run.results is not None
            for item in run.results.performance:
                assert isinstance(item, Performance)
                best = truth[[f"{block}_part" for block in item.family.split("-")]].sum(axis=1)
                here = auc(cohort["progressed"].to_numpy(), best.to_numpy())
                row = {"family": item.family, "seed": seed, "measured": item.auc.value, "best here": here}
                rows.append({**row, "gap": here - row["measured"], "reachable": reachable_auc(truth, item.family)})
        print(f"seed {seed} done", flush=True)
    table = pd.DataFrame(rows)
    means = table.groupby("family", sort=False)[["measured", "best here", "gap", "reachable"]].mean()
    means["gap SD"] = table.groupby("family", sort=False)["gap"].std()
    print(f"\n{arguments.patients} patients, seeds {arguments.seeds}: fold-averaged AUC, means over seeds\n")
    print(f"| family | {' | '.join(means)} |\n|{'---|' * (1 + means.shape[1])}")
    for family, row in means.iterrows():
        print(f"| {family} | " + " | ".join(f"{value:.4f}" for value in row) + " |")
    wide = table.pivot(index="seed", columns="family", values="measured")
    for family in [name for name in means.index if "-" in str(name)]:
        for block in str(family).split("-"):
            better = wide[family] - wide[block]
            print(f"{family} over {block}: {better.mean():+.3f} (least {better.min():+.3f})")
            assert better.mean() > 0, f"{family} does not beat {block}"
    assert np.isfinite(means.drop(columns="gap SD").to_numpy()).all()  # one seed has no standard deviation


if __name__ == "__main__":
    main()
