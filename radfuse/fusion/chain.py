"""What early fusion fits: imputation and scaling of the columns that selection kept, then a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.fusion.export import INPUT, TAKEN
from radfuse.fusion.graph import SUREST, Graph
from radfuse.fusion.linear import Linear, noted
from radfuse.fusion.parts import Column, FittedModel
from radfuse.results import Explanation
from radfuse.statistics.links import LinkName, score_of

if TYPE_CHECKING:
    from radfuse.fusion.sites import Harmonised


@dataclass(frozen=True)
class Chain:
    """From all columns of a family to a probability.

    Attributes:
        names: of all columns.
        kept: positions of those in use, shape (kept,).
        columns: the same with what imputes and scales them.
        model: fitted to them, or to their components.
        projection: what makes components of the columns, shape (kept, component); None without.
        components: by name; columns that no reduction took stand among them as themselves.
        remarks: what harmonisation and steps of the selection have to say, a sentence each.
        harmonised: what makes the kept columns as if of one site, before all else; None: nothing.
        link: of its score.
    """

    names: tuple[str, ...]
    kept: np.ndarray
    columns: tuple[Column, ...]
    model: FittedModel
    projection: np.ndarray | None = None
    components: tuple[Column, ...] = ()
    remarks: tuple[str, ...] = ()
    harmonised: Harmonised | None = None
    link: LinkName = "logit"

    def among(self, names: Sequence[str], where: np.ndarray) -> Chain:
        """Return the same for a table with more columns: what stood at i stands at where[i] there."""
        moved = self.harmonised.moved(where) if self.harmonised is not None else None
        return replace(self, names=tuple(names), kept=where[self.kept], harmonised=moved)

    def prepare(self, values: np.ndarray) -> np.ndarray:
        """Return the kept columns, imputed and standardised, or their components: float64, shape (unit, feature)."""
        x = values[:, self.kept]
        if self.harmonised is not None:
            x = self.harmonised.apply(values, x)
        x = np.where(np.isnan(x), self.each("median"), x)
        x = (x - self.each("mean")) / self.each("scale")
        if self.holds:
            x = np.clip(x, self.each("low"), self.each("high"))
        return x if self.projection is None else x @ self.projection

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (unit,); values float64, shape (unit, column), NaN where missing."""
        return self.model.predict(self.prepare(values))

    def score(self, values: np.ndarray) -> np.ndarray:
        """Return scores on the link, shape (unit,): the model's, or those of its probability where it has none."""
        model: Any = self.model
        if hasattr(model, "score"):
            return np.asarray(model.score(self.prepare(values)))
        return score_of(self.predict(values), self.link, SUREST)

    def to_onnx(self, family: str, threshold: float) -> bytes:
        """Return an ONNX file of all columns."""
        return self.graph().file(self.names, family, threshold)

    def graph(self) -> Graph:
        """Return the graph of all columns, those that selection dropped left aside by a Gather."""
        from onnx import helper

        constants = {"kept": np.asarray(self.kept, dtype=np.int64)}
        constants |= {name: self.each(name) for name in ("median", "mean", "scale")}
        before: list[Any] = []
        if self.harmonised is not None:
            before, more = self.harmonised.to_onnx("site_own", "selected")
            constants |= more
        nodes = [
            helper.make_node("Gather", [INPUT, "kept"], ["site_own" if before else "selected"], axis=1),
            *before,
            helper.make_node("IsNaN", ["selected"], ["missing"]),
            helper.make_node("Where", ["missing", "median", "selected"], ["imputed"]),
            helper.make_node("Sub", ["imputed", "mean"], ["centred"]),
            helper.make_node("Div", ["centred", "scale"], ["scaled_freely" if self.holds else "scaled"]),
        ]
        if self.holds:
            constants |= {"scaled_low": self.each("low"), "scaled_high": self.each("high")}
            nodes += [
                helper.make_node("Max", ["scaled_freely", "scaled_low"], ["scaled_not_low"]),
                helper.make_node("Min", ["scaled_not_low", "scaled_high"], ["scaled"]),
            ]
        if self.projection is not None:
            constants["projection"] = self.projection
            nodes.append(helper.make_node("MatMul", ["scaled", "projection"], ["projected"]))
        own_nodes, own_constants = self.model.to_onnx("scaled" if self.projection is None else "projected")
        twice = {*own_constants, *(name for node in own_nodes for name in node.output)} & set(TAKEN)
        if twice:
            raise ValueError(f"to_onnx of the model gives the name {min(twice)!r}, which stands before it already")
        return Graph([*nodes, *own_nodes], {**constants, **own_constants})

    def linear(self) -> Linear | None:
        """Return the score as a sum over the kept columns; None where the model is none, or sees components."""
        model: Any = self.model
        if not hasattr(model, "linear") or self.projection is not None:
            return None
        linear: Linear = model.linear(self.columns)
        return replace(linear, harmonised=self._harmonised_blocks())

    def explain(self, score: str) -> Explanation:
        """Return what the model makes of the kept columns, or of their components, and of which columns those are."""
        if self.projection is None:
            return noted(self.model.explain(self.columns, score), self._harmonised_blocks())
        said = self.model.explain(self.components, score)
        names = tuple(column.name for column in self.columns)
        return said.model_copy(update={"made_of": names, "formula": None})

    def _harmonised_blocks(self) -> tuple[str, ...]:
        if self.harmonised is None:
            return ()
        here = {column.block for column in self.columns}
        return tuple(block for block in self.harmonised.blocks if block in here)

    @property
    def holds(self) -> bool:
        """Whether values far from all that was seen are brought nearer."""
        return any(np.isfinite([column.low, column.high]).any() for column in self.columns)

    def each(self, name: str) -> np.ndarray:
        """Return what the columns have by a name, shape (kept,)."""
        return np.array([getattr(column, name) for column in self.columns], dtype=float)
