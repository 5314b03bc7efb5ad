"""Held-out rows leave no trace: radfuse's own parts pass, a part that remembers or reads is caught."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audited import coins, noise, the_finding

from radfuse.audit import honesty
from radfuse.audit.honesty import Trial as HonestyTrial
from radfuse.audit.honesty import chosen_family, fitted_numbers, look, own_parts_of, poisoned, smaller
from radfuse.cohort.splits import Fold
from radfuse.extend import parts_beside
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.design import Design
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.results import AuditCheck

EVENT = BinaryOutcome(column="event")
PARTS = '''
from pathlib import Path
import time
from datetime import date, datetime
import numpy as np
from radfuse.config import Section

SEEN = {}


def HOUR():
    return time.localtime().tm_hour + datetime.now().hour + date.today().toordinal() + int(time.time() // 3600)


class Fair(Section):
    """Keeps the five most relevant columns."""

    def candidates(self):
        return ({},)

    def jointly(self):
        return False

    def choose(self, x, y, settings, outcome):
        order = np.argsort(-outcome.relevance(x, y), kind="stable")
        return np.isin(np.arange(x.shape[1]), order[:5])


class Remembers(Fair):
    """Chooses on the first training set it ever sees, and keeps to that by a global: test rows of others are in it."""

    def choose(self, x, y, settings, outcome):
        if x.shape[1] not in SEEN:
            SEEN[x.shape[1]] = super().choose(x, y, settings, outcome)
        return SEEN[x.shape[1]]


class Reads(Fair):
    """Opens the table that holds everybody's outcome."""

    def choose(self, x, y, settings, outcome):
        (Path(__file__).parent / "cohort.csv").read_text()
        return super().choose(x, y, settings, outcome)


class Draws(Fair):
    """Draws columns by numpy's own generator, which nobody seeds."""

    def choose(self, x, y, settings, outcome):
        return np.random.random(x.shape[1]) < 0.5


class Ticks(Fair):
    """Chooses other columns every hour."""

    def choose(self, x, y, settings, outcome):
        return np.isin(np.arange(x.shape[1]), (np.arange(5) + HOUR()) % x.shape[1])
