"""A study of several classes, from its tables to report, bundle, prediction and evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from reachable import reachable_macro_auc
from studies import finished, measured_on, written
from typer.testing import CliRunner

from radfuse.bundle.evaluate import evaluate
from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.models import Model
from radfuse.bundle.predict import predict, prediction_table
from radfuse.check.inputs import read_inputs
from radfuse.check.sample_size import had
from radfuse.cli.app import app
from radfuse.errors import InputError
from radfuse.phantom.table import TablePhantom, table_phantom
from radfuse.results.explained import FoldExplanation
from radfuse.statistics.auc import auc
from radfuse.study import load_study

CLASSES = ("bone", "cartilage", "inflammatory", "mild")
FAMILY = "clinical-deep"
SETTINGS = [
    "fusion.classifier={kind: ridge, spreads: [0.3, 3]}",
    "fusion.strategy={kind: priority}",
    f"fusion.families=[clinical, {FAMILY}]",
    "fusion.inner_folds=2",
    "report.journal_figures=false",
    "cohort.split.folds=2",
    f"fusion.explain={{rows: 20, background: 10, families: [{FAMILY}]}}",
    "evaluation={subgroups: [sex], optimism: 2, permutations: 2, learning_curve: {repeats: 1, shares: [0.6, 1.0]}}",
]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the study file of a phantom of 60 patients; do not change it."""
    return written(tmp_path_factory.mktemp("multiclass"), SETTINGS, outcome="multiclass", patients=60)


