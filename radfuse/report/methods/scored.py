"""Statistics of a value, and of grades; how families without an event are compared."""

from __future__ import annotations

from collections.abc import Iterator

from radfuse.errors import counted
from radfuse.report.known import Known
from radfuse.report.methods.analysis import size_told


def statistics_of_a_value(known: Known) -> Iterator[str]:
    """Yield measures, intervals and tests of a continuous outcome."""
    yield _discrimination(known, "values")
    yield (
        "Errors were the root of the mean squared error (RMSE), the mean absolute error (MAE) and R², the share of the "
        "squared distance from the mean that is explained, beside Spearman's rank correlation; their intervals are "
        "those of a jackknife over patients."
    )
    yield (
        "Calibration was assessed by the slope of observed on predicted values, by the mean difference (bias) and the "
        "95% limits of agreement (Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8)."
    )
    yield from compared(known, "Cs", "squared error")
    yield from size_told(known)


def statistics_of_grades(known: Known) -> Iterator[str]:
    """Yield measures, intervals and tests of an ordinal outcome."""
    yield _discrimination(known, "grades")
    yield (
        "Agreement of predicted and observed grades was Cohen's kappa weighted by squared distance (Cohen 1968, "
        "doi:10.1037/h0026256), the share of units whose grade was predicted, that within one grade, and the mean "
        "distance (MAE); the predicted grade is the expected one, rounded."
    )
    yield (
        "Overall error was the ranked probability score; calibration of the probability of at least each grade was "
        "assessed by intercept and slope (Cox 1958, doi:10.1093/biomet/45.3-4.562)."
    )
    yield from compared(known, "Cs", "ranked probability score")


def _discrimination(known: Known, of: str) -> str:
    several = known.report.results.outer_folds > 1
    wider = " and grows by the overlap of training sets (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366)"
    return (
        f"Discrimination was the concordance (C), the share of pairs of units of two {of} that are ranked right "
        "(Harrell et al. 1996, doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4)"
        f"{', averaged over test folds' if several else ''}; its variance is that of an infinitesimal jackknife over "
        f"patients{wider if several else ''}."
    )


def compared(known: Known, measures: str, loss: str) -> Iterator[str]:
    """Yield how families were compared, and what intervals and p values are."""
    pairs = len(known.report.results.comparisons)
    if pairs:
        yield (
            f"{measures} were compared by Wald's test, p values adjusted by Holm's method over "
            f"{counted(pairs, 'pair')} of families, beside the difference in {loss}."
        )
    yield "Intervals are 95% confidence intervals; p values are two-sided."
