"""A bundle's ONNX files, each opened and looked at before anything is computed: is it what the schema says?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse import machine
from radfuse.bundle.load import Bundle
from radfuse.bundle.schema import SCHEMA, ImageRecipe
from radfuse.errors import InputError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from radfuse.seg.plan import NetworkPlan

_MEND = "nothing was computed; run `radfuse export` again, or ask whoever made the bundle"
_FEATURES, _PROBABILITY, _AGAINST_REST = "features", "probability", "against_rest"


class Model:
    """One family's model, whose inputs and outputs are those that the schema tells of.

    Args:
        bundle: it is of.
        family: name.

    Raises:
        InputError: the file is no ONNX model, or another one than the schema tells of.
    """

    def __init__(self, bundle: Bundle, family: str) -> None:
        part = bundle.schema.families[family]
        self._path = bundle.path / part.file
        outcome: Any = bundle.schema.outcome_here()
        self._bounded = getattr(outcome, "link", "logit") != "identity"
        self._classes = None if part.classes is None else part.classes.names
        self._session = _session(self._path, small=True)
        facts = self._session.get_modelmeta().custom_metadata_map
        said = facts.get("family", family)
        if said != family:
            raise InputError(f"{self._path} holds the model of family {said!r}, not of {family!r}; {_MEND}")
        columns = json.dumps([item.name for item in part.inputs])
        if facts.get("columns", columns) != columns:
            raise InputError(
                f"{self._path} was made for other columns than {SCHEMA} lists for family {family!r}, or for the same "
                f"in another order; {_MEND}"
            )
        if json.loads(facts.get("classes", "null")) != (list(self._classes) if self._classes else None):
            raise InputError(
                f"{self._path} was made for other classes than {SCHEMA} lists for family {family!r}, or for the same "
                f"in another order; {_MEND}"
            )
        _check_tensor(self._path, "input", self._session.get_inputs(), _FEATURES, [None, len(part.inputs)], among=1)
        _check_tensor(self._path, "output", self._session.get_outputs(), _PROBABILITY, [None, *self._of_each])

    @property
    def _of_each(self) -> tuple[int, ...]:
        """Shape of what is said of a unit."""
        return (len(self._classes),) if self._classes else ()

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return probabilities, or predicted values, float64 of shape (unit,); of classes (unit, class).

        Args:
            values: features, float64, shape (unit, column).

        Raises:
            InputError: what the model gives are no probabilities, or no numbers.
        """
        return self._run(_PROBABILITY, values)

    def against_rest(self, values: np.ndarray) -> np.ndarray:
        """Return the probability of each class against the rest, float64 of shape (unit, class).

        Args:
            values: as in `predict`.

        Raises:
            InputError: the model gives none, or no probabilities.
        """
        _check_tensor(self._path, "output", self._session.get_outputs(), _AGAINST_REST, [None, *self._of_each])
        return self._run(_AGAINST_REST, values)

    def _run(self, output: str, values: np.ndarray) -> np.ndarray:
        try:
            found = np.asarray(self._session.run([output], {_FEATURES: values})[0])
        except Exception as error:  # whatever onnxruntime finds in the file when it comes to it
            raise InputError(f"{self._path} does not run ({_first_line(error)}); {_MEND}") from error
        whole = found.shape == (len(values), *self._of_each)
        if not self._bounded and not (whole and np.isfinite(found).all()):
            shown = found.ravel()[:3].tolist()
            raise InputError(f"{self._path} gives no finite number for each unit, first {shown}; {_MEND}")
        if self._bounded and not (whole and ((found >= 0) & (found <= 1)).all()):
            raise InputError(
                f"{self._path} gives numbers that are no probabilities, one a unit between 0 and 1, first "
                f"{found.ravel()[:3].tolist()}; {_MEND}"
            )
        return found


def model_of(bundle: Bundle, family: str) -> Model:
    """Return a family's model, opened at the first call; raises InputError as `Model` does."""
    if family not in bundle.models:
        bundle.models[family] = Model(bundle, family)
    return bundle.models[family]


def check_network(recipe: ImageRecipe, path: Path) -> None:
    """Look at a bundle's segmentation network, where it is one of radfuse's own kind.

    Raises:
        InputError: no ONNX model, no plan, or labels, inputs or outputs that are not those of its plan.
    """
    if recipe.sequence is None or recipe.backend is not None:
        return
    from radfuse.seg.nnunet.plan import PREVIOUS, NnunetPlan
    from radfuse.seg.predict import read_plan

    session = _session(path)
    text = session.get_modelmeta().custom_metadata_map.get("plan")
    if text is None:
        raise InputError(f"{path} holds no plan, so it is no segmentation network of radfuse; {_MEND}")
    try:
        plan = read_plan(text)
    except ValueError as error:
        raise InputError(
            f"{path}: its plan is of a format this radfuse does not read ({_first_line(error)}); {_MEND}"
        ) from error
    if plan.labels != recipe.labels:
        raise InputError(f"{path} segments {plan.labels}, and the bundle's regions need {recipe.labels}; {_MEND}")
    first = plan.previous if isinstance(plan, NnunetPlan) else None
    stages: dict[str, NetworkPlan] = {PREVIOUS: first, "": plan} if first else {"": plan}
    for before, stage in stages.items():
        sizes = stage.window.patch_zyx[1:] if stage.slices else stage.window.patch_zyx
        inputs, outputs = [None, stage.inputs, *sizes], [None, stage.classes, *sizes]
        among = None if before else len(stages)
        _check_tensor(path, "input", session.get_inputs(), f"{before}image", inputs, among=among)
        _check_tensor(path, "output", session.get_outputs(), f"{before}logits", outputs)
    if recipe.deep is not None:
        _check_tensor(path, "output", session.get_outputs(), "features", [None] * (4 if plan.slices else 5))


def _session(path: Path, *, small: bool = False) -> InferenceSession:
    try:
        return machine.open_network(path, small=small)
    except Exception as error:  # onnxruntime has a class for each of its moods
        raise InputError(f"{path} is no ONNX model that can be opened ({_first_line(error)}); {_MEND}") from error


def _check_tensor(
    path: Path, what: str, found: Sequence[Any], name: str, shape: Sequence[int | None], *, among: int | None = None
) -> None:
    """Refuse a model whose tensor has another name or shape; None: any size. `among`: how many it has."""
    match = next((item for item in found if item.name == name), None)
    fits = match is not None and len(match.shape) == len(shape) and among in (None, len(found))
    if not fits or any(
        want is not None and isinstance(size, int) and size != want
        for want, size in zip(shape, match.shape if match is not None else (), strict=False)
    ):
        has = ", ".join(f"{item.name} {_sizes(item.shape)}" for item in found[:4]) or "none"
        raise InputError(f"{path} should have the {what} {name} {_sizes(shape)}, it has: {has}; {_MEND}")


def _sizes(shape: Sequence[Any]) -> str:
    return f"({', '.join('any' if not isinstance(size, int) else str(size) for size in shape)})"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
