"""Runtimes say the same of the same network, and say so when they are not here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from boxes import grid
from onnx import TensorProto, helper, numpy_helper

from radfuse import machine
from radfuse.errors import InputError
from radfuse.seg.plan import SegPlan
from radfuse.seg.predict import OnnxSegmenter, segmenter
from radfuse.seg.quality import ScoredLabels
from radfuse.seg.runtimes import RUNTIMES
from radfuse.seg.runtimes.runtime import Runtime, chosen, on_gpu, runtime
from radfuse.volume.image import Volume

PLAN = SegPlan(labels={"bright": 7}, spacing_zyx_mm=(1, 1, 1), patch_zyx=(4, 6, 8), channels=(2, 2, 2), overlap=0.5)


def write_network(path: Path, plan: SegPlan = PLAN) -> Path:
    """Write a network that calls bright what its smoothed image has above zero; its features are image and double."""
    smooth = np.full((1, 1, 3, 3, 3), 1 / 27, dtype=np.float32)
    signs = np.array([-1, 1], dtype=np.float32).reshape(2, 1, 1, 1, 1)
    weights = [numpy_helper.from_array(array, name) for name, array in (("smooth", smooth), ("signs", signs))]
    weights.append(numpy_helper.from_array(signs + 1.5, "factors"))
    nodes = [
        helper.make_node("Conv", ["image", "smooth"], ["seen"], pads=[1] * 6),
        helper.make_node("Conv", ["seen", "signs"], ["logits"]),
        helper.make_node("Conv", ["image", "factors"], ["features"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, *plan.patch_zyx])
        for name, channels in (("image", 1), ("logits", 2), ("features", 2))
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "bright", ends[:1], ends[1:], weights), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    helper.set_model_props(model, {"plan": plan.model_dump_json()})
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(params=RUNTIMES)
def here(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of each runtime that can run here."""
    try:
        runtime(request.param)
    except InputError as error:
        pytest.skip(str(error))
    return request.param


def volume() -> Volume:
    array = np.random.default_rng(0).normal(100, 20, (9, 10, 11)).astype(np.float32)
    array[2:6, 3:8, 4:9] += 100
    return Volume(array, grid((9, 10, 11), (1, 1, 1)))


def test_every_runtime_segments_as_onnxruntime_does(here: str, tmp_path: Path) -> None:
    path = write_network(tmp_path / "network.onnx")
    found = OnnxSegmenter(path, here)(volume())
    assert found.array.dtype == np.uint8
    assert set(np.unique(found.array)) == {0, 7}
    assert (found.array[3:5, 4:7, 5:8] == 7).all()
    usual = OnnxSegmenter(path)(volume())
    assert (found.array != usual.array).mean() < 0.01  # halves, near where the two classes are alike


def test_masks_and_doubts_are_the_same_where_answers_stay_on_the_device(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="its runtime needs radfuse[train]")
    from radfuse.seg.runtimes.device import DeviceAverages

    for spacing in (1, 1.5):  # on its own grid, and on one that answers are resampled to
        plan = PLAN.model_copy(update={"spacing_zyx_mm": (spacing, 1, 1)})
        path = write_network(tmp_path / f"{spacing}.onnx", plan)
        usual, there = OnnxSegmenter(path, "torch"), OnnxSegmenter(path, "torch")
        there._network.averages = partial(DeviceAverages, torch.device("cpu"))
        one, other = usual(volume()), there(volume())
        assert np.array_equal(one.array, other.array)
        assert other.entropy == pytest.approx(one.entropy, abs=1e-3)
        assert 0 < one.entropy[7] < 1


def test_deep_features_are_the_same_whoever_segments(here: str, tmp_path: Path) -> None:
    path = write_network(tmp_path / "network.onnx")
    patch = np.random.default_rng(0).normal(size=(1, 1, 4, 6, 8)).astype(np.float32)
    found = OnnxSegmenter(path, here).encode(patch)
    assert np.allclose(found, np.concatenate([0.5 * patch, 2.5 * patch], axis=1))


