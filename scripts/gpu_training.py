"""Training on a GPU, measured: what `gpu_check.py` says of one kernel, of a step, and of whole trainings."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from radfuse.volume.grid import Grid

LABELS = {f"label {number}": number for number in range(1, 7)}
SHAPE, SPACING = (80, 192, 192), (0.7, 0.365, 0.365)
"""Of a training case; images to segment are twice as large along each axis, as those of the Osteoarthritis Initiative
are."""


def make_cases(folder: Path, count: int, shape: tuple[int, int, int]) -> list[Path]:
    """Write prepared cases as both trainers read them: bright boxes in noise; returns their folders."""
    generator = np.random.default_rng(0)
    cases = []
    for number in range(count):
        target = np.zeros(shape, dtype=np.uint8)
        for label in LABELS.values():
            corner = [int(generator.integers(0, size - size // 4)) for size in shape]
            target[tuple(slice(at, at + size // 4) for at, size in zip(corner, shape, strict=True))] = label
        image = generator.normal(0, 1, shape) + target
        cases.append(folder / f"case{number}")
        cases[-1].mkdir(parents=True)
        np.save(cases[-1] / "image.npy", image[None].astype(np.float32))
        np.save(cases[-1] / "target.npy", target)
        np.save(cases[-1] / "spacing.npy", np.array(SPACING))
    return cases


def time_kernel(_: Path, quick: bool) -> list[dict[str, Any]]:
    """Normalise and activate an image of 32 channels, as the first level of a U-Net does."""
    import torch
    from torch.nn import functional

    from radfuse.seg.fused import normalised

    shape = (2, 32, 16, 32, 32) if quick else (2, 32, 80, 192, 160)
    image = torch.randn(shape, device="cuda", dtype=torch.bfloat16).to(memory_format=torch.channels_last_3d)
    scale, shift = torch.randn((2, 32), device="cuda")

    def theirs(given: torch.Tensor) -> torch.Tensor:
        return functional.leaky_relu(functional.instance_norm(given, weight=scale, bias=shift), 0.01)

    def ours(given: torch.Tensor) -> torch.Tensor:
        return normalised(given, scale, shift, 1e-5, 0.01)

    rows = []
    expected = back_and_forth(theirs, image.float())
    for who, way, given in (
        ("torch", theirs, image.contiguous()),
        ("torch, channels last", theirs, image),
        ("ours, channels last", ours, image),
    ):
        found = back_and_forth(way, given)
        apart = max(float((a - b.float()).norm() / a.norm()) for a, b in zip(expected, found, strict=True))
        forward, both = gpu_ms(partial(way, given)), gpu_ms(partial(back_and_forth, way, given))
        rows.append({"who": who, "forward ms": forward, "and back ms": both, "apart from float32": f"{apart:.1e}"})
    return rows


def back_and_forth(way: Callable[[Any], Any], image: Any) -> tuple[Any, Any]:
    """Return what a function gives, and its gradient where the image itself is told."""
    given = image.detach().requires_grad_()
    out = way(given)
    out.backward(image)
    return out.detach(), given.grad


def gpu_ms(work: Callable[[], Any]) -> float:
    """Return milliseconds of a work on the GPU: the mean of eight turns after three."""
    import torch

    for _ in range(3):
        work()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(8):
        work()
    torch.cuda.synchronize()
    return round((time.perf_counter() - start) / 8 * 1000, 2)


def time_step(_: Path, quick: bool) -> list[dict[str, Any]]:
    """Make training steps of two patches that lie on the GPU: loss, gradients, optimizer."""
    import torch

    from radfuse.seg.plan import SegPlan
    from radfuse.seg.unet.backend import UnetSegmentation
    from radfuse.seg.unet.learner import Learner

    patch, channels = ((16, 32, 32), (8, 16, 24)) if quick else ((80, 192, 160), (32, 64, 128, 256, 320, 320))
    plan = SegPlan(labels=LABELS, spacing_zyx_mm=SPACING, patch_zyx=patch, channels=channels, overlap=0.5)
    config = UnetSegmentation(labels=LABELS, channels=channels, deep_supervision=True)
    torch.backends.cudnn.benchmark = True
    rows = []
    for who in ("as it trains", "the same network by torch.compile"):
        torch.cuda.reset_peak_memory_stats()
        quickly = who == "as it trains"
        layout = torch.channels_last_3d if quickly else torch.contiguous_format
        learner = Learner(plan, config, 100, quick=quickly).cuda().to(memory_format=layout)
        if not quickly:
            learner.network.compile()
        image = torch.randn((2, 1, *patch), device="cuda").to(memory_format=layout)
        target = torch.randint(0, plan.classes, (2, 1, *patch), device="cuda").float()
        optimizer = torch.optim.AdamW(learner.parameters())

        def step(learner: Any = learner, optimizer: Any = optimizer, image: Any = image, target: Any = target) -> None:
            optimizer.zero_grad()
            with torch.autocast("cuda", torch.bfloat16):
                loss = learner.training_step((image, target), 0)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learner.parameters(), 12)
            optimizer.step()

        start = time.perf_counter()
        step()
        first = round(time.perf_counter() - start, 1)
        rows.append({"who": who, "ms a step": gpu_ms(step), "first step s": first})
        rows[-1]["GiB"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
    return rows


def time_nnunet(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Have nnU-Net train on the cases; its results stay for what follows."""
    from radfuse.seg.nnunet.backend import NnunetSegmentation
    from radfuse.seg.nnunet.results import open_results
    from radfuse.seg.nnunet.training import DATASET, trained

    cases = make_cases(folder / "cases", 4, (16, 32, 32) if quick else SHAPE)
    config = NnunetSegmentation(labels=LABELS, epochs=1, iterations=4 if quick else 120, mirror=False)
    place = folder / "nnunet"
    place.mkdir()
    stamps = stamped(lambda tell: trained(config, cases, 0, place, tell, list(map(str, cases))))
    found = open_results(place / "results" / DATASET)
    work = counted(found.networks[0], found.plan.patch)
    return [{"who": "nnU-Net's trainer, compiled, fp16", "steps a second": pace(stamps), **work}]


