"""What a DESS-like sequence makes of the knee phantom's anatomy: tissues, texture, lesion, blur, shading and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from radfuse.phantom.knee_shapes import (
    TIBIAL_CENTRES_MM,
    Frame,
    KneeShape,
    Surfaces,
    ellipsoid,
    frame,
    labels_of,
    step,
    surfaces,
    tube,
)

SIGNAL = {
    "fat": 0.25, "skin": 0.38, "muscle": 0.40, "vessel": 0.85, "tendon": 0.07, "ligament": 0.13, "synovium": 0.42,
    "fluid": 1.0, "meniscus": 0.09, "cartilage": 0.60, "patellar_cartilage": 0.56, "cortex": 0.06, "marrow": 0.20,
}  # fmt: skip
"""Of each tissue, before gain; water excitation leaves fat and marrow dark."""
LESION_VOLUME_MM3 = 250.0
LESION_SIGNAL = 0.25
"""Of the lesion; the cartilage around it has that of "cartilage"."""
TEXTURE_MM = 1.1
"""Standard deviation of the Gaussian that correlates the trabecular texture."""
BAND_MM = 10.0
"""Depth below the tibial cartilage where the texture has faded to that of the rest of the bone."""
PLAIN_TEXTURE = 0.10
"""Amplitude of the texture of the bone elsewhere, as a fraction of the marrow's signal."""
_BLUR_MM = 0.55


@dataclass(frozen=True)
class Site:
    """A scanner.

    Attributes:
        name: in the cohort table.
        gain: image units of a signal of 1.
        noise: standard deviation of each channel of the complex noise, in units of signal.
        resolution: factor on the voxel size.
    """

    name: str
    gain: float
    noise: float
    resolution: float


