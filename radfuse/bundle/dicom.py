"""What a bundle predicts as DICOM objects in the studies of the images: masks, the features it used, probabilities."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from radfuse.bundle.images import labels_file
from radfuse.bundle.load import Bundle
from radfuse.bundle.predict import Prediction
from radfuse.bundle.schema import SUMS, ImageRecipe
from radfuse.errors import InputError
from radfuse.results import Failure
from radfuse.run.folder import safe_name
from radfuse.volume.dicom_seg import Maker
from radfuse.volume.dicom_sr import Numbers
from radfuse.volume.dicom_study import write_objects
from radfuse.volume.files import read_labels

FOLDER = "dicom"


def require_masks(bundle: Bundle, prediction: Prediction | None = None) -> ImageRecipe:
    """Return how a bundle draws masks.

    Raises:
        InputError: it draws none, or drew none for a prediction.
    """
    recipe = bundle.schema.imaging
    if recipe is not None and (prediction.imaged if prediction else recipe.sequence or recipe.backend):
        return recipe
    raise InputError("--dicom writes the masks that a bundle draws, and here it drew none; leave --dicom out")


def write_dicom(
    bundle: Bundle, prediction: Prediction, out: Path, progress: Callable[[str, int, int], None] = lambda *_: None
) -> tuple[Failure, ...]:
    """Write out/dicom/CASE/seg.dcm and sr.dcm of every case that was segmented; return the cases where that failed.

    Args:
        bundle: that predicted.
        prediction: whose masks lie in out/labels.
        out: folder of the results.
        progress: told of every case.

    Raises:
        InputError: nothing was segmented.
        RunError: the disk is full.
    """
    recipe = require_masks(bundle, prediction)
    digest = hashlib.sha256((bundle.path / SUMS).read_bytes()).hexdigest()
    maker = Maker(bundle.schema.title or "bundle", digest, version("radfuse"))
    names = {number: name for name, number in recipe.labels.items()}
    failures = []
    for done, (case, (unit, image)) in enumerate(sorted(prediction.imaged.items()), start=1):
        try:
            labels = read_labels(out / "labels" / labels_file(case), names)
            write_objects(
                out / FOLDER / safe_name(case), labels, image, maker, recipe.codes, _numbers(bundle, prediction, unit)
            )
        except InputError as error:
            failures.append(Failure(item=case, error=str(error)))
        progress("writing DICOM", done, len(prediction.imaged))
    return tuple(failures)


def _numbers(bundle: Bundle, prediction: Prediction, unit: object) -> Numbers:
    """Return the probabilities of a unit, where they are some, and its features by region, those without a value left
    out."""
    features: dict[str, dict[str, float]] = defaultdict(dict)
    for name, value in prediction.used.loc[unit].items():
        region, _, feature = str(name).rpartition("/")
        if region and math.isfinite(value):
            features[region][feature] = float(value)
    outcome = bundle.schema.opened_outcome()
    link = getattr(outcome, "link", "logit")
    if link in ("identity", "softmax"):  # a value, or of classes: not to be read as the probability of an event
        return Numbers({}, features, {}, outcome.name())
    probabilities = {str(family): float(value) for family, value in prediction.probabilities.loc[unit].items()}
    return Numbers({}, features, probabilities, outcome.name())
