"""Sites of new cases, where a bundle's values are harmonised by site: which are known, and what becomes of others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from radfuse.cohort.case import Cohort
from radfuse.cohort.units import units_of_two_sites
from radfuse.config import nearest
from radfuse.errors import InputError, Problem, listed
from radfuse.results import SiteInput

_NAMED = 4


def check_sites(sites: Iterable[SiteInput | None], cohort: Cohort) -> list[Problem]:
    """Return a warning for each site that harmonisation did not learn and whose cases keep their values.

    Args:
        sites: of the families that are predicted; None: not harmonised.
        cohort: new cases.

    Raises:
        InputError: a family was made to refuse such cases, or cases of one unit are of several sites.
    """
    found: dict[Problem, None] = {}
    for site in sites:
        if site is not None:
            found |= dict.fromkeys([*units_of_two_sites(cohort), *_others(site, cohort)])
    if any(problem.severity == "error" for problem in found):
        raise InputError(found)
    return list(found)


def _others(site: SiteInput, cohort: Cohort) -> list[Problem]:
    """Return a problem for each site that is not among the levels; one for all cases without a site."""
    told = cohort.cases[site.column].fillna("")
    problems = []
    for name in sorted(set(told) - set(site.levels)):
        cases = told.index[told == name]
        what = (
            f"the site {name!r} of {listed(cases, _NAMED)} was" if name else f"no site of {listed(cases, _NAMED)} was"
        )
        known = f"not learned by harmonisation, which knows {listed(site.levels, 40)}"
        if site.unseen == "pass":
            message = f"{what} {known}: values stay as they are"
        else:
            hint = nearest(name, site.levels) if name else ""
            hint = hint if "did you mean" in hint else ""
            message = (
                f"{what} {known}; correct it, leave these cases out, or have the bundle made with "
                f"fusion.harmonise.unseen: pass{hint}"
            )
        severity: Literal["error", "warning"] = "error" if site.unseen == "error" else "warning"
        problems.append(Problem(cohort.config.table.name, message, None, site.column, severity))
    return problems
