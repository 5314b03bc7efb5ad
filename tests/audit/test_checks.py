"""Each planted leak is caught by the check of its name, and clean tables raise none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from audited import coins, noise, subject, the_finding
from scipy import stats

from radfuse.audit import copies, patients, preselected, scaled, sites, visits
from radfuse.audit.checks import CHECKS, audit, problems_of
from radfuse.audit.sites import explained
from radfuse.cohort.splits import Fold


def test_a_patient_on_both_sides_is_an_error() -> None:
    people = ["a", "a", "b", "c"]
    fold = Fold("1", np.array([0, 2]), np.array([1, 3]))
    finding = the_finding(patients.look(subject(noise(4, 2), [0, 1, 0, 1], patients=people, folds=[fold])))
    assert finding.severity == "error"
    assert finding.found == "fold '1' trains and tests on 1 patient alike: a"
    apart = Fold("1", np.array([0, 1]), np.array([2, 3]))
    assert patients.look(subject(noise(4, 2), [0, 1, 0, 1], patients=people, folds=[apart])).findings == ()


@pytest.mark.parametrize(("first", "second"), [("P-007", "P7"), ("ana 12", "Ana_12"), ("01-002", "1-2")])
def test_ids_spelled_two_ways_are_named(first: str, second: str) -> None:
    finding = the_finding(patients.look(subject(noise(3, 1), [0, 1, 0], patients=[first, second, "other"])))
    assert finding.severity == "warning"
    assert repr(first) in finding.found
    assert repr(second) in finding.found


@pytest.mark.parametrize("names", [["1-12", "11-2", "111-2"], ["P1-2", "P12", "P21"], ["a", "b", "c"]])
def test_other_ids_are_not(names: list[str]) -> None:
    assert patients.look(subject(noise(3, 1), [0, 1, 0], patients=names)).findings == ()


@pytest.mark.parametrize(
    ("endings", "what"), [(("L", "R"), "side"), (("_left", "_right"), "side"), (("_V00", "_V01"), "visit")]
)
def test_patients_that_are_knees_or_visits_are_named(endings: tuple[str, str], what: str) -> None:
    people = [f"90{i:03d}{ending}" for i in range(10) for ending in endings]
    finding = the_finding(patients.look(subject(noise(20, 1), coins(20), patients=people)))
    assert finding.found.startswith(f"patients seem to be named by {what}, as '90000{endings[0]}'")


def test_another_column_of_people_that_joins_patients_is_named() -> None:
    pairs = [f"s{i // 2}" for i in range(40)]
    finding = the_finding(patients.look(subject(noise(40, 1), coins(40), beside={"subject": pairs})))
    assert (finding.severity, finding.column) == ("warning", "subject")
    assert finding.found.startswith("column 'subject' has one id where 'patient_id' has several: 'p0x' = 'p1x'")
    own = [f"s{i}" for i in range(40)]
    assert patients.look(subject(noise(40, 1), coins(40), beside={"subject": own})).findings == ()
    few = [f"s{i // 20}" for i in range(40)]  # of groups, by whatever name
    assert patients.look(subject(noise(40, 1), coins(40), beside={"subject": few})).findings == ()


def test_columns_chosen_on_all_rows_are_caught_though_they_are_noise() -> None:
    values, outcome = noise(150, 3000), coins(150)
    everything = subject(values, outcome)
    check = preselected.look(everything)
    assert check.findings == ()
    assert "5% of the 3,000 columns" in check.told
    best = np.argsort(everything.ranks["radiomic"].p_means)[:30]
    finding = the_finding(preselected.look(subject(values[:, best], outcome)))
    assert finding.severity == "warning"
    assert finding.found.startswith("100% of 30 columns have p < 0.05 by themselves")
    assert preselected.look(subject(values[:, best[:9]], outcome)).skipped == "no block has 10 columns"


def test_those_chosen_by_p_below_five_per_cent_are_caught_by_the_same_test() -> None:
    values, outcome = noise(100, 2000, seed=3), coins(100)
    found = subject(values, outcome).ranks["radiomic"]
    for p in (found.p_means, found.p_ranks):
        assert preselected.look(subject(values[:, p < 0.05], outcome)).findings


@pytest.mark.parametrize(
    "how",
    ["mean 0 and standard deviation 1", "smallest value 0 and largest 1", "median 0 and an interquartile range of 1"],
)
def test_a_scaled_table_is_a_remark(how: str) -> None:
    values = 3 + np.exp(noise(80, 20))
    assert scaled.look(subject(values, coins(80))).findings == ()
    if how.startswith("mean"):
        values = (values - values.mean(axis=0)) / values.std(axis=0)
    elif how.startswith("median"):
        values = (values - np.median(values, axis=0)) / stats.iqr(values, axis=0)
        values[3, 0] = np.nan
    else:
        values = (values - values.min(axis=0)) / np.ptp(values, axis=0)
    finding = the_finding(scaled.look(subject(values.round(4), coins(80))))
    assert finding.severity == "remark"
    assert finding.found.endswith(how)


@pytest.mark.parametrize("how", ["place", "share", "normal"])
def test_a_table_of_ranks_is_a_remark(how: str) -> None:
    values = 3 + np.exp(noise(80, 20))
    values[::7, 2] = np.nan
    values[:, 3] = values[:, 3] > values[:, 3].mean()  # a flag
    places = stats.rankdata(values, axis=0, nan_policy="omit")
    by = {"place": places, "share": places / 80, "normal": stats.norm.ppf((places - 0.375) / 80.25)}
    finding = the_finding(scaled.look(subject(by[how].round(6), coins(80))))
    assert finding.severity == "remark"
    assert "each value is its rank in the column" in finding.found


def test_standard_normal_columns_and_flags_were_not_scaled() -> None:
    even = np.random.default_rng(3).random((300, 20))
    assert scaled.look(subject(even, coins(300))).findings == ()  # drawn evenly, they are no ranks
    assert scaled.look(subject(noise(300, 64), coins(300))).findings == ()
    assert scaled.look(subject((noise(300, 20) > 0).astype(float), coins(300))).findings == ()


def test_a_scanner_that_tells_the_outcome_is_named_though_no_setting_names_it() -> None:
    outcome = coins(120)
    scanner = np.where((outcome == 1) & (noise(120, 1)[:, 0] < 0.8), "new", "old")
    finding = the_finding(sites.look(subject(noise(120, 5), outcome, beside={"scanner": scanner})))
    assert (finding.severity, finding.column) == ("warning", "scanner")
    assert "p below 0.001" in finding.found
    fair = np.where(noise(120, 1, seed=4)[:, 0] > 0, "new", "old")
    check = sites.look(subject(noise(120, 5), outcome, beside={"scanner": fair}))
    assert check.findings == ()
    assert check.told.startswith("scanner: events in ")


@pytest.mark.parametrize(("events", "severity"), [((25, 12), "remark"), ((30, 10), "warning")])
def test_a_site_that_chance_could_have_made_in_one_of_some_hundred_studies_is_a_remark(
    events: tuple[int, int], severity: str
) -> None:
    """Two sites of 40: events in 25 and 12, p 0.006 or so, and in 30 and 10."""
    outcome = np.concatenate([np.arange(40) < count for count in events]).astype(float)
    one = subject(noise(80, 1), outcome, beside={"hospital": np.repeat(["north", "south"], 40)})
    assert the_finding(sites.look(one)).severity == severity


def test_two_knees_of_a_patient_count_once_where_sites_are_shuffled() -> None:
    people = np.repeat(np.arange(14), 8)
    place = np.where(people % 2 == 0, "a", "b")
    outcome = (people < 4) | ((people % 2 == 0) & (people < 8))
    names = [f"k{i}x" for i in people]
    assert (
        sites.look(subject(noise(112, 3), outcome, patients=names, site="site", beside={"site": place})).findings == ()
    )


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d/%m/%Y", "%d.%m.%y 10:30", "%d %b %Y"])
def test_events_that_come_late_are_named(form: str) -> None:
    outcome = coins(120)
    apart = 200 if form.startswith("%Y") else 900  # so far that all events come later, where no variance can be had
    days = pd.Timestamp("2019-01-01") + pd.to_timedelta(apart * outcome + 100 * noise(120, 1)[:, 0], "D")
    dates = [day.strftime(form) for day in days]
    finding = the_finding(sites.look(subject(noise(120, 5), outcome, beside={"scan_date": dates})))
    assert finding.found.startswith("events come later by 'scan_date'")
    mixed = list(np.random.default_rng(3).permutation(dates))
    assert sites.look(subject(noise(120, 5), outcome, beside={"scan_date": mixed})).findings == ()


def test_a_column_that_cannot_be_ordered_is_said_to_be_there() -> None:
    words = [f"on day {i}, or so" for i in range(60)]
    told = sites.look(subject(noise(60, 5), coins(60), beside={"scan_date": words})).told
    assert told == "scan_date: neither groups of 5 patients and more, nor dates or numbers of most units"


def test_features_that_differ_by_site_more_than_by_outcome_are_counted() -> None:
    place = np.where(np.arange(120) % 3 == 0, "a", "b")
    values = noise(120, 10)
    values[place == "a", :6] += 2
    check = sites.look(subject(values, coins(120), site="site", beside={"site": place}))
    finding = the_finding(check)
    assert finding.severity == "remark"
    assert finding.found.startswith("60% of 10 columns differ by site more than by outcome")


def test_the_share_that_groups_explain_is_that_of_an_analysis_of_variance() -> None:
    x = np.array([[1.0], [2], [3], [7], [8], [9]])
    found = explained(x, np.array([0, 0, 0, 1, 1, 1]), np.arange(6))
    assert found.share[0] == pytest.approx(1 - (4 / 4) / (58 / 5))  # within 4 of 4 degrees, in all 58 of 5
    assert found.p[0] == pytest.approx(0.001826, abs=1e-6)  # F 54 of 1 and 4


@pytest.mark.parametrize("turned", [False, True])
def test_a_clinical_column_that_is_the_outcome_is_an_error(turned: bool) -> None:
    outcome = coins(60)
    values = pd.DataFrame({"age": noise(60, 1)[:, 0], "x": 5 - 3 * outcome if turned else outcome})
    finding = the_finding(copies.look(subject(values, outcome, block="clinical")))
    assert (finding.severity, finding.column) == ("error", "x")
    assert finding.found == "column 'x' is the outcome itself, value by value in 60 units"
    values.loc[3, "x"] = values["x"].min() + values["x"].max() - values.loc[3, "x"]
    assert copies.look(subject(values, outcome, block="clinical")).findings == ()


def test_few_units_are_not_enough_to_call_a_column_the_outcome() -> None:
    assert copies.look(subject(pd.DataFrame({"sex": coins(12)}), coins(12), block="clinical")).findings == ()


@pytest.mark.parametrize("name", ["event_2", "Event", "label", "died", "t1/tumour/pCR", "status=relapse", "target"])
def test_columns_called_like_an_outcome_are_named(name: str) -> None:
    name = name.replace("status=", "relapse=")
    finding = the_finding(copies.look(subject(pd.DataFrame({name: noise(40, 1)[:, 0]}), coins(40))))
    assert (finding.severity, finding.column) == ("remark", name)


def test_an_outcome_of_three_letters_is_known_as_a_word_of_a_column() -> None:
    finding = the_finding(
        copies.look(subject(pd.DataFrame({"bad_at_24m": noise(40, 1)[:, 0]}), coins(40), called="bad"))
    )
    assert finding.column == "bad_at_24m"
    badge = pd.DataFrame({"badge": noise(40, 1)[:, 0]})
    assert copies.look(subject(badge, coins(40), called="bad")).findings == ()


@pytest.mark.parametrize("name", ["age", "bmi", "t1/tumour/original_glcm_Contrast", "event_free=no", "prevalence"])
def test_columns_of_other_names_are_not(name: str) -> None:
    name = name.replace("event_free", "eventless")
    assert copies.look(subject(pd.DataFrame({name: noise(40, 1)[:, 0]}), coins(40))).findings == ()


def test_columns_of_the_outcomes_visit_or_later_are_named() -> None:
    values = pd.DataFrame(noise(30, 4), columns=["t1@V00/x", "t1@V04/x", "t1@V06/x", "y"])
    check = visits.look(subject(values, coins(30), called="kl_V04"))
    assert [(finding.severity, finding.column) for finding in check.findings] == [
        ("warning", "t1@V04/x"),
        ("warning", "t1@V06/x"),
    ]
    unknown = the_finding(visits.look(subject(values, coins(30))))
    assert unknown.severity == "remark"
    assert unknown.mend == "Make sure that it was read after V06"
    assert visits.look(subject(values[["y"]], coins(30))).skipped == "no column names a visit"
    between = {"between": ["pre", "post"], "kinds": ["difference"], "keep": "baseline"}
    changed = pd.DataFrame(noise(30, 2), columns=["t1@pre/tumour/a", "t1@change/tumour/a"])
    check = visits.look(subject(changed, coins(30), changes=between, unit=["patient_id"]))
    assert check.told == "columns of pre, post"
    assert the_finding(check).mend == "Make sure that it was read after post"
    sequences = pd.DataFrame(noise(30, 2), columns=["t1@percent/tumour/a", "t2@change/tumour/a"])
    assert visits.look(subject(sequences, coins(30))).skipped == "no column names a visit"


def test_a_clean_study_passes_every_check_and_errors_come_first() -> None:
    clean = audit(subject(noise(150, 40) * 7 + 3, coins(150)))
    assert len(clean.checks) == len(CHECKS)
    assert len({check.name for check in clean.checks}) == len(CHECKS)
    assert clean.findings == []
    values, outcome = pd.DataFrame(noise(80, 12)), coins(80)
    values["event"] = outcome
    found = audit(subject(values, outcome, block="clinical"))
    severities = [finding.severity for _, finding in found.findings]
    assert severities == sorted(severities, key=("error", "warning", "remark").index)
    assert {problem.severity for problem in problems_of(found.checks)} == {"error", "warning"}
