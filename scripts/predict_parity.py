"""Check that a bundle says of new images what the study's own stages say.

    uv run python scripts/predict_parity.py RUN STUDY.yaml --cases 2

Predicts the first cases of the study's table with `radfuse predict` in a process of its own, and computes the same from
the run folder: the final network, the region, radiomics and deep stages, and the fitted models as stored. Prints the
Dice between the two masks and the largest difference in probability; fails above 1e-4, or below a Dice of 0.999.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd

from radfuse.pipeline import read_inputs
from radfuse.radiomics.case import case_features
from radfuse.radiomics.regions import make_regions
from radfuse.seg.encode import deep_features
from radfuse.seg.metrics import dice
from radfuse.seg.predict import OnnxSegmenter
from radfuse.study import load_study
from radfuse.volume.files import read_labels, read_volume


def main() -> None:
    """Predict, compute, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("study", type=Path)
    parser.add_argument("--cases", type=int, default=2)
    arguments = parser.parse_args()
    study = load_study(arguments.study)
    cases = list(read_inputs(study).cohort)[: arguments.cases]
    table = pd.read_csv(study.cohort.table, dtype=str).set_index(study.cohort.case, drop=False)
    segmenter = OnnxSegmenter(arguments.run / "models" / "segmentation" / "all.onnx")
    assert study.segmentation is not None
    with tempfile.TemporaryDirectory(dir=study.cohort.table.parent) as folder:
        chosen = table.loc[[case.case_id for case in cases]].drop(columns=[study.cohort.mask], errors="ignore")
        for column in study.cohort.images.values():
            chosen[column] = [str((study.cohort.table.parent / path).resolve()) for path in chosen[column]]
        chosen.to_csv(Path(folder) / "new.csv", index=False)
        out = Path(folder) / "out"
        command = ["predict", str(arguments.run / "bundle"), str(Path(folder) / "new.csv"), "--out", str(out)]
        subprocess.run([sys.executable, "-m", "radfuse.cli", *command], check=True)
        said = pd.read_csv(out / "predictions.csv", dtype={study.cohort.patient: str}).set_index(study.cohort.patient)
        worst = 0.0
        for case in cases:
            values = dict(table.loc[case.case_id])
            masks = list((out / "labels").glob(f"{case.case_id}*"))
            sequence = getattr(study.segmentation, "sequence", None) or next(iter(study.cohort.images))
            volume = read_volume(case.images[sequence])
            labels = segmenter(volume)
            overlap = dice(labels.array > 0, read_labels(masks[0]).array > 0)
            images = {name: read_volume(path) for name, path in case.images.items()}
            found = case_features(
                case.case_id, images, labels, study.regions, study.segmentation.labels, study.radiomics
            ).features
            values |= {name: np.nan if value is None else value for name, value in found.items()}
            if study.deep is not None:
                regions = make_regions(labels, study.regions, study.segmentation.labels, study.radiomics.min_voxels)
                wanted = {item.name: item.mask for item in regions if item.name in (study.deep.regions or (item.name,))}
                deep = deep_features(volume, wanted, segmenter)
                values |= {f"{sequence}/{name}": value for name, value in deep.items()}
            families = [name.removesuffix("_probability") for name in said.columns if name.endswith("_probability")]
            assert families
            for family in families:
                model = onnxruntime.InferenceSession(arguments.run / f"models/{family}/all/model.onnx")
                columns = json.loads(model.get_modelmeta().custom_metadata_map["columns"])
                row = np.array([[float(values.get(name, np.nan)) for name in columns]])
                mine = float(model.run(["probability"], {"features": row})[0][0])
                worst = max(worst, abs(mine - float(said.loc[case.patient, f"{family}_probability"])))
            print(f"{case.case_id}: Dice of the two masks {overlap:.6f}")
            assert overlap >= 0.999
        print(f"largest difference in probability over {len(families)} families: {worst:.2g}")
        assert worst <= 1e-4


if __name__ == "__main__":
    main()
