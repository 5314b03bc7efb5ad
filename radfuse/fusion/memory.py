"""What this process learned lately: families of one fold share their blocks, and strategies their learners."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from radfuse.config import Section
from radfuse.fusion.parts import Training

_MOST = 64
_known: OrderedDict[str, Any] = OrderedDict()


def remembered(training: Training, learn: Callable[[Training], Any]) -> Any:
    """Return what was learned of the same columns, outcomes, folds and settings before, or learn it now.

    Args:
        training: with no column beside those of its blocks and sites.
        learn: a pure function of it.
    """
    key = _key(training)
    if key is None:
        return learn(training)
    if key not in _known:
        _known[key] = learn(training)
        if len(_known) > _MOST:
            _known.popitem(last=False)
    _known.move_to_end(key)
    return _known[key]


def forget() -> None:
    """Learn everything anew."""
    _known.clear()


def _key(training: Training) -> str | None:
    """Return a digest of everything that is learned from; None for parts that are no settings."""
    parts = (training.model, *training.selection, training.outcome)
    if not all(isinstance(part, Section) for part in parts):
        return None
    digest = hashlib.blake2b()
    for part in parts:
        name = f"{type(part).__module__}:{type(part).__qualname__}"
        digest.update(f"{name} {part.model_dump_json()};".encode())  # type: ignore[union-attr]
    digest.update(
        f"{training.seed} {training.x.shape} {training.names} {training.sites} {training.oversample};".encode()
    )
    for block, columns in training.blocks.items():
        digest.update(f"{block} {list(columns)};".encode())
    digest.update(np.ascontiguousarray(training.x).tobytes())
    for fold in training.folds:
        digest.update(np.asarray(fold.train, dtype=np.int64).tobytes())
        digest.update(np.asarray(fold.test, dtype=np.int64).tobytes())
    digest.update(np.ascontiguousarray(training.y).tobytes())
    if getattr(training.model, "takes_patients", False) and training.patients is not None:
        digest.update(np.unique(training.patients, return_inverse=True)[1].tobytes())
    for block in training.blocks if any(getattr(step, "compares_again", False) for step in training.selection) else ():
        for source, values in training.again.get(block, {}).items():
            digest.update(f"{block} {source} {values.shape};".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
    digest.update(b"none" if training.offset is None else np.ascontiguousarray(training.offset).tobytes())
    return digest.hexdigest()
