"""Which predicted masks to look at first: what is unusual about them beside manual masks.

Those are the masks that the network learned from, or the study's own where it was trained elsewhere. Where there are
none, predicted masks are seen beside each other.

What surprises:

- a label that at least nine in ten manual masks have is missing, or nothing was found at all;
- a volume outside the 5th to 95th percentile of the manual masks, widened on a logarithmic scale by a quarter of that
  range, and by more where masks are few: of n, by (high / low) ** (1/4 + 1/n), and at least by the factor 5/4 + 1/n;
- more connected parts than the 95th percentile of the manual masks;
- the image's border is touched, as fewer than one in ten manual masks do;
- a mean entropy above the 95th percentile of other masks of the study, predicted by networks that had not seen the
  patient, its odds widened by 5/4 + 1/n; that limit lies between 0.1 and 0.8, and at 0.8 where none are known. How sure
  networks are depends on how long they were trained, so that no fixed one would do, and differs between networks that
  were trained alike: where one made six masks or more, those of its other cases must be surprised, too.

Suspicion is a sum of points: 10 where nothing was found, 3 for a missing label, for a volume 1 and as many as it is
times twofold outside (at most 5 in all), 1 for each other flag. The mean entropy of the labels, below 1, is added, so
that masks without a flag have an order too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from radfuse.results import LabelFigures, LabelRange, MaskFigures, ReviewedMask, TrainingRange

NOTHING = "nothing found"
_PERCENTILES = (5, 95)
_USUAL, _RARE = 0.9, 0.1
_FEW, _MANY = 5, 100
"""So few masks say nothing of each other; among more than many, one more or less changes nothing."""
_LEAST_DOUBT, _MOST_DOUBT = 0.1, 0.8
_NOTHING, _MISSING, _MOST_VOLUME = 10.0, 3.0, 5.0


class _Flag(NamedTuple):
    text: str
    points: float = 1.0


def training_range(drawn: Sequence[MaskFigures], predicted: Sequence[MaskFigures]) -> TrainingRange:
    """Return what does not surprise.

    Args:
        drawn: figures of manual masks, those that a network learned from.
        predicted: figures of masks of the same study, by networks that had not seen the patient: for their entropy.
    """
    names = dict.fromkeys(name for mask in drawn for name in mask.labels)
    return TrainingRange(masks=len(drawn), labels={name: _range(name, drawn, predicted) for name in names})


def _range(name: str, drawn: Sequence[MaskFigures], predicted: Sequence[MaskFigures]) -> LabelRange:
    there = [mask.labels[name] for mask in drawn if mask.labels[name].parts]
    if not there:
        return LabelRange(share=0.0)
    low, high = _widened([label.ml for label in there])
    doubts = _doubts(name, predicted)
    return LabelRange(
        share=len(there) / len(drawn),
        low_ml=low,
        high_ml=high,
        parts=math.ceil(np.percentile([label.parts for label in there], _PERCENTILES[1])),
        border=sum(label.border for label in there) / len(there),
        entropy=_most_doubt(doubts) if doubts else None,
    )


def _widened(values: Sequence[float]) -> tuple[float, float]:
    """Return the 5th and the 95th percentile of positive numbers, widened."""
    low, high = (float(value) for value in np.percentile(values, _PERCENTILES))
    by = max((high / low) ** (1 / 4 + 1 / len(values)), 5 / 4 + 1 / len(values))
    return low / by, high * by


def _most_doubt(entropies: Sequence[float]) -> float:
    """Return the largest mean entropy that does not surprise."""
    high = min(float(np.percentile(entropies, _PERCENTILES[1])), _MOST_DOUBT)
    odds = high / (1 - high) * (5 / 4 + 1 / len(entropies))
    return min(max(odds / (1 + odds), _LEAST_DOUBT), _MOST_DOUBT)


def reviewed_together(masks: Mapping[str, MaskFigures], usual: TrainingRange | None) -> dict[str, ReviewedMask]:
    """Return what is suspicious about masks by one network.

    Args:
        masks: case -> figures.
        usual: what the masks that the network learned from look like; None where that is not known.
    """
    found, all_masks = {}, list(masks.values())
    lifted = _as_sure_as(all_masks, usual) if len(masks) > _MANY else usual
    for case, figures in masks.items():
        if _FEW < len(masks) <= _MANY:
            lifted = _as_sure_as([other for name, other in masks.items() if name != case], usual)
        found[case] = reviewed(figures, lifted)
    return found


def _as_sure_as(masks: Sequence[MaskFigures], usual: TrainingRange | None) -> TrainingRange | None:
    """Return a range in which these masks' entropies do not surprise, either."""
    if usual is None:
        return None
    labels = dict(usual.labels)
    for name, known in labels.items():
        doubts = _doubts(name, masks)
        if doubts and known.entropy is not None:
            labels[name] = known.model_copy(update={"entropy": max(known.entropy, _most_doubt(doubts))})
    return usual.model_copy(update={"labels": labels})