def time_unet(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Train our U-Net of nnU-Net's channels, on its patch, by as many patches a step; where there are GPUs, by all."""
    import torch

    from radfuse.seg.unet.backend import UnetSegmentation
    from radfuse.seg.unet.network import make_network
    from radfuse.seg.unet.plan import make_plan
    from radfuse.seg.unet.train import train

    plans = json.loads(next((folder / "nnunet").glob("results/*/*/plans.json")).read_text())
    theirs = plans["configurations"]["3d_fullres"]
    rows = []
    cases = sorted((folder / "cases").iterdir())
    gpu = torch.cuda.is_available()
    for devices in sorted({1, torch.cuda.device_count()} if gpu else {1}):
        config = UnetSegmentation(
            labels=LABELS,
            channels=tuple(theirs["architecture"]["arch_kwargs"]["features_per_stage"]),
            steps=8 if quick else 240,
            batch=theirs["batch_size"],
            deep_supervision=True,
            precision="fp16" if gpu else "auto",
            devices=devices,
        )
        plan = make_plan(config, [Grid((16, 32, 32) if quick else SHAPE, SPACING)])
        plan = plan.model_copy(update={"patch_zyx": tuple(theirs["patch_size"])})
        work = folder / f"unet-{devices}"
        stamps = stamped(partial(train, cases, plan, config, work, 0))
        who = f"U-Net, {config.precision}" + (f", {devices} GPUs" if devices > 1 else "")
        work_done = counted(make_network(plan).eval(), plan.patch_zyx)
        rows.append({"who": who, "steps a second": pace(stamps), **work_done})
    return rows


def stamped(work: Callable[[Callable[..., None]], Any]) -> list[float]:
    """Do a training, and return when each of its steps was told."""
    stamps: list[float] = []
    work(lambda *_: stamps.append(time.perf_counter()))
    return stamps


def pace(stamps: Sequence[float]) -> float:
    """Return steps a second of the second half of a training."""
    half = len(stamps) // 2
    return round((len(stamps) - 1 - half) / (stamps[-1] - stamps[half]), 2)


def counted(network: Any, patch: Sequence[int]) -> dict[str, Any]:
    """Return how much work a network is: its patch, its parameters, and the operations on a patch."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    network = network.to("meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.empty((1, 1, *patch), device="meta"))
    parameters = sum(weights.numel() for weights in network.parameters())
    return {
        "patch": " x ".join(map(str, patch)),
        "million parameters": round(parameters / 1e6, 1),
        "TFLOP a patch": round(counter.get_total_flops() / 1e12, 2),
    }
