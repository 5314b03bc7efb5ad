"""Variants of a study from images: what each of them computes anew, networks and all."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from radfuse.check.study import check_study
from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.study import load_study

pytestmark = pytest.mark.slow
VARIANTS = [
    "variants.classifiers=[naive_bayes]",
    "variants.bin_10={radiomics.bin_width: 10}",
]


def made(folder: Path) -> Counter[str]:
    """Return stage -> how many results it made there."""
    lines = (folder / "log.jsonl").read_text().splitlines()
    return Counter(entry["stage"] for entry in map(json.loads, lines) if entry["event"] == "done")


@pytest.mark.long
def test_a_variant_computes_what_it_changes_alone(copied: Path) -> None:
    study = load_study(copied / "study.yaml", VARIANTS)
    before = made(copied / "run")
    run = run_study(study, copied / "run", until="variants")
    assert run.failures == ()
    assert made(copied / "run") - before == {"variants": 1}
    assert set(made(copied / "run/variants/naive_bayes")) == {"fit", "fuse"}
    anew = made(copied / "run/variants/bin_10")
    assert set(anew) == {"manual", "extract", "prepare", "fit", "fuse"}
    assert anew["extract"] == 10
    for place in ("models/segmentation", "labels", "features/cases"):
        ours, theirs = copied / "run" / place, copied / "run/variants/naive_bayes" / place
        files = [path.relative_to(ours) for path in ours.rglob("*") if path.suffix in (".onnx", ".nrrd", ".json")]
        shared = [file for file in files if (theirs / file).exists() and (theirs / file).samefile(ours / file)]
        assert shared, place
    assert run_study(study, copied / "run", until="variants").computed == 0


def test_the_masks_of_a_variant_are_looked_for_before_anything_is_computed(copied: Path) -> None:
    study = load_study(copied / "study.yaml", ["variants.second_reader={cohort.mask: secnd}"])
    with pytest.raises(InputError, match=r"variant second_reader: .*'secnd'"):
        check_study(study)
