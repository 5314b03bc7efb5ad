"""Time segmentation from file to file: nnU-Net's predictor or MONAI's sliding window in torch, and our runtimes.

    uv run python scripts/bench_segmentation.py                       phantom knees
    uv run python scripts/bench_segmentation.py --sarcoma FOLDER      real tumours: FOLDER/*/t1.nii.gz, t1_mask.nii.gz
    uv run python scripts/bench_segmentation.py --large               one image of 160 x 384 x 384 voxels, six labels
    uv run python scripts/bench_segmentation.py --nnunet --sarcoma FOLDER       nnU-Net's own plan and network, and its
                                                                                predictor as the first way

The same weights, trained for some steps, see the same cases; each way is a process of its own, and they take turns. The
network is open before the first case. Prints seconds a case and, of each way, the largest memory and the Dice of its
masks with those of nnU-Net's predictor, or else of our first way, in float32. MONAI lays its patches elsewhere, which
masks of a network that learned for seconds show. Nobody mirrors. With --large the network is untrained: what counts is
memory.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from radfuse.config import read_yaml
from radfuse.errors import InputError
from radfuse.phantom.knee import KneePhantom, write_knee_phantom
from radfuse.seg.metrics import dice
from radfuse.seg.plan import SegPlan
from radfuse.seg.predict import OnnxSegmenter
from radfuse.seg.preprocess import label_map, network_input
from radfuse.seg.runtimes import RUNTIMES
from radfuse.seg.runtimes.runtime import runtime
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.seg.unet.plan import make_plan
from radfuse.seg.window import padding_of
from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume

MONAI = ("monai-float32", "monai-bfloat16")
"""MONAI's sliding window in torch."""
NNUNET = "nnunet"
"""nnU-Net's predictor, in float32."""


def make_large(folder: Path) -> tuple[UnetSegmentation, list[Path], list[Path]]:
    """Write one image of the size of a knee of the Osteoarthritis Initiative; the network's grid is a little finer."""
    shape = (160, 384, 384)
    array = np.random.default_rng(0).normal(300, 60, shape).astype(np.float32)
    write_image(Volume(array, Grid(shape, (0.7, 0.365, 0.365))), folder / "large.nrrd")
    labels = {f"label {number}": number for number in range(1, 7)}
    config = UnetSegmentation(labels=labels, channels=(8, 16, 16), overlap=0, spacing_zyx_mm=(0.7, 0.36, 0.36))
    return config, [folder / "large.nrrd"], []


def make_network(config: UnetSegmentation, images: Sequence[Path], masks: Sequence[Path], folder: Path) -> None:
    """Train a network on all cases, and write it for torch and as ONNX."""
    import torch

    from radfuse.seg.export import export_network
    from radfuse.seg.unet.network import make_network as untrained
    from radfuse.seg.unet.train import train

    plan = make_plan(config, [read_volume(path).grid for path in images])
    cases: list[Path] = []
    for image, mask in zip(images, masks, strict=False):
        cases.append(folder / "cases" / str(len(cases)))
        cases[-1].mkdir(parents=True)
        preparation = config.preparation(plan.model_dump_json())
        for name, array in preparation.prepare(read_volume(image), read_labels(mask)).items():
            np.save(cases[-1] / f"{name}.npy", array)
    torch.manual_seed(0)
    network = train(cases, plan, config, folder / "training", 0) if cases else untrained(plan).eval()
    export_network(network, plan, folder / "network.onnx")
    torch.save(network.state_dict(), folder / "network.pt")


