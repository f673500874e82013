"""Outlines of the objects in the synthetic scenes, as signed distance functions.

Every function takes local coordinates ``u`` (right) and ``v`` (down), float32 arrays of one shape ``[h,w]``, in units
of about half the object's length. It returns a float32 array of that shape: negative inside, positive outside, about
the distance to the outline (Quilez, "2D distance functions"; ellipse and polygon are the usual cheap approximations).

A class is a body plus a part. The two classes of a pair share the body and the place where the part is attached, so
only the part tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Outline = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``outline(u, v)``: the signed distance, in local units."""


def circle(u: np.ndarray, v: np.ndarray, x: float, y: float, radius: float) -> np.ndarray:
    """Return the signed distance to a circle.

    Args:
        u, v: local coordinates ``[h,w]``.
        x, y: the centre.
        radius: in local units.

    Returns:
        Signed distances ``[h,w]``.
    """
    return np.sqrt((u - x) ** 2 + (v - y) ** 2) - radius


def ellipse(u: np.ndarray, v: np.ndarray, x: float, y: float, half_u: float, half_v: float) -> np.ndarray:
    """Return the approximate signed distance to an axis-parallel ellipse.

    Args:
        u, v: local coordinates ``[h,w]``.
        x, y: the centre.
        half_u, half_v: the semi-axes.

    Returns:
        Signed distances ``[h,w]``.
    """
    a, b = (u - x) / half_u, (v - y) / half_v
    inner = np.sqrt(a * a + b * b)
    slope = np.sqrt((a / half_u) ** 2 + (b / half_v) ** 2)
    distance: np.ndarray = inner * (inner - 1) / np.maximum(slope, 1e-3)
    return distance


def box(u: np.ndarray, v: np.ndarray, x: float, y: float, half_u: float, half_v: float, corner: float) -> np.ndarray:
    """Return the signed distance to an axis-parallel rectangle with rounded corners.

    Args:
        u, v: local coordinates ``[h,w]``.
        x, y: the centre.
        half_u, half_v: half the sides.
        corner: the radius of the corners.

    Returns:
        Signed distances ``[h,w]``.
    """
    a, b = np.abs(u - x) - (half_u - corner), np.abs(v - y) - (half_v - corner)
    outside = np.sqrt(np.maximum(a, 0) ** 2 + np.maximum(b, 0) ** 2)
    distance: np.ndarray = outside + np.minimum(np.maximum(a, b), 0) - corner
    return distance


def convex(u: np.ndarray, v: np.ndarray, *corners: tuple[float, float]) -> np.ndarray:
    """Return the approximate signed distance to a convex polygon.

    Args:
        u, v: local coordinates ``[h,w]``.
        *corners: (u, v) of each corner, clockwise on the screen (v points down).

    Returns:
        Signed distances ``[h,w]``.
    """
    distance = np.full(u.shape, -np.inf, np.float32)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = float(np.hypot(x1 - x0, y1 - y0))
        normal_u, normal_v = (y1 - y0) / length, (x0 - x1) / length
        distance = np.maximum(distance, (u - x0) * normal_u + (v - y0) * normal_v)
    return distance


