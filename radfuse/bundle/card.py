"""The model card: what a bundle predicts, how well, its limits and formulas, for a reader."""

from __future__ import annotations

from radfuse.bundle.schema import BundleSchema
from radfuse.errors import listed


def model_card(schema: BundleSchema) -> str:
    """Return MODEL_CARD.md."""
    trained = schema.trained_on
    lines = [
        f"# Model card: {schema.title}",
        "",
        f"Predicts `{schema.opened_outcome().name()}` for each {' + '.join(schema.unit)}. Trained on "
        f"{trained.units} units of {trained.patients} patients, {trained.events} of them with the event.",
        "",
        "## Performance",
        "",
        "From nested cross-validation by patient; the models in this folder were refitted on all units afterwards, "
        "so these numbers are of the procedure. AUC is averaged over the outer test folds; intervals are 95 % and "
        "respect patients with several units.",
        "",
        "| family | AUC | pooled AUC | Brier | sensitivity | specificity | columns used |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, family in schema.families.items():
        p = family.performance
        cells = [
            _shown(item.value, item.low, item.high)
            for item in (p.auc, p.auc_pooled, p.brier, p.sensitivity, p.specificity)
        ]
        used = sum(item.used for item in family.inputs)
        lines.append(f"| {name} | {' | '.join(cells)} | {used} of {len(family.inputs)} |")
    lines += [
        "",
        "## Intended use and limits",
        "",
        "Research. Not a medical device. Valid for patients and images like those of the training cohort; `radfuse "
        "evaluate` measures it elsewhere. Sensitivity and specificity are at thresholds chosen inside the training "
        "folds.",
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


def _formulas(schema: BundleSchema) -> list[str]:
    """Return the lines on thresholds, and on formulas where the models have some."""
    if not all(family.formula for family in schema.families.values()):
        shown = (f"- {name}: threshold {family.threshold:.4f}" for name, family in schema.families.items())
        return ["## Thresholds", "", "On the probability; the models stand in their ONNX files alone.", "", *shown, ""]
    lines = [
        "## Formulas",
        "",
        "Missing values take the training median; probability = 1 / (1 + exp(-score)).",
        "",
    ]
    for name, family in schema.families.items():
        heading = f"### {name} (threshold on the probability {family.threshold:.4f})"
        lines += [heading, "", "```", str(family.formula), "```", ""]
    return lines


def _shown(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "not computable"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} ({low:.3f} to {high:.3f})"
