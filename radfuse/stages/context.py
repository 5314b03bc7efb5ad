"""What stages make their jobs from: the study, what it names, and what became of each case in this pass."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import cast

from radfuse.check.inputs import FoldPatients, Inputs, read_inputs
from radfuse.cohort.case import Case
from radfuse.errors import reasons
from radfuse.learned import Learned, filled, learns
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.recipe import About, CaseFiles, RegionRecipe, about
from radfuse.results import Failure
from radfuse.run.folder import Progress, RunFolder, safe_name
from radfuse.run.ledger import READING
from radfuse.run.shard import Shard
from radfuse.seg.backend import Backend
from radfuse.seg.config import Segmentation
from radfuse.sequences import Reach, open_steps, radiomics_of, reach_of, recipes_of, spacings_of
from radfuse.study import Study
from radfuse.volume.flat import Spacing

ALL = "all"
"""Name of the network trained on every manual mask; it ships, and segments no case of the study."""


TRANSFORM = "transform.tfm"
"""Of a registration's folder."""


def learned_of(fold: str) -> str:
    """Return where lies what the training cases of a fold taught."""
    return f"features/learned/{safe_name(fold)}.json"


def registered(case: str, sequence: str) -> str:
    """Return where the registration of a case's segmented image to another lies."""
    return f"registration/{safe_name(case)}.{safe_name(sequence)}"


def followed(case: str) -> str:
    """Return where the registration of a unit's baseline to a follow-up lies, and the mask that it carries."""
    return f"registration/{safe_name(case)}@baseline"


