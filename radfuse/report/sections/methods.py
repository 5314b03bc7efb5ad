"""The methods of the study, ready to paste."""

from __future__ import annotations

from radfuse.report.methods.paper import as_markdown, methods
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport


def study(report: StudyReport) -> Part:
    """Return a paragraph a topic, on the page and as Markdown beside it."""
    paragraphs = methods(report)
    html = render("sections/methods.html", paragraphs=paragraphs)
    return Part("Methods", html, files={"methods.md": as_markdown(paragraphs)})