def test_patches_go_through_together(here: str, tmp_path: Path) -> None:
    opened = OnnxSegmenter(write_network(tmp_path / "network.onnx"), here)._network
    patches = np.random.default_rng(0).normal(size=(3, 1, 4, 6, 8)).astype(np.float32)
    one_by_one = [np.array(opened(patch[None])[0]) for patch in patches]
    assert np.allclose(opened(patches), one_by_one, atol=2e-2)  # bfloat16 has eight bits
    assert opened.batch >= 1


@pytest.mark.parametrize(
    ("kernel", "slow"),
    [
        ("brgconv_avx512_f16", True),  # Sapphire Rapids: a patch in 2.0 s, in float32 in 1.4, in bfloat16 in 0.3
        ("brgconv_avx512_amx_f16", False),
        ("acl_f16", False),  # Arm
    ],
)
def test_float16_is_left_where_a_cpu_has_no_tiles_for_it(kernel: str, slow: bool) -> None:
    module = pytest.importorskip("radfuse.seg.runtimes.openvino")

    assert module.float16_on_vectors({kernel}) is slow
    assert module.float16_on_vectors({kernel, "jit_avx512_amx_1x1_f16"}) is slow


def test_auto_is_openvino_on_cpus_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = __import__("radfuse.seg.runtimes.openvino", fromlist=["OpenVino"]).OpenVino
    for gpu, installed, name in [
        (False, True, "openvino"),
        (False, False, "onnxruntime"),
        (True, True, "onnxruntime"),
    ]:
        monkeypatch.setattr(machine, "has_gpu", lambda gpu=gpu: gpu)
        monkeypatch.setattr(openvino, "is_here", classmethod(lambda _, installed=installed: installed))
        assert chosen("auto") == name
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    monkeypatch.setattr(machine, "torch_has_gpu", lambda: True)
    assert chosen("auto") == "torch"


def test_what_is_not_here_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radfuse.seg.runtimes.openvino.find_spec", lambda _: None)
    with pytest.raises(
        InputError, match=r"'openvino' cannot run here: install it .*radfuse\[openvino\].*'onnxruntime'"
    ):
        chosen("openvino")
    with pytest.raises(InputError, match="did you mean 'openvino'"):
        chosen("openvin")


def test_a_network_stays_open_for_each_runtime(here: str, tmp_path: Path) -> None:
    path = write_network(tmp_path / "network.onnx")
    assert segmenter(path, here) is segmenter(path, here)
    assert segmenter(path, here) is not OnnxSegmenter(path, here)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    whole = write_network(tmp_path / "network.onnx").read_bytes()
    for content, says in (
        (b"not a network", r"f\.onnx is no ONNX file"),
        (whole[:-9], r"f\.onnx is no ONNX file, or was cut short"),
        (b"", r"f\.onnx is empty; give a network of a run"),
    ):
        (tmp_path / "f.onnx").write_bytes(content)
        with pytest.raises(InputError, match=says):
            OnnxSegmenter(tmp_path / "f.onnx")


@pytest.mark.parametrize("plan", ['{"labels": {"bri', "[1, 2]", "null", '"unet"', '{"kind": "sam"}'])
def test_a_plan_that_is_none_is_told(tmp_path: Path, plan: str) -> None:
    path = write_network(tmp_path / "network.onnx")
    model = onnx.load(path)
    helper.set_model_props(model, {"plan": plan})
    onnx.save(model, path)
    with pytest.raises(InputError, match="its plan is not one that this radfuse reads; export the network again"):
        OnnxSegmenter(path)


OTHER = {
    "input 'image' is batch x 1 x 4 x 6 x 8, and the plan has 4 axes and 1 channel;": {"slices": True},
    "input 'image' is batch x 1 x 4 x 6 x 8, and the plan has 5 axes and 2 channels;": {"images": 2},
    "output 'logits' is batch x 2 x 4 x 6 x 8, and the plan has 5 axes and 3 channels;": {"labels": {"a": 1, "b": 2}},
}


