"""Assembling a bundle: ONNX files, schema, model card, hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radfuse.bundle.card import model_card
from radfuse.bundle.patients import PatientFilter
from radfuse.bundle.schema import (
    NETWORK,
    PARAMS,
    SCHEMA,
    SUMS,
    BundleFamily,
    BundleInput,
    BundleSchema,
    ImageRecipe,
    StudyFacts,
    TrainedOn,
)
from radfuse.fusion.design import Design
from radfuse.fusion.families import blocks_of
from radfuse.outcomes.kinds import happened, settled
from radfuse.results import SITE, AnyPerformance, FittedFamily
from radfuse.run.folder import safe_name

EXPLAINER = ".explain.npz"
"""End of the name of what explains a family, or a class of it."""
_BACKGROUND = 100
"""Rows that new units are compared with."""
_OUTPUTS = {"score": "float64, (unit,): the linear score", "probability": "float64, (unit,): of the event"}

_OF_SURVIVAL = {
    "score": "float64, (unit,): log cumulative hazard at the horizon, on which hazard ratios add up",
    "probability": "float64, (unit,): of the event by the horizon, 1 - exp(-exp(score))",
}

_OF_CLASSES = {
    "score": "float64, (unit, class): log probabilities, but for a number the same for all classes of a unit",
    "probability": "float64, (unit, class): of each class, as `classes` names them; they sum to 1",
    "against_rest": "float64, (unit, class): of each class against the rest by its own model, before the softmax",
}

_OF_A_VALUE = {
    "score": "float64, (unit,): the predicted value; of an ordinal outcome the place among its grades, from 0",
    "probability": "float64, (unit,): the same; no probability",
}


@dataclass(frozen=True)
class Shipped:
    """One family that ships.

    Attributes:
        fitted: on all units.
        model: its ONNX file.
        largest_difference: between file and pipeline, in probability.
        performance: nested, to be quoted.
    """

    fitted: FittedFamily
    model: bytes
    largest_difference: float
    performance: AnyPerformance


def bundle_files(
    facts: StudyFacts,
    design: Design,
    families: Mapping[str, Shipped],
    versions: Mapping[str, str],
    *,
    imaging: ImageRecipe | None = None,
    params: bytes | None = None,
    network: bytes | None = None,
) -> dict[str, bytes]:
    """Return a bundle as name -> content.

    Args:
        facts: of the study.
        design: what the models were fitted on.
        families: that ship.
        versions: of Python and packages.
        imaging: how images become features.
        params: PyRadiomics' parameter file, where the study named one.
        network: the segmentation network trained on all manual masks, where there is one.
    """
    facts = _settled(facts, design)
    files = {f"{family}.onnx": item.model for family, item in families.items()}
    explainers = {family: _explainers(design, item.fitted) for family, item in families.items()}
    files |= {name: content for own in explainers.values() for name, content in own.values()}
    if network is not None:
        files[NETWORK] = network
    if params is not None:
        files[PARAMS] = params
    trained_on = TrainedOn(
        units=len(design.units),
        patients=int(design.units[facts.patient].nunique()),
        events=_events(facts, design),
    )
    link = getattr(facts.opened_outcome(), "link", "logit")
    schema = BundleSchema(
        **{name: getattr(facts, name) for name in StudyFacts.model_fields},
        outputs=_outputs([item.fitted for item in families.values()], link),
        trained_on=trained_on,
        families={name: _family(design, item, explainers[name]) for name, item in families.items()},
        versions=versions,
        imaging=imaging,
        patients=PatientFilter.of(design.units[facts.patient], _salt(facts, trained_on)),
    )
    files[SCHEMA] = schema.model_dump_json(indent=1).encode()
    files["MODEL_CARD.md"] = model_card(schema).encode()
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return {**files, SUMS: sums.encode()}


def _settled(facts: StudyFacts, design: Design) -> StudyFacts:
    """Return the facts with all that the outcome takes from the study's table written down."""
    known = facts.opened_outcome()
    own = settled(known, design.units)
    return facts if own is known else facts.model_copy(update={"outcome": own})


