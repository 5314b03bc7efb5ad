"""ONNX files of a bundle that are not what its schema says, hashes rewritten to match: refused before any compute."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from radfuse.bundle.load import load_bundle
from radfuse.bundle.models import check_network
from radfuse.bundle.predict import predict
from radfuse.bundle.schema import ImageRecipe
from radfuse.errors import InputError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.regions.label import LabelRegion
from radfuse.seg.config import DeepConfig
from radfuse.seg.plan import SegPlan

Reseal = Callable[[Path], None]


def network(name: str, given: str, shape: list[int | str], made: str, value: np.ndarray, **metadata: str) -> bytes:
    """Return a graph that gives one constant whatever it is given."""
    kind = helper.np_dtype_to_tensor_dtype(value.dtype)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["constant"], [made])],
        name,
        [helper.make_tensor_value_info(given, kind, shape)],
        [helper.make_tensor_value_info(made, kind, list(value.shape))],
        [numpy_helper.from_array(value, "constant")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    proto.ir_version = 9
    helper.set_model_props(proto, metadata)
    return bytes(proto.SerializeToString())


def columns(copied: Path) -> int:
    return len(load_bundle(copied).schema.families["clinical"].inputs)


def refused(copied: Path, reseal: Reseal, content: bytes, tables: Path) -> str:
    (copied / "clinical.onnx").write_bytes(content)
    reseal(copied)
    with pytest.raises(InputError) as caught:
        predict(copied, tables / "cohort.csv", families=["clinical"])
    assert str(copied / "clinical.onnx") in str(caught.value)
    assert "run `radfuse export` again" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"garbage", pickle.dumps({"model": [1, 2]}), b"\x00" * 1000, b"<html></html>"]
)
def test_what_is_no_onnx_file_is_refused(copied: Path, reseal: Reseal, tables: Path, content: bytes) -> None:
    assert "is no ONNX model that can be opened" in refused(copied, reseal, content, tables)


def test_half_a_model_is_refused(copied: Path, reseal: Reseal, tables: Path) -> None:
    whole = (copied / "clinical.onnx").read_bytes()
    refused(copied, reseal, whole[: len(whole) // 2], tables)


def test_another_familys_model_is_refused_by_name(copied: Path, reseal: Reseal, tables: Path) -> None:
    said = refused(copied, reseal, (copied / "deep.onnx").read_bytes(), tables)
    assert "holds the model of family 'deep', not of 'clinical'" in said


def test_a_model_of_other_inputs_is_refused(copied: Path, reseal: Reseal, tables: Path) -> None:
    count, p = columns(copied), np.array([0.5])
    said = refused(copied, reseal, network("m", "features", ["unit", count + 1], "probability", p), tables)
    assert f"should have the input features (any, {count}), it has: features (any, {count + 1})" in said
    said = refused(copied, reseal, network("m", "x", ["unit", count], "probability", p), tables)
    assert f"it has: x (any, {count})" in said
    said = refused(copied, reseal, network("m", "features", [count], "probability", p), tables)
    assert f"it has: features ({count})" in said


def test_a_model_of_other_outputs_is_refused(copied: Path, reseal: Reseal, tables: Path) -> None:
    said = refused(copied, reseal, network("m", "features", ["unit", columns(copied)], "p", np.array([0.5])), tables)
    assert "should have the output probability (any), it has: p (1)" in said


@pytest.mark.parametrize("value", [[0.5], [1.5], [np.nan], [-0.1]])
def test_what_a_model_gives_must_be_probabilities(
    copied: Path, reseal: Reseal, tables: Path, value: list[float]
) -> None:
    """One a unit, between 0 and 1: a single 0.5 for all units is none."""
    made = network("m", "features", ["unit", columns(copied)], "probability", np.array(value))
    assert "gives numbers that are no probabilities" in refused(copied, reseal, made, tables)


def test_a_model_of_single_precision_is_refused_when_it_runs(copied: Path, reseal: Reseal, tables: Path) -> None:
    value = np.array([0.5], dtype=np.float32)
    refused(copied, reseal, network("m", "features", ["unit", columns(copied)], "probability", value), tables)


def test_models_of_families_that_nobody_asked_for_are_not_opened(copied: Path, reseal: Reseal, tables: Path) -> None:
    (copied / "deep.onnx").write_bytes(b"garbage")
    reseal(copied)
    assert len(predict(copied, tables / "cohort.csv", families=["clinical"]).probabilities) > 50


class TestNetwork:
    PLAN = SegPlan(
        labels={"tumour": 1}, spacing_zyx_mm=(1, 1, 1), patch_zyx=(8, 8, 8), channels=(8, 16, 16), overlap=0.5
    )
    RECIPE = ImageRecipe(
        images={"t1": "t1"},
        mask=None,
        sequence="t1",
        labels={"tumour": 1},
        regions=(LabelRegion(name="tumour", label="tumour"),),
        radiomics=RadiomicsConfig(),
    )

    def refused(self, content: bytes, folder: Path, recipe: ImageRecipe = RECIPE) -> str:
        (folder / "segmentation.onnx").write_bytes(content)
        with pytest.raises(InputError) as caught:
            check_network(recipe, folder / "segmentation.onnx")
        return str(caught.value)

    def made(self, *, given: str = "image", patch: int = 8, classes: int = 2, **metadata: str) -> bytes:
        logits = np.zeros((1, classes, 8, 8, 8), dtype=np.float32)
        return network("n", given, ["batch", 1, patch, 8, 8], "logits", logits, **metadata)

    def test_a_network_that_fits_its_plan_is_taken(self, tmp_path: Path) -> None:
        (tmp_path / "segmentation.onnx").write_bytes(self.made(plan=self.PLAN.model_dump_json()))
        check_network(self.RECIPE, tmp_path / "segmentation.onnx")

    def test_what_is_no_network_is_refused(self, tmp_path: Path) -> None:
        for content in (b"", b"garbage", pickle.dumps([1])):
            assert "is no ONNX model that can be opened" in self.refused(content, tmp_path)
        assert "holds no plan" in self.refused(self.made(), tmp_path)
        assert "its plan is of a format this radfuse does not read" in self.refused(self.made(plan="{}"), tmp_path)

    def test_a_network_that_does_not_fit_its_plan_is_refused(self, tmp_path: Path) -> None:
        plan = self.PLAN.model_dump_json()
        assert "input image (any, 1, 8, 8, 8), it has: x" in self.refused(self.made(given="x", plan=plan), tmp_path)
        assert "it has: image (any, 1, 16, 8, 8)" in self.refused(self.made(patch=16, plan=plan), tmp_path)
        assert "output logits (any, 2, 8, 8, 8)" in self.refused(self.made(classes=3, plan=plan), tmp_path)

    def test_a_network_of_other_labels_is_refused(self, tmp_path: Path) -> None:
        plan = self.PLAN.model_copy(update={"labels": {"liver": 1}}).model_dump_json()
        said = self.refused(self.made(plan=plan), tmp_path)
        assert "segments {'liver': 1}, and the bundle's regions need {'tumour': 1}" in said

    def test_a_network_without_features_cannot_make_deep_ones(self, tmp_path: Path) -> None:
        deep = self.RECIPE.model_copy(update={"deep": DeepConfig()})
        said = self.refused(self.made(plan=self.PLAN.model_dump_json()), tmp_path, deep)
        assert "output features (any, any, any, any, any), it has: logits" in said


def test_the_helper_makes_models_that_onnx_accepts() -> None:
    made = network("m", "features", ["unit", 3], "probability", np.array([0.5]))
    onnx.checker.check_model(onnx.load_model_from_string(made))
    assert onnx.load_model_from_string(made).graph.input[0].type.tensor_type.elem_type == TensorProto.DOUBLE
