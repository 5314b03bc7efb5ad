"""What is measured beside the comparison of families: readers, subgroups, variants, and validation from within."""

from __future__ import annotations

from collections.abc import Iterator

from radfuse.errors import counted
from radfuse.report.known import Known
from radfuse.report.methods.words import number, series, spaced


def sentences(known: Known) -> Iterator[str]:
    """Yield what a study asks for beside; nothing of what it does not."""
    evaluation = dict(known.settings["evaluation"])
    yield from _readers(known)
    groups = [spaced(group["column"]) for group in evaluation["subgroups"]]
    split = known.cohort["split"]
    if split.get("kind") == "leave_site_out":
        groups = list(dict.fromkeys([spaced(split["column"]), *groups]))
    if groups:
        measure = known.report.performance[0].measure
        yield (
            f"The {measure} was measured in each group of {series(groups)} that is large enough, and these were "
            "compared by Wald's test."
        )
    if known.report.variants is not None:
        count, apart = counted(len(known.report.variants.changes), "variant"), known.report.variants.apart
        but = f" (but for {series(apart)})" if apart else ""
        yield f"For sensitivity, {count} of the analysis stood beside it, on the same test units{but}."
    if evaluation["optimism"]:
        samples = counted(evaluation["optimism"], "bootstrap sample")
        yield f"Optimism was estimated by {samples} of patients (Harrell et al. 1996)."
    if evaluation["permutations"]:
        times = counted(evaluation["permutations"], "time")
        yield f"Outcomes were shuffled between patients {times}, and every family was fitted to each shuffle."
    if evaluation["learning_curve"]:
        shares = series(f"{100 * share:g}%" for share in evaluation["learning_curve"]["shares"])
        yield f"Learning curves show models fitted to {shares} of the training patients."


def _readers(known: Known) -> Iterator[str]:
    readers = dict(known.settings["evaluation"]["readers"])
    if not readers:
        return
    cuts = [reader["cut"] for reader in readers.values() if reader["cut"] is not None]
    at = series(dict.fromkeys(map(number, cuts)))
    calls = f", their calls at the cut {at} by McNemar's test (Obuchowski 1998; exact for few patients)" if cuts else ""
    agreement = known.report.readers.agreement if known.report.readers is not None else ()
    measures = {"weighted kappa": "kappa", "ICC(2,1)": "icc"}
    by = [name for name, part in measures.items() if any(getattr(item, part).value is not None for item in agreement)]
    each = f", and readers with each other by {series(by)}" if by else ""
    yield (
        f"Scores of {counted(len(readers), 'reader')} were compared with the models on the test units that each read, "
        f"AUCs by DeLong's test{calls}{each}."
    )
