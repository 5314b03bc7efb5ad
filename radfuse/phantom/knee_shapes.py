"""The anatomy of the knee phantom: smooth implicit surfaces, their labels, and how one knee differs from another.

Coordinates are mm in the knee's own frame: u medial, v anterior, w superior, the origin between the condyles at the
joint line. A surface is a field that is about the signed distance to it, negative inside. Nothing here knows left from
right, grey values or files.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy import ndimage

LABELS = {"femur": 1, "femoral_cartilage": 2, "tibia": 3, "tibial_cartilage": 4, "patella": 5, "meniscus": 6}
"""Label name -> number in the masks."""

JOINT_GAP_MM = 1.0
"""Between femoral and tibial cartilage where they are nearest."""
TIBIAL_CENTRES_MM = {"medial": (20.5, -3.0), "lateral": (-20.0, -3.0)}
"""(u, v) of the middle of each tibial cartilage in a knee of size 1."""
_TIBIAL_HALF_AXES_MM = {"medial": (12.0, 20.5), "lateral": (12.0, 18.5)}


@dataclass(frozen=True)
class KneeShape:
    """All numbers that make one knee; lengths in mm.

    Attributes:
        size: scale of the whole knee but not of its cartilage.
        medial_radius: of the posterior circle of the medial condyle's profile.
        lateral_radius: the same, lateral.
        distal_radius: of the distal and anterior circle of both profiles.
        groove_depth: of the trochlea.
        posterior_slope_deg: of the tibial plateau.
        coronal_tilt_deg: of the tibial plateau.
        dish_depth: of the medial plateau.
        femoral_thickness: of the cartilage away from its edges.
        tibial_thickness: the same, medial and lateral.
        patella_size: scale of the patella.
        patella_height: of its centre above the joint line.
        shaft_radius: of the femur.
        fat_thickness: under the skin.
        effusion: thickness of the fluid under the quadriceps tendon.
        flexion_deg: pose, as are the following.
        rotation_deg: about the long axis.
        abduction_deg: in the coronal plane.
        shift_medial: of the joint from the middle of the image.
        shift_anterior: the same.
        shift_superior: the same.
        texture_amplitude: standard deviation of the medial tibial subchondral texture, as a fraction of marrow signal.
        lesion_anterior: of the lesion from the middle of the medial tibial cartilage.
        bend_deg: of the femur on the tibia, about the axis of the posterior condyles.
    """

    size: float = 1.0
    medial_radius: float = 19.5
    lateral_radius: float = 18.5
    distal_radius: float = 24.0
    groove_depth: float = 4.0
    posterior_slope_deg: float = 6.0
    coronal_tilt_deg: float = 0.0
    dish_depth: float = 2.4
    femoral_thickness: float = 2.2
    tibial_thickness: float = 2.2
    patella_size: float = 1.0
    patella_height: float = 31.0
    shaft_radius: float = 15.0
    fat_thickness: float = 6.5
    effusion: float = 1.4
    flexion_deg: float = 0.0
    rotation_deg: float = 0.0
    abduction_deg: float = 0.0
    shift_medial: float = 0.0
    shift_anterior: float = 0.0
    shift_superior: float = 0.0
    texture_amplitude: float = 0.16
    lesion_anterior: float = 0.0
    bend_deg: float = 0.0


SPREAD: dict[str, float] = {
    "size": 0.03,
    "medial_radius": 0.8,
    "lateral_radius": 0.8,
    "distal_radius": 0.9,
    "groove_depth": 0.6,
    "posterior_slope_deg": 1.8,
    "coronal_tilt_deg": 0.8,
    "dish_depth": 0.5,
    "femoral_thickness": 0.25,
    "tibial_thickness": 0.3,
    "patella_size": 0.05,
    "patella_height": 1.8,
    "shaft_radius": 0.8,
    "fat_thickness": 1.2,
    "effusion": 0.5,
    "flexion_deg": 3.0,
    "rotation_deg": 4.0,
    "abduction_deg": 2.0,
    "shift_medial": 1.2,
    "shift_anterior": 1.5,
    "shift_superior": 2.5,
    "texture_amplitude": 0.45,
    "lesion_anterior": 5.0,
}
"""Standard deviation between knees; of the texture's amplitude that of its logarithm. None is bent by chance."""
PAIRED = tuple(name for name in SPREAD if not name.startswith(("flexion", "rotation", "abduction", "shift", "lesion")))
"""What the two knees of a person have in common, mostly; the rest is drawn for each knee alone."""
_MOST = 2.0


