"""Stage `tables`: the features of all cases as a table a block, parquet in parts, for other tools; `run` needs none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radfuse.errors import StudyError
from radfuse.features import FeatureTable
from radfuse.run.folder import read_json
from radfuse.run.stage import Desk, Stage
from radfuse.stages import deep, extract
from radfuse.stages.context import ALL, Context
from radfuse.volume.quantities import units_of

_VALUES = 4_000_000
"""Of a part, which is what is in memory: 32 MB, and as much again for arrow."""


@dataclass(frozen=True)
class TableJob:
    """One block.

    Attributes:
        block: its name.
        case: name of the column of cases.
        cases: case -> its features.
    """

    block: str
    case: str
    cases: Mapping[str, Path]

    def __str__(self) -> str:
        return f"the table {self.block}"


def jobs(context: Context) -> Iterator[TableJob]:
    """Yield the blocks that are made of images.

    Raises:
        StudyError: every case failed.
    """
    cases = [case.case_id for case in context.cases()]
    if not cases:
        raise StudyError(f"no case could be used{context.why()}")
    places = {"radiomic": {case: extract.place_of(case) for case in cases}}
    if context.study.deep is not None:
        places["deep"] = {case: deep.place_of(ALL, case) for case in cases}
    for block, several in places.items():
        yield TableJob(block, context.study.cohort.case, {case: context.path(place) for case, place in several.items()})


def work(job: TableJob, desk: Desk) -> Path:
    """Return a folder of parts, all with the same columns: those that any case has, in the order they first occur."""
    names, sources = dict[str, None](), dict[str, None]()
    count = len(job.cases)
    for number, found in enumerate(map(read_json, job.cases.values())):
        desk.tell(number, 2 * count)
        names |= dict.fromkeys(found["features"])
        if "mask_source" in found:
            sources[found["mask_source"]] = None
    folder = desk.folder / "parts"
    shutil.rmtree(folder, ignore_errors=True)  # of a killed run
    folder.mkdir()
    left, rows = iter(job.cases.items()), max(_VALUES // max(len(names), 1), 1)
    columns = {name: place for place, name in enumerate(names)}
    for start in range(0, count, rows):
        desk.tell(count + start, 2 * count)
        part = _part(list(islice(left, rows)), columns, job.case)
        table = FeatureTable(part, units_of(names), {"mask_source": list(sources)})
        table.to_parquet(folder / f"{start // rows + 1:04}.parquet")
    return folder


def _part(cases: list[tuple[str, Path]], columns: Mapping[str, int], name: str) -> pd.DataFrame:
    """Return rows of some cases; what one lacks is NaN."""
    values = np.full((len(cases), len(columns)), np.nan)
    for row, (_, path) in zip(values, cases, strict=True):
        own: dict[str, Any] = read_json(path)["features"]
        row[[columns[each] for each in own]] = [np.nan if value is None else value for value in own.values()]
    return pd.DataFrame(
        values, pd.Index([case for case, _ in cases], name=name, dtype=object), list(columns), copy=False
    )


def write(parts: Path, path: Path) -> None:
    """Have the parts where the result belongs."""
    parts.rename(path)


STAGE = Stage(
    "tables",
    2,
    jobs,
    work,
    write,
    lambda job: f"features/tables/{job.block}",
    what="writing table",
    needs=("extract", "deep"),
    spares=lambda context: () if context.study.deep is not None else ("deep",),
    desk=True,
)
