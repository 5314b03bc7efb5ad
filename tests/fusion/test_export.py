"""The ONNX file says what the pipeline says, on values of any size, and carries what a reader needs."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import onnx
import onnxruntime
import pytest

from radfuse.fusion.chain import Chain
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.export import OPSET, largest_difference
from radfuse.fusion.models.logistic import FittedLogistic, Logistic
from radfuse.fusion.parts import Column
from radfuse.fusion.selectors.lasso import Lasso
from radfuse.fusion.selectors.mrmr import Mrmr
from radfuse.fusion.strategies.early import Early
from radfuse.fusion.validate import Fit, fit_family
from radfuse.outcomes.binary import BinaryOutcome

CONFIG = FusionConfig(
    selection=(Mrmr(k=6), Lasso(strengths=(0.4,))), classifier=Logistic(c=(1.0,)), strategy=Early(), inner_folds=2
)
UNITS = {"ordinary": 1.0, "huge": 1e9, "tiny": 1e-9}


@dataclass(frozen=True)
class Exported:
    fit: Fit
    x: np.ndarray
    names: list[str]
    content: bytes

    @property
    def chain(self) -> Chain:
        assert isinstance(self.fit.fitted, Chain)
        return self.fit.fitted

    def score(self, x: np.ndarray) -> np.ndarray:
        assert isinstance(self.chain.model, FittedLogistic)
        return self.chain.model.score(self.chain.prepare(x))

    def run(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return run(self.content, x)


def run(content: bytes, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    score, probability = session.run(["score", "probability"], {"features": x})
    return score, probability


@pytest.fixture(scope="module", params=UNITS)
def exported(request: pytest.FixtureRequest) -> Exported:
    """A model of two blocks whose columns have values of one size; the mean is ten standard deviations from 0."""
    generator = np.random.default_rng(3)
    z = generator.standard_normal((150, 12))
    y = (z[:, 0] - z[:, 7] + 0.5 * generator.standard_normal(150) > 0).astype(int)
    x = (z + 10) * UNITS[request.param]
    x[generator.random(x.shape) < 0.05] = np.nan
    names = [f"column {i}" for i in range(12)]
    blocks = {"clinical": [0, 1, 2], "deep": list(range(3, 12))}
    event = BinaryOutcome(column="event")
    fit = fit_family(x, y, y, np.arange(150), blocks, names, event, CONFIG, seed=1)
    return Exported(fit, x, names, fit.fitted.to_onnx("clinical-deep", fit.threshold))


def random_rows(x: np.ndarray, seed: int = 0) -> np.ndarray:
    """1,000 rows about and far beyond the training range, one value in five missing."""
    generator = np.random.default_rng(seed)
    rows = np.nanmean(x) + np.nanstd(x) * 4 * generator.standard_normal((1000, x.shape[1]))
    rows[generator.random(rows.shape) < 0.2] = np.nan
    return rows


def test_equals_what_was_fitted(exported: Exported):
    rows = random_rows(exported.x)
    score, probability = exported.run(rows)
    np.testing.assert_allclose(probability, exported.fit.fitted.predict(rows), atol=1e-5)
    np.testing.assert_allclose(score, exported.score(rows), rtol=1e-9, atol=1e-9)
    assert largest_difference(exported.content, exported.fit.fitted.predict, exported.x, seed=5) <= 1e-9


def test_columns_that_selection_dropped_do_not_matter(exported: Exported):
    used = [exported.names.index(column.name) for column in exported.chain.columns]
    unused = [i for i in range(12) if i not in used]
    assert unused
    rows = random_rows(exported.x)
    other = rows.copy()
    other[:, unused] = np.array([np.nan, np.inf, -1e300, 0])[np.arange(len(unused)) % 4]
    np.testing.assert_array_equal(exported.run(other)[1], exported.run(rows)[1])


def test_one_row_and_a_row_without_values(exported: Exported):
    assert exported.run(exported.x[:1])[1].shape == (1,)
    empty = np.full((1, 12), np.nan)
    assert exported.run(empty)[0] == pytest.approx(exported.score(empty))


def test_a_row_is_predicted_the_same_alone_and_among_others(exported: Exported):
    rows = random_rows(exported.x)[:20]
    alone = [exported.run(row[None])[0][0] for row in rows]
    np.testing.assert_allclose(exported.run(rows)[0], alone, rtol=1e-12, atol=1e-12)


def test_metadata_hold_columns_family_and_threshold(exported: Exported):
    proto = onnx.load_from_string(exported.content)
    found = {item.key: item.value for item in proto.metadata_props}
    assert json.loads(found["columns"]) == exported.names
    assert found["family"] == "clinical-deep"
    assert float(found["threshold"]) == exported.fit.threshold
    assert {item.domain: item.version for item in proto.opset_import} == {"": OPSET}
    assert [item.name for item in proto.graph.input] == ["features"]
    assert [item.name for item in proto.graph.output] == ["score", "probability"]


def test_the_same_model_gives_the_same_bytes(exported: Exported):
    assert exported.fit.fitted.to_onnx("clinical-deep", exported.fit.threshold) == exported.content


def test_a_wrong_number_of_columns_is_refused(exported: Exported):
    with pytest.raises(Exception, match="features"):
        exported.run(exported.x[:, :11])


def one_column(names: tuple[str, ...], kept: int, column: Column, model: FittedLogistic) -> Chain:
    return Chain(names, np.array([kept]), (column,), model)


def test_a_model_by_hand():
    """(7 - 5) / 2 * 3 + 0.5; missing is 9."""
    chain = one_column(("a", "b"), 1, Column("b", "deep", 9, 5, 2), FittedLogistic(0.5, np.array([3.0])))
    values = np.array([[0, 7.0], [0, np.nan]])
    score, probability = run(chain.to_onnx("deep", 0.5), values)
    assert score.tolist() == [3.5, 6.5]
    assert probability == pytest.approx(1 / (1 + np.exp(-np.array([3.5, 6.5]))))
    assert chain.predict(values) == pytest.approx(probability)


def test_extreme_scores_are_probabilities_of_nought_and_one():
    chain = one_column(("a",), 0, Column("a", "deep", 0, 0, 1), FittedLogistic(0.0, np.array([1.0])))
    _, probability = run(chain.to_onnx("deep", 0.5), np.array([[1e6], [-1e6]]))
    assert probability.tolist() == [1, 0]


def test_a_file_of_another_model_is_found_out(exported: Exported):
    model = exported.chain.model
    assert isinstance(model, FittedLogistic)
    moved = replace(model, coefficients=model.coefficients + np.eye(len(model.coefficients))[0] * 0.01)
    content = replace(exported.chain, model=moved).to_onnx("clinical-deep", 0.5)
    assert largest_difference(content, exported.fit.fitted.predict, exported.x, seed=5) > 1e-4


def test_a_model_may_not_take_the_names_before_it():
    class Clashing(FittedLogistic):
        def to_onnx(self, columns: str) -> tuple[list, dict]:
            nodes, constants = super().to_onnx(columns)
            return nodes, {**constants, "mean": np.array(0.0)}

    chain = one_column(("a",), 0, Column("a", "deep", 0, 0, 1), Clashing(0.0, np.array([1.0])))
    with pytest.raises(ValueError, match="the name 'mean', which stands before it already"):
        chain.to_onnx("deep", 0.5)
