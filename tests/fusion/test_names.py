"""Names change nothing, nor does the order of rows or columns: same folds, same predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.check.inputs import read_inputs
from radfuse.fusion.validate import everyone, fit_fold
from radfuse.stages import prepare
from radfuse.study import Study, load_study

pytestmark = pytest.mark.slow

STUDY = """
name: names
cohort:
  table: cohort.csv
  unit: [patient_id, side]
  clinical: [age, bmi]
  site: site
  outcome: {outcome}
  split: {split}
features: {{radiomic: radiomic.csv}}
fusion: {{families: [clinical, clinical-radiomic], inner_folds: 3, {fusion}}}
"""
LOGISTIC = "classifier: {kind: logistic, c: [0.1, 1.0]}"
SPLITS = {
    "grouped": "{kind: grouped, folds: 3}",
    "unstratified": "{kind: grouped, folds: 3, stratified: false}",
    "holdout": "{kind: holdout, test_fraction: 0.3}",
}
OUTCOMES = {
    "binary": ("{column: event}", "{kind: ridge}"),
    "survival": ("{kind: survival, time: months, event: event, horizon: 24}", "{kind: cox}"),
    "ordinal": ("{column: grade, kind: ordinal, levels: ['0', '1', '2']}", "{kind: linear}"),
    "continuous": ("{column: loss, kind: continuous}", "{kind: linear}"),
    "multiclass": ("{column: type, kind: multiclass}", "{kind: ridge}"),
}
"""Kind -> the outcome, and a learner of it."""
PARTS = {
    "stack": "strategy: {kind: stack}",
    "combat": "strategy: {kind: early}, harmonise: {kind: combat, unseen: pass}",
    "pca": "strategy: {kind: early}, selection: [{kind: pca, components: 3}]",
    "stability": "strategy: {kind: early}, selection: [{kind: stability_selection, halves: 6, strengths: [0.4]}]",
}
TWO_CLASSES = {
    "rfe": "strategy: {kind: early}, selection: [{kind: rfe}]",
    "platt": "strategy: {kind: early}, recalibrate: {kind: platt}",
    "beta": "strategy: {kind: early}, recalibrate: {kind: beta}",
    "isotonic": "strategy: {kind: early}, recalibrate: {kind: isotonic}",
    "smote": "strategy: {kind: early}, oversample: smote",
}
EACH = [(kind, part) for kind in OUTCOMES for part in PARTS]
EACH += [(kind, part) for kind in ("binary", "multiclass") for part in TWO_CLASSES]
Tables = tuple[pd.DataFrame, pd.DataFrame]


def tables(people: int = 36) -> Tables:
    """A third has two knees; ages are few, so that features have to tell some patients apart."""
    generator = np.random.default_rng(4)
    rows = [(f"p{who:02d}", side) for who in range(people) for side in ("left", "right")[: 1 + (who % 3 == 0)]]
    cohort = pd.DataFrame(rows, columns=["patient_id", "side"])
    cohort.insert(0, "case_id", [f"{who}-{side}" for who, side in rows])
    age = generator.integers(50, 56, people)
    event = generator.permutation(people) % 2
    who = cohort["patient_id"].str[1:].astype(int).to_numpy()
    cohort["age"], cohort["bmi"], cohort["event"] = age[who], generator.integers(22, 26, people)[who], event[who]
    noise = generator.standard_normal((len(rows), 12))
    noise[:, 0] += 0.8 * cohort["event"]
    features = pd.DataFrame(noise, columns=[f"f{i}" for i in range(12)])
    features.insert(0, "case_id", cohort["case_id"])
    features.loc[3, "f2"] = np.nan
    value = noise[:, 0] - noise[:, 1] + cohort["event"]
    cohort["site"], cohort["loss"] = np.array(["north", "south"])[who % 2], value.round(2)
    cohort["grade"] = np.searchsorted(np.quantile(value, (0.4, 0.7)), value)
    cohort["type"] = np.array(["bone", "mild", "sick"])[cohort["grade"]]
    cohort["months"] = (30 * np.exp(-value / 2)).round() + 1
    return cohort, features


def renamed(found: Tables, seed: int) -> Tables:
    """Give the patients each other's names, as a permutation."""
    cohort, features = found
    people = sorted(set(cohort["patient_id"]))
    new = dict(zip(people, np.random.default_rng(seed).permutation(people), strict=True))
    cohort = cohort.assign(patient_id=cohort["patient_id"].map(new))
    cohort["case_id"] = cohort["patient_id"] + "-" + cohort["side"]
    return cohort, features.assign(case_id=cohort["case_id"])


def rows_shuffled(found: Tables, seed: int) -> Tables:
    cohort, features = (table.sample(frac=1, random_state=seed + i) for i, table in enumerate(found))
    return cohort, features


def columns_shuffled(found: Tables, seed: int) -> Tables:
    cohort, features = (table.sample(frac=1, axis=1, random_state=seed + i) for i, table in enumerate(found))
    return cohort, features


def all_at_once(found: Tables, seed: int) -> Tables:
    return columns_shuffled(rows_shuffled(renamed(found, seed), seed), seed)


def study_of(
    folder: Path, found: Tables, split: str, outcome: str = OUTCOMES["binary"][0], fusion: str = LOGISTIC
) -> Study:
    folder.mkdir()
    for name, table in zip(("cohort", "radiomic"), found, strict=True):
        table.to_csv(folder / f"{name}.csv", index=False)
    (folder / "study.yaml").write_text(STUDY.format(split=split, outcome=outcome, fusion=fusion))
    return load_study(folder / "study.yaml")


