"""Whether the sites of a cohort can be harmonised: said before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

from radfuse.cohort.case import Cohort
from radfuse.cohort.splits import Fold
from radfuse.cohort.units import units_of_two_sites
from radfuse.errors import Problem, listed
from radfuse.fusion.design import Design
from radfuse.fusion.harmonise import Combat
from radfuse.fusion.sites import told_of_unseen, unseen_sites


def sites_to_learn(harmonise: Combat, cohort: Cohort, design: Design, folds: Sequence[Fold]) -> list[Problem]:
    """Return why harmonisation cannot be learned here: units of several sites, one site alone, or sites too small.

    Args:
        harmonise: settings.
        cohort: whose config names the column of the site.
        design: a row per unit.
        folds: the outer ones.
    """
    site, where = cohort.config.site, "fusion.harmonise"
    problems = units_of_two_sites(cohort)
    if site is None or problems:
        return problems
    told = design.units[site]
    counts = told.value_counts()
    usable = [str(name) for name, count in counts.items() if count >= 2]
    if len(usable) < 2:
        message = (
            f"column {site!r} (cohort.site) has two units or more of {listed(usable)} alone, and harmonisation "
            "compares sites; remove fusion.harmonise, or correct cohort.site"
        )
        return [Problem(where, message)]
    if harmonise.unseen == "pass":
        return []
    found = {fold.name: unseen_sites(told, fold) for fold in folds}
    return [Problem(where, told_of_unseen(sites, f"fold {name!r}")) for name, sites in found.items() if sites][:4]
