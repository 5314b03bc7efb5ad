"""What a study says of visits beside the columns that tell them apart: how follow-ups are registered to baselines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

from radfuse.cohort.config import CohortConfig
from radfuse.config import Section, Word, nearest
from radfuse.volume.registration import Registration

if TYPE_CHECKING:
    from radfuse.cohort.case import Case


class VisitsConfig(Section):
    """Follow-ups registered to the baseline of their unit; the other visits of a unit are its follow-ups, before or
    after.
    """

    baseline: Word | None = None
    """Visit that the others are registered to, as the visit column has it; None: the first of `cohort.changes.between`.
    """
    masks: Literal["carried", "own"] = Field(default="carried", exclude_if=lambda masks: masks == "carried")
    """Whose mask a follow-up is measured by. carried: the baseline's, brought to its image, so that what changes is of
    the image, and not of how somebody drew it twice. own: its own, and all its images and masks are put where the
    baseline's segmented image lies, by their headers: regions are cut as they were then, and shapes may change."""
    registration: Registration = Registration()
    """How the baseline's segmented image is registered to that of each follow-up."""

    @field_validator("registration")
    @classmethod
    def _by_itself(cls, registration: Registration) -> Registration:
        if registration.by is not None:
            raise ValueError(f"visits are registered by the segmented image; leave out by: {registration.by}")
        return registration

    @model_validator(mode="after")
    def _keeps_shapes(self) -> VisitsConfig:
        if self.masks == "own" and self.registration.transform != "rigid":
            raise ValueError(
                f"masks: own compares shapes, and transform: {self.registration.transform} would bend away what "
                "changed; set registration: {transform: rigid}"
            )
        return self

    def first(self, config: CohortConfig) -> str:
        """Return the visit that the others are registered to."""
        return self.baseline or (config.changes.between[0] if config.changes is not None else "")

    def baselines(self, cases: Iterable[Case], config: CohortConfig) -> dict[str, Case | None]:
        """Return follow-up -> baseline of its unit, None where the unit has none."""
        first, cases = self.first(config), list(cases)
        known = {case.unit: case for case in cases if case.visit == first}
        return {case.case_id: known.get(case.unit) for case in cases if case.visit != first}

    @property
    def whose(self) -> str:
        """Return what the baseline is needed for, in words."""
        return "whose mask is to be carried over" if self.masks == "carried" else "which it is to be registered to"

    def lacking(self, case: Case, config: CohortConfig, cases: Iterable[Case]) -> str:
        """Return why a follow-up without a baseline fails; a visit of its unit that is spelt alike is told."""
        first = self.first(config)
        seen = [other.visit for other in cases if other.unit == case.unit and isinstance(other.visit, str)]
        hint = nearest(first, seen)
        return (
            f"its unit has no visit {first!r}, {self.whose} (visits.baseline); add it, or list the case under "
            f"cohort.exclude{hint if '?' in hint else ''}"
        )

    def without_mask(self, baseline: Case, *, failed: bool) -> str:
        """Return why a follow-up whose baseline has no mask, or failed, fails."""
        why = "could not be used" if failed else "has no mask"
        what = "no mask to carry over" if self.masks == "carried" else "nothing to compare it with"
        return f"its baseline {baseline.case_id} {why}, so that there is {what}; mend that case"


def check_visits(visits: VisitsConfig | None, cohort: CohortConfig, *, regions: bool) -> None:
    """Refuse a section that has no visits to work on.

    Raises:
        ValueError: says what it needs.
    """
    if visits is None:
        return
    if not regions:
        raise ValueError("visits carries masks from image to image, and the study starts from tables; leave it out")
    if visits.masks == "own" and cohort.place_columns:
        raise ValueError(
            f"visits.masks: own moves follow-ups, and the column {cohort.place_columns[0]!r} of landmarks or slices "
            "says where something was before; leave it out, or set visits.masks: carried"
        )
    if not cohort.unit or cohort.case in cohort.unit:
        raise ValueError("visits needs cohort.unit, the columns of what is visited, such as [patient_id, side]")
    between = cohort.changes.between if cohort.changes is not None else None
    if visits.baseline is None and between is None:
        raise ValueError("visits.baseline: say which visit's mask is carried to the others, as the visit column has it")
    if visits.baseline is not None and between is not None and visits.baseline != between[0]:
        raise ValueError(
            f"visits.baseline is {visits.baseline!r}, and cohort.changes counts from {between[0]!r}; correct one"
        )
