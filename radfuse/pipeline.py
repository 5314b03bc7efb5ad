"""The stages in order; the only orchestration, called by the command line and by Python alike.

casework (train -> segment -> extract -> deep, see casework.py) -> prepare (cohort + tables -> design, folds) -> fuse
(family x outer fold, then compare) -> export (bundle) -> report
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from radfuse import bundle
from radfuse.casework import ALL, CASE_STAGES, Casework, FoldPatients, Inputs, Made, network_of
from radfuse.cohort.case import Cohort
from radfuse.cohort.read import read_cohort
from radfuse.cohort.splits import Fold, make_folds, positions_of
from radfuse.errors import CaseError, InputError, Problem, RadfuseError
from radfuse.features import FeatureTable, read_features
from radfuse.fusion.config import blocks_of, default_families
from radfuse.fusion.design import Design, join
from radfuse.imagecheck import check_images
from radfuse.outcomes.kinds import Outcome
from radfuse.results import Failure, FittedFamily, SegmentationReport, StudyResults
from radfuse.runs import Progress, RunFolder, content_key, read_json, safe_name
from radfuse.seg.config import UnetSegmentation
from radfuse.shard import Shard
from radfuse.study import Study, load_study

Stage = Literal["train", "segment", "regions", "extract", "deep", "stability", "prepare", "fuse", "export", "report"]
STAGES: tuple[Stage, ...] = get_args(Stage)
_VERSIONS = {"prepare": 1, "fuse": 2, "compare": 1, "fit": 2, "bundle": 1, "report": 2}
"""Raise one to have every study recompute that stage."""


def _silent(*_: object) -> None:
    return None


@dataclass(frozen=True)
class Prepared:
    """A checked study: the design, its folds, and what was remarkable."""

    design: Design
    folds: tuple[Fold, ...]
    families: tuple[str, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True)
class Run:
    """What a run left behind.

    Attributes:
        path: the run folder.
        results: performance and comparisons; None before the fuse stage.
        failures: what could not be computed; the rest is complete.
        warnings: findings about the input.
        computed: number of results computed now.
        reused: number of results found finished.
    """

    path: Path
    results: StudyResults | None
    failures: tuple[Failure, ...]
    warnings: tuple[Problem, ...]
    computed: int
    reused: int

    @property
    def report(self) -> Path:
        """The report's HTML file."""
        return self.path / "report" / "index.html"


def read_inputs(study: Study) -> Inputs:
    """Read and check everything a study names, before any compute.

    Raises:
        InputError: all faults that can be seen at once.
    """
    config = study.cohort
    problems: list[Problem] = []
    if config.outcome is None:
        problems.append(
            Problem("study", "cohort.outcome is needed to compare models, for example {column: progressed}")
        )
    if not study.blocks:
        problems.append(
            Problem("study", "no inputs: name cohort.clinical columns, features: {radiomic: table.csv}, or regions")
        )
    cohort: Cohort | None = None
    try:
        cohort = read_cohort(config=config)
        problems += cohort.warnings
    except InputError as error:
        problems += error.problems or [Problem("cohort.table", str(error))]
    tables: dict[str, FeatureTable] = {}
    for block in study.features:
        try:
            tables[block], warnings = read_block(study, block)
            problems += warnings
        except InputError as error:
            problems += error.problems or [Problem(f"features.{block}", str(error))]
    if study.radiomics.params is not None and study.regions:
        from radfuse.radiomics.settings import make_plan, read_params  # with numba: only where there is a file

        try:
            make_plan(read_params(study.radiomics.params), str(study.radiomics.params))
        except InputError as error:
            problems.append(Problem("radiomics.params", str(error)))
    if cohort is None or any(problem.severity == "error" for problem in problems):
        raise InputError(_once(problems))
    bare = join(cohort, {})
    assert config.outcome is not None
    folds = make_folds(config.split, bare.units, config.patient, config.outcome, study.seed)
    patients = bare.units[config.patient]
    parts = tuple(FoldPatients(fold.name, frozenset(patients.iloc[fold.test])) for fold in folds)
    return Inputs(cohort, tables, tuple(_once(problems)), parts)