'''


def design(units: int = 60) -> Design:
    frame = pd.DataFrame({"patient_id": [f"p{i}" for i in range(units)], "event": coins(units)})
    blocks = {"clinical": noise(units, 3), "radiomic": noise(units, 30, seed=2)}
    named = {name: pd.DataFrame(x, columns=[f"{name}{i}" for i in range(x.shape[1])]) for name, x in blocks.items()}
    return Design(frame, named)


def folds(units: int = 60) -> list[Fold]:
    place = np.arange(units) % 3
    return [Fold(str(i + 1), np.flatnonzero(place != i), np.flatnonzero(place == i)) for i in range(3)]


def config(selection: str = "") -> FusionConfig:
    steps = [{"use": selection}] if selection else [{"kind": "mrmr", "k": 3}]
    usual = {"classifier": {"kind": "logistic", "c": [0.1, 1.0]}, "strategy": {"kind": "early"}, "inner_folds": 2}
    return FusionConfig.model_validate({**usual, "selection": steps})


FAMILIES = ("clinical", "radiomic", "clinical-radiomic")


def test_radfuses_own_parts_leave_no_trace_in_any_family() -> None:
    check = look(design(), folds(), FAMILIES, "patient_id", EVENT, config(), 7, every=True)
    assert check.findings == ()
    assert check.told == "clinical, radiomic, clinical-radiomic on fold 1: the same to the last bit"


def test_noise_stands_in_the_held_out_rows_alone_and_their_outcomes_are_turned() -> None:
    whole, rows = design(), folds()[0].test
    found = poisoned(whole, rows, EVENT)
    others = np.setdiff1d(np.arange(60), rows)
    assert (found.units["event"].iloc[rows] == 1 - whole.units["event"].iloc[rows]).all()
    assert found.units.iloc[others].equals(whole.units.iloc[others])
    for name, values in found.blocks.items():
        assert values.iloc[others].equals(whole.blocks[name].iloc[others])
        assert np.abs(values.iloc[rows]).to_numpy().mean() > 100


def test_a_fold_that_trains_on_noise_is_another_model() -> None:
    """The comparison sees what it should: noise in a row that is trained on changes everything fitted."""
    trial = HonestyTrial(design(), "radiomic", folds()[0], None, "patient_id", EVENT, config(), 7, None)
    spoilt = poisoned(trial.design, folds()[0].train[:5], EVENT)
    one = fitted_numbers(trial)
    other = fitted_numbers(HonestyTrial(spoilt, *(getattr(trial, name) for name in FIELDS)))
    assert {"predictions", "model", "inner AUC"} <= {name for name in one if one[name] != other[name]}


FIELDS = ("family", "fold", "before", "patient", "outcome", "fusion", "seed", "site")


def test_the_cheapest_family_is_tried_among_those_with_work_for_every_step() -> None:
    whole = design()
    assert chosen_family(whole, FAMILIES, config()) == "clinical"
    assert chosen_family(whole, FAMILIES, config(), widest=True) == "clinical-radiomic"
    step = {"kind": "mrmr", "k": 3, "blocks": ["radiomic"]}
    assert chosen_family(whole, FAMILIES, FusionConfig.model_validate({"selection": [step]})) == "radiomic"


def test_of_a_large_study_some_patients_and_columns_do() -> None:
    whole = Design(design(1500).units, {"radiomic": pd.DataFrame(noise(1500, 450))})
    fold = folds(1500)[0]
    trial = smaller(HonestyTrial(whole, "radiomic", fold, folds(1500)[1], "patient_id", EVENT, config(), 7, None))
    assert trial.design.blocks["radiomic"].shape == (300, 200)
    assert (len(trial.fold.train), len(trial.fold.test)) == (240, 60)
    people = trial.design.units["patient_id"]
    assert set(people.iloc[trial.fold.test]) <= set(whole.units["patient_id"].iloc[fold.test])
    assert trial.before is not None
    assert set(trial.fold.test) & set(trial.before.train)


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AuditCheck]:
    """Audit a study whose selector is a class of parts beside it."""
    (tmp_path / "audit_own_parts.py").write_text(PARTS)
    (tmp_path / "cohort.csv").write_text("case_id,event\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def audit(name: str) -> AuditCheck:
        with parts_beside(tmp_path):
            fusion = config(f"audit_own_parts:{name}")
        assert own_parts_of(fusion, EVENT) == [name]
        about = (design(), folds(), ("radiomic",), "patient_id", EVENT, fusion, 7)
        return look(*about, tables=[tmp_path / "cohort.csv"])

    return audit


def test_a_worker_that_may_start_no_process_says_so(
    tried: Callable[[str], AuditCheck], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of multiprocessing.Pool, in which a study runs."""
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    assert tried("Fair").skipped == "it could not be fitted: radiomic: no process could be started for it"


def test_who_fits_ends_with_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, a study left two interpreters behind for good."""
    begun: list[str] = []
    monkeypatch.setattr(honesty, "put_on_the_clock", lambda: begun.append("clock"))
    monkeypatch.setattr(honesty, "take_place", lambda: begun.append("worker"))
    monkeypatch.setattr(sys, "addaudithook", lambda _: begun.append("watch"))
    monkeypatch.setattr(np.random, "seed", lambda: None)
    honesty._watch()
    honesty._watch(later=True)
    assert begun == ["worker", "watch", "worker", "clock", "watch"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Remembers", "radiomic on fold 1 is another model when its held-out rows are noise"),
        ("Reads", "cohort.csv is opened where models are fitted"),
        ("Draws", "radiomic on fold 1 is another model each time it is fitted to the same rows"),
        ("Ticks", "radiomic on fold 1 is another model each time it is fitted to the same rows"),
    ],
)
def test_a_part_that_looks_at_what_it_is_not_given_is_caught(
    name: str, says: str, tried: Callable[[str], AuditCheck]
) -> None:
    check = tried(name)
    assert check.skipped == ""
    finding = the_finding(check)  # the one that reads chooses fairly, and makes the same model
    assert finding.severity == "error"
    assert finding.found.startswith(says)
    assert name in finding.mend
