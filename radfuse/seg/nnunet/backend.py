"""Backend `nnunet`: nnU-Net plans and trains on each fold's masks, or brings its results; radfuse predicts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from radfuse.config import Section, Where
from radfuse.seg.backend import DeviceName, OnnxNetworks, Watch, require_gpu
from radfuse.seg.brought import check_fits, check_labels

if TYPE_CHECKING:
    import numpy as np

    from radfuse.volume.grid import Grid
    from radfuse.volume.image import LabelMap, Volume


class NnunetPreparation(Section):
    """How a case is handed to nnU-Net, which prepares it further for itself.

    Attributes:
        labels: label name -> number in the masks; nnU-Net numbers them from 1.
        orientation: where x, y, z point in all cases.
        flat: they are images of one slice, which nnU-Net knows by how far the next one is.
    """

    labels: dict[str, int]
    orientation: str
    flat: bool = Field(default=False, exclude_if=lambda flat: not flat)

    def prepare(self, image: Volume, labels: LabelMap) -> dict[str, np.ndarray]:
        """Return image, float32 (channel, z, y, x), target, uint8 (z, y, x), and spacing in mm, (z, y, x)."""
        import numpy as np

        from radfuse.seg.nnunet.resize import as_flat
        from radfuse.seg.preprocess import class_numbers
        from radfuse.volume.grid import oriented
        from radfuse.volume.resample import resample, resample_labels

        grid = oriented(image.grid, self.orientation)
        turned = grid is not image.grid
        channels = [resample(part, grid, "nearest").array if turned else part.array for part in image.channels]
        target = class_numbers(resample_labels(labels, grid), self.labels)
        spacing = as_flat(grid.spacing_zyx_mm) if self.flat else grid.spacing_zyx_mm
        return {"image": np.stack(channels), "target": target, "spacing": np.array(spacing)}


_OF_TRAINING = (
    *("lowres_folds", "planner", "memory_gib", "epochs", "iterations", "minutes", "batch", "loaders", "compiled"),
)
"""Settings that say nothing of a model that is brought."""


class NnunetSegmentation(OnnxNetworks):
    """nnU-Net, trained on the manual masks of each fold, or brought with `model`; radfuse runs it as ONNX."""

    backend: Literal["nnunet"] = "nnunet"
    model: Path | None = None
    """A folder of nnU-Net's results that segments every case; nothing is trained then. Deep features are what its first
    level sees, of a network that is no U-Net its scores of classes. One of pictures (PNG) counts pixels as nnU-Net
    does, whatever they measure; one of colours reads an image each."""
    folds: tuple[str, ...] = ()
    """Of `model`, whose networks answer together; empty: all that were trained."""
    checkpoint: str | None = None
    """Name of the checkpoints of `model`; None: the final ones."""
    trust: bool = False
    """Open checkpoints of `model` that can run code, as pickles can: only of networks you know the origin of."""
    configuration: Literal["2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres"] | None = None
    """Which network nnU-Net trains, 3d_fullres where nothing is said, or which of several in `model`. The cascade reads
    the masks of 3d_lowres too, which is trained first and comes along."""
    lowres_folds: int = Field(default=5, ge=2)
    """Of 3d_cascade_fullres: networks of 3d_lowres, which predict together. Each is trained without some patients, so
    that the cascade learns from masks of patients that their network has not seen; each takes as long as the cascade
    itself."""
    planner: Literal["standard", "residual_m", "residual_l", "residual_xl"] = "standard"
    """Who plans: nnU-Net's standard, or its residual encoders of three sizes."""
    memory_gib: PositiveFloat | None = None
    """GPU memory that the planner fills, with larger patches and batches; None: the planner's own."""
    epochs: PositiveInt = 1000
    """Of training."""
    iterations: PositiveInt = 250
    """Steps an epoch."""
    minutes: PositiveFloat | None = None
    """A training takes about so long: epochs are as many as fit, by the time of its first steps."""
    batch: PositiveInt | None = None
    """Patches a step; None: as planned."""
    mirror: bool = True
    """Prediction sees each patch mirrored along all axes too, as nnU-Net does: eight times the work in 3D."""
    overlap: float = Field(default=0.5, ge=0, lt=1)
    """Of neighbouring patches in prediction."""
    device: Annotated[DeviceName, Where()] = "auto"
    """Where it trains; auto takes a GPU where there is one."""
    loaders: Annotated[PositiveInt | None, Where()] = None
    """Processes that read and augment patches; None: by the number of cores."""
    compiled: Annotated[bool | None, Where()] = None
    """Let torch.compile make training faster, after a minute or more of compiling; None: as nnU-Net does, on GPUs."""

    @model_validator(mode="after")
    def _model_or_training(self) -> NnunetSegmentation:
        said = self.not_default()
        brings = [name for name in ("folds", "checkpoint", "trust") if name in said]
        if self.model is None and brings:
            raise ValueError(f"{brings[0]} says something of `model`; name one, or remove it")
        trains = [name for name in _OF_TRAINING if name in said]
        if self.model is not None and trains:
            told = ", ".join(trains)
            raise ValueError(f"{told}: of a training, and `model` brings networks; remove them, or `model`")
        if "lowres_folds" in self.not_default() and not self.is_cascade:
            raise ValueError("lowres_folds says something of `configuration: 3d_cascade_fullres`; remove it")
        return self

    @property
    def is_cascade(self) -> bool:
        """Whether its network reads the masks of another one."""
        return self.configuration == "3d_cascade_fullres"

    @property
    def source(self) -> str:
        """Where masks come from."""
        return "cross_fitted" if self.model is None else "external"

    def plan(self, grids: Sequence[Grid]) -> str:
        """Return as JSON where axes point in most images; the rest nnU-Net plans from the cases of each fold."""
        from radfuse.volume.grid import orientation_of

        found: dict[str, object] = {"orientation": Counter(map(orientation_of, grids)).most_common(1)[0][0]}
        return json.dumps(found | ({"flat": True} if all(grid.shape[0] == 1 for grid in grids) else {}))

    def preparation(self, plan: str) -> NnunetPreparation:
        """Return how cases are handed to nnU-Net."""
        return NnunetPreparation(labels=self.labels, **json.loads(plan))

    def train(
        self,
        cases: Sequence[Path],
        plan: str,
        seed: int,
        folder: Path,
        tell: Callable[[int, int], None],
        watch: Watch | None = None,
    ) -> bytes:
        """Return a network that nnU-Net planned and trained, as ONNX; goes on from the last epoch in `folder`."""
        from radfuse.seg.nnunet.training import trained

        patients = watch.patients if watch else [str(case) for case in cases]
        results = trained(self, cases, seed, folder, tell, patients)
        return self._exported(results, folder, json.loads(plan)["orientation"])

    def check_here(self) -> None:
        """Look whether nnU-Net is installed, and a model that is brought is there."""
        from radfuse.seg.nnunet.folders import check_plans, model_folder, require_nnunet

        self.runtime_here()
        require_nnunet()
        if self.model is not None:
            folder = model_folder(self.model, self.configuration)
            check_plans(folder, self.folds, self.checkpoint)
            self._check_labels(folder)

    def remarks(self) -> list[str]:
        """Return whether epochs are said that a time decides."""
        if self.minutes is not None and "epochs" in self.not_default():
            return ["minutes chooses epochs: what stands there is not heeded; remove it"]
        return []

    def check_training(self) -> None:
        """Look whether the device of a training is here."""
        if self.device == "cuda":
            require_gpu("device is cuda")

    def _check_labels(self, model: Path) -> None:
        """Look whether a model makes these labels, as far as its dataset.json tells; `brought` looks at all of it."""
        from radfuse.seg.nnunet.folders import read_json

        dataset = read_json(model / "dataset.json")
        try:
            said = dataset["labels"]
            makes = {name: int(number) for name, number in said.items() if name not in ("background", "ignore")}
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # regions, or no results of nnU-Net; told where they are opened
        check_labels(self, dict(sorted(makes.items(), key=lambda item: item[1])), model)

    def brought(self, folder: Path) -> bytes:
        """Return the networks of `model` as ONNX."""
        assert self.model is not None
        return self._exported(self.model, folder)

    def _exported(self, results: Path, folder: Path, orientation: str | None = None) -> bytes:
        """Return a folder of results as ONNX; with an orientation it is one that was trained here."""
        from radfuse.seg.nnunet.export import export_results
        from radfuse.seg.nnunet.results import open_results

        found = open_results(
            results, self.configuration, self.folds, self.checkpoint, mirror=self.mirror, trust=self.trust
        )
        plan = found.plan.changed(overlap=self.overlap)
        if orientation is not None:
            plan = plan.changed(orientation=orientation).relabelled(dict(self.labels))
        check_fits(self, plan, results)
        export_results(found, plan, folder / "network.onnx")
        return (folder / "network.onnx").read_bytes()
