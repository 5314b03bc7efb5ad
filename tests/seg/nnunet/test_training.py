"""What nnU-Net's training goes on from."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs radfuse[train]")
import torch

from radfuse.seg.nnunet.training import _remove_torn


def test_checkpoints_that_a_power_cut_tore_are_removed(tmp_path: Path) -> None:
    fold = tmp_path / "trainer" / "fold_all"
    fold.mkdir(parents=True)
    torch.save({"weight": torch.ones(9)}, fold / "checkpoint_best.pth")
    whole = (fold / "checkpoint_best.pth").read_bytes()
    (fold / "checkpoint_latest.pth").write_bytes(whole[: len(whole) // 2])
    (fold / "checkpoint_final.pth").touch()
    _remove_torn(tmp_path)
    assert [path.name for path in fold.iterdir()] == ["checkpoint_best.pth"]
