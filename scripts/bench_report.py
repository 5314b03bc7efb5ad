"""How long each section of the report takes, and the readers' comparison, beyond the fits.

Usage: python scripts/bench_report.py [--units 900] [--families 6] [--draws 200]

Out-of-fold predictions of as many units and families are drawn, two units of four in five patients; every stored draw
of optimism and shuffles is made up, since those are fits.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from radfuse.evaluation.config import Reader
from radfuse.evaluation.thresholds import USUAL, name_of, threshold_of
from radfuse.fusion.families import default_families
from radfuse.outcomes.performance import compare, measure
from radfuse.outcomes.readers import compare_readers
from radfuse.report.page import study_report
from radfuse.report.sections import STUDY
from radfuse.report.study import Made, StudyReport
from radfuse.results import Explanation, FittedFamily, OptimismDraw, Shuffled, StudyResults, UsedColumn

FOLDS = 5


def units_of(count: int, generator: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Return units with patient, side and outcome, and what truly tells them apart."""
    patients = np.repeat(np.arange(count), np.where(generator.random(count) < 0.8, 2, 1))[:count]
    truth = generator.normal(size=count)
    sides = np.where(np.r_[True, patients[1:] != patients[:-1]], "right", "left")
    outcome = (truth + generator.normal(size=count) > 0.4).astype(int)
    names = [f"P{number:04d}" for number in patients]
    return pd.DataFrame({"patient_id": names, "side": sides, "outcome": outcome}), truth


def predictions_of(
    units: pd.DataFrame, truth: np.ndarray, family: str, generator: np.random.Generator
) -> tuple[pd.DataFrame, list[FittedFamily]]:
    """Return a family's out-of-fold rows and its folds."""
    y = units["outcome"].to_numpy()
    probability = 1 / (1 + np.exp(-(truth + generator.normal(size=len(units)) - 0.4)))
    folds = np.array([str(pd.factorize(units["patient_id"])[0][i] % FOLDS + 1) for i in range(len(units))])
    fitted, thresholds = [], {}
    said = Explanation(
        measure="coefficient", unit="log odds", columns=(UsedColumn(name="a", block="clinical", importance=1),)
    )
    for fold in sorted(set(folds)):
        rules = {name_of(rule): threshold_of(y[folds != fold], probability[folds != fold], rule) for rule in USUAL}
        thresholds[fold] = rules["Youden index"]
        fitted.append(
            FittedFamily(
                family=family,
                fold=fold,
                explanation=said,
                threshold=thresholds[fold],
                tuned={},
                inner_auc=0.8,
                columns_in=1,
                thresholds=rules,
            )
        )
    rows = pd.DataFrame({"patient_id": units["patient_id"], "side": units["side"], "patient": units["patient_id"]})
    rows = rows.assign(outcome=y, family=family, fold=folds, repeat=1, probability=probability)
    return rows.assign(threshold=pd.Series(folds).map(thresholds), position=np.arange(len(units))), fitted


def report_of(count: int, families: int, draws: int) -> StudyReport:
    """Return a report to draw, and print how long measuring took."""
    generator = np.random.default_rng(0)
    units, truth = units_of(count, generator)
    names = default_families(("clinical", "radiomic", "deep"))[:families]
    parts = {name: predictions_of(units, truth, name, generator) for name in names}
    predictions = pd.concat([part[0] for part in parts.values()], ignore_index=True)
    readers = {name: Reader(column=name, cut=3) for name in ("reader 1", "reader 2", "reader 3")}
    grades = {name: np.digitize(truth + generator.normal(size=count), [-1, 0, 1, 2]) + 1.0 for name in readers}
    start = time.perf_counter()
    found = compare_readers(predictions, pd.DataFrame(grades), readers, names)
    told("readers compared", start)
    start = time.perf_counter()
    results = StudyResults(
        outer_folds=FOLDS,
        performance=tuple(measure(parts[name][0]) for name in names),
        comparisons=compare(predictions, names),
    )
    told("families measured and compared", start)
    measures = {"AUC": 0.8, "log loss": 0.5, "Brier": 0.17}
    folds = {name: part[1] for name, part in parts.items()}
    columns = {"sex": ["f", "m"], "site": ["north", "south", "west"], "kl": ["0", "1", "2", "3", "4"]}
    return StudyReport(
        title="bench",
        outcome="event",
        event="1",
        events=units["outcome"].to_numpy(),
        unit=("patient_id", "side"),
        patient="patient_id",
        site=None,
        units=units,
        blocks={"clinical": 1, "radiomic": 100, "deep": 64},
        clinical=pd.DataFrame({"age": generator.normal(60, 9, count)}),
        predictions=predictions.drop(columns="position"),
        results=results,
        folds=folds,
        final={name: own[0].model_copy(update={"fold": "all"}) for name, own in folds.items()},
        study_yaml="name: bench\n",
        settings={},
        strategy={"kind": "priority"},
        warnings=(),
        versions={"radfuse": "0"},
        seed=7,
        sections=[name for name in STUDY if name not in ("segmentation", "review")],
        made=Made("2026-01-01", "0", "radfuse run study.yaml"),
        readers=found,
        groups=pd.DataFrame({name: generator.choice(words, count) for name, words in columns.items()}),
        optimism={
            name: [OptimismDraw(family=name, draw=i, sample=measures, everyone=measures) for i in range(draws + 1)]
            for name in names
        },
        shuffled={
            name: [
                Shuffled(family=name, draw=i, value=value)
                for i, value in enumerate(generator.normal(0.5, 0.02, draws), 1)
            ]
            for name in names
        },
    )


def told(what: str, start: float) -> None:
    """Print how long it took since then."""
    print(f"{what:<34} {time.perf_counter() - start:6.2f} s")


def main() -> None:
    """Time every section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=900)
    parser.add_argument("--families", type=int, default=6)
    parser.add_argument("--draws", type=int, default=200)
    asked = parser.parse_args()
    whole = time.perf_counter()
    report = report_of(asked.units, asked.families, asked.draws)
    for name in report.sections:
        start = time.perf_counter()
        STUDY[name](report)
        told(f"section {name}", start)
    told("all of it", whole)
    start = time.perf_counter()
    study_report(report)
    told("the page, all sections once more", start)


if __name__ == "__main__":
    main()