def make_nnunet(config: UnetSegmentation, images: Sequence[Path], masks: Sequence[Path], folder: Path) -> None:
    """Have nnU-Net plan and train on all cases for some steps, and write its network as ONNX."""
    from radfuse.seg.export import export_network
    from radfuse.seg.nnunet.backend import NnunetSegmentation
    from radfuse.seg.nnunet.results import first_layer, open_results
    from radfuse.seg.nnunet.training import trained

    backend = NnunetSegmentation(labels=config.labels, epochs=1, iterations=config.steps, mirror=False)
    preparation = backend.preparation(backend.plan([read_volume(path).grid for path in images]))
    cases: list[Path] = []
    for image, mask in zip(images, masks, strict=True):
        cases.append(folder / "cases" / str(len(cases)))
        cases[-1].mkdir(parents=True)
        for name, array in preparation.prepare(read_volume(image), read_labels(mask)).items():
            np.save(cases[-1] / f"{name}.npy", array)
    found = open_results(
        trained(backend, cases, 0, folder, lambda *_: None, [str(case) for case in cases]), mirror=False
    )
    print(f"nnU-Net's {found.plan.configuration}, patch {found.plan.patch}, {found.plan.spacing_mm} mm", flush=True)
    export_network(found.networks, found.plan, folder / "network.onnx", first_layer(found.networks[0]))


