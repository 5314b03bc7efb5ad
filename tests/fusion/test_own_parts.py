"""A user's own selector, model, strategy and outcome, each written beside the study alone, go the whole way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from radfuse.bundle.evaluate import evaluate
from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.predict import Prediction, predict
from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.errors import InputError, StudyError
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import Run, run_study
from radfuse.results import FittedFamily
from radfuse.study import load_study

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]

FAST = [
    "fusion.selection=[{kind: correlation}, {kind: mrmr, k: 30}, {kind: lasso}]",
    "fusion.classifier={kind: logistic}",
    "fusion.strategy={kind: early}",
    "fusion.inner_folds=2",
    "cohort.split.folds=2",
    "fusion.families=[clinical, clinical-radiomic]",
]

SELECTOR = '''
from typing import Literal
import numpy as np
from radfuse.config import Section

class Relevant(Section):
    """Keep the most relevant share of each block; the share is tuned."""
    shares: tuple[float, ...] = (0.2, 0.5)

    def candidates(self):
        return tuple({"relevant_share": share} for share in self.shares)

    def jointly(self):
        return False

    def choose(self, x, y, settings, outcome):
        count = max(1, round(settings["relevant_share"] * x.shape[1]))
        order = np.argsort(-outcome.relevance(x, y), kind="stable")
        return np.isin(np.arange(x.shape[1]), order[:count])
'''

MODEL = '''
from dataclasses import dataclass
import numpy as np
from onnx import helper
from sklearn.naive_bayes import GaussianNB
from radfuse.config import Section
from radfuse.results import Explanation, UsedColumn

class NaiveBayes(Section):
    smoothings: tuple[float, ...] = (1e-9, 0.1)

    def candidates(self):
        return tuple({"smoothing": value} for value in self.smoothings)

    def fit(self, x, y, settings, seed):
        return Fitted(GaussianNB(var_smoothing=settings["smoothing"]).fit(x, y))

@dataclass(frozen=True)
class Fitted:
    model: GaussianNB

    def predict(self, x):
        return self.model.predict_proba(x)[:, 1]

    def to_onnx(self, columns):
        """The log odds are a quadratic form: sum of a x^2 + b x, plus c."""
        mean, var = self.model.theta_, self.model.var_
        a = 0.5 / var[0] - 0.5 / var[1]
        b = mean[1] / var[1] - mean[0] / var[0]
        c = np.log(self.model.class_prior_) - 0.5 * (np.log(var) + mean**2 / var).sum(axis=1)
        nodes = [
            helper.make_node("Mul", [columns, columns], ["squared"]),
            helper.make_node("MatMul", ["squared", "a"], ["first"]),
            helper.make_node("MatMul", [columns, "b"], ["second"]),
            helper.make_node("Sum", ["first", "second", "c"], ["odds"]),
            helper.make_node("Sigmoid", ["odds"], ["probability"]),
        ]
        return nodes, {"a": a, "b": b, "c": np.array(c[1] - c[0])}

    def explain(self, columns, score):
        distance = (self.model.theta_[1] - self.model.theta_[0]) / np.sqrt(self.model.var_.mean(axis=0))
        used = [UsedColumn(name=c.name, block=c.block, importance=d) for c, d in zip(columns, distance)]
        return Explanation(measure="distance", unit="distance of the class means", columns=used)
'''

STRATEGY = '''
from dataclasses import dataclass, replace
import numpy as np
import onnx
from onnx import compose, helper
from radfuse.config import Section
from radfuse.fusion.export import onnx_file
from radfuse.fusion.parts import Tuned
from radfuse.fusion.strategies.early import Early
from radfuse.results import Explanation

class Late(Section):
    """A model of each block alone; their probabilities are averaged."""

    def fit(self, training):
        parts = {
            block: Early().fit(replace(training, blocks={block: columns})) for block, columns in training.blocks.items()
        }
        settings = {f"{block}_{name}": value for block, part in parts.items() for name, value in part.settings.items()}
        inner = np.mean([part.inner for part in parts.values()], axis=0)
        return Tuned(Average({block: part.fitted for block, part in parts.items()}), settings, inner)

@dataclass(frozen=True)
class Average:
    parts: dict

    def predict(self, values):
        return np.mean([part.predict(values) for part in self.parts.values()], axis=0)

    def to_onnx(self, family, threshold):
        nodes, constants = [], {}
        for block, part in self.parts.items():
            model = onnx.load_from_string(part.to_onnx(family, threshold))
            model = compose.add_prefix(model, f"{block}/", rename_inputs=False)
            nodes += model.graph.node
            constants |= {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}
        nodes.append(helper.make_node("Sum", [f"{block}/probability" for block in self.parts], ["sum"]))
        nodes.append(helper.make_node("Div", ["sum", "count"], ["probability"]))
        constants["count"] = np.array(float(len(self.parts)))
        names = next(iter(self.parts.values())).names
        return onnx_file(nodes, constants, names, family, threshold)

    def explain(self, score):
        said = [part.explain(score) for part in self.parts.values()]
        columns = [column for one in said for column in one.columns]
        return Explanation(measure=said[0].measure, unit=said[0].unit, columns=columns)
'''

OUTCOME = '''
import pandas as pd
from radfuse.errors import Finding
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.cohort.spreadsheet import to_numbers

class AtLeast(BinaryOutcome):
    """A grade of some height is the event; tuned by the Brier score."""
    grade: float

    def read(self, table, new):
        grades, wrong = to_numbers(table.cells[self.column])
        findings = [Finding("is no grade", index, self.column) for index in grades.index[wrong | grades.isna()]]
        return {self.column: (grades >= self.grade).astype("float64")}, findings

    def event_name(self):
        return f"grade {self.grade:g} and above"

    def loss(self, y, probability):
        return float(((probability - y) ** 2).mean())
'''


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = write_table_phantom(tmp_path / "T", TablePhantom(patients=60, seed=12))
    path.write_text(to_yaml(apply_overrides(read_yaml(path), FAST)), encoding="utf-8")
    return path


def run_with(study: Path, module: str, source: str, *settings: str) -> tuple[Run, Bundle, Prediction]:
    """Write the module beside the study, run the study, and predict its own table from the bundle."""
    (study.parent / f"{module}.py").write_text(source, encoding="utf-8")
    quick = ("report.journal_figures=false", "fusion.explain.rows=0")
    run = run_study(load_study(study, [*settings, *quick]), study.parent.parent / "R")
    assert run.failures == ()
    assert run.results is not None
    assert all(item.auc.value > 0.55 for item in run.results.performance)
    bundle = load_bundle(run.path / "bundle")
    return run, bundle, predict(bundle, study.parent / "cohort.csv", {"radiomic": study.parent / "radiomic.csv"})


def fitted(run: Run, family: str = "clinical-radiomic") -> FittedFamily:
    return FittedFamily.model_validate_json((run.path / f"models/{family}/all/fitted.json").read_bytes())


def files(bundle: Bundle) -> Iterator[tuple[str, onnxruntime.InferenceSession]]:
    for name, family in bundle.schema.families.items():
        yield name, onnxruntime.InferenceSession(bundle.path / family.file)


def test_a_selector_of_ones_own(study: Path) -> None:
    own = "{use: own_selector:Relevant, shares: [0.1, 0.3]}"
    run, _, prediction = run_with(study, "own_selector", SELECTOR, f"fusion.selection=[{own}, {{kind: mrmr, k: 4}}]")
    found = fitted(run)
    assert found.tuned["relevant_share"] in (0.1, 0.3)
    assert list(found.tuned) == ["c", "relevant_share"]
    blocks = [column.block for column in found.explanation.columns]
    assert (blocks.count("clinical"), blocks.count("radiomic")) == (1, 4)
    assert prediction.probabilities["clinical-radiomic"].between(0, 1).all()
    assert "use: own_selector:Relevant" in (run.path / "study.yaml").read_text()


def test_a_model_of_ones_own(study: Path) -> None:
    run, bundle, prediction = run_with(study, "own_model", MODEL, "fusion.classifier={use: own_model:NaiveBayes}")
    found = fitted(run)
    assert set(found.tuned) == {"smoothing", "lasso_strength"}
    assert found.explanation.formula is None
    assert list(bundle.schema.outputs) == ["probability"]
    for name, session in files(bundle):
        assert [output.name for output in session.get_outputs()] == ["probability"], name
    assert prediction.probabilities["clinical"].std() > 0.05
    used = {item.name for item in bundle.schema.families["clinical-radiomic"].inputs if item.used}
    assert used == {column.name for column in found.explanation.columns}
    page = run.report.read_text(encoding="utf-8")
    assert "distance of the class means, refitted on all units" in page
    assert "Formula" not in page
    table = pd.read_csv(run.path / "report/tables/features.csv")
    assert set(table["measure"]) == {"distance"}
    card = (bundle.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "## Thresholds" in card
    assert "None" not in card


def test_a_strategy_of_ones_own(study: Path) -> None:
    run, bundle, prediction = run_with(
        study, "own_strategy", STRATEGY, "fusion.strategy={use: own_strategy:Late}", "fusion.classifier.c=[0.1]"
    )
    found = fitted(run)
    assert set(found.tuned) == {
        f"{block}_{name}" for block in ("clinical", "radiomic") for name in ("c", "lasso_strength")
    }
    assert {column.block for column in found.explanation.columns} == {"clinical", "radiomic"}
    alone = prediction.probabilities["clinical"]  # a family of one block is its average
    both = prediction.probabilities["clinical-radiomic"]
    assert (2 * both - alone).between(-1e-9, 1 + 1e-9).all()
    assert len(list(files(bundle))) == 2


def test_an_outcome_of_ones_own(study: Path) -> None:
    cohort = pd.read_csv(study.parent / "cohort.csv")
    generator = np.random.default_rng(1)
    cohort["grade"] = np.where(cohort["progressed"] == 1, 2, 0) + generator.integers(0, 2, len(cohort))
    cohort.drop(columns="progressed").to_csv(study.parent / "cohort.csv", index=False)
    own = "{use: own_outcome:AtLeast, column: grade, grade: 2}"
    run, bundle, _ = run_with(study, "own_outcome", OUTCOME, f"cohort.outcome={own}")
    assert run.results is not None
    events = int(cohort["progressed"].sum())
    assert [item.events for item in run.results.performance] == [events, events]
    assert "(event: grade 2 and above)" in run.report.read_text(encoding="utf-8")
    assert json.loads((bundle.path / "bundle.json").read_text())["outcome"]["use"] == "own_outcome:AtLeast"
    evaluation, _, _ = evaluate(bundle, study.parent / "cohort.csv", {"radiomic": study.parent / "radiomic.csv"})
    assert [item.events for item in evaluation.performance] == [events, events]
    cohort["grade"] = cohort["grade"].astype(object)
    cohort.loc[3, "grade"] = "high"
    cohort.to_csv(study.parent / "cohort.csv", index=False)
    with pytest.raises(InputError, match="row 5, column 'grade': is no grade"):
        run_study(load_study(study, [f"cohort.outcome={own}"]), study.parent.parent / "R")


WRONG = {
    "fusion.selection=[{use: half_parts:Selector}]": "a selector needs: candidates(), jointly(), "
    "choose(x, y, settings, outcome)",
    "fusion.classifier={use: half_parts:Model}": "has fit(x, y) in the place of the method fit(x, y, settings, seed)",
    "fusion.strategy={use: half_parts:Strategy}": "a strategy needs: fit(training)",
    "cohort.outcome={use: half_parts:Outcome, column: progressed}": "an outcome needs: columns(), read(table, new)",
    "fusion.selection=[{kind: lasso}, {use: half_parts:Twin}]": "two parts tune a setting of one name",
    "fusion.selection=[{use: half_parts:Nought}]": "the selection Nought keeps no column",
}
HALF = """
import numpy as np
from radfuse.config import Section

class Selector(Section):
    def choose(self, x, y, settings, outcome): ...
class Model(Section):
    def candidates(self): ...
    def fit(self, x, y): ...
class Strategy(Section): ...
class Outcome(Section):
    column: str
class Nought(Section):
    def candidates(self): return ({},)
    def jointly(self): return True
    def choose(self, x, y, settings, outcome): return np.zeros(x.shape[1], bool)
class Twin(Nought):
    def candidates(self): return ({"lasso_strength": 1.0},)
"""


@pytest.mark.parametrize("setting", WRONG)
def test_a_part_that_lacks_something_is_told_what(study: Path, setting: str) -> None:
    (study.parent / "half_parts.py").write_text(HALF, encoding="utf-8")
    with pytest.raises((InputError, StudyError)) as caught:  # the latter where only fitting can tell
        run_study(load_study(study, [setting]), study.parent.parent / "R")
    assert WRONG[setting] in str(caught.value)
