"""What a study and its run say to items of checklists: a verdict with file or setting and its value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radfuse.errors import counted
from radfuse.report.checklists.checklist import Answer
from radfuse.report.known import CLASSICAL, Known, name_of
from radfuse.report.printed import percent
from radfuse.report.study import StudyReport

_NO_IMAGES = "features came as finished tables; say how they were made"
_REDUCING = {
    *("variance", "univariate", "correlation", "clusters", "mrmr", "lasso", "elastic_net", "stability_selection"),
    *("rfe", "boruta", "multivariable", "pca", "stability"),
}
_KEPT = "as in the image"
_CALLED = "tables/classification.csv"
_OUTPUT = {
    "survival": "probability by the horizon, survival at stated times; tables/risk_groups.csv",
    "continuous": "the value itself; no unit is called",
    "ordinal": "probability of each grade, expected and predicted grade; tables/grades.csv",
    "multiclass": "probability of each class, and the class of the largest; tables/classes.csv, confusion.csv",
}
_MEASURES = {
    "binary": "tables/performance.csv, classification.csv: AUC, Brier, sensitivity, specificity, PPV, NPV",
    "survival": "tables/performance.csv, errors.csv: Harrell's and Uno's C, AUC at the horizon, Brier scores",
    "continuous": "tables/performance.csv, errors.csv: C, Spearman's rho, R², RMSE, MAE",
    "ordinal": "tables/performance.csv, agreement.csv: C, ranked probability score, weighted kappa, MAE, accuracy",
    "multiclass": "tables/performance.csv, agreement.csv, classes.csv: macro AUC, Hand and Till's M, accuracy, "
    "balanced accuracy, kappa, log loss, Brier; sensitivity, specificity, PPV and F1 of each class",
}

_OUTPUT_BESIDE = "cumulative incidence of the event by the horizon and at stated times; tables/risk_groups.csv"
_BESIDE = ", of the event beside competing ones (cohort.outcome.competing)"
"""Where events compete."""


def facts(report: StudyReport) -> dict[str, Answer]:
    """Return name -> answer of all that can be told from a study and its run."""
    known = Known(report)
    groups = (_design, _masks, _images, _columns, _fitting, _measured, _testing, _shared)
    return {name: answer for group in groups for name, answer in group(known).items()}


def _yes(evidence: str) -> Answer:
    return Answer("yes", evidence)


def _no(evidence: str) -> Answer:
    return Answer("no", evidence)


def _open(evidence: str) -> Answer:
    return Answer("open", evidence)


def _away(evidence: str) -> Answer:
    return Answer("not applicable", evidence)


def _design(known: Known) -> dict[str, Answer]:
    """Cohort, outcome, sites, sample size."""
    report, cohort = known.report, known.cohort
    site = report.site
    count = int(report.units[site].nunique()) if site is not None and site in report.units else 0
    several = f"cohort.site: {site}, {count} sites in the table"
    sites = _open("name the column of hospitals in cohort.site") if not count else _no(several)
    left_out = len(cohort["exclude"])
    clinical = [item if isinstance(item, str) else item["column"] for item in cohort["clinical"]]
    size = known.size
    needed = f"Riley's criteria ask for {size.needed.units:,} units, there are {len(report.units):,}" if size else ""
    return {
        "guideline": _open("complete report/checklists/*.csv and attach them"),
        "sites": _yes(several) if count > 1 else sites,
        "sites_counted": _yes(several) if count else _open("number and location of centres"),
        "excluded": _open(f"cohort.exclude leaves out {counted(left_out, 'case')}; say by which criteria"),
        "outcome_defined": _open(
            f"cohort.outcome: “{report.outcome}”, {'' if known.without_event else 'event '}{report.event}"
            f"{_of_times(known)}; say how it was assessed"
        ),
        "clinical_defined": _open(f"cohort.clinical: {', '.join(clinical)}; say how they were measured")
        if clinical
        else _away("no clinical column"),
        "predictors_defined": _open("tables/features.csv names them; say how and when they were measured"),
        "sample_size": _yes(f"report/methods.md; {needed}") if size else _open(_no_size(known)),
        "flow": _yes("report: Cohort; Findings name every case that failed"),
        "counts": _yes(f"{len(report.units)} units of {known.patients} patients{_had(known)}"),
        "table_one": _yes("tables/table_one.csv"),
    }


def _of_times(known: Known) -> str:
    """Return what competes with the event, and from when on it is predicted."""
    told = f"; competing: {', '.join(known.competing)}" if known.competing else ""
    landmark = known.outcome.get("landmark") if known.survival else None
    return f"{told}; landmark: {landmark:g}" if landmark else told


def _no_size(known: Known) -> str:
    """Return why Riley's criteria say nothing."""
    if known.level:
        return "say how it was arrived at; criteria are computed of binary, continuous and survival outcomes"
    return {"survival": "no event", "continuous": "a mean of 0"}.get(known.kind, "one class only")


