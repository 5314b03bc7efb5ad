"""Why a bundle predicts what it predicts: complete, of the model that predicts, and without heavy libraries."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.bundle.explain import explanation_table
from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.predict import Prediction, predict
from radfuse.errors import InputError


@pytest.fixture(scope="module")
def explained(bundle: Bundle, tables: Path) -> Prediction:
    features = {name: tables / f"{name}.csv" for name in ("radiomic", "deep")}
    return predict(bundle, tables / "cohort.csv", features, explain=True)


def test_contributions_add_up_to_the_score_of_the_probability(explained: Prediction) -> None:
    assert list(explained.explained) == list(explained.probabilities)
    for family, found in explained.explained.items():
        whole = found.base + found.absence + found.contributions.sum(axis=1)
        assert whole == pytest.approx(found.score, abs=1e-9)
        probability = 1 / (1 + np.exp(-found.score))
        assert probability == pytest.approx(explained.probabilities[family].to_numpy(), abs=1e-9)


def test_a_formula_says_the_same(bundle: Bundle, explained: Prediction) -> None:
    """A linear score's contribution is its coefficient times the distance from the mean of what it is compared with."""
    found = explained.explained["clinical-radiomic"]
    formula = bundle.schema.families["clinical-radiomic"].formula
    assert formula is not None
    coefficients = {
        words[2]: float(words[1]) * (-1 if words[0] == "-" else 1)
        for words in (line.split(None, 3)[0:1] + line.split(" * ")[0].split()[1:] + [line.split(" * ")[1]]
                      for line in formula.splitlines()[1:])
    }  # fmt: skip
    for i, name in enumerate(found.names):
        x, moved = found.values[:, i], found.contributions[:, i]
        known = np.isfinite(x)
        slope = np.polyfit(x[known], moved[known], 1)[0]
        assert slope == pytest.approx(coefficients[name], rel=1e-6)


def test_the_table_has_a_row_for_the_rest_so_that_each_unit_adds_up(explained: Prediction) -> None:
    units = explained.units[["patient_id", "side"]]
    found = explained.explained["clinical-radiomic"]
    table = explanation_table(units, "clinical-radiomic", found, most=2)
    assert set(table["rank"]) <= {1, 2, 3}
    for _, rows in table.groupby(["patient_id", "side"]):
        total = rows["contribution"].sum() + rows["usual_score"].iloc[0]
        assert total == pytest.approx(rows["score"].iloc[0])
        first, second = rows["contribution"].abs().iloc[:2]
        assert first >= second


def test_no_row_of_a_patient_ships(bundle: Bundle, tables: Path) -> None:
    with np.load(bundle.path / "radiomic.explain.npz", allow_pickle=False) as stored:
        rows, used = stored["background"], stored["used"]
    names = [item.name for item in bundle.schema.families["radiomic"].inputs]
    known = pd.read_csv(tables / "radiomic.csv")[[names[i] for i in used]].to_numpy()
    assert len(used) > 1
    assert not {tuple(row) for row in np.nan_to_num(rows)} & {tuple(row) for row in np.nan_to_num(known)}


def test_an_explanation_of_another_model_is_refused(copied: Path, tables: Path, reseal: Callable[[Path], None]) -> None:
    from radfuse.fusion.explain.explainer import Explainer

    path = copied / "clinical.explain.npz"
    other = Explainer.from_bytes(path.read_bytes())
    (atom,) = other.atoms
    atom.coefficients[:] = 2 * atom.coefficients + 1
    path.write_bytes(other.to_bytes())
    reseal(copied)
    with pytest.raises(
        InputError, match=r"'clinical' is not of the model that predicts it; .*predict with explain=False"
    ):
        predict(copied, tables / "cohort.csv", families=["clinical"], explain=True)
    shutil.copy(copied / "deep.explain.npz", path)
    reseal(copied)
    with pytest.raises(InputError, match=r"explains other columns than bundle\.json lists for family 'clinical'"):
        predict(copied, tables / "cohort.csv", families=["clinical"], explain=True)
    path.write_bytes(b"no arrays")
    reseal(copied)
    with pytest.raises(InputError, match=r"clinical\.explain\.npz cannot be used"):
        predict(copied, tables / "cohort.csv", families=["clinical"], explain=True)


def test_a_bundle_without_explanation_predicts_and_says_so(edited: Callable, tables: Path) -> None:
    folder = edited(lambda schema: schema["families"]["clinical"].update(explainer=None))
    assert len(predict(folder, tables / "cohort.csv", families=["clinical"]).probabilities) > 0
    with pytest.raises(InputError, match="names nothing that explains family 'clinical'"):
        predict(folder, tables / "cohort.csv", families=["clinical"], explain=True)


def test_a_lost_explanation_is_noticed_when_the_bundle_is_opened(edited: Callable) -> None:
    folder = edited(lambda schema: schema["families"]["clinical"].update(explainer="other.npz"))
    with pytest.raises(InputError, match=r"other\.npz not listed"):
        load_bundle(folder)


@pytest.mark.slow
def test_the_command_writes_table_and_waterfalls_without_torch_or_scikit_learn(
    bundle: Bundle, tables: Path, tmp_path: Path
) -> None:
    words = [
        "predict",
        str(bundle.path),
        str(tables / "cohort.csv"),
        "--family",
        "clinical",
        "--out",
        str(tmp_path / "P"),
    ]
    script = (
        "import json, sys\nfrom radfuse.cli.app import app\n"
        f"try: app({[*words, '--explain', '--waterfalls', '2']!r})\n"
        "except SystemExit as end: assert not end.code\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"torch", "sklearn", "lightgbm"} & set(json.loads(finished.stdout.splitlines()[-1]))
    pictures = sorted((tmp_path / "P/explanation/clinical").iterdir())
    assert [picture.suffix for picture in pictures] == [".svg", ".svg"]
    assert "score (log odds)" in pictures[0].read_text()
    table = pd.read_csv(tmp_path / "P/explanation.csv")
    assert set(table["family"]) == {"clinical"}
    assert len(table[["patient_id", "side"]].drop_duplicates()) == len(pd.read_csv(tables / "cohort.csv"))
