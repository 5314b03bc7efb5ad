"""How long a family of the default model takes to be explained, on a table of noise and a few columns that tell.

    uv run python scripts/bench_explain.py
    uv run python scripts/bench_explain.py --units 900 --columns 2400 --rows 200 --background 100

Fits the default (the mean of ridge, extra trees and LightGBM, strategies averaged) on three blocks, then prints the
seconds that Shapley values of held-out rows and permutation importance take, the size of what is stored, and the
largest difference between score and base plus contributions.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from radfuse import machine
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.explain.explainer import Explainer, explainer_of
from radfuse.fusion.explain.permutation import permuted
from radfuse.fusion.explain.shapley import contributions
from radfuse.fusion.validate import fit_family
from radfuse.outcomes.binary import BinaryOutcome


def table(units: int, columns: int) -> tuple[np.ndarray, np.ndarray, dict[str, range]]:
    """Return a table in correlated groups of ten, an outcome, and the columns of clinical, radiomic and deep."""
    generator = np.random.default_rng(0)
    groups = generator.standard_normal((units, -(-columns // 10)))
    x = 0.8 * np.repeat(groups, 10, axis=1)[:, :columns] + 0.6 * generator.standard_normal((units, columns))
    y = (x[:, 0] + x[:, 15] * x[:, 25] + x[:, columns // 2] + generator.standard_normal(units) > 0.7).astype(int)
    x[generator.random(x.shape) < 0.01] = np.nan
    half = 10 + (columns - 10) // 2
    return x, y, {"clinical": range(10), "radiomic": range(10, half), "deep": range(half, columns)}


def main(words: Sequence[str] | None = None) -> None:
    """Fit, explain, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=900, help="of the training set")
    parser.add_argument("--columns", type=int, default=2400)
    parser.add_argument("--rows", type=int, default=200, help="held-out rows")
    parser.add_argument("--background", type=int, default=100, help="training rows to compare with")
    arguments = parser.parse_args(words)
    machine.take_one_thread()
    x, y, blocks = table(arguments.units + arguments.rows, arguments.columns)
    names, train = [f"column {i}" for i in range(x.shape[1])], slice(0, arguments.units)
    patients, outcome = np.arange(arguments.units), BinaryOutcome(column="y")
    start = time.perf_counter()
    fit = fit_family(x[train], y[train], y[train], patients, blocks, names, outcome, FusionConfig(), 7)
    print(
        f"fit: {time.perf_counter() - start:.1f} s, {arguments.units} units x {arguments.columns} columns", flush=True
    )
    start = time.perf_counter()
    text = explainer_of(fit.fitted, x[train], names).to_text()
    print(f"stored: {len(text) / 1e6:.2f} MB, {time.perf_counter() - start:.1f} s", flush=True)
    explainer = Explainer.from_text(text)
    background, rows = x[: arguments.background], x[arguments.units :]
    start = time.perf_counter()
    contributions(explainer, rows[:2], background[:2])
    print(f"compiled or loaded: {time.perf_counter() - start:.1f} s", flush=True)
    start, core = time.perf_counter(), time.process_time()
    found = contributions(explainer, rows, background)
    seconds = f"{time.perf_counter() - start:.1f} s, {time.process_time() - core:.1f} s of one core"
    rest = np.abs(found.base + found.absence + found.values.sum(axis=1) - found.score).max()
    odds = fit.fitted.predict(rows)
    apart = np.abs(1 / (1 + np.exp(-found.score)) - odds).max()
    print(f"Shapley values: {seconds}, {len(rows)} rows, {len(found.columns)} columns in use", flush=True)
    print(f"score less base and contributions: {rest:.1e}; probability of the atoms less the model's: {apart:.1e}")
    start = time.perf_counter()
    top = found.columns[np.argsort(-np.abs(found.values).mean(axis=0))]
    permuted(explainer, rows, blocks, top[:300], 3, 0)
    print(f"permutation of 3 blocks and 300 columns, 3 times: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
