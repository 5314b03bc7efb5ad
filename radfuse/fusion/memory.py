"""What this process learned lately: families of one fold share their blocks, and strategies their learners."""

from __future__ import annotations

import hashlib
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from radfuse.cohort.splits import InnerSplit, inner_folds
from radfuse.config import Section
from radfuse.fusion.parts import Settings, Training

Masks = Callable[[], Sequence[np.ndarray]]

_MOST = 128
_known: OrderedDict[str, Any] = OrderedDict()
_last: tuple[weakref.ref[np.ndarray], str] | None = None


def remembered(trainings: Sequence[Training], learn: Callable[[Sequence[Training]], Sequence[Any]]) -> list[Any]:
    """Return what was learned of the same columns, outcomes, folds and settings before, and learn the rest now.

    Args:
        trainings: which differ in selection and model alone, with no column beside those of their blocks and sites.
        learn: a pure function of those that are new, all in one go.
    """
    keys = _keys(trainings)
    found = {place: _known[key] for place, key in enumerate(keys) if key is not None and key in _known}
    new = [place for place in range(len(keys)) if place not in found]
    found |= dict(zip(new, learn([trainings[place] for place in new]) if new else [], strict=True))
    for place, key in enumerate(keys):
        if key is not None:
            _keep(key, found[place])
    return [found[place] for place in range(len(trainings))]


def remembered_masks(
    training: Training, rows: np.ndarray, columns: np.ndarray, step: Any, candidates: Sequence[Settings], choose: Masks
) -> Sequence[np.ndarray]:
    """Return what a step kept of the same columns before, at each setting: models that follow it do not matter.

    Args:
        training: that the columns are of.
        rows: of it that the step sees.
        columns: positions of those that it sees, standardised on these rows.
        step: of the selection.
        candidates: its settings.
        choose: what it does, where that is not known.
    """
    parts = (step, training.outcome)
    if not all(isinstance(part, Section) for part in parts) or getattr(step, "compares_again", False):
        return choose()
    digest = hashlib.blake2b(f"{_digest_of(training.x)} {training.sites} {list(map(dict, candidates))};".encode())
    _add_parts(digest, parts)
    digest.update(f"{ {block: list(own) for block, own in training.blocks.items()} };".encode())
    for values in (training.y, rows, columns):
        digest.update(f"{values.shape} {values.dtype};".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return cast(Sequence[np.ndarray], _once(digest.hexdigest(), choose))


def remembered_folds(patients: np.ndarray, labels: np.ndarray | None, folds: int, seed: int) -> Sequence[InnerSplit]:
    """Return `inner_folds`, which deals thousands of patients one by one: families of an outer fold share theirs."""
    people = pd.factorize(np.asarray(patients, dtype=object))[0]
    digest = hashlib.blake2b(people.tobytes())
    digest.update(f"{None if labels is None else labels.tolist()} {folds} {seed}".encode())
    dealt = _once(digest.hexdigest(), lambda: inner_folds(patients, labels, folds, seed))
    return cast(Sequence[InnerSplit], dealt)


def forget() -> None:
    """Learn everything anew."""
    _known.clear()


def _once(key: str, make: Callable[[], Any]) -> Any:
    found = _known[key] if key in _known else make()
    _keep(key, found)
    return found


def _keep(key: str, found: Any) -> None:
    _known[key] = found
    _known.move_to_end(key)
    if len(_known) > _MOST:
        _known.popitem(last=False)


def _keys(trainings: Sequence[Training]) -> list[str | None]:
    """Return a digest of everything that each is learned from; None for parts that are no settings."""
    common = None
    keys: list[str | None] = []
    for training in trainings:
        parts = (training.model, *training.selection, training.outcome)
        if not all(isinstance(part, Section) for part in parts):
            keys.append(None)
            continue
        common = _common(training) if common is None else common
        digest = common.copy()
        _add_parts(digest, parts)
        if getattr(training.model, "takes_patients", False) and training.patients is not None:
            digest.update(np.unique(training.patients, return_inverse=True)[1].tobytes())
        asks = any(getattr(step, "compares_again", False) for step in training.selection)
        for block in training.blocks if asks else ():
            for source, values in training.again.get(block, {}).items():
                digest.update(f"{block} {source} {values.shape};".encode())
                digest.update(np.ascontiguousarray(values).tobytes())
        keys.append(digest.hexdigest())
    return keys


def _common(training: Training) -> Any:
    """Return the digest of all but model and selection."""
    digest = hashlib.blake2b()
    digest.update(
        f"{training.seed} {training.x.shape} {training.names} {training.sites} {training.oversample};".encode()
    )
    for block, columns in training.blocks.items():
        digest.update(f"{block} {list(columns)};".encode())
    digest.update(_digest_of(training.x).encode())
    for fold in training.folds:
        digest.update(np.asarray(fold.train, dtype=np.int64).tobytes())
        digest.update(np.asarray(fold.test, dtype=np.int64).tobytes())
    digest.update(np.ascontiguousarray(training.y).tobytes())
    digest.update(b"none" if training.offset is None else np.ascontiguousarray(training.offset).tobytes())
    return digest


def _add_parts(digest: Any, parts: Sequence[Any]) -> None:
    for part in parts:
        digest.update(f"{type(part).__module__}:{type(part).__qualname__} {part.model_dump_json()};".encode())


def _digest_of(x: np.ndarray) -> str:
    """Return a digest of a table, which is taken once while the same one is asked for: nobody writes into it."""
    global _last
    if _last is None or _last[0]() is not x:
        values = np.ascontiguousarray(x.T)  # as it lies in memory, so that nothing is copied
        _last = weakref.ref(x), hashlib.blake2b(values.reshape(-1).data).hexdigest()
    return _last[1]
