"""All paragraphs of the methods, ready to paste."""

from __future__ import annotations

from radfuse.report.known import Known
from radfuse.report.methods import analysis, beside, classes, cohort, images, models, scored, survival
from radfuse.report.study import StudyReport

_PARAGRAPHS = {
    "Participants and outcome": cohort.sentences,
    "Images and features": images.sentences,
    "Models": models.sentences,
    "Validation": analysis.validation,
    "Statistics": analysis.statistics,
    "Further analyses": beside.sentences,
    "Software": analysis.software,
}
_STATISTICS = {
    "survival": survival.statistics,
    "continuous": scored.statistics_of_a_value,
    "ordinal": scored.statistics_of_grades,
    "multiclass": classes.statistics,
}


def methods(report: StudyReport) -> dict[str, str]:
    """Return heading -> paragraph; a paragraph with nothing to say is left out."""
    known = Known(report)
    tellers = _PARAGRAPHS | {"Statistics": _STATISTICS.get(known.kind, analysis.statistics)}
    found = {heading: " ".join(tell(known)) for heading, tell in tellers.items()}
    return {heading: text for heading, text in found.items() if text}


def as_markdown(paragraphs: dict[str, str]) -> str:
    """Return the paragraphs under their headings."""
    return "\n\n".join(f"**{heading}.** {text}" for heading, text in paragraphs.items()) + "\n"