def with_nnunet(folder: Path) -> Callable[[Path, Path], None]:
    """Return nnU-Net's predictor, from file to file."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
    results = next((folder / "results").glob("*/*/plans.json")).parent
    predictor.initialize_from_trained_model_folder(str(results), ("all",), "checkpoint_final.pth")

    def segment(image: Path, out: Path) -> None:
        with redirect_stdout(StringIO()):
            predictor.predict_from_files_sequential([[str(image)]], [str(out.with_suffix(""))])

    return segment


def with_monai(folder: Path, half: bool) -> Callable[[Volume], LabelMap]:
    """Return MONAI's sliding window, with our ways to the network's grid and back."""
    import torch
    from monai.inferers import sliding_window_inference

    from radfuse.seg.unet.network import make_network as untrained

    plan = OnnxSegmenter(folder / "network.onnx").plan
    assert isinstance(plan, SegPlan)
    network = untrained(plan).eval()
    network.load_state_dict(torch.load(folder / "network.pt", weights_only=True))

    def said(patches: torch.Tensor) -> torch.Tensor:
        return torch.softmax(network(patches).float(), dim=1)  # what overlaps is averaged as ours is

    def segment(volume: Volume) -> LabelMap:
        image, inner = network_input(volume, plan)
        padding = padding_of(image.shape[1:], plan.patch_zyx)
        padded = plan.window.padded(image)  # MONAI's own zeros are the body's mean
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            found: Any = sliding_window_inference(
                torch.from_numpy(padded)[None], plan.patch_zyx, 1, said, plan.overlap, mode="gaussian"
            )
        probability = found[0].numpy()
        inside = tuple(slice(before, before + size) for (before, _), size in zip(padding, image.shape[1:], strict=True))
        probability = probability[(slice(None), *inside)]
        return label_map(lambda number: probability[number], inner, volume, plan)

    return segment


def segment_all(way: str, images: Sequence[Path], folder: Path) -> None:
    """Segment every case in this process, and print seconds of each and the largest memory."""
    if way == NNUNET:
        whole = with_nnunet(folder)
    else:
        if way in MONAI:
            segment: Callable[[Volume], LabelMap] = with_monai(folder, half=way == MONAI[1])
        else:
            segment = opened = OnnxSegmenter(folder / "network.onnx", way)
            _ = opened._network

        def whole(image: Path, out: Path) -> None:
            write_image(segment(read_volume(image)), out)

    out = folder / way
    out.mkdir(exist_ok=True)
    seconds = []
    for number, path in enumerate(images):
        start = time.perf_counter()
        whole(path, out / f"{number}.nrrd")
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib()}))


def peak_mib() -> float:
    """Return the largest memory of this process; what `resource` says begins with that of who started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measured(way: str, images: Sequence[Path], folder: Path) -> dict[str, Any]:
    """Return what `segment_all` prints in a process of its own."""
    print(f"segmenting: {way}", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--folder", folder, "--way", way, "--images", *images]
    done = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def here(names: Sequence[str]) -> Iterator[str]:
    """Yield the ways that can be gone on this machine."""
    for name in names:
        try:
            if name not in (*MONAI, NNUNET):
                runtime(name)
        except InputError as error:
            print(f"without {name}: {error}", file=sys.stderr)
        else:
            yield name


def agreement(way: str, other: str, labels: dict[str, int], count: int, folder: Path) -> list[float]:
    """Return the Dice of each label that either way finds, case by case."""
    found: list[float] = []
    for number in range(count):
        one, two = (read_labels(folder / name / f"{number}.nrrd", empty=True) for name in (other, way))
        there = [number for number in labels.values() if number in {*one.present(), *two.present()}]
        found += [dice(one.array == number, two.array == number) for number in there]
    return found


def inputs(arguments: argparse.Namespace, folder: Path) -> tuple[UnetSegmentation, list[Path], list[Path]]:
    """Return settings, images and masks of what is asked for."""
    if arguments.large:
        return make_large(folder)
    if arguments.sarcoma:
        masks = sorted(arguments.sarcoma.resolve().glob("*/t1_mask.nii.gz"))[: arguments.cases]
        config = UnetSegmentation(
            labels={"tumour": 1},
            spacing_zyx_mm=(5.0, 3.5, 3.5),  # as in configs/sarcoma.yaml
            steps=arguments.steps,
            patch_voxels=arguments.patch_voxels,
        )
        return config, [mask.with_name("t1.nii.gz") for mask in masks], masks
    study = write_knee_phantom(folder / "knees", KneePhantom(cases=max(arguments.cases, 8)))
    masks = sorted(study.parent.glob("images/*_labels.nii.gz"))[: arguments.cases]
    images = [mask.with_name(mask.name.replace("_labels", "_dess")) for mask in masks]
    labels = read_yaml(study)["segmentation"]["labels"]
    return UnetSegmentation(labels=labels, steps=arguments.steps, patch_voxels=arguments.patch_voxels), images, masks


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sarcoma", type=Path, help="folder of the tumours")
    parser.add_argument("--large", action="store_true", help="one large image instead")
    parser.add_argument("--cases", type=int, default=3, help="how many")
    parser.add_argument("--steps", type=int, default=60, help="of the training")
    parser.add_argument("--patch-voxels", type=int, default=150_000, help="of the network")
    parser.add_argument("--rounds", type=int, default=2, help="turns that each way has")
    parser.add_argument("--nnunet", action="store_true", help="nnU-Net's plan, network and predictor")
    parser.add_argument("--only", nargs="+", help="these ways")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--images", type=Path, nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        segment_all(arguments.way, arguments.images, arguments.folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config, images, masks = inputs(arguments, folder)
        make = make_nnunet if arguments.nnunet else make_network
        make(config, images, masks, folder)
        ways = list(here(arguments.only or [*([NNUNET] if arguments.nnunet else MONAI), *RUNTIMES]))
        runs = [{way: measured(way, images, folder) for way in ways} for _ in range(arguments.rounds)]
        like = next((way for way in ways if way not in MONAI), ways[0])
        print(f"| who | seconds a case | range | times as fast as the first | peak MiB | Dice with {like} | lowest |")
        print("|---|---|---|---|---|---|---|")
        for way in ways:
            seconds = [value for run in runs for value in run[way]["seconds"]]
            faster = statistics.median(sum(run[ways[0]]["seconds"]) / sum(run[way]["seconds"]) for run in runs)
            dice = agreement(way, like, config.labels, len(images), folder) or [math.nan]  # all empty
            peak = max(run[way]["peak_mib"] for run in runs)
            print(
                f"| {way} | {statistics.median(seconds):.2f} | {min(seconds):.2f} to {max(seconds):.2f} | {faster:.2f} "
                f"| {peak:.0f} | {statistics.median(dice):.4f} | {min(dice):.4f} |"
            )


if __name__ == "__main__":
    main()
