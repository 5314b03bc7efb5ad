"""Check that a bundle says of new images what the study's own stages say.

    uv run python scripts/predict_parity.py RUN STUDY.yaml --cases 2

Predicts the first cases of the study's table with `radfuse predict` in a process of its own, and computes the same from
the run folder: the work of the stages segment, extract and deep with the final network, and the fitted models as
stored. Prints the Dice between the two masks and the largest difference in probability; fails above 1e-4, or below a
Dice of 0.999.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse import machine
from radfuse.cohort.case import Case
from radfuse.run.folder import RunFolder
from radfuse.seg.metrics import dice
from radfuse.stages import deep, extract, segment
from radfuse.stages.context import ALL, Context
from radfuse.stages.train import network_of
from radfuse.study import load_study
from radfuse.volume.files import read_labels


def main() -> None:
    """Predict, compute, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("study", type=Path)
    parser.add_argument("--cases", type=int, default=2)
    arguments = parser.parse_args()
    study = load_study(arguments.study)
    context = Context(study, RunFolder.open(arguments.run, study.name), lambda *_: None)
    cases = context.cases()[: arguments.cases]
    table = pd.read_csv(study.cohort.table, dtype=str).set_index(study.cohort.case, drop=False)
    with tempfile.TemporaryDirectory(dir=study.cohort.table.parent) as folder:
        out = predicted(context, table.loc[[case.case_id for case in cases]], Path(folder))
        said = pd.read_csv(out / "predictions.csv", dtype={study.cohort.patient: str}).set_index(study.cohort.patient)
        families = [name.removesuffix("_probability") for name in said.columns if name.endswith("_probability")]
        assert families
        worst = 0.0
        for case in cases:
            place = Path(folder) / f"{case.case_id}.mask"
            values = dict(table.loc[case.case_id]) | computed(context, case, place)
            theirs = read_labels(next((out / "labels").glob(f"{case.case_id}*")))
            overlap = dice(read_labels(place / "labels.nrrd").array > 0, theirs.array > 0)
            for family in families:
                mine = probability(context.path(f"models/{family}/all/model.onnx"), values)
                worst = max(worst, abs(mine - float(said.loc[case.patient, f"{family}_probability"])))
            print(f"{case.case_id}: Dice of the two masks {overlap:.6f}")
            assert overlap >= 0.999
        print(f"largest difference in probability over {len(families)} families: {worst:.2g}")
        assert worst <= 1e-4


def predicted(context: Context, rows: pd.DataFrame, folder: Path) -> Path:
    """Predict rows of the study's table by `radfuse predict`, and return the folder of what it wrote."""
    config = context.study.cohort
    chosen = rows.drop(columns=[config.mask], errors="ignore")
    for column in config.images.values():
        chosen[column] = [str((config.table.parent / path).resolve()) for path in chosen[column]]
    chosen.to_csv(folder / "new.csv", index=False)
    command = ["predict", str(context.path("bundle")), str(folder / "new.csv"), "--out", str(folder / "out")]
    subprocess.run([sys.executable, "-m", "radfuse.cli", *command], check=True)
    return folder / "out"


def computed(context: Context, case: Case, place: Path) -> dict[str, float]:
    """Return a case's features by the work of the stages, with the network that ships; its mask is left at a place."""
    network = context.path(network_of(ALL))
    ours = next(job for job in segment.jobs(context) if str(job) == case.case_id)
    segment.write(segment.work(replace(ours, mask=None, fold=ALL, network=network, tolerances_mm={})), place)
    mask, source = place / "labels.nrrd", context.backend.source
    values = dict(extract.work(extract.job_of(context, case, mask, source)).features)
    for job in deep.jobs(context):
        if str(job) == case.case_id and job.fold == ALL:
            values |= deep.work(replace(job, mask=mask, source=source, network=network))
    return {name: np.nan if value is None else value for name, value in values.items()}


def probability(model: Path, values: Mapping[str, object]) -> float:
    """Return what a family's fit on all units, as it was stored, says of one unit."""
    session = machine.open_network(model, small=True)
    columns = json.loads(session.get_modelmeta().custom_metadata_map["columns"])
    row = np.array([[float(str(values.get(name, np.nan))) for name in columns]])
    return float(session.run(["probability"], {"features": row})[0][0])


if __name__ == "__main__":
    main()
