"""Habitats: parts of a region that look alike on several images, by clusters of their voxels' values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, FiniteFloat, PositiveFloat, PositiveInt, model_validator

from radfuse.config import Section
from radfuse.errors import CaseError, InputError, StudyError, counted
from radfuse.regions.clusters import Criterion, Method, best_number, fitted
from radfuse.regions.named import NamedRegion, made_on

if TYPE_CHECKING:
    from radfuse.regions.scene import Scene

FRACTION = "habitats_Fraction"
"""Begins the names of the features that say how much of a region each habitat is."""
_MOST_LEARNED = 200_000
"""Voxels that clusters are fitted on, of all training cases together: more move no centre by what matters."""
Numbers = tuple[FiniteFloat, ...]


class HabitatModel(Section):
    """Clusters of voxels, the first the one that is darkest on the first image."""

    mean: Numbers | None = None
    """Of each image's values; None where each case is its own measure."""
    spread: tuple[PositiveFloat, ...] | None = None
    """Standard deviation of each image's values, alike."""
    centres: tuple[Numbers, ...] = Field(min_length=2)
    """Of each cluster, a number for each image, in standard deviations from the mean."""
    weights: tuple[PositiveFloat, ...] | None = None
    """Share of each cluster of a mixture; None: a voxel belongs to the nearest centre."""
    covariances: tuple[tuple[Numbers, ...], ...] | None = None
    """Of each cluster of a mixture, a row for each image."""

    @model_validator(mode="after")
    def _fits_together(self) -> HabitatModel:
        images, clusters = len(self.centres[0]), len(self.centres)
        shapes = {
            "centres": {len(centre) for centre in self.centres} == {images},
            "mean and spread": (self.mean is None) == (self.spread is None)
            and all(len(own) == images for own in (self.mean, self.spread) if own is not None),
            "weights and covariances": (self.weights is None) == (self.covariances is None)
            and all(len(own) == clusters for own in (self.weights, self.covariances) if own is not None)
            and all(np.shape(own) == (images, images) for own in self.covariances or ()),
        }
        wrong = [name for name, fits in shapes.items() if not fits]
        if wrong:
            raise ValueError(f"{wrong[0]} do not fit {clusters} clusters of {images} images")
        return self

    def assigned(self, values: np.ndarray) -> np.ndarray:
        """Return which cluster each voxel belongs to, counted from 1.

        Args:
            values: of the images, shape (voxel, image); where each case is its own measure, scaled by that.
        """
        if self.mean is None or self.spread is None:
            return self.nearest(values)
        return self.nearest((values - np.array(self.mean)) / np.array(self.spread))

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """Return which cluster each voxel belongs to, counted from 1.

        Args:
            values: in standard deviations from the mean, shape (voxel, image).
        """
        centres = np.array(self.centres)
        if self.weights is None or self.covariances is None:
            away = np.stack([((values - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
            return np.asarray(away.argmin(axis=1) + 1)
        likely = []
        for centre, weight, covariance in zip(centres, self.weights, self.covariances, strict=True):
            lower = np.linalg.cholesky(np.array(covariance))
            scaled = np.linalg.solve(lower, (values - centre).T)
            likely.append(np.log(weight) - np.log(np.diag(lower)).sum() - (scaled**2).sum(axis=0) / 2)
        return np.asarray(np.stack(likely, axis=1).argmax(axis=1) + 1)


class HabitatsRegion(NamedRegion):
    """Parts of some labels whose voxels look alike on several images: `NAME_1`, `NAME_2` and so on.

    Clusters are fitted inside each outer fold on voxels of its training cases, and counted by the mean of the first
    sequence, the darkest first. The share of each is a feature, `FIRST/NAME/habitats_Fraction1`; a habitat that a case
    lacks has the share 0. Voxels that one of the images does not reach belong to none.
    """

    kind: Literal["habitats"] = "habitats"
    name: str
    """Begins the names of the habitats."""
    of: str | PositiveInt | tuple[str | PositiveInt, ...]
    """Label or labels, by name or number."""
    sequences: tuple[str, ...] = Field(min_length=1)
    """Images whose values count, by their registration where they have one and linear interpolation between grids."""
    clusters: Annotated[int, Field(ge=2, le=9)] | Literal["auto"] = 3
    """How many habitats; auto: from 2 to `most_clusters`, what `criterion` finds best on the training cases."""
    most_clusters: Annotated[int, Field(ge=2, le=9)] = Field(default=5, exclude_if=lambda most: most == 5)
    """Of `clusters: auto`. So many have features in every fold; a habitat beyond those of a fold has the share 0."""
    criterion: Criterion | None = Field(default=None, exclude_if=lambda criterion: criterion is None)
    """Of `clusters: auto`. None: the Bayesian information criterion of a mixture, Calinski and Harabasz' of k-means."""
    method: Method = "kmeans"
    """By the nearest centre, or a mixture of Gaussians, whose clusters may be of any width and slant."""
    zscore: Literal["training", "case"] = "training"
    """By whose mean and standard deviation values are scaled: of the training voxels, which suits parameter maps and
    standardised images; or of the region in each case, which suits plain MR and makes habitats relative."""
    voxels: PositiveInt = 1000
    """That are drawn of each training case, so that large tumours do not outweigh small ones."""
    measure: Literal["fractions", "firstorder", "all"] = "fractions"
    """Of each habitat: its share alone; first-order features on every sequence, too; or all radiomic features. One
    smaller than `radiomics.min_voxels` has no value of these, which is imputed."""
    model: HabitatModel | None = None
    """Clusters that are known from images that take no part in the evaluation. None: fitted inside each outer fold; the
    bundle holds those of all cases."""

    @model_validator(mode="after")
    def _fits_its_model(self) -> HabitatsRegion:
        if len(set(self.sequences)) < len(self.sequences):
            raise ValueError("sequences: an image stands there twice; remove one")
        if self.criterion == "bic" and self.method == "kmeans":
            raise ValueError("criterion: bic needs a likelihood, which method kmeans has not; take method: mixture")
        if not made_on(self, self.sequences[0]):
            raise ValueError(
                f"on: the shares of habitats are taken on the grid of {self.sequences[0]!r}, the first of sequences; "
                "name it there too, or another one first"
            )
        if self.model is None:
            return self
        found, images = len(self.model.centres), len(self.model.centres[0])
        if found not in self.counts or images != len(self.sequences):
            raise ValueError(
                f"model has {found} clusters of {images} images, the region "
                f"{' or '.join(map(str, self.counts))} of {len(self.sequences)}"
            )
        if (self.model.mean is None) != (self.zscore == "case"):
            raise ValueError("model: mean and spread belong to `zscore: training`, and not to `zscore: case`")
        return self

    @property
    def counts(self) -> tuple[int, ...]:
        """How many habitats there may be."""
        return tuple(range(2, self.most_clusters + 1)) if self.clusters == "auto" else (self.clusters,)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the habitats."""
        return tuple(f"{self.name}_{number}" for number in range(1, max(self.counts) + 1))

    def labels_named(self) -> tuple[str | int, ...]:
        """Return the labels it refers to."""
        return self.of if isinstance(self.of, tuple) else (self.of,)

    def mask(self, scene: Scene) -> np.ndarray:
        """Return the voxels of all habitats together, bool of shape (z, y, x)."""
        return scene.of(*self.labels_named())

    def parts(self, scene: Scene) -> dict[str, np.ndarray]:
        """Return habitat -> its voxels, bool of shape (z, y, x), all False where the case has none.

        Raises:
            CaseError: an image is missing, or shows nothing of the labels.
            InputError: no clusters were fitted.
        """
        found = scene.once((self.name, scene.measured), lambda: self._assigned(scene))
        return {name: found == number for number, name in enumerate(self.names, start=1)}

    def fractions(self, scene: Scene) -> dict[str, float]:
        """Return `habitats_Fraction1` and so on: the share of each of the voxels that all images show."""
        sizes = [int(np.count_nonzero(part)) for part in self.parts(scene).values()]
        return {f"{FRACTION}{number}": size / sum(sizes) for number, size in enumerate(sizes, start=1)}

    def sampled(self, scene: Scene, seed: int) -> np.ndarray:
        """Return the values of some of a case's voxels, float64, shape (voxel, image).

        Args:
            scene: of a training case, its first sequence measured.
            seed: of which voxels are drawn.

        Raises:
            CaseError: fewer voxels than clusters, an image that is missing, or one whose voxels are all alike.
        """
        values, _ = self._values(scene)
        if len(values) < self.counts[0]:
            raise CaseError(
                scene.case or scene.labels.name,
                f"region {self.name!r} has {counted(len(values), 'voxel')} that all its images show, and "
                f"{self.counts[0]} clusters need as many; correct the mask, ask for fewer `clusters`, or leave the "
                "case out of the cohort table",
            )
        if len(values) <= self.voxels:
            return values
        drawn = np.random.default_rng(seed).choice(len(values), self.voxels, replace=False)
        return np.asarray(values[np.sort(drawn)])

    def learned(self, samples: Sequence[np.ndarray], seed: int, fold: str) -> HabitatModel:
        """Return the clusters of some cases' voxels.

        Args:
            samples: of each training case, as `sampled` gives them.
            seed: of the fit.
            fold: whose training cases they are, for messages.

        Raises:
            StudyError: the voxels make no such clusters.
        """
        each = max(_MOST_LEARNED // max(len(samples), 1), 1)
        values = np.concatenate([sample[:: -(-len(sample) // each)] for sample in samples])
        where = f"regions: {self.name!r} in fold {fold!r}"
        mean, spread = values.mean(axis=0), values.std(axis=0)
        if self.zscore == "case":
            mean, spread = np.zeros_like(mean), np.ones_like(spread)
        if not np.all(spread > 0):
            flat = self.sequences[int(np.argmin(spread))]
            raise StudyError(f"{where}: the training voxels are all alike on {flat!r}; leave that image out")
        scaled = (values - mean) / spread
        distinct = len(np.unique(scaled, axis=0))
        if distinct < self.counts[0]:
            raise StudyError(
                f"{where}: the training voxels have {distinct} different values, and so no {self.counts[0]} clusters; "
                "ask for fewer `clusters`"
            )
        clusters: int | None = self.counts[0]
        if self.clusters == "auto":
            counts = [count for count in self.counts if count <= distinct]
            clusters = best_number(scaled, counts, self.method, self.criterion, seed)
        if clusters is None:
            raise StudyError(f"{where}: no number of clusters fits the training voxels; take method kmeans")
        centres, beside, *_ = fitted(self.method, scaled, clusters, seed)
        order = sorted(range(clusters), key=lambda number: tuple(centres[number]))
        known: dict[str, object] = {} if self.zscore == "case" else {"mean": mean.tolist(), "spread": spread.tolist()}
        known |= {name: [rows[number] for number in order] for name, rows in beside.items()}
        model = HabitatModel.model_validate({"centres": [centres[number] for number in order], **known})
        lacking = sorted(set(range(1, clusters + 1)) - set(model.nearest(scaled).tolist()))
        if lacking:
            raise StudyError(
                f"{where}: no training voxel belongs to cluster {lacking[0]} of {clusters}; ask for fewer "
                "`clusters`, or take method kmeans"
            )
        return model

    def _assigned(self, scene: Scene) -> np.ndarray:
        """Return the number of each voxel's habitat, 0 where it has none."""
        if self.model is None:
            raise InputError(
                f"region {self.name!r}: its clusters are fitted on training cases, and none were; run the study first"
            )
        values, at = self._values(scene)
        found = np.zeros(at.shape, dtype=np.uint8)
        found[at] = self.model.assigned(values)
        return found

    def _values(self, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of the voxels that all images show, shape (voxel, image), and where these are."""
        from radfuse.regions.intensity import values_in

        at = self.mask(scene)
        values = np.stack([values_in(scene, sequence, at) for sequence in self.sequences], axis=1)
        known = np.isfinite(values).all(axis=1)
        if at.any() and not known.any():
            raise CaseError(
                scene.case or scene.labels.name,
                f"region {self.name!r}: no voxel of it is shown by all of {', '.join(self.sequences)}; look at where "
                "the images lie",
            )
        at[at] = known
        values = values[known]
        if self.zscore == "training" or not len(values):
            return values, at
        spread = values.std(axis=0)
        if not np.all(spread > 0):
            raise CaseError(
                scene.case or scene.labels.name,
                f"region {self.name!r}: its {len(values)} voxels are all alike on "
                f"{self.sequences[int(np.argmin(spread))]!r}; look at the image and its mask",
            )
        return (values - values.mean(axis=0)) / spread, at