def _had(known: Known) -> str:
    if known.without_event:
        return f"; of each {known.level}: {known.counted_levels}" if known.level else ""
    rivals = f", {known.report.performance[0].rivals} competing ones" if known.competing else ""
    return f", {int(known.report.events.sum())} events{rivals}"


def _masks(known: Known) -> dict[str, Answer]:
    """Segmentation: how, by whom, how well."""
    if not known.images:
        kinds = {"radiomic", "deep"} & set(known.report.blocks)
        unknown = _open(_NO_IMAGES) if kinds else _away("no features of images")
        return dict.fromkeys(("masks_described", "masks_evaluated", "masks_of_one", "readers", "reliability"), unknown)
    backend = f"segmentation.backend: {name_of(known.segmentation)}"
    manual = known.source == "manual"
    compared = known.report.segmentation is not None
    second, readers, repeats = (known.cohort[name] for name in ("second_mask", "readers", "repeats"))
    drawn = [f"cohort.second_mask: {second}"] if second else []
    drawn += [f"cohort.readers: {', '.join(readers)}"] if len(readers) > 1 else []
    drawn += [f"cohort.repeats: {', '.join(repeats)}"] if repeats else []
    return {
        "masks_described": _open(f"{backend}; say who drew the masks, how and with what")
        if manual
        else _yes(f"{backend}; report/methods.md"),
        "masks_evaluated": _away(f"{backend}")
        if manual
        else _yes("report: Segmentation; tables/segmentation_cases.csv")
        if compared
        else _no("no case has a manual mask beside the predicted one; fill cohort.mask for some"),
        "masks_of_one": _open("say whether one reader drew the masks of the test folds")
        if manual
        else _no(f"{backend} joins several readers")
        if name_of(known.segmentation) == "vote"
        else _yes(backend),
        "readers": _open("say who drew the masks, with which experience") if manual else _yes(backend),
        "reliability": _yes(f"{'; '.join(drawn)}; radfuse stability")
        if drawn
        else _yes("report: Segmentation, agreement of features between predicted and manual masks")
        if compared
        else _no("name the masks of other readers in cohort.readers, or a second's in cohort.second_mask"),
    }


def _images(known: Known) -> dict[str, Answer]:
    """Images made into features."""
    names = ("preprocessing", "preprocessing_told", "resampling", "discretisation", "image_types", "classes")
    more = ("software", "standard_software", "extraction_settings", "one_sequence", "feature_count")
    if not known.images:
        some = {"radiomic", "deep"} & set(known.report.blocks)
        unknown = _open(_NO_IMAGES) if some else _away("no features of images")
        counted = _yes(_counts(known)) if some else unknown
        return {**dict.fromkeys((*names, *more), unknown), "feature_count": counted}
    if known.settings["radiomics"]["params"]:
        own = _yes(f"radiomics.params: {known.settings['radiomics']['params']}")
        told = dict.fromkeys((*names, *more), own)
    else:
        told = _settings_told(known)
    engine = known.settings["radiomics"]["engine"]
    version = known.report.versions["radfuse"]
    software = f"radiomics.engine: {engine}, convention pyradiomics; radfuse {version}"
    several = f"cohort.images: {', '.join(known.sequences)}"
    return {
        **told,
        "software": _yes(software),
        "standard_software": _yes(software) if known.handcrafted else _away("no hand-crafted features"),
        "extraction_settings": _yes("report: Settings; study.yaml holds every setting, defaults written out"),
        "one_sequence": _yes(several)
        if len(known.sequences) == 1
        else _no(f"{several}; compare with a study of each alone"),
        "feature_count": _yes(_counts(known)),
    }


