"""The model card: what a bundle predicts, how well, its limits and formulas, for a reader."""

from __future__ import annotations

from radfuse.bundle.schema import BundleSchema
from radfuse.errors import listed

_TOLD = {
    "logit": "Sensitivity and specificity are at thresholds chosen inside the training folds.",
    "cloglog": "C is Harrell's; AUC and Brier score are of the event by the horizon, weighted for censoring; the slope "
    "is that of Cox regression on the score. Survival at any time is (1 - probability) ** hazard, by the family's "
    "table of the cumulative baseline hazard over that at the horizon (`survival` in bundle.json).",
    "identity": "C is the share of pairs of units with two outcomes that are ranked right; the slope is that of "
    "observed on predicted. Of an ordinal outcome the probability of a grade at most k is "
    "1 / (1 + exp(slope * score - cut_k)), by the family's cut-points (`ordinal` in bundle.json).",
    "softmax": "A unit is given the class of the largest probability. Probabilities of classes against the rest were "
    "brought together by a softmax. The macro AUC is the mean over classes of the AUC of each against the rest; M is "
    "Hand and Till's, the mean over pairs of classes.",
}

_BESIDE = (
    " Events compete: the ONNX files give the probability of a world without the other events, and `radfuse predict` "
    "the cumulative incidence beside them, by the table of their hazard (`rivals` of `survival` in bundle.json); all "
    "performance is of that."
)


def model_card(schema: BundleSchema) -> str:
    """Return MODEL_CARD.md."""
    trained, outcome = schema.trained_on, schema.opened_outcome()
    link = getattr(outcome, "link", "logit")
    told = _TOLD[link] + (_BESIDE if getattr(outcome, "competing", ()) else "")
    what = f"`{outcome.name()}`" + (f" ({outcome.event_name()})" if link != "logit" else "")
    what = f"the event {outcome.event_name()}" if link == "cloglog" else what
    events = "" if trained.events is None else f", {trained.events} of them with the event"
    measures = list(next(iter(schema.families.values())).performance.columns)
    lines = [
        f"# Model card: {schema.title}",
        "",
        f"Predicts {what} for each {' + '.join(schema.unit)}. Trained on "
        f"{trained.units} units of {trained.patients} patients{events}.",
        "",
        "## Performance",
        "",
        "From nested cross-validation by patient; the models in this folder were refitted on all units afterwards, "
        f"so these numbers are of the procedure. {measures[0]} is averaged over the outer test folds; intervals are "
        "95 % and respect patients with several units.",
        "",
        f"| family | {' | '.join(measures)} | columns used |",
        f"|---|{'---|' * len(measures)}---|",
    ]
    for name, family in schema.families.items():
        measured = family.performance
        cells = [
            _shown(item.value, item.low, item.high, measured.places.get(title, 3))
            for title, item in measured.columns.items()
        ]
        used = sum(item.used for item in family.inputs)
        lines.append(f"| {name} | {' | '.join(cells)} | {used} of {len(family.inputs)} |")
    lines += [
        "",
        "## Intended use and limits",
        "",
        "Research. Not a medical device. Valid for patients and images like those of the training cohort; `radfuse "
        "evaluate` measures it elsewhere. " + told,
        "",
        *_harmonised(schema),
        *_formulas(schema),
    ]
    lines += ["## Versions", "", *(f"- {name} {number}" for name, number in schema.versions.items()), ""]
    return "\n".join(lines)


def _harmonised(schema: BundleSchema) -> list[str]:
    """Return the lines on harmonisation by site, where families are."""
    sites = {name: family.site for name, family in schema.families.items() if family.site is not None}
    if not sites:
        return []
    first = next(iter(sites.values()))
    other = {"error": "are refused", "pass": "keep their values"}[first.unseen]
    beside = f", the effect of {listed(first.covariates)} left in" if first.covariates else ""
    text = (
        f"Values of {listed(sites)} are harmonised by the column `{first.column}` (ComBat{beside}). Known sites: "
        f"{listed(first.levels, 40)}. Units of other sites {other}."
    )
    return ["## Sites", "", text, ""]


_INVERSE = {
    "logit": "1 / (1 + exp(-score))",
    "cloglog": "1 - exp(-exp(score))",
    "identity": "score",
    "softmax": "that of the last line of a family's formula",
}


def _formulas(schema: BundleSchema) -> list[str]:
    """Return the lines on thresholds, and on formulas where the models have some."""
    link = getattr(schema.opened_outcome(), "link", "logit")
    called = link not in ("identity", "softmax")
    if not called and not all(family.formula for family in schema.families.values()):
        return []
    if not all(family.formula for family in schema.families.values()):
        shown = (f"- {name}: threshold {family.threshold:.4f}" for name, family in schema.families.items())
        return ["## Thresholds", "", "On the probability; the models stand in their ONNX files alone.", "", *shown, ""]
    what = "the prediction" if link == "identity" else "probability"
    held = (
        " A value further beyond those of training units than half their range counts as if it lay there."
        if link == "identity"
        else ""
    )
    lines = [
        "## Formulas",
        "",
        f"Missing values take the training median; {what} = {_INVERSE[link]}.{held}",
        "",
    ]
    for name, family in schema.families.items():
        heading = f"### {name} (threshold on the probability {family.threshold:.4f})" if called else f"### {name}"
        lines += [heading, "", "```", str(family.formula), "```", ""]
    return lines


def _shown(value: float | None, low: float | None, high: float | None, digits: int) -> str:
    if value is None:
        return "not computable"
    if low is None or high is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
