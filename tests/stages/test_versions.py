"""A stage whose output on a small fixed input changes must change its version, or finished studies keep old results.

The reference is renewed with `uv run python tests/stages/test_versions.py`, after raising the version.
"""

from __future__ import annotations

import json
import math
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

import pandas as pd
from boxes import second_reader, tumour_cohort
from habitats import parts_cohort
from sequences import two_sequences, two_visits

from radfuse.pipeline import run_study
from radfuse.run.folder import RunFolder
from radfuse.stages import STAGES, sample, stage_of
from radfuse.stages.context import Context
from radfuse.study import load_study

REFERENCE = Path(__file__).parents[1] / "reference" / "stages.json"
STUDY = """
name: fixed
report: {journal_figures: false}
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  second_mask: second
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: unet, labels: {tumour: 1}, steps: 1, channels: [8, 16, 16], patch_voxels: 5000,
  learning_rate: 1.0e-9, largest_parts: false}
regions: [{kind: union, name: all, labels: [tumour]}]
radiomics: {classes: [shape, firstorder, glcm], bin_count: 8, min_voxels: 1}
deep: {}
stability: {copies: 1, contour: false, rotation_degrees: 0}
fusion:
  inner_folds: 2
  selection: [{kind: mrmr, k: 3}]
  classifier: {kind: logistic, c: [0.1]}
  strategy: {kind: early}
evaluation: {readers: {one: grade}, subgroups: [age], optimism: 1, permutations: 1,
  learning_curve: {shares: [0.5, 1.0], repeats: 1}}
variants: {few: {fusion.selection.0.k: 2}}
"""
"""A network of one step at hardly any rate: its initial weights, equal on every machine."""
TOLERANCE = 2e-3
"""Of sums of numbers, relative: processors round differently."""


def finish(folder: Path) -> Context:
    """Run the fixed study to all its stages, and return a pass in which every result counts as there."""
    tumour_cohort(folder, 8)
    second_reader(folder)
    table = pd.read_csv(folder / "cohort.csv").assign(grade=[1, 2, 3, 4] * 2)
    table.to_csv(folder / "cohort.csv", index=False)
    (folder / "study.yaml").write_text(STUDY)
    for until in ("report", "regions", "stability", "tables"):
        run_study(folder / "study.yaml", folder / "run", until=until)
    run = RunFolder.open(folder / "run", "fixed")
    context = Context(load_study(folder / "study.yaml"), run, lambda *_: None)
    names = (path.relative_to(run.path) for path in run.path.rglob("*.record.json"))
    context.variants = {"few": run.path / "variants/few/models/comparison"}
    context.keys = {str(name).removesuffix(".record.json"): "there" for name in names}
    return context


def summary_of(place: Path) -> dict[str, list[float]]:
    """Return file -> some numbers that say what is in it: names, counts and sums, no text that versions change."""
    files = [place] if place.is_file() else sorted(item for item in place.rglob("*") if item.is_file())
    return {item.name if item == place else str(item.relative_to(place)): list(numbers_of(item)) for item in files}


def numbers_of(path: Path) -> Iterator[float]:
    if path.suffix in (".npy", ".nrrd"):
        from radfuse.volume.files import read_labels

        array = np.load(path) if path.suffix == ".npy" else read_labels(path, empty=True).array
        yield from (*map(float, array.shape), float(np.abs(array).sum(dtype=np.float64)))
    elif path.suffix == ".npz" and path.parent.name == "sampled":
        with np.load(path) as arrays:
            yield from totals([float(value) for array in arrays.values() for value in array.ravel()])
    elif path.suffix == ".json" or path.name.endswith(".json"):
        yield from totals(list(leaves(json.loads(path.read_text()))))
    elif path.suffix in (".csv", ".parquet"):
        frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        numbers = frame.select_dtypes("number").to_numpy(dtype=float)
        yield from (*map(float, frame.shape), *totals(list(numbers[np.isfinite(numbers)])))
    elif path.suffix == ".onnx":
        import onnx
        from onnx import numpy_helper

        model = onnx.load(path)
        weights = [numpy_helper.to_array(item).astype(np.float64) for item in model.graph.initializer]
        yield from totals([float(np.abs(item).sum()) for item in weights if np.isfinite(item).all()])
        yield float(len(model.graph.node))
    elif path.suffix == ".html":
        yield float(len(re.findall(r'<h[1-3](?! id="throughput")', path.read_text())))  # that one hangs on seconds


