"""The outcome's link, asked for in one place: the scale on which scores of parts add up, and its inverse as ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from radfuse.statistics.links import LinkName

UNITS: dict[LinkName, str] = {
    "logit": "log odds per standard deviation",
    "cloglog": "log hazard ratio per standard deviation",
    "identity": "units of the outcome per standard deviation",
    "softmax": "log odds of a class per standard deviation",
}
"""Of coefficients of standardised columns."""
SCALES: dict[LinkName, str] = {
    "logit": "log odds",
    "cloglog": "log cumulative hazard",
    "identity": "units of the outcome",
    "softmax": "log odds",
}
"""What scores are in; of several classes, those of each against the rest."""
EVERY_KIND = ("binary", "survival", "continuous", "ordinal")
"""Kinds of outcome, for parts that serve all of them."""


def link_of(outcome: Any) -> LinkName:
    """Return the link of an outcome; logit where it names none."""
    link: LinkName = getattr(outcome, "link", "logit")
    return link


def inverse_nodes(link: LinkName, score: str, probability: str) -> tuple[list[Any], dict[str, np.ndarray]]:
    """Return ONNX nodes from a score to the probability, and their constants.

    Args:
        link: of the score.
        score: name of its tensor.
        probability: name of the tensor they make.
    """
    from onnx import helper

    if link == "logit":
        return [helper.make_node("Sigmoid", [score], [probability])], {}
    if link == "identity":
        return [helper.make_node("Identity", [score], [probability])], {}
    nodes = [
        helper.make_node("Exp", [score], ["link_hazard"]),
        helper.make_node("Neg", ["link_hazard"], ["link_fall"]),
        helper.make_node("Exp", ["link_fall"], ["link_survival"]),
        helper.make_node("Sub", ["link_one", "link_survival"], [probability]),
    ]
    return nodes, {"link_one": np.array(1.0)}


def score_nodes(link: LinkName, probability: str, score: str, least: float) -> tuple[list[Any], dict[str, np.ndarray]]:
    """Return ONNX nodes from a probability, kept `least` away from 0 and 1, to the score, and their constants."""
    from onnx import helper

    if link == "identity":
        return [helper.make_node("Identity", [probability], [score])], {}

    constants = {"surest_low": np.array(least), "surest_high": np.array(1 - least), "p_one": np.array(1.0)}
    nodes = [  # names that no model of a user is likely to use
        helper.make_node("Clip", [probability, "surest_low", "surest_high"], ["p_doubted"]),
        helper.make_node("Sub", ["p_one", "p_doubted"], ["p_against"]),
    ]
    if link == "logit":
        nodes += [
            helper.make_node("Div", ["p_doubted", "p_against"], ["p_odds"]),
            helper.make_node("Log", ["p_odds"], [score]),
        ]
    else:
        nodes += [
            helper.make_node("Log", ["p_against"], ["p_log_survival"]),
            helper.make_node("Neg", ["p_log_survival"], ["p_hazard"]),
            helper.make_node("Log", ["p_hazard"], [score]),
        ]
    return nodes, constants