@pytest.fixture(scope="module")
def run(study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its finished run folder; do not change it."""
    return finished(study, tmp_path_factory.mktemp("run") / "R")


def features_of(study: Path) -> dict[str, Path]:
    return {"deep": study.parent / "deep.csv"}


def test_families_are_measured_out_of_fold(study, run) -> None:
    results = json.loads((run / "models/comparison/results.json").read_text())
    truth, cohort = (pd.read_csv(study.parent / f"{name}.csv") for name in ("truth", "cohort"))
    for item in results["performance"]:
        assert (item["kind"], tuple(item["levels"])) == ("multiclass", CLASSES)
        assert item["counts"] == [int((cohort["phenotype"] == name).sum()) for name in CLASSES]
        reachable = reachable_macro_auc(truth, item["family"], cohort["phenotype"].to_numpy())
        assert 0.5 < item["auc"]["value"] < reachable + 0.05
        assert "events" not in item
    rows = pd.read_csv(run / "models/comparison/predictions.csv")
    each = rows[[f"probability@{name}" for name in CLASSES]].to_numpy()
    np.testing.assert_allclose(each.sum(axis=1), 1)
    assert (rows["class"] == np.array(CLASSES)[each.argmax(axis=1)]).all()
    np.testing.assert_allclose(rows["probability"], each.max(axis=1))
    assert set(rows["outcome"]) == set(CLASSES)


def test_the_report_has_what_belongs_to_classes_and_nothing_else(run) -> None:
    page = (run / "report/index.html").read_text()
    own = ("multiclass_overview", "multiclass", "multiclass_calibration")
    beside = ("subgroups", "internal", "learning_curve", "explanation")
    for part in (*own, *beside, "cohort", "comparison", "features", "audit", "methods", "checklists", "settings"):
        assert f'id="{part}"' in page
    for told in ("bone, cartilage, inflammatory or mild", "Hand-Till M", "observed class", "gain in log loss"):
        assert told in page
    for other in ("Above median", "With event", "(event:", "threshold"):
        assert other not in page.partition('id="checklists"')[0]
    tables = {path.stem: pd.read_csv(path) for path in (run / "report/tables").iterdir()}
    assert {"performance", "agreement", "classes", "confusion", "calibration", "comparisons"} <= set(tables)
    counts = tables["confusion"].set_index(["family", "observed"])
    known = tables["table_one"].set_index("characteristic").loc["Units", list(CLASSES)].astype(int)
    assert (counts.loc[FAMILY].sum(axis=1)[list(CLASSES)].to_numpy() == known.to_numpy()).all()
    for figure in ("overview", "roc_by_class"):
        assert (run / f"report/figures/{figure}.svg").is_file()
    _, _, told = page.partition("A: units of each observed class by the class that ")
    assert "(balanced accuracy 0." in told.partition("B: ROC curves of")[0]
    assert "gain in macro AUC by a block beside the same family without it" in told


def test_refits_and_groups_are_measured_by_the_macro_auc(study, run) -> None:
    tables = {path.stem: pd.read_csv(path) for path in (run / "report/tables").iterdir()}
    optimism = tables["optimism"]
    assert list(optimism["measure"]) == ["macro AUC", "log loss"] * 2
    own = optimism[(optimism["family"] == FAMILY) & (optimism["measure"] == "macro AUC")].iloc[0]
    assert 0.5 < own["corrected"] < own["apparent"]
    assert (tables["permutation"]["macro AUC"] > 0.5).all()
    curve = tables["learning_curve"]
    assert list(curve.columns) == ["family", "share", "training patients", "macro AUC (range over draws)", "draws"]
    assert "the patients of each training set, of each class drawn apart" in (run / "report/index.html").read_text()
    rows = pd.read_csv(run / "models/comparison/predictions.csv").query("family == @FAMILY")
    sex = pd.read_csv(study.parent / "cohort.csv").set_index(["patient_id", "side"])["sex"]
    rows = rows[(sex.loc[pd.MultiIndex.from_frame(rows[["patient_id", "side"]])] == "female").to_numpy()]
    each = []
    for name in CLASSES:
        folds = of_folds(rows, name)
        pairs = [y.sum() * (~y).sum() for y, _ in folds]
        each.append(np.average([auc(y, p) for y, p in folds], weights=pairs))
    told = tables["subgroups"].query("family == @FAMILY and group == 'female'")["macro AUC"].iloc[0]
    assert float(told.split()[0]) == pytest.approx(np.mean(each), abs=6e-4)


def of_folds(rows: pd.DataFrame, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return of each fold whether a unit has a class, and its probability."""
    return [((own["outcome"] == name).to_numpy(), own[f"probability@{name}"]) for _, own in rows.groupby("fold")]


def test_each_class_is_explained_by_its_own_score_against_the_rest(study, run) -> None:
    places = sorted(run.glob(f"explanation/{FAMILY}/*/*.npz"))
    assert [place.parent.name for place in places[::2]] == list(CLASSES)
    fold = json.loads((run / f"models/{FAMILY}/fold-1.json").read_text())
    parts = [FoldExplanation.from_bytes(place.read_bytes()) for place in places[::2]]
    for part in parts:
        np.testing.assert_array_equal(part.tested, fold["test"])
        np.testing.assert_allclose(part.base + part.contributions.sum(axis=1) + part.absence, part.score, atol=1e-6)
    against = 1 / (1 + np.exp(-np.column_stack([part.tested_score for part in parts])))
    logs = fold["tuned"]["own"] * np.log(against) - fold["tuned"]["rest"] * np.log1p(-against)
    shifts = np.log(fold["probability"]) - logs  # of a softmax: alike for all units but for one number each
    np.testing.assert_allclose(np.diff(shifts - shifts[:, :1], axis=0), 0, atol=1e-6)
    told = pd.read_csv(run / f"report/tables/explanation_{FAMILY}_2_cartilage_columns.csv").set_index("column")
    both = [FoldExplanation.from_bytes(place.read_bytes()) for place in places[2:4]]
    sizes = np.concatenate([np.abs(part.contributions[:, list(part.names).index("age")]) for part in both])
    assert told.loc["age", "mean |contribution|"] == pytest.approx(sizes.mean(), abs=6e-4)
    assert (run / f"report/figures/explanation_{FAMILY}_by_class.svg").is_file()


def test_methods_and_checklists_speak_of_classes(study, run) -> None:
    text = (run / "report/methods.md").read_text()
    counts = pd.read_csv(study.parent / "cohort.csv")["phenotype"].value_counts()
    each = ", ".join(f"{name}: {counts[name]}" for name in CLASSES)
    for told in (
        f"(units of each class: {each}).",
        "Each class had a model of its own against the rest",
        "in 2 inner folds of each training set by the smallest log loss of each class against the rest.",
        "A softmax brought the probabilities of the classes together",
        "A unit was given the class of the largest probability.",
        "Macro AUCs were compared by Wald's test, p values adjusted by Holm's method over 1 pair of families",
    ):
        assert told in text
    for other in ("event", "threshold", "DeLong", "decision curve", "Riley", "grade", "_", "None"):
        assert other not in text
    lists = run / "report/checklists"
    of_items = {path.stem: pd.read_csv(path, dtype=str).set_index("item")["evidence"] for path in lists.iterdir()}
    assert set(of_items) == {"metrics", "clear", "tripod_ai"}
    assert of_items["clear"]["30"].startswith(each)
    assert "Hand and Till's M" in of_items["metrics"]["20"]
    assert (
        of_items["clear"]["41"]
        == "Wald's test of the difference in macro AUC, adjusted by Holm: tables/comparisons.csv"
    )
    assert of_items["tripod_ai"]["15"].startswith("probability of each class")
    assert of_items["tripod_ai"]["21"].endswith(f"; of each class: {each}")


def test_the_bundle_predicts_a_class_and_a_probability_of_each(study, run) -> None:
    bundle = load_bundle(run / "bundle")
    prediction = predict(bundle, study.parent / "cohort.csv", features_of(study))
    table = prediction_table(bundle, prediction)
    named = ["class", *(f"probability@{name}" for name in CLASSES)]
    assert list(table)[2:] == [f"{family}_{name}" for family in ("clinical", FAMILY) for name in named]
    each = table[[f"{FAMILY}_probability@{name}" for name in CLASSES]].to_numpy()
    np.testing.assert_allclose(each.sum(axis=1), 1)
    assert (table[f"{FAMILY}_class"] == np.array(CLASSES)[each.argmax(axis=1)]).all()
    np.testing.assert_allclose(prediction.probabilities[FAMILY], each.max(axis=1))
    cohort = pd.read_csv(study.parent / "cohort.csv")
    assert (table[f"{FAMILY}_class"] == cohort["phenotype"]).mean() > 0.4
    family = bundle.schema.families[FAMILY]
    assert family.largest_difference < 1e-5
    assert family.classes.names == bundle.schema.opened_outcome().levels == CLASSES
    assert bundle.schema.trained_on.events is None
    card = (run / "bundle/MODEL_CARD.md").read_text()
    assert "Hand and Till's" in card
    assert "clinical score of bone =" in card


def test_the_bundle_explains_each_class_by_its_own_score(study, run) -> None:
    prediction = predict(load_bundle(run / "bundle"), study.parent / "cohort.csv", features_of(study), explain=True)
    assert not prediction.explained
    told, given = prediction.explained_by_class[FAMILY], prediction.by_class[FAMILY].to_numpy()
    assert tuple(told) == CLASSES
    for found in told.values():
        whole = found.base + found.absence + found.contributions.sum(axis=1)
        np.testing.assert_allclose(whole, found.score, atol=1e-6)
    fit = json.loads((run / f"models/{FAMILY}/all/fitted.json").read_text())["tuned"]
    against = 1 / (1 + np.exp(-np.column_stack([found.score for found in told.values()])))
    shifts = np.log(given) - fit["own"] * np.log(against) + fit["rest"] * np.log1p(-against)
    np.testing.assert_allclose(np.diff(shifts - shifts[:, :1], axis=0), 0, atol=1e-6)  # of a softmax, as in the report


def test_the_command_explains_each_class(study, run, tmp_path) -> None:
    pd.read_csv(study.parent / "cohort.csv").head(2).to_csv(tmp_path / "new.csv", index=False)
    words = ["predict", run / "bundle", tmp_path / "new.csv", "--out", tmp_path / "P", "--family", "clinical"]
    done = CliRunner().invoke(app, [*map(str, words), "--explain", "--waterfalls", "1"])
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "P/explanation.csv")
    assert list(table)[2:4] == ["family", "class"]
    for _, rows in table.groupby(["patient_id", "side", "class"]):
        assert rows["contribution"].sum() + rows["usual_score"].iloc[0] == pytest.approx(rows["score"].iloc[0])
    assert len(table.groupby(["patient_id", "side", "class"])) == 2 * len(CLASSES)
    drawn = sorted((tmp_path / "P/explanation/clinical").glob("*/*.svg"))
    assert [path.parent.name for path in drawn] == list(CLASSES)
    assert "clinical, bone against the rest" in drawn[0].read_text()


