"""How near the models come to the best reachable AUC, from images: phantom knees through everything, several seeds.

    uv run python scripts/reachable_knees.py --knees 300 --seeds 1 2 3 4 5

Each seed draws a cohort, trains the networks on the knees that have masks, segments all, extracts radiomic and deep
features, and compares the families. Prints a row per seed as it comes; fails if a fused family does not beat each of
its own blocks on average. An interrupted run goes on in --work.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import radfuse as rf
from radfuse.phantom.knee import KneePhantom, write_knee_phantom
from radfuse.phantom.table import reachable_auc
from radfuse.results import Performance


def main() -> None:
    """Run the phantom over the seeds and print measured, reachable and gap."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--knees", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--work", type=Path, default=Path("reachable-knees"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting")
    arguments = parser.parse_args()
    rows = []
    for seed in arguments.seeds:
        start, folder = time.monotonic(), arguments.work / f"{arguments.knees}-{seed}"
        if not (study := folder / "cohort" / "study.yaml").is_file():
            write_knee_phantom(folder / "cohort", KneePhantom(cases=arguments.knees, seed=seed))
        run = rf.run_study(rf.load_study(study, arguments.set), folder / "run", until="fuse")
        truth = pd.read_csv(study.parent / "truth.csv")
        assert run.results is not None
        for item in run.results.performance:
            assert isinstance(item, Performance)
            reach = reachable_auc(truth, item.family)
            rows.append({"family": item.family, "seed": seed, "measured": item.auc.value, "reachable": reach})
        told = ", ".join(f"{row['family']} {row['measured']:.3f}" for row in rows if row["seed"] == seed)
        print(f"seed {seed}, {time.monotonic() - start:.0f} s: {told}", flush=True)
    table = pd.DataFrame(rows)
    table["gap"] = table["reachable"] - table["measured"]
    means = table.groupby("family", sort=False)[["measured", "reachable", "gap"]].mean()
    means["gap SD"] = table.groupby("family", sort=False)["gap"].std()
    print(f"\n{arguments.knees} knees, seeds {arguments.seeds}: fold-averaged AUC, means over seeds\n")
    print("| family | measured | reachable | gap | gap SD |\n|---|---|---|---|---|")
    for family, row in means.iterrows():
        print(f"| {family} | " + " | ".join(f"{value:.3f}" for value in row) + " |")
    wide = table.pivot(index="seed", columns="family", values="measured")
    for family in [name for name in means.index if "-" in str(name)]:
        for block in str(family).split("-"):
            better = wide[family] - wide[block]
            print(f"{family} over {block}: {better.mean():+.3f} (least {better.min():+.3f})")
            assert better.mean() > 0, f"{family} does not beat {block}"
    assert np.isfinite(means["measured"]).all()


if __name__ == "__main__":
    main()
