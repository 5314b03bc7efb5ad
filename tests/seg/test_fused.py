"""The kernels run here by Triton's interpreter, and are compiled for a GPU that need not be here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from radfuse.machine import torch_has_gpu

SCRIPT = Path(__file__).parents[1] / "support" / "interpreted.py"
pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="Triton comes with torch on Linux alone")


def test_image_gradients_networks_and_graphs_are_those_of_torch(tmp_path: Path) -> None:
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 16
    allowed = {"torch.float16": 2e-3, "torch.bfloat16": 1e-2}
    assert {name: apart for name, apart in found.items() if not apart < allowed.get(name, 1e-4)} == {}


@pytest.mark.filterwarnings("ignore:AnnAssign")  # of Triton, from Python 3.13 on
@pytest.mark.parametrize("name", ["_add_up", "_apply", "_add_up_back", "_apply_back"])
def test_kernels_compile_for_a_gpu(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from radfuse.seg import fused

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    kernel = getattr(fused, name)
    types = dict.fromkeys(("image", "told", "out"), "*bf16") | {"slope": "fp32"}
    types |= dict.fromkeys(("voxels", "channels", "chunks"), "i32") | dict.fromkeys(("WIDTH", "ROWS"), "constexpr")
    signature = {argument: types.get(argument, "*fp32") for argument in kernel.arg_names}
    source = ASTSource(kernel, signature, constexprs={"WIDTH": 64, "ROWS": 128})
    assert ".target sm_90" in triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["ptx"]


@pytest.mark.skipif(torch_has_gpu(), reason="it runs here")
def test_where_it_cannot_compile_torch_does_it_and_a_warning_says_why() -> None:
    from radfuse.seg import fused
    from radfuse.seg.unet.quick import can_quicken

    fused.runs_here.cache_clear()
    with pytest.warns(RuntimeWarning, match=r"as torch has it.*needs a C compiler"):
        assert not can_quicken()  # there is no GPU, or it would
    fused.runs_here.cache_clear()