def test_a_class_that_nothing_explains_is_named(study, run) -> None:
    bundle = load_bundle(run / "bundle")
    family = bundle.schema.families["clinical"]
    less = family.model_copy(update={"explainers": {"bone": family.explainers["bone"]}})
    schema = bundle.schema.model_copy(update={"families": {"clinical": less}})
    with pytest.raises(InputError, match=r"names nothing that explains family 'clinical', class 'cartilage'"):
        predict(Bundle(bundle.path, schema), study.parent / "cohort.csv", families=["clinical"], explain=True)
    swapped = {**family.explainers, "bone": family.explainers["mild"]}
    changed = {"clinical": family.model_copy(update={"explainers": swapped})}
    other = Bundle(bundle.path, bundle.schema.model_copy(update={"families": changed}))
    with pytest.raises(InputError, match=r"what explains family 'clinical', class 'bone' is not of the model"):
        predict(other, study.parent / "cohort.csv", families=["clinical"], explain=True)


def test_a_model_of_other_classes_is_refused(run, tmp_path) -> None:
    import shutil

    shutil.copytree(run / "bundle", tmp_path / "bundle")
    model = onnx.load(run / "bundle/clinical.onnx")
    next(item for item in model.metadata_props if item.key == "classes").value = '["bone", "mild"]'
    onnx.save(model, tmp_path / "bundle/clinical.onnx")
    bundle = load_bundle(run / "bundle")
    moved = type(bundle)(tmp_path / "bundle", bundle.schema)
    with pytest.raises(InputError, match=r"made for other classes than bundle\.json lists"):
        Model(moved, "clinical")


