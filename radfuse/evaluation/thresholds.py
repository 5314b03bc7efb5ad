"""From which probability on a unit is called: rules, each applied to what a training set tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BeforeValidator, Field

from radfuse.config import Section, nearest
from radfuse.errors import short


class AtSensitivity(Section):
    """The highest threshold that still finds such a share of the events."""

    sensitivity: float = Field(gt=0, le=1)
    """Share of the events."""


class AtSpecificity(Section):
    """The lowest threshold that still leaves such a share of the others uncalled."""

    specificity: float = Field(gt=0, le=1)
    """Share of the others."""


class AtCost(Section):
    """The threshold of the smallest cost."""

    cost: float = Field(gt=0)
    """Of a missed event, in false alarms: 4 takes four false alarms for one event found."""


_SECTIONS: Mapping[str, type[Section]] = {"sensitivity": AtSensitivity, "specificity": AtSpecificity, "cost": AtCost}
_MEND = (
    "a rule is youden, half, a probability between 0 and 1, {sensitivity: 0.9}, {specificity: 0.9} or {cost: 4} (of a "
    "missed event, in false alarms)"
)


def _one_rule(said: Any) -> Any:
    """Let through what is a rule, so that whatever else is said has one error and not one a kind of rule."""
    if isinstance(said, (AtSensitivity, AtSpecificity, AtCost)) or said in ("youden", "half"):
        return said
    number = said
    if isinstance(said, Mapping) and len(said) == 1 and next(iter(said)) in _SECTIONS:
        name, number = next(iter(said.items()))
        most = np.inf if name == "cost" else 1
        if not isinstance(number, bool) and isinstance(number, (int, float)) and 0 < number <= most:
            return said
    elif isinstance(said, float) and 0 < said < 1:
        return said
    hint = nearest(short(said), ("youden", "half")) if isinstance(said, str) else ""
    raise ValueError(f"{_MEND}{hint}")


Rule = Annotated[Literal["youden", "half"] | float | AtSensitivity | AtSpecificity | AtCost, BeforeValidator(_one_rule)]
"""How a threshold is chosen."""
USUAL: tuple[Rule, ...] = (
    "youden",
    AtSensitivity(sensitivity=0.9),
    AtSpecificity(specificity=0.9),
    AtCost(cost=4),
    "half",
)
"""Rules that are read beside a study's own."""


def name_of(rule: Rule) -> str:
    """Return a rule in words."""
    if isinstance(rule, AtSensitivity):
        return f"sensitivity {rule.sensitivity:g}"
    if isinstance(rule, AtSpecificity):
        return f"specificity {rule.specificity:g}"
    if isinstance(rule, AtCost):
        return f"cost {rule.cost:g}"
    return {"youden": "Youden index", "half": "probability 0.5"}.get(str(rule), f"probability {rule}")


def threshold_of(outcome: ArrayLike, probability: ArrayLike, rule: Rule) -> float:
    """Return the threshold that a rule chooses, midway between two neighbouring probabilities.

    Args:
        outcome: 0 or 1, shape (unit,).
        probability: in [0, 1], of units that the model did not see, shape (unit,).
        rule: which.

    Returns:
        In [0, 1]; a unit is called from it on. 0 calls every unit: where no higher threshold has the sensitivity. A
        threshold above all probabilities calls none: where no lower one has the specificity.

    Raises:
        ValueError: shapes differ, or an outcome is neither 0 nor 1.

    Source:
        Of costs: Metz 1978, doi:10.1016/S0001-2998(78)80014-2, minimised over the points of the empirical curve.
    """
    from radfuse.statistics.auc import youden_threshold
    from radfuse.statistics.scores import checked

    if rule == "half":
        return 0.5
    if rule == "youden":
        return youden_threshold(outcome, probability)
    if isinstance(rule, float):
        return rule
    y, p = checked(outcome, probability)
    if y.all() or not y.any():
        return 0.5
    thresholds, missed, spared = _points(y, p)
    if isinstance(rule, AtSensitivity):
        return float(thresholds[np.flatnonzero(missed <= (1 - rule.sensitivity) * y.sum() + 1e-9)[-1]])
    if isinstance(rule, AtSpecificity):
        return float(thresholds[np.flatnonzero(spared >= rule.specificity * (~y).sum() - 1e-9)[0]])
    assert isinstance(rule, AtCost)
    return float(thresholds[np.argmin(rule.cost * missed + (~y).sum() - spared)])


def _points(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all thresholds that differ, from all called to none, with the events missed and the others spared."""
    order = np.argsort(p, kind="stable")
    values, starts = np.unique(p[order], return_index=True)
    thresholds = np.concatenate([[0.0], (values[1:] + values[:-1]) / 2, [(values[-1] + 1) / 2]])
    missed = np.concatenate([[0], np.cumsum(y[order])])[np.append(starts, len(y))]
    return thresholds, missed, np.append(starts, len(y)) - missed