def check_study(study: Study, progress: Progress = _silent) -> Prepared | Inputs:
    """Check a study before any compute: config, tables, and where it starts from images, each header and mask.

    Args:
        study: to check.
        progress: told of every case.

    Returns:
        The design and its folds; the inputs alone where features have yet to be made from images.

    Raises:
        InputError: all faults that can be seen at once.
    """
    if not study.regions:
        return make_design(study, read_inputs(study))
    inputs = None
    try:
        inputs = read_inputs(study)
        problems = list(inputs.warnings)
    except InputError as error:
        problems = list(error.problems) or [Problem("study", str(error))]
    problems += check_images(study, progress)
    if inputs is None or any(problem.severity == "error" for problem in problems):
        raise InputError(_once(problems))
    return inputs


def make_design(study: Study, inputs: Inputs, deep: Mapping[str, FeatureTable] | None = None) -> Prepared:
    """Join cohort and tables, and split them into folds.

    Args:
        study: what the columns mean.
        inputs: cohort, tables and folds.
        deep: fold -> deep features by that fold's encoder.

    Raises:
        InputError: mismatches between cohort and tables, or folds that cannot be trained.
    """
    config = study.cohort
    allowed = frozenset(block for block, source in study.features.items() if source.allow_missing)
    try:
        design = join(inputs.cohort, {b: inputs.tables[b] for b in study.blocks if b in inputs.tables}, allowed)
    except InputError as error:
        raise InputError(_once([*inputs.warnings, *error.problems])) from error
    by_fold = {fold: join(inputs.cohort, {"deep": table}).blocks["deep"] for fold, table in (deep or {}).items()}
    design = replace(design, by_fold={"deep": by_fold} if by_fold else {})
    patients = design.units[config.patient]
    tests = [(part.name, patients.isin(list(part.test)).to_numpy()) for part in inputs.folds]
    folds = [Fold(name, np.flatnonzero(~test), np.flatnonzero(test)) for name, test in tests]
    families = study.fusion.families or default_families(study.blocks)
    return Prepared(design, tuple(folds), tuple(families), tuple(_once([*inputs.warnings, *design.warnings])))


def read_block(study: Study, block: str) -> tuple[FeatureTable, list[Problem]]:
    """Read the feature table of one block of a study, and its warnings."""
    config = study.cohort
    source = study.features[block]
    reserved = {config.patient, config.visit, *config.clinical_columns, *config.split.columns, *config.images.values()}
    reserved |= {name for name in (config.site, config.mask) if name} | set(config.outcome_columns)
    return read_features(
        source.table or config.table, ((config.case,), config.unit_columns), source, reserved, config.exclude
    )


def run_study(
    study: Study | str | Path,
    out: str | Path | None = None,
    *,
    until: Stage = "report",
    shard: str | None = None,
    progress: Progress = _silent,
) -> Run:
    """Run a study up to a stage, resuming what is finished.

    The stages of a case (train, segment, regions, extract, deep) make what they need and nothing beside it; `regions`,
    files to look at, is only made when asked for.

    Args:
        study: a study, or its file.
        out: the run folder; "runs/NAME" when None.
        until: the last stage.
        shard: "I/N" works on cases I, I + N, ... alone, for job arrays; with segment, regions, extract and deep, once
            the networks are trained.
        progress: told of every item.

    Raises:
        InputError: config, cohort or tables are not usable; nothing was computed.
        RunError: the disk is full or not writable.
    """
    study = study if isinstance(study, Study) else load_study(study)
    part = Shard.parse(shard) if shard is not None else None
    _check_stage(study, until, part)
    run = RunFolder.open(Path(out) if out is not None else Path("runs") / study.name, study.name)
    try:
        return _Stages(study, run, progress).run(until, part)
    finally:
        run.close()


