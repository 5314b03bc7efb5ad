"""Sample sizes equal those that pmsampsize and the papers give."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from radfuse.statistics.sample_size import binary, continuous, most_r2, r2_of_auc, survival


@pytest.mark.parametrize(
    ("prevalence", "predictors", "r2", "units", "per_predictor"),
    [  # tests/testthat/test_bin.R of pmsampsize 1.1.3
        (0.174, 24, 0.288, [623, 662, 221], [4.52, 4.8, 1.6]),
        (0.174, 24, 0.55, [255, 532, 221], [1.85, 3.86, 1.6]),
        (0.174, 36, 0.288, [934, 992, 221], [4.51, 4.79, 1.07]),
        (0.25, 24, 0.288, [623, 590, 289], [6.49, 6.15, 3.01]),
    ],
)
def test_binary_outcomes_as_pmsampsize(
    prevalence: float, predictors: int, r2: float, units: list[int], per_predictor: list[float]
) -> None:
    found = binary(prevalence, predictors, r2)
    assert [item.units for item in found.criteria] == units
    assert [round(item.per_predictor, 2) for item in found.criteria] == per_predictor
    assert found.needed.units == max(units)


def test_an_auc_as_pmsampsize_simulates_it() -> None:
    # its documented example: C statistic 0.89, prevalence 0.174, 24 predictors
    found = binary(0.174, 24, r2_of_auc(0.89, 0.174))
    assert [item.units for item in found.criteria] == [615, 660, 221]


def test_r2_of_an_auc_is_the_likelihood_of_two_normals() -> None:
    # no separation, no information; full separation, all that there is
    assert r2_of_auc(0.5001, 0.3) == pytest.approx(0, abs=1e-4)
    assert r2_of_auc(0.99999, 0.3) == pytest.approx(most_r2(0.3), abs=2e-3)
    assert r2_of_auc(0.8, 0.3) == pytest.approx(r2_of_auc(0.8, 0.7), abs=1e-9)


def test_survival_as_in_the_paper() -> None:
    # Riley et al. 2020, doi:10.1136/bmj.m441: recurrent thrombosis, 30 predictors, 2 years
    found = survival(rate=0.065, follow_up=2.07, horizon=2, predictors=30, r2=0.051)
    assert [item.units for item in found.criteria[:2]] == [5143, 1039]
    assert found.needed.units == 5143
    assert round(found.needed.per_predictor, 2) == 23.07


@pytest.mark.parametrize(
    ("predictors", "r2", "rate", "horizon", "follow_up", "units", "per_predictor"),
    [  # tests/testthat/test_surv.R of pmsampsize, where the first criterion decides
        (25, 0.051, 0.065, 2, 2.07, 4286, 23.07),
        (50, 0.051, 0.065, 2, 2.07, 8572, 23.07),
        (40, 0.06, 0.08, 3, 5, 5798, 57.98),
        (10, 0.03, 0.09, 3, 3, 2950, 79.65),
    ],
)
def test_survival_as_pmsampsize(predictors, r2, rate, horizon, follow_up, units, per_predictor) -> None:
    found = survival(rate, follow_up, horizon, predictors, r2)
    assert found.needed == found.criteria[0]
    assert (found.needed.units, round(found.needed.per_predictor, 2)) == (units, per_predictor)


@pytest.mark.parametrize(
    ("r2", "predictors", "mean", "sd", "units"),
    [  # tests/testthat/test_cont.R of pmsampsize 1.1.3; its fourth criterion takes over the largest of the others
        (0.2, 25, 1.9, 0.6, [918, 401, 259]),
        (0.3, 25, 1.9, 0.6, [574, 351, 259]),
        (0.2, 50, 1.9, 0.6, [1924, 801, 284]),
        (0.2, 25, 10, 0.6, [918, 401, 259]),
        (0.5, 100, 1.9, 2, [1264, 1001, 334]),
    ],
)
def test_continuous_outcomes_as_pmsampsize(
    r2: float, predictors: int, mean: float, sd: float, units: list[int]
) -> None:
    found = continuous(mean, sd, predictors, r2)
    assert [item.units for item in found.criteria[:3]] == units
    assert found.needed.units == max(units)
    assert found.needed.per_predictor == pytest.approx(max(units) / predictors)
    assert found.needed.events is None


def test_fat_free_mass_as_in_the_paper() -> None:
    # Riley et al. 2020, doi:10.1136/bmj.m441, example 3: 20 predictors, R2 0.9, mean 26.7 kg, SD 8.7 kg
    assert continuous(26.7, 8.7, 20, 0.9).needed.units == 254


def test_the_mean_of_a_continuous_outcome_is_known_with_its_number_of_units_and_not_with_one_less() -> None:
    units = continuous(1.9, 6.0, 25, 0.2).criteria[3].units

    def half(n: int) -> float:
        return float(stats.t.ppf(0.975, n - 26)) * 6.0 * math.sqrt(0.8 / n)

    assert half(units) <= 0.19 < half(units - 1)
    assert continuous(-1.9, 6.0, 25, 0.2).needed.units == units > 918
    for wrong in ((0.0, 1.0), (1.0, 0.0)):
        with pytest.raises(ValueError, match="above 0, and the mean, to be known"):
            continuous(*wrong, 3, 0.2)


def test_the_third_criterion_of_survival_holds_with_its_own_number_and_not_with_one_less() -> None:
    rate, follow_up, horizon = 0.065, 2.07, 2.0
    units = survival(rate, follow_up, horizon, 30, 0.051).criteria[2].units

    def above(n: int) -> float:
        high = rate + 1.96 * math.sqrt(rate / (n * follow_up))
        return math.exp(-rate * horizon) - math.exp(-high * horizon)

    assert above(units) <= 0.05 < above(units - 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.1, 3, 0.8), "the largest is 0.478"),
        ((0.0, 3, 0.1), "between 0 and 1, found 0"),
        ((0.1, 0, 0.1), "one predictor at least, found 0"),
        ((0.1, 3, 0.95), "and 0.9, found 0.95"),
    ],
)
def test_what_no_model_can_be_is_refused(arguments: tuple[float, int, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        binary(*arguments)


def test_times_at_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0, found 0 and 2"):
        survival(0.0, 2.0, 2.0, 3, 0.1)
