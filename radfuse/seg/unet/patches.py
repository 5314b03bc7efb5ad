"""Training patches: drawn around labels or anywhere, mirrored, turned, scaled, and their intensities varied."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from radfuse.seg.plan import SegPlan
from radfuse.seg.prepared import TARGET
from radfuse.seg.preprocess import by_foreground
from radfuse.seg.window import positioned

_AXES = {"z": 2, "y": 3, "x": 4}
Strength = Literal["none", "light", "full"]


class Patches(torch.utils.data.Dataset[tuple[torch.Tensor, ...]]):
    """Patch number i is a pure function of the seed and i, so that training resumes where it stopped.

    Args:
        cases: folders with image.npy, float32 (channel, z, y, x), and target.npy, uint8 (z, y, x).
        plan: the network's plan.
        count: how many patches.
        seed: of the draws.
        mirror: axes to mirror along.
        augmentation: how much patches are varied.
        foreground: share of patches drawn around a label.
        inverted: share of patches in which dark is bright.
        unlabelled: say of each patch which classes its case's mask holds, too.
    """

    def __init__(
        self,
        cases: Sequence[Path],
        plan: SegPlan,
        count: int,
        seed: int,
        mirror: Sequence[str] = (),
        augmentation: Strength = "light",
        foreground: float = 0.67,
        inverted: float = 0,
        unlabelled: bool = False,
    ) -> None:
        self.images = [np.load(case / "image.npy", mmap_mode="r") for case in cases]
        self.targets = [np.load(case / TARGET, mmap_mode="r") for case in cases]
        self.places = [_places(target, seed) for target in self.targets]
        self.plan, self.count, self.seed, self.mirror = plan, count, seed, tuple(mirror)
        self.augmentation, self.foreground, self.inverted = augmentation, foreground, inverted
        self.annotated = [_annotated(target, plan.classes) for target in self.targets] if unlabelled else None
        if augmentation == "full":
            from radfuse.seg.unet.augment import Augmentation

            self.full = Augmentation(plan.patch_zyx, plan.spacing_zyx_mm, plan.images, plan.slices)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        """Return image (input, z, y, x) float32 and target (1, z, y, x) float32 class numbers; of slices without z.

        With `unlabelled` also which classes are annotated, bool (class,).
        """
        generator = np.random.default_rng((self.seed, index))
        case = int(generator.integers(len(self.images)))
        image, target = self._cut(case, generator)
        if self.inverted and generator.random() < self.inverted:
            image[:, : self.plan.images] *= -1  # mean 0, as standardised
        if self.augmentation == "light":
            image, target = _turned(image, target, generator, self.plan.slices)
        for axis in self.mirror:
            if generator.random() < 0.5:
                image, target = image.flip(_AXES[axis]), target.flip(_AXES[axis])
                if self.plan.position:
                    image[:, self.plan.images + _AXES[axis] - 2] *= -1  # behind the image's channels stand z, y, x
        if self.augmentation == "light":
            varied = [_intensities(image[:, channel : channel + 1], generator) for channel in range(self.plan.images)]
            image = torch.cat([*varied, image[:, self.plan.images :]], dim=1)
        image, target = image[0], target[0]
        if self.augmentation == "full":
            image, target = self.full(image, target, generator)
        if self.plan.slices:
            image, target = self._as_slice(image), target[:, self.plan.neighbours]
        return (image, target) if self.annotated is None else (image, target, self.annotated[case])

    def _cut(self, case: int, generator: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        image, target, places = self.images[case], self.targets[case], self.places[case]
        sizes, shape = np.array(self.plan.patch_zyx), target.shape
        room = np.array(shape) - sizes
        if generator.random() < self.foreground and len(places):
            label = places[int(generator.integers(len(places)))]
            corner = label[int(generator.integers(len(label)))] - sizes // 2
            corner = corner + generator.integers(np.where(sizes > 1, -sizes // 6, 0), sizes // 6 + 1)
        else:
            corner = generator.integers(np.minimum(room, 0), np.maximum(room, 0) + 1)
        corner = np.where(room > 0, np.clip(corner, 0, np.maximum(room, 0)), room // 2)
        low = np.maximum(corner, 0)
        high = np.minimum(corner + sizes, shape)
        part: list[slice | np.ndarray] = [slice(a, b) for a, b in zip(low, high, strict=True)]
        padding = [(int(a), int(b)) for a, b in zip(low - corner, corner + sizes - high, strict=True)]
        if around := self.plan.neighbours:  # slices beyond the image are those at its edge, as in prediction
            part[0] = np.clip(np.arange(low[0] - around, high[0] + around), 0, shape[0] - 1)
        here = (slice(None), *part)
        ready = by_foreground(np.asarray(image[here]), self.plan)
        patch = np.stack([np.pad(cut, padding, constant_values=float(cut.min())) for cut in ready])[None]
        if self.plan.position:
            patch = positioned(patch, (corner - [around, 0, 0]).tolist(), shape)
        found = np.pad(target[tuple(part)], padding).astype(np.float32)
        return torch.from_numpy(patch), torch.from_numpy(found)[None, None]

    def _as_slice(self, image: torch.Tensor) -> torch.Tensor:
        """Return the input of a network of slices, (input, y, x): neighbours as channels, image by image."""
        images = image[: self.plan.images].flatten(0, 1)
        return torch.cat([images, image[self.plan.images :, self.plan.neighbours]])


def _places(target: np.ndarray, seed: int, most: int = 2000) -> list[np.ndarray]:
    """Return up to `most` voxels (z, y, x) of each class that is present."""
    generator = np.random.default_rng(seed)
    found = [np.argwhere(target == number) for number in range(1, int(target.max()) + 1)]
    return [places[generator.permutation(len(places))[:most]] for places in found if len(places)]


def _annotated(target: np.ndarray, classes: int) -> torch.Tensor:
    """Return whether each class is in a mask; the background always is."""
    present = np.bincount(target.ravel(), minlength=classes) > 0
    present[0] = True
    return torch.from_numpy(present)


def _turned(
    image: torch.Tensor, target: torch.Tensor, generator: np.random.Generator, slices: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate by up to 15 degrees and scale by up to 15 %, half of the time; slices in their plane."""
    if generator.random() < 0.5:
        return image, target
    angles = np.deg2rad(generator.uniform(-15, 15, 3))
    scale = np.full(3, generator.uniform(0.85, 1.15))
    if slices:
        angles[:2], scale[2] = 0, 1  # x, y, z
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [i for i in range(3) if i != axis]
        turn = np.eye(3)
        turn[[a, b], [a, b]] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        rotation = rotation @ turn
    sizes = np.array(image.shape[:1:-1], dtype=float)  # x, y, z, as grid_sample counts
    matrix = (rotation * scale[:, None]) * (sizes[None, :] / sizes[:, None])
    theta = torch.from_numpy(np.hstack([matrix, np.zeros((3, 1))])).float()[None]
    grid = functional.affine_grid(theta, list(image.shape), align_corners=False)
    turned = functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
    return turned, functional.grid_sample(target, grid, mode="nearest", align_corners=False)


def _intensities(image: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Vary contrast, brightness and gamma; add noise to a third of the patches."""
    image = image * generator.uniform(0.8, 1.25) + generator.uniform(-0.2, 0.2)
    if generator.random() < 0.5:
        low, high = float(image.min()), float(image.max())
        spread = max(high - low, 1e-6)
        image = ((image - low) / spread) ** generator.uniform(0.7, 1.5) * spread + low
    if generator.random() < 0.33:
        noise = generator.standard_normal(tuple(image.shape)) * generator.uniform(0, 0.15)
        image = image + torch.from_numpy(noise).float()
    return image
