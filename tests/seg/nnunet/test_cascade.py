"""nnU-Net's cascade: two networks in one file, the second of which reads the masks of the first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nnunetv2", reason="needs radfuse[train]")
import onnx
from boxes import box, grid
from nnunet_results import theirs, write_cascade, write_images

from radfuse.bundle.models import check_network
from radfuse.errors import InputError
from radfuse.seg.backend import Watch
from radfuse.seg.metrics import dice
from radfuse.seg.nnunet.backend import NnunetSegmentation
from radfuse.seg.nnunet.export import export_results
from radfuse.seg.nnunet.frame import NnunetFrame
from radfuse.seg.nnunet.plan import NnunetPlan
from radfuse.seg.nnunet.results import Trained, open_results
from radfuse.seg.nnunet.training import _held_out
from radfuse.seg.predict import OnnxSegmenter
from radfuse.volume.files import write_image
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.stack import read_stacked

STEPS = 3
"""An epoch of the training here."""
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "half as fine": {"spacing": (6.0, 2.0, 2.4), "coarse": (9.0, 3.0, 3.0), "patch": (4, 16, 16)},
    "mirrored, folds": {"patch": (12, 24, 24), "mirrored": True, "folds": ("0", "1")},
    "anisotropic": {"spacing": (4.0, 0.8, 0.8), "patch": (4, 24, 24)},
    "masked, two channels": {"masked": True, "schemes": ("ZScoreNormalization", "CTNormalization")},
    "regions": {"labels": {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "seed": [3]}},
    "transposed": {"transpose": (1, 0, 2), "spacing": (1.0, 2.5, 1.0), "reader": "NibabelIOWithReorient"},
}


@pytest.mark.parametrize("name", CASES)
def test_one_file_gives_the_masks_of_nnunets_cascade(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radfuse.seg.nnunet.frame._KEPT", np.float32)
    settings = dict(CASES[name])
    mirrored, folds = settings.pop("mirrored", False), tuple(settings.get("folds", ("0",)))
    results = write_cascade(tmp_path / "results", **settings)
    images = write_images(tmp_path / "images", len(settings.get("schemes", "1")), (13, 28, 26), (3.0, 1.0, 1.2))
    first, second = tmp_path / "first" / "case", tmp_path / "second" / "case"
    lowres = theirs(results.with_name("nnUNetTrainer__nnUNetPlans__3d_lowres"), images, first, mirrored, folds)
    expected = theirs(results, images, second, mirrored, folds, before=first.parent)
    found = open_results(results, mirror=mirrored)
    assert export_results(found, found.plan, tmp_path / "one.onnx") < 1e-4
    segmenter, volume = OnnxSegmenter(tmp_path / "one.onnx"), read_stacked(images)
    labels = segmenter(volume)
    numbers = set(np.unique(expected)) - {0}
    assert numbers
    assert set(np.unique(lowres)) - {0}  # a first stage that finds nothing would show nothing
    for number in numbers:
        assert dice(labels.array == number, expected == number) > 0.999
    assert (labels.array != expected).sum() <= 3  # of 9,464
    # and the second stage looks at what the first found
    other = NnunetFrame(volume, segmenter.plan, LabelMap(np.zeros_like(labels.array), volume.grid))
    assert (segmenter._labels(other, segmenter.plan, first=False).array != labels.array).sum() > 100


def test_a_first_stage_that_is_not_there_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    results = write_cascade(tmp_path / "results")
    model = NnunetSegmentation(labels={"bright": 1, "brighter": 2}, model=results)
    model.check_here()
    first = results.with_name("nnUNetTrainer__nnUNetPlans__3d_lowres")
    (first / "fold_0" / "checkpoint_final.pth").unlink()
    with pytest.raises(InputError, match=r"3d_lowres: fold 0 has no checkpoint_final\.pth"):
        NnunetSegmentation(labels=model.labels, model=results, folds=("0",)).check_here()
    shutil.rmtree(first)
    with pytest.raises(InputError, match="copy that folder of results beside it, as nnUNetTrainer__nnUNetPlans__3d_lo"):
        model.check_here()


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Two stages of labels 1 and 2; change nothing."""
    return open_results(write_cascade(tmp_path_factory.mktemp("cascade")), mirror=False)


