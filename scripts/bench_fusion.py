"""The default model against ten lines of scikit-learn, on any folder of feature tables, all on the same outer folds.

    uv run python scripts/bench_fusion.py --tables FOLDER
    uv run python scripts/bench_fusion.py --tables FOLDER --target label --seeds 0 1 2 --set 'classifier={kind: ridge}'

A table is a CSV (also .csv.gz) or parquet file with a row a patient and the outcome, 0 or 1, in the column `--target`;
all other columns of numbers are features. Prints a row a table as it comes, then means over the tables: fold-averaged
AUC, log loss, calibration slope of the pooled predictions (median), and the default's lead over each baseline.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radfuse import machine
from radfuse.config import apply_overrides
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.models.penalised import ridge_path
from radfuse.fusion.validate import fit_family
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.run.workers import take_place

OURS = "radfuse"


@dataclass(frozen=True)
class Task:
    """One table with one seed of the folds."""

    path: Path
    target: str
    seed: int
    folds: int
    settings: tuple[str, ...]


def read(path: Path, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of numbers, float64, and the outcome."""
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    y = table.pop(target)
    return table.select_dtypes("number").to_numpy(dtype=float), y.to_numpy(dtype=int)


def scaled(*steps: object) -> object:
    """Return steps of scikit-learn behind imputation and scaling."""
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), *steps)


def ridge(seed: int) -> object:
    """Return ridge logistic regression on all columns, its penalty by inner log loss."""
    penalties = np.logspace(-4, 0, 5)
    inner = StratifiedKFold(5, shuffle=True, random_state=seed)
    return scaled(
        LogisticRegressionCV(
            Cs=penalties, l1_ratios=(0.0,), scoring="neg_log_loss", cv=inner, max_iter=500, use_legacy_attributes=False
        )
    )


def baselines(x: np.ndarray, y: np.ndarray, new: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return probabilities of new rows by each of the peers."""
    import lightgbm

    trees = SimpleImputer(strategy="median", keep_empty_features=True)
    best = SelectKBest(f_classif, k=min(30, x.shape[1]))
    models = {
        "ANOVA-30, logistic": scaled(best, LogisticRegression(max_iter=1000)),
        "ridge": ridge(seed),
        "random forest": make_pipeline(trees, RandomForestClassifier(500, random_state=seed)),
        "extra trees": make_pipeline(trees, ExtraTreesClassifier(500, random_state=seed)),
        "LightGBM": lightgbm.LGBMClassifier(random_state=seed, verbose=-1, n_jobs=1),
    }
    found = {}
    for name, model in models.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[name] = model.fit(x, y).predict_proba(new)[:, 1]
    both = [logit(np.clip(found[name], 0.001, 0.999)) for name in ("ridge", "extra trees")]
    found["ridge + extra trees"] = expit(np.mean(both, axis=0))
    return found


def measured(task: Task) -> pd.DataFrame:
    """Return what each method reaches on one table."""
    x, y = read(task.path, task.target)
    settings = apply_overrides({}, list(task.settings))
    config, outcome = FusionConfig.model_validate(settings), BinaryOutcome(column=task.target)
    splitter = StratifiedKFold(task.folds, shuffle=True, random_state=task.seed)
    fold_of = np.empty(len(y), dtype=int)
    predictions: dict[str, np.ndarray] = {}
    seconds = 0.0
    for number, (train, test) in enumerate(splitter.split(x, y)):
        fold_of[test] = number
        start = time.perf_counter()
        names = [f"column {i}" for i in range(x.shape[1])]
        blocks = {"radiomic": range(x.shape[1])}
        fit = fit_family(x[train], y[train], y[train], train, blocks, names, outcome, config, task.seed)
        found = {OURS: fit.fitted.predict(x[test])}
        seconds += time.perf_counter() - start
        found |= baselines(x[train], y[train], x[test], task.seed)
        for name, values in found.items():
            predictions.setdefault(name, np.empty(len(y)))[test] = values
    rows = []
    for name, p in predictions.items():
        p = np.clip(p, 0.001, 0.999)
        odds = logit(p)
        slope = ridge_path(odds[:, None] - odds.mean(), y, [1e-6], np.zeros(len(y)))[0].coefficients[0]
        aucs = [roc_auc_score(y[fold_of == k], p[fold_of == k]) for k in range(task.folds)]
        rows.append({"method": name, "auc": np.mean(aucs), "loss": log_loss(y, p), "slope": slope})
    return pd.DataFrame(rows).assign(table=task.path.name, units=len(y), columns=x.shape[1], seconds=seconds)


def tables_in(folder: Path) -> list[Path]:
    """Return the tables of a folder."""
    return sorted(path for path in folder.iterdir() if path.name.endswith((".csv", ".csv.gz", ".parquet")))


def show(found: pd.DataFrame) -> None:
    """Print means over the tables, and the default's lead."""
    by_table = found.groupby(["table", "method"], sort=False)[["auc", "loss", "slope"]].mean().reset_index()
    print("\n| method | AUC | log loss | calibration slope, median | radfuse ahead by | 95 % | tables it is ahead on |")
    print("|---|---|---|---|---|---|---|")
    wide = by_table.pivot(index="table", columns="method", values="auc")
    generator = np.random.default_rng(0)
    for method, rows in by_table.groupby("method", sort=False):
        lead = (wide[OURS] - wide[method]).to_numpy()
        drawn = lead[generator.integers(0, len(lead), (2000, len(lead)))].mean(axis=1)
        low, high = np.quantile(drawn, (0.025, 0.975))
        told = (
            ["", "", ""]
            if method == OURS
            else [
                f"{lead.mean():+.3f}",
                f"{low:+.3f} to {high:+.3f}",
                f"{(lead > 0).sum()} of {len(lead)}",
            ]
        )
        cells = [method, f"{rows['auc'].mean():.3f}", f"{rows['loss'].mean():.3f}", f"{rows['slope'].median():.2f}"]
        print(f"| {' | '.join([*cells, *told])} |")


def main(words: Sequence[str] | None = None) -> None:
    """Measure every table and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, required=True, help="folder of tables")
    parser.add_argument("--target", default="Target", help="column of the outcome; tables without it are passed over")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=machine.cores())
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of fusion, against defaults")
    arguments = parser.parse_args(words)
    paths = []
    for path in tables_in(arguments.tables):
        head = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, nrows=5)
        if arguments.target in head:
            paths.append(path)
        else:
            print(f"{path.name}: no column {arguments.target!r}; passed over")
    tasks = [
        Task(path, arguments.target, seed, arguments.folds, tuple(arguments.set))
        for path in paths
        for seed in arguments.seeds
    ]
    found = []
    print("| table | units | columns | radfuse AUC | ridge + extra trees | seconds |\n|---|---|---|---|---|---|")
    with ProcessPoolExecutor(arguments.jobs, initializer=take_place) as crew:
        for rows in crew.map(measured, tasks):
            found.append(rows)
            auc, first = rows.set_index("method")["auc"], rows.iloc[0]
            told = [first["table"], first["units"], first["columns"], f"{auc[OURS]:.3f}"]
            told += [f"{auc['ridge + extra trees']:.3f}", f"{first['seconds']:.1f}"]
            print(f"| {' | '.join(map(str, told))} |", flush=True)
    show(pd.concat(found))


if __name__ == "__main__":
    main()
