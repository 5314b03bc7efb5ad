"""What a study says of its cohort: which columns name the cases, what is known of them and what is predicted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from radfuse.cohort.changes import Changes
from radfuse.cohort.splits import Grouped, Split
from radfuse.config import Section, Where, Word, nearest
from radfuse.errors import short
from radfuse.outcomes.kinds import Outcome

_LONGEST_NAME = 200
"""Letters of a column that a study uses."""


FIRST, SECOND = "first", "second"
"""What the readers of `mask` and `second_mask` are called where `readers` does not name them."""


class Categories(Section):
    """A clinical column that holds words; its levels are declared, so that nothing is learned from the data."""

    column: str
    """Of the cohort table."""
    levels: tuple[Word, ...] = Field(min_length=2)
    """All allowed texts; the first is the reference."""

    @field_validator("levels")
    @classmethod
    def _differ(cls, levels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(levels)) < len(levels):
            raise ValueError("a level stands twice; remove one")
        return levels


def levels_of(clinical: Iterable[str | Categories]) -> dict[str, tuple[str, ...]]:
    """Return column -> levels of those clinical columns that hold words."""
    return {item.column: item.levels for item in clinical if isinstance(item, Categories)}


class CohortConfig(Section):
    """Where the cohort is and what its columns mean."""

    table: Path
    """CSV, TSV, Excel or parquet, a row per case; relative to the study file."""
    case: str = "case_id"
    """Column of the case's own id; "row_number" for a table without ids that holds its features too."""
    patient: str = "patient_id"
    """Column of the person: everything of one person stays in one fold."""
    unit: tuple[str, ...] = Field(default=(), max_length=8)
    """Columns that name what is predicted; empty: each case. Visits of a unit are joined."""
    visit: str = "visit"
    """Column of the visit; needed where a unit has several cases."""
    changes: Changes | None = None
    """What changed between visits, as columns of their own; None: the visits stand side by side alone."""
    site: str | None = None
    """Column of the hospital or scanner, for the report and for leaving sites out."""
    series_index: Annotated[Path | None, Where()] = None
    """Index that `radfuse dicom index` wrote, relative to the study file: images and masks may then be named by the UID
    of their series."""
    images: dict[str, str] = {}
    """Sequence name -> column of image paths, relative to the table."""
    optional_images: tuple[str, ...] = ()
    """Sequences that a case may lack, its cell left empty: its features are then missing, to be imputed."""
    mask: str | None = None
    """Column of manual segmentations; may be empty for some rows."""
    masks: dict[str, str] = {}
    """Sequence name -> column of manual segmentations of its own, drawn on its image; may be empty for some rows."""
    second_mask: str | None = None
    """Column of a second reader's segmentations, for `radfuse stability` and the selection step `stability`; may be
    empty for some rows."""
    readers: dict[str, str] = {}
    """Reader -> column of the masks they drew, two readers or more, who drew `mask` among them: compared by `radfuse
    stability` and the selection step `stability`, made one by `segmentation: {backend: vote}`; may be empty for some
    rows."""
    repeats: dict[str, str] = {}
    """Reader -> column of the masks that the same reader drew once more; "first" is who drew `mask`, where `readers`
    does not name them. May be empty for some rows."""
    landmarks: dict[str, str] = {}
    """Name -> column of a place in mm of patient space (z, say, growing to the head), for regions: {L4/5: z_l45}."""
    slices: dict[str, str] = {}
    """Name -> column of the number of a slice of the mask that a reader named, in the file's order, the first is 1."""
    clinical: tuple[str | Categories, ...] = ()
    """Columns of numbers, or of words with their levels; they make the clinical block. Folds are dealt by their values
    in this order: a column that is added at the end leaves patients in their folds, another order deals them anew."""
    outcome: Outcome | None = None
    """What is predicted, or the column of an event; needed to compare models."""
    exclude: dict[Word, str] = {}
    """Case id -> why it is left out."""
    split: Split = Grouped()
    """How outer folds are made; grouped where no kind is said."""

    @model_validator(mode="after")
    def _each_column_once(self) -> CohortConfig:
        masks = (*(mask for mask in (self.mask, self.second_mask) if mask), *self.masks.values())
        drawn = (*self.images.values(), *masks)
        named = {
            "clinical": self.clinical_columns,
            "unit": self.unit,
            "images, mask, second_mask and masks": drawn,
            "images, masks, landmarks and slices": (*drawn, *self.place_columns),
            "images, readers and repeats": (*self.images.values(), *self.readers.values(), *self.repeats.values()),
            "mask, masks and repeats": (*masks, *self.repeats.values()),
        }
        for setting, names in named.items():
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise ValueError(f"column {short(twice[0])!r} stands twice in `{setting}`; remove one")
            long = [name for name in names if len(name) > _LONGEST_NAME]
            if long:
                raise ValueError(
                    f"column {short(long[0])!r} in `{setting}` has a name too long for reports and files, "
                    f"{_LONGEST_NAME} letters are the most; rename it"
                )
        return self

    @model_validator(mode="after")
    def _each_place_once(self) -> CohortConfig:
        both = sorted(set(self.landmarks) & set(self.slices))
        if both:
            raise ValueError(f"{both[0]!r} stands under `landmarks` and under `slices`; keep the one that is right")
        return self

    @model_validator(mode="after")
    def _readers_are_told_apart(self) -> CohortConfig:
        pair = {FIRST: self.mask, SECOND: self.second_mask}
        for name, column in pair.items() if self.second_mask else ():
            if column and self.readers.get(name, column) != column:
                raise ValueError(
                    f"readers.{name}: so is called who drew {short(column)!r}, and this is another; name all readers "
                    "under `readers`, and leave `second_mask` out"
                )
        known = [*self.readers, *([FIRST] if self.mask and self.mask not in self.readers.values() else [])]
        for name in self.repeats:
            if name not in known:
                mend = f"name them under `readers`, or write {FIRST!r} for who drew `mask`"
                raise ValueError(f"repeats.{short(name)}: no reader of this name{nearest(name, known, mend)}")
        return self

    @model_validator(mode="after")
    def _outcome_is_no_input(self) -> CohortConfig:
        for name in (self.case, self.patient):
            if name in self.clinical_columns:
                raise ValueError(f"column {name!r} is both an id and a clinical column; remove it from `clinical`")
        for outcome in self.outcome_columns:
            if outcome in self.clinical_columns:
                raise ValueError(
                    f"column {outcome!r} is both the outcome and a clinical column; remove it from `clinical`"
                )
            if outcome in self.unit:
                raise ValueError(f"column {outcome!r} is both the outcome and part of the unit")
        return self

    @model_validator(mode="after")
    def _sequences_are_images(self) -> CohortConfig:
        for setting, names in (("masks", tuple(self.masks)), ("optional_images", self.optional_images)):
            for name in names:
                if name not in self.images:
                    raise ValueError(
                        f"`{setting}` names {short(name)!r}, which is not in `images`{nearest(name, self.images)}"
                    )
        if self.images and set(self.images) <= set(self.optional_images):
            raise ValueError("`optional_images` holds all of `images`; leave out the one that every case has")
        return self

    def beside(self, folder: Path) -> CohortConfig:
        """Return the same with its files taken from the folder of the study file."""
        index = self.series_index
        paths = {"table": folder / self.table, "series_index": folder / index if index is not None else None}
        return self.model_copy(update=paths)

    @property
    def mask_columns(self) -> tuple[str, ...]:
        """Columns of segmentations, whoever drew them on whichever image."""
        readers = (*self.readers.values(), *self.repeats.values())
        columns = (self.mask, self.second_mask, *self.masks.values(), *readers)
        return tuple(dict.fromkeys(column for column in columns if column))

    @property
    def drawn(self) -> dict[str, str]:
        """Reader -> column of the masks that are held against each other, or against the same reader's repeats."""
        pair = {}
        if self.mask and (self.second_mask or FIRST in self.repeats):
            pair[FIRST] = self.mask
        if self.second_mask:
            pair[SECOND] = self.second_mask
        named = set(self.readers.values())
        return {**{name: column for name, column in pair.items() if column not in named}, **self.readers}

    @property
    def file_columns(self) -> tuple[str, ...]:
        """Columns that name files."""
        return (*self.images.values(), *self.mask_columns)

    @property
    def outcome_columns(self) -> tuple[str, ...]:
        """Columns the outcome is read from; empty without one."""
        return tuple(self.outcome.columns().values()) if self.outcome else ()

    @property
    def clinical_columns(self) -> tuple[str, ...]:
        """Names of the clinical columns, with or without levels."""
        return tuple(item if isinstance(item, str) else item.column for item in self.clinical)

    @property
    def place_columns(self) -> tuple[str, ...]:
        """Columns that say where something is in the images."""
        return *self.landmarks.values(), *self.slices.values()

    @property
    def unit_columns(self) -> tuple[str, ...]:
        """Columns that name a unit of prediction."""
        return self.unit or (self.case,)


def encoded_names(config: CohortConfig) -> tuple[str, ...]:
    """Return the names clinical columns have after encoding: "age", "gender=Male"."""
    names: list[str] = []
    for item in config.clinical:
        names += [item] if isinstance(item, str) else [f"{item.column}={level}" for level in item.levels[1:]]
    return tuple(names)