def shape_from_scores(scores: dict[str, float]) -> KneeShape:
    """Return the knee that lies so many standard deviations from the mean one; beyond 2 they are cut off."""
    values = {}
    for field in fields(KneeShape):
        if field.name not in SPREAD:
            continue
        score = float(np.clip(scores[field.name], -_MOST, _MOST))
        mean = float(field.default)  # type: ignore[arg-type]
        change = SPREAD[field.name] * score
        values[field.name] = mean * float(np.exp(change)) if field.name == "texture_amplitude" else mean + change
    return KneeShape(**values)


@dataclass(frozen=True)
class Frame:
    """Coordinates of every voxel in the knee's own frame, in mm of a knee of size 1, float32 arrays (z, y, x)."""

    u: np.ndarray
    v: np.ndarray
    w: np.ndarray


_MIDDLE_MM = np.array([0.0, 3.0, 5.0])
"""(u, v, w) that a knee without shift has in the middle of the image."""


def frame(shape: KneeShape, voxels_zyx: tuple[int, int, int], spacing_zyx_mm: tuple[float, float, float]) -> Frame:
    """Return the knee's coordinates on a sagittal grid: axis 0 runs medially, 1 downwards, 2 backwards."""
    steps = [
        ((np.arange(count) - (count - 1) / 2) * step * sign).astype(np.float32)
        for count, step, sign in zip(voxels_zyx, spacing_zyx_mm, (1, -1, -1), strict=True)
    ]
    axes = np.meshgrid(*steps, indexing="ij", sparse=True)
    image = (axes[0], axes[2], axes[1])  # medial, anterior, superior
    turn, shift = _turn(shape), _shift(shape)
    turned = [
        sum((np.float32(turn[row, column] / shape.size) * image[column] for column in range(3)), np.float32(shift[row]))
        for row in range(3)
    ]
    return Frame(*map(np.asarray, turned))


def image_position(shape: KneeShape, point_uvw: tuple[float, float, float]) -> np.ndarray:
    """Return where a point of the knee's frame lies: mm medial, anterior and superior of the image's middle."""
    return np.asarray(_turn(shape).T @ (np.array(point_uvw) - _shift(shape)) * shape.size)


def lesion_centre(shape: KneeShape) -> tuple[float, float, float]:
    """Return (u, v, w) of the lesion's middle, half way through the medial tibial cartilage."""
    u, v = TIBIAL_CENTRES_MM["medial"]
    v += shape.lesion_anterior / shape.size
    w = np.linspace(-15, 5, 401)
    column = surfaces(shape, Frame(np.full_like(w, u), np.full_like(w, v), w))
    return u, v, float(w[column.tibial_cartilage < 0].mean())


def _turn(shape: KneeShape) -> np.ndarray:
    a, b, c = np.deg2rad([shape.flexion_deg, shape.abduction_deg, shape.rotation_deg])
    flexion = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    abduction = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    rotation = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(flexion @ abduction @ rotation)


def _shift(shape: KneeShape) -> np.ndarray:
    return _MIDDLE_MM - np.array([shape.shift_medial, shape.shift_anterior, shape.shift_superior])


@dataclass(frozen=True)
class Surfaces:
    """Fields of one knee in mm, float32 arrays (z, y, x); negative inside unless said otherwise.

    Attributes:
        femur, femoral_cartilage, tibia, tibial_cartilage, patella, meniscus: the labels.
        patellar_cartilage: has no label.
        condyles: distance from the articulating part of the femur alone.
        plateau: height above the tibial bone's surface.
        medial: 1 in the medial compartment, 0 in the lateral, smooth between.
    """

    femur: np.ndarray
    femoral_cartilage: np.ndarray
    tibia: np.ndarray
    tibial_cartilage: np.ndarray
    patella: np.ndarray
    meniscus: np.ndarray
    patellar_cartilage: np.ndarray
    condyles: np.ndarray
    plateau: np.ndarray
    medial: np.ndarray


