"""The same tables written otherwise: other names, orders, codes, units and files give the same predictions.

Predictions agree to 1e-6, which is what another unit moves by rounding.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from radfuse.fusion.memory import forget
from radfuse.pipeline import run_study

Tables = dict[str, pd.DataFrame]
LEARNERS = {"binary": "ridge", "multiclass": "ridge", "survival": "cox", "continuous": "linear", "ordinal": "linear"}
LEVELS = {"sex": ["female", "male"], "stage": ["I", "II", "III"]}
WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "csv": lambda table, path: table.to_csv(path, index=False),
    "decimal commas.csv": lambda table, path: table.to_csv(path, index=False, sep=";", decimal=","),
    "tsv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    "utf16.csv": lambda table, path: table.to_csv(path, index=False, sep="\t", encoding="utf-16"),
    "csv.gz": lambda table, path: table.to_csv(path, index=False),
    "parquet": lambda table, path: table.to_parquet(path),
    "xlsx": lambda table, path: table.to_excel(path, index=False),
}


def drawn(kind: str, units: int = 60) -> tuple[dict[str, Any], Tables]:
    """Return a study and its tables: two units a patient, gaps, a copy of a column in another unit."""
    generator = np.random.default_rng(0)
    cohort = pd.DataFrame({"case_id": [f"s{i:03d}" for i in range(units)]})
    cohort["patient_id"] = [f"p{i // 2:03d}" for i in range(units)]
    cohort["age"] = generator.integers(40, 80, units).astype(float)
    for column, words in LEVELS.items():
        cohort[column] = generator.choice(words, units)
    values = generator.standard_normal((units, 8)).round(5)
    score = (cohort["age"] - 60) / 12 + values[:, 0] - values[:, 6] + 0.7 * generator.standard_normal(units)
    values[:, 3] = 2.54 * values[:, 0] - 1
    values[generator.random((units, 8)) < 0.03] = np.nan
    cohort.loc[3, "age"] = np.nan
    outcome: dict[str, Any] = {"column": "y", "kind": kind}
    if kind == "binary":
        cohort["y"] = (score > 0.3).astype(int)
    elif kind == "continuous":
        cohort["y"] = 5 + 3 * score.round(2)
    elif kind == "ordinal":
        cohort["y"], outcome["levels"] = np.searchsorted([-1, 0, 1], score), ["0", "1", "2", "3"]
    elif kind == "multiclass":
        cohort["y"] = np.array(["a", "b", "c"])[np.searchsorted([-0.7, 0.7], score)]
    else:
        event, last = 60 * generator.exponential(size=units) / np.exp(score), generator.uniform(10, 120, units)
        cohort["time"], cohort["y"] = np.minimum(event, last).round(0) + 1, (event <= last).astype(int)
        outcome = {"kind": "survival", "time": "time", "event": "y", "horizon": 60}
    tables = {"cohort": cohort}
    for block, where in {"radiomic": range(5), "deep": range(5, 8)}.items():
        tables[block] = pd.DataFrame(values[:, where], columns=[f"{block[0]}{i}" for i in where])
        tables[block].insert(0, "case_id", cohort["case_id"])
    clinical = ["age", *({"column": column, "levels": words} for column, words in LEVELS.items())]
    study = {
        "name": "otherwise",
        "cohort": {"clinical": clinical, "outcome": outcome, "split": {"kind": "grouped", "folds": 3}},
        "fusion": {
            "families": ["radiomic", "clinical-radiomic-deep"],
            "inner_folds": 3,
            "strategy": {"kind": "early"},
            "classifier": {"kind": LEARNERS[kind]},
            "selection": [{"kind": "lasso"}],
        },
    }
    return study, tables


def predicted(folder: Path, study: dict[str, Any], tables: Tables, form: str = "csv") -> pd.DataFrame:
    """Run a study until families are compared; return its predictions, the unit's id first."""
    folder.mkdir(parents=True)
    forget()
    for name, table in tables.items():
        WRITERS[form](table, folder / f"{name}.{form}")
    whole = copy.deepcopy(study)
    whole["cohort"]["table"] = f"cohort.{form}"
    whole["features"] = {name: f"{name}.{form}" for name in tables if name != "cohort"}
    (folder / "study.yaml").write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
    run = run_study(folder / "study.yaml", folder / "run", until="fuse")
    assert run.failures == ()
    return pd.read_parquet(run.path / "models/comparison/predictions.parquet")


def same(found: pd.DataFrame, expected: pd.DataFrame, ids: dict[str, str] | None = None, turned: bool = False) -> None:
    """Hold predictions and folds by unit and family against others, of the other outcome where they are turned."""
    frames = []
    for frame, names in ((found, ids), (expected, None)):
        unit = frame.iloc[:, 0].astype(str)
        keys = pd.DataFrame({"unit": unit.map(names) if names else unit, "family": frame["family"]})
        values = np.array([np.atleast_1d(value) for value in frame["probability"]])
        frames.append(keys.assign(fold=frame["fold"], value=list(values)).sort_values(["family", "unit"]))
    one, other = frames
    assert one[["family", "unit", "fold"]].to_numpy().tolist() == other[["family", "unit", "fold"]].to_numpy().tolist()
    first, second = np.vstack(one["value"].to_list()), np.vstack(other["value"].to_list())
    np.testing.assert_allclose(1 - first if turned else first, second, rtol=0, atol=1e-6 * max(1, np.std(second)))


