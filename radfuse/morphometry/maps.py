"""Thickness maps as PNG: each plate flattened, and seen in space from two sides."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from radfuse.morphometry.thickness import Mesh, Plate

_BARE = "#C8102E"
_BONE = "#D9D2C4"
_FLAT = 0.8
"""Mean of the normals from which a plate is laid onto a plane; below it is unrolled from a cylinder."""
_LIGHT = (0.35, -0.25, 0.9)
_INCHES = 3.4


def thickness_png(plates: Mapping[str, Plate]) -> bytes:
    """Return a PNG with a row for each plate: flattened, from the joint, and aslant; one scale of mm for all.

    Bare bone inside a plate is red. Flat plates lie as seen from the joint, unrolled ones with the front at the top.

    Args:
        plates: title -> plate, each with covered vertices.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    known = np.concatenate([plate.thickness_mm[plate.covered] for plate in plates.values()])
    top = max(float(np.ceil(np.nanquantile(known, 0.99) * 2) / 2), 0.5) if np.isfinite(known).any() else 1.0
    scale = Normalize(0.0, top)
    figure = Figure((3 * _INCHES + 0.9, _INCHES * len(plates) + 0.3), dpi=110, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.subplots(len(plates), 3, squeeze=False)
    for row, (title, plate) in zip(axes, plates.items(), strict=True):
        mesh = plate.mesh()
        colours = _colours(plate.thickness_mm[mesh.vertices], plate.hole[mesh.vertices], mesh.faces, scale)
        _draw_flat(row[0], mesh, colours)
        row[0].set_title(title, loc="left", fontsize=10, fontweight="bold")
        around = plate.mesh(whole=True)
        for axis, turn, name in ((row[1], 0.0, "from the joint"), (row[2], 55.0, "aslant")):
            _draw_solid(axis, mesh, colours, around, turn)
            axis.set_title(name, fontsize=9, color="#555555")
    bar = figure.colorbar(_mappable(scale), ax=axes, shrink=min(1.0, 0.5 + 0.1 * len(plates)), pad=0.01, aspect=30)
    bar.set_label("cartilage thickness, mm")
    file = io.BytesIO()
    canvas.print_png(file)
    return file.getvalue()


def flattened(mesh: Mesh) -> tuple[np.ndarray, tuple[str, str]]:
    """Return the plane position of each vertex in mm, shape (n, 2), and what the two axes are.

    A plate whose normals mostly agree is laid onto the plane across their mean. Any other, as the femur's, is unrolled
    from the cylinder that its normals turn about least, fitted by least squares; lengths along the arc are true on
    that cylinder.
    """
    mean = mesh.normals.mean(axis=0)
    middle = mesh.points_mm.mean(axis=0)
    if np.linalg.norm(mean) >= _FLAT:
        right, up = _upright(mean / np.linalg.norm(mean))
        return (mesh.points_mm - middle) @ np.stack([right, up], axis=1), (_named(right), _named(up))
    _, vectors = np.linalg.eigh(mesh.normals.T @ mesh.normals)
    axis = vectors[:, 0] * np.sign(vectors[np.abs(vectors[:, 0]).argmax(), 0])
    out = mean - axis * (mean @ axis)
    out /= np.linalg.norm(out)
    front = np.cross(axis, out)
    front *= -np.sign(front[1]) or 1.0
    across = (mesh.points_mm - middle) @ np.stack([out, front], axis=1)
    fit = np.column_stack([2 * across, np.ones(len(across))])
    centre, _, _, _ = np.linalg.lstsq(fit, (across**2).sum(axis=1), rcond=None)
    radius = float(np.sqrt(centre[2] + (centre[:2] ** 2).sum()))
    angle = np.arctan2(across[:, 1] - centre[1], across[:, 0] - centre[0])
    place = np.column_stack([(mesh.points_mm - middle) @ axis, radius * angle])
    return place, (_named(axis), "along the arc to the front")


def _upright(normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the directions that are drawn to the right and up, of a plate that is looked at against its normal."""
    up = np.array([0.0, 0.0, 1.0]) if abs(normal[2]) < 0.7 else np.array([0.0, -1.0, 0.0])
    up = up - normal * (up @ normal)
    up /= np.linalg.norm(up)
    return np.cross(up, normal), up


def _named(direction: np.ndarray) -> str:
    axis = int(np.abs(direction).argmax())
    return (("to the left", "to the right"), ("to the back", "to the front"), ("up", "down"))[axis][
        int(direction[axis] < 0)
    ]


def _mappable(scale: Any) -> Any:
    from matplotlib.cm import ScalarMappable

    return ScalarMappable(scale, "viridis")


def _colours(thickness_mm: np.ndarray, hole: np.ndarray, faces: np.ndarray, scale: Any) -> np.ndarray:
    """Return red, green and blue of each triangle."""
    from matplotlib.colors import to_rgb

    known = np.isfinite(thickness_mm[faces])
    mean = np.where(known, thickness_mm[faces], 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    colours = np.asarray(_mappable(scale).to_rgba(mean))[:, :3]
    colours[hole[faces].any(axis=1) | ~known.any(axis=1)] = to_rgb(_BARE)
    return colours


def _draw_flat(axes: Any, mesh: Mesh, colours: np.ndarray) -> None:
    place, names = flattened(mesh)
    _triangles(axes, place[mesh.faces], colours)
    axes.set_xlabel(f"mm {names[0]}", fontsize=8)
    axes.set_ylabel(f"mm {names[1]}", fontsize=8)
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _draw_solid(axes: Any, mesh: Mesh, colours: np.ndarray, around: Mesh, turn_deg: float) -> None:
    """Draw the plate and the bone about it as seen from the joint, turned about the upright axis."""
    from matplotlib.colors import to_rgb

    mean = mesh.normals.mean(axis=0)
    right, up = _upright(mean / np.linalg.norm(mean))
    towards = np.cross(right, up)
    angle = np.deg2rad(turn_deg)
    right, towards = np.cos(angle) * right - np.sin(angle) * towards, np.sin(angle) * right + np.cos(angle) * towards
    if turn_deg:
        tilt = np.deg2rad(20.0)
        up, towards = np.cos(tilt) * up - np.sin(tilt) * towards, np.sin(tilt) * up + np.cos(tilt) * towards
    view = np.stack([right, up, towards], axis=1)
    bone = np.tile(to_rgb(_BONE), (len(around.faces), 1))
    corners = np.concatenate([around.points_mm[around.faces], mesh.points_mm[mesh.faces]]) @ view
    normals = np.concatenate([around.normals[around.faces], mesh.normals[mesh.faces]]).mean(axis=1) @ view
    light = np.array(_LIGHT) / np.linalg.norm(_LIGHT)
    shade = 0.62 + 0.38 * np.clip(normals @ light, 0, 1)
    seen = normals[:, 2] > 0
    depth = corners[:, :, 2].mean(axis=1)
    order = np.flatnonzero(seen)[np.argsort(depth[seen], kind="stable")]
    _triangles(axes, corners[order][:, :, :2], (np.concatenate([bone, colours]) * shade[:, None])[order])
    axes.set_axis_off()


def _triangles(axes: Any, corners: Any, colours: Any) -> None:
    from matplotlib.collections import PolyCollection

    axes.add_collection(PolyCollection(corners, facecolors=colours, edgecolors=colours, linewidths=0.3))
    axes.set_aspect("equal")
    axes.autoscale_view()