def outcome_of(study: Study) -> dict[tuple[float, ...], tuple[str, list[float]]]:
    """Return content of a unit -> the fold that tests it and its probabilities, out of fold and by the final fit."""
    prepared = prepare.work(prepare.job_of(study))
    values = pd.concat(list(prepared.design.blocks.values()), axis=1)
    values = values[sorted(values.columns)].fillna(-1).round(9)
    assert not values.duplicated().any()
    tests: dict[int, str] = {}
    found: dict[int, list[float]] = {row: [] for row in range(len(values))}
    for family in study.families:
        settings = (study.cohort.patient, study.cohort.outcome, study.fusion, study.seed, study.cohort.site)
        for fold in prepared.folds:
            fitted, _ = fit_fold(prepared.design, family, fold, *settings)
            for row, probability in zip(fitted.test, fitted.probability, strict=True):
                tests[row] = fold.name
                found[row] += np.ravel(probability).tolist()
        fitted, _ = fit_fold(prepared.design, family, everyone(prepared.everyone), *settings)
        for row in found:
            found[row] += [fitted.threshold, fitted.inner_auc]
    keys = [tuple(row) for row in values.itertuples(index=False, name=None)]
    return {key: (tests.get(row, "train"), found[row]) for row, key in enumerate(keys)}


@pytest.mark.parametrize("change", [renamed, rows_shuffled, columns_shuffled, all_at_once])
@pytest.mark.parametrize("split", SPLITS)
def test_folds_and_predictions_stay(split: str, change: Callable[[Tables, int], Tables], tmp_path: Path) -> None:
    before = outcome_of(study_of(tmp_path / "before", tables(), SPLITS[split]))
    after = outcome_of(study_of(tmp_path / "after", change(tables(), 3), SPLITS[split]))
    assert set(before) == set(after)
    for key, (fold, numbers) in before.items():
        assert after[key][0] == fold
        np.testing.assert_allclose(after[key][1], numbers, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "part"), EACH)
def test_no_part_sees_names_or_order(kind: str, part: str, tmp_path: Path) -> None:
    outcome, learner = OUTCOMES[kind]
    fusion = f"{(PARTS | TWO_CLASSES)[part]}, classifier: {learner}"
    before, after = (
        outcome_of(study_of(tmp_path / name, found, SPLITS["grouped"], outcome, fusion))
        for name, found in (("before", tables()), ("after", all_at_once(tables(), 3)))
    )
    near = 1e-8 if kind == "multiclass" else 1e-12  # last bits move where the search for a softmax ends
    assert set(before) == set(after)
    for key, (fold, numbers) in before.items():
        assert after[key][0] == fold
        np.testing.assert_allclose(after[key][1], numbers, rtol=0, atol=near)


def test_another_seed_gives_other_folds(tmp_path: Path) -> None:
    study = study_of(tmp_path / "study", tables(), SPLITS["grouped"])
    folds = [read_inputs(study.model_copy(update={"seed": seed})).folds for seed in (7, 8)]
    assert folds[0] != folds[1]


@pytest.mark.parametrize("clinical", [True, False])
def test_the_order_of_tables_in_the_study_changes_no_fold(clinical: bool, tmp_path: Path) -> None:
    study = study_of(tmp_path / "study", tables(), SPLITS["grouped"])
    source = study.features["radiomic"]
    both = {
        "radiomic": source.model_copy(update={"columns": ("f0", "f1")}),
        "deep": source.model_copy(update={"columns": ("f3", "f4")}),
    }
    cohort = study.cohort if clinical else study.cohort.model_copy(update={"clinical": ()})
    folds = [
        read_inputs(study.model_copy(update={"cohort": cohort, "features": features})).folds
        for features in (both, dict(reversed(both.items())))
    ]
    assert folds[0] == folds[1]


@pytest.mark.parametrize("folder", [False, True])
def test_images_tell_patients_apart_where_tables_do_not(folder: bool, tmp_path: Path) -> None:
    """Files, or folders of slices, each of another content and some of one size."""

    def tests_of(names: list[str]) -> list[frozenset[str]]:
        rows = ["case_id,patient_id,t1,mask,event"]
        for number, name in enumerate(names):
            image = tmp_path / f"i{number}"
            if folder:
                image.mkdir(exist_ok=True)
            (image / "slice" if folder else image).write_text(f"image {number:02d}{'.' * (number % 3)}")
            (tmp_path / f"m{number}").write_text(f"mask {number}")
            rows.append(f"{name},{name},{image.name},m{number},{number % 2}")
        (tmp_path / "cohort.csv").write_text("\n".join([rows[0], *sorted(rows[1:])]) + "\n")
        study = Study.model_validate(
            {
                "name": "images",
                "cohort": {
                    "table": tmp_path / "cohort.csv",
                    "images": {"t1": "t1"},
                    "mask": "mask",
                    "outcome": {"column": "event"},
                    "split": {"kind": "grouped", "folds": 3},
                },
                "segmentation": {"backend": "manual", "labels": {"tumour": 1}},
                "regions": [{"kind": "label", "name": "tumour", "label": "tumour"}],
            }
        )
        numbers = {name: f"{number}" for number, name in enumerate(names)}
        return [frozenset(numbers[name] for name in fold.test) for fold in read_inputs(study).folds]

    names = [f"p{i:02d}" for i in range(18)]
    assert tests_of(names) == tests_of([str(name) for name in np.random.default_rng(1).permutation(names)])
