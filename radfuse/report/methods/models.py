"""Families, selection, learners and how blocks are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from radfuse.errors import counted
from radfuse.report.known import Known, Said, name_of
from radfuse.report.methods.words import series, spaced

Told = Callable[[Mapping[str, Any]], str]
_RFE: Mapping[str, str] = {"logistic": "logistic regression", "svm": "a linear support vector machine"}
_AGAIN = {
    None: "",
    "copies": " between an image and its disturbed copies",
    "readers": " between readers' masks",
    "repeats": " between a reader's masks and their own repeats",
}
_STEPS: dict[str, Told] = {
    "variance": lambda it: f"removal of columns of which more than {100 * it['most_alike']:g}% of values were alike",
    "stability": lambda it: (
        f"removal of features with an intraclass correlation ICC({it['form']}){_AGAIN[it['source']]} "
        f"below {it['icc']:g}"
    ),
    "univariate": lambda it: (
        f"univariate tests at p ≤ {it['alpha']:g}" + (" after Benjamini-Hochberg adjustment" if it["fdr"] else "")
    ),
    "correlation": lambda it: (
        f"removal of one of each pair with a {it['method'].capitalize()} correlation above {it['threshold']:g}"
    ),
    "clusters": lambda it: (
        f"hierarchical clusters ({it['linkage']} linkage) of Spearman correlations above {1 - it['threshold']:g}"
    ),
    "mrmr": lambda it: f"minimum redundancy maximum relevance to {counted(it['k'], 'column')}",
    "lasso": lambda it: (
        "the LASSO (Tibshirani 1996, doi:10.1111/j.2517-6161.1996.tb02080.x)"
        + (f" by the one-standard-error rule in {it['own_folds']} folds" if it["rule"] == "one_se" else "")
    ),
    "elastic_net": lambda it: (
        f"the elastic net with an L1 share of {it['l1_share']:g} (Zou and Hastie 2005, "
        "doi:10.1111/j.1467-9868.2005.00503.x)"
    ),
    "stability_selection": lambda it: (
        f"stability selection over {it['halves']} random halves at a frequency of "
        f"{it['threshold']:g} (Meinshausen and Bühlmann 2010, doi:10.1111/j.1467-9868.2010.00740.x)"
    ),
    "rfe": lambda it: (
        f"recursive elimination by {_RFE[it['by']]} to {counted(it['k'], 'column')} (Guyon et al. 2002, "
        "doi:10.1023/A:1012487302797)"
    ),
    "boruta": lambda it: (
        f"Boruta with {it['trees']} trees and at most {it['rounds']} rounds (Kursa and Rudnicki 2010, "
        "doi:10.18637/jss.v036.i11)"
    ),
    "multivariable": lambda it: (
        f"univariate regressions at p ≤ {it['alpha_alone']:g}, then backward "
        f"elimination by {'p ≤ ' + format(it['alpha'], 'g') if it['rule'] == 'p' else 'the Akaike criterion'}"
    ),
    "pca": lambda it: f"principal components, {_components(it['components'])}",
}
_LEARNERS = {
    "logistic": "L2-penalised logistic regression",
    "ridge": "ridge logistic regression",
    "lda": "linear discriminant analysis",
    "naive_bayes": "Gaussian naive Bayes",
    "knn": "k nearest neighbours",
    "svm": "a support vector machine",
    "gaussian_process": "a Gaussian process",
    "random_forest": "a random forest (Breiman 2001, doi:10.1023/A:1010933404324)",
    "extra_trees": "extremely randomised trees (Geurts 2006, doi:10.1007/s10994-006-6226-1)",
    "lightgbm": "gradient-boosted trees (LightGBM)",
    "xgboost": "gradient boosting (XGBoost; Chen 2016, doi:10.1145/2939672.2939785)",
    "mlp": "a neural network with one hidden layer",
    "cox": "ridge Cox regression (Verweij and van Houwelingen 1994, doi:10.1002/sim.4780132307)",
    "cox_trees": "gradient-boosted trees of Cox's partial likelihood (Ridgeway 1999)",
    "linear": "ridge linear regression (Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634)",
    "regression_trees": "gradient-boosted regression trees (LightGBM)",
    "cox_mlp": "a neural network with one hidden layer, trained on Cox's partial likelihood",
}
_COX_NET = "doi:10.18637/jss.v039.i05"
_STRATEGIES: dict[str, Callable[[Said], str]] = {
    "early": lambda _: "a single model of all their columns",
    "mean": lambda it: f"the mean of the blocks' {it.scores}",
    "stack": lambda it: f"a {it.regression} regression of the blocks' inner out-of-fold {it.scores} (stacking)",
    "score": lambda _: "a score of each block beside the columns of the others",
    "priority": lambda _: (
        "a priority model, in which later blocks are fitted to what the first leaves (Klau et al. 2018, "
        "doi:10.1186/s12859-018-2344-6)"
    ),
    "penalty": lambda it: (
        f"a ridge {'Cox regression' if it.regression == 'Cox' else 'regression'} with a penalty for each block "
        f"({'after ' if it.regression == 'Cox' else ''}Boulesteix et al. 2017, doi:10.1155/2017/7691937), "
        "on each set of columns that a linear learner, or the study's selection, chooses"
    ),
    "attention": lambda _: "a small attention network over blocks",
}
_LEAVES_OUT = ("mean", "stack", "score", "priority", "attention")
"""Strategies in which a unit that lacks a block is predicted from the others."""
_FORESTS = {
    "extra": "extremely randomised regression trees (Geurts 2006, doi:10.1007/s10994-006-6226-1)",
    "random": "a random forest of regression trees (Breiman 2001, doi:10.1023/A:1010933404324)",
}
_CURVES = {"platt": "Platt scaling", "beta": "beta calibration", "isotonic": "isotonic regression"}


def sentences(known: Known) -> Iterator[str]:
    """Yield what was compared, and how each model was built within a training set."""
    families = [item.family for item in known.report.performance]
    primary = known.report.primary
    yield (
        f"We compared {len(families)} model families ({series(families)})"
        if len(families) > 1
        else f"We built one model family ({families[0]})"
    ) + (f"; {primary} was named the primary one beforehand." if primary and len(families) > 1 else ".")
    yield (
        "Within each training set, missing values were imputed by the median, and columns were centred and scaled by "
        "their mean and standard deviation."
    )
    if known.kind in ("continuous", "ordinal"):
        yield (
            "Values of other units that lay further beyond those of the training set than half their range were "
            "brought back to there."
        )
    yield from _harmonised(known)
    against_rest = known.kind == "multiclass"
    if against_rest:
        chosen = "a selection and settings" if known.steps else "settings"
        yield f"Each class had a model of its own against the rest, with {chosen} of its own."
    yield from _selected(known)
    yield from _learned(known)
    if known.joining:
        yield f"In families of several blocks, these were joined by {_strategy(known.report.strategy, known)}."
        yield from _lacking(known)
    yield from _balanced(known)
    if against_rest:
        yield (
            "A softmax brought the probabilities of the classes together: two weights and a shift for each class, "
            "fitted to inner out-of-fold probabilities and held near plain shares (after Kull et al. 2019, "
            "arXiv:1910.12656)."
        )


def _harmonised(known: Known) -> Iterator[str]:
    harmonise = known.fusion["harmonise"]
    if harmonise is None:
        return
    blocks = harmonise.get("blocks") or ["all but the clinical block"]
    kept = harmonise.get("covariates")
    beside = f", the effect of {series(map(spaced, kept))} left in" if kept else ""
    source = "Johnson et al. 2007, doi:10.1093/biostatistics/kxj037"
    yield f"Site effects were removed from {series(blocks)} by ComBat ({source}){beside}, learned on training units."


def _selected(known: Known) -> Iterator[str]:
    steps = [_step(step) for step in known.fusion["selection"]]
    if steps:
        told = f"Columns were selected by {', then by '.join(steps)}."
        yield told.replace("logistic regressions", f"{known.said.regression} regressions")
    elif known.steps:
        yield "Columns were selected for single learners, as the study file says."
    else:
        yield "No step of selection stood before the learners."


def _step(step: Mapping[str, Any]) -> str:
    kind = name_of(step)
    told = _STEPS[kind](step) if kind in _STEPS else f"a step of our own ({kind})"
    blocks = step.get("blocks")
    return f"{told} (block{'s' if len(blocks) > 1 else ''} {series(blocks)})" if blocks else told


def _components(count: float) -> str:
    return f"{count:g} of them" if count >= 1 else f"those that hold {100 * count:g}% of the variance"


def _learned(known: Known) -> Iterator[str]:
    names = [_learner(model) for model in known.learners]
    if len(names) == 1:
        yield f"The learner was {names[0]}."
    else:
        own = [_after(name, steps) for name, steps in _own(known, names)]
        weighed = known.fusion["classifier"].get("shares") != "fixed"
        kind = (
            "a mean, weighted by inner out-of-fold loss and held near the weights set beforehand,"
            if weighed
            else "the mean"
        )
        yield f"Predictions were {kind} of the {known.said.scores} of {series(own)}."
    weighted = [_LEARNERS.get(name_of(model), name_of(model)) for model in known.learners if model.get("class_weight")]
    if weighted:
        sides = "Each class and the rest" if known.kind == "multiclass" else "Classes"
        yield f"{sides} were weighted equally in training."


def _after(learner: str, steps: Sequence[Mapping[str, Any]]) -> str:
    return f"{learner} after {' and '.join(map(_step, steps))}" if steps else learner


def _own(known: Known, names: Sequence[str]) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
    """Return each learner with the steps of selection that it has alone."""
    members = known.fusion["classifier"]["members"]
    return [(name, member.get("selection") or ()) for name, member in zip(names, members, strict=True)]


def _learner(model: Mapping[str, Any]) -> str:
    kind = name_of(model)
    told = _LEARNERS.get(kind, f"a learner of our own ({kind})")
    trees = model.get("trees")
    if kind == "cox" and model["l1_share"] > 0:
        penalty = "the LASSO" if model["l1_share"] == 1 else "an elastic-net penalty"
        return f"Cox regression with {penalty} (Simon et al. 2011, {_COX_NET})"
    if kind == "linear" and model["l1_share"] > 0:
        return f"linear regression with {'the LASSO' if model['l1_share'] == 1 else 'an elastic-net penalty'}"
    if kind == "regression_forest":
        return _FORESTS[model["grown"]]
    if kind == "svm":
        return f"{told} with a{' linear' if model['kernel'] == 'linear' else ' radial'} kernel"
    return f"{told} with {trees} trees" if isinstance(trees, int) and "(" not in told else told


def _strategy(strategy: Mapping[str, Any], known: Known) -> str:
    parts: Sequence[Mapping[str, Any]] = strategy.get("of", ())
    if parts:
        each = series(_strategy(part, known) for part in parts)
        return f"the mean of the {known.said.scores} of {each}"
    kind = name_of(strategy)
    return _STRATEGIES[kind](known.said) if kind in _STRATEGIES else f"a strategy of our own ({kind})"


def _lacking(known: Known) -> Iterator[str]:
    """Yield what becomes of units that a table may lack, where that is no imputation."""
    sources = known.report.settings.get("features", {})
    may_lack = [spaced(name) for name, source in sources.items() if source.get("allow_missing")]
    if may_lack and name_of(known.report.strategy) in _LEAVES_OUT:
        yield f"There, units without the block {series(may_lack)} were predicted from the other blocks, not imputed."


def _balanced(known: Known) -> Iterator[str]:
    against_rest = known.kind == "multiclass"
    if known.fusion["oversample"] is not None:
        source = "Chawla et al. 2002, doi:10.1613/jair.953"
        rarer = "rarer of each class and its rest" if against_rest else "rarer class"
        yield f"Units of the {rarer} were synthesised in training sets by SMOTE ({source})."
    curve = known.fusion["recalibrate"]
    if curve is not None:
        how = _CURVES.get(name_of(curve), name_of(curve))
        which = "Probabilities of each class against the rest" if against_rest else "Probabilities"
        yield f"{which} were recalibrated by {how} on inner out-of-fold predictions."
