"""Bundles: predictions equal the fitted pipelines, a changed byte is refused, every unusable table is named."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.bundle.evaluate import Recalibration, evaluate, recalibrated
from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.predict import Prediction, predict, prediction_table
from radfuse.bundle.write import _inputs
from radfuse.check.study import check_study
from radfuse.errors import InputError, Problem
from radfuse.fusion.design import Design, stack
from radfuse.fusion.families import blocks_of
from radfuse.fusion.validate import everyone, fit_fold
from radfuse.pipeline import run_study
from radfuse.results import Explanation, FittedFamily, UsedColumn
from radfuse.stages.prepare import Prepared
from radfuse.statistics.auc import auc
from radfuse.statistics.calibration import calibration
from radfuse.study import load_study

FAMILIES = ("clinical", "radiomic", "deep", "clinical-radiomic", "radiomic-deep", "clinical-radiomic-deep")


@pytest.fixture(scope="module")
def whole(bundle: Bundle, tables: Path) -> Prediction:
    return predict(bundle, tables / "cohort.csv", features(tables))


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A bundle of patients seen at V00 and V01, and its cohort: age does not change, pain does."""
    folder = tmp_path_factory.mktemp("visits")
    generator = np.random.default_rng(0)
    progressed = (generator.random(60) < 0.4).astype(int)
    rows = [
        {
            "case_id": f"C{i}{visit}",
            "patient_id": f"P{i}",
            "visit": visit,
            "age": 60 + i % 20,
            "pain": int(generator.integers(0, 6)) + 3 * progressed[i],
            "progressed": progressed[i],
        }
        for i in range(60)
        for visit in ("V00", "V01")
    ]
    cohort = pd.DataFrame(rows)
    cohort.to_csv(folder / "cohort.csv", index=False)
    (folder / "study.yaml").write_text(
        "name: visits\n"
        "cohort: {table: cohort.csv, unit: [patient_id], clinical: [age, pain], outcome: {column: progressed},"
        " split: {kind: grouped, folds: 2}}\n"
        "fusion: {selection: [], inner_folds: 2, classifier: {c: [1.0]}}\n"
    )
    return run_study(folder / "study.yaml", folder / "R", until="export").path / "bundle", cohort