def test_the_bundle_is_measured_on_other_patients(study, run) -> None:
    rows = pd.read_csv(study.parent / "cohort.csv").iloc[:60]
    tables = {block: pd.read_csv(path).iloc[:60] for block, path in features_of(study).items()}
    found, page = measured_on(run, rows, tables, [FAMILY])
    assert found.performance[0].auc.value > 0.7  # these patients were trained on, and a remark says so
    assert "macro AUC at training (nested)" in page
    assert 'id="multiclass_overview"' in page
    some, _, _ = evaluate(run / "bundle", rows[rows["phenotype"] != "mild"], families=["clinical"])
    assert (some.performance[0].counts[3], some.performance[0].classes[3].auc.value) == (0, None)
    alike, _, _ = evaluate(run / "bundle", rows.assign(phenotype="bone"), families=["clinical"])
    assert alike.performance[0].auc.value is None
    assert any("cannot be computed: too few units, or all of one outcome" in remark for remark in alike.remarks)
    with pytest.raises(InputError, match=r"'cyst' is none of the study's"):
        evaluate(run / "bundle", rows.assign(phenotype="cyst"), families=["clinical"])


def test_a_class_that_a_training_set_lacks_is_told_before_anything_is_computed(study, tmp_path) -> None:
    cohort = pd.read_csv(study.parent / "cohort.csv")
    people = cohort["patient_id"].drop_duplicates().tolist()
    of_mild = set(cohort.loc[cohort["phenotype"] == "mild", "patient_id"])
    cohort["fold"] = ["a" if person in of_mild else "bc"[people.index(person) % 2] for person in cohort["patient_id"]]
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "study.yaml").write_text(study.read_text())
    for name in ("radiomic", "deep"):
        (tmp_path / f"{name}.csv").symlink_to(study.parent / f"{name}.csv")
    split = ["cohort.split={kind: column, column: fold}"]
    with pytest.raises(InputError, match=r"without fold 'a' cannot be tuned: .*'mild' 0"):
        read_inputs(load_study(tmp_path / "study.yaml", split))


def test_readers_of_classes_are_refused(study) -> None:
    with pytest.raises(InputError, match=r"evaluation\.readers: readers are compared on a binary outcome alone"):
        load_study(study, ["evaluation.readers={a: pain}"])


def test_nomograms_and_sample_sizes_are_of_other_outcomes(study, tmp_path) -> None:
    with pytest.raises(InputError, match="one is drawn of binary outcomes and of survival without competing events"):
        load_study(study, ["nomogram=clinical"])
    with pytest.raises(InputError, match="binary, continuous and survival outcomes; that of the study is multiclass"):
        had(load_study(study), tmp_path / "none")


def test_the_phantom_has_the_features_of_the_binary_one() -> None:
    binary, drawn = (
        table_phantom(TablePhantom(patients=80, seed=5, outcome=kind)) for kind in ("binary", "multiclass")
    )
    pd.testing.assert_frame_equal(binary["radiomic"], drawn["radiomic"])
    outcome = drawn["cohort"]["phenotype"].to_numpy()
    families = ("clinical", "clinical-radiomic", "clinical-radiomic-deep")
    reached = [reachable_macro_auc(drawn["truth"], family, outcome) for family in families]
    assert 0.55 < reached[0] < reached[1] < reached[2] < 0.95
