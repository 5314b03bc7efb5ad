"""Curves from log odds to probability: known ones are found again, none falls, and the ONNX file says the same."""

from __future__ import annotations

import numpy as np
import pytest
from columns import planted
from scipy.special import expit

from radfuse.fusion.config import FusionConfig
from radfuse.fusion.export import largest_difference
from radfuse.fusion.models.ridge import Ridge
from radfuse.fusion.recalibrate import Beta, BetaCurve, Isotonic, Knots, Line, Platt, Recalibration
from radfuse.fusion.validate import fit_family
from radfuse.outcomes.binary import BinaryOutcome

WAYS = [Platt(), Beta(), Isotonic()]


@pytest.mark.parametrize("how", WAYS, ids=lambda how: how.kind)
def test_probabilities_that_are_too_sure_are_brought_back(how: Recalibration):
    """The true log odds are a third of those given, and one half lower."""
    generator = np.random.default_rng(1)
    odds = 3 * generator.standard_normal(20_000)
    true = expit(odds / 3 - 0.5)
    curve = how.fit(odds, (generator.random(len(odds)) < true).astype(int))
    inside = np.abs(odds) < 5
    np.testing.assert_allclose(curve.predict(odds)[inside], true[inside], atol=0.05)
    if isinstance(curve, Line):
        assert (curve.slope, curve.intercept) == (pytest.approx(1 / 3, abs=0.03), pytest.approx(-0.5, abs=0.05))


@pytest.mark.parametrize("how", WAYS, ids=lambda how: how.kind)
@pytest.mark.parametrize("seed", range(4))
def test_no_curve_falls_or_reaches_the_ends(how: Recalibration, seed: int):
    """Nor where the model ranks backwards, or parts the classes."""
    generator = np.random.default_rng(seed)
    odds = generator.standard_normal(40)
    for y in ((odds > 0).astype(int), (odds < 0).astype(int), generator.permutation(np.repeat([0, 1], 20))):
        found = how.fit(odds, y).predict(np.linspace(-30, 30, 400))
        assert (np.diff(found) >= -1e-12).all()
        assert ((found >= 0) & (found <= 1)).all()
        inside = how.fit(odds, y).predict(odds)
        assert ((inside > 0) & (inside < 1)).all()


def test_curves_by_hand():
    assert Line(0.0, 1.0).predict(np.array([0.0]))[0] == 0.5
    np.testing.assert_allclose(BetaCurve(0.0, 1.0, 1.0).predict(np.array([-2.0, 0.3, 9.0])), expit([-2.0, 0.3, 9.0]))
    knots = Knots(np.array([-1.0, 1.0]), np.array([0.2, 0.6]))
    np.testing.assert_allclose(knots.predict(np.array([-5.0, -1.0, 0.0, 1.0, 5.0])), [0.2, 0.2, 0.4, 0.6, 0.6])


@pytest.mark.parametrize("how", WAYS, ids=lambda how: how.kind)
def test_a_family_follows_its_curve_in_its_file_too(how: Recalibration):
    x, y = planted(2, units=90)
    x[::7, 3] = np.nan
    config = FusionConfig(classifier=Ridge(), recalibrate=how, inner_folds=3)
    names = [f"column {i}" for i in range(40)]
    blocks = {"clinical": range(5), "radiomic": range(5, 40)}
    fit = fit_family(x, y, y, np.arange(90), blocks, names, BinaryOutcome(column="event"), config, 3)
    plain = fit_family(
        x, y, y, np.arange(90), blocks, names, BinaryOutcome(column="event"),
        config.model_copy(update={"recalibrate": None}), 3,
    )  # fmt: skip
    model = fit.fitted.to_onnx("clinical-radiomic", 0.5)
    assert largest_difference(model, fit.fitted.predict, x, 1) < 1e-9
    order = np.argsort(plain.fitted.predict(x))
    assert (np.diff(fit.fitted.predict(x)[order]) >= -1e-12).all()
    assert (fit.fitted.explain("score").formula is not None) == (how.kind == "platt")


def test_a_strategy_of_ones_own_calibrates_itself():
    from radfuse.config import Section

    class Own(Section):
        def fit(self, training):
            raise AssertionError

    config = FusionConfig.model_construct(**{**FusionConfig().__dict__, "strategy": Own(), "recalibrate": Platt()})
    x, y = planted(2, units=60)
    names, outcome = [f"{i}" for i in range(40)], BinaryOutcome(column="event")
    with pytest.raises(ValueError, match=r"fusion.recalibrate works with radfuse's own strategies"):
        fit_family(x, y, y, np.arange(60), {"a": range(40)}, names, outcome, config, 3)