def surfaces(shape: KneeShape, at: Frame) -> Surfaces:
    """Return the surfaces of bones, cartilage and menisci."""
    # Lengths inside are those of a knee of size 1; thickness is in true mm.
    femoral, tibial = shape.femoral_thickness / shape.size, shape.tibial_thickness / shape.size
    bent = _bent(shape, at)
    condyles = _condyles(shape, bent)
    femur = smooth_union(condyles, _metaphysis(shape, bent), 7)
    femoral_cartilage = np.maximum(condyles - femoral * _articular(bent), -femur)
    clearance = femoral + tibial + JOINT_GAP_MM / shape.size
    medial = 1 / (1 + np.exp(-at.u / 2))
    plateau = at.w - _plateau(shape, at, medial) + clearance
    tibia = np.maximum(_tibia(at, plateau), clearance - condyles)
    plateau = np.maximum(plateau, clearance - condyles)
    rim = np.minimum(*(_compartment(at, side) for side in TIBIAL_CENTRES_MM))
    taper = np.clip((1 - rim) / 0.25, 0, 1) ** 0.6
    tibial_cartilage = np.maximum(plateau - tibial * taper, -np.minimum(tibia, plateau + 0.6))
    tibial_cartilage = np.maximum(tibial_cartilage, np.maximum((rim - 1) * 12, _tibia(at, plateau * 0 - 5)))
    meniscus = _meniscus(at, plateau - tibial, condyles - femoral)
    patella, patellar_cartilage = _patella(shape, at, condyles - femoral)
    scale = np.float32(shape.size)
    return Surfaces(
        femur=scale * femur,
        femoral_cartilage=scale * femoral_cartilage,
        tibia=scale * tibia,
        tibial_cartilage=scale * tibial_cartilage,
        patella=scale * patella,
        meniscus=scale * meniscus,
        patellar_cartilage=scale * patellar_cartilage,
        condyles=scale * condyles,
        plateau=scale * plateau,
        medial=medial,
    )


def labels_of(found: Surfaces) -> np.ndarray:
    """Return the label of each voxel centre, uint8."""
    array = np.zeros(found.femur.shape, dtype=np.uint8)
    for name in ("meniscus", "tibial_cartilage", "femoral_cartilage", "patella", "tibia", "femur"):
        array[getattr(found, name) < 0] = LABELS[name]
    for name, parts in (("femoral_cartilage", 1), ("tibial_cartilage", 2), ("meniscus", 2)):
        _keep_largest(array, LABELS[name], parts)
    return array


