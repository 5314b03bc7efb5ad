"""nnU-Net's own planning and training; imports all of nnunetv2, which takes seconds: run as a module, it trains."""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.residual_unets import (
    residual_encoder_unet_planners as residual,
)
from nnunetv2.inference.export_prediction import resample_and_save
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities import utils

from radfuse.errors import listed
from radfuse.seg.nnunet.dataset import names_of, write_dataset
from radfuse.seg.nnunet.training import DATASET, LOADERS, PREPARED, RAW, TOLD

_PLANNERS = {
    "standard": ExperimentPlanner,
    "residual_m": residual.nnUNetPlannerResEncM,
    "residual_l": residual.nnUNetPlannerResEncL,
    "residual_xl": residual.nnUNetPlannerResEncXL,
}
_FEW = 24
"""Up to so many cases are prepared in threads."""
_MEASURED, _BESIDE, _AHEAD = 4, 32, 12
"""Steps that are timed where a training takes so many minutes, on CPUs and on GPUs, which the loaders may keep waiting:
the patches that they drew ahead, while the network was built, do not count there."""


def main(folder: Path) -> None:
    """Plan, preprocess and train in a folder where `training.py` wrote job.json; what is finished is not done again."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    torch.backends.cudnn.benchmark = job["device"] == "cuda"  # as nnU-Net's own command sets it
    _die_with_parent()
    raw = Path(os.environ[RAW]) / DATASET
    prepared = Path(os.environ[PREPARED]) / DATASET
    planned = prepared / "ready"
    if not planned.is_file():
        for place in (raw, prepared):
            shutil.rmtree(place, ignore_errors=True)
        write_dataset(job, raw)
        with _pools_of_threads(len(job["cases"])):
            plans = _plan(job)
        planned.write_text(plans, encoding="utf-8")
        shutil.rmtree(raw)  # everything that training needs is in the prepared cases
    plans = json.loads((prepared / f"{planned.read_text(encoding='utf-8')}.json").read_text(encoding="utf-8"))
    _train(job, plans, json.loads((prepared / "dataset.json").read_text(encoding="utf-8")))


def _die_with_parent() -> None:
    """End this process when whoever started it is gone, even by kill -9: our standard input is then closed."""

    def wait() -> None:
        os.read(0, 1)  # not sys.stdin, whose lock processes that nnU-Net forks would wait for
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def _pools_of_threads(cases: int) -> Iterator[None]:
    """Let nnU-Net prepare few cases in threads: each process that it would start takes longer to import torch."""
    before = utils.Pool, multiprocessing.get_context
    if cases <= _FEW:
        utils.Pool = ThreadPool
        multiprocessing.get_context = lambda *_: SimpleNamespace(Pool=ThreadPool)  # type: ignore[assignment]
    yield
    utils.Pool, multiprocessing.get_context = before


def _plan(job: dict[str, Any]) -> str:
    """Take the fingerprint, plan, and prepare the cases; returns the name of the plans."""
    DatasetFingerprintExtractor(DATASET, job["threads"]).run()
    memory = {"gpu_memory_target_in_gb": job["memory_gib"]} if job["memory_gib"] else {}
    planner = _PLANNERS[job["planner"]](DATASET, **memory)
    planner.plan_experiment()
    file = Path(os.environ[PREPARED]) / DATASET / f"{planner.plans_identifier}.json"
    plans = json.loads(file.read_text(encoding="utf-8"))
    if job["configuration"] not in plans["configurations"]:
        raise SystemExit(
            f"nnU-Net plans no {job['configuration']} for these images, only {listed(plans['configurations'])}; choose "
            "one of these as segmentation.configuration (3d_lowres and its cascade are planned where a patch is less "
            "than a quarter of an image)"
        )
    stage = plans["configurations"][job["configuration"]].get("previous_stage")
    stages = [stage, job["configuration"]] if stage else [job["configuration"]]
    if job["batch"]:
        for each in stages:
            plans["configurations"][each]["batch_size"] = job["batch"]
        file.write_text(json.dumps(plans), encoding="utf-8")
    raw = Path(os.environ[RAW]) / DATASET
    shutil.copyfile(raw / "dataset.json", file.with_name("dataset.json"))
    for each in stages:
        DefaultPreprocessor().run(DATASET, each, planner.plans_identifier, job["threads"])
    return str(planner.plans_identifier)


def _train(job: dict[str, Any], plans: dict[str, Any], dataset: dict[str, Any]) -> None:
    """Train on all cases; before a cascade its first stage, whose folds make the masks that the cascade learns from."""
    os.environ[LOADERS] = str(job["loaders"])
    folds, stage = len(job["held_out"]), plans["configurations"][job["configuration"]].get("previous_stage")
    if folds:
        everyone = set(range(len(job["cases"])))
        splits = [{"train": names_of(everyone - set(held)), "val": names_of(held)} for held in job["held_out"]]
        place = Path(os.environ[PREPARED]) / DATASET / "splits_final.json"
        place.write_text(json.dumps(splits), encoding="utf-8")
    for fold in range(folds):
        _trained(job, plans, dataset, stage, fold, fold).predict_for(job["configuration"], mirror=job["mirror"])
    _trained(job, plans, dataset, job["configuration"], "all", folds)


def _trained(
    job: dict[str, Any], plans: dict[str, Any], dataset: dict[str, Any], name: str, fold: int | str, before: int
) -> _Trainer:
    """Train one network, going on from the last epoch; `before` it so many others were trained."""
    torch.manual_seed(job["seed"] + before)
    np.random.seed(job["seed"] + before)  # noqa: NPY002  batchgenerators draw from it
    trainer = _Trainer({**plans, "continue_training": False}, name, fold, dataset, torch.device(job["device"]))
    trainer.take(job["epochs"], job["iterations"], job["minutes"], before, len(job["held_out"]) + 1)
    trainer.initialize()
    final, latest = (Path(trainer.output_folder) / f"checkpoint_{which}.pth" for which in ("final", "latest"))
    if final.is_file():
        trainer.load_checkpoint(str(final))
        return trainer
    if latest.is_file():
        trainer.load_checkpoint(str(latest))
    trainer.run_training()
    return trainer


class _Trainer(nnUNetTrainer):
    """nnU-Net's trainer of the length asked for: it saves every epoch, tells its steps, uses bfloat16 on CPUs."""

    def take(self, epochs: int, iterations: int, minutes: float | None, before: int, networks: int) -> None:
        """Set how long it trains, and that so many networks of all were trained before; all share the minutes."""
        self.num_epochs, self.num_iterations_per_epoch = epochs, iterations
        self.minutes = minutes / networks if minutes else None
        self.before, self.networks = before, networks
        self.num_val_iterations_per_epoch = max(iterations // 50, 1)
        self.save_every, self.steps = 1, 0
        self.length = Path(self.output_folder) / "epochs"
        if minutes and self.length.is_file():
            self.num_epochs = int(self.length.read_text())

    def on_train_start(self) -> None:
        """Find out how many epochs fit, where a training takes so many minutes."""
        super().on_train_start()
        if self.minutes and not self.length.is_file():
            self.num_epochs = self._epochs_that_fit(self.minutes * 60)
            self.length.write_text(str(self.num_epochs))
            self.optimizer, self.lr_scheduler = self.configure_optimizers()
        self.steps = self.current_epoch * self.num_iterations_per_epoch

    def _epochs_that_fit(self, seconds: float) -> int:
        kept, begun = copy.deepcopy(self.network.state_dict()), time.perf_counter()
        self.network.train()
        gpu = self.device.type == "cuda"
        for _ in range(1 + (_AHEAD if gpu else 0)):
            self.train_step(next(self.dataloader_train))
        start, measured = time.perf_counter(), _BESIDE if gpu else _MEASURED
        for _ in range(measured):
            self.train_step(next(self.dataloader_train))
        a_step = (time.perf_counter() - start) / measured
        a_save = self._seconds_of_saving()
        self.network.load_state_dict(kept)
        steps = self.num_iterations_per_epoch + 0.4 * self.num_val_iterations_per_epoch
        an_epoch = a_step * steps + 2 * a_save  # the latest, and while it learns the best
        return max(int((seconds - (time.perf_counter() - begun)) / an_epoch), 1)

    def _seconds_of_saving(self) -> float:
        place, start = Path(self.output_folder) / "measured.pth", time.perf_counter()
        self.save_checkpoint(str(place))
        place.unlink()
        return time.perf_counter() - start

    def train_step(self, batch: dict[str, Any]) -> Any:
        """Make a step, and tell of it."""
        with self._halves():
            found = super().train_step(batch)
        self.steps += 1
        total = self.num_epochs * self.num_iterations_per_epoch
        sys.stdout.write(f"{TOLD}{self.before * total + self.steps} of {self.networks * total}\n")
        sys.stdout.flush()
        return found

    def validation_step(self, batch: dict[str, Any]) -> Any:
        """Look at a batch."""
        with self._halves():
            return super().validation_step(batch)

    def _halves(self) -> Any:
        here = self.device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return torch.autocast("cpu", torch.bfloat16, enabled=here)

    def predict_for(self, name: str, *, mirror: bool) -> None:
        """Write the masks of the cases held out, which a cascade learns from; those that are there are not made again.

        nnU-Net's own validation writes the same, in processes that take long to start.
        """
        place = Path(self.output_folder_base) / "predicted_next_stage" / name
        place.mkdir(parents=True, exist_ok=True)
        left = [case for case in self.do_split()[1] if not list(place.glob(f"{case}.*"))]
        prepared = self.plans_manager.get_configuration(name).data_identifier
        folder = str(Path(self.preprocessed_dataset_folder_base) / prepared)
        kind = infer_dataset_class(folder)
        self.set_deep_supervision_enabled(False)
        self.network.eval()
        predictor = nnUNetPredictor(use_mirroring=mirror, device=self.device, allow_tqdm=False)
        managers = self.plans_manager, self.configuration_manager
        axes = self.inference_allowed_mirroring_axes
        predictor.manual_initialization(self.network, *managers, None, self.dataset_json, nnUNetTrainer.__name__, axes)
        here, there = self.dataset_class(self.preprocessed_dataset_folder, left), kind(folder, left)
        for case in left:
            image, _, _, properties = here.load_case(case)
            with self._halves():
                logits = predictor.predict_sliding_window_return_logits(torch.from_numpy(image[:])).cpu()
            shape = there.load_case(case)[0].shape[1:]
            aside = place / "aside"
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            file, threads = str(aside / case), torch.get_num_threads()
            resample_and_save(logits, shape, file, *managers, properties, self.dataset_json, threads, kind)
            for written in aside.iterdir():  # whole, or not at all
                written.replace(place / written.name)
            aside.rmdir()

    def save_checkpoint(self, filename: str) -> None:
        """Save so that a kill leaves the last one whole."""
        super().save_checkpoint(f"{filename}.part")
        Path(f"{filename}.part").replace(filename)

    def plot_network_architecture(self) -> None:
        """Draw nothing: it needs a package that no longer works."""


_Trainer.__name__ = _Trainer.__qualname__ = nnUNetTrainer.__name__  # so that nnU-Net opens what it leaves

if __name__ == "__main__":
    main(Path(sys.argv[1]))
