"""The calibration curve: splines against R's formula and by hand, curves whose shape is known."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.curve import calibration_curve, restricted_cubic
from radfuse.statistics.scores import expit, to_logit


def exact(p: np.ndarray, share: np.ndarray, times: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Return outcomes whose share of events at each probability is as given, to 1 / times."""
    events = np.rint(share * times).astype(int)
    y = np.concatenate([np.repeat([1, 0], [count, times - count]) for count in events])
    return y, np.repeat(p, times)


def test_a_spline_by_hand() -> None:
    """Knots 0, 1, 2: at 3 the column is (27 - 2 * 8 + 1 * 1) / 4 = 3, and beyond the last knot it is a line."""
    found = restricted_cubic(np.array([-1.0, 0.0, 0.5, 1.0, 3.0, 4.0, 5.0]), np.array([0.0, 1.0, 2.0]))[:, 0]
    assert found == pytest.approx([0, 0, 0.125 / 4, 1 / 4, 3, 4.5, 6])


def test_the_columns_are_those_of_the_textbook() -> None:
    """Harrell 2015, equation 2.25: (x-t_j)+^3 - (x-t_3)+^3 (t_4-t_j)/(t_4-t_3) + (x-t_4)+^3 (t_3-t_j)/(t_4-t_3)."""
    knots, x = np.array([1.0, 2.0, 4.0, 7.0]), 5.0
    by_hand = [((x - t) ** 3 - (x - 4) ** 3 * (7 - t) / 3) / 36 for t in (1.0, 2.0)]
    assert restricted_cubic(np.array([x]), knots)[0] == pytest.approx(by_hand)


def test_a_calibrated_model_lies_on_the_diagonal() -> None:
    p = np.linspace(0.05, 0.95, 19)
    found = calibration_curve(*exact(p, p), np.arange(19 * 400))
    assert found is not None
    assert found.knots == 4
    assert found.ici < 1e-3
    np.testing.assert_allclose(found.observed, found.predicted, atol=2e-3)
    assert (found.low < found.predicted).all()
    assert (found.predicted < found.high).all()


def test_the_distances_are_those_of_a_known_curve() -> None:
    """Shares are expit(2 logit p): the spline holds this line, and the distances are those of the units."""
    p = np.linspace(0.05, 0.95, 19)
    share = expit(2 * to_logit(p))
    found = calibration_curve(*exact(p, share, 2000), np.arange(19 * 2000))
    assert found is not None
    off = np.abs(share - p)
    assert found.ici == pytest.approx(off.mean(), abs=2e-3)
    assert found.e50 == pytest.approx(np.median(np.repeat(off, 2000)), abs=2e-3)
    assert found.e90 == pytest.approx(np.quantile(np.repeat(off, 2000), 0.9), abs=3e-3)
    assert found.emax == pytest.approx(off.max(), abs=3e-3)


def test_a_bend_that_no_line_has_is_followed() -> None:
    p = np.linspace(0.05, 0.95, 19)
    found = calibration_curve(*exact(p, np.where(p < 0.5, 0.2, 0.2 + 1.4 * (p - 0.5))), np.arange(19 * 400))
    assert found is not None
    assert np.interp(0.25, found.predicted, found.observed) == pytest.approx(0.2, abs=0.03)


def test_few_events_make_a_line_and_separated_classes_none() -> None:
    generator = np.random.default_rng(0)
    p = generator.uniform(size=120)
    y = generator.uniform(size=120) < p
    found = calibration_curve(y, p, np.arange(120))
    assert found is not None
    assert found.knots == 2
    assert calibration_curve(p > 0.5, p, np.arange(120)) is None
    assert calibration_curve(y, np.full(120, 0.3), np.arange(120)) is None
    assert calibration_curve([], [], []) is None


def test_copies_of_units_under_one_patient_do_not_narrow_the_band() -> None:
    generator = np.random.default_rng(1)
    p = generator.uniform(size=300)
    y = (generator.uniform(size=300) < p).astype(int)
    once = calibration_curve(y, p, np.arange(300), knots=3)
    twice = calibration_curve(np.tile(y, 2), np.tile(p, 2), np.tile(np.arange(300), 2), knots=3)
    assert once is not None
    assert twice is not None
    np.testing.assert_allclose(once.high, twice.high, atol=1e-6)
