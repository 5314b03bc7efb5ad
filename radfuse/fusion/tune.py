"""One training set: what candidates share is fitted once a fold, then each is predicted where it was not fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any, cast

import numpy as np

from radfuse.fusion.chain import Chain
from radfuse.fusion.group import Group, projection_of, reduced, side_by_side
from radfuse.fusion.link import link_of
from radfuse.fusion.memory import remembered_masks
from radfuse.fusion.oversample import smote
from radfuse.fusion.parts import Array, Column, FittedModel, Reduction, Selector, Settings, Training
from radfuse.fusion.scaling import Scaling, rows_of, standardised
from radfuse.fusion.selectors.step import Step
from radfuse.statistics.links import probability_of


def fit_chain(training: Training, settings: Settings) -> Chain:
    """Return imputation, scaling, selection and model, fitted at some settings on the whole training set."""
    return fit_chains([training], [settings])[0]


def fit_chains(trainings: Sequence[Training], each: Sequence[Settings]) -> list[Chain]:
    """Return the same of several trainings, each at its settings, which differ in selection and model alone."""
    first = trainings[0]
    scaling, groups = _scaled(first, first.x)
    return [_chain(own, settings, scaling, groups) for own, settings in zip(trainings, each, strict=True)]


def _chain(training: Training, settings: Settings, scaling: Scaling, groups: list[Group]) -> Chain:
    groups, remarks = _selected(training, settings, scaling, groups)
    harmonised = scaling.harmonised
    model = _fitted(training, groups, np.arange(len(training.y)), [settings])[0]
    remarks += [told for told in [str(getattr(model, "remark", ""))] if told]
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


def _scaled(training: Training, x: np.ndarray) -> tuple[Scaling, list[Group]]:
    """Return scaling of some rows, and their columns; others are held where scores are what is predicted."""
    return standardised(x, training.blocks, training.sites, held=link_of(training.outcome) == "identity")


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
            *(() if scaling.low is None or scaling.high is None else (float(scaling.low[i]), float(scaling.high[i]))),
        )
        for i in where
    )


def selected(training: Training, settings: Settings) -> tuple[Scaling, list[Group], list[str]]:
    """Return scaling, what the selection leaves of the columns at some settings, and what its steps have to say."""
    scaling, groups = _scaled(training, training.x)
    groups, remarks = _selected(training, settings, scaling, groups)
    return scaling, groups, remarks


def _selected(
    training: Training, settings: Settings, scaling: Scaling, groups: list[Group]
) -> tuple[list[Group], list[str]]:
    remarks = list(scaling.harmonised.remarks) if scaling.harmonised is not None else []
    here = _Rows(training, np.arange(len(training.y)), scaling)
    for step in _steps(training):
        own = next(own for own in step.candidates() if own.items() <= settings.items())
        (groups,) = _after(step, [own], groups, here, remarks)
    return groups, remarks


def routes(training: Training, rows: Array) -> tuple[Scaling, Iterator[tuple[Settings, list[Group]]]]:
    """Return scaling of some rows of the training set, and every way through the selection there, one at a time."""
    scaling, groups = _scaled(training, rows_of(training.x, rows))
    return scaling, _routes(_steps(training), groups, _Rows(training, rows, scaling))


def inner_predictions(trainings: Sequence[Training]) -> list[tuple[list[Settings], np.ndarray]]:
    """Return all candidates of each training, and their inner out-of-fold probabilities, shape (candidate, unit).

    The trainings differ in selection and model alone: each fold is scaled once.
    """
    first = trainings[0]
    tried: list[list[Settings]] = [[] for _ in trainings]
    found: list[list[np.ndarray]] = [[] for _ in trainings]
    for fold in first.folds:
        scaling, groups = _scaled(first, rows_of(first.x, fold.train))
        left_out = rows_of(first.x, fold.test)
        whole = scaling.features(left_out, groups)
        for place, training in enumerate(trainings):
            candidates = cast(Any, training.model).candidates()
            number = 0
            for shared, chosen in _routes(_steps(training), groups, _Rows(training, fold.train, scaling)):
                test = whole if chosen is groups else scaling.features(left_out, chosen)
                fits = _fitted(training, chosen, fold.train, candidates)
                for own, fitted in zip(candidates, fits, strict=True):
                    if number == len(tried[place]):
                        tried[place].append({**own, **shared})
                        found[place].append(np.full(len(first.x), np.nan))
                    found[place][number][fold.test] = _predicted(training, fitted, test, fold.test)
                    number += 1
    return [(settings, np.array(values)) for settings, values in zip(tried, found, strict=True)]


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
    candidates = step.candidates()
    for own, after in zip(candidates, _after(step, candidates, groups, here), strict=True):
        for further, chosen in _routes(rest, after, here):
            yield {**own, **further}, chosen


def _after(
    step: Selector | Reduction,
    candidates: Sequence[Settings],
    groups: list[Group],
    here: _Rows,
    remarks: list[str] | None = None,
) -> Iterator[list[Group]]:
    """Yield what a step leaves of groups at each setting; groups stay apart also where it sees them together."""
    touched = [group for group in groups if _meant(step, group.blocks)]
    if not touched:  # an earlier step dropped all of them
        yield from [groups] * len(candidates)
        return
    together = [touched] if step.jointly() else [[group] for group in touched]
    ways = [_made_of(step, candidates, seen, here, remarks) for seen in together]
    for each in zip(*ways, strict=True):
        made: dict[int, list[Group]] = {id(group): [] for group in touched}
        made |= {id(seen[0]): after for seen, after in zip(together, each, strict=True)}
        yield [after for group in groups for after in made.get(id(group), [group])]


def _made_of(
    step: Selector | Reduction,
    candidates: Sequence[Settings],
    seen: list[Group],
    here: _Rows,
    remarks: list[str] | None,
) -> Iterator[list[Group]]:
    """Yield what a step makes of groups it sees together at each setting, without those of which it keeps nothing."""
    y, outcome = here.y, here.training.outcome
    if isinstance(step, Reduction):
        for own in candidates:
            matrix = step.reduce(side_by_side(seen), y, own, outcome)
            yield [reduced(seen, matrix, getattr(step, "kind", type(step).__name__))]
        return
    own_units = getattr(step, "own_units", False)
    x = np.hstack([here.scaling.undone(group) for group in seen]) if own_units else side_by_side(seen)
    known: dict[str, Any] = {"again": here.again(seen[0])} if getattr(step, "compares_again", False) else {}

    def choose() -> Sequence[Array]:
        if _chooses_each(step):
            return list(cast(Any, step).choose_each(x, y, candidates, outcome, **known))
        return [step.choose(x, y, own, outcome, **known) for own in candidates]

    if any(group.projection is not None for group in seen):
        masks = choose()
    else:
        columns = np.concatenate([group.columns for group in seen])
        masks = remembered_masks(here.training, here.rows, columns, step, candidates, choose)
    for own, said in zip(candidates, masks, strict=True):
        mask = np.asarray(said, dtype=bool)
        if not mask.any():
            raise ValueError(f"the selection {type(step).__name__} keeps no column")
        if remarks is not None and mask.sum() == 1 and hasattr(step, "remark"):
            where = ", ".join(block for group in seen for block in group.blocks)
            remarks += [f"{where}: {remark}" for remark in [step.remark(x, y, own, outcome, **known)] if remark]
        masks_of = np.split(mask, np.cumsum([group.values.shape[1] for group in seen])[:-1])
        yield [group.only(kept) for group, kept in zip(seen, masks_of, strict=True) if kept.any()]


def _chooses_each(step: Any) -> bool:
    """Return whether a step has a `choose_each` that goes with its `choose`: who derives from it may change one."""
    owner = next((kind for kind in type(step).__mro__ if "choose_each" in vars(kind)), None)
    return owner is not None and type(step).choose is cast(Any, owner).choose


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