def leaves(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


def totals(numbers: list[float]) -> tuple[float, float]:
    """Return how many, and a sum that no single large number drowns."""
    return float(len(numbers)), math.fsum(math.log1p(abs(number)) for number in numbers)


def registered(folder: Path) -> Context:
    """Run a study of two sequences as far as their registration, which the fixed study has none of."""
    study = load_study(two_sequences(folder, 8), ["sequences.t2.masks=register"])
    run_study(study, folder / "run", until="register")
    return Context(study, RunFolder.open(folder / "run", "two"), lambda *_: None)


def visited(folder: Path) -> Context:
    """Run a study of two visits as far as what changed between them, which the fixed study has none of."""
    study = load_study(two_visits(folder, 4), ["evaluation.visits=['*Median']"])
    run_study(study, folder / "run", until="visits")
    return Context(study, RunFolder.open(folder / "run", "visits"), lambda *_: None, tunes=False)


def learned(folder: Path) -> Context:
    """Run a study that learns from images as far as its features, which the fixed study does not."""
    study = load_study(parts_cohort(folder))
    done = run_study(study, folder / "run", until="by_fold")
    context = Context(study, RunFolder.open(done.path, "parts"), lambda *_: None)
    context.keys = {sample.place_of(f"c{number}"): "there" for number in range(8)}
    return context


def summaries(folder: Path) -> dict[str, dict[str, Any]]:
    found, places = {}, {name: folder / name for name in ("fixed", "two", "visits", "parts")}
    for place in places.values():
        place.mkdir()
    fixed = finish(places["fixed"])
    others = {"register": registered(places["two"])} | dict.fromkeys(("follow", "visits"), visited(places["visits"]))
    others |= dict.fromkeys(("sample", "learn", "by_fold"), learned(places["parts"]))
    for name in STAGES:
        stage, context = stage_of(name), others.get(name, fixed)
        job = next(iter(stage.jobs(context)))
        found[name] = {"version": stage.version, "files": summary_of(context.path(stage.place(job)))}
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, undrawn: None) -> dict[str, dict[str, Any]]:
    return summaries(tmp_path_factory.mktemp("summaries"))


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_a_stage_that_makes_something_else_has_another_version(name: str, found: dict[str, dict[str, Any]]) -> None:
    known = json.loads(REFERENCE.read_text())
    renew = f"renew the reference: uv run python tests/stages/{Path(__file__).name}"
    assert name in known, f"stage {name!r} is new; {renew}"
    now, before = found[name], known[name]
    assert now["version"] == before["version"], f"stage {name!r} has another version; {renew}"
    changed = different(now["files"], before["files"])
    assert not changed, (
        f"what stage {name!r} makes of the fixed input has changed, and its version ({now['version']}) has not: raise "
        f"`version` in radfuse/stages/{name}.py, then {renew}\nbefore and now: {changed}"
    )


Numbers = dict[str, list[float]]


def different(now: Numbers, before: Numbers) -> dict[str, tuple[list[float] | None, list[float] | None]]:
    """Return file -> its numbers before and now, of the files that came, went or say something else."""
    names = [*before, *(name for name in now if name not in before)]
    return {name: (before.get(name), now.get(name)) for name in names if not alike(now.get(name), before.get(name))}


def alike(now: list[float] | None, before: list[float] | None) -> bool:
    if now is None or before is None:
        return now is before
    return now == pytest.approx(before, rel=TOLERANCE, abs=1e-6)


def test_the_comparison_sees_a_lost_file_and_a_changed_number() -> None:
    assert different({"a": [1.0, 2.0]}, {"a": [1.0, 2.0000001]}) == {}
    assert different({"a": [1.0, 2.0]}, {"a": [1.0, 2.1]}) == {"a": ([1.0, 2.1], [1.0, 2.0])}
    assert different({"a": [1.0]}, {"a": [1.0], "b": [1.0]}) == {"b": ([1.0], None)}
    assert different({"b": []}, {}) == {"b": (None, [])}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        text = json.dumps(summaries(Path(place)), indent=1)
        REFERENCE.write_text(re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text) + "\n")
