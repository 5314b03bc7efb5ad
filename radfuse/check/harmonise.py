"""Whether the sites of a cohort can be harmonised: said before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from radfuse.cohort.case import Cohort
from radfuse.cohort.splits import Fold
from radfuse.cohort.units import units_of_two_sites
from radfuse.config import nearest
from radfuse.errors import Problem, listed
from radfuse.fusion.design import Design
from radfuse.fusion.harmonise import Combat
from radfuse.fusion.sites import told_of_unseen, unseen_sites

if TYPE_CHECKING:
    from radfuse.study import Study


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


def sites_can_be_harmonised(study: Study) -> None:
    """Refuse settings of harmonisation that do not fit the rest of a study; raises ValueError."""
    harmonise, split = study.fusion.harmonise, study.cohort.split
    if harmonise is None:
        return
    if study.cohort.site is None:
        raise ValueError("fusion.harmonise needs cohort.site, the column of the table that names hospital or scanner")
    for name in harmonise.covariates:
        if name not in study.cohort.clinical_columns:
            hint = nearest(name, study.cohort.clinical_columns)
            raise ValueError(f"fusion.harmonise.covariates: {name!r} is no column of cohort.clinical{hint}")
    if not any(map(harmonise.harmonises, study.blocks)):
        raise ValueError("fusion.harmonise has no block to work on; name some in fusion.harmonise.blocks")
    if harmonise.covariates and harmonise.harmonises("clinical"):
        raise ValueError(
            "fusion.harmonise.blocks names clinical, whose columns are its covariates too; remove one of the two"
        )
    if split.kind == "leave_site_out" and split.column == study.cohort.site and harmonise.unseen == "error":
        raise ValueError(
            "cohort.split leaves each site out of its training set, so that fusion.harmonise cannot learn it; set "
            "fusion.harmonise.unseen: pass, or take another split"
        )
