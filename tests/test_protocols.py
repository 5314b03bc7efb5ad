"""The shipped studies of published protocols run on phantom cohorts, from the table to compared models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from protocols import COHORTS

from radfuse.pipeline import Run, run_study
from radfuse.study import load_study, shipped_study

QUICK = [
    *("radiomics.filters=[original]", "radiomics.classes=[firstorder]", "cohort.split.folds=2", "fusion.inner_folds=2"),
    *("fusion.classifier={kind: ridge}", "fusion.selection=[]", "fusion.strategy={kind: early}"),
]
OTHER_SPLITS = {"paraspinal_l45": ["cohort.split.repeats=2"], "rectal_t2_adc": []}


def run(name: str, folder: Path) -> Run:
    COHORTS[name](folder)
    (folder / f"{name}.yaml").write_text(shipped_study(name))
    settings = [word for word in QUICK if name not in OTHER_SPLITS or not word.startswith("cohort.split")]
    if name == "rectal_t2_adc":
        settings = [word for word in settings if not word.startswith("fusion.selection")]
    if name == "osteosarcoma_ring":
        settings.append("cohort.split.repeats=1")
    study = load_study(folder / f"{name}.yaml", [*settings, *OTHER_SPLITS.get(name, [])])
    return run_study(study, folder / "run", until="report")


@pytest.mark.slow
@pytest.mark.parametrize("name", COHORTS)
def test_a_protocol_runs_as_it_is_shipped(name: str, tmp_path: Path) -> None:
    done = run(name, tmp_path)
    assert done.failures == ()
    assert done.results is not None
    assert [item.family for item in done.results.performance] == ["clinical", "radiomic", "clinical-radiomic"]
    design = pd.read_parquet(tmp_path / "run/features/design/radiomic.parquet")
    columns = [str(column) for column in design.columns]
    regions = {region.name for region in load_study(tmp_path / f"{name}.yaml").regions}
    assert {column.split("/")[1] for column in columns if "/" in column} == regions
    for measure in load_study(tmp_path / f"{name}.yaml").morphometry:
        for region in measure.regions:
            assert any(f"/{region}/morphometry_" in column for column in columns), region
    assert (tmp_path / "run/report/index.html").is_file()
    CHECKS.get(name, lambda *_: None)(design)


def _progression(design: pd.DataFrame) -> None:
    """Phantom cartilage gets thinner between the visits where the disease progresses, and never thicker on average."""
    change = design["dess@change/medial_tibial_cartilage/morphometry_ThicknessMean"]
    assert change.mean() < 0
    assert not any("@V01/" in str(column) for column in design.columns)


def _fat(design: pd.DataFrame) -> None:
    """Every second case has 0.15 of fat in the multifidus, the others 0.35."""
    share = design["t2/multifidus/morphometry_FatFraction"].to_numpy()
    assert np.median(share) == pytest.approx(0.25, abs=0.08)
    assert np.ptp(share) > 0.1


def _three_sequences(design: pd.DataFrame) -> None:
    for sequence in ("ct", "pet"):
        own = design[[column for column in design.columns if str(column).startswith(f"{sequence}/")]]
        assert int(own.isna().all(axis=1).sum()) == 3
    hot = design["pet/hot/original_firstorder_Minimum"] / design["pet/tumour/original_firstorder_Maximum"]
    assert (hot.dropna() >= 0.41).all()


CHECKS = {"knee_progression": _progression, "paraspinal_l45": _fat, "sarcoma_pet_ct": _three_sequences}
