"""The report of a study from images: deep features explained, cases to look at, and when it is made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from radfuse.run.digests import job_key
from radfuse.stages import report
from radfuse.stages.context import Context

pytestmark = pytest.mark.slow


def test_deep_features_are_explained_and_cases_are_shown(finished: Path) -> None:
    page = (finished / "run/report/index.html").read_text()
    assert "reads SEQUENCE/REGION/deep_ROW-COLUMN_CHANNEL, all counted from 0" in page
    for which in ("worst", "median", "best"):
        assert f"The {which} case (c" in page
    assert page.count("<i style=") == 4  # a legend each, and one of the masks to look at
    assert str(finished) not in page


def test_another_day_or_folder_is_no_reason_to_make_it_again(context: Context) -> None:
    (job,) = report.jobs(context)
    later = replace(job, occasion=report.Occasion(date="2099-01-01", folder="/elsewhere"))
    other = replace(job, title="another")
    keys = [job_key("report", 1, each, context.folder.digest) for each in (job, later, other)]
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]
