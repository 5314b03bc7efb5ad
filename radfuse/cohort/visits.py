"""What a study says of visits beside the columns that tell them apart: whether they share the baseline's mask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import field_validator

from radfuse.cohort.config import CohortConfig
from radfuse.config import Section, Word
from radfuse.volume.registration import Registration

if TYPE_CHECKING:
    from radfuse.cohort.case import Case


class VisitsConfig(Section):
    """Follow-ups measured by the mask of their unit's baseline, which a registration carries to them.

    What changes between visits is then of the image, and not of how somebody drew it twice. The other visits of a unit
    are its follow-ups, before or after.
    """

    baseline: Word | None = None
    """Visit whose mask is carried over, as the visit column has it; None: the first of `cohort.changes.between`."""
    registration: Registration = Registration()
    """How the baseline's segmented image is registered to that of each follow-up."""

    @field_validator("registration")
    @classmethod
    def _by_itself(cls, registration: Registration) -> Registration:
        if registration.by is not None:
            raise ValueError(f"visits are registered by the segmented image; leave out by: {registration.by}")
        return registration

    def first(self, config: CohortConfig) -> str:
        """Return the visit whose mask is carried over."""
        return self.baseline or (config.changes.between[0] if config.changes is not None else "")

    def baselines(self, cases: Iterable[Case], config: CohortConfig) -> dict[str, Case | None]:
        """Return follow-up -> baseline of its unit, None where the unit has none."""
        first, cases = self.first(config), list(cases)
        known = {case.unit: case for case in cases if case.visit == first}
        return {case.case_id: known.get(case.unit) for case in cases if case.visit != first}

    def lacking(self, config: CohortConfig) -> str:
        """Return why a follow-up without a baseline fails."""
        return (
            f"its unit has no visit {self.first(config)!r}, whose mask is to be carried over (visits.baseline); add "
            "it, or list the case under cohort.exclude"
        )


def check_visits(visits: VisitsConfig | None, cohort: CohortConfig, *, regions: bool) -> None:
    """Refuse a section that has no visits to work on.

    Raises:
        ValueError: says what it needs.
    """
    if visits is None:
        return
    if not regions:
        raise ValueError("visits carries masks from image to image, and the study starts from tables; leave it out")
    if not cohort.unit or cohort.case in cohort.unit:
        raise ValueError("visits needs cohort.unit, the columns of what is visited, such as [patient_id, side]")
    between = cohort.changes.between if cohort.changes is not None else None
    if visits.baseline is None and between is None:
        raise ValueError("visits.baseline: say which visit's mask is carried to the others, as the visit column has it")
    if visits.baseline is not None and between is not None and visits.baseline != between[0]:
        raise ValueError(
            f"visits.baseline is {visits.baseline!r}, and cohort.changes counts from {between[0]!r}; correct one"
        )
