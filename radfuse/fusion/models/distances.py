"""Squared distances of units to training points, in numpy and in ONNX by the same formula."""

from __future__ import annotations

from typing import Any

import numpy as np


def squared_distances(x: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return |x - p|^2 of each unit and point, float64, shape (unit, point)."""
    norms = (x * x).sum(axis=1, keepdims=True)
    return np.maximum(norms + x @ (-2 * points.T) + (points * points).sum(axis=1), 0)


def distance_nodes(columns: str, points: np.ndarray) -> tuple[list[Any], dict[str, np.ndarray]]:
    """Return nodes that make `squared_distances` of shape (unit, point), and `row_norms` of shape (unit, 1)."""
    from onnx import helper

    nodes = [
        helper.make_node("Mul", [columns, columns], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "along_row"], ["row_norms"]),
        helper.make_node("MatMul", [columns, "points_minus_twice"], ["products"]),
        helper.make_node("Add", ["row_norms", "products"], ["without_points"]),
        helper.make_node("Add", ["without_points", "point_norms"], ["distances_rounded"]),
        helper.make_node("Max", ["distances_rounded", "no_distance"], ["squared_distances"]),
    ]
    return nodes, {
        "along_row": np.array([1], dtype=np.int64),
        "points_minus_twice": -2 * points.T,
        "point_norms": (points * points).sum(axis=1),
        "no_distance": np.array(0.0),
    }


def gaussian_kernel(x: np.ndarray, points: np.ndarray, gamma: float) -> np.ndarray:
    """Return exp(-gamma |x - p|^2), shape (unit, point)."""
    return np.asarray(np.exp(-gamma * squared_distances(x, points)))


def kernel_nodes(columns: str, points: np.ndarray, gamma: float) -> tuple[list[Any], dict[str, np.ndarray]]:
    """Return nodes that make `kernel`, float64 of shape (unit, point)."""
    from onnx import helper

    nodes, constants = distance_nodes(columns, points)
    nodes += [
        helper.make_node("Mul", ["squared_distances", "minus_gamma"], ["exponents"]),
        helper.make_node("Exp", ["exponents"], ["kernel"]),
    ]
    return nodes, {**constants, "minus_gamma": np.array(-gamma)}
