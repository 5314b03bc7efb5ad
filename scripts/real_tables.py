"""Run the four studies on public tables end to end: fuse, export, report, predict, evaluate; print what came out.

    uv run python scripts/real_tables.py --data ../shared/data/tables --out runs

Predicting and evaluating the training table is a round trip of the software, not a measure of the models: the nested
AUC is.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import radfuse as rf
from radfuse.results import Performance

ROOT = Path(__file__).parent.parent
TABLES = {
    "desmoid": "WORC-Desmoid.csv.gz",
    "lipo": "WORC-Lipo.csv.gz",
    "prostate": "prostate_fae.csv",
    "asah": "asah.csv",
}
PUBLISHED = {"desmoid": "WORC 0.82", "lipo": "WORC 0.83", "prostate": "-", "asah": "-"}
"""Starmans et al. 2021, arXiv:2108.08618."""


def main() -> None:
    """Run all studies and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    arguments = parser.parse_args()
    print("| study | seed | family | AUC, fold-averaged | AUC, pooled | published | study, s | again, s |")
    print("|---|---|---|---|---|---|---|---|")
    for name, file in TABLES.items():
        for seed in arguments.seeds:
            table = arguments.data.resolve() / file
            study = rf.load_study(ROOT / "configs" / f"{name}.yaml", [f"cohort.table={table}", f"seed={seed}"])
            folder = arguments.out / f"{name}-{seed}"
            start = time.perf_counter()
            run = rf.run_study(study, folder)
            first = time.perf_counter() - start
            start = time.perf_counter()
            again = rf.run_study(study, folder)
            second = time.perf_counter() - start
            assert again.computed == 0 or run.computed == 0, "a finished study was computed again"
            rf.predict(folder / "bundle", table)
            rf.evaluate(folder / "bundle", table)
            assert run.results is not None
            for item in run.results.performance:
                assert isinstance(item, Performance)
                shown = (
                    f"{part.value:.3f} ({part.low:.3f} to {part.high:.3f})" for part in (item.auc, item.auc_pooled)
                )
                row = [name, seed, item.family, *shown, PUBLISHED[name], f"{first:.1f}", f"{second:.2f}"]
                print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main()
