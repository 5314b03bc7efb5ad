"""How well phantom knees are segmented out of fold, and whether radiomics of predicted masks are those of manual ones.

    uv run python scripts/knee_quality.py --seed 1
    uv run python scripts/knee_quality.py --seed 1 --work DIR segmentation.steps=400      a study setting changed

Draws 40 knees that all have a manual mask, trains the networks of the folds, segments every knee by the one that has
not seen its patient, and takes radiomics of every label and of the subchondral tibia from both masks. Prints the
minutes of all trainings, a row a label with its Dice, and a row a region with the share of features whose ICC(2,1)
between the two masks is at least 0.75, and those whose ICC(3,1) is. An interrupted run goes on in --work.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import pandas as pd

import radfuse as rf
from radfuse.phantom.knee import KneePhantom, write_knee_phantom

THOROUGH = (
    "segmentation.steps=1200",
    "segmentation.augmentation=light",
    "segmentation.ema=0.99",
    "segmentation.learning_rate=0.02",
)
"""What ten minutes of two cores train in the place of the demo's one or two."""


def stage_minutes(run: Path, stage: str) -> float:
    """Return how long the jobs of a stage took, added up."""
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return sum(row["seconds"] for row in rows if row.get("stage") == stage and "seconds" in row) / 60


def main() -> None:
    """Run, and print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--knees", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1, help="of the cohort")
    parser.add_argument("--work", type=Path, help="folder of cohort and run; fresh without")
    parser.add_argument("--network", type=Path, help="segments all knees, of a cohort that it has not learned from")
    parser.add_argument("settings", nargs="*", help="KEY=VALUE of the study")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        work = arguments.work or Path(fresh)
        if not (path := work / "cohort" / "study.yaml").is_file():
            write_knee_phantom(work / "cohort", KneePhantom(cases=arguments.knees, seed=arguments.seed, manual_share=1))
        segmentation = rf.load_study(path).segmentation
        assert segmentation is not None
        regions = [
            {"kind": "label", "name": name, "label": name} for name in segmentation.labels if name != "tibial_cartilage"
        ]
        more = json.dumps([*[region.model_dump(mode="json") for region in rf.load_study(path).regions], *regions])
        given = {"backend": "onnx", "model": str(arguments.network), "labels": segmentation.labels}
        how = [f"segmentation={json.dumps(given)}", "deep=null"] if arguments.network else THOROUGH
        study = rf.load_study(path, [*how, f"regions={more}", *arguments.settings])
        rf.run_study(study, work / "run", until="report")
        tables = work / "run" / "report" / "tables"
        cases, icc = pd.read_csv(tables / "segmentation_cases.csv"), pd.read_csv(tables / "agreement.csv")
        minutes = "given" if arguments.network else f"{stage_minutes(work / 'run', 'train'):.1f} min of training"
    print(f"{arguments.knees} knees, seed {arguments.seed}; networks: {minutes}\n")
    print("| label | knees | Dice, median | least | HD95 mm, median |\n|---|---|---|---|---|")
    for label, rows in cases.groupby("label", sort=False):
        dice, hd95 = rows["dice"], rows["hd95_mm"].median()
        print(f"| {label} | {len(rows)} | {dice.median():.3f} | {dice.min():.3f} | {hd95:.2f} |")
    kinds = {"ICC(2,1) at least 0.75": "at least 0.75", "ICC(3,1) at least 0.75": "ICC(3,1) at least 0.75"}
    print(f"\n| region | features | {' | '.join(kinds)} |\n|---|---|---|---|")
    for region, rows in icc.groupby("region", sort=False):
        good = [rows[column].str.extract(r"^(\d+)").astype(int)[0].sum() for column in kinds.values()]
        shares = " | ".join(f"{count / rows['features'].sum():.0%}" for count in good)
        print(f"| {region} | {rows['features'].sum()} | {shares} |")


if __name__ == "__main__":
    main()
