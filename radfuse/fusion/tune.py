"""One training set: what candidates share is fitted once a fold, then each is predicted where it was not fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import numpy as np

from radfuse.fusion.chain import Chain
from radfuse.fusion.group import Group, projection_of, reduced, side_by_side
from radfuse.fusion.link import link_of
from radfuse.fusion.oversample import smote
from radfuse.fusion.parts import Array, Column, FittedModel, Reduction, Selector, Settings, Training
from radfuse.fusion.scaling import Scaling, standardised
from radfuse.fusion.selectors.step import Step
from radfuse.statistics.links import probability_of


def fit_chain(training: Training, settings: Settings) -> Chain:
    """Return imputation, scaling, selection and model, fitted at some settings on the whole training set."""
    scaling, groups, remarks = selected(training, settings)
    harmonised = scaling.harmonised
    model = _fitted(training, groups, np.arange(len(training.y)), [settings])[0]
    kept = np.concatenate([group.columns for group in groups])
    columns = columns_of(training, scaling, kept)
    taken = harmonised.only(kept) if harmonised is not None else None
    chain = Chain(
        tuple(training.names),
        kept,
        columns,
        model,
        remarks=tuple(remarks),
        harmonised=None if taken is None or taken.idle else taken,
        link=link_of(training.outcome),
    )
    projection = projection_of(groups)
    if projection is None:
        return chain
    linear = _folded(model, projection)
    if linear is not None:
        return replace(chain, model=linear)
    return replace(chain, projection=projection, components=_features(groups, columns))


def columns_of(training: Training, scaling: Scaling, where: np.ndarray) -> tuple[Column, ...]:
    """Return what imputes and scales the columns at some positions."""
    block_of = {column: block for block, columns in training.blocks.items() for column in columns}
    return tuple(
        Column(
            training.names[i],
            block_of[int(i)],
            float(scaling.median[i]),
            float(scaling.mean[i]),
            float(scaling.scale[i]),
        )
        for i in where
    )


def selected(training: Training, settings: Settings) -> tuple[Scaling, list[Group], list[str]]:
    """Return scaling, what the selection leaves of the columns at some settings, and what its steps have to say."""
    scaling, groups = standardised(training.x, training.blocks, training.sites)
    remarks = list(scaling.harmonised.remarks) if scaling.harmonised is not None else []
    here = _Rows(training, np.arange(len(training.y)), scaling)
    for step in _steps(training):
        own = next(own for own in step.candidates() if own.items() <= settings.items())
        groups = _after(step, own, groups, here, remarks)
    return scaling, groups, remarks


def routes(training: Training, rows: Array) -> tuple[Scaling, Iterator[tuple[Settings, list[Group]]]]:
    """Return scaling of some rows of the training set, and every way through the selection there, one at a time."""
    scaling, groups = standardised(training.x[rows], training.blocks, training.sites)
    return scaling, _routes(_steps(training), groups, _Rows(training, rows, scaling))


def inner_predictions(training: Training) -> tuple[list[Settings], np.ndarray]:
    """Return all candidates, and their inner out-of-fold probabilities, shape (candidate, unit)."""
    x = training.x
    model: Any = training.model
    tried: list[Settings] = []
    found: list[np.ndarray] = []
    for fold in training.folds:
        scaling, ways = routes(training, fold.train)
        left_out = x[fold.test]
        number = 0
        for shared, chosen in ways:
            test = scaling.features(left_out, chosen)
            candidates = model.candidates()
            fits = _fitted(training, chosen, fold.train, candidates)
            for own, fitted in zip(candidates, fits, strict=True):
                if number == len(tried):
                    tried.append({**own, **shared})
                    found.append(np.full(len(x), np.nan))
                found[number][fold.test] = _predicted(training, fitted, test, fold.test)
                number += 1
    return tried, np.array(found)


def _fitted(
    training: Training, groups: Sequence[Group], rows: np.ndarray, candidates: Sequence[Settings]
) -> list[FittedModel]:
    """Return the model at some settings on some rows of the training set, all in one go where it can."""
    model: Any = training.model
    values, y = side_by_side(groups), training.y[rows]
    offset = None if training.offset is None else training.offset[rows]
    if training.oversample:
        values, y, made = smote(values, y, offset, training.seed)
        offset = None if offset is None else made
    known: dict[str, Any] = {} if offset is None else {"offset": offset}
    if getattr(model, "takes_patients", False) and training.patients is not None:
        known["patients"] = training.patients[rows]
    if getattr(model, "takes_horizon", False):
        known["horizon"] = getattr(training.outcome, "horizon", None)
    if getattr(model, "weighs_blocks", False):
        known["blocks"] = [block for group in groups for block in [_only_block(group)] * group.values.shape[1]]
    if hasattr(model, "path"):
        return list(model.path(values, y, candidates, training.seed, **known))
    return [model.fit(values, y, own, training.seed, **known) for own in candidates]


def _only_block(group: Group) -> str:
    if len(group.blocks) > 1:
        raise ValueError(
            f"components of {' and '.join(group.blocks)} together belong to no block, and the model weighs blocks; "
            "reduce each block alone (over: block)"
        )
    return group.blocks[0]


def _predicted(training: Training, fitted: Any, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return probabilities, of the score and of that known before where there is one."""
    if training.offset is None:
        return np.asarray(fitted.predict(values))
    return probability_of(fitted.score(values) + training.offset[rows], link_of(training.outcome))