def _events(facts: StudyFacts, design: Design) -> int | None:
    """Return how many units have the event; None where the outcome has none."""
    outcome = facts.opened_outcome()
    if getattr(outcome, "link", "logit") in ("identity", "softmax"):
        return None
    return int(happened(outcome, design.units).sum())


def _family(design: Design, item: Shipped, explainers: Mapping[str, tuple[str, bytes]]) -> BundleFamily:
    """Return what the schema says of a family; `explainers` as `_explainers` has them."""
    fitted = item.fitted
    return BundleFamily(
        file=f"{fitted.family}.onnx",
        explainer=explainers[""][0] if "" in explainers else None,
        explainers={level: file for level, (file, _) in explainers.items() if level},
        inputs=_inputs(design, fitted),
        threshold=fitted.threshold,
        formula=fitted.explanation.formula,
        largest_difference=item.largest_difference,
        performance=item.performance,
        site=fitted.site,
        survival=fitted.survival,
        ordinal=fitted.ordinal,
        classes=fitted.classes,
        score=fitted.score,
        no_score=fitted.no_score,
    )


def _explainers(design: Design, final: FittedFamily) -> dict[str, tuple[str, bytes]]:
    """Return what explains a family, with rows to compare with that nobody is; empty where nothing does.

    Returns:
        Class, "" where the outcome has none -> name of the file, and its content.
    """
    named = {"": (final.family, final.explainer)} if final.explainer else {}
    for number, (level, text) in enumerate(final.explainers.items(), start=1):
        named[level] = f"{final.family}.{number}_{safe_name(level)}", text
    if not named:
        return {}
    from radfuse.fusion.explain.explainer import Explainer, with_background

    values = _values(design, final)
    return {
        level: (f"{name}{EXPLAINER}", with_background(Explainer.from_text(text), values, _BACKGROUND, 0).to_bytes())
        for level, (name, text) in named.items()
    }


def _values(design: Design, final: FittedFamily) -> np.ndarray:
    """Return the inputs of a family of all units, float64 (unit, column), NaN where missing."""
    units, site = design.units, final.site
    columns = []
    for item in _inputs(design, final):
        if item.block == SITE and site is not None:
            columns.append(units[item.name].map({name: float(i) for i, name in enumerate(site.levels)}))
        else:
            columns.append(design.blocks[item.block][item.name])
    return np.column_stack([column.to_numpy(dtype=float) for column in columns])


def _outputs(fitted: Sequence[FittedFamily], link: str) -> dict[str, str]:
    """Return what the ONNX files give: a score where all of them have one."""
    if all(item.survival is not None for item in fitted):
        return _OF_SURVIVAL
    if link in ("identity", "softmax"):
        return _OF_A_VALUE if link == "identity" else _OF_CLASSES
    scored = all(item.explanation.formula for item in fitted)
    return {name: text for name, text in _OUTPUTS.items() if name != "score" or scored}


def _salt(facts: StudyFacts, trained_on: TrainedOn) -> str:
    """Return a text of this study and cohort, the same on every machine, so that a bundle can be made again."""
    return hashlib.sha256(f"{facts.model_dump_json()} {sorted(trained_on.model_dump().items())}".encode()).hexdigest()


def _inputs(design: Design, final: FittedFamily) -> tuple[BundleInput, ...]:
    site, blocks = final.site, blocks_of(final.family)
    used = {*final.explanation.made_of, *(column.name for column in final.explanation.columns)}
    used |= set(site.covariates) if site is not None else set()
    inputs = [one for block in blocks for one in _of_block(block, design.blocks[block], used)]
    if site is not None:
        inputs.append(BundleInput(name=site.column, block=SITE, used=True))
        if site.covariates and "clinical" not in blocks:
            inputs += _of_block("clinical", design.blocks["clinical"][list(site.covariates)], used)
    return tuple(inputs)


def _of_block(block: str, values: pd.DataFrame, used: Collection[str]) -> list[BundleInput]:
    low, high = values.min(), values.max()
    return [
        BundleInput(
            name=str(name),
            block=block,
            used=name in used,
            low=float(low[name]) if name in used else None,
            high=float(high[name]) if name in used else None,
        )
        for name in values.columns
    ]
