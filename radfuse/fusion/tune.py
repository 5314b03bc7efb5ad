"""One training set: what candidates share is fitted once a fold, then each is predicted where it was not fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radfuse.fusion.chain import Chain
from radfuse.fusion.parts import Column, FittedModel, Outcome, Selector, Settings, Training
from radfuse.fusion.selectors.varying import varying


@dataclass(frozen=True)
class Scaling:
    """Imputation and scaling of all columns, each shape (column,)."""

    median: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    def apply(self, x: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return some columns, imputed and standardised."""
        values = x[:, columns]
        rows, places = np.nonzero(np.isnan(values))
        values[rows, places] = self.median[columns[places]]
        values -= self.mean[columns]
        values /= self.scale[columns]
        return values


@dataclass(frozen=True)
class Group:
    """Columns that selectors see together: their positions, and their standardised training values."""

    columns: np.ndarray
    values: np.ndarray

    def only(self, kept: np.ndarray) -> Group:
        """Return the columns of a mask."""
        return Group(self.columns[kept], self.values[:, kept])


def fit_chain(training: Training, settings: Settings) -> Chain:
    """Return imputation, scaling, selection and model, fitted at some settings on the whole training set."""
    scaling, groups = _standardised(training.x, training.blocks)
    _, group = next(_routes(groups, training.selection, training.y, training.outcome, settings))
    model = _fitted(training, group, np.arange(len(training.y)), [settings])[0]
    block_of = {column: block for block, columns in training.blocks.items() for column in columns}
    kept = [
        Column(
            training.names[i],
            block_of[int(i)],
            float(scaling.median[i]),
            float(scaling.mean[i]),
            float(scaling.scale[i]),
        )
        for i in group.columns
    ]
    return Chain(tuple(training.names), group.columns, tuple(kept), model)


def inner_predictions(training: Training) -> tuple[list[Settings], np.ndarray]:
    """Return all candidates, and their inner out-of-fold probabilities, shape (candidate, unit)."""
    x, y = training.x, training.y
    model: Any = training.model
    tried: list[Settings] = []
    found: list[np.ndarray] = []
    for fold in training.folds:
        scaling, groups = _standardised(x[fold.train], training.blocks)
        number = 0
        for shared, group in _routes(groups, training.selection, y[fold.train], training.outcome):
            test = scaling.apply(x[fold.test], group.columns)
            candidates = model.candidates()
            fits = _fitted(training, group, fold.train, candidates)
            for own, fitted in zip(candidates, fits, strict=True):
                if number == len(tried):
                    tried.append({**own, **shared})
                    found.append(np.full(len(x), np.nan))
                found[number][fold.test] = _predicted(fitted, test, training.offset, fold.test)
                number += 1
    return tried, np.array(found)


def _fitted(training: Training, group: Group, rows: np.ndarray, candidates: Sequence[Settings]) -> list[FittedModel]:
    """Return the model at some settings on some rows of the training set, all in one go where it can."""
    model: Any = training.model
    known: dict[str, Any] = {} if training.offset is None else {"offset": training.offset[rows]}
    if getattr(model, "weighs_blocks", False):
        block_of = {column: block for block, columns in training.blocks.items() for column in columns}
        known["blocks"] = [block_of[int(column)] for column in group.columns]
    values = group.values
    if hasattr(model, "path"):
        return list(model.path(values, training.y[rows], candidates, training.seed, **known))
    return [model.fit(values, training.y[rows], own, training.seed, **known) for own in candidates]


def _predicted(fitted: Any, values: np.ndarray, offset: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    """Return probabilities, of the score and the log odds known before where there are some."""
    if offset is None:
        return np.asarray(fitted.predict(values))
    from scipy.special import expit

    return np.asarray(expit(fitted.score(values) + offset[rows]))


def _standardised(x: np.ndarray, blocks: Mapping[str, Sequence[int]]) -> tuple[Scaling, list[Group]]:
    """Learn medians, means and scales; return them with the columns of each block that vary."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    scaling = Scaling(*(np.zeros(x.shape[1]) for _ in range(3)))
    groups = []
    for positions in blocks.values():
        columns = np.array(positions, dtype=int)
        imputer, scaler = SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
        values = scaler.fit_transform(imputer.fit_transform(x[:, columns]))
        scaling.median[columns] = imputer.statistics_
        scaling.mean[columns], scaling.scale[columns] = scaler.mean_, scaler.scale_
        groups.append(Group(columns, values).only(varying(values)))
    return scaling, groups


def _routes(
    groups: list[Group],
    selection: Sequence[Selector],
    y: np.ndarray,
    outcome: Outcome,
    only: Settings | None = None,
) -> Iterator[tuple[Settings, Group]]:
    """Yield every way through the selectors, or the one at the settings `only`; what ways share is done once."""
    if not selection:
        yield {}, _joined(groups)
        return
    selector, *rest = selection
    seen = [_joined(groups)] if selector.jointly() else groups
    for own in selector.candidates():
        if only is not None and any(only[name] != value for name, value in own.items()):
            continue
        kept = [group.only(selector.choose(group.values, y, own, outcome)) for group in seen]
        if not all(group.columns.size for group in kept):
            raise ValueError(f"the selection {type(selector).__name__} keeps no column")
        for further, group in _routes(kept, rest, y, outcome, only):
            yield {**own, **further}, group


def _joined(groups: list[Group]) -> Group:
    return Group(np.concatenate([group.columns for group in groups]), np.hstack([group.values for group in groups]))