def _check_stage(study: Study, until: Stage, shard: Shard | None) -> None:
    """Refuse a stage that the study has no settings for, or that has no shards."""
    per_case = [stage for stage in CASE_STAGES if stage not in ("train", "stability")]
    if shard is not None and until not in per_case:
        raise InputError(f"{until} is no stage that goes case by case; those that take a shard: {', '.join(per_case)}")
    if (until in ("regions", "stability") or shard is not None) and not study.regions:
        raise InputError(
            f"study {study.name!r} names no regions, so there is nothing to make from images; add "
            "regions: [{kind: label, name: tumour, label: tumour}] with segmentation, cohort.images and cohort.mask"
        )
    if until == "deep" and study.deep is None:
        raise InputError(
            f"study {study.name!r} has no deep section; add deep: {{}} to have encoder features of every region "
            "(needs segmentation: {backend: unet, ...} and regions), or use --set deep={}"
        )


class _Stages:
    """One pass over a study's stages in one run folder."""

    def __init__(self, study: Study, run: RunFolder, progress: Progress) -> None:
        self.study = study
        self.folder = run
        self.progress = progress
        self.failures: list[Failure] = []

    @property
    def outcome(self) -> Outcome:
        """What is predicted; `prepare` made sure that there is one."""
        assert self.study.cohort.outcome is not None
        return self.study.cohort.outcome

    def run(self, until: Stage, shard: Shard | None = None) -> Run:
        run, last = self.folder, STAGES.index(until)
        inputs, made = None, Made()
        casework = Casework(self.study, run, self.progress, self.failures)
        if self.study.regions:
            everyone = self.read()
            inputs, made = casework.run(everyone, until, shard)
        if until in CASE_STAGES:
            warnings = inputs.warnings if inputs else ()
            return Run(run.path, None, tuple(self.failures), warnings, len(run.made), len(run.reused))
        prepared, design_key = self.prepare(inputs, made)
        results = None
        if last >= STAGES.index("fuse"):
            results, fuse_key = self.fuse(prepared, design_key)
        if last >= STAGES.index("export"):
            bundle_key = self.export(prepared, results, design_key, fuse_key)
        if last >= STAGES.index("report"):
            segmentation = (lambda: casework.segmentation_report(everyone)) if inputs else lambda: None
            masks = (lambda: casework.mask_sources(inputs)) if inputs else dict[str, int]
            self.report(prepared, results, bundle_key, segmentation, masks)
        return Run(run.path, results, tuple(self.failures), prepared.warnings, len(run.made), len(run.reused))

    def read(self) -> Inputs:
        """Read and check what the study names, and store the resolved study."""
        self.progress("reading tables", 0, 1)
        inputs = read_inputs(self.study)
        self.folder.write_study(self.study.to_yaml())
        self.progress("reading tables", 1, 1)
        return inputs

    def prepare(self, inputs: Inputs | None, made: Made) -> tuple[Prepared, str]:
        """Store the design and its folds; read them back where nothing changed."""
        study, run = self.study, self.folder
        self.progress("joining tables", 0, 1)
        settings = study.model_dump(mode="json", include={"cohort", "features", "seed"})
        settings["families"] = study.fusion.families
        sources: dict[str, Path] = {"cohort": study.cohort.table}
        sources |= {block: source.table or study.cohort.table for block, source in study.features.items()}
        missing = [str(path) for path in sources.values() if not path.is_file()]
        digests: dict[str, Any] = {name: run.digest(path) for name, path in sources.items()} if not missing else {}
        key = content_key("prepare", _VERSIONS["prepare"], _without_paths(settings), {**digests, "cases": made.keys})
        name = "features/design"
        if missing or run.finished(name, key) is None:
            inputs = inputs or read_inputs(study)
            inputs = Inputs(inputs.cohort, {**inputs.tables, **made.tables()}, inputs.warnings, inputs.folds)
            prepared = make_design(study, inputs, made.deep())
            run.produce(name, "prepare", key, lambda path: _write_prepared(path, prepared))
        else:
            run.reused.append(name)
        run.write_study(study.to_yaml())
        record = run.record(name)
        assert record is not None
        assert record.digest is not None
        self.progress("joining tables", 1, 1)
        return _read_prepared(run.path / name), record.digest

    def fuse(self, prepared: Prepared, design_key: str) -> tuple[StudyResults, str]:
        """Fit every family on every outer fold, then measure and compare."""
        run = self.folder
        items = [(family, fold) for family in prepared.families for fold in prepared.folds]
        keys: dict[str, str] = {}
        for done, (family, fold) in enumerate(items):
            self.progress(f"fitting {family}", done, len(items))
            keys[f"{family}/{fold.name}"] = self._fit(prepared, design_key, family, fold)
        self.progress("fitting", len(items), len(items))
        folds = self._fitted(prepared)
        key = content_key("compare", _VERSIONS["compare"], None, {"folds": keys, "whole": list(folds)})
        if not folds:
            reasons = "\n".join(f"{failure.item}: {failure.error}" for failure in self.failures)
            raise InputError(f"no family could be fitted:\n{reasons}")

        def write(path: Path) -> None:
            path.mkdir()
            predictions = self._predictions(prepared, folds)
            predictions.drop(columns="position").to_parquet(path / "predictions.parquet")
            predictions.drop(columns="position").to_csv(path / "predictions.csv", index=False)
            results = _measure_all(
                self.outcome, predictions, [f for f in prepared.families if f in folds], len(prepared.folds)
            )
            (path / "results.json").write_text(results.model_dump_json(indent=1))

        run.produce("models/comparison", "compare", key, write)
        results = StudyResults.model_validate_json((run.path / "models/comparison/results.json").read_bytes())
        return results.model_copy(update={"failures": tuple(self.failures)}), key

    def _fit(self, prepared: Prepared, design_key: str, family: str, fold: Fold) -> str:
        study = self.study
        parts = {"fold": fold.name, "train": positions_of(fold.train), "test": positions_of(fold.test)}
        key = self._fit_key(family, design_key, parts)
        name = f"models/{family}/fold-{safe_name(fold.name)}.json"
        if self.folder.finished(name, key):
            self.folder.reused.append(name)
            return key
        from radfuse.fusion.validate import fit_fold

        def write(path: Path) -> None:
            fitted, _ = fit_fold(
                prepared.design,
                family,
                fold,
                study.cohort.patient,
                self.outcome,
                study.fusion,
                study.seed,
            )
            path.write_text(fitted.model_dump_json())

        self._isolated(name, "fuse", key, write, f"{family}, fold {fold.name}")
        return key

    def _fit_key(self, family: str, design_key: str, parts: object) -> str:
        settings = self.study.fusion.model_dump(mode="json", exclude={"families"})
        inputs = {"design": design_key, "family": family, "parts": parts, "seed": self.study.seed}
        return content_key("fuse", _VERSIONS["fuse"], settings, inputs)

    def _isolated(self, name: str, stage: str, key: str, write: Callable[[Path], None], item: str) -> bool:
        """Produce a result; a failure is recorded and the others go on."""
        try:
            self.folder.produce(name, stage, key, write)
        except CaseError as error:
            self._failed(name, stage, key, item, error.message)
        except (RadfuseError, OSError):
            raise
        except Exception as error:  # noqa: BLE001  one piece of work must not stop the others
            self._failed(name, stage, key, item, f"{type(error).__name__}: {error}")
        else:
            return True
        return False

    def _failed(self, name: str, stage: str, key: str, item: str, message: str) -> None:
        self.folder.fail(name, stage, key, message)
        self.failures.append(Failure(item=item, error=message))

    def _fitted(self, prepared: Prepared) -> dict[str, list[FittedFamily]]:
        """Return the folds of each family of which every fold is there."""
        failed = {failure.item for failure in self.failures}
        whole = {}
        for family in prepared.families:
            if any(f"{family}, fold {fold.name}" in failed for fold in prepared.folds):
                continue
            whole[family] = [
                FittedFamily.model_validate_json(
                    (self.folder.path / f"models/{family}/fold-{safe_name(fold.name)}.json").read_bytes()
                )
                for fold in prepared.folds
            ]
        return whole

    def _predictions(self, prepared: Prepared, folds: dict[str, list[FittedFamily]]) -> pd.DataFrame:
        """Return out-of-fold probabilities, a row per family and unit."""
        config = self.study.cohort
        units = prepared.design.units
        parts = []
        for family, fitted in folds.items():
            for fold in fitted:
                rows = units.iloc[list(fold.test)]
                part = rows[list(config.unit_columns)].copy()
                part["patient"] = rows[config.patient].to_numpy()
                part = part.assign(**self.outcome.observed(rows))
                part["family"], part["fold"] = family, fold.fold
                part["probability"], part["threshold"] = list(fold.probability), fold.threshold
                part["position"] = list(fold.test)
                parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def export(self, prepared: Prepared, results: StudyResults | None, design_key: str, fuse_key: str) -> str:
        """Refit each family on all units, write it as ONNX, prove it, and assemble the bundle."""
        study, run = self.study, self.folder
        assert results is not None
        families = [performance.family for performance in results.performance]
        keys = {}
        exported = []
        for done, family in enumerate(families):
            self.progress(f"exporting {family}", done, len(families))
            key = keys[family] = content_key("fit", _VERSIONS["fit"], None, self._fit_key(family, design_key, "all"))
            name = f"models/{family}/all"
            if run.finished(name, key):
                run.reused.append(name)
                exported.append(family)
            elif self._isolated(name, "fit", key, partial(self._write_final, prepared, family), f"{family}, all units"):
                exported.append(family)
        self.progress("exporting", len(families), len(families))
        key = content_key(
            "bundle", _VERSIONS["bundle"], self._identity(), {"fits": keys, "results": fuse_key, "exported": exported}
        )

        def write(path: Path) -> None:
            path.mkdir()
            fitted = {family: run.path / "models" / family / "all" for family in exported}
            trained = run.path / network_of(ALL)
            network = trained if isinstance(study.segmentation, UnetSegmentation) else None
            bundle.write_bundle(path, study, prepared.design, fitted, results, network)

        run.produce("bundle", "bundle", key, write)
        return key

    def _identity(self) -> dict[str, Any]:
        study = self.study
        config = study.cohort.model_dump(mode="json", exclude={"table", "exclude", "split"})
        names = {"segmentation", "regions", "radiomics", "deep", "resample_masks"}
        network = self.folder.record(network_of(ALL))
        return {
            "name": study.name,
            "title": study.title,
            "cohort": config,
            "imaging": study.model_dump(mode="json", include=names),
            "network": network.digest if network else None,
        }

    def _write_final(self, prepared: Prepared, family: str, path: Path) -> None:
        from radfuse.fusion.design import stack
        from radfuse.fusion.export import largest_difference
        from radfuse.fusion.validate import fit_fold

        study = self.study
        fitted, fit = fit_fold(
            prepared.design, family, None, study.cohort.patient, self.outcome, study.fusion, study.seed
        )
        x, _, _ = stack(prepared.design.blocks, blocks_of(family))
        content = fit.fitted.to_onnx(family, fitted.threshold)
        difference = largest_difference(content, fit.fitted.predict, x, study.seed)
        if not difference <= bundle.PARITY:
            raise CaseError(
                family, f"the ONNX file differs from the fitted model by {difference:.2g}, allowed {bundle.PARITY:.0e}"
            )
        path.mkdir()
        (path / "model.onnx").write_bytes(content)
        (path / "fitted.json").write_text(fitted.model_dump_json(indent=1))
        (path / "parity.json").write_text(json.dumps({"largest_difference": difference}))

    def report(
        self,
        prepared: Prepared,
        results: StudyResults | None,
        bundle_key: str,
        segmentation: Callable[[], SegmentationReport | None],
        masks: Callable[[], dict[str, int]],
    ) -> None:
        """Write the report."""
        study, run = self.study, self.folder
        assert results is not None
        inputs = {"bundle": bundle_key, "failures": [failure.model_dump() for failure in self.failures]}
        inputs["warnings"] = [str(problem) for problem in prepared.warnings]
        key = content_key("report", _VERSIONS["report"], study.model_dump(mode="json"), inputs)

        def write(path: Path) -> None:
            from radfuse.report.page import study_report
            from radfuse.report.study import StudyReport

            folds = self._fitted(prepared)
            final = {
                family: FittedFamily.model_validate_json((run.path / f"models/{family}/all/fitted.json").read_bytes())
                for family in folds
                if (run.path / f"models/{family}/all/fitted.json").is_file()
            }
            files = study_report(
                StudyReport(
                    title=study.title or study.name,
                    outcome=self.outcome.name(),
                    event=self.outcome.event(),
                    events=self.outcome.labels(prepared.design.units),
                    unit=study.cohort.unit_columns,
                    patient=study.cohort.patient,
                    site=study.cohort.site,
                    units=prepared.design.units,
                    blocks={name: values.shape[1] for name, values in prepared.design.blocks.items()},
                    clinical=prepared.design.blocks.get("clinical", pd.DataFrame(index=prepared.design.units.index)),
                    predictions=pd.read_parquet(run.path / "models/comparison/predictions.parquet"),
                    results=results,
                    folds=folds,
                    final=final,
                    study_yaml=study.to_yaml(),
                    warnings=prepared.warnings,
                    versions=bundle.versions(),
                    seed=study.seed,
                    sections=self.outcome.sections(),
                    segmentation=segmentation(),
                    masks=masks(),
                )
            )
            for name, text in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_text(text, encoding="utf-8")

        self.progress("writing the report", 0, 1)
        run.produce("report", "report", key, write)
        self.progress("writing the report", 1, 1)


