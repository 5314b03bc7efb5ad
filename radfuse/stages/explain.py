"""Stage `explain`: what the families that a study is about look at, on held-out units of each outer fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from radfuse.errors import CaseError
from radfuse.fusion.config import FusionConfig
from radfuse.outcomes.kinds import explained
from radfuse.results.explained import FoldExplanation
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages import fit, fuse, prepare
from radfuse.stages.context import Context


@dataclass(frozen=True)
class ExplainJob:
    """One family on one fold.

    Attributes:
        design: where it is stored.
        fitted: the fit of the family on the fold.
        family: which blocks.
        level: the class that is explained against the rest; "" where the outcome has none.
        fold: its name.
        fusion: how models are built, and how much is explained.
        rows: held-out units of this fold to explain.
        seed: of what is drawn.
        site: column of the site, where values are harmonised by it.
    """

    design: Path
    fitted: Path
    family: str
    level: str
    fold: str
    fusion: FusionConfig
    rows: int
    seed: int
    site: str | None = None

    def __str__(self) -> str:
        return f"explaining {self.family}{f', {self.level}' if self.level else ''}, fold {self.fold}"


def place_of(family: str, level: str, fold: str) -> str:
    """Return where the explanation of a family's fold lies, of a class where there are several."""
    return f"explanation/{family}/{f'{safe_name(level)}/' if level else ''}fold-{safe_name(fold)}.npz"


def levels_of(context: Context) -> tuple[str, ...]:
    """Return the classes that are explained one by one; "" where the outcome has none."""
    outcome = context.study.cohort.outcome
    assert outcome is not None
    return tuple(explained(outcome, prepare.read_design(context.path(prepare.PLACE)).design.units))


def explained_families(context: Context) -> tuple[str, ...]:
    """Return the families to explain: those named, the primary one, or the best, of those that were fitted."""
    config, whole = context.study.fusion, fuse.whole_families(context)
    wanted = config.explain.families or ((config.primary,) if config.primary else ())
    if config.explain.rows == 0 or not whole or not _explains(context):
        return ()
    if wanted:
        return tuple(family for family in wanted if family in whole)
    results = fuse.read_results(context.path(fuse.PLACE))
    best = max(results.performance, key=lambda item: item.headline.value if item.headline.value is not None else -1.0)
    return (best.family,)


def _explains(context: Context) -> bool:
    """Return whether the outcome's scores are taken apart: those that its report shows so."""
    outcome = context.study.cohort.outcome
    return outcome is not None and "explanation" in outcome.sections()


def jobs(context: Context) -> Iterator[ExplainJob]:
    """Yield the folds of the first deal, of each family to explain, and of each of its classes."""
    study, design = context.study, context.path(prepare.PLACE)
    folds = [fold for fold in prepare.read_design(design).folds if fold.repeat == 1]
    units = sum(len(fold.test) for fold in folds)
    for family, level in product(explained_families(context), levels_of(context)):
        for fold in folds:
            job = fit.job_of(context, family, fold.name)
            yield ExplainJob(
                design,
                context.path(fit.place_of(family, fold.name)),
                family,
                level,
                fold.name,
                job.fusion.model_copy(update={"explain": study.fusion.explain.model_copy(update={"families": ()})}),
                -(-study.fusion.explain.rows * len(fold.test) // units),
                study.seed,
                job.site,
            )


def work(job: ExplainJob) -> FoldExplanation:
    """Return what the family looks at.

    Raises:
        CaseError: its learner gives nothing that could be explained.
    """
    from threadpoolctl import threadpool_limits

    from radfuse.fusion.explain.explainer import Explainer
    from radfuse.fusion.explain.fold import explain_fold
    from radfuse.fusion.validate import family_table

    prepared = prepare.read_design(job.design)
    fold = next(fold for fold in prepared.folds if fold.name == job.fold)
    fitted = fuse.read_fit(job.fitted)
    text = fitted.explainers.get(job.level, "") if job.level else fitted.explainer
    if not text:
        raise CaseError(
            str(job), "the strategy or the model writes no ONNX of a fold, so that nothing can be explained"
        )
    table = family_table(prepared.design, job.family, job.fold, job.fusion, job.site)
    asked = job.fusion.explain
    with threadpool_limits(1):
        return explain_fold(
            Explainer.from_text(text),
            table.x,
            table.blocks,
            np.asarray(fold.train),
            np.asarray(fold.test),
            rows=job.rows,
            background=asked.background,
            permutations=asked.permutations,
            seed=job.seed,
        )


def write(found: FoldExplanation, path: Path) -> None:
    """Store arrays."""
    path.write_bytes(found.to_bytes())


def read(path: Path) -> FoldExplanation:
    """Return what `write` stored."""
    return FoldExplanation.from_bytes(path.read_bytes())


STAGE = Stage(
    "explain",
    2,
    jobs,
    work,
    write,
    lambda job: place_of(job.family, job.level, job.fold),
    what="explaining",
    needs=("fuse",),
    fails="stays",
    crew="running",
)
