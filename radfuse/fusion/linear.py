"""A score that is a sum over columns, in units of their standard deviations and in their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radfuse.fusion.parts import Column
    from radfuse.results import Explanation


@dataclass(frozen=True)
class Linear:
    """score = intercept + sum of coefficient * (value - mean) / scale.

    Attributes:
        intercept: of the standardised columns.
        coefficients: of each column that is in use.
    """

    intercept: float
    coefficients: Mapping[Column, float]

    @classmethod
    def of(cls, intercept: float, columns: Sequence[Column], coefficients: Iterable[float]) -> Linear:
        """Return the sum over columns with a coefficient each."""
        return cls(float(intercept), dict(zip(columns, map(float, coefficients), strict=True)))

    @classmethod
    def summed(cls, intercept: float, parts: Iterable[tuple[float, Linear]]) -> Linear:
        """Return an intercept and a weighted sum of others."""
        coefficients: dict[Column, float] = {}
        for weight, part in parts:
            intercept += weight * part.intercept
            for column, coefficient in part.coefficients.items():
                coefficients[column] = coefficients.get(column, 0.0) + weight * coefficient
        return cls(intercept, coefficients)


def explained(linear: Linear, score: str) -> Explanation:
    """Return the coefficients, and the score as a formula in the columns' own units; `score` names the result."""
    from radfuse.results import Explanation, UsedColumn

    pairs = list(linear.coefficients.items())
    constant = linear.intercept - sum(coefficient * column.mean / column.scale for column, coefficient in pairs)
    lines = [f"{score} = {constant:.12g}"]
    for column, coefficient in sorted(pairs, key=lambda pair: -abs(pair[1])):
        raw = coefficient / column.scale
        lines.append(f"    {'-' if raw < 0 else '+'} {abs(raw):.12g} * {column.name}")
    return Explanation(
        measure="coefficient",
        unit="log odds per standard deviation",
        columns=tuple(
            UsedColumn(name=column.name, block=column.block, importance=coefficient) for column, coefficient in pairs
        ),
        formula="\n".join(lines),
    )
