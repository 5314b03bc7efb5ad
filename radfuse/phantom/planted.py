"""What every phantom of a shipped study is drawn from: parts of an outcome, and columns that hold some of a part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.phantom.table import intercept_for, standardised
from radfuse.run.disk import write_atomically
from radfuse.statistics.links import LinkName, probability_of

_TEXTURES = (
    "firstorder_Mean", "firstorder_Kurtosis", "firstorder_Entropy", "glcm_Contrast", "glcm_Idmn",
    "glrlm_RunEntropy", "glszm_ZoneEntropy", "gldm_DependenceVariance", "ngtdm_Coarseness",
)  # fmt: skip
_FAMILY = 3
"""Columns that share a source of their own."""


def planted(
    generator: np.random.Generator,
    rows: int,
    strength: Mapping[str, float],
    prevalence: float,
    link: LinkName = "logit",
) -> pd.DataFrame:
    """Draw independent parts of an outcome.

    Args:
        generator: of all that is drawn.
        rows: units.
        strength: part -> its standard deviation on the link.
        prevalence: mean probability of the event.
        link: on which the parts add up.

    Returns:
        A row per unit: NAME_part, intercept, probability, and event, 0 or 1, drawn by it.
    """
    parts = {name: size * standardised(generator.standard_normal(rows)) for name, size in strength.items()}
    score = np.sum(list(parts.values()), axis=0)
    intercept = intercept_for(score, prevalence, link)
    probability = probability_of(score + intercept, link)
    event = (generator.random(rows) < probability).astype(int)
    named = {f"{name}_part": part for name, part in parts.items()}
    return pd.DataFrame({**named, "intercept": intercept, "probability": probability, "event": event})


def mixed(generator: np.random.Generator, part: np.ndarray | pd.Series, share: float) -> np.ndarray:
    """Return a column of mean 0 and deviation 1 whose correlation with a part is about `share`, from -1 to 1."""
    own = generator.standard_normal(len(part))
    return np.asarray(share * standardised(np.asarray(part)) + np.sqrt(1 - share**2) * own)


def textures(
    generator: np.random.Generator,
    part: np.ndarray | pd.Series,
    sequence: str,
    regions: Sequence[str],
    filters: Sequence[str] = ("original", "wavelet-LLH", "log-sigma-2-0-mm-3D"),
) -> pd.DataFrame:
    """Return radiomic columns, named as radfuse names them: families of three that say about the same.

    Every fourth family holds some of the part; each column has a scale of its own.

    Args:
        generator: of all that is drawn.
        part: of the outcome, shape (unit,).
        sequence: in the names.
        regions: in the names.
        filters: in the names.
    """
    names = [
        f"{sequence}/{region}/{filter_}_{texture}" for region in regions for filter_ in filters for texture in _TEXTURES
    ]
    columns = np.empty((len(part), len(names)))
    for i in range(len(names)):
        family, member = divmod(i, _FAMILY)
        if member == 0:
            source = mixed(generator, part, 0.65 * (1 - 2 * (family % 8 == 4)) if family % 4 == 0 else 0.0)
        columns[:, i] = source if member == 0 else mixed(generator, source, (0.9, 0.6)[member - 1])
    scale = 10 ** generator.uniform(-2, 4, len(names))
    return pd.DataFrame(columns * scale + scale * generator.uniform(0, 20, len(names)), columns=names)


def again(generator: np.random.Generator, table: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Return the first rows of a feature table measured again: most columns nearly alike, every fifth hardly."""
    some = table.iloc[:rows].copy()
    for i, name in enumerate(some.columns[1:]):
        error = 0.9 if i % 5 == 3 else 0.2
        some[name] += error * float(table[name].std()) * generator.standard_normal(len(some))
    return some


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write NAME.csv of each table."""
    for name, table in tables.items():
        write_atomically(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.8g").encode())