def test_the_file_holds_both_networks_and_is_one_that_a_bundle_takes(cascade: Trained, tmp_path: Path) -> None:
    file = tmp_path / "one.onnx"
    export_results(cascade, cascade.plan, file)
    assert [item.name for item in tmp_path.iterdir()] == ["one.onnx"]
    graph = onnx.load(file).graph
    assert [item.name for item in graph.input] == ["image", "previous_image"]
    assert [item.name for item in graph.output] == ["logits", "features", "previous_logits"]
    assert graph.input[1].type.tensor_type.shape.dim[0].dim_param == "previous_batch"
    recipe: Any = SimpleNamespace(sequence="t1", backend=None, labels={"bright": 1, "brighter": 2}, deep=True)
    check_network(recipe, file)
    first = onnx.utils.Extractor(onnx.load(file)).extract_model(["image"], ["logits", "features"])
    onnx.helper.set_model_props(first, {"plan": cascade.plan.model_dump_json()})
    onnx.save(first, tmp_path / "half.onnx")
    with pytest.raises(InputError, match=r"half\.onnx should have the input previous_image"):
        check_network(recipe, tmp_path / "half.onnx")


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch", "openvino"])
def test_every_runtime_opens_both_networks(runtime: str, cascade: Trained, tmp_path: Path) -> None:
    pytest.importorskip(runtime)
    export_results(cascade, cascade.plan, tmp_path / "one.onnx")
    array = np.random.default_rng(0).normal(100, 20, (9, 18, 17)).astype(np.float32)
    volume = Volume(array, grid(array.shape, (2.0, 1.0, 1.0)))
    usual = OnnxSegmenter(tmp_path / "one.onnx")
    frame = usual.frame(volume)
    assert frame.array.shape == (3, 9, 18, 17)
    assert set(np.unique(frame.array[1:])) == {0, 1}
    found = OnnxSegmenter(tmp_path / "one.onnx", runtime)(volume)
    assert (found.array != usual(volume).array).mean() < 0.1  # untrained networks waver at every voxel
    patch = np.zeros((1, 3, 8, 16, 16), dtype=np.float32)
    assert usual.encode(patch).shape[:2] == (1, 4)


def test_a_study_numbers_the_labels_of_both_stages(cascade: Trained, tmp_path: Path) -> None:
    plan = cascade.plan.changed(orientation="LPS").relabelled({"one": 5, "other": 3})
    assert plan.previous
    assert (plan.masks, plan.previous.labels, plan.previous.orientation) == ((5, 3), plan.labels, "LPS")
    assert NnunetPlan.model_validate_json(plan.model_dump_json()) == plan
    array = np.random.default_rng(0).normal(100, 20, (9, 18, 17)).astype(np.float32)
    volume = Volume(array, grid(array.shape, (2.0, 1.0, 1.0)))
    found = {}
    for name, kept in (("as trained", cascade.plan), ("as numbered", plan.changed(orientation=""))):
        export_results(cascade, kept, tmp_path / f"{name}.onnx")
        found[name] = OnnxSegmenter(tmp_path / f"{name}.onnx")(volume).array
    assert np.array_equal(np.array([0, 5, 3])[found["as trained"]], found["as numbered"])