def _doubts(name: str, masks: Sequence[MaskFigures]) -> list[float]:
    """Return the entropies of a label, of masks that have one."""
    found = (mask.labels[name].entropy for mask in masks if name in mask.labels)
    return [doubt for doubt in found if doubt is not None]


def reviewed(figures: MaskFigures, usual: TrainingRange | None, others: str = "manual masks") -> ReviewedMask:
    """Return what is suspicious about a predicted mask.

    Args:
        figures: of it.
        usual: what the masks that its network learned from look like; None where that is not known.
        others: what flags call those.
    """
    flags = list(_flags(figures, usual, others))
    doubts = [label.entropy for label in figures.labels.values() if label.entropy is not None]
    points = sum(flag.points for flag in flags) + (float(np.mean(doubts)) if doubts else 0.0)
    return ReviewedMask(flags=tuple(flag.text for flag in flags), suspicion=points, figures=figures)


def beside_each_other(masks: Mapping[str, MaskFigures]) -> dict[str, ReviewedMask]:
    """Return what is suspicious about masks by one network whose training masks nobody knows: each beside the others.

    Args:
        masks: case -> figures; of fewer than six only missing labels and a network in doubt surprise.
    """
    found = {}
    crowd = training_range(list(masks.values()), list(masks.values())) if len(masks) > _MANY else None
    for case, figures in masks.items():
        usual = crowd
        if _FEW < len(masks) <= _MANY:
            others = [other for name, other in masks.items() if name != case]
            usual = training_range(others, others)
        found[case] = reviewed(figures, usual, "other masks")
    return found


def _flags(figures: MaskFigures, usual: TrainingRange | None, others: str) -> Iterator[_Flag]:
    if not any(label.parts for label in figures.labels.values()):
        yield _Flag(NOTHING, _NOTHING)
        return
    for name, label in figures.labels.items():
        known = usual.labels.get(name) if usual is not None else None
        if label.parts:
            yield from (_Flag(f"{name}: {text}", points) for text, points in _of_label(label, known, others))
        elif known is None or known.share >= _USUAL:
            yield _Flag(f"{name}: missing", _MISSING)


def _of_label(label: LabelFigures, usual: LabelRange | None, others: str) -> Iterator[_Flag]:
    """Yield what is suspicious about a label that is there."""
    if usual is not None:
        low, high = usual.low_ml, usual.high_ml
        if low is not None and high is not None and not low <= label.ml <= high:
            times = low / label.ml if label.ml < low else label.ml / high
            text = f"volume {_shown(label.ml)} ml outside {_shown(low)} to {_shown(high)} ml of the {others}"
            yield _Flag(text, min(1 + math.log2(times), _MOST_VOLUME))
        if usual.share and label.parts > usual.parts:
            most = "1" if usual.parts == 1 else f"at most {usual.parts}"
            yield _Flag(f"{label.parts} parts where {others} have {most}")
        if label.border and usual.border < _RARE:
            yield _Flag("touches the border")
    limit = usual.entropy if usual is not None and usual.entropy is not None else _MOST_DOUBT
    if label.entropy is not None and label.entropy > limit:
        yield _Flag(f"uncertain: mean entropy {label.entropy:.2f}")


def _shown(value: float) -> str:
    """Return three digits of a number."""
    return f"{float(f'{value:.3g}'):g}"


def review_list(masks: Mapping[str, ReviewedMask], files: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Return a row per case, the most suspicious first: case, flags, suspicion, figures, mask, preview.

    Args:
        masks: case -> what is suspicious about its mask.
        files: case -> its mask and its preview, as paths for the reader of the list; empty texts where there are none.
    """
    rows = []
    for case, mask in sorted(masks.items(), key=lambda item: (-item[1].suspicion, item[0])):
        row: dict[str, object] = {
            "case": case,
            "flags": "; ".join(mask.flags),
            "suspicion": round(mask.suspicion, 3),
            "disagreement": mask.figures.disagreement,
        }
        for name, label in mask.figures.labels.items():
            entropy = None if label.entropy is None else round(label.entropy, 3)
            row |= {f"{name}_ml": round(label.ml, 4), f"{name}_parts": label.parts}
            row |= {f"{name}_border": label.border, f"{name}_entropy": entropy}
        rows.append({**row, **dict(zip(("mask", "preview"), files[case], strict=True))})
    return pd.DataFrame(rows).dropna(axis="columns", how="all")  # figures that nobody tells
