"""Which parts of the fusion wing serve which kind of outcome, and each other, said before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from radfuse.fusion.config import FusionConfig, Mean, OneModel, Selection, Strategy
from radfuse.fusion.families import blocks_of
from radfuse.fusion.parts import Reduction
from radfuse.fusion.selectors.univariate import Univariate
from radfuse.fusion.strategies.attention import Attention
from radfuse.fusion.strategies.penalty import Penalty

_REGRESSION = {
    "kind": "mean",
    "members": [{"kind": "linear"}, {"kind": "regression_forest"}, {"kind": "regression_trees"}],
}
USUAL_LEARNER: Mapping[str, Mapping[str, Any]] = {
    "survival": {"kind": "mean", "members": [{"kind": "cox"}, {"kind": "cox_trees"}]},
    "continuous": _REGRESSION,
    "ordinal": _REGRESSION,
}
"""Kind of outcome -> the classifier where a study names none; others have `FusionConfig`'s own."""


def with_learner(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a study as it was written, with the usual learner of its outcome where it names none."""
    cohort, fusion = said.get("cohort"), said.get("fusion", {})
    outcome = cohort.get("outcome") if isinstance(cohort, Mapping) else getattr(cohort, "outcome", None)
    kind = outcome.get("kind") if isinstance(outcome, Mapping) else getattr(outcome, "kind", None)
    if kind is None or kind not in USUAL_LEARNER:
        return said
    if isinstance(fusion, FusionConfig):
        fusion = fusion.model_dump(exclude_unset=True)
    if not isinstance(fusion, Mapping) or "classifier" in fusion:
        return said
    return {**said, "fusion": {**fusion, "classifier": USUAL_LEARNER[kind]}}


def check_outcome(config: FusionConfig, kind: str) -> None:
    """Check that every part of a study serves its outcome.

    Args:
        config: of the fusion wing.
        kind: of the outcome: binary, survival, continuous, ordinal, multiclass; a user's own, or none, is not asked.

    Raises:
        ValueError: the first that does not, and which do.
    """
    if kind not in ("binary", "multiclass", *USUAL_LEARNER):
        return
    for i, model in enumerate(config.learners):
        where = f"fusion.classifier.members.{i}" if isinstance(config.classifier, Mean) else "fusion.classifier"
        _check(where, "classifier", model, kind, get_args(OneModel))
    for where, steps in config.selections.items():
        for i, step in enumerate(steps):
            _check(f"{where}.{i}", "selection", step, kind, _members(Selection))
    strategies = _members(Strategy)
    for strategy in (config.strategy, *getattr(config.strategy, "of", ())):
        if strategy is not None:
            _check("fusion.strategy", "strategy", strategy, kind, strategies)
    for name in ("oversample", "recalibrate"):
        if kind not in ("binary", "multiclass") and getattr(config, name) is not None:
            raise ValueError(f"fusion.{name} does not serve {_a(kind)} outcome; leave it out")
    if kind != "binary" and config.threshold != FusionConfig.model_fields["threshold"].default:
        raise ValueError(f"fusion.threshold says who is called, and {_a(kind)} outcome calls nobody; leave it out")


def check_strategy(config: FusionConfig, families: Sequence[str]) -> None:
    """Check that the strategy can join the blocks of families as the study asks for.

    Args:
        config: of the fusion wing.
        families: that are compared.

    Raises:
        ValueError: what the strategy cannot do.
    """
    joined = [blocks for blocks in map(blocks_of, families) if len(blocks) > 1]
    strategies = (config.joins, *getattr(config.joins, "of", ()))
    if joined and any(isinstance(strategy, Attention) for strategy in strategies):
        harmonise = config.harmonise
        if harmonise is not None and any(harmonise.harmonises(block) for blocks in joined for block in blocks):
            raise ValueError(
                "fusion.strategy: attention does not harmonise sites; leave fusion.harmonise out, or take another"
            )
        if config.oversample is not None:
            raise ValueError(
                "fusion.strategy: attention makes up no units; leave fusion.oversample out, or take another"
            )
    if not any(isinstance(strategy, Penalty) for strategy in strategies):
        return
    for i, step in enumerate(config.selection):
        wanted = getattr(step, "blocks", ())
        several = any(sum(not wanted or block in wanted for block in blocks) > 1 for blocks in joined)
        if several and isinstance(step, Reduction) and step.jointly():
            unasked = "" if config.strategy is not None else ", one of those averaged where fusion.strategy names none,"
            raise ValueError(
                f"fusion.selection.{i} makes components of several blocks together, and the strategy penalty{unasked} "
                "weighs blocks; reduce each block alone (over: block), or take another fusion.strategy"
            )


def _check(where: str, what: str, part: Any, kind: str, known: Iterable[type]) -> None:
    """Refuse one of radfuse's own parts that does not serve an outcome; users' own are not asked."""
    as_one = "binary" if kind == "multiclass" else kind  # each class is a binary outcome against the rest
    if isinstance(part, Univariate) and part.test != "auto" and as_one != "binary":
        raise ValueError(
            f"{where}.test: {part.test} compares two classes, and {_a(kind)} outcome has none; leave it out"
        )
    if as_one in _served(type(part)) or not type(part).__module__.startswith("radfuse."):
        return
    able = [str(other.model_fields["kind"].default) for other in known if as_one in _served(other)]  # type: ignore[attr-defined]
    told = f"{where}: the {what} {part.kind} does not serve {_a(kind)} outcome"
    raise ValueError(f"{told}; these do: {', '.join(able)}")


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _served(part: type) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(part, "serves", ("binary",))
    return found


def _members(union: Any) -> tuple[type, ...]:
    """Return the classes of an annotated union."""
    return get_args(get_args(union)[0])
