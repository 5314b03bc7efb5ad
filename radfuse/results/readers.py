"""How readers compare with models, and with each other."""

from __future__ import annotations

from radfuse.config import Section
from radfuse.results.numbers import Interval, Number


class ReaderScore(Section):
    """One reader on the units read.

    Attributes:
        reader: by name.
        units: read, and predicted by the models.
        events: among them.
        auc: with its interval by patient.
        cut: the study's, or None.
        sensitivity: at the cut.
        specificity: at the cut.
    """

    reader: str
    units: int
    events: int
    auc: Interval
    cut: Number = None
    sensitivity: Interval = Interval(value=None)
    specificity: Interval = Interval(value=None)


class ReaderBeside(Section):
    """A reader and a family on the units that both know; AUCs averaged over test folds.

    Attributes:
        reader: by name.
        family: out of fold.
        units: that both know.
        reader_auc: of the reader's scores.
        family_auc: of the family's probabilities.
        difference: family less reader.
        p: that they differ, by DeLong's test with variances by patient.
        p_right: that family and reader are right equally often, McNemar by patient; None without a cut.
        p_sensitivity: the same among events.
        p_specificity: the same among others.
        together: of a logistic regression of both, cross-fitted on the same folds; None where there is one fold.
        gain: of it on the reader.
        p_gain: that it differs from the reader.
        over_family: gain of it on the family.
    """

    reader: str
    family: str
    units: int
    reader_auc: Interval
    family_auc: Interval
    difference: Interval
    p: Number
    p_right: Number = None
    p_sensitivity: Number = None
    p_specificity: Number = None
    together: Interval = Interval(value=None)
    gain: Interval = Interval(value=None)
    p_gain: Number = None
    over_family: Interval = Interval(value=None)


class ReaderAgreement(Section):
    """Two readers, or all, on the units that all of them read.

    Attributes:
        readers: by name.
        units: read by all of them.
        kappa: weighted by squared distance, of two; None of scores too many to be grades.
        icc: ICC(2,1): single readers, absolute agreement.
    """

    readers: tuple[str, ...]
    units: int
    kappa: Interval = Interval(value=None)
    icc: Interval = Interval(value=None)


class ReaderResults(Section):
    """All readers of a study.

    Attributes:
        scores: of each.
        beside: each with each family.
        agreement: of each pair, and of all where there are more than two.
        remarks: what could not be compared, a sentence each.
    """

    scores: tuple[ReaderScore, ...]
    beside: tuple[ReaderBeside, ...]
    agreement: tuple[ReaderAgreement, ...] = ()
    remarks: tuple[str, ...] = ()
