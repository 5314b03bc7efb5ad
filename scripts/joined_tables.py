"""Fused models against their best single block on real columns: clinical tables joined to radiomic ones by outcome.

    uv run python scripts/joined_tables.py --data ../shared/data/tables
    uv run python scripts/joined_tables.py --data ../shared/data/tables --strategies default penalty stack --draws 10

Few public tables have clinical columns beside radiomic ones. So each patient of a radiomic table is given the clinical
columns of a patient of another study with the same outcome: what both blocks say is real, and given the outcome they
say it independently. Two sequences of the prostate table and the two kinds of columns of the aSAH table are joined by
their own patients. Models are fitted on a few patients and measured on the others; the best block is the best in
hindsight.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from radfuse import machine
from radfuse.config import apply_overrides
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.validate import fit_family
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.run.workers import take_place

Joined = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Two blocks of columns, float64, and the outcome."""


@dataclass(frozen=True)
class Draw:
    """One sample of a joined table, and what is fitted to it."""

    name: str
    table: Joined
    size: int
    number: int
    strategies: tuple[str, ...]


def tables(folder: Path) -> Mapping[str, Joined]:
    """Return joined tables by name."""
    rossi = pd.read_csv(folder / "rossi.csv")
    marker = pd.read_csv(folder / "dcurves" / "df_binary.csv")
    clinical = {
        "rossi": (rossi.drop(columns=["week", "arrest"]), rossi["arrest"]),
        "dcurves": (marker[["age", "famhistory", "marker"]], marker["cancer"]),
    }
    found: dict[str, Joined] = {}
    for name in ("Lipo", "Desmoid"):
        columns = pd.read_csv(folder / f"WORC-{name}.csv.gz")
        y = columns.pop("Target").to_numpy(dtype=int)
        for other, (x, event) in clinical.items():
            rows = partners(y, event.to_numpy(dtype=int), seed=len(name + other))
            found[f"{other} and {name}"] = (numbers(x)[rows], numbers(columns), y)
    prostate = pd.read_csv(folder / "prostate_fae.csv", index_col=0).drop(index="N27")  # the scan of N26 again
    adc, t2 = (numbers(prostate[[name for name in prostate if kind in name]]) for kind in ("ADC", "T2"))
    found["ADC and T2"] = (adc, t2, prostate["label"].to_numpy(dtype=int))
    bleeding = pd.read_csv(folder / "asah.csv").assign(gender=lambda table: table["gender"] == "Male")
    found["aSAH"] = (
        numbers(bleeding[["gender", "age", "wfns"]]),
        numbers(bleeding[["s100b", "ndka"]]),
        (bleeding["outcome"] == "Poor").to_numpy(dtype=int),
    )
    return found


def numbers(table: pd.DataFrame) -> np.ndarray:
    """Return the columns of numbers, float64."""
    return table.select_dtypes(["number", "bool"]).to_numpy(dtype=float)


def partners(y: np.ndarray, other: np.ndarray, seed: int) -> np.ndarray:
    """Return for each unit one of another study with the same outcome, nobody twice while there are some left."""
    generator, rows = np.random.default_rng(seed), np.empty(len(y), dtype=int)
    for outcome in (0, 1):
        own, pool = np.flatnonzero(y == outcome), np.flatnonzero(other == outcome)
        rows[own] = generator.choice(pool, len(own), replace=len(pool) < len(own))
    return rows


def measured(draw: Draw) -> list[dict[str, object]]:
    """Return a row a block and a strategy."""
    *blocks, y = draw.table
    generator = np.random.default_rng([len(draw.name), draw.size, draw.number])
    order = generator.permutation(len(y))
    while np.bincount(y[order[: draw.size]], minlength=2).min() < 6:
        order = generator.permutation(len(y))
    train, test = order[: draw.size], order[draw.size :]
    ends = np.cumsum([0, *(block.shape[1] for block in blocks)])
    x, names = np.hstack(blocks), [f"column {i}" for i in range(ends[-1])]
    where = {"clinical": range(ends[0], ends[1]), "radiomic": range(ends[1], ends[2])}
    rows: list[dict[str, object]] = []
    for kind in ("clinical", "radiomic", *draw.strategies):
        own = {kind: where[kind]} if kind in where else where
        columns = np.concatenate([np.array(each) for each in own.values()])
        starts = np.cumsum([0, *(len(each) for each in own.values())])
        moved = {block: range(starts[i], starts[i + 1]) for i, block in enumerate(own)}
        chosen = [] if kind in where or kind == "default" else [f"strategy.kind={kind}"]
        config = FusionConfig.model_validate(apply_overrides({}, chosen))
        used = [names[i] for i in columns]
        known, people = y[train], np.arange(len(train))
        outcome = BinaryOutcome(column="y")
        fit = fit_family(x[train][:, columns], known, known, people, moved, used, outcome, config, draw.number)
        p = fit.fitted.predict(x[test][:, columns])
        rows.append({"table": draw.name, "size": draw.size, "draw": draw.number, "kind": kind,
                     "auc": roc_auc_score(y[test], p), "loss": log_loss(y[test], p)})  # fmt: skip
    return rows


def show(found: pd.DataFrame, strategies: Sequence[str]) -> None:
    """Print each strategy against the best block, by table and size."""
    wide = found.pivot_table(index=["table", "size", "draw"], columns="kind", values=["auc", "loss"])
    auc, loss = wide["auc"], wide["loss"]
    gain = auc[list(strategies)].sub(auc[["clinical", "radiomic"]].max(axis=1), axis=0)
    print("\nAUC over the best block in hindsight:\n")
    print(gain.groupby(["table", "size"], sort=False).mean().round(3).to_string())
    print("\n| strategy | mean gain | worst cell | log loss |\n|---|---|---|---|")
    for kind in strategies:
        cells = gain[kind].groupby(["table", "size"]).mean()
        mean = loss[kind].groupby(["table", "size"]).mean().mean()
        print(f"| {kind} | {cells.mean():+.3f} | {cells.min():+.3f} | {mean:.3f} |")


def main(words: Sequence[str] | None = None) -> None:
    """Join, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--sizes", type=int, nargs="+", default=[39, 82])
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--strategies", nargs="+", default=["default"], help="kinds; default: what is done unasked")
    parser.add_argument("--jobs", type=int, default=machine.cores())
    arguments = parser.parse_args(words)
    draws = [
        Draw(name, table, size, number, tuple(arguments.strategies))
        for name, table in tables(arguments.data).items()
        for size in arguments.sizes
        if len(table[2]) - size >= 30
        for number in range(arguments.draws)
    ]
    rows: list[dict[str, object]] = []
    with ProcessPoolExecutor(arguments.jobs, initializer=take_place) as crew:
        for found in crew.map(measured, draws):
            rows += found
    show(pd.DataFrame(rows), arguments.strategies)


if __name__ == "__main__":
    main()
