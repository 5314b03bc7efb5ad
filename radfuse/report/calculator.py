"""What the page's calculator is made of: the stored score, and the inputs that a reader fills in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from radfuse.report.nomogram import Nomogram, blocks_as_scores, word_groups
from radfuse.results import Score, SurvivalFit
from radfuse.results.score import Terms, Total


def calculator(
    nomogram: Nomogram,
    score: Score,
    levels: Mapping[str, Sequence[str]],
    threshold: float,
    survival: SurvivalFit | None = None,
    columns_in: Mapping[str, int] | None = None,
) -> Markup:
    """Return the calculator's model as JSON that may stand inside a page; of survival it tells risk groups.

    `columns_in` counts the columns of each block before selection: one that is used whole is not there by others.
    """
    scored = blocks_as_scores(score)
    place = {column.name: i for i, column in enumerate(score.columns)}
    groups = word_groups([column for column in score.columns if column.block not in scored], levels)
    variable_of = {name: variable for variable, group in groups.items() for name in group.values() if name}
    inputs: dict[str, dict[str, Any]] = {}
    for column in score.columns:
        variable = variable_of.get(column.name)
        if variable is not None:
            inputs.setdefault(variable, _words(variable, groups[variable], place))
        elif column.block not in scored:
            known = {"low": column.low, "high": column.high, "missing": column.missing}
            inputs[column.name] = {"name": column.name, "column": place[column.name], **known}
    model = {
        "columns": [
            {"name": one.name, "block": one.block, "missing": one.missing, "mean": one.mean, "scale": one.scale}
            for one in score.columns
        ],
        "blocks": list(score.blocks),
        "sum": _node(score, score.sum, scored),
        "readings": [{"label": one.label, **one.link.model_dump()} for one in score.readings],
        "inputs": list(inputs.values()),
        "scores": [_block(score, block) for block in scored],
        "threshold": threshold,
        "open": [one for one in score.blocks if columns_in is None or len(score.of_block(one)) < columns_in[one]],
        "base": nomogram.base,
        "unit": nomogram.unit,
        **({"groups": survival.groups} if survival is not None else {}),
    }
    return Markup(json.dumps(model, allow_nan=False).replace("<", "\\u003c"))  # noqa: S704  no tag can begin in it


def _words(variable: str, group: Mapping[str, str], place: Mapping[str, int]) -> dict[str, Any]:
    """Return the input of a column of words: what each level sets to 1."""
    options = [{"label": level, "on": place[name] if name else -1} for level, name in group.items()]
    return {"name": variable, "columns": [place[name] for name in group.values() if name], "options": options}


def _block(score: Score, block: str) -> dict[str, Any]:
    low, high = score.ranges[block]
    own = score.own_terms(block) is not None
    return {"block": block, "columns": score.of_block(block), "own": own, "low": low, "high": high}


def _node(score: Score, node: Terms | Total, scored: Sequence[str]) -> dict[str, Any]:
    """Return a sum, terms that are the score of a block marked with its name."""
    if isinstance(node, Terms):
        own = next((block for block in scored if (found := score.own_terms(block)) and found[1] == node), None)
        return {**node.model_dump(), "block": own}
    parts = [
        {"weight": one.weight, "blocks": one.blocks, "absent": one.absent, "score": _node(score, one.score, scored)}
        for one in node.parts
    ]
    return {"kind": "total", "intercept": node.intercept, "parts": parts}
