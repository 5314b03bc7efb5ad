"""Stage `stability`: intraclass correlations over copies and between readers, as a table and a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from radfuse.errors import StudyError
from radfuse.run.stage import Stage
from radfuse.stages.context import Context
from radfuse.stages.disturb import StableCase, place_of
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
        raise StudyError(f"no case could be used{context.first_failure()}")
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
    parts = [stability({case: _numbers(item.copies) for case, item in found.items()})]
    twice = {case: _numbers(item.readers) for case, item in found.items() if item.readers}
    if len(twice) > 1:
        parts.append(stability(twice, "readers"))
    masks = [
        {"case": case, "patient": job.patients[case], "label": label, **agreement.row()}
        for case, item in found.items()
        for label, agreement in item.agreement.items()
    ]
    return stability_report(job.title, pd.concat(parts, ignore_index=True), pd.DataFrame(masks))


def _numbers(rows: Sequence[Mapping[str, float | None]]) -> list[dict[str, float]]:
    return [{name: float("nan") if value is None else value for name, value in row.items()} for row in rows]


STAGE = Stage(
    "stability",
    5,
    jobs,
    work,
    write_files,
    lambda _: "stability",
    what="measuring stability",
    needs=("disturb",),
)