@pytest.mark.parametrize("says", OTHER)
def test_the_plan_of_another_network_is_told_before_a_case_is_read(tmp_path: Path, says: str) -> None:
    path = write_network(tmp_path / "network.onnx", PLAN.model_copy(update=OTHER[says]))
    with pytest.raises(InputError, match=f"its plan is that of another network: {says} export"):
        OnnxSegmenter(path)


def test_a_network_of_other_names_is_told(tmp_path: Path) -> None:
    path = write_network(tmp_path / "network.onnx")
    model = onnx.load(path)
    model.graph.input[0].name = "x"
    onnx.save(model, path)
    with pytest.raises(InputError, match=r"another network: input 'image' is lacking, and the plan has 5 axes"):
        OnnxSegmenter(path)


def test_torch_names_what_it_does_not_know(tmp_path: Path) -> None:
    path = write_network(tmp_path / "network.onnx")
    model = onnx.load(path)
    model.graph.node[1].op_type = "Mystery"
    with pytest.raises(InputError, match=r"'torch' knows no Mystery.*choose onnxruntime"):
        runtime("torch")(model.SerializeToString())


def test_a_network_tells_how_sure_it_is(here: str, tmp_path: Path) -> None:
    found = OnnxSegmenter(write_network(tmp_path / "network.onnx"), here)(volume())
    assert isinstance(found, ScoredLabels)
    assert 0 < found.entropy[7] < 1


class Small:
    """A machine with memory for so many patches at once."""

    def __init__(self, network: Runtime, most: int, error: Exception) -> None:
        self._network, self._most, self._error = network, most, error
        self.batch, self.asked, self.averages = 4, [], None

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        self.asked.append(len(patches))
        if len(patches) > self._most:
            raise self._error
        return self._network(patches)


FULL = {
    "numpy": MemoryError("Unable to allocate 3.1 GiB for an array"),
    "onnxruntime": RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size"),
    "CUDA": Exception("CUDA failure 2: out of memory ; GPU=0"),
    "cuDNN": RuntimeError("CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED"),
    "OpenVINO": RuntimeError("Exception from src/inference/src/cpp/infer_request.cpp:223: std::bad_alloc"),
    "torch": RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
}


@pytest.mark.parametrize("who", FULL)
def test_where_memory_lacks_patches_go_through_one_by_one(who: str, tmp_path: Path) -> None:
    path = write_network(tmp_path / "network.onnx")
    usual = OnnxSegmenter(path)(volume())
    small = OnnxSegmenter(path)
    small.__dict__["_network"] = machine_ = Small(small._network, 1, FULL[who])
    assert np.array_equal(small(volume()).array, usual.array)
    assert machine_.asked[0] == 4
    assert set(machine_.asked[1:]) == {1}


def test_where_one_patch_is_too_much_the_case_says_what_to_lower(tmp_path: Path) -> None:
    small = OnnxSegmenter(write_network(tmp_path / "network.onnx"))
    small.__dict__["_network"] = machine_ = Small(small._network, 0, FULL["numpy"])
    with pytest.raises(InputError, match=r"not enough memory to segment.*lower segmentation\.patch_voxels"):
        small(volume())
    assert machine_.asked == [4, 1]  # again, once


def test_another_error_is_told_as_it_is(tmp_path: Path) -> None:
    opened = OnnxSegmenter(write_network(tmp_path / "network.onnx"))
    opened.__dict__["_network"] = machine_ = Small(opened._network, 0, RuntimeError("no such kernel"))
    with pytest.raises(RuntimeError, match="no such kernel"):
        opened(volume())
    assert machine_.asked == [4]


@pytest.mark.parametrize(("name", "gpu"), [("torch", True), ("onnxruntime", False), ("openvino", False), ("", False)])
def test_where_torch_alone_has_the_gpu_torch_alone_runs_on_it(
    name: str, gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    monkeypatch.setattr(machine, "torch_has_gpu", lambda: True)
    assert on_gpu(name) is gpu
