"""ComBat against its formulas written out a column at a time, and what it is for."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.fusion.harmonise import Combat


def scanned(seed: int = 0, units: int = 90, columns: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three sites of unlike size that shift and spread columns; age matters, and is another in each site."""
    generator = np.random.default_rng(seed)
    sites = np.repeat(["a", "b", "c"], [units // 2, units // 3, units - units // 2 - units // 3])
    place = np.unique(sites, return_inverse=True)[1]
    age = generator.standard_normal(units) + np.array([0, 1, -1])[place]
    shift, spread = generator.standard_normal((3, columns)), np.exp(0.5 * generator.standard_normal((3, columns)))
    x = 10 + np.outer(age, generator.standard_normal(columns))
    x += shift[place] + spread[place] * generator.standard_normal((units, columns))
    return x, sites, age[:, None]


def written_out(x: np.ndarray, sites: np.ndarray, covariates: np.ndarray | None) -> np.ndarray:
    """Johnson et al. 2007, section 3, with the empirical priors of its supplement."""
    names = sorted(set(sites))
    design = np.column_stack([*(sites == name for name in names), *([] if covariates is None else covariates.T)])
    design = design.astype(float)
    beta = np.linalg.solve(design.T @ design, design.T @ x)
    shares = np.array([(sites == name).mean() for name in names])
    alpha = shares @ beta[: len(names)]
    sigma = np.sqrt(((x - design @ beta) ** 2).mean(axis=0))
    kept = alpha + (0 if covariates is None else covariates @ beta[len(names) :])
    z = (x - kept) / sigma
    result = np.empty(x.shape)
    for name in names:
        own = z[sites == name]
        n = len(own)
        gamma_hat, delta_hat = own.mean(axis=0), own.var(axis=0, ddof=1)
        gamma_bar, tau2 = gamma_hat.mean(), gamma_hat.var(ddof=1)
        v, s2 = delta_hat.mean(), delta_hat.var(ddof=1)
        lam, theta = (v**2 + 2 * s2) / s2, (v**3 + v * s2) / s2
        for column in range(x.shape[1]):
            gamma, delta = gamma_hat[column], delta_hat[column]
            for _ in range(500):
                gamma = (n * tau2 * gamma_hat[column] + delta * gamma_bar) / (n * tau2 + delta)
                delta = (theta + ((own[:, column] - gamma) ** 2).sum() / 2) / (n / 2 + lam - 1)
            result[sites == name, column] = sigma[column] * (own[:, column] - gamma) / np.sqrt(delta)
    return result + kept


@pytest.mark.parametrize("with_age", [False, True])
def test_equals_the_published_formulas(with_age: bool):
    x, sites, age = scanned()
    covariates = age if with_age else None
    found = Combat().fit(x, sites, covariates).apply(x, sites, covariates)
    np.testing.assert_allclose(found, written_out(x, sites, covariates), rtol=1e-8)


NEUROCOMBAT = {
    False: [[9.96785, 9.96557, 9.89303], [9.57932, 8.71965, 11.34656], [8.40335, 10.8466, 13.95504]],
    True: [[10.12743, 9.95659, 9.39716], [9.03537, 8.66702, 13.25781], [9.10523, 11.07577, 11.46778]],
}
"""Of `scanned()`, by neuroCombat 0.2.12, without and with age: three columns of one unit a site."""


@pytest.mark.parametrize("with_age", NEUROCOMBAT)
def test_equals_neurocombat(with_age: bool):
    x, sites, age = scanned()
    covariates = age if with_age else None
    found = Combat().fit(x, sites, covariates).apply(x, sites, covariates)
    np.testing.assert_allclose(found[[0, 50, 89], :3], NEUROCOMBAT[with_age], atol=2e-5)


def test_sites_are_alike_afterwards_and_the_covariate_is_left_in():
    x, sites, age = scanned(1, units=900)
    found = Combat().fit(x, sites, age).apply(x, sites, age)
    design = np.column_stack([np.ones(len(x)), age])
    rest = found - design @ np.linalg.lstsq(design, found, rcond=None)[0]
    for name in "abc":
        own = rest[sites == name]
        assert np.abs(own.mean(axis=0) / rest.std(axis=0)).max() < 0.05
        assert own.std(axis=0) / rest.std(axis=0) == pytest.approx(np.ones(12), abs=0.1)
    before, after = (np.linalg.lstsq(design, values, rcond=None)[0][1] for values in (x, found))
    within = np.linalg.lstsq(np.column_stack([*(sites == s for s in "abc"), age]).astype(float), x, rcond=None)[0][3]
    assert np.abs(after - within).max() < 0.2 * np.abs(before - within).max()


def test_new_units_get_what_the_training_units_taught():
    """Row by row, whoever else is there."""
    x, sites, _ = scanned(2)
    harmoniser = Combat().fit(x[::2], sites[::2])
    whole = harmoniser.apply(x, sites)
    np.testing.assert_allclose(harmoniser.apply(x[7:8], sites[7:8]), whole[7:8])
    row = harmoniser.sites.index(sites[7])
    np.testing.assert_allclose(whole[7], harmoniser.factor[row] * x[7] + harmoniser.offset[row])


def test_an_unseen_site_is_an_error_or_passes():
    x, sites, _ = scanned(3)
    new = np.array(["d", *sites[1:]])
    with pytest.raises(ValueError, match="1 unit is of a site that ComBat did not learn, first 'd'"):
        Combat().fit(x, sites).apply(x, new)
    passing = Combat(unseen="pass").fit(x, sites)
    np.testing.assert_array_equal(passing.apply(x, new)[0], x[0])
    np.testing.assert_array_equal(passing.apply(x, new)[1:], passing.apply(x, sites)[1:])


def test_missing_values_stay_missing_and_change_no_other_column_s_own_estimates():
    x, sites, age = scanned(4)
    holes = x.copy()
    holes[5, 0] = np.nan
    harmoniser = Combat().fit(holes, sites, age)
    found = harmoniser.apply(holes, sites, age)
    assert np.isnan(found[5, 0])
    assert np.isnan(found).sum() == 1
    np.testing.assert_allclose(found[:, 1:], Combat().fit(x, sites, age).apply(x, sites, age)[:, 1:], rtol=0.02)


def test_columns_that_cannot_be_harmonised_stay():
    """A constant column, an empty one, and one that a site lacks."""
    x, sites, _ = scanned(5)
    x[:, 3], x[:, 4] = 4.0, np.nan
    x[sites == "b", 6] = np.nan
    found = Combat().fit(x, sites).apply(x, sites)
    np.testing.assert_array_equal(found[:, [3, 4, 6]], x[:, [3, 4, 6]])
    assert np.abs(found[:, 0] - x[:, 0]).max() > 0.1


def test_one_site_is_left_nearly_alone_and_one_column_is_not_shrunk():
    x, sites, _ = scanned(6)
    one = Combat().fit(x, ["a"] * len(x)).apply(x, ["a"] * len(x))
    assert np.abs(one - x).max() < 0.1
    column = Combat().fit(x[:, :1], sites).apply(x[:, :1], sites)
    assert [column[sites == s].mean() for s in "abc"] == pytest.approx([x[:, 0].mean()] * 3)


def test_a_lone_unit_and_a_covariate_that_the_site_tells_are_refused():
    x, sites, _ = scanned(7)
    with pytest.raises(ValueError, match="site 'z' has one unit in the training set"):
        Combat().fit(x, ["z", *sites[1:]])
    with pytest.raises(ValueError, match="sites tell scanner"):
        Combat(covariates=("scanner",)).fit(x, sites, (sites == "a")[:, None].astype(float))


def test_columns_with_gaps_are_regressed_on_the_units_that_have_them():
    """As a column alone, without the units that lack it, would be; values and covariate of any size."""
    x, sites, age = scanned(8)
    x, age = x * 1e6, 1e4 + 3e3 * age
    rows = np.arange(90) % 7 > 0
    x[~rows, 2] = np.nan
    found = Combat().fit(x, sites, age).slopes[:, 2]
    design = np.column_stack([*(sites == site for site in "abc"), age]).astype(float)
    expected = np.linalg.lstsq(design[rows], x[rows, 2], rcond=None)[0][3]
    assert found[0] == pytest.approx(expected, rel=1e-9)
