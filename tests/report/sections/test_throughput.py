"""How fast stages went, on the page."""

from __future__ import annotations

from pathlib import Path

from papers import report_of, shipped

from radfuse.report.sections import findings, throughput
from radfuse.results import Failure
from radfuse.results.pace import StagePace


def test_a_row_a_stage_that_took_a_while_and_the_bottleneck(tmp_path: Path) -> None:
    slow = StagePace(
        stage="extract",
        jobs=1200,
        wall_seconds=3600.0,
        seconds=7000.0,
        cpu_seconds=6500.0,
        bytes_read=24_000_000_000,
        workers=2,
    )
    quick = StagePace(stage="prepare", jobs=1, wall_seconds=0.4, seconds=0.4, cpu_seconds=0.4)
    report = report_of(shipped("tables", tmp_path), paces=(slow, quick))
    part = throughput.study(report)
    cells = ["extract", "1,200", "1,200", "3,600", "2", "7,000", "6,500", "24,000"]
    assert [f">{cell}</td>" in part.html for cell in cells] == [True] * len(cells)
    assert "prepare" not in part.html
    assert "<b>Bottleneck:</b> extract took 100% of the time: a processor computed 93% of its jobs" in part.html
    assert part.tables == {}


def test_nothing_is_shown_of_a_run_that_took_no_time(tmp_path: Path) -> None:
    assert not throughput.study(report_of(shipped("tables", tmp_path))).html.strip()


def test_of_thousands_of_failures_the_page_shows_some_and_a_table_all(tmp_path: Path) -> None:
    report = report_of(shipped("tables", tmp_path))
    failures = tuple(Failure(item=f"case {number}", error="no mask") for number in range(3000))
    many = report_of(shipped("tables", tmp_path), results=report.results.model_copy(update={"failures": failures}))
    part = findings.study(many)
    assert part.html.count('class="failure"') == 50
    assert "the first 50 of 3000 failures; all of them stand in tables/failures.csv" in part.html
    assert list(part.tables["failures"]["item"][-1:]) == ["case 2999"]
    assert findings.study(report).tables == {}
