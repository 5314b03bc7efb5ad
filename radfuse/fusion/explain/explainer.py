"""A fitted family's score as a sum of atoms, in arrays: what explains it, in a fold and in a bundle, without a pickle.

The score is in log odds, or whatever else the outcome's link makes of a probability; a curve that recalibrates it
comes after, and never changes an order.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args
from zipfile import BadZipFile

import numpy as np

from radfuse.fusion.blend import Blend
from radfuse.fusion.chain import Chain
from radfuse.fusion.explain.atoms import ATOMS, SURE, Atom, LinearAtom, OnnxAtom, Prepared, TreeAtom, check_atom
from radfuse.fusion.explain.kernels import CLIPPED, LOGIT, NO_LINK
from radfuse.fusion.export import INPUT
from radfuse.fusion.graph import SUREST, Graph
from radfuse.fusion.models.cox_trees import HazardTrees
from radfuse.fusion.models.trees import AddedTrees, FittedTrees, ValueTrees
from radfuse.statistics.links import LinkName, score_of

_SAME = 1e-6
"""Largest difference between a family's score and that of its atoms, as a share of scores above 1."""


@dataclass(frozen=True)
class Share:
    """One term of a sum, as `radfuse.fusion.blend.Term` has it; its part is a sum, or the number of an atom."""

    part: Sum | int
    weight: float
    columns: np.ndarray
    absent: float | None = None


