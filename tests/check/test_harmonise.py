"""Sites that cannot be harmonised are told before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from radfuse.check.study import check_study
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.cohort.units import units_of_two_sites
from radfuse.errors import InputError
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.study import load_study

HARMONISED = ["fusion.harmonise={}", "cohort.split.folds=3"]


def study(folder: Path, sites: dict[int, Any], *settings: str) -> Any:
    """A phantom of 40 patients, some rows with another site."""
    file = write_table_phantom(folder, TablePhantom(patients=40))
    cohort = pd.read_csv(folder / "cohort.csv", dtype=str)
    cohort["site"] = [sites.get(row, site) for row, site in enumerate(cohort["site"])]
    cohort.to_csv(folder / "cohort.csv", index=False)
    return load_study(file, [*HARMONISED, *settings])


def test_a_sound_study_passes(tmp_path: Path) -> None:
    assert not [problem for problem in check_study(study(tmp_path, {})).warnings if "harmonise" in problem.where]


def test_a_site_too_small_for_a_fold_is_named_with_the_fold_unless_it_may_pass(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        check_study(study(tmp_path, {0: "elsewhere"}))
    (problem,) = [problem for problem in caught.value.problems if problem.severity == "error"]
    assert problem.where == "fusion.harmonise"
    assert "1 test units of fold" in problem.message
    assert "('elsewhere')" in problem.message
    assert check_study(study(tmp_path, {0: "elsewhere"}, "fusion.harmonise.unseen=pass"))


def test_one_site_alone_is_nothing_to_harmonise(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"two units or more of north alone, .* remove fusion\.harmonise"):
        check_study(study(tmp_path, dict.fromkeys(range(100), "north"), "fusion.harmonise.unseen=pass"))


def test_a_unit_seen_at_two_sites_is_named(tmp_path: Path) -> None:
    rows = ["a,p1,V0,x,0", "b,p1,V1,y,0", "c,p2,V0,x,1", "d,p3,V0,y,0", "e,p4,V0,x,1", "f,p4,V1,x,1"]
    (tmp_path / "cohort.csv").write_text("\n".join(["case_id,patient_id,visit,site,event", *rows]) + "\n")
    settings = {
        "table": tmp_path / "cohort.csv",
        "unit": ["patient_id"],
        "site": "site",
        "outcome": {"column": "event"},
    }
    cohort = read_cohort(config=CohortConfig.model_validate({**settings, "split": {"kind": "grouped", "folds": 2}}))
    (problem,) = units_of_two_sites(cohort)
    assert problem.message == (
        "unit p1 has cases of several sites (x, y), and harmonisation needs one; correct them, or add 'site' to "
        "cohort.unit"
    )


WRONG = {
    "no column of sites": (["cohort.site=null"], "fusion.harmonise needs cohort.site"),
    "a covariate that is none": (["fusion.harmonise.covariates=[agee]"], "'agee' is no column of cohort.clinical; did"),
    "the outcome as covariate": (["fusion.harmonise.covariates=[progressed]"], "'progressed' is no column of cohort."),
    "a block that is none": (["fusion.harmonise.blocks=[radiomics]"], "no block 'radiomics'; did you mean 'radiomic'?"),
    "clinical beside covariates": (
        ["fusion.harmonise.blocks=[clinical]", "fusion.harmonise.covariates=[age]"],
        "names clinical, whose columns are its covariates too",
    ),
    "each site left out and refused": (["cohort.split={kind: leave_site_out}"], "set fusion.harmonise.unseen: pass"),
    "another kind": (["fusion.harmonise.kind=combatt"], "fusion.harmonise.kind"),
    "another way with unseen sites": (["fusion.harmonise.unseen=drop"], "fusion.harmonise.unseen"),
    "the column by its old name": (["fusion.harmonise.by=scanner"], "by: unknown setting"),
    "nothing to harmonise": (["features={}"], "has no block to work on"),
    "a block called site": (["features.site=radiomic.csv"], "a block may not be called 'site'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_refuses(name: str, tmp_path: Path) -> None:
    settings, message = WRONG[name]
    file = write_table_phantom(tmp_path, TablePhantom(patients=20))
    with pytest.raises(InputError) as caught:
        load_study(file, ["fusion.harmonise={}", *settings])
    assert message in str(caught.value)
