"""What the best ranking of a family reaches on table phantoms whose outcome is not one of two classes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radfuse.phantom.table import BLOCKS, PHENOTYPES, shares_of_phenotypes
from radfuse.statistics.auc import auc


def reachable_c(truth: pd.DataFrame, family: str) -> float:
    """Return the expected concordance of the best ranking that a family's blocks allow, were nobody censored.

    Args:
        truth: truth.csv of survival.
        family: blocks joined by "-".

    Returns:
        The mean over pairs of knees of hazard_i / (hazard_i + hazard_j), i the one with the larger score.
    """
    score = truth[[f"{block}_part" for block in family.split("-")]].sum(axis=1).to_numpy()
    hazard = np.exp(truth[[f"{block}_part" for block in BLOCKS]].sum(axis=1).to_numpy())
    first = hazard[:, None] / (hazard[:, None] + hazard)
    return float(first[score[:, None] > score].mean())


def reachable_concordance(truth: pd.DataFrame, family: str, outcome: np.ndarray) -> float:
    """Return the concordance with what was drawn of the best ranking that a family's blocks allow.

    Args:
        truth: truth.csv of a continuous or ordinal phantom.
        family: blocks joined by "-".
        outcome: of each knee, shape (knee,).
    """
    score = truth[[f"{block}_part" for block in family.split("-")]].sum(axis=1).to_numpy()
    larger = outcome[:, None] > outcome
    return float(((score[:, None] > score)[larger] + 0.5 * (score[:, None] == score)[larger]).mean())


def reachable_macro_auc(truth: pd.DataFrame, family: str, outcome: np.ndarray) -> float:
    """Return the mean over phenotypes of the AUC of each against the rest that a family's blocks allow.

    Parts that the family does not know are taken from all knees in turn, as they are independent of those it knows.

    Args:
        truth: truth.csv of several classes.
        family: blocks joined by "-".
        outcome: phenotype of each knee, shape (knee,).
    """
    parts = truth[[f"{block}_part" for block in BLOCKS]].to_numpy()
    known = np.array([block in family.split("-") for block in BLOCKS])
    mixed = np.where(known, parts[:, None], parts)
    p = shares_of_phenotypes(mixed).mean(axis=1)
    return float(np.mean([auc(outcome == name, p[:, place]) for place, name in enumerate(PHENOTYPES)]))