@dataclass(frozen=True)
class _Rows:
    """The rows of a training set that steps learn from, with their scaling."""

    training: Training
    rows: Array
    scaling: Scaling

    @property
    def y(self) -> Array:
        return self.training.y[self.rows]

    def again(self, group: Group) -> dict[str, Array]:
        """Return what was measured again of a group's columns."""
        if group.projection is not None:
            raise ValueError("components were not measured twice; put the selection stability before reductions")
        (block,) = group.blocks
        columns = np.searchsorted(np.asarray(self.training.blocks[block]), group.columns)
        again = self.training.again.get(block, {})
        return {name: values[np.ix_(np.arange(len(values)), self.rows, columns)] for name, values in again.items()}


def _steps(training: Training) -> list[Selector | Reduction]:
    """Return the steps that work on a block of the training set: others have nothing to tune here."""
    return [step for step in training.selection if any(_meant(step, (block,)) for block in training.blocks)]


def _meant(step: Selector | Reduction, blocks: Sequence[str]) -> bool:
    """Return whether a step works on columns of these blocks."""
    wanted = step.blocks if isinstance(step, Step) else ()
    return not wanted or set(blocks) <= set(wanted)


def _routes(
    steps: Sequence[Selector | Reduction], groups: list[Group], here: _Rows
) -> Iterator[tuple[Settings, list[Group]]]:
    """Yield every way through the steps; what ways share is done once."""
    if not steps:
        yield {}, groups
        return
    step, *rest = steps
    for own in step.candidates():
        after = _after(step, own, groups, here)
        for further, chosen in _routes(rest, after, here):
            yield {**own, **further}, chosen


def _after(
    step: Selector | Reduction, own: Settings, groups: list[Group], here: _Rows, remarks: list[str] | None = None
) -> list[Group]:
    """Return what a step leaves of groups; groups stay apart also where it sees them together."""
    touched = [group for group in groups if _meant(step, group.blocks)]
    if not touched:  # an earlier step dropped all of them
        return groups
    made: dict[int, list[Group]] = {id(group): [] for group in touched}
    for seen in [touched] if step.jointly() else [[group] for group in touched]:
        made[id(seen[0])] = _made_of(step, own, seen, here, remarks)
    return [after for group in groups for after in made.get(id(group), [group])]


def _made_of(
    step: Selector | Reduction, own: Settings, seen: list[Group], here: _Rows, remarks: list[str] | None
) -> list[Group]:
    """Return what a step makes of the groups it sees together; those of which it keeps nothing are left out."""
    y, outcome = here.y, here.training.outcome
    if isinstance(step, Reduction):
        matrix = step.reduce(side_by_side(seen), y, own, outcome)
        return [reduced(seen, matrix, getattr(step, "kind", type(step).__name__))]
    own_units = getattr(step, "own_units", False)
    x = np.hstack([here.scaling.undone(group) for group in seen]) if own_units else side_by_side(seen)
    known: dict[str, Any] = {"again": here.again(seen[0])} if getattr(step, "compares_again", False) else {}
    mask = np.asarray(step.choose(x, y, own, outcome, **known), dtype=bool)
    if not mask.any():
        raise ValueError(f"the selection {type(step).__name__} keeps no column")
    if remarks is not None and mask.sum() == 1 and hasattr(step, "remark"):
        where = ", ".join(block for group in seen for block in group.blocks)
        remarks += [f"{where}: {remark}" for remark in [step.remark(x, y, own, outcome, **known)] if remark]
    masks = np.split(mask, np.cumsum([group.values.shape[1] for group in seen])[:-1])
    return [group.only(kept) for group, kept in zip(seen, masks, strict=True) if kept.any()]


def _folded(model: FittedModel, projection: Array) -> FittedModel | None:
    """Return a linear model of components as one of the columns they are made of; None where it is not linear."""
    coefficients = getattr(model, "coefficients", None)
    if not is_dataclass(model) or np.shape(coefficients) != projection.shape[1:]:
        return None
    return replace(model, coefficients=projection @ coefficients)


def _features(groups: Sequence[Group], columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return what a model sees: columns, and components, which come with mean 0 and scale 1."""
    features: list[Column] = []
    start = 0
    for group in groups:
        stop = start + len(group.columns)
        if group.projection is None:
            features += columns[start:stop]
        else:
            features += [Column(name, "-".join(group.blocks), 0.0, 0.0, 1.0) for name in group.names]
        start = stop
    return tuple(features)
