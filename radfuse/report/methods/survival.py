"""What the methods say of survival in the place of classes: measures, intervals, tests."""

from __future__ import annotations

from collections.abc import Iterator

from radfuse.report.known import Known, name_of
from radfuse.report.methods.words import counted

GROUPS = "Risk groups were cut at the thirds of the inner out-of-fold probabilities of each training set."


def is_outcome(known: Known) -> bool:
    """Return whether the outcome is a time to an event."""
    return name_of(known.cohort["outcome"]) == "survival"


def statistics(known: Known) -> Iterator[str]:
    """Yield measures, intervals and tests."""
    results, outcome = known.report.results, known.cohort["outcome"]
    several = results.outer_folds > 1
    averaged = ", averaged over test folds" if several else ""
    by = f"{outcome['horizon']:g} {outcome['unit']}".rstrip()
    yield (
        f"Discrimination was Harrell's C (Harrell et al. 1996){averaged}, beside "
        "Uno's C (Uno et al. 2011, doi:10.1002/sim.4154) and the AUC of events by a time (Hung and Chiang 2010, "
        "doi:10.1002/cjs.10046); variances are jackknife estimates by patient"
        + (
            " and grow by the overlap of training sets (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366)."
            if several
            else "."
        )
    )
    yield (
        f"Probabilities of the event by {by} followed from the linear predictor and Breslow's baseline hazard; they "
        "were assessed by the calibration slope, Kaplan-Meier estimates in fifths of the units, and the Brier score "
        "weighted by the inverse probability of censoring (Graf et al. 1999), clinical use by decision curves for "
        "censored outcomes (Vickers et al. 2008, doi:10.1186/1472-6947-8-53)."
    )
    yield "Risk groups were compared by Kaplan-Meier curves and the log-rank test."
    if results.comparisons:
        pairs = counted(len(results.comparisons), "pair")
        yield f"Cs were compared by Wald's test, p values adjusted by Holm's method over {pairs} of families."
    yield "Intervals are 95% confidence intervals; p values are two-sided."
