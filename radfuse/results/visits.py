"""What shapes and volumes did between the visits of a study."""

from __future__ import annotations

from radfuse.config import Section
from radfuse.results.numbers import Interval, Number


class Visit(Section):
    """One visit of a study.

    Attributes:
        visit: as the table has it.
        units: that were measured at it.
        missing: units that were not.
        years: from the baseline: median, least and most over units; empty of the baseline, and without dates.
    """

    visit: str
    units: int
    missing: int
    years: tuple[float, ...] = ()


class FeatureChange(Section):
    """How one feature changed from the baseline to one visit, over the units that have it at both.

    Attributes:
        feature: its name without a visit.
        visit: the follow-up.
        units: that have it at both.
        patients: whose they are.
        before: mean at baseline.
        difference: follow-up minus baseline, with its interval by patient.
        percent: of each unit's own baseline; without a value where baselines are not all of one sign.
        rate: the difference a year; without a value where visits have no dates.
        response: standardised response mean.
        spread: minimum, quartiles and maximum of the change in per cent; empty where there is none.
    """

    feature: str
    visit: str
    units: int
    patients: int
    before: Number
    difference: Interval
    percent: Interval
    rate: Interval
    response: Number
    spread: tuple[float, ...] = ()


class FeatureCourse(Section):
    """One feature at every visit, to be drawn.

    Attributes:
        feature: its name without a visit.
        means: over the units that have it, with their intervals by patient; one a visit.
        units: values of some units, one a visit, None where a unit lacks it.
    """

    feature: str
    means: tuple[Interval, ...]
    units: tuple[tuple[Number, ...], ...]


class VisitResults(Section):
    """The visits of a study; all empty where no unit has two.

    Attributes:
        baseline: what changes count from.
        units: of the study.
        patients: of the study.
        whole: units that have all visits.
        visits: in time, the baseline among them.
        changes: the features that moved most for their spread first, a feature's visits together.
        courses: of the first features.
    """

    baseline: str = ""
    units: int = 0
    patients: int = 0
    whole: int = 0
    visits: tuple[Visit, ...] = ()
    changes: tuple[FeatureChange, ...] = ()
    courses: tuple[FeatureCourse, ...] = ()
