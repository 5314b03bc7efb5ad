"""Audit real tables and phantoms: what is found in each, and how often a check raises an alarm where none is due.

    uv run python scripts/audit_tables.py --tables ../shared/data/tables

Each table of the folder that has a column of two values named Target, label or outcome is audited as it stands, then
random and neighbouring columns of it, 3 to 100 at a time; phantoms and noise the same way. Leaks are then planted: a
row under another id, rounded; columns chosen on all rows; a copy of the outcome. One line of Markdown a table.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))

from audited import subject

from radfuse.audit import preselected, telling, twins
from radfuse.audit.checks import audit
from radfuse.audit.subject import Subject
from radfuse.phantom.table import TablePhantom, table_phantom
from radfuse.results import Audit

TARGETS = ("Target", "label", "outcome")
NUMBERS_OF_COLUMNS = (3, 5, 8, 10, 15, 30, 100)
GRAVE = ("error", "warning")


def tables_in(folder: Path) -> dict[str, tuple[pd.DataFrame, np.ndarray]]:
    """Return name -> numeric columns and outcome of each table that has a target of two values."""
    found = {}
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")]):
        table = pd.read_csv(path)
        target = next((name for name in TARGETS if name in table), None)
        if target is None or table[target].nunique() != 2:
            continue
        outcome = (table.pop(target) == table_largest(path, target)).to_numpy(dtype=float)
        values = table.select_dtypes("number").drop(columns=["ID"], errors="ignore")
        found[path.name] = (values, outcome)
    return found


def table_largest(path: Path, target: str) -> object:
    """Return the value of a target that counts as the event: the last in order."""
    return sorted(pd.read_csv(path, usecols=[target])[target].dropna().unique())[-1]


def phantoms(count: int) -> dict[str, tuple[pd.DataFrame, np.ndarray]]:
    """Return name -> values and outcome of phantoms, each knee taken for a patient, and of columns of noise."""
    found = {}
    for seed in range(count):
        drawn = table_phantom(TablePhantom(patients=120, seed=seed))
        outcome = drawn["cohort"]["progressed"].to_numpy(dtype=float)
        for block in ("radiomic", "deep"):
            found[f"phantom {seed}, {block}"] = (drawn[block].drop(columns="case_id"), outcome)
        generator = np.random.default_rng(seed)
        noise = pd.DataFrame(generator.standard_normal((120, 400))).add_prefix("n")
        found[f"noise {seed}"] = (noise, generator.permutation(np.arange(120) % 2).astype(float))
    return found


def grave(found: Audit) -> list[str]:
    """Return the names of checks with an error or a warning."""
    return [name for name, finding in found.findings if finding.severity in GRAVE]


def alarms(values: pd.DataFrame, outcome: np.ndarray, draws: int) -> tuple[Counter[str], int]:
    """Return how often each check has a finding on some of the columns, random ones and neighbours in turn."""
    generator = np.random.default_rng(0)
    raised: Counter[str] = Counter()
    tried = 0
    for count in NUMBERS_OF_COLUMNS:
        for draw in range(draws if values.shape[1] > count else 0):
            start = generator.integers(values.shape[1] - count)
            near = np.arange(start, start + count)
            some = near if draw % 2 else generator.choice(values.shape[1], count, replace=False)
            raised.update(set(grave(audit(subject(values.iloc[:, some], outcome)))))
            tried += 1
    return raised, tried


def planted(values: pd.DataFrame, outcome: np.ndarray, draws: int) -> dict[str, str]:
    """Return leak -> how often it was caught by the check of its name, of how many times it could be planted."""
    generator = np.random.default_rng(1)
    caught, tried = Counter[str](), Counter(copy=draws, outcome=draws)
    for _ in range(draws):
        row = int(generator.integers(len(values)))
        twin = pd.concat([values, values.iloc[[row]].astype(float).round(6)], ignore_index=True)
        caught["copy"] += any("same values" in f.found for f in twins.look(_of(twin, [*outcome, 1.0])).findings)
        shuffled = generator.permutation(outcome)
        tells = _of(values, shuffled).ranks["radiomic"].p_means
        best = np.flatnonzero(tells < 0.05)
        tried["chosen"] += len(best) >= preselected.FEWEST
        caught["chosen"] += bool(preselected.look(_of(values.iloc[:, best], shuffled)).findings)
        copy = values.iloc[:, :20].assign(copy=2 - outcome)
        caught["outcome"] += bool(telling.look(_of(copy, outcome)).findings)
    return {name: f"{caught[name]}/{tried[name]}" for name in ("copy", "chosen", "outcome")}


def _of(values: pd.DataFrame, outcome: np.ndarray | list[float]) -> Subject:
    return subject(values, outcome)


def main() -> None:
    """Print a table of findings, false alarms and leaks caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=20, help="for each number of columns, and of each planted leak")
    parser.add_argument("--phantoms", type=int, default=3)
    arguments = parser.parse_args()
    print(
        "| table | rows x columns | errors and warnings | p < 0.05 | best AUC | nearest two | alarms on some columns |"
    )
    print("|---|---|---|---|---|---|---|")
    every, total = Counter[str](), 0
    kept = {}
    for name, (values, outcome) in {**tables_in(arguments.tables), **phantoms(arguments.phantoms)}.items():
        study = subject(values, outcome)
        start = time.perf_counter()
        found = audit(study)
        seconds = time.perf_counter() - start
        twin = [finding for check, finding in found.findings if check == twins.NAME and finding.severity == "error"]
        if twin:  # a real scan that stands twice: what is left is honest
            pair = twins.nearest_pairs(study, "radiomic")[0]
            values, outcome = values.drop(index=values.index[pair.second]), np.delete(outcome, pair.second)
        kept[name] = (values, outcome)
        raised, tried = alarms(values, outcome, arguments.draws)
        every.update(raised)
        total += tried
        pairs = twins.nearest_pairs(subject(values, outcome), "radiomic")
        near = f"r {max(pair.correlation for pair in pairs):.3f}" if pairs else "-"
        share = preselected.share_that_tells(study, "radiomic")
        best = max(telling.areas_of(study, "radiomic").values())
        shown = ", ".join(dict.fromkeys(grave(found))) or "none"
        told = ", ".join(f"{check} {count}" for check, count in raised.items()) or "none"
        size = f"{values.shape[0]} x {values.shape[1]}, {seconds:.1f} s"
        print(f"| {name} | {size} | {shown} | {share:.0%} | {best:.3f} | {near} | {told} of {tried} |", flush=True)
    print(f"\nAlarms on some columns of any table: {dict(every) or 'none'} of {total}.\n")
    print("| leak planted in | row under another id, rounded | columns chosen on all rows | copy of the outcome |")
    print("|---|---|---|---|")
    for name, (values, outcome) in kept.items():
        if values.shape[1] >= 100:
            print(f"| {name} | {' | '.join(planted(values, outcome, arguments.draws).values())} |", flush=True)


if __name__ == "__main__":
    main()
