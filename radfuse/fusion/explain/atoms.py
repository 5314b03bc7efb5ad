"""What a score is a sum of: linear parts, trees, and whatever else, each as plain arrays that say how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from radfuse.fusion.export import INPUT, PROBABILITY, SCORE
from radfuse.fusion.graph import SUREST
from radfuse.fusion.sites import Harmonised
from radfuse.statistics.links import LinkName, score_of

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Prepared:
    """How an atom sees a table: columns taken, harmonised, imputed and standardised.

    Attributes:
        kept: positions of its columns, shape (kept,).
        median: what a missing value becomes; NaN: it stays missing.
        mean: subtracted.
        scale: divided by.
        harmonised: makes the columns as if of one site; None: nothing.
        low: least that is seen of each column then; None: whatever there is.
        high: most.
    """

    kept: np.ndarray
    median: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    harmonised: Harmonised | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return float64 of shape (unit, kept)."""
        x = values[:, self.kept]
        if self.harmonised is not None:
            x = self.harmonised.apply(values, x)
        found = (np.where(np.isnan(x), self.median, x) - self.mean) / self.scale
        return found if self.low is None or self.high is None else np.clip(found, self.low, self.high)

    def arrays(self) -> Arrays:
        """Return what `of` makes the same of."""
        found = {"kept": self.kept, "median": self.median, "mean": self.mean, "scale": self.scale}
        if self.low is not None and self.high is not None:
            found |= {"low": self.low, "high": self.high}
        if self.harmonised is not None:
            own = self.harmonised
            found |= {"site": np.array([own.column, *own.covariates]), "factor": own.factor, "offset": own.offset}
            found |= {"slopes": own.slopes, "fills": own.fills}
        return found

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Prepared:
        """Return what was stored as arrays."""
        harmonised = None
        if "site" in arrays:
            column, *covariates = map(int, arrays["site"])
            made = (arrays["factor"], arrays["offset"], arrays["slopes"], arrays["fills"])
            harmonised = Harmonised(column, tuple(covariates), *made, blocks=())
        usual = (arrays["kept"], arrays["median"], arrays["mean"], arrays["scale"])
        return cls(*usual, harmonised, arrays.get("low"), arrays.get("high"))


@dataclass(frozen=True)
class LinearAtom:
    """score = intercept + prepared @ coefficients."""

    kind: ClassVar[str] = "linear"
    seen: Prepared
    coefficients: np.ndarray
    intercept: np.ndarray

    @property
    def used(self) -> np.ndarray:
        """Which of its columns it uses, bool."""
        return self.coefficients != 0

    def score(self, z: np.ndarray) -> np.ndarray:
        """Return the score of prepared values, shape (unit,)."""
        return z @ self.coefficients + float(self.intercept)

    def arrays(self) -> Arrays:
        """Return its own arrays by name."""
        return {"coefficients": self.coefficients, "intercept": self.intercept}


