"""LightGBM where it cannot be loaded."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from radfuse.fusion.models.lightgbm import LightGBM


def test_a_machine_without_openmp_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch):
    def find_spec(name: str, path: object, target: object = None) -> None:
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    finder = type("Finder", (), {"find_spec": staticmethod(find_spec)})
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    with pytest.raises(ValueError, match=r"lightgbm: LightGBM cannot be loaded \(libgomp.*install libgomp1"):
        LightGBM().fit(np.eye(4), np.array([0, 1, 0, 1]), LightGBM().candidates()[0], 0)
