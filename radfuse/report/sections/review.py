"""Masks to look at: the most suspicious of those that networks made, each with its picture."""

from __future__ import annotations

from base64 import b64encode
from itertools import cycle

from radfuse.report.palette import LABEL_COLOURS
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport


def study(report: StudyReport) -> Part:
    """Return the top of the review list; nothing where no network made masks."""
    found = report.review
    shown = found.shown if found is not None else ()
    pictures = {mask.case: b64encode(mask.preview).decode() for mask in shown}
    legend = dict(zip(found.labels, cycle(LABEL_COLOURS), strict=False)) if found is not None else {}
    html = render("sections/review.html", review=found, pictures=pictures, legend=legend)
    return Part("Masks to look at", html)