def _measure_all(outcome: Outcome, predictions: pd.DataFrame, families: list[str], outer_folds: int) -> StudyResults:
    groups = dict(iter(predictions.groupby("family")))
    return StudyResults(
        outer_folds=outer_folds,
        performance=tuple(outcome.measure(groups[family]) for family in families),
        comparisons=outcome.compare(predictions, families),
    )


def _write_prepared(path: Path, prepared: Prepared) -> None:
    path.mkdir()
    design = prepared.design
    design.units.to_parquet(path / "units.parquet")
    for block, values in design.blocks.items():
        FeatureTable(values.rename_axis("unit")).to_parquet(path / f"{block}.parquet")
    for block, frames in design.by_fold.items():
        for fold, values in frames.items():
            FeatureTable(values.rename_axis("unit")).to_parquet(path / f"{block}@{safe_name(fold)}.parquet")
    facts = {
        "blocks": list(design.blocks),
        "by_fold": list(design.by_fold),
        "families": prepared.families,
        "folds": [
            {"name": fold.name, "train": positions_of(fold.train), "test": positions_of(fold.test)}
            for fold in prepared.folds
        ],
        "warnings": [vars(problem) for problem in prepared.warnings],
    }
    (path / "design.json").write_text(json.dumps(facts))


def _read_prepared(path: Path) -> Prepared:
    facts = read_json(path / "design.json")
    blocks = {
        block: FeatureTable.from_parquet(path / f"{block}.parquet").values.reset_index(drop=True)
        for block in facts["blocks"]
    }
    folds = tuple(
        Fold(fold["name"], np.array(fold["train"], int), np.array(fold["test"], int)) for fold in facts["folds"]
    )
    by_fold = {
        block: {
            fold.name: FeatureTable.from_parquet(path / f"{block}@{safe_name(fold.name)}.parquet").values.reset_index(
                drop=True
            )
            for fold in folds
        }
        for block in facts["by_fold"]
    }
    design = Design(pd.read_parquet(path / "units.parquet"), blocks, (), by_fold)
    return Prepared(design, folds, tuple(facts["families"]), tuple(Problem(**fact) for fact in facts["warnings"]))


def _without_paths(settings: dict[str, Any]) -> dict[str, Any]:
    """Drop where tables lie: their content counts, so that a moved study stays finished."""
    settings["cohort"].pop("table")
    for source in settings["features"].values():
        source.pop("table")
    return settings


def _once(problems: Iterable[Problem]) -> list[Problem]:
    """Drop what was found twice (a table read as cohort and as features)."""
    return list(dict.fromkeys(problems))
