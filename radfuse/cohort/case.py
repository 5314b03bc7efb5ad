"""Case and Cohort: image sets at visits, with unique ids and existing files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from radfuse.cohort.config import FIRST, SECOND, CohortConfig, encoded_names
from radfuse.errors import Problem


@dataclass(frozen=True)
class Case:
    """One image set at one visit.

    Attributes:
        case_id: of the case.
        patient: whose it is.
        unit: what is predicted for it.
        visit: where the table says it.
        images: sequence -> image.
        mask: of the segmented image.
        second_mask: the same by a second reader.
        own_masks: sequence -> mask drawn on that image.
        landmarks: name -> mm.
        slices: name -> number of a slice.
        readers: reader -> mask they drew of the segmented image.
        repeats: reader -> mask they drew of it once more.
    """

    case_id: str
    patient: str
    unit: tuple[str, ...]
    visit: str | None
    images: dict[str, Path]
    mask: Path | None
    second_mask: Path | None = None
    own_masks: Mapping[str, Path] = field(default_factory=dict)
    landmarks: Mapping[str, float] = field(default_factory=dict)
    slices: Mapping[str, int] = field(default_factory=dict)
    readers: Mapping[str, Path] = field(default_factory=dict)
    repeats: Mapping[str, Path] = field(default_factory=dict)

    def drawn(self, config: CohortConfig) -> dict[str, Path]:
        """Return reader -> mask, of the readers who are compared."""
        own = {FIRST: self.mask, SECOND: self.second_mask, **self.readers}
        return {name: path for name in config.drawn if (path := own.get(name)) is not None}


@dataclass(frozen=True)
class Cohort:
    """Cases with unique ids and existing files.

    Attributes:
        config: what the columns mean.
        cases: a row per case, index `case_id`; text columns patient, unit, visit, site and split as in the table,
            clinical columns as float64 (levels one-hot as "column=level"), outcome as 0.0 or 1.0.
        folder: what image paths are relative to.
        warnings: findings that did not stop the reading.
        scans: case -> what its images hold, as a text that is equal for equal images only; empty without images.
        beside: columns of the table that no setting names and that tell site, scanner, date or person by their name, as
            text; index as `cases`, and maybe rows of cases that are left out.
        unusable: case -> why its files cannot be used; of new patients, these are not among the cases.
    """

    config: CohortConfig
    cases: pd.DataFrame
    folder: Path
    warnings: tuple[Problem, ...] = ()
    scans: Mapping[str, str] = field(default_factory=dict)
    beside: pd.DataFrame = field(default_factory=pd.DataFrame)
    unusable: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        """Yield the cases with the full paths of their files."""
        config = self.config
        for row in self.cases.reset_index().to_dict("records"):
            images = {
                sequence: self.folder / row[column]
                for sequence, column in config.images.items()
                if not pd.isna(row[column])
            }
            mask = row[config.mask] if config.mask else None
            second = row.get(config.second_mask)  # of new patients it is not read
            yield Case(
                row[config.case],
                row[config.patient],
                tuple(row[name] for name in config.unit_columns),
                row.get(config.visit),
                images,
                self.folder / mask if isinstance(mask, str) else None,
                self.folder / second if isinstance(second, str) else None,
                {name: self.folder / row[column] for name, column in config.masks.items() if not pd.isna(row[column])},
                {name: row[column] for name, column in config.landmarks.items() if row[column] == row[column]},
                {name: int(row[column]) for name, column in config.slices.items() if row[column] == row[column]},
                *(
                    {name: self.folder / row[column] for name, column in columns.items() if not pd.isna(row[column])}
                    for columns in (config.readers, config.repeats)
                ),
            )

    def without(self, cases: Collection[str]) -> Cohort:
        """Return the cohort without some cases."""
        return replace(self, cases=self.cases[~self.cases.index.isin(list(cases))])

    @property
    def clinical_features(self) -> tuple[str, ...]:
        """Names of the encoded clinical columns."""
        return encoded_names(self.config)
