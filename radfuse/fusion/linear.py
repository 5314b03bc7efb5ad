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
        harmonised: blocks whose values are harmonised by site.
    """

    intercept: float
    coefficients: Mapping[Column, float]
    harmonised: tuple[str, ...] = ()

    @classmethod
    def of(cls, intercept: float, columns: Sequence[Column], coefficients: Iterable[float]) -> Linear:
        """Return the sum over columns with a coefficient each."""
        return cls(float(intercept), dict(zip(columns, map(float, coefficients), strict=True)))

    @classmethod
    def of_used(cls, intercept: float, columns: Sequence[Column], coefficients: Iterable[float]) -> Linear:
        """Return the sum over the columns that have a coefficient; over all where none has."""
        whole = cls.of(intercept, columns, coefficients)
        return cls(
            whole.intercept, {name: own for name, own in whole.coefficients.items() if own} or whole.coefficients
        )

    @classmethod
    def summed(cls, intercept: float, parts: Iterable[tuple[float, Linear]]) -> Linear:
        """Return an intercept and a weighted sum of others."""
        coefficients: dict[Column, float] = {}
        harmonised: dict[str, None] = {}
        for weight, part in parts:
            intercept += weight * part.intercept
            harmonised |= dict.fromkeys(part.harmonised)
            for column, coefficient in part.coefficients.items():
                coefficients[column] = coefficients.get(column, 0.0) + weight * coefficient
        return cls(intercept, coefficients, tuple(harmonised))


def _note(blocks: Sequence[str]) -> str:
    """Return the line before a formula that is not of the values as a table holds them."""
    return f"of values harmonised by site ({', '.join(blocks)}), which the ONNX file alone can make:"


def noted(said: Explanation, blocks: Sequence[str]) -> Explanation:
    """Return what a model says of itself, its formula marked as one of harmonised values of these blocks."""
    if said.formula is None or not blocks:
        return said
    return said.model_copy(update={"formula": f"{_note(blocks)}\n{said.formula}"})


def explained(linear: Linear, score: str, unit: str = "log odds per standard deviation") -> Explanation:
    """Return the coefficients, in a unit, and the score as a formula in the columns' own; `score` names the result."""
    from radfuse.results import Explanation, UsedColumn

    pairs = list(linear.coefficients.items())
    constant = linear.intercept - sum(coefficient * column.mean / column.scale for column, coefficient in pairs)
    lines = [_note(linear.harmonised)] if linear.harmonised else []
    lines.append(f"{score} = {constant:.12g}")
    for column, coefficient in sorted(pairs, key=lambda pair: -abs(pair[1])):
        raw = coefficient / column.scale
        lines.append(f"    {'-' if raw < 0 else '+'} {abs(raw):.12g} * {column.name}")
    return Explanation(
        measure="coefficient",
        unit=unit,
        columns=tuple(
            UsedColumn(name=column.name, block=column.block, importance=coefficient) for column, coefficient in pairs
        ),
        formula="\n".join(lines),
    )
