"""A unit has a block where any column of it has a value, be it one that no model uses, as in training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.predict import _matrix, predict
from radfuse.errors import InputError
from radfuse.pipeline import run_study

Reader = Callable[..., np.ndarray]

SETTINGS: dict[str, Any] = {
    "name": "present",
    "cohort": {
        "patient": "case_id",
        "clinical": ["age", "bmi", {"column": "sex", "levels": ["f", "m"]}],
        "outcome": {"column": "event"},
        "split": {"folds": 2},
    },
    "fusion": {
        "families": ["clinical-radiomic"],
        "selection": [{"kind": "mrmr", "k": 1}],
        "classifier": {"kind": "lda"},
        "strategy": {"kind": "mean"},
        "inner_folds": 2,
        "explain": {"rows": 0},
    },
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, pd.DataFrame]:
    """A bundle that uses age and x alone, and its patients."""
    folder = tmp_path_factory.mktemp("present")
    generator = np.random.default_rng(1)
    event = np.arange(30) % 2
    noise = generator.standard_normal((4, 30))
    people = pd.DataFrame({"case_id": [f"c{i}" for i in range(30)], "event": event})
    clinical = people.assign(age=60 + 5 * event + 3 * noise[0], bmi=25 + noise[1], sex=["f", "m", "m"] * 10)
    radiomic = pd.DataFrame({"case_id": people["case_id"], "x": event + noise[2], "y": noise[3]})
    radiomic.loc[::7, "x"] = None
    clinical.to_csv(folder / "cohort.csv", index=False)
    radiomic.to_csv(folder / "radiomic.csv", index=False)
    cohort = {**SETTINGS["cohort"], "table": folder / "cohort.csv"}
    settings = {**SETTINGS, "cohort": cohort, "features": {"radiomic": folder / "radiomic.csv"}}
    run = run_study(settings, folder / "run", until="export")
    bundle = load_bundle(run.path / "bundle")
    assert {item.name for item in bundle.schema.families["clinical-radiomic"].inputs if item.used} == {"age", "x"}
    return bundle, clinical.merge(radiomic)


def predicted(made: tuple[Bundle, pd.DataFrame], lacking: tuple[str, ...] = (), **changed: object) -> float:
    """Return what is predicted of the first patient with other values, from a table without some columns."""
    bundle, table = made
    row = table.iloc[[0]].assign(**{name: [value] for name, value in changed.items()})
    return float(predict(bundle, row.drop(columns=list(lacking))).probabilities["clinical-radiomic"].iloc[0])


@pytest.mark.parametrize(("used", "others"), [("x", ["y"]), ("age", ["bmi", "sex"])])
def test_a_value_is_imputed_where_the_block_has_another(
    used: str, others: list[str], made: tuple[Bundle, pd.DataFrame]
) -> None:
    imputed = predicted(made, **{used: made[1][used].median()})
    assert predicted(made, **{used: None}) == pytest.approx(imputed, abs=1e-12)
    assert predicted(made, **{used: None, others[-1]: "m" if used == "age" else "rubbish"}) == pytest.approx(imputed)
    absent = predicted(made, **dict.fromkeys([used, *others]))
    assert abs(absent - imputed) > 1e-3
    assert predicted(made, lacking=tuple(others), **{used: None}) == pytest.approx(absent, abs=1e-12)


def test_nobody_that_units_are_compared_with_lacks_a_block_for_want_of_a_value(
    made: tuple[Bundle, pd.DataFrame],
) -> None:
    bundle, table = made
    found = predict(bundle, table.iloc[1:4], explain=True).explained["clinical-radiomic"]
    np.testing.assert_allclose(found.absence, 0, atol=1e-12)


def test_a_block_of_which_nothing_is_used_is_there_unless_its_table_says_otherwise() -> None:
    """A learner that found nothing in a block gives a constant, which a mean counts."""
    inputs = [SimpleNamespace(block=block, name=name, used=block == "a") for block, name in ("ax", "by", "bz")]
    part, units = SimpleNamespace(inputs=inputs, site=None), pd.DataFrame(index=range(2))
    blocks = {"a": pd.DataFrame({"x": [1.0, 2.0]})}
    read = SimpleNamespace(design=SimpleNamespace(units=units, blocks=blocks))
    np.testing.assert_array_equal(_matrix("a-b", part, read), [[1, 0, np.nan], [2, 0, np.nan]])  # type: ignore[arg-type]
    blocks["b"] = pd.DataFrame({"y": [1.0, np.nan]})  # the mark
    np.testing.assert_array_equal(_matrix("a-b", part, read)[:, 1], [1, np.nan])  # type: ignore[arg-type]


@pytest.mark.parametrize("lacking", [[], ["x"], ["x", "y"]])
@pytest.mark.parametrize("left_out", [[], ["y"], ["bmi", "y"]])
def test_the_documented_reader_does_the_same(
    made: tuple[Bundle, pd.DataFrame], probability_of: Reader, lacking: list[str], left_out: list[str]
) -> None:
    bundle, table = made
    row = table.iloc[[3]].assign(**dict.fromkeys(lacking, np.nan)).drop(columns=left_out)
    expected = predict(bundle, row).probabilities["clinical-radiomic"]
    np.testing.assert_array_equal(probability_of(bundle.path, "clinical-radiomic", row), expected)


def test_the_documented_reader_has_blocks_of_which_nothing_is_used(
    tmp_path: Path, probability_of: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = [{"block": block, "name": name, "used": block == "a"} for block, name in ("ax", "by", "bz")]
    family = {"inputs": inputs, "file": "f.onnx"}
    (tmp_path / "bundle.json").write_text(json.dumps({"clinical": [], "families": {"a-b": family}}))
    session = SimpleNamespace(run=lambda _, given: [given["features"]])
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda _: session)
    table = pd.DataFrame({"x": [1.0, 2.0]})
    np.testing.assert_array_equal(probability_of(tmp_path, "a-b", table), [[1, 0, np.nan], [2, 0, np.nan]])
    found = probability_of(tmp_path, "a-b", table.assign(y=["rubbish", None]))
    np.testing.assert_array_equal(found[:, 1], [1, np.nan])


def test_a_block_that_is_not_there_is_told() -> None:
    part = SimpleNamespace(inputs=[SimpleNamespace(block="b", name="y", used=True)], site=None)
    design = SimpleNamespace(units=pd.DataFrame(index=range(2)), blocks={})
    read = SimpleNamespace(design=design, visits=None, missing=[])
    with pytest.raises(InputError, match="needs 1 column that is not there: y; the block has none"):
        _matrix("b", part, read)  # type: ignore[arg-type]


def test_units_without_a_block_are_told_by_themselves(made: tuple[Bundle, pd.DataFrame]) -> None:
    """The model answers for them by another block; nothing is imputed."""
    bundle, table = made
    rows = table.iloc[1:5].assign(x=[None, None, 1.0, 1.0], y=[None, 1.0, 1.0, 1.0])
    told = [str(item) for item in predict(bundle, rows).warnings if "range" not in item.message]
    assert told == [
        "radiomic: 1 of 4 units lack values that models use, and that are imputed: x (1)",
        "radiomic: 1 of 4 units have no value of it: it is imputed, or other blocks answer",
    ]


def test_a_features_table_that_is_none_is_told_by_its_block(made: tuple[Bundle, pd.DataFrame]) -> None:
    with pytest.raises(InputError, match=r"features\['radiomic'\]: give a path, or a pandas DataFrame"):
        predict(made[0], made[1], {"radiomic": {"x": 1}})
