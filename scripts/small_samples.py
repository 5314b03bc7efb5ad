"""Fused models against their best single block at the sample sizes of the field: knees drawn from the table phantom.

    uv run python scripts/small_samples.py
    uv run python scripts/small_samples.py --sizes 39 82 151 --draws 20 --strategies average early stack
    uv run python scripts/small_samples.py --strength clinical=1.5 radiomic=0.4 deep=0.4

Each draw is a population of knees with known parts of the outcome. Models are fitted on a few whole patients of it, and
their AUC is measured on all others, so that it is nearly the true one. The best block is the best in hindsight: no
analysis could know it beforehand, so 0 is a hard mark. A strength near 0 makes a block noise.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from radfuse import machine
from radfuse.config import apply_overrides
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.design import stack
from radfuse.fusion.families import blocks_of
from radfuse.fusion.validate import fit_family
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.phantom.table import BLOCKS, TablePhantom, table_phantom
from radfuse.run.workers import take_place

FAMILIES = ("clinical-radiomic", "clinical-deep", "radiomic-deep", "clinical-radiomic-deep")


@dataclass(frozen=True)
class Draw:
    """One population, the sizes of the samples taken of it, and what is fitted to them."""

    seed: int
    sizes: tuple[int, ...]
    strategies: tuple[str, ...]
    strength: Mapping[str, float]
    settings: tuple[str, ...]


def blocks_in(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the columns of each block."""
    clinical = tables["cohort"][["age", "sex", "bmi", "pain"]].copy()
    clinical["sex"] = (clinical["sex"] == "male").where(clinical["sex"].notna()).astype(float)
    return {"clinical": clinical, **{name: tables[name].drop(columns="case_id") for name in ("radiomic", "deep")}}


def sampled(people: np.ndarray, units: int, generator: np.random.Generator) -> np.ndarray:
    """Return about so many knees of whole patients, as a mask."""
    order = generator.permutation(people.max() + 1)
    counts = np.bincount(people)[order].cumsum()
    return np.isin(people, order[: np.searchsorted(counts, units) + 1])


def measured(draw: Draw) -> list[dict[str, object]]:
    """Return a row a size, family and strategy, single blocks too."""
    tables = table_phantom(TablePhantom(patients=2000, seed=draw.seed, strength=draw.strength))
    cohort, blocks = tables["cohort"], blocks_in(tables)
    y, people = cohort["progressed"].to_numpy(), pd.factorize(cohort["patient_id"])[0]
    rows: list[dict[str, object]] = []
    for size in draw.sizes:
        train = sampled(people, size, np.random.default_rng([draw.seed, size]))
        for family in (*BLOCKS, *FAMILIES):
            x, where, names = stack(blocks, blocks_of(family))
            for strategy in draw.strategies if "-" in family else ("alone",):
                chosen = [f"strategy.kind={strategy}"] if strategy not in ("alone", "default") else []
                settings = apply_overrides({}, [*chosen, *draw.settings])
                config, outcome = FusionConfig.model_validate(settings), BinaryOutcome(column="progressed")
                fit = fit_family(x[train], y[train], y[train], people[train], where, names, outcome, config, draw.seed)
                p = fit.fitted.predict(x[~train])
                rows.append({"seed": draw.seed, "size": size, "family": family, "strategy": strategy,
                             "auc": roc_auc_score(y[~train], p), "loss": log_loss(y[~train], p)})  # fmt: skip
    return rows


def show(found: pd.DataFrame) -> None:
    """Print each strategy against the best block in hindsight."""
    alone = found[found["strategy"] == "alone"].pivot(index=["seed", "size"], columns="family", values="auc")
    fused = found[found["strategy"] != "alone"].copy()
    best = [alone.loc[(seed, size), list(blocks_of(family))].max() for seed, size, family in
            zip(fused["seed"], fused["size"], fused["family"], strict=True)]  # fmt: skip
    fused["gain"] = fused["auc"] - np.array(best)
    print("\n| strategy | against best block | standard error | wins | worst cell | which | log loss |")
    print("|---|---|---|---|---|---|---|")
    for strategy, rows in fused.groupby("strategy", sort=False):
        cells = rows.groupby(["family", "size"])["gain"].mean()
        which = "{} at {}".format(*cells.idxmin())
        told = [f"{rows['gain'].mean():+.3f}", f"{rows.groupby('seed')['gain'].mean().sem():.3f}"]
        told += [f"{(rows['gain'] > 0).mean():.0%}", f"{cells.min():+.3f}", which, f"{rows['loss'].mean():.3f}"]
        print(f"| {' | '.join([str(strategy), *told])} |")
    print("\nMean gain by family and size:\n")
    for strategy, rows in fused.groupby("strategy", sort=False):
        wide = rows.pivot_table(index="family", columns="size", values="gain", sort=False).round(3)
        print(f"{strategy}\n{wide.to_string()}\n")
    singles = found[found["strategy"] == "alone"].pivot_table(index="family", columns="size", values="auc", sort=False)
    print(f"AUC of single blocks\n{singles.round(3).to_string()}")


def main(words: Sequence[str] | None = None) -> None:
    """Draw, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[39, 82, 151])
    parser.add_argument("--draws", type=int, default=14)
    parser.add_argument("--first", type=int, default=5000, help="seed of the first draw")
    parser.add_argument("--strategies", nargs="+", default=["default"], help="kinds; default: what is done unasked")
    parser.add_argument("--strength", nargs="+", default=[], metavar="BLOCK=SD", help="in the place of the phantom's")
    parser.add_argument("--jobs", type=int, default=machine.cores())
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of fusion, against defaults")
    arguments = parser.parse_args(words)
    strength: dict[str, float] = {str(block): value for block, value in TablePhantom().strength.items()}
    for text in arguments.strength:
        block, _, value = text.partition("=")
        strength[block] = float(value)
    draws = [
        Draw(seed, tuple(arguments.sizes), tuple(arguments.strategies), strength, tuple(arguments.set))
        for seed in range(arguments.first, arguments.first + arguments.draws)
    ]
    start, rows = time.monotonic(), []
    with ProcessPoolExecutor(arguments.jobs, initializer=take_place) as crew:
        for number, found in enumerate(crew.map(measured, draws), start=1):
            rows += found
            print(f"draw {number} of {len(draws)}, {time.monotonic() - start:.0f} s", flush=True)
    show(pd.DataFrame(rows))


if __name__ == "__main__":
    main()
