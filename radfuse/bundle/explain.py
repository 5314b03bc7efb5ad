"""Why a bundle's models predict what they predict: each new unit's score taken apart, without torch or scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from radfuse.bundle.load import Bundle
from radfuse.bundle.schema import SCHEMA
from radfuse.errors import InputError, asked
from radfuse.statistics.links import probability_of

if TYPE_CHECKING:
    from radfuse.bundle.models import Model
    from radfuse.fusion.explain.explainer import Explainer

_SAME = 1e-5
"""Largest difference between what the model predicts and what the parts say that explain it; a share of values above 1.
"""
_ROWS = 1000
"""Units explained at a time."""


@dataclass(frozen=True)
class ExplainedUnits:
    """base + absence + the sum of a row of contributions = score.

    Attributes:
        names: of the columns in use.
        values: of the units, NaN where missing, shape (unit, column).
        contributions: to the score, shape (unit, column).
        absence: what it moves that blocks are missing, shape (unit,).
        base: the usual score.
        score: shape (unit,).
    """

    names: tuple[str, ...]
    values: np.ndarray
    contributions: np.ndarray
    absence: np.ndarray
    base: float
    score: np.ndarray


def explainers_of(bundle: Bundle, family: str) -> dict[str, Explainer]:
    """Return what explains a family: class -> that of its score against the rest; "" alone where there are no classes.

    Raises:
        InputError: the bundle holds nothing that does, or it is of other columns.
    """
    part = bundle.schema.families[family]
    named = {"": part.explainer}
    if part.classes is not None:
        named = {level: part.explainers.get(level) for level in part.classes.names}
    return {level: _opened(bundle, family, level, name) for level, name in named.items()}


def _opened(bundle: Bundle, family: str, level: str, name: str | None) -> Explainer:
    """Return what one file explains."""
    told, part = _told(family, level), bundle.schema.families[family]
    if name is None:
        raise InputError(f"{bundle.path / SCHEMA} names nothing that explains {told}; {_mend()}")
    from radfuse.fusion.explain.explainer import Explainer

    path = bundle.path / name
    try:
        found = Explainer.from_bytes(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path} cannot be used: {error}; {_mend()}") from error
    if found.names != tuple(item.name for item in part.inputs) or found.background is None:
        raise InputError(f"{path} explains other columns than {SCHEMA} lists for {told}; {_mend()}")
    return found


def _mend() -> str:
    without = asked("leave --explain out", "predict with explain=False")
    return f"nothing was computed; {without}, or run `radfuse export` again"


def _told(family: str, level: str) -> str:
    return f"family {family!r}" + (f", class {level!r}" if level else "")


def explained_levels(
    bundle: Bundle,
    family: str,
    explainers: Mapping[str, Explainer],
    model: Model,
    values: np.ndarray,
    probability: np.ndarray,
) -> dict[str, ExplainedUnits]:
    """Return what each column moves the score of new units: class, "" where there are none -> the units.

    Args:
        bundle: of the family.
        family: its name.
        explainers: of it, by class as `explainers_of` has them.
        model: of it.
        values: of all its columns, shape (unit, column), NaN where missing.
        probability: that the model gives, shape (unit,), or (unit, class).

    Raises:
        InputError: a score is not that of the model.
    """
    said = probability[:, None] if "" in explainers else model.against_rest(values)
    return {
        level: explained_units(bundle, family, explainer, values, said[:, place], level)
        for place, (level, explainer) in enumerate(explainers.items())
    }


def explained_units(
    bundle: Bundle, family: str, explainer: Explainer, values: np.ndarray, probability: np.ndarray, level: str = ""
) -> ExplainedUnits:
    """Return what each column moves the score of new units, against rows that stand for the training units.

    Args:
        bundle: of the family.
        family: its name.
        explainer: of it.
        values: of all its columns, shape (unit, column), NaN where missing.
        probability: that its model gives, shape (unit,); of a class that against the rest.
        level: the class; "" where there are none.

    Raises:
        InputError: the score is not that of the model.
    """
    from radfuse.fusion.explain.shapley import contributions

    assert explainer.background is not None
    parts = [
        contributions(explainer, values[start : start + _ROWS], explainer.background)
        for start in range(0, max(1, len(values)), _ROWS)
    ]
    score = np.concatenate([part.score for part in parts])
    said = probability_of(score, explainer.link)
    most = _SAME * max(1.0, float(np.abs(probability).max(initial=0)))
    if not explainer.recalibrated and np.abs(said - probability).max(initial=0) > most:
        raise InputError(
            f"{bundle.path}: what explains {_told(family, level)} is not of the model that predicts it; {_mend()}"
        )
    return ExplainedUnits(
        names=tuple(explainer.names[i] for i in parts[0].columns),
        values=values[:, parts[0].columns],
        contributions=np.concatenate([part.values for part in parts]),
        absence=np.concatenate([part.absence for part in parts]),
        base=parts[0].base,
        score=score,
    )


def explanation_table(
    units: pd.DataFrame, family: str, found: ExplainedUnits, most: int = 10, level: str = ""
) -> pd.DataFrame:
    """Return a row for each unit's largest contributions, one for the rest, and one for missing blocks where any count.

    Args:
        units: what names them, a row each.
        family: written beside.
        found: of the units.
        most: contributions a unit, one by one.
        level: the class whose score it is, in a column of its own; "" where there are none.
    """
    rows = []
    which = {"family": family, **({"class": level} if level else {})}
    order = np.argsort(-np.abs(found.contributions), axis=1, kind="stable")
    for i, name in enumerate(units.to_dict("records")):
        known = {**name, **which, "score": found.score[i], "usual_score": found.base}
        moved = found.contributions[i]
        top = [int(k) for k in order[i, :most] if moved[k] != 0]
        for rank, k in enumerate(top, start=1):
            value = found.values[i, k]
            rows.append({**known, "rank": rank, "column": found.names[k], "value": value, "contribution": moved[k]})
        rest = float(moved.sum() - moved[top].sum())
        rows.append({**known, "rank": len(top) + 1, "column": "all others", "value": np.nan, "contribution": rest})
        if abs(found.absence[i]) > 1e-9:
            told = {"column": "missing blocks", "value": np.nan, "contribution": found.absence[i]}
            rows.append({**known, "rank": len(top) + 2, **told})
    return pd.DataFrame(rows)
