"""Stage `stability`: intraclass correlations over copies and between readers, as a table and a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from radfuse.errors import StudyError
from radfuse.run.stage import Stage
from radfuse.stages.context import Context
from radfuse.stages.disturb import Row, StableCase, place_of, rows_again
from radfuse.stages.export import write_files


@dataclass(frozen=True)
class StabilityJob:
    """All cases of a study.

    Attributes:
        title: of the page.
        cases: case -> its copies and readers.
        patients: case -> whose it is.
    """

    title: str
    cases: Mapping[str, Path]
    patients: Mapping[str, str]

    def __str__(self) -> str:
        return "stability"


def jobs(context: Context) -> Iterator[StabilityJob]:
    """Yield the one table.

    Raises:
        StudyError: no case could be disturbed.
    """
    places = {case.case_id: place_of(case.case_id) for case in context.cases()}
    cases = {case: context.path(place) for case, place in places.items() if context.has(place)}
    if not cases:
        raise StudyError(f"no case could be used{context.why()}")
    patients = {case.case_id: case.patient for case in context.cases()}
    yield StabilityJob(context.study.title or context.study.name, cases, patients)


def work(job: StabilityJob) -> dict[str, str | bytes]:
    """Return the files of the table and its page.

    Raises:
        InputError: fewer than two cases.
    """
    import pandas as pd

    from radfuse.radiomics.stability import stability
    from radfuse.report.stability import stability_report

    found = {case: StableCase.model_validate_json(path.read_bytes()) for case, path in job.cases.items()}
    parts = []
    for source, times in rows_again(found).items():
        cases = dict.fromkeys(case for rows in times for case in rows)
        if len(cases) > 1 or source == "copies":
            rated = {case: [_numbers(rows.get(case, {})) for rows in times] for case in cases}
            parts.append(stability(rated, "perturbation" if source == "copies" else source))
    masks = [
        {
            "case": case,
            "patient": job.patients[case],
            "reader": pair.reader,
            "other": pair.other,
            "label": label,
            **agreement.row(),
        }
        for case, item in found.items()
        for pair in item.agreement
        for label, agreement in pair.labels.items()
    ]
    return stability_report(job.title, pd.concat(parts, ignore_index=True), pd.DataFrame(masks))


def _numbers(row: Row) -> dict[str, float]:
    return {name: float("nan") if value is None else value for name, value in row.items()}


STAGE = Stage(
    "stability",
    10,
    jobs,
    work,
    write_files,
    lambda _: "stability",
    what="measuring stability",
    needs=("disturb",),
)
