"""Labels that no mask holds, or none that a fold's network learns from: told before any compute."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from radfuse.check.inputs import FoldPatients
from radfuse.cohort.case import Case
from radfuse.errors import Problem, listed
from radfuse.seg.backend import OnnxNetworks
from radfuse.seg.config import Segmentation
from radfuse.study import Study


def never_drawn(
    study: Study, backend: Segmentation, drawn: list[frozenset[int]], needed: Collection[int]
) -> list[Problem]:
    """Return what to say where no mask holds a label that networks are to learn, or that regions and measures name.

    Trainings of ours and of nnU-Net refuse to begin without it; a backend of the user's own may do without.

    Args:
        study: with regions.
        backend: who makes masks, and what labels there are.
        drawn: labels of each mask.
        needed: labels that are a region by themselves: their lack is an error of each case.
    """
    missing = {name: number for name, number in backend.labels.items() if not any(number in one for one in drawn)}
    why = "so that no network learns it"
    if backend.source == "manual":
        named = {label for one in (*study.regions, *study.morphometry) for label in one.labels_named()}
        missing = {n: k for n, k in missing.items() if (n in named or k in named) and k not in needed}
        why = "and regions or measures that name it find nothing there"
    if backend.source not in ("manual", "cross_fitted") or not drawn or not missing:
        return []
    absent = listed(f"{name} ({number})" for name, number in missing.items())
    message = f"no mask holds {absent}, {why}; correct the number, or remove the label"
    return [Problem("segmentation.labels", message, severity=_severity(backend))]


def only_tested(
    backend: Segmentation, held: Sequence[tuple[Case, frozenset[int]]], folds: Sequence[FoldPatients]
) -> list[Problem]:
    """Return which labels the networks of some folds cannot learn, as only patients have them whom the fold tests.

    Args:
        backend: who makes masks, and what labels there are.
        held: cases, and the labels of their masks; one that none of them holds is `never_drawn`'s to tell.
        folds: the outer ones.
    """
    found = []
    for name, number in backend.labels.items() if backend.source == "cross_fitted" else ():
        cases = [case for case, labels in held if number in labels]
        patients = {case.patient for case in cases}
        lacking = [fold.name for fold in folds if patients and patients <= fold.test]
        if lacking:
            message = (
                f"label {name} ({number}) is only in the mask of {listed(case.case_id for case in cases)}, which "
                f"fold {listed(lacking)} tests, so that its network cannot learn it; draw it in patients of other "
                "folds too, or remove the label"
            )
            found.append(Problem("segmentation.labels", message, severity=_severity(backend)))
    return found


def _severity(backend: Segmentation) -> Literal["error", "warning"]:
    """Return how bad a label is that a network cannot learn: our trainings and nnU-Net's refuse to begin."""
    return "error" if backend.source == "cross_fitted" and isinstance(backend, OnnxNetworks) else "warning"
