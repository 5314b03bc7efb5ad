"""Every pair of families on the units that both predict, whatever is predicted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from radfuse.results import Comparison, Interval
from radfuse.statistics.auc import AucSet, auc_difference, overlap_of_one_deal
from radfuse.statistics.estimate import Estimate, clustered_mean, normal_quantile
from radfuse.statistics.multiple import holm


def compare(
    predictions: pd.DataFrame,
    families: Sequence[str],
    loss: Callable[[pd.DataFrame], np.ndarray],
    ranks: Callable[[pd.DataFrame, pd.DataFrame], AucSet],
) -> tuple[Comparison, ...]:
    """Return every pair of families on the units both predict, p values adjusted by Holm over all pairs.

    Args:
        predictions: of all families; columns family, fold, repeat, position, patient and what the others ask for.
        families: in the order of the report.
        loss: of each row, shape (row,).
        ranks: the headline of both, of their rows for the same units.
    """
    row = ["position", "repeat"]
    of = {str(family): rows.set_index(row, drop=False).sort_index() for family, rows in predictions.groupby("family")}
    found = []
    for i, first in enumerate(families):
        for second in families[i + 1 :]:
            both = of[first].index.intersection(of[second].index)
            here, there = of[first].loc[both], of[second].loc[both]
            difference, _, p = auc_difference(ranks(here, there), 0, 1)
            found.append(
                Comparison(
                    first=first,
                    second=second,
                    difference=Interval.of(difference),
                    p=p,
                    p_holm=None,
                    loss=Interval.of(_mean(loss(here) - loss(there), here)),
                    patients_to_show=patients_to_show(difference, int(here["patient"].nunique())),
                )
            )
    adjusted = holm([float("nan") if item.p is None else item.p for item in found])
    return tuple(
        item.model_copy(update={"p_holm": None if np.isnan(q) else float(q)})
        for item, q in zip(found, adjusted, strict=True)
    )


def patients_to_show(difference: Estimate, patients: int) -> int | None:
    """Return about how many patients make a difference of this size significant at 5 % with a power of 80 %.

    The standard error is taken to fall with the square root of the number of patients.

    Args:
        difference: in AUC, with its 95 % interval.
        patients: it was seen in.

    Returns:
        None without a variance, or where it would take more than a million.
    """
    error = (difference.high - difference.low) / (2 * normal_quantile(0.95))
    if np.isnan(error) or error <= 0 or difference.value == 0:
        return None
    people = patients * ((normal_quantile(0.95) + normal_quantile(0.6)) * error / difference.value) ** 2
    return int(np.ceil(people)) if people <= 1_000_000 else None


def _mean(values: np.ndarray, about: pd.DataFrame) -> Estimate:
    """Return a mean, its variance by patient and overlap of training sets."""
    found = clustered_mean(values, about["patient"].to_numpy())
    wider = float(np.sqrt(overlap_of_one_deal(about)))
    low, high = (found.value + wider * (end - found.value) for end in (found.low, found.high))
    return Estimate(found.value, low, high)
