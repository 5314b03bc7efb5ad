"""Checklists: their items and weights as published, what a study answers, what its authors do, and the score."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from papers import OF_CLASSES, report_of, shipped

from radfuse.check.answers import problems_of_answers, read_answers
from radfuse.errors import InputError
from radfuse.report.checklists import CHECKLISTS
from radfuse.report.checklists.checklist import Answer, answered
from radfuse.report.checklists.clear import CLEAR
from radfuse.report.checklists.facts import facts
from radfuse.report.checklists.metrics import METRICS, band, score
from radfuse.report.checklists.tripod_ai import TRIPOD_AI
from radfuse.study import load_study

pytestmark = pytest.mark.slow

YES, NO = Answer("yes"), Answer("no")


def test_metrics_has_30_items_in_9_categories_whose_weights_sum_to_1() -> None:
    weights = {}
    for item in METRICS.items:
        weights[item.group] = weights.get(item.group, 0) + item.weight
    assert [item.number for item in METRICS.items] == [str(number) for number in range(1, 31)]
    # ranks of the nine categories as its Table 1 has them: rank sums over 89
    ranks = [18, 13, 6, 12, 8, 8, 12, 10, 2]
    assert list(weights.values()) == pytest.approx([rank / 89 for rank in ranks], abs=2e-4)
    assert sum(weights.values()) == pytest.approx(1, abs=1e-9)
    # the official calculator's weights, rounded to three digits
    official = [
        *(0.037, 0.074, 0.092, 0.044, 0.029, 0.044, 0.029, 0.034, 0.022, 0.011, 0.062, 0.031, 0.041, 0.02, 0.02),
        *(0.03, 0.02, 0.06, 0.03, 0.035, 0.023, 0.018, 0.012, 0.029, 0.018, 0.037, 0.075, 0.007, 0.007, 0.007),
    ]
    assert [item.weight for item in METRICS.items] == pytest.approx(official, abs=6e-4)


def test_clear_and_tripod_ai_have_their_items() -> None:
    assert [item.number for item in CLEAR.items] == [str(number) for number in range(1, 59)]
    numbers = [item.number for item in TRIPOD_AI.items]
    assert list(dict.fromkeys(number.rstrip("abcdefg") for number in numbers)) == [str(i) for i in range(1, 28)]
    assert len(numbers) == len(set(numbers)) == 52


BANDS = {0: "very low", 19.9: "very low", 20: "low", 40: "moderate", 60: "good", 80: "excellent", 100: "excellent"}


@pytest.mark.parametrize(("percent", "name"), BANDS.items())
def test_bands(percent: float, name: str) -> None:
    assert band(percent) == name


def test_the_score_by_hand() -> None:
    # of items 1 (0.0368), 2 (0.0735), 3 (0.0919): yes, no, open; all others do not apply
    said = {item.number: Answer("not applicable") for item in METRICS.items}
    rows = answered(METRICS, {}, {**said, "1": YES, "2": NO, "3": Answer("open")})
    found = score(rows)
    assert found.now == pytest.approx(100 * 0.0368 / 0.2022)
    assert found.most == pytest.approx(100 * (0.0368 + 0.0919) / 0.2022)
    assert [(item.number, round(points, 1)) for item, _, points in found.gains] == [("3", 45.5), ("2", 36.4)]
    assert found.bands == "very low to good"


def test_everything_met_is_100_and_nothing_is_0() -> None:
    every = {item.number: YES for item in METRICS.items}
    assert score(answered(METRICS, {}, every)).now == pytest.approx(100)
    assert score(answered(METRICS, {}, dict.fromkeys(every, NO))).most == pytest.approx(0)


@pytest.mark.parametrize("name", OF_CLASSES)
def test_every_fact_that_an_item_names_is_told_of_every_shipped_study(name: str, tmp_path: Path) -> None:
    known = facts(report_of(shipped(name, tmp_path)))
    for checklist in CHECKLISTS:
        for item, answer in answered(checklist, known, {}):
            assert not item.fact or item.fact in known, item
            assert answer.verdict == "open" or answer.evidence, item
            assert "None" not in answer.evidence
            assert "  " not in answer.evidence


def verdicts(name: str, folder: Path, *overrides: str, **changed: object) -> dict[str, str]:
    known = facts(report_of(shipped(name, folder, overrides), **changed))
    return {item.number: answer.verdict for item, answer in answered(METRICS, known, {})}


def test_what_is_known_follows_the_study(tmp_path: Path) -> None:
    found = verdicts("rectal_pcr", tmp_path)
    assert {number: found[number] for number in ("9", "14", "15", "17", "22", "23", "24", "25", "26", "27")} == {
        "9": "not applicable",  # masks drawn by hand
        "14": "yes",  # a step `stability`
        "15": "yes",
        "17": "not applicable",
        "22": "yes",
        "23": "no",  # two sequences
        "24": "yes",
        "25": "yes",  # logistic regression
        "26": "yes",  # later patients
        "27": "no",
    }
    found = verdicts("tables", tmp_path, "cohort.split={kind: leave_site_out, column: site}", "cohort.site=site")
    assert {number: found[number] for number in ("4", "8", "14", "19", "25", "27")} == {
        "4": "yes",
        "8": "open",  # tables: nobody says how they were made
        "14": "no",
        "19": "yes",
        "25": "no",
        "27": "no",  # internal-external validation: no site was kept for a test
    }
    assert verdicts("tables", tmp_path, "cohort.split={kind: column, column: set}")["27"] == "open"
    assert verdicts("knee_oa_incidence", tmp_path)["15"] == "no"  # of four learners one selects, the others see all
    assert verdicts("sarcoma", tmp_path)["9"] == "no"  # no manual mask beside a predicted one in this report
    assert verdicts("sarcoma", tmp_path)["10"] == "yes"


@pytest.mark.parametrize(
    ("name", "shared", "poor"),
    [
        ("tables", "none are part of this study", "medians"),
        ("rectal_pcr", "images and masks of the cohort table", "medians and refuses unreadable images"),
        ("sarcoma", "images and labels/ of the run folder", "medians and refuses unreadable images"),
    ],
)
def test_only_files_that_the_study_has_are_named(name: str, shared: str, poor: str, tmp_path: Path) -> None:
    known = facts(report_of(shipped(name, tmp_path)))
    assert known["share_images"].evidence == shared
    assert known["poor_inputs"].evidence.endswith(poor)


def test_an_image_that_radiomics_normalises_is_not_told_as_it_came(tmp_path: Path) -> None:
    told = facts(report_of(shipped("sarcoma", tmp_path, ["radiomics.normalize=true"])))["preprocessing_told"].evidence
    assert told.endswith("normalisation: radiomics.normalize")


@pytest.mark.parametrize(("subgroups", "verdict"), [("[]", "no"), ("[sex]", "yes")])
def test_key_groups_are_measured_where_the_study_names_them(subgroups: str, verdict: str, tmp_path: Path) -> None:
    known = facts(report_of(shipped("knee_pain_nomogram", tmp_path, [f"evaluation.subgroups={subgroups}"])))
    found = {item.number: answer for item, answer in answered(TRIPOD_AI, known, {})}
    assert found["23a"].verdict == verdict
    assert "formulas" not in found["22"].evidence  # none of a model that was not refitted


def test_authors_answers_come_first(tmp_path: Path) -> None:
    path = tmp_path / "answers.yaml"
    path.write_text(
        "metrics:\n  2: yes\n  22: {answer: no, where: not done}\nTRIPOD+AI: {18a: {answer: yes, where: p. 9}}\n"
    )
    own = read_answers(path)
    assert own == {
        "metrics": {"2": Answer("yes", "as the authors say"), "22": Answer("no", "not done")},
        "tripod_ai": {"18a": Answer("yes", "p. 9")},
    }
    rows = {item.number: answer for item, answer in answered(METRICS, {"calibration": YES}, own["metrics"])}
    assert (rows["2"].verdict, rows["22"].verdict, rows["21"].verdict) == ("yes", "no", "open")


def test_wrong_answers_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "answers.yaml"
    path.write_text("metric: {1: yes}\nCLEAR: {59: yes, 3: maybe, 4: {answer: yes, page: 3}}\nMETRICS: 4\n")
    told = " ".join(str(problem) for problem in problems_of_answers(path))
    assert "no checklist 'metric'" in told
    assert "CLEAR has no item 59" in told
    assert "CLEAR 3: 'maybe' is no answer; write yes, no or na" in told
    assert "CLEAR 4:" in told
    assert "METRICS holds no items" in told
    with pytest.raises(InputError):
        read_answers(path)


def test_answers_are_found_beside_the_study_and_missed_before_any_compute(tmp_path: Path) -> None:
    study = load_study(shipped_file(tmp_path), ["report.answers=mine.yaml"])
    assert study.report.answers == tmp_path / "mine.yaml"
    (problem,) = problems_of_answers(study.report.answers)
    assert "mine.yaml" in problem.message


def shipped_file(folder: Path) -> Path:
    shipped("tables", folder)
    return folder / "tables.yaml"


def test_the_report_has_them_as_tables(phantom_run: tuple[Path, Path]) -> None:
    folder = phantom_run[1] / "report"
    page = (folder / "index.html").read_text(encoding="utf-8")
    for checklist in CHECKLISTS:
        table = pd.read_csv(folder / f"checklists/{checklist.file}.csv", dtype=str)
        assert list(table["item"]) == [item.number for item in checklist.items]
        assert set(table["answer"]) <= {"yes", "no", "not applicable", "for you to answer"}
        assert checklist.source in page
    assert "% to " in page
    methods = (folder / "methods.md").read_text(encoding="utf-8")
    assert methods.startswith("**Participants and outcome.** We predicted the outcome “progressed” (event: 1) in ")
    assert "Columns were selected by removal of one of each pair with a Spearman correlation above 0.9" in methods
