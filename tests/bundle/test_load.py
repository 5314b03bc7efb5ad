"""A bundle that was opened once: asked many times, from several threads, other folders and other processes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.bundle import models
from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.predict import predict


@pytest.fixture(scope="module")
def whole(tables: Path) -> pd.DataFrame:
    """Cohort and features in one table, without the outcome."""
    named = [pd.read_csv(tables / f"{name}.csv") for name in ("cohort", "radiomic", "deep")]
    return named[0].merge(named[1]).merge(named[2]).drop(columns="progressed")


def test_a_model_is_opened_once(bundle: Bundle, whole: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(models, "_session", lambda path, **_: opened.append(path.name) or session(path, small=True))
    session, own = models.machine.open_network, load_bundle(bundle.path)
    row = whole.iloc[[3]]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: predict(own, row, families=["clinical"]).probabilities.iloc[0, 0], range(8)))
    predict(own, row, families=["clinical"])
    assert len(set(found)) == 1
    assert set(opened) == {"clinical.onnx"}
    assert len(opened) <= 4  # of threads that begin together each may open one


def test_it_goes_to_another_process_and_finds_its_files_from_another_folder(
    bundle: Bundle, whole: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundle.path.parent)
    own = load_bundle("bundle")
    monkeypatch.chdir(tmp_path)
    first = predict(own, whole.iloc[:2], families="clinical")
    again = pickle.loads(pickle.dumps(own))
    pd.testing.assert_frame_equal(
        predict(again, whole.iloc[:2], families="clinical").probabilities, first.probabilities
    )


@pytest.mark.parametrize("family", ["clinical", "radiomic", "clinical-radiomic-deep"])
def test_the_documentation_suffices_to_predict_without_radfuse(
    bundle: Bundle, whole: pd.DataFrame, probability_of: Callable[..., np.ndarray], family: str
) -> None:
    expected = predict(bundle, whole, families=[family]).probabilities[family]
    np.testing.assert_array_equal(probability_of(bundle.path, family, whole), expected)
