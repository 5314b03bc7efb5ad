"""The report of a study from images: deep features explained, cases to look at, and when it is made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.run.digests import job_key
from radfuse.stages import report
from radfuse.stages.context import Context


def test_what_units_lack_is_counted_by_the_sequences_of_the_study_alone() -> None:
    """One unit of three lacks ct, one ct's follow-up and pet; of an outside table one ratio, which is no sequence."""
    columns = ["ct/tumour/a", "ct@later/tumour/a", "pet/tumour/a", "pet/tumour/b"]
    gaps = [[np.nan, 1.0, 1.0, 1.0], [1.0, np.nan, np.nan, np.nan], [1.0, 1.0, np.nan, 1.0]]
    lab = pd.DataFrame([[np.nan, 1.0, 1.0], [1.0, 1.0, 1.0], [np.nan] * 3], columns=["AST/ALT", "ct/K", "crp"])
    blocks = {"clinical": lab, "radiomic": pd.DataFrame(gaps, columns=columns), "lab": lab}
    told = {"radiomic, ct": 1, "radiomic, ct@later": 1, "radiomic, pet": 1, "lab": 1}
    assert report.lacking(blocks, ["ct", "pet"], ["lab"]) == told
    assert report.lacking({"radiomic": blocks["radiomic"][columns[2:]], "few": lab.iloc[:2]}, ["pet"]) == {
        "radiomic": 1
    }


@pytest.mark.slow
def test_deep_features_are_explained_and_cases_are_shown(finished: Path) -> None:
    page = (finished / "run/report/index.html").read_text()
    assert "reads SEQUENCE/REGION/deep_ROW-COLUMN_CHANNEL, all counted from 0" in page
    for which in ("worst", "median", "best"):
        assert f"The {which} case (c" in page
    assert page.count("<i style=") == 4  # a legend each, and one of the masks to look at
    assert str(finished) not in page


@pytest.mark.slow
def test_another_day_or_folder_is_no_reason_to_make_it_again(context: Context) -> None:
    (job,) = report.jobs(context)
    later = replace(job, occasion=report.Occasion(date="2099-01-01", folder="/elsewhere"))
    other = replace(job, title="another")
    keys = [job_key("report", 1, each, context.folder.digest) for each in (job, later, other)]
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]
