"""Time the radiomics engines side by side, checking in the same run that their numbers are equal.

    uv run python scripts/bench_radiomics.py                      the OAI-sized knee
    uv run python scripts/bench_radiomics.py --sarcoma FOLDER     real tumours: FOLDER/*/t1.nii.gz and t1_mask.nii.gz
    uv run python scripts/bench_radiomics.py --small IMAGE MASK   one small region

Peers: PyRadiomics, and nyxus and MIRP where they are installed. Each extraction runs in a process of its own, that
reports its own peak memory; images are read, kernels compiled, and a small extraction done before the clock starts.

Seconds are the fewest of as many repeats for every engine; nothing that an engine finds out about an image is kept
between them. Ours runs with a thread a core and again with one thread of everything. PyRadiomics has one thread, but
for its SimpleITK filters, which take all cores, in both comparisons.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 1e-6
CANCEL = {"Skewness": "1", "ClusterShade": "ClusterProminence", "Imc1": "1", "Correlation": "1"}
"""Features whose summands cancel: equal relative to the summands' size (a constant, or a sibling's power 3/4)."""
ALL = {"Original": {}, "Wavelet": {}, "LoG": {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]}}


def params(filters: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that all engines get."""
    names = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
    setting = {"binWidth": 25, "preCrop": True, "padDistance": 10, "additionalInfo": True}
    return {"setting": setting, "imageType": filters, "featureClass": dict.fromkeys(names)}


def write_knee(folder: Path) -> tuple[Path, Path]:
    """Write an OAI-sized image and six cartilage-like shells: 160 x 384 x 384 voxels of 0.7 x 0.365 x 0.365 mm."""
    import SimpleITK as sitk

    rng = np.random.default_rng(0)
    shape, spacing = (160, 384, 384), (0.7, 0.365, 0.365)
    z, y, x = (np.arange(n, dtype=np.float32) * step for n, step in zip(shape, spacing, strict=True))
    centre = [n * step / 2 for n, step in zip(shape, spacing, strict=True)]
    squares = [(axis - middle) ** 2 for axis, middle in zip((z, y, x), centre, strict=True)]
    radius = np.sqrt(squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :])
    angle = np.arctan2((y - centre[1])[:, None], (x - centre[2])[None, :])
    mask = np.zeros(shape, dtype=np.uint8)
    half = (radius > 32.9) & (radius < 35.8) & (np.abs(angle)[None] < 1.1)
    mask[half] = 1
    for label in range(2, 7):
        inner = 32.9 - 3.5 * (label - 1)
        mask[(radius > inner) & (radius < inner + 1.7) & (np.abs(angle)[None] < 1.1)] = label
    image = 300 + 120 * np.sin(radius / 2) + rng.normal(0, 40, shape)
    image += 60 * np.cos(x / 9)[None, None, :]
    paths = folder / "image.nrrd", folder / "mask.nrrd"
    for array, path in zip((image.astype(np.float32), mask), paths, strict=True):
        stored = sitk.GetImageFromArray(array)
        stored.SetSpacing(spacing[::-1])
        sitk.WriteImage(stored, str(path))
    return paths


# one engine, in a process of its own


def run_fast(
    image: Path, mask: Path, labels: list[int], settings: dict[str, Any], threads: int = 0
) -> Callable[[], dict[str, Any]]:
    """Return a call that extracts with our engine, all labels at once; 0 threads: a thread a core."""
    from radfuse.radiomics.config import RadiomicsConfig
    from radfuse.radiomics.extract import extract
    from radfuse.radiomics.kernels import warm_up
    from radfuse.radiomics.plan import plan_of
    from radfuse.volume.files import read_labels, read_volume
    from radfuse.volume.image import LabelMap

    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(settings, file)
    config = RadiomicsConfig(params=Path(file.name))
    volume, segmentation = read_volume(image), read_labels(mask)
    warm_up(plan_of(config))

    def call() -> dict[str, Any]:
        fresh = LabelMap(segmentation.array, segmentation.grid)  # which keeps the boxes of its labels
        table = extract(volume, fresh, config, engine="fast", only=labels, threads=threads)
        return {str(name): row.to_dict() for name, row in table.values.iterrows()}

    return call


