"""Statistics of a time to an event."""

from __future__ import annotations

from collections.abc import Iterator

from radfuse.errors import counted
from radfuse.report.known import Known
from radfuse.report.methods.analysis import size_told


def statistics(known: Known) -> Iterator[str]:
    """Yield measures, intervals, tests and the sample size."""
    results = known.report.results
    horizon = f"{known.outcome['horizon']:g} {known.outcome['unit']}".rstrip()
    several = results.outer_folds > 1
    wider = " and grow by the overlap of training sets (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366)"
    method = "Aalen-Johansen" if known.competing else "Kaplan-Meier"
    if known.competing:
        yield (
            "Models were of the cause-specific hazard of the event, units with a competing one leaving at its time; "
            "probabilities are its cumulative incidence, by that hazard and the hazard of competing events of all "
            "training units together (Benichou and Gail 1990, Biometrics 46, 813-826)."
        )
    yield (
        "Discrimination was Harrell's C (Harrell et al. 1996, "
        "doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4), Uno's C (Uno et al. 2011, "
        f"doi:10.1002/sim.4154) and the time-dependent AUC up to {horizon} (Blanche et al. 2013, "
        f"doi:10.1002/bimj.201200045){', averaged over test folds' if several else ''}; their variances are those of "
        f"an infinitesimal jackknife over patients{wider if several else ''}."
    )
    if known.competing:
        yield (
            "There, units with a competing event are free of the event for good (Wolbers et al. 2009, "
            "doi:10.1097/EDE.0b013e3181a39056; Blanche et al. 2013, doi:10.1002/sim.5958)."
        )
    yield (
        f"Overall error was the Brier score at {horizon}, and its mean over the time until then, weighted for "
        "censoring (Graf et al. 1999, doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5)."
    )
    yield (
        f"Calibration was assessed at {horizon} by predicted against observed shares ({method}) in fifths of the "
        "units and by the slope of the score in Cox regression, clinical use by decision curves for censored times "
        "(Vickers et al. 2008, doi:10.1186/1472-6947-8-53)."
    )
    yield (
        "Cumulative incidence in the three risk groups was drawn by Aalen and Johansen's method and compared by Gray's "
        "test (Gray 1988, doi:10.1214/aos/1176350951)."
        if known.competing
        else "Survival of the three risk groups was drawn by Kaplan and Meier's method and compared by the log-rank "
        "test."
    )
    if results.comparisons:
        pairs = counted(len(results.comparisons), "pair")
        yield f"Harrell's Cs were compared by Wald's test, p values adjusted by Holm's method over {pairs} of families."
    yield "Intervals are 95% confidence intervals; p values are two-sided."
    yield from size_told(known)