def test_a_study_brings_a_cascade_from_the_folder_of_its_data_set(tmp_path: Path) -> None:
    results = write_cascade(tmp_path / "Dataset001_Test", mirror=())
    settings = {"labels": {"bright": 1, "brighter": 2}, "model": results.parent, "overlap": 0.25}
    with pytest.raises(InputError, match="holds several results"):
        NnunetSegmentation.model_validate(settings).brought(tmp_path)
    content = NnunetSegmentation.model_validate({**settings, "configuration": "3d_cascade_fullres"}).brought(tmp_path)
    (tmp_path / "brought.onnx").write_bytes(content)
    plan = OnnxSegmenter(tmp_path / "brought.onnx").plan
    assert isinstance(plan, NnunetPlan)
    assert plan.previous
    assert (plan.configuration, plan.previous.configuration) == ("3d_cascade_fullres", "3d_lowres")
    assert (plan.overlap, plan.previous.overlap, plan.mirror) == (0.25, 0.25, ())
    export_results(open_results(results), open_results(results).plan.changed(overlap=0.25), tmp_path / "one.onnx")
    array = np.random.default_rng(0).normal(100, 20, (9, 18, 17)).astype(np.float32)
    volume = Volume(array, grid(array.shape, (2.0, 1.0, 1.0)))
    found, expected = (OnnxSegmenter(tmp_path / f"{name}.onnx")(volume) for name in ("brought", "one"))
    assert np.array_equal(found.array, expected.array)
    assert len(found.present()) == 2
    shutil.rmtree(results.with_name("nnUNetTrainer__nnUNetPlans__3d_lowres"))
    with pytest.raises(InputError, match=r"copy that folder of results beside it, as nnUNetTrainer__.*__3d_lowres"):
        open_results(results)


WRONG: dict[str, dict[str, Any]] = {
    "a cascade has all": {"masks": ()},
    "has two stages": {"previous": "itself"},
    "read the same channels": {"channels": ("other",)},
    "masks are resampled linearly": {"of_masks": {"order": 3}},
}


@pytest.mark.parametrize("says", WRONG)
def test_stages_that_do_not_fit_together_are_refused(says: str, cascade: Trained) -> None:
    stored, change = cascade.plan.model_dump(), WRONG[says]
    if change.get("previous"):
        change = {"previous": stored}
    with pytest.raises(ValueError, match=says):
        NnunetPlan.model_validate({**stored, **change})


