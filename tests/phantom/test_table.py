"""The table phantom: its truth is what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.errors import InputError
from radfuse.phantom.table import BLOCKS, TablePhantom, reachable_auc, table_phantom, write_table_phantom


def test_reachable_auc_is_the_expected_auc_over_all_pairs() -> None:
    generator = np.random.default_rng(0)
    truth = pd.DataFrame(generator.normal(size=(12, 3)), columns=[f"{block}_part" for block in BLOCKS])
    truth["probability"] = 1 / (1 + np.exp(-truth.sum(axis=1)))
    score, p = (truth["clinical_part"] + truth["deep_part"]).to_numpy(), truth["probability"].to_numpy()
    won = total = 0.0
    for i in range(12):
        for j in range(12):
            if i != j:
                total += p[i] * (1 - p[j])
                won += p[i] * (1 - p[j]) * (score[i] > score[j])
    assert reachable_auc(truth, "clinical-deep") == pytest.approx(won / total)


def test_the_probability_is_that_of_the_parts_and_more_blocks_reach_further() -> None:
    truth = table_phantom(TablePhantom(patients=400, seed=1))["truth"]
    logit = truth[[f"{block}_part" for block in BLOCKS]].sum(axis=1) + truth["intercept"]
    assert np.allclose(truth["probability"], 1 / (1 + np.exp(-logit)))
    assert truth["probability"].mean() == pytest.approx(0.35, abs=1e-6)
    reach = [reachable_auc(truth, family) for family in ("radiomic", "radiomic-deep", "clinical-radiomic-deep")]
    assert reach == sorted(reach)
    assert np.corrcoef(truth[[f"{block}_part" for block in BLOCKS]].T)[np.triu_indices(3, 1)] == pytest.approx(
        0, abs=0.15
    )


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    first, second = (table_phantom(TablePhantom(patients=30, seed=5)) for _ in range(2))
    for name in first:
        pd.testing.assert_frame_equal(first[name], second[name])
    assert not first["deep"].equals(table_phantom(TablePhantom(patients=30, seed=6))["deep"])


def test_both_knees_of_a_person_share_the_patient_and_correlate() -> None:
    tables = table_phantom(TablePhantom(patients=400, seed=2, missing=0.0, site_shift=0.0))
    cohort = tables["cohort"]
    assert cohort["case_id"].is_unique
    assert set(cohort.groupby("patient_id").size()) == {1, 2}
    wide = tables["deep"].set_index(cohort["patient_id"])["dess/tibial_cartilage/deep_003"]
    pairs = [group.to_numpy() for _, group in wide.groupby(level=0) if len(group) == 2]
    assert np.corrcoef(np.array(pairs).T)[0, 1] == pytest.approx(0.5, abs=0.12)


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("")
    with pytest.raises(InputError, match="is not empty; choose another folder"):
        write_table_phantom(tmp_path, TablePhantom(patients=20))
    assert (
        write_table_phantom(tmp_path / "new", TablePhantom(patients=20)).read_text().startswith("name: table_phantom")
    )