class Context:
    """One pass over a study.

    Attributes:
        study: what to do.
        folder: where results lie.
        progress: told of what is done.
        shard: work on these cases alone; None: all.
        tunes: the pass comes to tuning models; one that stops before needs no patients for it.
        keys: place -> content key of each result that is there in this pass.
        failures: what could not be computed, and why.
        dropped: cases that failed, and take no part in what follows.
        deal: the outer folds of another study, which this one is a variant of; empty: its own.
        command: what was typed behind `radfuse`, as the report tells it.
        variants: name -> where the comparison of a variant lies, of those that are there in this pass.
    """

    def __init__(
        self,
        study: Study,
        folder: RunFolder,
        progress: Progress,
        shard: Shard | None = None,
        *,
        tunes: bool = True,
        deal: tuple[FoldPatients, ...] = (),
        command: tuple[str, ...] = (),
    ) -> None:
        self.study = study
        self.folder = folder
        self.progress = progress
        self.shard = shard
        self.tunes = tunes
        self.keys: dict[str, str] = {}
        self.failures: list[Failure] = []
        self.dropped: set[str] = set()
        self.deal = deal
        self.command = command
        self.variants: dict[str, Path] = {}
        self._recipes: dict[str | None, RegionRecipe] = {}

    @cached_property
    def inputs(self) -> Inputs:
        """What the study names, read and checked when first asked for; the resolved study is stored then."""
        self.progress("reading tables", 0, 1)
        inputs = read_inputs(self.study, self.tunes, apart=bool(self.study.regions))
        self.progress("reading tables", 1, 1)
        return inputs

    @property
    def segmentation(self) -> Segmentation:
        """The backend; studies without images ask no stage that needs one."""
        assert self.study.segmentation is not None
        return self.study.segmentation

    @property
    def backend(self) -> Backend:
        """The backend of a study whose masks networks make."""
        assert self.study.segments
        return cast("Backend", self.segmentation)

    @property
    def segments(self) -> bool:
        """Whether networks make its masks, trained here or elsewhere."""
        return self.study.segments

    @property
    def encoders(self) -> tuple[str, ...]:
        """The folds that have deep features of their own, and all cases.

        A network trained elsewhere saw no fold, but regions may be made by what a fold's training cases taught.
        """
        by_fold = self.study.trains or open_steps(self.study.sequences)
        return (*(fold.name for fold in self.folds), ALL) if by_fold else (ALL,)

    @property
    def folds(self) -> tuple[FoldPatients, ...]:
        """The outer folds, by patient."""
        return self.deal or self.inputs.folds

    @cached_property
    def all_cases(self) -> list[Case]:
        """Every case of the cohort; none where the study starts from finished tables."""
        return list(self.inputs.cohort) if self.study.regions else []

    def cases(self) -> list[Case]:
        """Return the cases of this shard that have not failed; visits that share a mask stay in one shard."""
        here = self.all_cases
        if self.shard is not None and self.study.visits is not None:
            units = set(self.shard.of(list(dict.fromkeys(case.unit for case in here))))
            here = [case for case in here if case.unit in units]
        elif self.shard is not None:
            here = self.shard.of(here)
        return [case for case in here if case.case_id not in self.dropped]

    @cached_property
    def baselines(self) -> Mapping[str, Case | None]:
        """Follow-up -> the baseline whose mask is carried to it, None where its unit has none; empty where unasked."""
        return self.registered_to if self.study.visits is not None and self.study.visits.masks == "carried" else {}

    @cached_property
    def registered_to(self) -> Mapping[str, Case | None]:
        """Follow-up -> the baseline that it is registered to, None where its unit has none; empty where unasked."""
        visits = self.study.visits
        return visits.baselines(self.all_cases, self.study.cohort) if visits is not None else {}

    def path(self, place: str) -> Path:
        """Return where a result lies."""
        return self.folder.path / place

    def has(self, place: str) -> bool:
        """Return whether a result is there in this pass."""
        return place in self.keys

    def images(self, case: Case) -> tuple[Path, ...]:
        """Return the images that the network reads, the one that its masks lie on first."""
        return tuple(case.images[sequence] for sequence in self.network_sequences)

    def image(self, case: Case) -> Path:
        """Return the image that masks lie on."""
        return self.images(case)[0]

    @property
    def spacings_mm(self) -> tuple[Spacing | None, ...]:
        """What the study says of the pixels of the images that the network reads; empty where it says nothing."""
        return spacings_of(self.network_sequences, self.study.sequences)

    @property
    def network_sequences(self) -> tuple[str, ...]:
        """Sequences that the network reads."""
        return self.segmentation.sequences or (next(iter(self.study.cohort.images)),)

    def mask(self, case: Case) -> tuple[Path | None, str]:
        """Return the mask that a case is measured with, and where it comes from."""
        if case.case_id in self.baselines:
            return self.path(f"{followed(case.case_id)}/labels.nrrd"), self.segmentation.source
        if not self.segments:
            return case.mask, self.segmentation.source
        return self.path(f"labels/{safe_name(case.case_id)}/labels.nrrd"), self.segmentation.source

    def reach(self, sequence: str) -> Reach:
        """Return how masks reach a sequence."""
        study = self.study
        return reach_of(sequence, study.sequences, study.cohort.masks, resample_masks=study.resample_masks)

    def files(self, case: Case, mask: Path | None, source: str) -> CaseFiles:
        """Return where what a case is measured by lies, with a mask of its segmented image and where that is from."""
        own = {name: path for name, path in case.own_masks.items() if name in case.images and self.reach(name) == "own"}
        carried = [name for name in case.images if self.reach(name) == "register"]
        transforms = {name: self.path(f"{registered(case.case_id, name)}/{TRANSFORM}") for name in carried}
        home = self.network_sequences[0]
        elsewhere = "" if self.reach(home) == "same_grid" else home
        return CaseFiles(case.images, mask, source, own, transforms, *_together(self, case), elsewhere)

    def recipe(self, fold: str | None = ALL) -> RegionRecipe:
        """Return what decides the study's regions: one for all cases, whose text in their keys is made once.

        Args:
            fold: whose training cases taught what is learned from images; None: what is to be learned stays open.
        """
        if fold not in self._recipes:
            study = self.study if fold is None else self.as_learned(fold)
            images, about = study.cohort.images, (study.sequences, study.cohort.masks, study.radiomics)
            sequences = recipes_of(images, *about, resample_masks=study.resample_masks)
            recipe = RegionRecipe(labels=self.segmentation.labels, regions=study.regions, sequences=sequences)
            self._recipes[fold] = recipe
        return self._recipes[fold]

    def as_learned(self, fold: str = ALL) -> Study:
        """Return the study whose settings hold what a fold's training cases taught; itself where nothing is learned."""
        if not learns(self.study):
            return self.study
        return filled(self.study, Learned.model_validate_json(self.path(learned_of(fold)).read_bytes()))

    def radiomics(self) -> dict[str, RadiomicsConfig]:
        """Return sequence -> how it is measured."""
        return self._radiomics

    @cached_property
    def _radiomics(self) -> dict[str, RadiomicsConfig]:
        return radiomics_of(self.study.cohort.images, self.study.sequences, self.study.radiomics)

    def about(self, case: Case) -> About:
        """Return who a case is."""
        return about(case, self.study.cohort.unit_columns)

    def fail(self, item: str, error: str, *, drops: bool) -> None:
        """Take down what could not be computed, each case's reason once."""
        if drops and item in self.dropped:
            return
        if drops:
            self.dropped.add(item)
        self.failures.append(Failure(item=item, error=error))

    def why(self) -> str:
        """Return what went wrong, for an error that says why nothing is left."""
        told = [failure for failure in self.failures if failure.item in self.dropped] or self.failures
        return f": {reasons((failure.item, failure.error) for failure in told)}" if told else ""


def begin(context: Context) -> None:
    """Read what a study names; a case whose file is gone or closed fails before anything is computed."""
    if not context.study.regions:
        return
    lost = context.inputs.cohort.unusable
    cases = context.cases()
    gone = [case.case_id for case in cases if case.case_id in lost]
    counts = {"jobs": len(cases), "finished": len(cases) - len(gone), "failed": len(gone)}
    context.folder.log("begins", stage=READING, **counts, workers=1)
    for case in gone:
        context.folder.log("lost", item=case, stage=READING, error=lost[case])
        context.fail(case, lost[case], drops=True)
    context.dropped |= set(lost)  # those of other shards are theirs to tell


def _together(context: Context, case: Case) -> tuple[Path | None, bool]:
    """Return the way from a follow-up to its baseline, and whether the images of a unit are put in one place."""
    visits = context.study.visits
    together = visits is not None and visits.masks == "own"
    moves = together and case.case_id in context.registered_to
    return (context.path(f"{followed(case.case_id)}/{TRANSFORM}") if moves else None), together