def rotated(u: np.ndarray, v: np.ndarray, x: float, y: float, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates in a frame that is moved and rotated.

    Args:
        u, v: local coordinates ``[h,w]``.
        x, y: the origin of the new frame.
        angle: the rotation of the new frame, in radians, clockwise on the screen.

    Returns:
        The new coordinates ``[h,w]`` and ``[h,w]``.
    """
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return (u - x) * cos + (v - y) * sin, (v - y) * cos - (u - x) * sin


def _ball(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return circle(u, v, 0.0, 0.27, 0.66)


def _leaf(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    a, b = rotated(u, v, 0.34, -0.6, -0.55)
    blade = np.maximum(circle(a, b, 0.0, 0.36, 0.58), circle(a, b, 0.0, -0.36, 0.58))
    distance: np.ndarray = np.minimum(blade, box(*rotated(u, v, 0.02, -0.47, 0.2), 0, 0, 0.06, 0.24, 0.05))
    return distance


def _ring(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    distance: np.ndarray = np.abs(circle(u, v, 0.0, -0.62, 0.28)) - 0.1
    return distance


def _block(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return box(u, v, 0.0, 0.36, 0.66, 0.54, 0.12)


def _bow(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    left = ellipse(*rotated(u, v, -0.33, -0.44, 0.5), 0, 0, 0.36, 0.2)
    right = ellipse(*rotated(u, v, 0.33, -0.44, -0.5), 0, 0, 0.36, 0.2)
    distance: np.ndarray = np.minimum(np.minimum(left, right), circle(u, v, 0, -0.24, 0.15))
    return distance


def _shackle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    arch = np.abs(circle(u, v, 0.0, -0.42, 0.36)) - 0.11
    legs = np.abs(np.abs(u) - 0.36) - 0.11
    distance: np.ndarray = np.where(v < -0.42, arch, np.maximum(legs, v - 0.1))
    return distance


def _spindle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return ellipse(u, v, 0.28, 0.0, 0.72, 0.4)


def _fin(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    w = np.abs(v)
    return convex(u, w, (-0.98, 0.54), (-0.78, 0.0), (-0.3, -0.05), (-0.32, 0.16))


def _flame(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    w = np.abs(v)
    middle = convex(u, w, (-1.08, 0.0), (-0.3, -0.2), (-0.3, 0.2))
    side = convex(u, w, (-0.86, 0.26), (-0.3, 0.04), (-0.22, 0.3))
    distance: np.ndarray = np.minimum(middle, side)
    return distance


def _cup(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return convex(u, v, (-0.4, -0.64), (0.8, -0.64), (0.66, 0.66), (-0.26, 0.66)) - 0.04


def _handle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    distance: np.ndarray = np.abs(ellipse(u, v, -0.42, 0.0, 0.38, 0.4)) - 0.1
    return distance


def _spout(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return convex(u, v, (-1.0, -0.6), (-0.72, -0.6), (-0.22, -0.06), (-0.22, 0.42))


def _hull(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    distance: np.ndarray = np.maximum(circle(u, v, 0.0, -0.25, 1.05), 0.22 - v)
    return distance


def _sail(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    mast = box(u, v, -0.02, -0.35, 0.055, 0.68, 0.04)
    distance: np.ndarray = np.minimum(mast, convex(u, v, (0.04, -0.98), (0.66, 0.08), (0.04, 0.08)))
    return distance


def _funnel(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    a, b = rotated(u, v, 0.0, -0.2, 0.12)
    distance: np.ndarray = np.minimum(box(a, b, 0, 0, 0.21, 0.5, 0.03), box(a, b, 0, -0.5, 0.28, 0.1, 0.03))
    return distance


def _nothing(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.full(u.shape, 9.0, np.float32)


def _eye(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return circle(u, v, 0.62, -0.08, 0.12)


def _stripe(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.abs(v - 0.1) - 0.14


def _portholes(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return circle(np.abs(np.abs(u) - 0.25), v, 0.25, 0.42, 0.1)


@dataclass(frozen=True)
class Body:
    """The body that the two classes of a pair share.

    Attributes:
        outline: the outline of the body.
        detail: the outline of a detail painted on it.
        bevel: the width of the curved rim, in local units.
    """

    outline: Outline
    detail: Outline
    bevel: float


BALL = Body(_ball, _nothing, 0.6)
BLOCK = Body(_block, _nothing, 0.14)
SPINDLE = Body(_spindle, _eye, 0.36)
CUP = Body(_cup, _stripe, 0.2)
HULL = Body(_hull, _portholes, 0.3)


@dataclass(frozen=True)
class ObjectClass:
    """One class of objects.

    Attributes:
        name: the name of the class.
        part_name: the name of its part.
        body: the body, shared with the other class of the pair.
        part: the outline of the part.
    """

    name: str
    part_name: str
    body: Body
    part: Outline


CLASSES = (
    ObjectClass("apple", "leaf", BALL, _leaf),
    ObjectClass("bauble", "ring", BALL, _ring),
    ObjectClass("gift", "bow", BLOCK, _bow),
    ObjectClass("padlock", "shackle", BLOCK, _shackle),
    ObjectClass("fish", "tail fin", SPINDLE, _fin),
    ObjectClass("rocket", "flame", SPINDLE, _flame),
    ObjectClass("mug", "handle", CUP, _handle),
    ObjectClass("jug", "spout", CUP, _spout),
    ObjectClass("sailboat", "sail", HULL, _sail),
    ObjectClass("steamer", "funnel", HULL, _funnel),
)


def _pencil(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return box(u, v, 0.0, 0.0, 1.0, 0.1, 0.06)


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    distance: np.ndarray = np.minimum(box(u, v, 0, 0, 0.7, 0.2, 0.05), box(u, v, 0, 0, 0.2, 0.7, 0.05))
    return distance


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    angle = np.arctan2(v, u)
    distance: np.ndarray = np.sqrt(u * u + v * v) - (0.55 + 0.25 * np.cos(5 * angle))
    return distance


def _wedge(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return convex(u, v, (-0.6, 0.5), (0.0, -0.6), (0.6, 0.5)) - 0.05


def _bone(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    ends = circle(np.abs(u), np.abs(v), 0.7, 0.15, 0.2)
    distance: np.ndarray = np.minimum(ends, box(u, v, 0, 0, 0.7, 0.14, 0.05))
    return distance


def _crescent(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    distance: np.ndarray = np.maximum(circle(u, v, 0, 0, 0.7), -circle(u, v, 0.35, 0, 0.6))
    return distance


CLUTTER: tuple[Outline, ...] = (_pencil, _cross, _star, _wedge, _bone, _crescent)