def _settings_told(known: Known) -> dict[str, Answer]:
    """Answers from the settings of every sequence."""
    steps = {
        name: [
            *(name_of(step) for step in known.settings["sequences"].get(name, {}).get("normalise", ())),
            *(["radiomics.normalize"] if known.radiomics[name]["normalize"] else []),
        ]
        for name in known.sequences
    }
    normalised = {name: ", ".join(own) for name, own in steps.items() if own}
    spacings = dict(known.each_sequence("spacing_zyx_mm"))
    slices = dict(known.each_sequence("slice_axis"))
    alike = all(slices[name] or (spacings[name] and len(set(spacings[name])) == 1) for name in spacings)
    resampling = f"radiomics.spacing_zyx_mm: {_each(spacings)}"
    bins = {
        name: f"bin_count {own['bin_count']}" if own["bin_count"] else f"bin_width {own['bin_width']:g}"
        for name, own in known.radiomics.items()
    }
    what = f"{resampling}; normalisation: {_each(normalised) if normalised else 'none'}"
    return {
        "preprocessing": _yes(f"{what}; bins: {_each(bins)}")
        if alike
        else _open(f"{what}; say why voxels that are not isotropic are kept, or set radiomics.spacing_zyx_mm"),
        "preprocessing_told": _yes(what),
        "resampling": _yes(f"{resampling}, radiomics.interpolator: {_each(dict(known.each_sequence('interpolator')))}"),
        "discretisation": _yes(f"radiomics: {_each(bins)}"),
        "image_types": _yes(f"radiomics.filters: {_each(dict(known.each_sequence('filters')))}"),
        "classes": _yes(f"radiomics.classes: {_each(dict(known.each_sequence('classes')))}"),
    }


def _each(values: Mapping[str, Any]) -> str:
    """Return values of sequences as text: one where all agree, else each with its sequence."""
    told = {name: _text(value) for name, value in values.items()}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return "; ".join(f"{name} {value}" for name, value in told.items())


def _text(value: Any) -> str:
    if value is None:
        return _KEPT
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _counts(known: Known) -> str:
    return ", ".join(f"{count} {block}" for block, count in known.report.blocks.items()) + " columns"


def _columns(known: Known) -> dict[str, Answer]:
    """What becomes of columns before a model."""
    names = [name_of(step) for step in known.steps]
    told = f"fusion.selection: {', '.join(names)}" if names else "fusion.selection is empty"
    stable = "stability" in names
    size = known.size
    units = len(known.report.units)
    needed = f"{known.candidates} candidate columns; Riley's criteria ask for {size.needed.units:,}" if size else ""
    dimensions = _open(_no_size(known))
    if size is not None:
        enough = units >= size.needed.units
        dimensions = (_yes if enough else _no)(f"{units:,} units, {needed}")
    return {
        "robust": _yes(told) if stable and known.selects else _no("add {kind: stability} to fusion.selection"),
        "reduced": _reduced(known, told, names),
        "reduction_told": _yes(told),
        "dimensions": dimensions,
        "end_to_end": _away("features are in tables before models"),
        "missing": _yes("median of the training set, in every fold; missing values: tables/table_one.csv"),
        "scaling": _yes("mean and standard deviation of the training set, in every fold" + _harmonised(known)),
        "imbalance": _imbalance(known),
        "poor_inputs": _yes(
            "radfuse predict imputes missing values by training medians"
            f"{' and refuses unreadable images' if known.images else ''}"
        ),
    }


def _reduced(known: Known, told: str, names: Sequence[str]) -> Answer:
    """Return whether columns are removed: by all learners, or by none but some, beside which others see all."""
    if not _REDUCING & set(names):
        return _no(f"{told}; penalties of the learners alone")
    return _yes(told) if known.selects else _no(f"{told}, by single learners; others see every column")


def _harmonised(known: Known) -> str:
    return f"; fusion.harmonise: {name_of(known.fusion['harmonise'])}" if known.fusion["harmonise"] else ""


def _imbalance(known: Known) -> Answer:
    if known.survival:
        return _away("times to an event, censored where it was not seen: no classes")
    if known.kind == "continuous":
        return _away("a value: no classes")
    share = known.counted_levels if known.level else f"{percent(known.report.events.mean())} events"
    weighted = [name_of(model) for model in known.learners if model.get("class_weight")]
    means = [f"class_weight of {', '.join(weighted)}"] if weighted else []
    means += [f"fusion.oversample: {known.fusion['oversample']}"] if known.fusion["oversample"] else []
    means += [f"fusion.recalibrate: {name_of(known.fusion['recalibrate'])}"] if known.fusion["recalibrate"] else []
    return _yes(f"{share}; {'; '.join(means) or 'nothing was done to it, so that probabilities hold'}")


