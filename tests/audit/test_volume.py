"""Volume alone beside the families that have volumes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from audited import coins, noise

from radfuse.audit.volume import NAME, volume_check, volume_columns, volume_fits, with_volumes
from radfuse.cohort.splits import Fold
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.design import Design
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.results import Comparison, Interval

EVENT = BinaryOutcome(column="event")


def design(*names: str) -> Design:
    outcome = coins(60)
    units = pd.DataFrame({"patient_id": [f"p{i}" for i in range(60)], "event": outcome})
    values = pd.DataFrame(noise(60, len(names)) + outcome[:, None], columns=list(names))
    return Design(units, {"radiomic": values, "clinical": pd.DataFrame({"age": outcome})})


def test_volumes_of_the_mesh_stand_for_those_of_voxels() -> None:
    names = ("t1/tumour/original_shape_MeshVolume", "t1/tumour/original_shape_VoxelVolume", "t1@V00/x_shape_MeshVolume")
    assert volume_columns(design(*names)) == {"radiomic": [names[0], names[2]]}
    assert volume_columns(design("MR_original_shape_VoxelVolume")) == {"radiomic": ["MR_original_shape_VoxelVolume"]}
    assert volume_columns(design("t1/tumour/original_shape_SurfaceVolumeRatio", "volume")) == {}


def test_it_is_fitted_in_the_folds_on_nothing_else() -> None:
    whole = design("t1/tumour/original_shape_MeshVolume", "t1/tumour/original_glcm_Contrast")
    place = np.arange(60) % 2
    folds = [Fold(str(i), np.flatnonzero(place != i), np.flatnonzero(place == i)) for i in (0, 1)]
    fits = volume_fits(whole, folds, "patient_id", EVENT, FusionConfig(inner_folds=2), 7)
    assert [fit.test for fit in fits] == [tuple(fold.test) for fold in folds]
    assert {column.name for fit in fits for column in fit.explanation.columns} == {
        "t1/tumour/original_shape_MeshVolume"
    }
    assert with_volumes(whole, ["clinical", "radiomic", "clinical-radiomic"]) == ["radiomic", "clinical-radiomic"]
    assert volume_fits(design("x"), folds, "patient_id", EVENT, FusionConfig(), 7) == ()
    assert fits[0].family == NAME


def test_a_family_that_does_not_beat_it_is_a_remark() -> None:
    outcome = coins(40)
    rows = pd.DataFrame({"family": NAME, "fold": "1", "repeat": 1, "position": range(40), "patient": range(40)})
    measured = EVENT.measure(
        rows.assign(outcome=outcome, probability=np.linspace(0.1, 0.8, 40) + 0.1 * outcome, threshold=0.5)
    )

    def against(low: float) -> Comparison:
        return Comparison(
            first="radiomic", second=NAME, difference=Interval(value=0.05, low=low, high=0.2), p=0.1, p_holm=0.1
        )

    measured = measured.model_copy(update={"auc": Interval(value=0.7, low=0.55, high=0.8)})
    (finding,) = volume_check(measured, [against(-0.1)]).findings
    assert finding.severity == "remark"
    assert finding.found.startswith(
        "radiomic is not shown to rank better than volume alone: gain in AUC +0.050 (−0.100 to +0.200)"
    )
    assert volume_check(measured, [against(0.01)]).findings == ()
    unsure = measured.model_copy(update={"auc": Interval(value=0.6, low=0.45, high=0.75)})
    assert volume_check(unsure, [against(-0.1)]).findings == ()
    worse = Comparison(
        first="radiomic", second=NAME, difference=Interval(value=-0.1, low=-0.3, high=0.1), p=0.3, p_holm=0.3
    )
    assert len(volume_check(unsure, [worse]).findings) == 1
    assert volume_check(None, []).skipped.startswith("no column is a volume")
