"""How near the models come to the best reachable AUC on the table phantom, over several seeds.

    uv run python scripts/reachable_auc.py --patients 2000 --seeds 1 2 3 4 5

Fails if a fused family does not beat each of its own blocks on average.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import radfuse as rf
from radfuse.phantom.table import TablePhantom, reachable_auc, write_table_phantom


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
            truth = pd.read_csv(study.parent / "truth.csv")
            assert run.results is not None
            for item in run.results.performance:
                reach = reachable_auc(truth, item.family)
                rows.append({"family": item.family, "seed": seed, "measured": item.auc.value, "reachable": reach})
        print(f"seed {seed} done", flush=True)
    table = pd.DataFrame(rows)
    table["gap"] = table["reachable"] - table["measured"]
    means = table.groupby("family", sort=False)[["measured", "reachable", "gap"]].mean()
    means["gap SD"] = table.groupby("family", sort=False)["gap"].std()
    print(f"\n{arguments.patients} patients, seeds {arguments.seeds}: fold-averaged AUC, means over seeds\n")
    print("| family | measured | reachable | gap | gap SD |\n|---|---|---|---|---|")
    for family, row in means.iterrows():
        print(f"| {family} | " + " | ".join(f"{value:.3f}" for value in row) + " |")
    wide = table.pivot(index="seed", columns="family", values="measured")
    for family in [name for name in means.index if "-" in str(name)]:
        for block in str(family).split("-"):
            better = wide[family] - wide[block]
            print(f"{family} over {block}: {better.mean():+.3f} (least {better.min():+.3f})")
            assert better.mean() > 0, f"{family} does not beat {block}"
    assert np.isfinite(means.drop(columns="gap SD").to_numpy()).all()  # one seed has no standard deviation


if __name__ == "__main__":
    main()