def _fitting(known: Known) -> dict[str, Answer]:
    """Folds, confounders, learners."""
    report, split, threshold = known.report, known.cohort["split"], known.fusion["threshold"]
    dealt = f"cohort.split: {name_of(split)}, {counted(report.results.outer_folds, 'test fold')} by patient"
    learners = ", ".join(name_of(model) for model in known.learners)
    apart = name_of(split) == "leave_site_out"
    primary = f"fusion.primary: {report.primary}" if report.primary else "all families are reported"
    confounders = _open("say which confounders were looked at; fusion.harmonise and cohort.site handle sites")
    if known.fusion["harmonise"] or apart:
        confounders = _yes("sites left out in turn" if apart else _harmonised(known)[2:])
    return {
        "partition": _yes(f"{dealt}; imputation, scaling, selection and tuning inside training folds"),
        "confounders": confounders,
        "learners": _yes(f"fusion.classifier: {learners}"),
        "tuning": _yes(f"fusion.inner_folds: {known.fusion['inner_folds']}; report/methods.md"),
        "picking": _yes(primary) if report.primary else _open(f"{primary}; say which is the final model, and why"),
        "heterogeneity": _yes("sites left out in turn: tables/subgroups.csv, each with its interval")
        if apart
        else _no("set cohort.split: {kind: leave_site_out}"),
        "updating": _yes(f"fusion.recalibrate: {name_of(known.fusion['recalibrate'])}")
        if known.fusion["recalibrate"]
        else _away("no model was updated"),
        "predicting": _away("a study develops; radfuse evaluate tests elsewhere"),
        "development_only": _away("a study develops; radfuse evaluate tests elsewhere"),
        "output": _yes(
            _OUTPUT_BESIDE
            if known.competing
            else _OUTPUT.get(known.kind, f"probabilities; fusion.threshold: {threshold}; {_CALLED}")
        ),
        "full_model": _yes(
            "bundle/: ONNX of every family with its preprocessing"
            + ("; formulas in the report" if any(one.explanation.formula for one in report.final.values()) else "")
        ),
    }


def _measured(known: Known) -> dict[str, Answer]:
    """Measures and comparisons."""
    families = [item.family for item in known.report.performance]
    imaging = {"radiomic", "deep"}
    without = [name for name in families if not imaging & set(name.split("-"))]
    with_them = [name for name in families if imaging & set(name.split("-"))]
    classical = all(name_of(model) in CLASSICAL for model in known.learners)
    learners = ", ".join(name_of(model) for model in known.learners)
    told = _MEASURES[known.kind] + (_BESIDE if known.competing else "")
    return {
        "measures": _yes(told),
        "measures_of_groups": _yes(f"{told}; tables/subgroups.csv")
        if known.settings["evaluation"]["subgroups"]
        else _no("name key groups, such as sex, in evaluation.subgroups"),
        "uncertainty": _yes("95% intervals with variance by patient: tables/performance.csv"),
        "calibration": _yes("report: Calibration; tables/calibration.csv"),
        "non_radiomic": _yes(f"{', '.join(without)} beside {', '.join(with_them)}: tables/comparisons.csv")
        if without and with_them
        else _no("name cohort.clinical columns, so that a clinical family is compared"),
        "classical": _yes(f"fusion.classifier: {learners}")
        if classical
        else _no(f"fusion.classifier: {learners}; compare with a study of {{kind: {known.said.learner}}}"),
        "compared": _yes(
            f"{known.said.test}, adjusted by Holm: tables/comparisons.csv"
            f"{'' if known.without_event else '; decision curves'}"
        )
        if len(families) > 1
        else _away("one family"),
        "explained": _yes("report: Chosen features; tables/features.csv"),
        "chosen": _yes("tables/features.csv: columns chosen, in how many folds"),
    }


def _testing(known: Known) -> dict[str, Answer]:
    """Internal and external tests."""
    split, count = name_of(known.cohort["split"]), known.report.results.outer_folds
    nested = f"cohort.split: {split}, {counted(count, 'test fold')} with no part in fitting or tuning"
    elsewhere = "radfuse evaluate BUNDLE TABLE tests the frozen models on patients from elsewhere"
    external = _no(elsewhere)
    if split == "leave_site_out":
        external = _no(f"sites left out in turn (internal-external validation), none kept for a test; {elsewhere}")
    elif split == "column" and count == 1:
        external = _open(f"{nested}; say whether the tested patients are of other institutions")
    return {
        "internal_test": _yes(nested)
        if split in ("holdout", "temporal")
        else _open(f"{nested}; say whether that is a test set"),
        "external_test": external,
        "testing_told": _yes(nested),
    }


def _shared(known: Known) -> dict[str, Answer]:
    """What its authors may share."""
    masks = "masks of the cohort table" if known.source == "manual" else "labels/ of the run folder"
    return {
        "share_images": _open(f"images and {masks}") if known.images else _open("none are part of this study"),
        "share_data": _open("features/*.parquet of the run folder"),
        "share_code": _open("study.yaml and radfuse's version make the run again"),
        "share_model": _open("bundle/ predicts with radfuse predict"),
    }
