"""nnU-Net's results as one ONNX file; a cascade's two networks lie in it side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radfuse.seg.export import check_size, export_network
from radfuse.seg.nnunet.plan import PREVIOUS, NnunetPlan
from radfuse.seg.nnunet.results import Trained, first_layer

if TYPE_CHECKING:
    from onnx import ModelProto


def export_results(found: Trained, plan: NnunetPlan, path: Path) -> float:
    """Write networks with their plan in the metadata.

    Args:
        found: what nnU-Net left.
        plan: that of `found`, or what was changed of it.
        path: of the file.

    Returns:
        The largest difference from torch, as `export_network` has it.

    Raises:
        CaseError: a network's ONNX differs from it.
        InputError: the networks are larger than an ONNX file can be.
    """
    import onnx

    if found.previous is None or plan.previous is None:
        return export_network(found.networks, plan, path, first_layer(found.networks[0]))
    check_size((*found.networks, *found.previous.networks))
    aside = path.with_name(f"{PREVIOUS}{path.name}")
    try:
        differences = (
            export_results(found.previous, plan.previous, aside),
            export_network(found.networks, plan, path, first_layer(found.networks[0])),
        )
        whole = onnx.load(path)
        _put_beside(whole, onnx.load(aside))
    finally:
        aside.unlink(missing_ok=True)
    onnx.checker.check_model(whole)
    onnx.save(whole, path)
    return max(differences)


def _put_beside(whole: ModelProto, first: ModelProto) -> None:
    """Add a cascade's first network to the file of its second; of the first nobody wants deep features."""
    from onnx.compose import add_prefix

    graph = add_prefix(first, PREVIOUS).graph
    outputs = [item for item in graph.output if item.name == f"{PREVIOUS}logits"]
    for item in (*graph.input, *outputs):
        for size in item.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = f"{PREVIOUS}{size.dim_param}"  # its patches are others
    whole.graph.node.extend(graph.node)
    whole.graph.initializer.extend(graph.initializer)
    whole.graph.input.extend(graph.input)
    whole.graph.output.extend(outputs)
