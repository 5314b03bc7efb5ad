"""How variants of a study compare with it."""

from __future__ import annotations

from collections.abc import Mapping

from radfuse.config import Section
from radfuse.results.numbers import Interval, Number


class VariantFamily(Section):
    """One family of one variant.

    Attributes:
        variant: by name.
        family: by name.
        value: the headline of the family there.
        same: it ranks all units as the study does, as the variant changes nothing that it sees; nothing to test.
        units: compared: those that the variant and the study both predict.
        difference: variant less study, on the same units and test folds.
        p: that they do not differ.
        p_holm: adjusted for the number of variants of the family.
    """

    variant: str
    family: str
    value: Interval
    same: bool = False
    units: int = 0
    difference: Interval = Interval(value=None)
    p: Number = None
    p_holm: Number = None


class VariantResults(Section):
    """All variants of a study.

    Attributes:
        measure: name of the headline.
        main: family -> its headline in the study itself.
        changes: variant -> what it changes, in words; of those that could not be run too.
        families: every family of every variant that could be run.
        apart: variant -> why it cannot be compared unit by unit.
    """

    measure: str
    main: Mapping[str, Interval]
    changes: Mapping[str, str]
    families: tuple[VariantFamily, ...]
    apart: Mapping[str, str] = {}