def _keep_largest(array: np.ndarray, label: int, parts: int) -> None:
    """Remove the specks that sampling leaves at the thin edge of a layer."""
    pieces, count = ndimage.label(array == label, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    small = np.argsort(sizes[1:])[: max(count - parts, 0)] + 1
    array[np.isin(pieces, small)] = 0


def smooth_union(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Return the union of two fields with a fillet about `width` wide."""
    share = np.clip(0.5 + 0.5 * (b - a) / width, 0, 1)
    return np.asarray(b + (a - b) * share - width * share * (1 - share))


def smooth_cut(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Return the intersection of two fields, its edge rounded."""
    return -smooth_union(-a, -b, width)


def ellipsoid(at: Frame, centre: tuple[float, float, float], half_axes: tuple[float, float, float]) -> np.ndarray:
    """Return the field of an ellipsoid; infinite half axes make a cylinder."""
    parts = [(axis - middle) / half for axis, middle, half in zip((at.u, at.v, at.w), centre, half_axes, strict=True)]
    near = np.sqrt(sum(part**2 for part in parts)) + 1e-3
    steep = np.sqrt(sum((part / half) ** 2 for part, half in zip(parts, half_axes, strict=True))) + 1e-4
    return np.asarray(near * (near - 1) / steep)


def tube(at: Frame, start: tuple[float, float, float], end: tuple[float, float, float], radius: float) -> np.ndarray:
    """Return the field of a rod with round ends."""
    along = [stop - begin for begin, stop in zip(start, end, strict=True)]
    du, dv, dw = at.u - start[0], at.v - start[1], at.w - start[2]
    length = sum(part**2 for part in along)
    share = np.clip((du * along[0] + dv * along[1] + dw * along[2]) / length, 0, 1)
    rest = (du - share * along[0]) ** 2 + (dv - share * along[1]) ** 2 + (dw - share * along[2]) ** 2
    return np.asarray(np.sqrt(rest) - radius)


def step(value: np.ndarray, start: float, end: float) -> np.ndarray:
    """Return 0 before `start`, 1 after `end`, smooth between; `start` may lie after `end`."""
    share = np.clip((value - start) / (end - start), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def _bent(shape: KneeShape, at: Frame) -> Frame:
    """Return coordinates in the femur's frame, whose upper end leans back where the knee is bent."""
    if not shape.bend_deg:
        return at
    middle, angle = (shape.medial_radius + shape.lateral_radius) / 2, np.deg2rad(shape.bend_deg)
    back, up = at.v + 9, at.w - middle
    turned = (np.cos(angle) * back + np.sin(angle) * up, np.cos(angle) * up - np.sin(angle) * back)
    return Frame(at.u, (turned[0] - 9).astype(np.float32), (turned[1] + middle).astype(np.float32))


def _condyles(shape: KneeShape, at: Frame) -> np.ndarray:
    """Both condyles and the trochlea between them."""
    distal = np.hypot(at.v - 4, at.w - shape.distal_radius) - shape.distal_radius
    both = []
    for centre, radius in ((21.0, shape.medial_radius), (-21.0, shape.lateral_radius)):
        back = np.hypot(at.v + 9, at.w - radius) - radius
        side = at.u - centre
        profile = smooth_union(back, distal, 5) + side**2 / 42
        lean = 0.45 * np.clip(at.w - 20, 0, None)  # the sides lean inwards above the epicondyles
        both.append(smooth_cut(profile, np.abs(side) - 13 + lean, 7))
    groove = np.hypot(at.v - 9.5, at.w - 27) - (18.5 - shape.groove_depth)
    bridge = smooth_cut(groove, np.abs(at.u) - 20, 4)
    return smooth_union(smooth_union(both[0], both[1], 3), bridge, 7)


def _metaphysis(shape: KneeShape, at: Frame) -> np.ndarray:
    """Shaft of the femur, widening to the epicondyles; its lower end is the roof of the notch."""
    wide = 1 - step(at.w, 22, 62)
    across, deep = shape.shaft_radius + 18.5 * wide, shape.shaft_radius - 1 + 4.0 * wide
    side, front = at.u / across, (at.v - 8 + 4 * wide) / deep
    near = np.sqrt(side**2 + front**2) + 1e-3
    steep = np.sqrt((side / across) ** 2 + (front / deep) ** 2) + 1e-4
    return smooth_cut(near * (near - 1) / steep, 20 - at.w, 9)


def _articular(at: Frame) -> np.ndarray:
    """Thickness of the femoral cartilage as a fraction: 0 off the articulating surface."""
    angle = np.arctan2(22 - at.w, -2 - at.v)  # 0 backwards, 90 degrees downwards, 180 forwards
    angle = np.rad2deg(np.where(angle < -np.pi / 2, angle + 2 * np.pi, angle))
    along = step(angle, -52, -25) * (1 - step(angle, 190, 212))
    trochlea = step(angle, 110, 130)
    outer = 1 - step(np.abs(at.u), 26, 31.5)
    inner = np.maximum(step(np.abs(at.u), 9.5, 12.5), trochlea)
    narrow = np.maximum(1 - step(np.abs(at.u), 19, 24), 1 - step(angle, 140, 175))
    return np.asarray(along * outer * inner * narrow * (1 + 0.15 * trochlea))


def _plateau(shape: KneeShape, at: Frame, medial: np.ndarray) -> np.ndarray:
    """Height of the tibial surface against the lowest point of the condyles."""
    back = at.v - TIBIAL_CENTRES_MM["medial"][1]
    inward = np.abs(at.u) - 20
    dish = medial * shape.dish_depth - (1 - medial) * 1.2
    front = np.clip(back, None, 6)  # the plateau falls off towards its anterior rim
    height = (
        dish * (front / 20) ** 2 - 0.012 * np.clip(back - 6, 0, None) ** 2 + 0.6 * np.clip(inward / 12, -1.2, 1.2) ** 2
    )
    height += np.tan(np.deg2rad(shape.posterior_slope_deg)) * front + np.tan(np.deg2rad(shape.coronal_tilt_deg)) * at.u
    spines = np.exp(-((np.abs(at.u) - 4) ** 2) / 12 - (back + 1) ** 2 / 90)
    between = np.exp(-(at.u**2) / 60) * step(np.abs(back), 8, 16)
    return np.asarray(height + 6.5 * spines - 3.0 * between)


def _tibia(at: Frame, plateau: np.ndarray) -> np.ndarray:
    """Plateau, metaphysis and shaft of the tibia below a surface."""
    inset = 0.022 * np.clip(plateau + 5, -30, 0) ** 2
    medial = ellipsoid(at, (17.0, -3.0, 0.0), (19.5, 25.0, np.inf))
    lateral = ellipsoid(at, (-17.0, -2.5, 0.0), (18.5, 22.5, np.inf))
    head = smooth_union(medial, lateral, 9) + inset
    wide = step(at.w, -58, -8)
    across, deep = 15 + 18 * wide, 15.5 + 6 * wide
    side, front = at.u / across, (at.v - 1 + 3 * wide) / deep
    near = np.sqrt(side**2 + front**2) + 1e-3
    steep = np.sqrt((side / across) ** 2 + (front / deep) ** 2) + 1e-4
    shaft = near * (near - 1) / steep
    tuberosity = ellipsoid(at, (-3.0, 10.0, -34.0), (9.0, 12.5, 15.0))
    body = smooth_union(smooth_union(head, shaft, 8), tuberosity, 8)
    return smooth_cut(body, plateau, 2.5)


def _compartment(at: Frame, side: str) -> np.ndarray:
    """Distance from the middle of a tibial cartilage, 1 at its edge."""
    (u, v), (a, b) = TIBIAL_CENTRES_MM[side], _TIBIAL_HALF_AXES_MM[side]
    return np.sqrt(((at.u - u) / a) ** 2 + ((at.v - v) / b) ** 2)


def _meniscus(at: Frame, above_tibia: np.ndarray, below_femur: np.ndarray) -> np.ndarray:
    """Two wedges between the cartilages, open towards the middle of the joint."""
    both = []
    for side, sign, opening in (("medial", 1, 0.55), ("lateral", -1, 0.75)):
        (u, v), (a, b) = TIBIAL_CENTRES_MM[side], _TIBIAL_HALF_AXES_MM[side]
        across, along = (at.u - u + sign * 1.0) / (a + 3), (at.v - v) / (b + 2)
        radius = np.sqrt(across**2 + along**2) + 1e-3
        ring = np.maximum(radius - 1.0, 0.58 - radius) * 16
        inward = -sign * across / radius
        body = np.maximum(ring, (inward - opening) * 16)
        both.append(smooth_cut(body, above_tibia - 1.4 - 11.0 * np.clip(radius - 0.58, 0, None), 1.0))
    blunt = 1.3 - above_tibia - below_femur  # the free edge ends where it would be thinner than a voxel
    return np.maximum(np.maximum(np.minimum(*both), blunt), np.maximum(0.15 - above_tibia, 0.15 - below_femur))


def _patella(shape: KneeShape, at: Frame, before_cartilage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Patella and its cartilage; both keep clear of the trochlea."""
    scale = shape.patella_size
    half = (20.0 * scale, 9.5 * scale, 20.0 * scale)
    depth, gap = 2.4, 0.9
    whole = ellipsoid(at, (0.0, 37.5, shape.patella_height), half)
    bone = ellipsoid(at, (0.0, 37.5 + depth, shape.patella_height), half)
    bone = smooth_cut(bone, gap + depth - before_cartilage, 2)
    reach = np.maximum(np.abs(at.w - shape.patella_height - 2) - 14, at.v - 39)
    cartilage = np.maximum(np.maximum(whole, gap - before_cartilage), np.maximum(reach, -bone))
    return bone, cartilage