def scaled(tables: Tables) -> Tables:
    """Return columns in other units and with other zeros; an age in months."""
    found = {name: table.copy() for name, table in tables.items()}
    for name in ("radiomic", "deep"):
        for place, column in enumerate(found[name].columns[1:]):
            found[name][column] = 10.0 ** (3 * place - 6) * (found[name][column] + 30)
    found["cohort"]["age"] = 12 * found["cohort"]["age"] + 5
    return found


def renamed(tables: Tables) -> Tables:
    """Return columns called so that they are sorted otherwise, and standing in another order."""
    found = dict(tables)
    for name in ("radiomic", "deep"):
        columns = list(tables[name].columns[1:])
        names = dict(zip(columns, [f"{len(columns) - i} Größe {name}" for i in range(len(columns))], strict=True))
        found[name] = tables[name].rename(columns=names)[["case_id", *reversed(names.values())]]
    return found


def recoded(kind: str) -> Iterator[tuple[dict[str, Any], dict[Any, Any]]]:
    """Yield settings of the outcome, and what its codes become."""
    if kind in ("binary", "survival"):
        yield {}, {0: "no", 1: "yes"}
        yield {"positive": "pos"}, {0: "neg", 1: "pos"}
    if kind == "binary":
        yield {"positive": "2"}, {0: 1, 1: 2}
    if kind == "multiclass":
        yield {}, {"a": "liposarcoma", "b": "other", "c": "spindle cell"}
    if kind == "ordinal":
        yield {"levels": ["none", "mild", "bad", "worst"]}, dict(enumerate(["none", "mild", "bad", "worst"]))


def with_outcome(study: dict[str, Any], **settings: Any) -> dict[str, Any]:
    found = copy.deepcopy(study)
    found["cohort"]["outcome"] |= settings
    return found


def test_units_names_and_order_of_all(tmp_path: Path) -> None:
    """All at once, in an Excel table: rows, names of cases, of columns, of categories, of the event, units."""
    study, tables = drawn("binary", 40)
    study["fusion"]["families"] = ["clinical-radiomic-deep"]
    expected = predicted(tmp_path / "first", study, tables)
    other = with_outcome(study, positive="krank")
    other["cohort"]["clinical"][1]["levels"] = ["w", "m"]
    moved = renamed(scaled(tables))
    moved["cohort"] = moved["cohort"].assign(y=tables["cohort"]["y"].map({0: "gesund", 1: "krank"}))
    moved["cohort"]["sex"] = moved["cohort"]["sex"].map({"female": "w", "male": "m"})
    ids = {f"s{i:03d}": f"Fall {97 * i % 41}" for i in range(40)}
    for name, table in moved.items():
        moved[name] = table.assign(case_id=table["case_id"].map(ids)).sample(frac=1, random_state=len(name))
    found = predicted(tmp_path / "second", other, moved, "xlsx")
    same(found, expected, {new: old for old, new in ids.items()})


def test_the_other_outcome_as_event_has_the_other_probability(tmp_path: Path) -> None:
    study, tables = drawn("binary", 40)
    study["fusion"] |= {"families": ["clinical-radiomic-deep"], "selection": []}
    study["cohort"]["split"] = {"kind": "holdout", "test_fraction": 0.3, "repeats": 2}
    tables["cohort"]["y"] = tables["cohort"]["y"].map({0: "n", 1: "p"})
    first = predicted(tmp_path / "p", with_outcome(study, positive="p"), tables)
    second = predicted(tmp_path / "n", with_outcome(study, positive="n"), tables)
    same(first, second, turned=True)


@pytest.mark.long
@pytest.mark.parametrize("kind", LEARNERS)
def test_each_way_of_writing_by_itself(kind: str, tmp_path: Path) -> None:
    study, tables = drawn(kind)
    expected = predicted(tmp_path / "first", study, tables)
    for form in WRITERS:
        same(predicted(tmp_path / f"as {form}", study, tables, form), expected)
    for name, change in (("units", scaled), ("names", renamed)):
        same(predicted(tmp_path / name, study, change(tables)), expected)
    for number, (settings, codes) in enumerate(recoded(kind)):
        moved = tables | {"cohort": tables["cohort"].assign(y=tables["cohort"]["y"].map(codes))}
        same(predicted(tmp_path / f"codes {number}", with_outcome(study, **settings), moved), expected)
    shuffled = {name: table.sample(frac=1, random_state=len(name)) for name, table in tables.items()}
    same(predicted(tmp_path / "rows", study, shuffled), expected)