def draw_knee(
    shape: KneeShape,
    site: Site,
    voxels_zyx: tuple[int, int, int],
    spacing_zyx_mm: tuple[float, float, float],
    tissue: np.random.Generator,
    noise: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one knee in its own orientation: axis 0 runs medially, 1 downwards, 2 backwards.

    Args:
        shape: the knee.
        site: the scanner.
        voxels_zyx: of the image.
        spacing_zyx_mm: of the image.
        tissue: draws what stays between visits: textures and streaks.
        noise: draws what does not: coil shading and noise.

    Returns:
        The image, float32 in whole numbers, and the labels, uint8; both (z, y, x).
    """
    at = frame(shape, voxels_zyx, spacing_zyx_mm)
    found = surfaces(shape, at)
    texture = _correlated(tissue, voxels_zyx, spacing_zyx_mm, TEXTURE_MM)
    streaks = _correlated(tissue, voxels_zyx, spacing_zyx_mm, 3.0)
    soft_mm = 0.5 * spacing_zyx_mm[1]
    canvas = _Canvas(_leg(shape, at, streaks, soft_mm), soft_mm)
    _soft_tissue(canvas, shape, at, found, streaks)
    _joint(canvas, shape, at, found)
    _bones(canvas, shape, at, found, texture)
    return _scanned(canvas.image, site, spacing_zyx_mm, noise), labels_of(found)


def lesion_radius_mm(shape: KneeShape) -> float:
    """Return the radius of the lesion's disc: thinner cartilage has a wider one, of the same volume."""
    return float(np.sqrt(LESION_VOLUME_MM3 / (np.pi * shape.tibial_thickness)))


class _Canvas:
    """An image that tissues are painted over, their edges as soft as a voxel's partial volume."""

    def __init__(self, image: np.ndarray, soft_mm: float) -> None:
        self.image, self.soft_mm = image, soft_mm

    def paint(self, field: np.ndarray, value: np.ndarray | float) -> None:
        cover = np.clip(0.5 - field / (2 * self.soft_mm), 0, 1)
        self.image += cover * (value - self.image)


def _correlated(
    generator: np.random.Generator,
    voxels_zyx: tuple[int, int, int],
    spacing_zyx_mm: tuple[float, float, float],
    sigma_mm: float,
) -> np.ndarray:
    """Gaussian noise with a standard deviation of 1, smoothed."""
    white = generator.standard_normal(voxels_zyx, dtype=np.float32)
    smooth = ndimage.gaussian_filter(white, [sigma_mm / step_mm for step_mm in spacing_zyx_mm], truncate=3)
    return np.asarray(smooth / smooth.std())


def _leg(shape: KneeShape, at: Frame, streaks: np.ndarray, soft_mm: float) -> np.ndarray:
    """Air, skin and fat; inside, the fat that lies between everything else."""
    inside = -_skin(shape, at)
    fat = SIGNAL["fat"] * (1 + 0.10 * streaks)
    fat += (SIGNAL["skin"] - fat) * (1 - step(inside, 1.2, 2.4))
    return np.asarray(fat * np.clip(0.5 + inside / (2 * soft_mm), 0, 1), dtype=np.float32)


def _skin(shape: KneeShape, at: Frame) -> np.ndarray:
    knee_cap = np.exp(-(((at.w - shape.patella_height + 2) / 22) ** 2))
    calf = step(at.w, -5, -50)
    thigh = step(at.w, 15, 60)
    front = 44 + 9.5 * knee_cap + 4 * thigh + shape.fat_thickness - 6.5
    back = 46 + 5 * calf + 5 * thigh + shape.fat_thickness - 6.5
    across = 46 + 3 * thigh - 3 * calf + shape.fat_thickness - 6.5
    side = np.abs(at.u / across)
    deep = np.where(at.v > 0, at.v / front, -at.v / back)
    radius = (side**2.3 + deep**2.3) ** (1 / 2.3)
    return np.asarray((radius - 1) * 48 * shape.size)


def _soft_tissue(canvas: _Canvas, shape: KneeShape, at: Frame, found: Surfaces, streaks: np.ndarray) -> None:
    """Muscles, vessels, tendons and the fluid under the quadriceps tendon."""
    under_fat = _skin(shape, at) + shape.fat_thickness
    muscle = SIGNAL["muscle"] * (1 + 0.07 * streaks)
    bellies = (
        ellipsoid(at, (17.0, -38.0, -38.0), (17.0, 14.0, 56.0)),  # gastrocnemius, two heads
        ellipsoid(at, (-17.0, -38.0, -40.0), (17.0, 14.0, 56.0)),
        ellipsoid(at, (27.0, -30.0, 62.0), (18.0, 24.0, 56.0)),  # hamstrings
        ellipsoid(at, (-28.0, -28.0, 62.0), (16.0, 24.0, 54.0)),
        ellipsoid(at, (30.0, 12.0, 70.0), (20.0, 28.0, 46.0)),  # vasti
        ellipsoid(at, (-28.0, 14.0, 76.0), (18.0, 27.0, 44.0)),
        ellipsoid(at, (0.0, 24.0, 92.0), (30.0, 16.0, 40.0)),
        ellipsoid(at, (-2.0, -22.0, -48.0), (24.0, 9.0, 30.0)),  # popliteus
        ellipsoid(at, (-27.0, 4.0, -62.0), (12.0, 18.0, 38.0)),  # tibialis anterior
    )
    for belly in bellies:
        edge = np.maximum(belly * shape.size, under_fat)
        canvas.paint(edge, SIGNAL["ligament"])
        canvas.paint(edge + 0.7, muscle)
    for u, v, radius in ((-1.0, -33.0, 2.4), (4.0, -37.0, 2.0)):
        vessel = np.minimum(
            tube(at, (u - 7, v + 2, 75.0), (u + 1, v, 8.0), radius),
            tube(at, (u + 1, v, 8.0), (u - 6, v - 1, -65.0), radius),
        )
        canvas.paint(vessel * shape.size, SIGNAL["vessel"])
    pole, scale = shape.patella_height, shape.patella_size
    pouch = ellipsoid(at, (0.0, 28.5, pole + 20), (16.0, 0.6 + shape.effusion, 12.0))
    canvas.paint(np.maximum(pouch * shape.size, -found.femur), SIGNAL["fluid"])
    canvas.paint(_flat(at, (43.0, pole + 16 * scale), (37.0, pole + 55), 2.8, 13.0) * shape.size, SIGNAL["tendon"])
    canvas.paint(_flat(at, (43.0, pole - 16 * scale), (23.0, -32.0), 2.3, 12.0) * shape.size, SIGNAL["tendon"])


def _flat(
    at: Frame, start_vw: tuple[float, float], end_vw: tuple[float, float], thick: float, wide: float
) -> np.ndarray:
    """A band in the sagittal plane."""
    forwards, upwards = end_vw[0] - start_vw[0], end_vw[1] - start_vw[1]
    dv, dw = at.v - start_vw[0], at.w - start_vw[1]
    share = np.clip((dv * forwards + dw * upwards) / (forwards**2 + upwards**2), 0, 1)
    rest = np.hypot(dv - share * forwards, dw - share * upwards)
    return np.maximum(rest - thick, np.abs(at.u) - wide)


def _joint(canvas: _Canvas, shape: KneeShape, at: Frame, found: Surfaces) -> None:
    """Fluid film, ligaments, menisci and cartilage with its lesion."""
    rims = [np.hypot((at.u - u) / 13, (at.v - v) / 19) for u, v in TIBIAL_CENTRES_MM.values()]
    inside = (np.minimum(*rims) - 1) * 15
    film = np.maximum(np.maximum(inside, found.condyles - 6), found.plateau - 6)
    canvas.paint(np.maximum(film, -found.plateau), 0.9 * SIGNAL["fluid"])
    patellar = np.maximum(found.condyles - shape.femoral_thickness - 1.0, np.abs(at.u) - 17)
    patellar = np.maximum(patellar, np.maximum(np.abs(at.w - shape.patella_height) - 15, 20 - at.v))
    canvas.paint(patellar, 0.85 * SIGNAL["fluid"])
    canvas.paint(ellipsoid(at, (0.0, -9.0, 4.0), (9.0, 17.0, 12.0)) * shape.size, SIGNAL["synovium"])
    canvas.paint(ellipsoid(at, (0.0, 2.0, 1.0), (10.0, 12.0, 3.0)) * shape.size, 0.7 * SIGNAL["fluid"])
    cruciates = (
        ((3.0, 9.0, -1.0), (-8.0, -14.0, 19.0), 3.2),
        ((-1.0, -25.0, -8.0), (4.0, -18.0, 8.0), 3.4),
        ((4.0, -18.0, 8.0), (8.0, -1.0, 15.0), 3.2),
    )
    for start, end, radius in cruciates:
        canvas.paint(tube(at, start, end, radius) * shape.size, SIGNAL["ligament"])
    canvas.paint(found.meniscus, SIGNAL["meniscus"])
    canvas.paint(found.patellar_cartilage, SIGNAL["patellar_cartilage"])
    canvas.paint(found.femoral_cartilage, SIGNAL["cartilage"])
    u, v = TIBIAL_CENTRES_MM["medial"]
    lesion = np.hypot((at.u - u) * shape.size, (at.v - v) * shape.size - shape.lesion_anterior)
    inside = 1 - step(lesion - lesion_radius_mm(shape), -canvas.soft_mm, canvas.soft_mm)
    canvas.paint(found.tibial_cartilage, SIGNAL["cartilage"] + (LESION_SIGNAL - SIGNAL["cartilage"]) * inside)


def _bones(canvas: _Canvas, shape: KneeShape, at: Frame, found: Surfaces, texture: np.ndarray) -> None:
    """Dark cortex around marrow with trabeculae; the medial tibial band has the knee's own amplitude."""
    depth = -np.maximum(found.plateau, -60)
    # Where the growth plates closed.
    scars = (
        1
        - 0.3 * np.exp(-((at.w - 33 + (at.u / 18) ** 2) ** 2))
        - 0.25 * np.exp(-((depth - 17 + (at.v / 12) ** 2) ** 2))
    )
    band = (1 - step(depth, 0.7 * BAND_MM, BAND_MM)) * found.medial
    amplitude = PLAIN_TEXTURE + (shape.texture_amplitude - PLAIN_TEXTURE) * band
    tibial = SIGNAL["marrow"] * scars * (1 + amplitude * texture)
    plain = SIGNAL["marrow"] * scars * (1 + PLAIN_TEXTURE * texture)
    fibula = tube(at, (-30.0, -17.0, -17.0), (-27.0, -17.0, -75.0), 6.5) * shape.size
    for bone, marrow in ((fibula, plain), (found.patella, plain), (found.tibia, tibial), (found.femur, plain)):
        canvas.paint(bone, SIGNAL["cortex"])
        canvas.paint(bone + 1.1, marrow)


def _scanned(
    image: np.ndarray, site: Site, spacing_zyx_mm: tuple[float, float, float], noise: np.random.Generator
) -> np.ndarray:
    """Blur in plane, shade by the coil, add Rician noise, scale."""
    image = ndimage.gaussian_filter(image, [0, *(_BLUR_MM / step_mm for step_mm in spacing_zyx_mm[1:])], truncate=3)
    z, y, x = np.meshgrid(
        *(np.linspace(-1, 1, size, dtype=np.float32) for size in image.shape), sparse=True, indexing="ij"
    )
    tilt = noise.uniform(-0.06, 0.06, 3).astype(np.float32)
    image *= 1.05 + tilt[0] * z + tilt[1] * y + tilt[2] * x - 0.06 * (z**2 + y**2) - 0.03 * x**2
    real, imaginary = site.noise * noise.standard_normal((2, *image.shape), dtype=np.float32)
    return np.asarray(np.rint(site.gain * np.hypot(image + real, imaginary)), dtype=np.float32)
