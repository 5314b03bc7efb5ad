"""Readers beside models: who ranks, calls and agrees how well on the units that both know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from radfuse.evaluation.config import Reader
from radfuse.results import Interval, ReaderAgreement, ReaderBeside, ReaderResults, ReaderScore
from radfuse.statistics.auc import (
    AucSet,
    auc_covariance,
    auc_difference,
    auc_interval,
    fold_averaged,
    overlap_of,
)
from radfuse.statistics.estimate import clustered_mean
from radfuse.statistics.icc import icc_table
from radfuse.statistics.kappa import kappa
from radfuse.statistics.logistic import logistic
from radfuse.statistics.mcnemar import mcnemar
from radfuse.statistics.scores import expit, to_logit

_GRADES = 12
"""Different scores of two readers up to which they are grades."""
_RIDGE = 1.0
"""Of the regression of reader and model, on standardised columns: a prior of standard deviation 1."""


def compare_readers(
    predictions: pd.DataFrame, scores: pd.DataFrame, readers: Mapping[str, Reader], families: Sequence[str]
) -> ReaderResults:
    """Return readers measured, beside each family, and beside each other.

    Args:
        predictions: a row per family, unit and repeat; columns family, fold, repeat, position (of the unit), patient,
            outcome (0 or 1), probability and threshold (that of the row's fold).
        scores: reader -> score, rows as units are numbered, NaN where the reader did not read.
        readers: how their scores are meant.
        families: in the order of the report.
    """
    higher = {name: scores[name] * (-1 if reader.reverse else 1) for name, reader in readers.items()}
    cuts = {
        name: None if reader.cut is None else reader.cut * (-1 if reader.reverse else 1)
        for name, reader in readers.items()
    }
    units = predictions.drop_duplicates("position")
    measured, beside, remarks = [], [], []
    for name, reader in readers.items():
        score = _of_reader(name, units.assign(score=higher[name].to_numpy()[units["position"]]), cuts[name])
        measured.append(score.model_copy(update={"cut": reader.cut}))
        if score.units < len(units):
            remarks.append(f"{name} read {score.units} of {len(units)} units, and is compared on these alone")
        if score.auc.value is None:
            remarks.append(f"all units that {name} read have one outcome, so that nothing can be ranked")
            continue
        for family in families:
            rows = predictions[predictions["family"] == family]
            known = rows.assign(score=higher[name].to_numpy()[rows["position"]]).dropna(subset=["score"])
            beside.append(_beside(name, family, known, cuts[name]))
    if beside and all(item.together.value is None for item in beside):
        remarks.append("reader and model together need two test folds of both outcomes in a deal, and are left out")
    return ReaderResults(
        scores=tuple(measured),
        beside=tuple(beside),
        agreement=tuple(_agreements(_one_way(scores, readers), units)),
        remarks=tuple(remarks),
    )


def _of_reader(name: str, units: pd.DataFrame, cut: float | None) -> ReaderScore:
    """Return one reader alone, on the units read; scores and cut: higher is likelier."""
    read = units.dropna(subset=["score"])
    y, patients = read["outcome"].to_numpy(dtype=int), read["patient"].to_numpy()
    found = ReaderScore(
        reader=name,
        units=len(read),
        events=int(y.sum()),
        auc=Interval.of(auc_interval(auc_covariance(y, read["score"], patients))),
    )
    if cut is None:
        return found
    called = read["score"].to_numpy() >= cut
    shares = {
        "sensitivity": clustered_mean(called[y == 1], patients[y == 1], share=True),
        "specificity": clustered_mean(~called[y == 0], patients[y == 0], share=True),
    }
    return found.model_copy(update={key: Interval.of(value) for key, value in shares.items()})


def _beside(name: str, family: str, rows: pd.DataFrame, cut: float | None) -> ReaderBeside:
    """Return a reader beside a family, on rows that both know."""
    columns = ["probability", "score"]
    together = _together(rows)
    known = together.notna()
    overlap = overlap_of(rows)
    part = _averaged(rows, columns, overlap)
    alone = _averaged(rows, ["score"])  # which no training set made, so that none overlap
    difference, _, p = auc_difference(part, 0, 1)
    found = ReaderBeside(
        reader=name,
        family=family,
        units=int(rows["position"].nunique()),
        reader_auc=Interval.of(auc_interval(alone)),
        family_auc=Interval.of(auc_interval(part, 0)),
        difference=Interval.of(difference),
        p=p,
        **_rights(rows[rows["repeat"] == rows["repeat"].min()], cut),
    )
    if not known.any():
        return found
    both = _averaged(rows[known].assign(together=together[known]), [*columns, "together"], overlap)
    gain, _, p_gain = auc_difference(both, 2, 1)
    return found.model_copy(
        update={
            "together": Interval.of(auc_interval(both, 2)),
            "gain": Interval.of(gain),
            "p_gain": None if np.isnan(p_gain) else p_gain,
            "over_family": Interval.of(auc_difference(both, 2, 0)[0]),
        }
    )


def _averaged(rows: pd.DataFrame, columns: Sequence[str], overlap: float = 1.0) -> AucSet:
    """Return AUCs averaged over test folds, as families are compared by."""
    parts = [
        auc_covariance(fold["outcome"], fold[list(columns)], fold["patient"])
        for _, fold in rows.groupby("fold", sort=False)
    ]
    return fold_averaged(parts, overlap)


def _rights(rows: pd.DataFrame, cut: float | None) -> dict[str, float | None]:
    """Return p of McNemar's test: of all units, of events, of others."""
    if cut is None:
        return {}
    y, patients = rows["outcome"].to_numpy() == 1, rows["patient"].to_numpy()
    model = (rows["probability"] >= rows["threshold"]).to_numpy() == y
    reader = (rows["score"] >= cut).to_numpy() == y
    parts = {"p_right": np.ones(len(y), dtype=bool), "p_sensitivity": y, "p_specificity": ~y}
    return {key: mcnemar(model[of], reader[of], patients[of])[1] if of.any() else None for key, of in parts.items()}


def _together(rows: pd.DataFrame) -> pd.Series:
    """Return the log odds of a regression on reader and model, each fold by the others of its deal; NaN without."""
    found = pd.Series(np.nan, index=rows.index)
    for _, deal in rows.groupby("repeat"):
        for fold in deal["fold"].unique():
            test = (deal["fold"] == fold).to_numpy()
            y = deal["outcome"].to_numpy()[~test] == 1
            if not y.any() or y.all():
                continue
            x = np.column_stack([to_logit(deal["probability"]), deal["score"].to_numpy(dtype=float)])
            mean, spread = x[~test].mean(axis=0), x[~test].std(axis=0)
            x = np.column_stack([np.ones(len(x)), (x - mean) / np.where(spread > 0, spread, 1.0)])
            fit = logistic(x[~test], y, deal["patient"].to_numpy()[~test], ridge=_RIDGE)
            found.loc[deal.index[test]] = expit(x[test] @ fit.coefficients)
    return found


def _one_way(scores: pd.DataFrame, readers: Mapping[str, Reader]) -> pd.DataFrame:
    """Return scores that all rise with likelihood: grades that fall are mirrored within the range of all like them."""
    found = scores[list(readers)].copy()
    falling = [name for name, reader in readers.items() if reader.reverse]
    if 0 < len(falling) < len(readers):
        for name in falling:
            like = [other for other in readers if _graded(scores[other]) == _graded(scores[name])]
            found[name] = scores[like].min().min() + scores[like].max().max() - scores[name]
    return found


def _graded(scores: pd.Series) -> bool:
    """Return whether scores are grades, and not probabilities."""
    return bool((scores.dropna() > 1).any())


def _agreements(scores: pd.DataFrame, units: pd.DataFrame) -> list[ReaderAgreement]:
    """Return kappa and ICC of each pair, and the ICC of all readers where there are more than two.

    Nothing is said of grades beside probabilities: they are on other scales.
    """
    patients = pd.Series(units["patient"].to_numpy(), index=units["position"].to_numpy())
    groups = list(combinations(scores.columns, 2))
    found = []
    for group in [*groups, tuple(scores.columns)] if len(scores.columns) > 2 else groups:
        both = scores.loc[patients.index, list(group)].dropna()
        values = both.to_numpy(dtype=float)
        said = ReaderAgreement(readers=group, units=len(both))
        alike = len({_graded(scores[name]) for name in group}) == 1
        if len(both) > 1 and alike:
            value, low, high = icc_table(values[:, :, None])["2,1"][0]
            said = said.model_copy(update={"icc": Interval(value=float(value), low=float(low), high=float(high))})
        if len(group) == 2 and len(both) > 1 and alike and len(np.unique(values)) <= _GRADES:
            weighed = kappa(values[:, 0], values[:, 1], patients[both.index].to_numpy())
            said = said.model_copy(update={"kappa": Interval.of(weighed)})
        found.append(said)
    return found