@pytest.fixture(scope="module")
def progress(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A bundle of what changed between V00 and V01, and its cohort: who progresses gains pain a year."""
    folder = tmp_path_factory.mktemp("changes")
    generator = np.random.default_rng(1)
    progressed = (np.arange(60) % 3 == 0).astype(int)
    rows = []
    for i in range(60):
        years, start = generator.uniform(1, 3), generator.uniform(0, 20)
        gain = years * (progressed[i] + generator.normal(0, 0.6))
        rows += [
            {"case_id": f"C{i}a", "patient_id": f"P{i}", "visit": "V00", "day": "2010-01-01", "pain": start},
            {
                "case_id": f"C{i}b",
                "patient_id": f"P{i}",
                "visit": "V01",
                "day": str((pd.Timestamp("2010-01-01") + pd.Timedelta(days=round(365.25 * years))).date()),
                "pain": start + gain,
            },
        ]
    cohort = pd.DataFrame(rows).assign(progressed=np.repeat(progressed, 2), age=np.repeat(50 + np.arange(60) % 7, 2))
    cohort.to_csv(folder / "cohort.csv", index=False)
    (folder / "study.yaml").write_text(
        "name: progress\n"
        "cohort: {table: cohort.csv, unit: [patient_id], clinical: [age, pain], outcome: {column: progressed},"
        " split: {folds: 2}, changes: {between: [V00, V01], kinds: [difference, rate], date: day, keep: baseline}}\n"
        "fusion: {selection: [], inner_folds: 2, classifier: {kind: ridge}}\n"
    )
    return run_study(folder / "study.yaml", folder / "R", until="export").path / "bundle", cohort


def test_what_changed_between_visits_is_learned_and_predicted(
    progress: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    """The rate alone tells who progresses; new patients are given theirs from their own two visits."""
    place, cohort = progress
    bundle = load_bundle(place)
    (family,) = bundle.schema.families.values()
    assert [item.name for item in family.inputs] == ["age", "pain@V00", "pain@change", "pain@rate"]
    assert (family.performance.auc.value or 0) > 0.85
    pair = cohort[cohort["patient_id"].isin(["P0", "P1"])]
    pair.to_csv(tmp_path / "two.csv", index=False)
    found = predict(bundle, tmp_path / "two.csv")
    everyone_else = predict(bundle, place.parents[1] / "cohort.csv")
    np.testing.assert_allclose(found.probabilities["clinical"], everyone_else.probabilities["clinical"][:2], atol=1e-12)
    slow = pair.assign(day=["2010-01-01", "2050-01-01"] * 2)
    assert (predict(bundle, slow).probabilities["clinical"] < found.probabilities["clinical"]).any()


def test_a_new_patient_without_the_date_of_a_visit_is_named(progress: tuple[Path, pd.DataFrame]) -> None:
    place, cohort = progress
    with pytest.raises(InputError, match=r"there is no column 'day' \(cohort.changes.date\)"):
        predict(load_bundle(place), cohort.drop(columns="day"))
    undated = cohort.assign(day=cohort["day"].where(cohort["case_id"] != "C0b"))
    found, whole = (predict(load_bundle(place), table) for table in (undated, cohort))
    assert any("the visit has no date (row 3)" in str(remark) for remark in found.warnings)
    assert (found.probabilities["clinical"] != whole.probabilities["clinical"]).tolist() == [True] + [False] * 59


def test_words_and_names_with_a_slash_that_change_between_visits_are_found_in_a_new_table(tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    rows = [
        {
            "case_id": f"C{i}{visit}",
            "patient_id": f"P{i}",
            "visit": visit,
            "stage": ["I", "II"][int(generator.integers(2))],
            "wbc/rbc": float(generator.normal(i % 2, 1)),
            "event": i % 2,
        }
        for i in range(24)
        for visit in ("V00", "V01")
    ]
    cohort = pd.DataFrame(rows)
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "study.yaml").write_text(
        "name: words\n"
        "cohort: {table: cohort.csv, unit: [patient_id], outcome: {column: event}, split: {folds: 2},"
        " clinical: [{column: stage, levels: [I, II]}, wbc/rbc]}\n"
        "fusion: {selection: [], inner_folds: 2, classifier: {kind: ridge}}\n"
    )
    bundle = load_bundle(run_study(tmp_path / "study.yaml", tmp_path / "R", until="export").path / "bundle")
    (family,) = bundle.schema.families.values()
    names = ["stage=II@V00", "wbc@V00/rbc", "stage=II@V01", "wbc@V01/rbc"]
    assert [item.name for item in family.inputs] == names
    assert predict(bundle, cohort.drop(columns="event")).probabilities["clinical"].between(0, 1).all()


def features(folder: Path) -> dict[str, Path]:
    return {"radiomic": folder / "radiomic.csv", "deep": folder / "deep.csv"}


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def changed(source: Path, folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> Path:
    """Write a table with a change into a folder."""
    table = read(source)
    after = change(table)
    (table if after is None else after).to_csv(folder / source.name, index=False)
    return folder / source.name


def put(row: int, column: str, text: str) -> Callable[[pd.DataFrame], None]:
    def change(table: pd.DataFrame) -> None:
        table.loc[row, column] = text

    return change


def problems_of(*arguments: object, **options: object) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        predict(*arguments, **options)  # type: ignore[arg-type]
    return caught.value.problems


def used(bundle: Bundle, family: str, block: str | None = None) -> list[str]:
    inputs = bundle.schema.families[family].inputs
    return [item.name for item in inputs if item.used and block in (None, item.block)]


class TestPredict:
    def test_equals_the_pipelines_it_was_made_from(self, phantom_models: tuple[Path, Path], whole: Prediction):
        study = load_study(phantom_models[0])
        prepared = check_study(study)
        assert isinstance(prepared, Prepared)
        assert list(whole.probabilities) == list(FAMILIES)
        pd.testing.assert_frame_equal(
            whole.units[["patient_id", "side"]], prepared.design.units[["patient_id", "side"]]
        )
        for family in FAMILIES:
            outcome = study.cohort.outcome
            fold = everyone(prepared.everyone)
            _, fit = fit_fold(prepared.design, family, fold, "patient_id", outcome, study.fusion, study.seed)
            x, _, _ = stack(prepared.design.blocks, blocks_of(family))
            assert np.isnan(x).any()
            found = whole.probabilities[family].to_numpy()
            assert np.abs(found - fit.fitted.predict(x)).max() <= 1e-5, family

    def test_nothing_is_remarkable_about_the_training_rows(self, whole: Prediction):
        assert all("lack values that models use" in item.message for item in whole.warnings)

    def test_features_in_the_same_table_are_the_same(
        self, bundle: Bundle, tables: Path, tmp_path: Path, whole: Prediction
    ):
        joined = read(tables / "cohort.csv").merge(read(tables / "radiomic.csv"), on="case_id")
        joined.merge(read(tables / "deep.csv"), on="case_id").to_csv(tmp_path / "all.csv", index=False)
        found = predict(bundle, tmp_path / "all.csv")
        pd.testing.assert_frame_equal(found.probabilities, whole.probabilities)

    def test_one_block_in_the_table_and_one_beside_it(
        self, bundle: Bundle, tables: Path, tmp_path: Path, whole: Prediction
    ):
        joined = read(tables / "cohort.csv").merge(read(tables / "radiomic.csv"), on="case_id")
        joined.to_csv(tmp_path / "some.csv", index=False)
        found = predict(bundle, tmp_path / "some.csv", {"deep": tables / "deep.csv"})
        pd.testing.assert_frame_equal(found.probabilities, whole.probabilities)

    def test_rows_and_columns_in_another_order(self, bundle: Bundle, tables: Path, tmp_path: Path, whole: Prediction):
        for number, name in enumerate(("cohort.csv", "radiomic.csv", "deep.csv")):
            table = read(tables / name).sample(frac=1, random_state=number)
            table.sample(frac=1, axis=1, random_state=number).to_csv(tmp_path / name, index=False)
        found = predict(bundle, tmp_path / "cohort.csv", features(tmp_path))
        keys = ["patient_id", "side"]
        left = pd.concat([found.units[keys], found.probabilities], axis=1).sort_values(keys, ignore_index=True)
        right = pd.concat([whole.units[keys], whole.probabilities], axis=1).sort_values(keys, ignore_index=True)
        pd.testing.assert_frame_equal(left, right)

    def test_one_row_alone_is_predicted_as_among_others(
        self, bundle: Bundle, tables: Path, tmp_path: Path, whole: Prediction
    ):
        case = read(tables / "cohort.csv")["case_id"][17]
        for name in ("cohort.csv", "radiomic.csv", "deep.csv"):
            changed(tables / name, tmp_path, lambda table: table[table["case_id"] == case])
        found = predict(bundle, tmp_path / "cohort.csv", features(tmp_path))
        assert found.probabilities.iloc[0].to_numpy() == pytest.approx(whole.probabilities.iloc[17].to_numpy())

    def test_feature_tables_may_be_keyed_by_the_unit(
        self, bundle: Bundle, tables: Path, tmp_path: Path, whole: Prediction
    ):
        ids = read(tables / "cohort.csv")[["case_id", "patient_id", "side"]]
        for name in ("radiomic.csv", "deep.csv"):
            changed(tables / name, tmp_path, lambda table: ids.merge(table, on="case_id").drop(columns="case_id"))
        found = predict(bundle, tables / "cohort.csv", features(tmp_path))
        pd.testing.assert_frame_equal(found.probabilities, whole.probabilities)

    def test_a_missing_value_takes_the_training_median(self, bundle: Bundle, tables: Path, tmp_path: Path):
        median = pd.read_csv(tables / "cohort.csv")["age"].median()
        empty = changed(tables / "cohort.csv", tmp_path, put(0, "age", ""))
        first = predict(bundle, empty, families=["clinical"]).probabilities
        filled = changed(tables / "cohort.csv", tmp_path, put(0, "age", str(median)))
        second = predict(bundle, filled, families=["clinical"]).probabilities
        assert first["clinical"][0] == pytest.approx(second["clinical"][0])

    def test_a_path_will_do_for_a_bundle(self, bundle: Bundle, tables: Path, whole: Prediction):
        found = predict(bundle.path, str(tables / "cohort.csv"), families=["clinical"])
        assert found.probabilities["clinical"].tolist() == whole.probabilities["clinical"].tolist()

    def test_the_table_of_predictions_calls_from_the_threshold_on(self, bundle: Bundle, whole: Prediction):
        table = prediction_table(bundle, whole)
        assert list(table.columns[:4]) == ["patient_id", "side", "clinical_probability", "clinical_positive"]
        for family in FAMILIES:
            reached = whole.probabilities[family] >= bundle.schema.families[family].threshold
            assert (table[f"{family}_positive"] == reached).all()
        assert 0 < table["clinical_positive"].mean() < 1


class TestWhatIsThere:
    def test_the_clinical_block_only(self, bundle: Bundle, tables: Path, whole: Prediction):
        found = predict(bundle, tables / "cohort.csv")
        assert list(found.probabilities) == ["clinical"]
        assert found.probabilities["clinical"].tolist() == whole.probabilities["clinical"].tolist()
        assert [failure.item for failure in found.failures] == [f"family {family!r}" for family in FAMILIES[1:]]
        for family, failure in zip(FAMILIES[1:], found.failures, strict=True):
            first = next(name for name in used(bundle, family) if "/" in name)
            assert failure.error.startswith("not predicted: ")
            assert f"missing from cohort.csv: {first}, " in failure.error

    def test_a_family_without_its_columns_is_an_error_where_asked_for(self, bundle: Bundle, tables: Path):
        found = problems_of(bundle, tables / "cohort.csv", families=["clinical", "deep"])
        assert all("family 'deep' needs the column 'dess/tibial_cartilage/deep_" in item.message for item in found)
        assert {item.where for item in found} == {"cohort.csv"}
        assert len(found) == len(used(bundle, "deep"))

    def test_a_missing_column_names_the_nearest(self, bundle: Bundle, tables: Path, tmp_path: Path):
        table = changed(tables / "cohort.csv", tmp_path, lambda table: table.rename(columns={"bmi": "BMI "}))
        (found,) = problems_of(bundle, table, families=["clinical"])
        assert "needs the column 'bmi'; did you mean 'BMI'?" in found.message

    def test_nothing_that_can_be_predicted_is_an_error(self, bundle: Bundle, tables: Path, tmp_path: Path):
        table = changed(tables / "cohort.csv", tmp_path, lambda table: table.drop(columns=["age", "bmi"]))
        found = problems_of(bundle, table)
        assert "no family of the bundle has all its columns here" in found[-1].message
        assert any("'age'" in problem.message for problem in found)

    def test_columns_that_selection_dropped_may_be_missing_or_nonsense(
        self, bundle: Bundle, tables: Path, tmp_path: Path, whole: Prediction
    ):
        family = "radiomic-deep"
        for name, block in (("radiomic.csv", "radiomic"), ("deep.csv", "deep")):
            dropped = [item.name for item in bundle.schema.families[family].inputs if item.block == block]
            dropped = [column for column in dropped if column not in used(bundle, family)]
            assert len(dropped) > 3

            def spoil(table: pd.DataFrame, dropped: list[str] = dropped) -> pd.DataFrame:
                table.loc[0, dropped[0]] = "inf"
                table.loc[1, dropped[1]] = "n.d."
                return table.drop(columns=dropped[2:])

            changed(tables / name, tmp_path, spoil)
        found = predict(bundle, tables / "cohort.csv", features(tmp_path), [family])
        assert found.probabilities[family].tolist() == whole.probabilities[family].tolist()

    def test_clinical_columns_that_selection_dropped_may_be_missing(
        self, bundle: Bundle, tables: Path, tmp_path: Path, whole: Prediction
    ):
        dropped = {
            name: {"age", "bmi", "pain"} - set(used(bundle, name)) for name in bundle.schema.families if "clin" in name
        }
        family = next((name for name, columns in dropped.items() if columns), None)
        assert family, f"choose another phantom seed: all use every clinical column {dropped}"
        table = changed(tables / "cohort.csv", tmp_path, lambda table: table.drop(columns=list(dropped[family])))
        features = {"radiomic": tables / "radiomic.csv", "deep": tables / "deep.csv"}
        found = predict(bundle, table, features, [family])
        assert found.probabilities[family].tolist() == whole.probabilities[family].tolist()

    def test_an_unknown_family_names_the_nearest(self, bundle: Bundle, tables: Path):
        with pytest.raises(InputError, match="no family 'clinical-radiomics'; did you mean 'clinical-radiomic'"):
            predict(bundle, tables / "cohort.csv", families=["clinical-radiomics"])

    def test_an_unknown_block_names_the_nearest(self, bundle: Bundle, tables: Path):
        with pytest.raises(InputError, match="no block 'radiomics'; did you mean 'radiomic'"):
            predict(bundle, tables / "cohort.csv", {"radiomics": tables / "radiomic.csv"})

    def test_a_case_that_the_features_lack_is_named_and_the_others_predicted(
        self, bundle: Bundle, tables: Path, tmp_path: Path, whole: Prediction
    ):
        names = read(tables / "cohort.csv")["case_id"]
        table = changed(tables / "deep.csv", tmp_path, lambda table: table[table["case_id"] != names[5]])
        found = predict(bundle, tables / "cohort.csv", {"deep": table}, ["deep"])
        assert [failure.item for failure in found.failures] == [names[5]]
        assert "the deep table has no row of it; add one" in found.failures[0].error
        expected = whole.probabilities["deep"].drop(5)
        assert found.probabilities["deep"].tolist() == pytest.approx(expected.tolist(), rel=1e-12)

    def test_cases_that_no_block_knows_together_are_an_error(self, bundle: Bundle, tables: Path, tmp_path: Path):
        parts = {
            name: changed(tables / f"{name}.csv", tmp_path, lambda table, odd=odd: table[table.index % 2 == odd])
            for odd, name in enumerate(("radiomic", "deep"))
        }
        with pytest.raises(
            InputError, match=r"no case could be used: \w+, .*: the deep table has no row.*; \w+, .*: the rad"
        ):
            predict(bundle, tables / "cohort.csv", parts, ["radiomic", "deep"])

    def test_features_of_other_cases_are_left_out_with_a_warning(
        self, bundle: Bundle, tables: Path, tmp_path: Path, whole: Prediction
    ):
        table = changed(tables / "cohort.csv", tmp_path, lambda table: table.iloc[:10])
        found = predict(bundle, table, features(tables))
        assert found.probabilities["deep"].tolist() == whole.probabilities["deep"][:10].tolist()
        assert any("without a case" in problem.message for problem in found.warnings)

    def test_case_ids_are_not_needed_where_nothing_is_joined_by_them(
        self, bundle: Bundle, tables: Path, tmp_path: Path, whole: Prediction
    ):
        table = changed(tables / "cohort.csv", tmp_path, lambda table: table.drop(columns="case_id"))
        found = predict(bundle, table, families=["clinical"])
        assert found.probabilities["clinical"].tolist() == whole.probabilities["clinical"].tolist()

    def test_outcomes_are_not_needed(self, bundle: Bundle, tables: Path, tmp_path: Path):
        table = changed(tables / "cohort.csv", tmp_path, lambda table: table.drop(columns="progressed"))
        assert len(predict(bundle, table).probabilities) > 50

    def test_a_missing_unit_column_names_the_nearest(self, bundle: Bundle, tables: Path, tmp_path: Path):
        table = changed(tables / "cohort.csv", tmp_path, lambda table: table.rename(columns={"side": "sides"}))
        found = problems_of(bundle, table, families=["clinical"])
        assert any("'side'" in item.message and "did you mean 'sides'" in item.message for item in found)

    def test_a_unit_twice_is_an_error(self, bundle: Bundle, tables: Path, tmp_path: Path):
        def change(table: pd.DataFrame) -> pd.DataFrame:
            return pd.concat([table, table.iloc[[3]].assign(case_id="new")])

        found = problems_of(bundle, changed(tables / "cohort.csv", tmp_path, change), families=["clinical"])
        assert any("has 2 cases" in item.message for item in found)


class TestUnusableCells:
    """Row 2 of a spreadsheet is the first below the header."""

    @pytest.mark.parametrize(
        ("column", "text", "message"),
        [
            ("age", "inf", "the value is infinite"),
            ("pain", "severe", "'severe' is not a number"),
            ("bmi", "28,5", "'28,5' is not a number"),
            ("sex", "F", "'F' is none of the declared levels ('female', 'male')"),
        ],
    )
    def test_of_the_clinical_block(
        self, bundle: Bundle, tables: Path, tmp_path: Path, column: str, text: str, message: str
    ):
        (found,) = problems_of(bundle, changed(tables / "cohort.csv", tmp_path, put(7, column, text)))
        assert (found.where, found.row, found.column, found.severity) == ("cohort.csv", 9, column, "error")
        assert message in found.message

    @pytest.mark.parametrize(
        ("text", "message"), [("inf", "infinite"), ("-Infinity", "infinite"), ("n.d.", "no number, first 'n.d.'")]
    )
    @pytest.mark.parametrize("block", ["radiomic", "deep"])
    def test_of_a_feature_table(
        self, bundle: Bundle, tables: Path, tmp_path: Path, block: str, text: str, message: str
    ):
        column = used(bundle, block)[0]
        table = changed(tables / f"{block}.csv", tmp_path, put(7, column, text))
        (found,) = problems_of(bundle, tables / "cohort.csv", {block: table}, [block])
        assert (found.where, found.row, found.column, found.severity) == (f"{block}.csv", 9, column, "error")
        assert message in found.message

    def test_every_one_of_them_at_once(self, bundle: Bundle, tables: Path, tmp_path: Path):
        def change(table: pd.DataFrame) -> None:
            table.loc[3, "age"], table.loc[9, "sex"], table.loc[11, "case_id"] = "inf", "F", ""

        found = problems_of(bundle, changed(tables / "cohort.csv", tmp_path, change))
        assert {(item.row, item.column) for item in found} == {(5, "age"), (11, "sex"), (13, "case_id")}

    def test_values_out_of_the_training_range_are_a_warning(self, bundle: Bundle, tables: Path, tmp_path: Path):
        ages = pd.read_csv(tables / "cohort.csv")["age"]

        def change(table: pd.DataFrame) -> None:
            table.loc[[0, 4], "age"] = "110"
            table.loc[6, "bmi"] = "-1"

        found = predict(bundle, changed(tables / "cohort.csv", tmp_path, change), families=["clinical"])
        by_column = {problem.column: problem for problem in found.warnings if problem.column is not None}
        assert set(by_column) == {"age", "bmi"}
        assert by_column["age"].severity == "warning"
        expected = f"2 of {len(ages)} units lie outside the training range {ages.min():.4g} to {ages.max():.4g}"
        assert by_column["age"].message == expected

    def test_many_columns_of_a_block_out_of_range_are_one_warning(self, bundle: Bundle, tables: Path, tmp_path: Path):
        columns = used(bundle, "radiomic")

        def change(table: pd.DataFrame) -> None:
            table.loc[7, columns] = "1e9"
            table.loc[5, columns[0]] = "1e9"

        table = changed(tables / "radiomic.csv", tmp_path, change)
        found = predict(bundle, tables / "cohort.csv", {"radiomic": table}, ["radiomic"])
        (warning,) = (item for item in found.warnings if item.where == "radiomic" and "range" in item.message)
        case = pd.read_csv(tables / "cohort.csv").iloc[7]
        assert len(columns) > 8
        assert warning.message.startswith(f"{len(columns)} of {len(columns)} columns have units outside")
        assert warning.message.endswith(f"the most, {len(columns)} columns, {case['patient_id']} {case['side']}")

    def test_what_is_imputed_is_one_warning_a_block(self, bundle: Bundle, tables: Path, tmp_path: Path):
        def change(table: pd.DataFrame) -> None:
            for name in ("age", "bmi", "pain", "sex"):
                table[name] = table[name].where(table[name] != "", table[name].max())
            table.loc[[0, 4], "age"] = ""
            table.loc[4, "bmi"] = ""

        found = predict(bundle, changed(tables / "cohort.csv", tmp_path, change), families=["clinical"])
        count = len(found.units)
        (told,) = (str(item) for item in found.warnings)
        assert told == (
            f"clinical: 2 of {count} units lack values that models use, and that are imputed: age (2), bmi (1)"
        )

    def test_a_column_without_values_is_a_warning(self, bundle: Bundle, tables: Path, tmp_path: Path):
        table = changed(tables / "cohort.csv", tmp_path, lambda table: table.assign(pain=""))
        found = predict(bundle, table, families=["clinical"])
        told = [(item.column, item.severity) for item in found.warnings if "lack values" not in item.message]
        assert told == [("pain", "warning")]
        assert found.probabilities["clinical"].between(0, 1).all()

    def test_a_feature_column_without_values_is_a_warning(self, bundle: Bundle, tables: Path, tmp_path: Path):
        column = used(bundle, "deep")[0]
        table = changed(tables / "deep.csv", tmp_path, lambda table: table.assign(**{column: ""}))
        found = predict(bundle, tables / "cohort.csv", {"deep": table}, ["deep"])
        assert any(problem.column == column for problem in found.warnings)
        assert found.probabilities["deep"].between(0, 1).all()


class TestTampering:
    def test_a_changed_byte_is_refused_with_the_file_named(self, copied: Path):
        """Each file but the list of hashes: first, last and ten bytes between, every bit pattern changed by one."""
        generator = np.random.default_rng(0)
        for path in sorted(copied.iterdir()):
            if path.name == "SHA256SUMS":
                continue
            content = path.read_bytes()
            for position in {0, len(content) - 1, *generator.integers(0, len(content), 10).tolist()}:
                damaged = bytearray(content)
                damaged[position] ^= 1 << int(generator.integers(8))
                path.write_bytes(damaged)
                with pytest.raises(InputError) as caught:
                    load_bundle(copied)
                assert [item.where for item in caught.value.problems] == [path.name, str(copied)]
            path.write_bytes(content)
        assert load_bundle(copied).schema.study == "table_phantom"

    def test_a_changed_byte_in_the_list_of_hashes_is_refused(self, copied: Path):
        path = copied / "SHA256SUMS"
        content = path.read_bytes()
        accepted = []
        for position in range(len(content)):
            damaged = bytearray(content)
            damaged[position] ^= 1
            path.write_bytes(damaged)
            try:
                load_bundle(copied)
            except InputError:
                continue
            accepted.append(position)
        assert accepted == []

    @pytest.mark.parametrize("text", ["", "\x00\x01", "a  ../../etc/passwd\n", "a  ..\n", "0  \n", "x  " + "y" * 300])
    def test_a_damaged_list_of_hashes_is_refused(self, copied: Path, text: str):
        (copied / "SHA256SUMS").write_text(text)
        with pytest.raises(InputError):
            load_bundle(copied)

    def test_a_shortened_and_a_lengthened_file_are_refused(self, copied: Path):
        content = (copied / "deep.onnx").read_bytes()
        for other in (content[:-1], content + b"\n", b""):
            (copied / "deep.onnx").write_bytes(other)
            with pytest.raises(InputError, match=r"deep\.onnx: the file is not the one that was exported"):
                load_bundle(copied)

    @pytest.mark.parametrize("name", ["deep.onnx", "MODEL_CARD.md", "bundle.json"])
    def test_a_missing_file_is_named(self, copied: Path, name: str):
        (copied / name).unlink()
        with pytest.raises(InputError, match=f"{name}: the file is missing from the bundle"):
            load_bundle(copied)

    def test_all_damage_is_reported_at_once(self, copied: Path):
        (copied / "deep.onnx").unlink()
        (copied / "clinical.onnx").write_bytes(b"")
        with pytest.raises(InputError) as caught:
            load_bundle(copied)
        assert {"deep.onnx", "clinical.onnx"} < {item.where for item in caught.value.problems}

    def test_predict_computes_nothing_from_a_damaged_bundle(self, copied: Path, tables: Path):
        (copied / "deep.onnx").write_bytes(b"")
        with pytest.raises(InputError, match=r"deep\.onnx"):
            predict(copied, tables / "cohort.csv", families=["clinical"])

    def test_a_run_folder_hints_at_its_bundle(self, phantom_models: tuple[Path, Path]):
        with pytest.raises(InputError, match=r"is no bundle.*did you mean .*bundle\?"):
            load_bundle(phantom_models[1])

    def test_what_is_no_bundle_says_so(self, tables: Path, tmp_path: Path):
        for path in (tables, tables / "cohort.csv", tmp_path / "nowhere"):
            with pytest.raises(InputError, match=r"is no bundle: it has no SHA256SUMS; give the folder"):
                load_bundle(path)


class TestSchema:
    def test_says_what_the_models_were_made_from(self, bundle: Bundle, tables: Path):
        cohort = pd.read_csv(tables / "cohort.csv")
        schema = bundle.schema
        assert schema.trained_on.model_dump() == {
            "units": len(cohort),
            "patients": 60,
            "events": cohort["progressed"].sum(),
        }
        assert schema.unit == ("patient_id", "side")
        assert {"python", "radfuse", "numpy", "scikit-learn"} <= set(schema.versions)
        assert tuple(schema.families) == FAMILIES
        for family in schema.families.values():
            assert family.largest_difference <= 1e-5

    def test_ranges_are_those_of_training(self, bundle: Bundle, tables: Path):
        deep = pd.read_csv(tables / "deep.csv")
        for item in bundle.schema.families["deep"].inputs:
            if item.used:
                assert (item.low, item.high) == (deep[item.name].min(), deep[item.name].max())
            else:
                assert (item.low, item.high) == (None, None)

    def test_performance_is_that_of_the_nested_folds(self, bundle: Bundle, phantom_models: tuple[Path, Path]):
        results = json.loads((phantom_models[1] / "models/comparison/results.json").read_text())
        for item in results["performance"]:
            quoted = json.loads(bundle.schema.families[item["family"]].performance.model_dump_json())
            assert quoted == item

    def test_the_card_tells_formula_performance_and_limits(self, bundle: Bundle):
        card = (bundle.path / "MODEL_CARD.md").read_text()
        assert "Not a medical device" in card
        for name, family in bundle.schema.families.items():
            assert family.formula in card
            value = family.performance.auc.value
            assert value is not None
            assert f"| {name} | {value:.3f}" in card

    def test_no_path_of_this_machine_travels(self, bundle: Bundle, tables: Path):
        for path in bundle.path.iterdir():
            assert str(tables).encode() not in path.read_bytes()


class TestEvaluate:
    def test_measures_what_predict_gives(self, bundle: Bundle, tables: Path, whole: Prediction):
        evaluation, prediction, long = evaluate(bundle, tables / "cohort.csv", features(tables))
        outcome = pd.read_csv(tables / "cohort.csv")["progressed"]
        pd.testing.assert_frame_equal(prediction.probabilities, whole.probabilities)
        assert [item.family for item in evaluation.performance] == list(FAMILIES)
        for item in evaluation.performance:
            expected = auc(outcome, whole.probabilities[item.family])
            assert item.auc.value == pytest.approx(expected)
            assert item.auc_pooled.value == pytest.approx(expected)
            assert (item.units, item.patients, item.events) == (len(outcome), 60, outcome.sum())
            called = whole.probabilities[item.family] >= bundle.schema.families[item.family].threshold
            assert item.sensitivity.value == pytest.approx(called[outcome == 1].mean())
        assert len(evaluation.comparisons) == 15
        assert set(long["family"]) == set(FAMILIES)
        assert evaluation.recalibration == {}

    def test_recalibrated_probabilities_are_calibrated(self, bundle: Bundle, tables: Path):
        evaluation, prediction, _ = evaluate(bundle, tables / "cohort.csv", features(tables), recalibrate=True)
        assert set(evaluation.recalibration) == set(FAMILIES)
        outcome = prediction.units["progressed"]
        for family, by in evaluation.recalibration.items():
            probability = recalibrated(prediction.probabilities[family].to_numpy(), by)
            again = calibration(outcome, probability, prediction.units["patient_id"])
            assert again.slope.value == pytest.approx(1, abs=1e-6)
            assert again.slope_intercept == pytest.approx(0, abs=1e-6)
            assert again.intercept.value == pytest.approx(0, abs=1e-6)
            assert auc(outcome, probability) == pytest.approx(auc(outcome, prediction.probabilities[family]))

    def test_patients_of_one_outcome_are_measured_as_far_as_it_goes(self, bundle: Bundle, tables: Path, tmp_path: Path):
        table = changed(tables / "cohort.csv", tmp_path, lambda table: table[table["progressed"] == "1"])
        evaluation, _, _ = evaluate(bundle, table, families=["clinical"], recalibrate=True)
        (item,) = evaluation.performance
        assert item.auc.value is None
        assert item.sensitivity.value is not None
        by = evaluation.recalibration["clinical"]
        assert (by.intercept, by.slope) == (None, None)
        json.loads(evaluation.model_dump_json())

    def test_a_missing_outcome_is_an_error_with_its_row(self, bundle: Bundle, tables: Path, tmp_path: Path):
        table = changed(tables / "cohort.csv", tmp_path, put(4, "progressed", ""))
        with pytest.raises(InputError) as caught:
            evaluate(bundle, table, families=["clinical"])
        assert [(item.row, item.column) for item in caught.value.problems] == [(6, "progressed")]

    def test_no_outcome_column_is_an_error(self, bundle: Bundle, tables: Path, tmp_path: Path):
        table = changed(tables / "cohort.csv", tmp_path, lambda table: table.drop(columns="progressed"))
        with pytest.raises(InputError, match="no column 'progressed'"):
            evaluate(bundle, table, families=["clinical"])

    def test_the_bundle_is_not_touched(self, bundle: Bundle, tables: Path):
        before = {path.name: path.read_bytes() for path in bundle.path.iterdir()}
        evaluate(bundle, tables / "cohort.csv", features(tables), recalibrate=True)
        assert {path.name: path.read_bytes() for path in bundle.path.iterdir()} == before


class TestRecalibrated:
    def test_by_hand(self):
        """logit(0.5) = 0 becomes 1, logit(1 / (1 + e)) = -1 becomes -1."""
        found = recalibrated(np.array([0.5, 1 / (1 + np.e)]), Recalibration(intercept=1, slope=2))
        assert found == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.e)])

    def test_nothing_to_go_by_changes_nothing(self):
        assert recalibrated(np.array([0.3]), Recalibration(intercept=None, slope=None)).tolist() == [0.3]

    def test_a_steep_slope_does_not_overflow(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = recalibrated(np.array([1e-12, 0.5, 1 - 1e-12]), Recalibration(intercept=0, slope=40))
        assert found == pytest.approx([0, 0.5, 1])


class TestVisits:
    @staticmethod
    def predicted(bundle: Path, table: pd.DataFrame, folder: Path) -> pd.Series:
        table.to_csv(folder / "new.csv", index=False)
        found = predict(bundle, folder / "new.csv")
        return found.probabilities["clinical"].set_axis(found.units["patient_id"])

    def test_every_unit_is_predicted_alone_as_among_others(self, visits: tuple[Path, pd.DataFrame], tmp_path: Path):
        """Also one whose pain happens to be the same at both visits."""
        bundle, cohort = visits
        together = self.predicted(bundle, cohort, tmp_path)
        pain = cohort.groupby("patient_id", sort=False)["pain"].nunique()
        assert {1, 2} == set(pain)
        for patient in (pain.index[pain == 2][0], pain.index[pain == 1][0]):
            alone = self.predicted(bundle, cohort[cohort["patient_id"] == patient], tmp_path)
            assert alone[patient] == pytest.approx(together[patient]), f"{pain[patient]} values of pain"

    def test_a_change_in_one_unit_does_not_reach_the_others(self, visits: tuple[Path, pd.DataFrame], tmp_path: Path):
        """An age that no unit saw change at training changes in one new unit: refused, or its own affair."""
        bundle, cohort = visits
        together = self.predicted(bundle, cohort, tmp_path)
        birthday = cohort.copy()
        birthday.loc[1, "age"] += 1
        try:
            found = self.predicted(bundle, birthday, tmp_path)
        except InputError:
            return
        assert found.iloc[1:].to_numpy() == pytest.approx(together.iloc[1:].to_numpy())

    def test_a_visit_that_is_lacking_is_named(self, visits: tuple[Path, pd.DataFrame], tmp_path: Path):
        bundle, cohort = visits
        with pytest.raises(InputError, match="needs the column 'pain@V01'"):
            self.predicted(bundle, cohort[cohort["visit"] == "V00"], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_neither_torch_nor_sklearn_is_imported(command: str, bundle: Bundle, tables: Path, tmp_path: Path):
    arguments = [command, bundle.path, tables / "cohort.csv", "--out", tmp_path / "out"]
    arguments += ["--family", "clinical", "--family", "clinical-radiomic-deep"]
    for block, path in features(tables).items():
        arguments += ["--features", f"{block}={path}"]
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "radfuse.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    lines = [line for line in shown.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}
    assert {"onnxruntime", "pandas", "radfuse"} <= imported
    assert not imported & {"torch", "sklearn", "lightning", "monai", "nnunetv2"}
    assert len(pd.read_csv(tmp_path / "out/predictions.csv")) == len(pd.read_csv(tables / "cohort.csv"))


def test_tables_may_be_given_as_frames(bundle: Bundle, tables: Path) -> None:
    files = predict(bundle, tables / "cohort.csv", {"radiomic": tables / "radiomic.csv"})
    cohort, radiomic = pd.read_csv(tables / "cohort.csv"), pd.read_csv(tables / "radiomic.csv").set_index("case_id")
    frames = predict(bundle, cohort, {"radiomic": radiomic})
    pd.testing.assert_frame_equal(prediction_table(bundle, frames), prediction_table(bundle, files))
    assert evaluate(bundle, cohort, {"radiomic": radiomic})[0].table == "DataFrame"
    with pytest.raises(InputError, match="DataFrame: several columns are named 'age'"):
        predict(bundle, pd.concat([cohort, cohort[["age"]]], axis=1))
    with pytest.raises(InputError, match="DataFrame has no rows"):
        predict(bundle, cohort.iloc[:0])


def test_columns_that_components_are_made_of_are_asked_of_new_patients():
    frame = pd.DataFrame({"age": [60.0, 70], "bmi": [20.0, 30], "height": [1.6, 1.8]})
    component = UsedColumn(name="pca 1 of clinical", block="clinical", importance=1)
    said = Explanation(measure="weight", unit="of it", columns=(component,), made_of=("age", "bmi"))
    final = FittedFamily(
        family="clinical", fold="all", explanation=said, threshold=0.5, tuned={}, inner_auc=0.7, columns_in=3, test=(),
        probability=(),
    )  # fmt: skip
    found = _inputs(Design(pd.DataFrame(index=frame.index), {"clinical": frame}), final)
    assert [(item.name, item.used, item.low) for item in found] == [
        ("age", True, 60), ("bmi", True, 20), ("height", False, None),
    ]  # fmt: skip
