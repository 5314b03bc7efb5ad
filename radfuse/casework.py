"""The stages that go case by case: train the segmenters, segment, extract, encode. Called by `pipeline.py`.

Each outer fold has a network that saw none of its test patients; every case is segmented by the network of the fold it
is tested in. So no mask that reaches the models comes from a network that knew its patient.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import pandas as pd

from radfuse.cohort.case import Case, Cohort
from radfuse.config import Section
from radfuse.errors import CASE_FAILS, CaseError, InputError, Problem, RadfuseError
from radfuse.features import FeatureTable
from radfuse.imaging import is_mirrored
from radfuse.results import Failure, SegmentationReport, SegmentedExample
from radfuse.runs import Progress, RunFolder, content_key, read_json, safe_name
from radfuse.seg.config import UnetSegmentation
from radfuse.shard import Shard
from radfuse.statistics.icc import icc
from radfuse.study import Study
from radfuse.workers import each

if TYPE_CHECKING:
    from radfuse.radiomics.case import CaseFeatures
    from radfuse.seg.plan import SegPlan
    from radfuse.seg.predict import OnnxSegmenter

ALL = "all"
"""Name of the network trained on every manual mask; it ships, and segments no case of the study."""
_VERSIONS = {"preprocess": 2, "train": 5, "segment": 4, "regions": 1, "extract": 1, "deep": 4, "stability": 1}
CASE_STAGES = ("train", "segment", "regions", "extract", "deep", "stability")
"""Stages of this file; asked for one of them, a run does that and what it needs, and stops."""
_NO_MASK = "the case has no mask; draw one, or leave the case out of the cohort table"
_DRAWN = "manual mask, for its agreement with the predicted one only"
_NOTHING_FOUND = "the network found none of the labels in this image; look at the image, or train longer or on more"
Result = TypeVar("Result")


@dataclass(frozen=True)
class FoldPatients:
    """The patients one outer fold tests."""

    name: str
    test: frozenset[str]


@dataclass(frozen=True)
class Inputs:
    """What a study names, read and checked.

    Attributes:
        cohort: the cases.
        tables: block -> finished feature table.
        warnings: what was remarkable.
        folds: the outer folds, by patient; fixed before any case can fail.
    """

    cohort: Cohort
    tables: dict[str, FeatureTable]
    warnings: tuple[Problem, ...]
    folds: tuple[FoldPatients, ...]


@dataclass(frozen=True)
class Made:
    """What casework made.

    Attributes:
        keys: content key of each case's features.
        tables: gathers block -> table of all cases.
        deep: gathers fold -> table of deep features by that fold's encoder; `ALL` is among `tables`.
    """

    keys: dict[str, str] = field(default_factory=dict)
    tables: Callable[[], dict[str, FeatureTable]] = dict
    deep: Callable[[], dict[str, FeatureTable]] = dict


class SegmentedCase(Section):
    """How one case was segmented.

    Attributes:
        source: where the mask comes from.
        network: name of the network's fold.
        dice: label -> agreement with the manual mask; None where neither has the label; empty without a manual mask.
    """

    source: str
    network: str
    dice: Mapping[str, float | None] = {}


@dataclass(frozen=True)
class CaseJob:
    """One case to work on; travels to a worker process."""

    case: Case
    mask: Path | None
    source: str
    study: Study

    def __str__(self) -> str:
        return self.case.case_id


@dataclass(frozen=True)
class CaseStage(Generic[Result]):
    """A stage that needs one case's images and mask, and runs in workers.

    Attributes:
        name: for records.
        what: it does, for the progress bar.
        settings: that decide its results.
        place: case -> name of the result.
        work: makes the result; a function of this module.
        write: stores it at a path.
        ready: called before the first case, where there is any to do.
        spares: a case that fails is told of, and stays in the study.
    """

    name: str
    what: str
    settings: Mapping[str, object]
    place: Callable[[Case], str]
    work: Callable[[CaseJob], Result]
    write: Callable[[Result, Path], None]
    ready: Callable[[], None] = lambda: None
    spares: bool = False


def extract_case(job: CaseJob) -> CaseFeatures:
    """Read a case's images and mask and compute its features; runs in a worker.

    Raises:
        CaseError: a file cannot be used, or a region cannot be made; says which and why.
    """
    from radfuse.radiomics.case import case_features
    from radfuse.volume.files import read_labels, read_volume

    case, study = job.case, job.study
    assert study.segmentation is not None
    try:
        if job.mask is None:
            raise InputError(_NO_MASK)
        images = {sequence: read_volume(path) for sequence, path in case.images.items()}
        labels = read_labels(job.mask, study.segmentation.names, empty=job.source == "cross_fitted")
        if not labels.present():
            raise InputError(_NOTHING_FOUND)
    except InputError as error:
        raise CaseError(case.case_id, str(error)) from error
    return case_features(
        case.case_id,
        images,
        labels,
        study.regions,
        study.segmentation.labels,
        study.radiomics,
        resample_masks=study.resample_masks,
        mask_source=job.source,
    )


class StableCase(Section):
    """Features of a case and its copies, and of its two readers' masks.

    Attributes:
        copies: "sequence/region/feature" -> value of the case as it is, then of each copy.
        readers: the same of the first and the second reader; empty where there is one mask.
    """

    copies: tuple[Mapping[str, float | None], ...]
    readers: tuple[Mapping[str, float | None], ...] = ()


def stable_case(job: CaseJob) -> StableCase:
    """Compute the features of a case's disturbed copies, and of its second mask; runs in a worker.

    Raises:
        CaseError: a file cannot be used, or a region cannot be made; says which and why.
    """
    from radfuse.radiomics.engine import region_features
    from radfuse.radiomics.regions import make_regions
    from radfuse.radiomics.stability import perturbed_features
    from radfuse.volume.files import read_labels, read_volume
    from radfuse.volume.image import require_same_grid
    from radfuse.volume.resample import resample_labels

    case, study = job.case, job.study
    assert study.segmentation is not None
    copies: list[dict[str, float | None]] = [{} for _ in range(study.stability.copies + 1)]
    readers: list[dict[str, float | None]] = []
    try:
        if job.mask is None:
            raise InputError(_NO_MASK)
        masks = [read_labels(path, study.segmentation.names) for path in (job.mask, case.second_mask) if path]
        readers = [{} for _ in masks]
        for number, (sequence, path) in enumerate(case.images.items()):
            volume = read_volume(path)
            for reader, labels in enumerate(masks):
                if not study.resample_masks:
                    require_same_grid(volume, labels)
                here = labels if volume.grid.same_as(labels.grid) else resample_labels(labels, volume.grid)
                least = study.radiomics.min_voxels
                regions = make_regions(here, study.regions, study.segmentation.labels, least, case.case_id)
                if reader == 0:
                    seed = (study.seed, zlib.crc32(case.case_id.encode()), number)
                    rows = perturbed_features(volume, regions, study.radiomics, study.stability, seed)
                    _collect(copies, rows, sequence)
                    readers[0] |= {name: value for name, value in copies[0].items() if name.startswith(f"{sequence}/")}
                else:
                    found = region_features(volume, regions, study.radiomics)
                    flat = {f"{region}/{name}": value for region, row in found.items() for name, value in row.items()}
                    _collect(readers[1:], [flat], sequence)
    except InputError as error:
        raise CaseError(case.case_id, str(error)) from error
    return StableCase(copies=tuple(copies), readers=tuple(readers) if len(readers) > 1 else ())


def _collect(into: list[dict[str, float | None]], rows: list[dict[str, float]], sequence: str) -> None:
    for place, row in zip(into, rows, strict=True):
        place |= {f"{sequence}/{name}": value if np.isfinite(value) else None for name, value in row.items()}


def region_files(job: CaseJob) -> dict[str, bytes]:
    """Make a case's regions on the grid of each of its images; runs in a worker.

    Returns:
        "SEQUENCE.REGION.nrrd" -> a label map that holds the region's number, and "regions.json" with their sizes.

    Raises:
        CaseError: a file cannot be used, or a region cannot be made; says which and why.
    """
    from radfuse.radiomics.regions import make_regions
    from radfuse.volume.files import read_grid, read_labels, write_image
    from radfuse.volume.image import LabelMap, require_grid
    from radfuse.volume.resample import resample_labels

    case, study = job.case, job.study
    assert study.segmentation is not None
    files: dict[str, bytes] = {}
    facts: dict[str, dict[str, object]] = {}
    with TemporaryDirectory() as folder:
        try:
            if job.mask is None:
                raise InputError(_NO_MASK)
            labels = read_labels(job.mask, study.segmentation.names)
            for sequence, path in case.images.items():
                grid = read_grid(path)
                if not study.resample_masks:
                    require_grid(grid, path.name, labels)
                here = labels if grid.same_as(labels.grid) else resample_labels(labels, grid)
                numbers, least = study.segmentation.labels, study.radiomics.min_voxels
                for number, region in enumerate(make_regions(here, study.regions, numbers, least, case.case_id), 1):
                    place = Path(folder) / f"{safe_name(sequence)}.{safe_name(region.name)}.nrrd"
                    marked = np.multiply(region.mask, number, dtype=np.uint16)
                    write_image(LabelMap(marked, region.grid, {number: region.name}), place)
                    files[place.name] = place.read_bytes()
                    size = {"voxels": region.voxels, "volume_mm3": region.volume_mm3}
                    facts[f"{sequence}/{region.name}"] = {"file": place.name, "value": number, **size}
        except InputError as error:
            raise CaseError(case.case_id, str(error)) from error
    files["regions.json"] = json.dumps({"mask_source": job.source, "regions": facts}, indent=1).encode()
    return files


class Casework:
    """One pass over the cases of a study; failures are recorded and the other cases go on."""

    def __init__(self, study: Study, folder: RunFolder, progress: Progress, failures: list[Failure]) -> None:
        self.study = study
        self.folder = folder
        self.progress = progress
        self.failures = failures
        self.dropped: set[str] = set()

    def run(self, inputs: Inputs, until: str = "report", shard: Shard | None = None) -> tuple[Inputs, Made]:
        """Return the inputs without the cases that failed, and what was made of the others.

        Args:
            inputs: of the study.
            until: the last stage; where that is one of casework's own, it and what it needs are made, nothing else.
            shard: work on these cases alone, with networks that are trained already; all cases when None.
        """
        cases = list(inputs.cohort) if shard is None else shard.of(list(inputs.cohort))
        masks = {case.case_id: case.mask for case in cases}
        source = "manual"
        if isinstance(self.study.segmentation, UnetSegmentation):
            if shard is None:
                home, networks = self.train(cases, inputs.folds, self.study.segmentation)
            else:
                home, networks = self.trained(inputs, cases, self.study.segmentation)
            if until == "train":
                return inputs, Made()
            masks = self.segment(cases, home, networks, self.study.segmentation)
            source = "cross_fitted"
        if until in CASE_STAGES:
            self._alone(until, cases, masks, source, inputs.folds)
            return inputs, Made()
        keys = self._radiomic(cases, masks, source)
        if self.study.deep is not None:
            deep = self.encode([case for case in cases if case.case_id in keys], masks, inputs.folds)
            keys = {case: f"{key} {deep[case]}" for case, key in keys.items() if case in deep}
        cohort = inputs.cohort.without(self.dropped)
        if not len(cohort):
            first = self.failures[0]
            raise InputError(f"no case could be used; the first: {first.item}: {first.error}")
        encoders = [] if self.study.deep is None else [fold.name for fold in inputs.folds]
        made = Made(
            keys,
            partial(self._tables, list(keys)),
            lambda: {fold: self._deep_table(list(keys), fold) for fold in encoders},
        )
        return Inputs(cohort, inputs.tables, inputs.warnings, inputs.folds), made

    def _alone(
        self,
        stage: str,
        cases: list[Case],
        masks: Mapping[str, Path | None],
        source: str,
        folds: tuple[FoldPatients, ...],
    ) -> None:
        """Do one of the stages that need masks, and none of the others."""
        if stage == "regions":
            self._each_case(self._regions(source), cases, masks, source)
        elif stage == "extract":
            self._radiomic(cases, masks, source)
        elif stage == "stability":
            self._stability(cases, masks, source)
        elif stage == "deep":
            self.encode([case for case in cases if case.case_id in masks], masks, folds)

    def _radiomic(self, cases: list[Case], masks: Mapping[str, Path | None], source: str) -> dict[str, str]:
        """Extract from the masks, and from manual ones beside predicted ones; returns the keys of the first."""
        if source == "cross_fitted":
            drawn = [case for case in cases if case.mask is not None and case.case_id in masks]
            self.extract(drawn, {case.case_id: case.mask for case in drawn}, "manual", _manual_features_of)
        return self.extract(cases, masks, source)

    # segmentation

    def train(
        self, cases: list[Case], folds: tuple[FoldPatients, ...], config: UnetSegmentation
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Train a network per fold on the manual masks of the others, and one on all.

        Returns:
            Patient -> test fold, and fold -> name of its network.
        """
        home = _homes(cases, folds)
        manual, plan = self._preprocess(cases, config)
        networks: dict[str, str] = {}
        for number, fold in enumerate((*folds, FoldPatients(ALL, frozenset()))):
            seen = [case for case in manual if case.patient not in fold.test]
            if not seen:
                raise InputError(f"no manual mask is left to train on without fold {fold.name!r}; add masks")
            networks[fold.name] = self._train(fold.name, number, len(folds) + 1, seen, plan, config)
        return home, networks

    def trained(
        self, inputs: Inputs, cases: list[Case], config: UnetSegmentation
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return what `train` returned, from its records alone: no image of another shard is read.

        Args:
            inputs: of the study.
            cases: of this shard; those that could not be trained on are dropped.
            config: of the training.

        Raises:
            InputError: a network is not there, or was trained on other cases or with other settings.
        """
        everyone = list(inputs.cohort)
        drawn = [case for case in everyone if case.mask is not None]
        records = {case.case_id: self.folder.record(_training_case_of(case)) for case in drawn}
        here = {case.case_id for case in cases}
        manual = []
        for case in drawn:
            record = records[case.case_id]
            if record is not None and record.status == "done":
                manual.append(case)
            elif record is not None and case.case_id in here:
                self._drop(case, "preprocess", record.error or "it could not be prepared for training")
        networks = {}
        for fold in (*inputs.folds, FoldPatients(ALL, frozenset())):
            name = networks[fold.name] = network_of(fold.name)
            seen = [case for case in manual if case.patient not in fold.test]
            if None in records.values() or not self.folder.finished(name, self._train_key(fold.name, seen, config)):
                raise InputError(
                    f"{self.folder.path} has no network of fold {fold.name!r} trained with these settings on these "
                    "masks, and several jobs would train it at once; train first: radfuse train STUDY.yaml, with the "
                    "same --out and --set"
                )
        return _homes(everyone, inputs.folds), networks

    def _preprocess(self, cases: list[Case], config: UnetSegmentation) -> tuple[list[Case], SegPlan]:
        """Store what networks train on; cases whose image or mask cannot be used are dropped."""
        from radfuse.seg.plan import make_plan
        from radfuse.volume.files import read_grid
        from radfuse.volume.grid import Grid

        grids: dict[str, Grid] = {}
        for case in cases:
            if case.mask is None:
                continue
            try:
                grids[case.case_id] = read_grid(self._image(case, config))
            except InputError as error:
                key = content_key("preprocess", _VERSIONS["preprocess"], None, case.case_id)
                self._drop(case, "preprocess", str(error), _training_case_of(case), key)
        if not grids:
            raise InputError("no case has a manual mask that can be used; a network needs some to learn from")
        plan = make_plan(config, list(grids.values()))
        usable = []
        for done, case in enumerate(chosen := [case for case in cases if case.case_id in grids]):
            self.progress("preparing images", done, len(chosen))
            if self._store_training_case(case, plan, config):
                usable.append(case)
        self.progress("preparing images", len(chosen), len(chosen))
        if not usable:
            raise InputError(f"no case can be trained on; the first: {self.failures[0].item}: {self.failures[0].error}")
        return usable, plan

    def _store_training_case(self, case: Case, plan: SegPlan, config: UnetSegmentation) -> bool:
        from radfuse.seg.preprocess import network_input, network_target
        from radfuse.volume.files import read_labels, read_volume
        from radfuse.volume.image import require_same_grid

        mask = case.mask
        assert mask is not None
        name = _training_case_of(case)
        digests = self._digests({"image": self._image(case, config), "mask": mask})
        settings = {
            "spacing": plan.spacing_zyx_mm,
            "orientation": plan.orientation,
            "labels": list(plan.labels.items()),  # their order numbers the classes
            "resample": self.study.resample_masks,
        }
        key = content_key("preprocess", _VERSIONS["preprocess"], settings, digests)

        def write(path: Path) -> None:
            volume, labels = read_volume(self._image(case, config)), read_labels(mask, config.names)
            if not self.study.resample_masks:
                require_same_grid(volume, labels)
            image, grid = network_input(volume, plan)
            path.mkdir()
            np.save(path / "image.npy", image)
            np.save(path / "target.npy", network_target(labels, grid, plan))

        try:
            self.folder.produce(name, "preprocess", key, write)
        except CASE_FAILS as error:
            self._drop(case, "preprocess", _told(error), name, key)
            return False
        return True

    def _train(
        self, fold: str, number: int, count: int, cases: list[Case], plan: SegPlan, config: UnetSegmentation
    ) -> str:
        """Return the name of a fold's exported network, training it if needed."""
        name, key = network_of(fold), self._train_key(fold, cases, config)
        if self.folder.finished(name, key):
            self.folder.reused.append(name)
            return name
        from radfuse.seg.export import export_network
        from radfuse.seg.preprocess import usual_parts
        from radfuse.seg.train import train

        what = f"training network {number + 1} of {count}"
        work = self.folder.path / "work" / "training" / f"{safe_name(fold)}-{key[:12]}"
        work.mkdir(parents=True, exist_ok=True)

        def write(path: Path) -> None:
            folders = [self.folder.path / _training_case_of(case) for case in cases]
            parts = usual_parts((np.load(folder / "target.npy") for folder in folders), plan.classes)
            fitted = plan.model_copy(update={"parts": parts if config.largest_parts else ()})
            network = train(
                folders,
                fitted,
                config,
                work,
                self.study.seed + number,
                lambda done, total: self.progress(what, done, total),
            )
            export_network(network, fitted, path)

        self.folder.produce(name, "train", key, write)
        return name

    def _train_key(self, fold: str, cases: list[Case], config: UnetSegmentation) -> str:
        """Return the key of a fold's network, from the records of the cases it learns from."""
        records = [self.folder.record(_training_case_of(case)) for case in cases]
        settings = {"config": config.model_dump(mode="json", exclude={"device"}), "classes": list(config.labels)}
        inputs = {
            "cases": [record.digest if record else None for record in records],
            "seed": self.study.seed,
            "fold": fold,
        }
        return content_key("train", _VERSIONS["train"], settings, inputs)

    def segment(
        self, cases: list[Case], home: dict[str, str], networks: dict[str, str], config: UnetSegmentation
    ) -> dict[str, Path | None]:
        """Segment every case by the network of the fold that tests it; returns case -> mask in the run folder."""
        from radfuse.seg.metrics import dice_per_label
        from radfuse.seg.predict import OnnxSegmenter
        from radfuse.volume.files import read_labels, read_volume, write_image
        from radfuse.volume.resample import resample_labels

        masks: dict[str, Path | None] = {}
        opened: dict[str, OnnxSegmenter] = {}
        left = [case for case in cases if case.case_id not in self.dropped]
        for done, case in enumerate(left):
            self.progress("segmenting", done, len(left))
            fold = home[case.patient]
            network = self.folder.record(networks[fold])
            assert network is not None
            name = f"labels/{safe_name(case.case_id)}"
            files = {"image": self._image(case, config), **({"mask": case.mask} if case.mask else {})}
            key = content_key("segment", _VERSIONS["segment"], {}, {**self._digests(files), "network": network.digest})

            def write(path: Path, case: Case = case, fold: str = fold) -> None:
                if fold not in opened:
                    opened[fold] = OnnxSegmenter(self.folder.path / networks[fold])
                volume = read_volume(self._image(case, config))
                found = opened[fold](volume)
                agreement: dict[str, float | None] = {}
                if case.mask is not None:
                    truth = read_labels(case.mask, config.names)
                    truth = truth if truth.grid.same_as(found.grid) else resample_labels(truth, found.grid)
                    measured = dice_per_label(truth, found, config.labels)
                    agreement = {label: None if np.isnan(value) else value for label, value in measured.items()}
                path.mkdir()
                write_image(found, path / "labels.nrrd")
                facts = SegmentedCase(source="cross_fitted", network=fold, dice=agreement)
                (path / "segmented.json").write_text(facts.model_dump_json(indent=1), encoding="utf-8")

            try:
                self.folder.produce(name, "segment", key, write)
            except CASE_FAILS as error:
                self._drop(case, "segment", _told(error), name, key)
            else:
                masks[case.case_id] = self.folder.path / name / "labels.nrrd"
        self.progress("segmenting", len(left), len(left))
        return masks

    def _image(self, case: Case, config: UnetSegmentation) -> Path:
        sequence = config.sequence or next(iter(self.study.cohort.images))
        if sequence not in case.images:
            raise InputError(f"the case has no image {sequence!r}")
        return case.images[sequence]

    # features

    def extract(
        self,
        cases: list[Case],
        masks: Mapping[str, Path | None],
        source: str,
        place: Callable[[Case], str] | None = None,
    ) -> dict[str, str]:
        """Compute the features of each case; returns the content key of each that succeeded.

        Args:
            cases: to extract.
            masks: case -> mask.
            source: of the masks.
            place: case -> name of the result; that of the study's own features when None.
        """
        study = self.study
        settings = {
            "regions": [region.model_dump(mode="json") for region in study.regions],
            "radiomics": study.radiomics.model_dump(mode="json", exclude={"params"}),
            "params": self.folder.digest(study.radiomics.params) if study.radiomics.params else None,
            "labels": study.segmentation.labels if study.segmentation else None,
            "resample_masks": study.resample_masks,
            "source": source,
        }
        stage = CaseStage(
            "extract",
            "extracting features",
            settings,
            place or _features_of,
            extract_case,
            _write_section,
            self._compile_kernels,
            spares=place is not None,
        )
        return self._each_case(stage, cases, masks, source)

    def _stability(self, cases: list[Case], masks: Mapping[str, Path | None], source: str) -> None:
        """Measure how features hold in copies of every case and between readers, and write the table and its page."""
        study, run = self.study, self.folder
        settings = {
            "stability": study.stability.model_dump(mode="json"),
            "regions": [region.model_dump(mode="json") for region in study.regions],
            "radiomics": study.radiomics.model_dump(mode="json", exclude={"params"}),
            "params": run.digest(study.radiomics.params) if study.radiomics.params else None,
            "labels": study.segmentation.labels if study.segmentation else None,
            "resample_masks": study.resample_masks,
            "source": source,
            "seed": study.seed,
        }
        # manual masks where there are some: what a second reader is compared with
        drawn = {case.case_id: case.mask or masks.get(case.case_id) for case in cases}
        stage = CaseStage(
            "stability",
            "disturbing images",
            settings,
            _stable_of,
            stable_case,
            _write_section,
            self._compile_kernels,
        )
        keys = self._each_case(stage, cases, drawn, source)
        key = content_key("stability", _VERSIONS["stability"], None, {"cases": keys})

        def write(path: Path) -> None:
            from radfuse.radiomics.stability import stability
            from radfuse.report.stability import stability_report

            found = {
                case.case_id: StableCase.model_validate_json((run.path / _stable_of(case)).read_bytes())
                for case in cases
                if case.case_id in keys
            }
            parts = [stability({case: _numbers(item.copies) for case, item in found.items()})]
            twice = {case: _numbers(item.readers) for case, item in found.items() if item.readers}
            if len(twice) > 1:
                parts.append(stability(twice, "readers"))
            files = stability_report(study.title or study.name, pd.concat(parts, ignore_index=True))
            for name, text in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_text(text, encoding="utf-8")

        run.produce("stability", "stability", key, write)

    def _compile_kernels(self) -> None:
        """Have the radiomics kernels compiled once, before several workers would each do it."""
        if self.study.radiomics.engine == "fast":
            from radfuse.radiomics.engine import plan_of
            from radfuse.radiomics.kernels import warm_up

            warm_up(plan_of(self.study.radiomics), lambda what: self.progress(what, 0, 1))

    def _regions(self, source: str) -> CaseStage[dict[str, bytes]]:
        """Return the stage that writes each case's regions, for people to look at; no other stage reads them."""
        study = self.study
        settings = {
            "regions": [region.model_dump(mode="json") for region in study.regions],
            "labels": study.segmentation.labels if study.segmentation else None,
            "min_voxels": study.radiomics.min_voxels,
            "resample_masks": study.resample_masks,
            "source": source,
        }
        return CaseStage("regions", "making regions", settings, _regions_of, region_files, _write_files)

    def _each_case(
        self, stage: CaseStage[Result], cases: list[Case], masks: Mapping[str, Path | None], source: str
    ) -> dict[str, str]:
        """Do a stage for each case that is not dropped; returns the content key of each that succeeded."""
        run = self.folder
        keys: dict[str, str] = {}
        jobs: list[CaseJob] = []
        left = [case for case in cases if case.case_id not in self.dropped]
        for done, case in enumerate(left):
            self.progress("checking images", done, len(left))
            mask = masks.get(case.case_id)
            files = {**case.images, **({"mask": mask} if mask else {})}
            if stage.name == "stability" and case.second_mask:
                files["second_mask"] = case.second_mask
            digests = self._digests(files)
            keys[case.case_id] = content_key(stage.name, _VERSIONS[stage.name], stage.settings, digests)
            if run.finished(stage.place(case), keys[case.case_id]):
                run.reused.append(stage.place(case))
            else:
                jobs.append(CaseJob(case, mask, source, self.study))
        self.progress("checking images", len(left), len(left))
        if jobs:
            stage.ready()
        for number, (job, result) in enumerate(each(stage.work, jobs), start=len(left) - len(jobs)):
            self.progress(stage.what, number, len(left))
            name, key = stage.place(job.case), keys[job.case.case_id]
            if isinstance(result, CaseError):
                told = f"{_DRAWN}: {result.message}" if stage.spares else result.message
                self._drop(job.case, stage.name, told, name, key, stays=stage.spares)
            else:
                run.produce(name, stage.name, key, partial(stage.write, result))
        self.progress(stage.what, len(left), len(left))
        return {case: key for case, key in keys.items() if case not in self.dropped}

    def mask_sources(self, inputs: Inputs) -> dict[str, int]:
        """Return where the masks come from -> number of cases, from what extraction recorded."""
        places = [self.folder.path / _features_of(case) for case in inputs.cohort]
        return dict(Counter(str(read_json(place)["mask_source"]) for place in places))

    def segmentation_report(self, inputs: Inputs) -> SegmentationReport | None:
        """Gather what the report shows of the segmentation: agreement with the manual masks, and three examples.

        Args:
            inputs: with all cases, those too that failed later: what a network missed belongs in its Dice.
        """
        from radfuse.volume.files import read_labels, read_volume
        from radfuse.volume.resample import resample_labels

        config = self.study.segmentation
        if not isinstance(config, UnetSegmentation):
            return None
        rows, found = [], {}
        for case in inputs.cohort:
            folder = self.folder.path / f"labels/{safe_name(case.case_id)}"
            if case.mask is None or not (folder / "segmented.json").is_file():
                continue
            facts = SegmentedCase.model_validate_json((folder / "segmented.json").read_bytes())
            values = {label: np.nan if value is None else value for label, value in facts.dice.items()}
            rows.append({"case": case.case_id, **values})
            found[case.case_id] = (case, folder)
        if not rows:
            return None
        dice = pd.DataFrame(rows).set_index("case")
        order = dice.mean(axis=1).sort_values().index
        chosen = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
        examples = []
        for which, name in chosen.items():
            case, folder = found[name]
            assert case.mask is not None
            image, truth = read_volume(self._image(case, config)), read_labels(case.mask, config.names)
            truth = truth if truth.grid.same_as(image.grid) else resample_labels(truth, image.grid)
            predicted = read_labels(folder / "labels.nrrd", config.names, empty=True)
            examples.append(SegmentedExample(which, name, image, predicted, truth, float(dice.loc[name].mean())))
        return SegmentationReport(dice, tuple(examples), self._agreement(list(found)), len(inputs.cohort))

    def _agreement(self, cases: list[str]) -> pd.Series:
        """Return ICC(2,1) of each radiomic feature between predicted and manual masks."""
        tables = []
        for folder in ("cases", "manual"):
            places = {case: self.folder.path / f"features/{folder}/{safe_name(case)}.json" for case in cases}
            tables.append(self._gather({k: v for k, v in places.items() if v.is_file()}, {}).values)
        predicted, manual = tables
        both = predicted.index.intersection(manual.index)
        names = [name for name in predicted.columns if name in manual]
        pairs = {name: np.column_stack([predicted.loc[both, name], manual.loc[both, name]]) for name in names}
        return pd.Series({name: icc(pair[np.isfinite(pair).all(axis=1)]) for name, pair in pairs.items()}, dtype=float)

    def encode(
        self, cases: list[Case], masks: Mapping[str, Path | None], folds: tuple[FoldPatients, ...]
    ) -> dict[str, str]:
        """Compute each case's deep features by the encoder of every fold; returns a content key per case."""
        study, run = self.study, self.folder
        config, deep = study.segmentation, study.deep
        assert isinstance(config, UnetSegmentation)
        assert deep is not None
        names = [*(fold.name for fold in folds), ALL]
        settings = {
            "regions": [region.model_dump(mode="json") for region in study.regions],
            "labels": config.labels,
            "deep": deep.model_dump(mode="json"),
            "min_voxels": study.radiomics.min_voxels,
        }
        keys: dict[str, str] = {}
        for number, fold in enumerate(names):
            network = run.record(network_of(fold))
            assert network is not None
            opened: list[OnnxSegmenter] = []
            for done, case in enumerate(cases):
                self.progress("deep features", number * len(cases) + done, len(names) * len(cases))
                if case.case_id in self.dropped:
                    continue
                mask = masks[case.case_id]
                assert mask is not None
                digests = self._digests({"image": self._image(case, config), "mask": mask})
                inputs = {**digests, "network": network.digest}
                key = content_key("deep", _VERSIONS["deep"], settings, inputs)
                keys[case.case_id] = content_key("deep", 1, None, [keys.get(case.case_id), key])
                name = _deep_of(fold, case.case_id)
                try:
                    run.produce(name, "deep", key, partial(self._write_deep, case, mask, fold, opened))
                except CASE_FAILS as error:
                    self._drop(case, "deep", _told(error), name, key)
        self.progress("deep features", 1, 1)
        return {case: key for case, key in keys.items() if case not in self.dropped}

    def _write_deep(self, case: Case, mask: Path, fold: str, opened: list[OnnxSegmenter], path: Path) -> None:
        from radfuse.radiomics.regions import make_regions
        from radfuse.seg.encode import deep_features
        from radfuse.seg.predict import OnnxSegmenter
        from radfuse.volume.files import read_labels, read_volume

        study = self.study
        config, deep = study.segmentation, study.deep
        assert isinstance(config, UnetSegmentation)
        assert deep is not None
        if not opened:
            opened.append(OnnxSegmenter(self.folder.path / network_of(fold)))
        labels = read_labels(mask, config.names)
        wanted = [region for region in study.regions if not deep.regions or region.name in deep.regions]
        regions = make_regions(labels, wanted, config.labels, study.radiomics.min_voxels, case.case_id)
        unit = dict(zip(study.cohort.unit_columns, case.unit, strict=True))
        mirrored = is_mirrored(deep, unit)
        volume = read_volume(self._image(case, config))
        found = deep_features(volume, {region.name: region.mask for region in regions}, opened[0], mirrored=mirrored)
        sequence = config.sequence or next(iter(study.cohort.images))
        features = {f"{sequence}/{name}": None if np.isnan(value) else value for name, value in found.items()}
        path.write_text(json.dumps({"features": features}), encoding="utf-8")

    def _deep_table(self, cases: list[str], fold: str) -> FeatureTable:
        return self._gather({case: self.folder.path / _deep_of(fold, case) for case in cases}, {"encoder": fold})

    def _gather(self, places: Mapping[str, Path], provenance: dict[str, object]) -> FeatureTable:
        rows = {case: read_json(place)["features"] for case, place in places.items()}
        values = pd.DataFrame.from_dict(rows, orient="index").astype("float64")
        values.index = pd.Index(list(rows), name=self.study.cohort.case, dtype=object)
        return FeatureTable(values, {}, provenance)

    def _tables(self, cases: list[str]) -> dict[str, FeatureTable]:
        """Gather the features of all cases, in the order of the cohort."""
        places = {case: self.folder.path / f"features/cases/{safe_name(case)}.json" for case in cases}
        radiomic = self._gather(places, {"settings": self.study.radiomics.model_dump(mode="json")})
        computed = radiomic.values.loc[:, radiomic.values.notna().any()]
        tables = {"radiomic": FeatureTable(computed, {}, radiomic.provenance)}
        if self.study.deep is not None:
            tables["deep"] = self._deep_table(cases, ALL)
        return tables

    def _digests(self, places: Mapping[str, Path]) -> dict[str, str]:
        """Return digests of files; a DICOM folder's is that of all its files."""
        digests = {}
        for name, path in places.items():
            files = [path] if path.is_file() else sorted(item for item in path.iterdir() if item.is_file())
            parts = [self.folder.digest(item) for item in files]
            digests[name] = parts[0] if path.is_file() else content_key("folder", 1, None, parts)
        return digests

    def _drop(
        self, case: Case, stage: str, message: str, name: str = "", key: str = "", *, stays: bool = False
    ) -> None:
        """Record why a case is left out of everything that follows; one that stays, of this stage alone."""
        if not stays:
            self.dropped.add(case.case_id)
        self.failures.append(Failure(item=case.case_id, error=message))
        if name:
            self.folder.fail(name, stage, key, message)
        else:
            self.folder.log("failed", item=case.case_id, stage=stage, error=message)


def _told(error: Exception) -> str:
    """Return what to say of an error; one that is not ours is named."""
    return str(error) if isinstance(error, RadfuseError) else f"{type(error).__name__}: {error}"


def network_of(fold: str) -> str:
    """Return the name of a fold's network in the run folder."""
    return f"models/segmentation/{safe_name(fold)}.onnx"


def _training_case_of(case: Case) -> str:
    return f"work/cases/{safe_name(case.case_id)}"


def _regions_of(case: Case) -> str:
    return f"regions/{safe_name(case.case_id)}"


def _stable_of(case: Case) -> str:
    return f"features/stability/{safe_name(case.case_id)}.json"


def _numbers(rows: Sequence[Mapping[str, float | None]]) -> list[dict[str, float]]:
    return [{name: float("nan") if value is None else value for name, value in row.items()} for row in rows]


def _deep_of(fold: str, case: str) -> str:
    return f"features/deep/{safe_name(fold)}/{safe_name(case)}.json"


def _features_of(case: Case) -> str:
    return f"features/cases/{safe_name(case.case_id)}.json"


def _manual_features_of(case: Case) -> str:
    return f"features/manual/{safe_name(case.case_id)}.json"


def _homes(cases: list[Case], folds: tuple[FoldPatients, ...]) -> dict[str, str]:
    """Return patient -> the fold that tests it.

    Raises:
        InputError: some case is in none.
    """
    home = {patient: fold.name for fold in folds for patient in fold.test}
    lost = [case.case_id for case in cases if case.patient not in home]
    if lost:
        raise InputError(
            f"segmentation needs a split that tests every patient once; {len(lost)} cases are in no test fold. "
            "Use cohort.split: {kind: grouped}, or bring masks: segmentation: {backend: manual}"
        )
    return home


def _write_section(found: Section, path: Path) -> None:
    path.write_text(found.model_dump_json(), encoding="utf-8")


def _write_files(files: Mapping[str, bytes], path: Path) -> None:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
