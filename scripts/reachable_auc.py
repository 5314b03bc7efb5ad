"""How near the models come to the best reachable AUC on the table phantom, over several seeds.

    uv run python scripts/reachable_auc.py --patients 2000 --seeds 1 2 3 4 5
    uv run python scripts/reachable_auc.py --seeds 11 12 --peers

Reachable is what the best ranking would have over all outcomes that may be drawn; outcomes as they were drawn give it
more or less by chance, the same more or less that a model has. So the gap is to the best ranking's AUC on these very
outcomes. Fails if a fused family does not beat each of its own blocks on average.

With --peers, scikit-learn's logistic regressions are fitted on the same folds: ridge and LASSO, 19 and 16 penalties by
log loss in five inner folds, and one without penalty that is told which columns have a part, which no analysis could
be: what it lacks is the price of missing values, of sites, and of coefficients that are estimated.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import radfuse as rf
from radfuse.cohort.splits import Fold
from radfuse.fusion.design import Design, stack
from radfuse.phantom.table import DEEP_TELLING, RADIOMIC_TELLING, TablePhantom, reachable_auc, write_table_phantom
from radfuse.results import Performance
from radfuse.stages import prepare
from radfuse.statistics.auc import auc


def peers(
    design: Design, folds: tuple[Fold, ...], family: str, y: np.ndarray, tell: set[str]
) -> Iterator[tuple[str, float]]:
    """Yield the AUC of scikit-learn's regressions of a family, fold by fold.

    Args:
        design: units and blocks.
        folds: that test them.
        family: which blocks.
        y: whether each unit had the event.
        tell: columns that have a part of the outcome.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, _, names = stack(design.blocks, family.split("-"))
    told = np.array([name in tell for name in names])
    people = design.units["patient_id"].to_numpy()
    for fold in folds:
        train, test = fold.train, fold.test
        inner = list(StratifiedGroupKFold(5, shuffle=True, random_state=0).split(train, y[train], people[train]))
        told_alone = LogisticRegression(C=1e6, max_iter=500)
        models = {
            "ridge": LogisticRegressionCV(Cs=np.logspace(-5, 1, 19), cv=inner, scoring="neg_log_loss", max_iter=300),
            "LASSO": LogisticRegressionCV(
                Cs=np.logspace(-3, 0, 16), cv=inner, scoring="neg_log_loss", penalty="l1", solver="liblinear",
                intercept_scaling=10, tol=1e-3, max_iter=200,
            ),
            "told which columns": told_alone,
        }  # fmt: skip
        for name, model in models.items():
            which = told if model is told_alone else np.ones(len(names), dtype=bool)
            ready = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), model)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of settings that scikit-learn renames
                ready.fit(x[train][:, which], y[train])
            yield name, auc(y[test], ready.decision_function(x[test][:, which]))


def gaps_of_peers(folder: Path, seed: int, best: pd.DataFrame) -> pd.DataFrame:
    """Return how far each peer stays behind the best ranking, a row a family and peer.

    Args:
        folder: of the phantom, with the run in `R`.
        seed: of the phantom.
        best: "family" and "best here".
    """
    prepared = prepare.read_design(folder / "R" / prepare.PLACE)
    units, blocks = prepared.design.units, prepared.design.blocks
    radiomic = list(pd.read_csv(folder / "T" / "radiomic.csv", nrows=1).columns[1:])
    tell = {*(radiomic[place] for place in RADIOMIC_TELLING), *map(str, blocks["clinical"].columns)}
    tell |= {f"dess/tibial_cartilage/deep_{place:03d}" for place in DEEP_TELLING}
    y = units["progressed"].astype(float).astype(int).to_numpy()
    rows = [
        {"family": family, "peer": peer, "seed": seed, "auc": value}
        for family in best["family"]
        for peer, value in peers(prepared.design, prepared.folds, family, y, tell)
    ]
    means = pd.DataFrame(rows).groupby(["family", "peer", "seed"], sort=False)["auc"].mean().reset_index()
    return means.merge(best, on="family").assign(gap=lambda table: table["best here"] - table["auc"])


def gap_table(table: pd.DataFrame, beside: list[pd.DataFrame]) -> Iterator[str]:
    """Yield the lines of a table of mean gaps, radfuse's and those of peers; none where there are no peers."""
    if not beside:
        return
    gaps = pd.concat(beside).pivot_table(index="family", columns="peer", values="gap", sort=False)
    gaps.insert(0, "radfuse", table.groupby("family", sort=False)["gap"].mean())
    yield f"\nGaps beside those of scikit-learn on the same folds\n\n| family | {' | '.join(gaps)} |"
    yield "|---" * (1 + gaps.shape[1]) + "|"
    for family, row in gaps.iterrows():
        yield f"| {family} | " + " | ".join(f"{value:.4f}" for value in row) + " |"
    yield ""


def main() -> None:
    """Run the phantom over the seeds and print measured, reachable and gap."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--peers", action="store_true", help="scikit-learn's regressions too, on the same folds")
    arguments = parser.parse_args()
    rows, beside = [], []
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
            if arguments.peers:
                found = pd.DataFrame(rows).query("seed == @seed")[["family", "best here"]]
                beside.append(gaps_of_peers(Path(folder), seed, found))
        print(f"seed {seed} done", flush=True)
    table = pd.DataFrame(rows)
    means = table.groupby("family", sort=False)[["measured", "best here", "gap", "reachable"]].mean()
    means["gap SD"] = table.groupby("family", sort=False)["gap"].std()
    print(f"\n{arguments.patients} patients, seeds {arguments.seeds}: fold-averaged AUC, means over seeds\n")
    print(f"| family | {' | '.join(means)} |\n|{'---|' * (1 + means.shape[1])}")
    for family, row in means.iterrows():
        print(f"| {family} | " + " | ".join(f"{value:.4f}" for value in row) + " |")
    for text in gap_table(table, beside):
        print(text)
    wide = table.pivot(index="seed", columns="family", values="measured")
    for family in [name for name in means.index if "-" in str(name)]:
        for block in str(family).split("-"):
            better = wide[family] - wide[block]
            print(f"{family} over {block}: {better.mean():+.3f} (least {better.min():+.3f})")
            assert better.mean() > 0, f"{family} does not beat {block}"
    assert np.isfinite(means.drop(columns="gap SD").to_numpy()).all()  # one seed has no standard deviation


if __name__ == "__main__":
    main()