def run_pyradiomics(
    image: Path, mask: Path, labels: list[int], settings: dict[str, Any]
) -> Callable[[], dict[str, Any]]:
    """Return a call that extracts with PyRadiomics, label by label."""
    import radiomics
    import SimpleITK as sitk
    from radiomics import featureextractor

    radiomics.setVerbosity(60)
    extractor = featureextractor.RadiomicsFeatureExtractor(settings)
    volume, segmentation = sitk.ReadImage(str(image)), sitk.ReadImage(str(mask))

    def call() -> dict[str, Any]:
        rows = {}
        for label in labels:
            found = extractor.execute(volume, segmentation, label=label)
            rows[str(label)] = {k: float(v) for k, v in found.items() if not k.startswith("diagnostics_")}
        return rows

    return call


def run_nyxus(image: Path, mask: Path, labels: list[int], _: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Return a call that extracts with nyxus: the original image only, its own features and definitions.

    It reads files alone, so that its seconds hold the reading of two uncompressed NIfTI files.
    """
    import nyxus
    import SimpleITK as sitk

    engine = nyxus.Nyxus3D(["*3D_ALL*"], n_feature_calc_threads=len(os.sched_getaffinity(0)))
    folder = Path(tempfile.mkdtemp())
    voxels = sitk.ReadImage(str(image))
    low, high = float(sitk.GetArrayViewFromImage(voxels).min()), float(sitk.GetArrayViewFromImage(voxels).max())
    whole = sitk.Cast(sitk.IntensityWindowing(sitk.Cast(voxels, sitk.sitkFloat32), low, high, 0, 4095), sitk.sitkUInt16)
    sitk.WriteImage(whole, str(folder / "image.nii"))
    region = sitk.Cast(sitk.ReadImage(str(mask)) == labels[0], sitk.sitkUInt16)
    region.CopyInformation(whole)
    sitk.WriteImage(region, str(folder / "mask.nii"))

    def call() -> dict[str, Any]:
        frame = engine.featurize_files([str(folder / "image.nii")], [str(folder / "mask.nii")], single_roi=False)
        return {str(labels[0]): frame.iloc[0].drop([c for c in frame if frame[c].dtype.kind not in "if"]).to_dict()}

    return call


def run_mirp(image: Path, mask: Path, labels: list[int], _: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Return a call that extracts with MIRP: the original image only, IBSI's definitions."""
    import SimpleITK as sitk
    from mirp import extract_features

    inside = sitk.LabelStatisticsImageFilter()
    inside.Execute(sitk.Cast(sitk.ReadImage(str(image)), sitk.sitkFloat64), sitk.ReadImage(str(mask)))

    def call() -> dict[str, Any]:
        frame = extract_features(
            image=str(image),
            mask=str(mask),
            roi_name=str(labels[0]),
            base_discretisation_method="fixed_bin_size",
            base_discretisation_bin_width=25.0,
            resegmentation_intensity_range=[inside.GetMinimum(labels[0]), inside.GetMaximum(labels[0])],
            by_slice=False,
        )[0]
        return {str(labels[0]): dict.fromkeys(frame.columns, 0.0)}

    return call


def run_fast_alone(
    image: Path, mask: Path, labels: list[int], settings: dict[str, Any]
) -> Callable[[], dict[str, Any]]:
    """Return a call that extracts with our engine in one thread, SimpleITK's filters too."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    return run_fast(image, mask, labels, settings, threads=1)


CORES = len(os.sched_getaffinity(0))
ENGINES = {
    "fast": run_fast,
    "fast alone": run_fast_alone,
    "pyradiomics": run_pyradiomics,
    "nyxus": run_nyxus,
    "mirp": run_mirp,
}
THREADS = {"fast": f"{CORES}", "fast alone": "1", "pyradiomics": f"1, SimpleITK {CORES}", "nyxus": f"{CORES}"}


def child(argument: str) -> None:
    """Extract as often as told; print the fewest seconds, the first's peak memory, values as JSON."""
    job = json.loads(argument)
    call = ENGINES[job["engine"]](Path(job["image"]), Path(job["mask"]), job["labels"], job["params"])
    seconds: list[float] = []
    peak = 0.0
    for _ in range(job["repeats"]):
        start = time.perf_counter()
        values = call()
        seconds.append(time.perf_counter() - start)
        peak = peak or peak_memory()
    print(json.dumps({"seconds": min(seconds), "peak": peak, "values": values}))


def peak_memory() -> float:
    """Return this process's peak memory so far, MiB; ru_maxrss would count what the parent held before."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def measure(
    engine: str, image: Path, mask: Path, labels: list[int], settings: dict[str, Any], repeats: int
) -> dict[str, Any]:
    """Return what an engine's process says; empty where the engine is not installed."""
    job: dict[str, Any] = {"engine": engine, "image": str(image), "mask": str(mask), "labels": labels}
    job |= {"params": settings, "repeats": repeats}
    done = subprocess.run([sys.executable, __file__, "--child", json.dumps(job)], capture_output=True, text=True)
    if done.returncode:
        print(f"  {engine}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", file=sys.stderr)
        return {}
    return json.loads(done.stdout.splitlines()[-1])


def differing(ours: dict[str, dict[str, float]], theirs: dict[str, dict[str, float]]) -> list[str]:
    """Return the features that differ by more than the tolerance, or that one of the two lacks."""
    if set(ours) != set(theirs):
        return ["labels differ"]
    found = []
    for label, row in theirs.items():
        if list(row) != list(ours[label]):
            return ["columns differ"]
        for name, value in row.items():
            mine = ours[label][name]
            if value != value or mine != mine:
                if (value != value) != (mine != mine):
                    found.append(name)
                continue
            scale, short = abs(value), name.rsplit("_", 1)[1]
            if short in CANCEL:
                sibling = CANCEL[short]
                size = 1.0 if sibling == "1" else abs(row[name.rsplit("_", 1)[0] + "_" + sibling]) ** 0.75
                scale = max(scale, size)
            if abs(mine - value) > TOLERANCE * scale:
                found.append(name)
    return found


def compare(
    what: str, image: Path, mask: Path, labels: list[int], settings: dict[str, Any], peers: list[str], repeats: int
) -> None:
    """Print the table's rows for one job."""
    job = image, mask, labels, settings, repeats
    ours, alone = (measure(engine, *job) for engine in ("fast", "fast alone"))
    for engine in ("fast", "fast alone", *peers):
        found = {"fast": ours, "fast alone": alone}.get(engine) or measure(engine, *job)
        if not found:
            continue
        count = sum(len(row) for row in found["values"].values())
        bad = differing(ours["values"], found["values"]) if engine in ("fast alone", "pyradiomics") else []
        equal = {"fast alone": "yes", "pyradiomics": "yes"}.get(engine, "")
        equal = "no: " + ", ".join(bad[:3]) if bad else equal
        ratios = [f"{found['seconds'] / mine['seconds']:.1f}" for mine in (ours, alone)]
        cells = [what, engine, THREADS.get(engine, "its own"), f"{found['seconds']:.3f}", *ratios]
        print("|", " | ".join([*cells, f"{found['peak']:.0f}", str(count), equal]), "|", flush=True)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--sarcoma", type=Path, help="folder of the tumours")
    parser.add_argument("--small", type=Path, nargs=2, metavar=("IMAGE", "MASK"))
    parser.add_argument("--peers", nargs="*", default=["pyradiomics"], choices=list(ENGINES))
    parser.add_argument("--repeats", type=int, help="of every engine; 2, of a small region 20")
    parser.add_argument("--spacing", type=float, nargs=3, metavar="MM", help="resample to this spacing (x y z) first")
    parser.add_argument("--interpolator", default="sitkBSpline", help="of that resampling")
    parser.add_argument("--labels", type=int, default=6, help="regions of the knee's last job")
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "")
    print(f"{model or platform.processor()}, {CORES} cores\n")
    print("| job | engine | threads | seconds | times fast | times fast in one thread | peak MiB | features | equal |")
    print("|---|---|---|---|---|---|---|---|---|")
    original, everything = params({"Original": {}}), params(ALL)
    resampled = {"resampledPixelSpacing": arguments.spacing, "interpolator": arguments.interpolator}
    for settings in (original, everything) if arguments.spacing else ():
        settings["setting"] |= resampled
    repeats = arguments.repeats or (20 if arguments.small else 2)
    peers = arguments.peers
    if arguments.sarcoma:
        for case in sorted(arguments.sarcoma.iterdir()):
            compare(case.name, case / "t1.nii.gz", case / "t1_mask.nii.gz", [1], everything, peers, repeats)
    elif arguments.small:
        image, mask = arguments.small
        compare("small region, original", image, mask, [1], original, peers, repeats)
    else:
        with tempfile.TemporaryDirectory() as folder:
            image, mask = write_knee(Path(folder))
            compare("knee, original", image, mask, [1], original, peers, repeats)
            compare("knee, original + wavelet + LoG 1-5", image, mask, [1], everything, peers, repeats)
            labels = list(range(1, arguments.labels + 1))
            only = [peer for peer in peers if peer == "pyradiomics"]
            compare(f"the same, {arguments.labels} regions", image, mask, labels, everything, only, repeats)


if __name__ == "__main__":
    main()
