"""How fast the work went, and what held it up."""

from __future__ import annotations

import pandas as pd

from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.results.pace import bottleneck


def study(report: StudyReport) -> Part:
    """Return a row a stage that took at least a second; no file beside the page, as it is another one at each run."""
    paces = [pace for pace in report.paces if pace.wall_seconds >= 1]
    rows = [
        {
            "Stage": pace.stage,
            "Jobs": f"{pace.jobs:,}",
            "Jobs an hour": "" if pace.per_hour is None else f"{pace.per_hour:,.0f}",
            "Time, s": f"{pace.wall_seconds:,.0f}",
            "Workers": str(pace.workers),
            "All jobs, s": f"{pace.seconds:,.0f}",
            "Processor, s": f"{pace.cpu_seconds:,.0f}",
            "Read, MB": f"{pace.bytes_read / 1e6:,.0f}" if pace.bytes_read else "",
        }
        for pace in paces
    ]
    return Part("Throughput", render("sections/throughput.html", table=pd.DataFrame(rows), held=bottleneck(paces)))