@dataclass(frozen=True)
class Sum:
    """An intercept and terms, some of which may be absent."""

    intercept: float
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Explainer:
    """score = constant + sum of weight * atom, both by what blocks a unit has.

    Attributes:
        names: of all columns of the family, hidden ones too.
        whole: the sum.
        atoms: that it is made of.
        background: rows to compare with where no training set is at hand, shape (row, column); None: none.
        recalibrated: a curve makes the probability of the score; else it is the inverse of the link.
        link: of the score.
    """

    names: tuple[str, ...]
    whole: Sum | int
    atoms: tuple[Atom, ...]
    background: np.ndarray | None = None
    recalibrated: bool = False
    link: LinkName = "logit"

    @property
    def used(self) -> np.ndarray:
        """Positions of the columns that any atom uses, rising."""
        return np.unique(np.concatenate([atom.seen.kept[atom.used] for atom in self.atoms]).astype(int))

    def weights(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the constant, shape (unit,), and the weight of each atom, shape (unit, atom), of some units."""
        return _weights(self.whole, values, len(self.atoms))

    def score(self, values: np.ndarray) -> np.ndarray:
        """Return the score, shape (unit,); values float64, shape (unit, column), NaN where missing."""
        constant, weight = self.weights(values)
        each = [atom.score(atom.seen(values)) for atom in self.atoms]
        return constant + (weight * np.column_stack(each)).sum(axis=1)

    def to_bytes(self) -> bytes:
        """Return a file of arrays (npz); `from_bytes` opens it."""
        arrays: dict[str, np.ndarray] = {}
        for number, atom in enumerate(self.atoms):
            own = {**atom.seen.arrays(), **atom.arrays()}
            arrays |= {f"{number}.{name}": _small(value) for name, value in own.items()}
        if self.background is not None:
            arrays |= {"used": self.used.astype(np.int32), "background": self.background[:, self.used]}
        facts = {"names": self.names, "atoms": [atom.kind for atom in self.atoms], "sum": _facts(self.whole)}
        facts["recalibrated"] = self.recalibrated
        if self.link != "logit":
            facts["link"] = self.link
        stream = io.BytesIO()
        np.savez_compressed(stream, facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8), **arrays)  # type: ignore[arg-type]
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Explainer:
        """Return what `to_bytes` made; nothing in the file is run but its ONNX models.

        Raises:
            ValueError: it is no such file.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            facts = json.loads(arrays.pop("facts").tobytes())
            atoms = []
            for number, kind in enumerate(facts["atoms"]):
                own = {name.partition(".")[2]: v for name, v in arrays.items() if name.startswith(f"{number}.")}
                made = ATOMS[kind]
                told = {name: own[name] for name in made.__dataclass_fields__ if name in own}
                atoms.append(made(seen=Prepared.of(own), **told))
            names = tuple(map(str, facts["names"]))
            whole = _opened(facts["sum"])
            _check_sum(whole, len(atoms), len(names))
            for atom in atoms:
                check_atom(atom, len(names))
            background = None
            if "background" in arrays:
                background = np.full((len(arrays["background"]), len(names)), np.nan)
                background[:, _joined(whole)] = 0.0  # no atom uses the others, but they say that a block is there
                background[:, arrays["used"]] = arrays["background"]
            link = facts.get("link", "logit")
            if link not in get_args(LinkName):
                raise ValueError(f"there is no link {str(link)[:40]!r}")
            return cls(names, whole, tuple(atoms), background, bool(facts["recalibrated"]), link)
        except (KeyError, ValueError, OSError, EOFError, IndexError, TypeError, AttributeError, BadZipFile) as error:
            raise ValueError(f"no explanation that radfuse wrote ({error}); export the bundle again") from error

    def to_text(self) -> str:
        """Return the file as text, for JSON."""
        return base64.b64encode(self.to_bytes()).decode()

    @classmethod
    def from_text(cls, text: str) -> Explainer:
        """Return what `to_text` made."""
        return cls.from_bytes(base64.b64decode(text))


def explainer_of(fitted: Any, x: np.ndarray, names: Sequence[str], link: LinkName = "logit") -> Explainer:
    """Return a fitted family's score in atoms; one that does not come apart is an atom of its own.

    Args:
        fitted: of `radfuse.fusion.validate.fit_family`.
        x: rows of all columns, on which the atoms are held against the family.
        names: of all columns.
        link: of the outcome.
    """
    score, part = scorer_of(fitted, link), _uncurved(fitted)
    rows, bent = x[:: max(1, len(x) // 50)], hasattr(fitted, "curve")
    atoms: list[Atom] = []
    try:
        whole = _taken_apart(part, atoms)
        found = Explainer(tuple(names), whole, tuple(atoms), recalibrated=bent, link=link)
        whole_score = score(rows)
        if np.abs(found.score(rows) - whole_score).max() <= _SAME * max(1.0, float(np.abs(whole_score).max())):
            return found
    except NotImplementedError:
        pass  # a part of another form: the family is explained whole, by its ONNX file
    return Explainer(tuple(names), 0, (_as_one(fitted, names, link),), recalibrated=bent, link=link)


def scorer_of(fitted: Any, link: LinkName = "logit") -> Any:
    """Return the function from rows to the score: before recalibration, that of the probability where none is."""
    part = _uncurved(fitted)
    if hasattr(part, "score"):
        return part.score
    return lambda values: score_of(part.predict(values), link, SUREST)


def _uncurved(fitted: Any) -> Any:
    """Return what a curve recalibrates; a family without one is that itself."""
    return fitted.part if hasattr(fitted, "curve") else fitted


def group_background(values: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """Return rows that nobody is: of each column its quantiles, shuffled, so that a file may hold them.

    Args:
        values: of the training units, shape (unit, column), NaN where missing.
        rows: how many; not more than units.
        seed: of the shuffles.
    """
    count = min(rows, len(values))
    at = np.floor((np.arange(count) + 0.5) / count * len(values)).astype(int)
    ordered = np.sort(values, axis=0)[at]  # NaN comes last, and keeps its share
    return np.random.default_rng(seed).permuted(ordered, axis=0)


def _taken_apart(part: Any, atoms: list[Atom]) -> Sum | int:
    """Return a part as a sum of atoms, which are added to the list."""
    if isinstance(part, Blend):
        shares = (
            Share(_taken_apart(term.part, atoms), term.weight, np.asarray(term.columns, dtype=int), term.absent)
            for term in part.terms
        )
        return Sum(part.intercept, tuple(shares))
    if not isinstance(part, Chain):
        raise NotImplementedError
    atoms.append(_atom_of(part))
    return len(atoms) - 1


def _atom_of(chain: Chain) -> Atom:
    median, mean, scale = map(chain.each, ("median", "mean", "scale"))
    seen = Prepared(np.asarray(chain.kept, dtype=int), median, mean, scale, chain.harmonised)
    if chain.holds:
        seen = replace(seen, low=chain.each("low"), high=chain.each("high"))
    linear = chain.linear()
    if linear is not None:
        coefficients = np.array([linear.coefficients.get(column, 0.0) for column in chain.columns])
        return LinearAtom(seen, coefficients, np.array(linear.intercept))
    if isinstance(chain.model, FittedTrees) and chain.projection is None:
        return _tree_atom(seen, chain.model)
    model: Any = chain.model
    from onnx import helper

    first = helper.make_node("Identity", [INPUT], ["scaled"])
    constants = {}
    if chain.projection is not None:
        first = helper.make_node("MatMul", [INPUT, "projection"], ["scaled"])
        constants["projection"] = chain.projection
    nodes, more = model.to_onnx("scaled")
    names = [column.name for column in chain.columns]
    content = Graph([first, *nodes], {**constants, **more}).with_score(chain.link).file(names, "part", 0.5)
    places = np.arange(len(names))
    return OnnxAtom(seen, np.frombuffer(content, dtype=np.uint8), np.array(len(names)), places)


def _tree_atom(seen: Prepared, model: FittedTrees) -> TreeAtom:
    roots = np.cumsum([0, *(len(tree.left) for tree in model.trees)])[:-1]

    def each(name: str) -> np.ndarray:
        return np.concatenate([getattr(tree, name) for tree in model.trees])

    def children(name: str) -> np.ndarray:
        moved = [
            np.where(getattr(tree, name) < 0, -1, getattr(tree, name) + root) for tree, root in _with(model, roots)
        ]
        return np.concatenate(moved)

    link, ends = (CLIPPED, score_of(np.array(SURE), "logit", SUREST)) if model.log_odds else (LOGIT, np.array(SURE))
    if isinstance(model, (AddedTrees, HazardTrees, ValueTrees)):
        link, ends = NO_LINK, np.zeros(2)
    nodes = (each("feature"), each("threshold").astype(float), children("left"), children("right"), each("value"))
    atom = TreeAtom(seen, *nodes, roots, np.array(float(model.base)), np.array(link), ends)
    try:
        check_atom(atom, int(seen.kept.max()) + 1)
    except ValueError as error:
        raise NotImplementedError from error
    return atom


def _with(model: FittedTrees, roots: np.ndarray) -> list[tuple[Any, int]]:
    return list(zip(model.trees, map(int, roots), strict=True))


def _as_one(fitted: Any, names: Sequence[str], link: LinkName) -> OnnxAtom:
    """Return a whole family, read as a table holds it."""
    part = _uncurved(fitted)
    said = fitted.explain("score")
    used = {*said.made_of, *(column.name for column in said.columns)}
    kept = np.array([i for i, name in enumerate(names) if name in used] or range(len(names)), dtype=int)
    content = (
        part.graph().with_score(link).file(names, "part", 0.5)
        if hasattr(part, "graph")
        else fitted.to_onnx("part", 0.5)
    )
    seen = Prepared(kept, np.full(len(kept), np.nan), np.zeros(len(kept)), np.ones(len(kept)))
    atom = OnnxAtom(seen, np.frombuffer(content, dtype=np.uint8), np.array(len(names)), kept)
    return replace(atom, cloglog=np.array(link == "cloglog"), value=np.array(link == "identity"))


def _weights(part: Sum | int, values: np.ndarray, atoms: int) -> tuple[np.ndarray, np.ndarray]:
    """Return constant and weights of the atoms: as `Blend.score` weighs, only that nothing is predicted yet."""
    units = len(values)
    constant, weight = np.zeros(units), np.zeros((units, atoms))
    if isinstance(part, int):
        weight[:, part] = 1.0
        return constant, weight
    constant += part.intercept
    there = {id(share): ~np.isnan(values[:, share.columns]).all(axis=1) for share in part.shares}
    shared = [share for share in part.shares if share.absent is None]
    total = sum(share.weight for share in shared)
    here = sum((there[id(share)] * share.weight for share in shared), np.zeros(units))
    for share in part.shares:
        own, each = _weights(share.part, values, atoms)
        present = there[id(share)]
        if share.absent is not None:
            constant += share.weight * np.where(present, own, share.absent)
            weight += share.weight * present[:, None] * each
            continue
        made_up = np.where(present, total / np.where(here > 0, here, 1.0), 0.0)
        factor = share.weight * np.where(here > 0, made_up, 1.0)
        constant += factor * own
        weight += factor[:, None] * each
    return constant, weight


def _facts(part: Sum | int) -> Any:
    if isinstance(part, int):
        return part
    shares = [
        {"part": _facts(s.part), "weight": s.weight, "columns": [int(i) for i in s.columns], "absent": s.absent}
        for s in part.shares
    ]
    return {"intercept": part.intercept, "shares": shares}


def _opened(facts: Any) -> Sum | int:
    if isinstance(facts, int):
        return facts
    shares = (
        Share(_opened(s["part"]), s["weight"], np.array(s["columns"], dtype=int), s["absent"]) for s in facts["shares"]
    )
    return Sum(facts["intercept"], tuple(shares))


def _joined(part: Sum | int) -> list[int]:
    """Return the positions of the columns of all parts that may be absent."""
    shares = () if isinstance(part, int) else part.shares
    return [place for share in shares for place in (*share.columns.tolist(), *_joined(share.part))]


def _check_sum(part: Sum | int, atoms: int, columns: int) -> None:
    """Raise ValueError where a sum names an atom or a column that is not there."""
    if isinstance(part, int):
        if not 0 <= part < atoms:
            raise ValueError(f"there is no part {part}")
        return
    for share in part.shares:
        if not ((share.columns >= 0) & (share.columns < columns)).all():
            raise ValueError("a part stands for columns that are not there")
        _check_sum(share.part, atoms, columns)


def _small(values: np.ndarray) -> np.ndarray:
    """Return whole numbers in four bytes."""
    return values.astype(np.int32) if values.dtype == np.int64 else values


def with_background(explainer: Explainer, values: np.ndarray, rows: int, seed: int) -> Explainer:
    """Return the same with rows to compare with, made of the training units' values."""
    return replace(explainer, background=group_background(values, rows, seed))
