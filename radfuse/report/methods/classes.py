"""Statistics of several classes without an order."""

from __future__ import annotations

from collections.abc import Iterator

from radfuse.report.known import Known
from radfuse.report.methods.scored import compared


def statistics(known: Known) -> Iterator[str]:
    """Yield measures, intervals and tests."""
    several = known.report.results.outer_folds > 1
    wider = " and grow by the overlap of training sets (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366)"
    yield (
        "Discrimination was the mean over classes of the area under the receiver operating characteristic curve (AUC) "
        "of each against the rest (macro AUC), and Hand and Till's M, the mean over pairs of classes (Hand and Till "
        f"2001, doi:10.1023/A:1010920819831){', averaged over test folds' if several else ''}; their variances sum "
        f"over patients{wider if several else ''}."
    )
    yield (
        "Agreement of predicted and observed classes was the accuracy, the mean over classes of the share found "
        "(balanced accuracy) and Cohen's kappa (Cohen 1960, doi:10.1177/001316446002000104)."
    )
    yield (
        "Overall error was the log loss and the Brier score summed over classes; calibration of the probability of "
        "each class was assessed by intercept and slope (Cox 1958, doi:10.1093/biomet/45.3-4.562)."
    )
    yield from compared(known, "Macro AUCs", "log loss")
