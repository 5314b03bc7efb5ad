"""Folds, tuning, thresholds, statistics and software."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from radfuse.errors import counted
from radfuse.report.additions import additions
from radfuse.report.known import Known, name_of
from radfuse.report.methods.words import number, series, spaced

_RULES = {
    "youden": "the largest Youden index of the inner out-of-fold predictions (Youden 1950)",
    "half": "a probability of 0.5",
}


def validation(known: Known) -> Iterator[str]:
    """Yield how units were tested, how settings and thresholds were chosen."""
    yield _split(known)
    yield from _test_set(known)
    yield "All units of one patient stayed together, and every step above was fitted on training units alone."
    few = any(warning.where == "fusion.inner_folds" for warning in known.report.warnings)  # where patients were few
    inner = f"in {'up to ' if few else ''}{counted(known.fusion['inner_folds'], 'inner fold')} of each training set"
    tried = "; ".join(f"{spaced(name)}: {series(map(number, values))}" for name, values in known.report.tuned.items())
    if tried:
        yield f"Settings ({tried}) were chosen {inner} by the {known.said.tuned}."
    else:
        fixed = "Settings were fixed beforehand"
        rule = known.fusion["threshold"]
        called = known.kind == "binary" and (rule == "youden" or isinstance(rule, Mapping))
        yield f"{fixed}; thresholds were chosen on predictions made {inner}." if called else f"{fixed}."
    if known.survival:
        yield f"Risk groups were cut at the thirds of predictions made {inner}."
    elif known.kind == "ordinal":
        yield (
            "Probabilities of grades were read off a family's score by cut-points of proportional odds (McCullagh "
            f"1980, doi:10.1111/j.2517-6161.1980.tb01109.x), fitted to scores made {inner}."
        )
    elif known.kind == "multiclass":
        yield "A unit was given the class of the largest probability."
    elif known.kind == "binary":
        rule = _threshold(known.fusion["threshold"])
        yield f"Sensitivity, specificity and predictive values were read at {rule}."
    yield f"Random numbers were drawn from seed {known.report.seed}."


def _threshold(rule: str | float | Mapping[str, float]) -> str:
    """Return where calls are read."""
    if isinstance(rule, str):
        return _RULES[rule]
    if not isinstance(rule, Mapping):
        return f"a probability of {rule:g}"
    ((what, value),) = rule.items()
    if what == "cost":
        return f"the smallest cost of the inner out-of-fold predictions, a missed event weighing {value:g} false alarms"
    return f"a {what} of {value:g} of the inner out-of-fold predictions"


def _split(known: Known) -> str:
    split, results = known.cohort["split"], known.report.results
    again = f", dealt {results.repeats} times anew" if results.repeats > 1 else ""
    tested = counted(results.outer_folds, "test fold")
    kind = name_of(split)
    if kind == "grouped":
        classes = ", stratified by the outcome" if split["stratified"] else ""
        how = f"with {split['folds']} outer folds by patient{classes}{again}"
        return f"Performance was estimated by nested cross-validation {how}."
    if kind == "holdout":
        share = f"a random {100 * split['test_fraction']:g}% of the patients"
        within = "" if known.kind == "continuous" else ", drawn within classes"
        return f"Models were tested on {share}{within}{again}."
    if kind == "temporal":
        later = f"the last {100 * split['test_fraction']:g}%"
        later = later if split["test_from"] is None else f"those from {split['test_from']} on"
        return (
            f"Models were trained on earlier patients and tested on {later}, by the column {spaced(split['column'])}."
        )
    if kind == "leave_site_out":
        sites = counted(results.outer_folds, "site")
        return f"Each of {sites} was left out in turn: models were tested on it after training on the others."
    if results.outer_folds == 1:
        return f"Models were tested on the patients that the column {spaced(split['column'])} names for it."
    return f"Models were tested on {tested} that the column {spaced(split['column'])} names."


def _test_set(known: Known) -> Iterator[str]:
    results, tested = known.report.results, known.report.performance[0]
    if name_of(known.cohort["split"]) in ("grouped", "leave_site_out") or results.outer_folds * results.repeats > 1:
        return
    had = f", {tested.events:,} of them with the event" if hasattr(tested, "events") else ""
    yield f"The test set held {counted(tested.units, 'unit')}{had}."


def statistics(known: Known) -> Iterator[str]:
    """Yield measures, intervals, tests and the sample size."""
    results = known.report.results
    several = results.outer_folds > 1
    averaged = ", averaged over test folds" if several else ""
    wider = " and grows by the overlap of training sets (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366)"
    yield (
        f"Discrimination was the area under the receiver operating characteristic curve (AUC){averaged}; its variance "
        "sums over patients (DeLong et al. 1988, doi:10.2307/2531595; Obuchowski 1997, doi:10.2307/2533958)"
        f"{wider if several else ''}."
    )
    yield (
        "Calibration was assessed by intercept and slope (Cox 1958, doi:10.1093/biomet/45.3-4.562), the Brier score "
        "and the Hosmer-Lemeshow test, clinical use by decision curves (Vickers and Elkin 2006, "
        "doi:10.1177/0272989X06295361)."
    )
    if results.comparisons:
        pairs = counted(len(results.comparisons), "pair")
        yield f"AUCs were compared by DeLong's test, p values adjusted by Holm's method over {pairs} of families."
    if additions(results.comparisons, known.report.final):
        yield (
            "Reclassification was measured by the net reclassification improvement without categories and the "
            "integrated discrimination improvement (Pencina et al. 2008, doi:10.1002/sim.2929; Pencina et al. 2011, "
            "doi:10.1002/sim.4085)."
        )
    yield "Intervals are 95% confidence intervals; p values are two-sided."
    yield from size_told(known)


def size_told(known: Known) -> Iterator[str]:
    """Yield whether there are units enough; nothing where that cannot be told."""
    size = known.size
    if size is None:
        return
    enough = "meets" if len(known.report.units) >= size.needed.units else "does not meet"
    candidates = counted(known.candidates, "candidate predictor")
    expected = "an R² of 0.15" if known.kind == "continuous" else "15% of the largest Cox-Snell R²"
    yield (
        f"The sample size {enough} the criteria of Riley et al. (2020, doi:10.1136/bmj.m441) for {candidates}, which "
        f"ask for {counted(size.needed.units, 'unit')} where {expected} is expected."
    )


def software(known: Known) -> Iterator[str]:
    """Yield what computed it."""
    names = {"python": "Python", "radfuse": "radfuse", "numpy": "NumPy", "scipy": "SciPy"}
    versions = [f"{names.get(name, name)} {value}" for name, value in known.report.versions.items()]
    yield f"Computations were made with {series(versions)}."