@dataclass(frozen=True)
class TreeAtom:
    """score = link of base + sum of the leaves a row falls into.

    Attributes:
        seen: how it sees a table.
        feature: of every node of every tree; the others too, as `radfuse.fusion.explain.kernels` has a forest.
        roots: first node of each tree.
        base: added.
        link: as `kernels` numbers them.
        ends: that what is linked is kept between, shape (2,).
    """

    kind: ClassVar[str] = "trees"
    seen: Prepared
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    base: np.ndarray
    link: np.ndarray
    ends: np.ndarray

    @cached_property
    def forest(self) -> tuple[np.ndarray, ...]:
        """The trees, as kernels take them."""
        nodes = (self.feature, self.left, self.right)
        feature, left, right = (np.ascontiguousarray(each, dtype=np.int64) for each in nodes)
        return feature, self.threshold.astype(float), left, right, self.value.astype(float)

    @property
    def first_nodes(self) -> np.ndarray:
        """The roots, as kernels take them."""
        return self.roots.astype(np.int64)

    @property
    def used(self) -> np.ndarray:
        """Which of its columns it splits by, bool."""
        found = np.zeros(len(self.seen.kept), dtype=bool)
        found[self.feature[self.left >= 0]] = True
        return found

    @property
    def linkage(self) -> tuple[int, float, float]:
        """The link and its ends, as kernels take them."""
        return int(self.link), float(self.ends[0]), float(self.ends[1])

    @staticmethod
    def rounded(z: np.ndarray) -> np.ndarray:
        """Return prepared values as trees compare them."""
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(z.astype(np.float32).astype(float))

    def score(self, z: np.ndarray) -> np.ndarray:
        """Return the score of prepared values, shape (unit,)."""
        from radfuse.fusion.explain.kernels import leaves_of

        return self.linked(leaves_of(self.forest, self.first_nodes, self.rounded(z)).sum(axis=1))

    def linked(self, leaves: np.ndarray) -> np.ndarray:
        """Return the score of the sums of leaves, any shape."""
        from radfuse.fusion.explain.kernels import LOGIT, NO_LINK

        kind, low, high = self.linkage
        total = float(self.base) + leaves
        if kind == NO_LINK:
            return total
        held = np.clip(total, low, high)
        return np.asarray(np.log(held / (1 - held)) if kind == LOGIT else held)

    def arrays(self) -> Arrays:
        """Return its own arrays by name."""
        names = ("feature", "threshold", "left", "right", "value", "roots", "base", "link", "ends")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class OnnxAtom:
    """A model of any form, as an ONNX file that reads `width` columns, those of `places` among them.

    Where the file gives no score, `cloglog` says that it is the complementary log-log of the probability, `value` that
    it is what is predicted itself; else it is its log odds.
    """

    kind: ClassVar[str] = "onnx"
    seen: Prepared
    model: np.ndarray
    width: np.ndarray
    places: np.ndarray
    cloglog: np.ndarray = field(default_factory=lambda: np.array(False))
    value: np.ndarray = field(default_factory=lambda: np.array(False))
    session: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def used(self) -> np.ndarray:
        """Which of its columns it uses, bool: all."""
        return np.ones(len(self.seen.kept), dtype=bool)

    def score(self, z: np.ndarray) -> np.ndarray:
        """Return the score of prepared values, shape (unit,)."""
        if "" not in self.session:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self.session[""] = onnxruntime.InferenceSession(
                self.model.tobytes(), options, providers=["CPUExecutionProvider"]
            )
        session = self.session[""]
        values = np.full((len(z), int(self.width)), np.nan)
        values[:, self.places] = z
        has_score = any(item.name == SCORE for item in session.get_outputs())
        found = np.asarray(session.run([SCORE if has_score else PROBABILITY], {INPUT: values})[0], dtype=float)
        link: LinkName = "identity" if self.value else "cloglog" if self.cloglog else "logit"
        return found if has_score else score_of(found, link, SUREST)

    def arrays(self) -> Arrays:
        """Return its own arrays by name."""
        own = {"model": self.model, "width": self.width, "places": self.places}
        more = {"cloglog": self.cloglog, "value": self.value}
        return own | {name: said for name, said in more.items() if said}


Atom = LinearAtom | TreeAtom | OnnxAtom


def check_atom(atom: Atom, columns: int) -> None:
    """Check that an atom reads nothing beside its arrays: compiled code would not notice.

    Args:
        atom: maybe of a file.
        columns: of the table.

    Raises:
        ValueError: it does.
    """
    seen = atom.seen
    kept = len(seen.kept)
    usual = (seen.median, seen.mean, seen.scale, *(each for each in (seen.low, seen.high) if each is not None))
    sound = [seen.kept.ndim == 1 and kept > 0 and _within(seen.kept, columns), all(a.shape == (kept,) for a in usual)]
    if isinstance(atom, LinearAtom):
        sound.append(atom.coefficients.shape == (kept,))
    elif isinstance(atom, OnnxAtom):
        sound.append(0 < int(atom.width) <= max(columns, kept))
        sound.append(atom.places.shape == (kept,) and _within(atom.places, int(atom.width)))
    else:
        nodes, here = len(atom.left), np.arange(len(atom.left))
        inner = atom.left >= 0
        each = (atom.feature, atom.threshold, atom.left, atom.right, atom.value)
        sound.append(nodes > 0 and all(array.shape == (nodes,) for array in each) and atom.ends.shape == (2,))
        sound.append(len(atom.roots) > 0 and atom.roots[0] == 0 and bool((np.diff(atom.roots) > 0).all()))
        if all(sound):
            last = np.append(atom.roots[1:], nodes)[np.searchsorted(atom.roots, here, side="right") - 1]
            children = (atom.left[inner], atom.right[inner])
            sound += [_within(atom.feature[inner], kept), _within(atom.roots, nodes)]
            sound += [bool(((child > here[inner]) & (child < last[inner])).all()) for child in children]
    if not all(sound):
        raise ValueError(f"the arrays of a part ({atom.kind}) do not fit together")


def _within(places: np.ndarray, size: int) -> bool:
    return np.issubdtype(places.dtype, np.integer) and bool(((places >= 0) & (places < size)).all())


ATOMS: Mapping[str, Any] = {atom.kind: atom for atom in (LinearAtom, TreeAtom, OnnxAtom)}
SURE = (SUREST, 1 - SUREST)
"""Ends of a probability whose log odds are taken."""