def test_networks_that_one_file_cannot_hold_are_refused(
    cascade: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(values.numel() * 4 for values in cascade.networks[0].parameters())
    monkeypatch.setattr("radfuse.seg.export._MOST_BYTES", 1.5 * size)  # each by itself is smaller
    with pytest.raises(InputError, match=r"2 networks of together .* do not fit into an ONNX file"):
        export_results(cascade, cascade.plan, tmp_path / "one.onnx")


def test_a_patient_is_held_out_with_all_cases() -> None:
    held = _held_out(("a", "b", "b", "c", "a"), 5, 1)
    assert sorted(held) == [[0, 4], [1, 2], [3]]
    held = _held_out(("a", "b", "b", "c", "a"), 2, 1)
    assert sorted(case for fold in held for case in fold) == [0, 1, 2, 3, 4]
    assert all((0 in fold) == (4 in fold) and (1 in fold) == (2 in fold) for fold in held)
    with pytest.raises(InputError, match=r"there is only a to train on; add patients, or choose 3d_fullres"):
        _held_out(("a", "a"), 5, 1)


def test_folds_of_a_cascade_are_said_of_a_cascade_alone() -> None:
    with pytest.raises(ValueError, match="lowres_folds says something of `configuration: 3d_cascade_fullres`"):
        NnunetSegmentation(labels={"box": 1}, configuration="3d_lowres", lowres_folds=3)


def test_a_model_that_is_brought_takes_no_setting_of_a_training() -> None:
    with pytest.raises(ValueError, match=r"epochs, batch: of a training, and `model` brings networks; remove them"):
        NnunetSegmentation(labels={"box": 1}, model=Path("results"), epochs=5, batch=2)
    with pytest.raises(ValueError, match=r"trust says something of `model`; name one, or remove it"):
        NnunetSegmentation(labels={"box": 1}, trust=True)
    NnunetSegmentation(labels={"box": 1}, model=Path("results"), mirror=False, configuration="2d", folds=("0",))


class KilledError(Exception):
    pass


SHAPE = (26, 32, 32)
"""So large that nnU-Net plans a cascade for the smallest memory."""


def tumour_image(seed: int) -> tuple[Volume, LabelMap]:
    """A bright box in noise."""
    generator = np.random.default_rng(seed)
    start = generator.integers(2, 10, 3)
    mask = box(SHAPE, tuple(start), tuple(start + 14))
    array = (generator.normal(100, 8, SHAPE) + 60 * mask).astype(np.float32)
    return Volume(array, grid(SHAPE)), LabelMap(3 * mask.astype(np.uint8), grid(SHAPE), {3: "box"})


@pytest.mark.long
@pytest.mark.slow
def test_a_cascade_is_trained_goes_on_when_killed_and_gives_nnunets_masks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = NnunetSegmentation(
        labels={"box": 3},
        configuration="3d_cascade_fullres",
        lowres_folds=2,
        memory_gib=0.01,
        epochs=2,
        iterations=STEPS,
        mirror=False,
        device="cpu",
    )
    plan = config.plan([grid(SHAPE)])
    for seed in range(4):
        arrays = config.preparation(plan).prepare(*tumour_image(seed))
        (tmp_path / f"c{seed}").mkdir()
        for name, array in arrays.items():
            np.save(tmp_path / f"c{seed}" / f"{name}.npy", array)
    work, cases = tmp_path / "work", [tmp_path / f"c{seed}" for seed in range(4)]
    work.mkdir()
    watch, told = Watch(("a", "b", "b", "c"), lambda _: None), []

    def tell(done: int, total: int) -> None:
        told.append((done, total))
        if done == 3 * STEPS + 1 and len(told) == done:  # in the last epoch of the second network
            raise KilledError

    with pytest.raises(KilledError):
        config.train(cases, plan, 1, work, tell, watch)
    results = work / "results" / "Dataset001_radfuse"
    lowres, cascade = (results / f"nnUNetTrainer__nnUNetPlans__{name}" for name in ("3d_lowres", "3d_cascade_fullres"))
    masks = lowres / "predicted_next_stage" / "3d_cascade_fullres"
    before = {path: path.stat().st_mtime_ns for path in masks.iterdir()}
    network = config.train(cases, plan, 1, work, tell, watch)
    assert [done for done, _ in told[3 * STEPS + 1 :]] == [*range(3 * STEPS + 1, 6 * STEPS + 1)]
    assert {total for _, total in told} == {6 * STEPS}
    assert len(list(masks.iterdir())) == 4
    assert 0 < len(before) < 4
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    splits = json.loads((work / "preprocessed" / results.name / "splits_final.json").read_text())
    assert sorted(case for split in splits for case in split["val"]) == [f"case{number:05d}" for number in range(4)]
    for split in splits:
        assert ("case00001" in split["val"]) == ("case00002" in split["val"])  # of one patient
        assert not set(split["val"]) & set(split["train"])
    (tmp_path / "network.onnx").write_bytes(network)
    monkeypatch.setattr("radfuse.seg.nnunet.frame._KEPT", np.float32)
    image, drawn = tumour_image(99)
    write_image(image, tmp_path / "case_0000.nrrd")
    files = [tmp_path / "case_0000.nrrd"]
    theirs(lowres, files, tmp_path / "first" / "case", False, ("0", "1"))
    expected = theirs(cascade, files, tmp_path / "second" / "case", False, ("all",), before=tmp_path / "first")
    found = OnnxSegmenter(tmp_path / "network.onnx")(image)
    assert dice(found.array == 3, expected == 1) > 0.999
    assert dice(found.array == 3, drawn.array == 3) > 0.5
