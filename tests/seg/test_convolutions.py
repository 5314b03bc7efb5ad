"""Convolutions of one patch on a CPU: as torch's, by whomever they are computed."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch", reason="needs radfuse[train]")
import torch

from radfuse.seg.runtimes.convolutions import QuickConvolutions


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The patches that oneDNN was asked to convolve."""
    found: list[Any] = []
    theirs = torch.mkldnn_convolution
    monkeypatch.setattr(torch, "mkldnn_convolution", lambda *args: found.append(args[0]) or theirs(*args))
    return found


@pytest.mark.parametrize(
    ("size", "channels", "how"),
    [
        ((5, 7, 9), (1, 3), {"kernel_size": 3, "padding": 1}),
        ((6, 9, 4), (2, 5), {"kernel_size": (1, 3, 3), "padding": (0, 1, 1), "stride": (1, 2, 2), "bias": False}),
        ((7, 8, 5), (3, 2), {"kernel_size": (3, 2, 3), "padding": (2, 0, 1), "stride": 2}),
        ((9, 9, 11), (4, 4), {"kernel_size": 3, "padding": 2, "dilation": 2}),
    ],
)
def test_one_patch_is_convolved_as_by_torch(size: Any, channels: Any, how: Any, asked: list[Any]) -> None:
    torch.manual_seed(0)
    layer, image = torch.nn.Conv3d(*channels, **how), torch.randn(1, channels[0], *size, requires_grad=True)
    found = []
    for mode in (None, QuickConvolutions()):
        with mode if mode is not None else torch.enable_grad():
            said = layer(image)
        layer.zero_grad()
        (slope,) = torch.autograd.grad(said.square().sum(), image, retain_graph=True)
        said.square().sum().backward(inputs=[layer.weight])
        found.append((said.detach(), slope, layer.weight.grad.clone()))
    assert len(asked) == 1
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_what_torch_does_quickly_it_does_itself(asked: list[Any]) -> None:
    image, layer = torch.randn(1, 2, 4, 4, 4), torch.nn.Conv3d(2, 2, 3)
    with torch.no_grad(), QuickConvolutions():
        layer(torch.cat([image, image]))
        torch.nn.Conv3d(2, 2, 1)(image)
        torch.nn.Conv3d(2, 2, 3, groups=2)(image)
        layer.double()(image.double())
        torch.nn.Conv3d(2, 2, 3, padding="same")(image)
        with torch.autocast("cpu", torch.bfloat16):
            layer.float()(image)
        assert torch.nn.functional.conv3d(image, layer.weight).shape == (1, 2, 2, 2, 2)
        torch.conv3d(image, layer.weight, None, 1, 0, 1, 1)
    assert not asked
