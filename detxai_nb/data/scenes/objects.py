"""One object or piece of clutter in a synthetic scene: where it lies, which pixels it covers, and how it is painted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.data.scenes.shapes import CLASSES, Outline
from detxai_nb.data.scenes.textures import pattern, random_colour


@dataclass(frozen=True)
class Lighting:
    """The one lamp of a scene.

    Attributes:
        x, y, z: the unit vector towards the lamp; x right, y down, z towards the viewer.
        ambient: the brightness without the lamp, in 0..1.
        shadow: the share of the light that a shadow takes away, in 0..1.
        softness: the width of a shadow's edge, in local units of the object.
    """

    x: float
    y: float
    z: float
    ambient: float
    shadow: float
    softness: float

    @classmethod
    def sample(cls, rng: SeededRng) -> Lighting:
        """Draw a lamp somewhere above the table.

        Args:
            rng: the random stream.

        Returns:
            The lamp.
        """
        around, up = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.1)
        flat = float(np.cos(up))
        return cls(
            x=flat * float(np.cos(around)),
            y=flat * float(np.sin(around)),
            z=float(np.sin(up)),
            ambient=rng.uniform(0.35, 0.55),
            shadow=rng.uniform(0.3, 0.65),
            softness=rng.uniform(0.06, 0.2),
        )


@dataclass(frozen=True, eq=False)
class SceneObject:
    """An object or a piece of clutter, drawn on its own window of pixels.

    Attributes:
        label: the class, or -1 for clutter.
        left, top: the position of the window in the image, in pixels; the window may lie partly outside.
        radius: pixels per local unit.
        u, v: local coordinates ``[h,w]``.
        body, part: signed distances ``[h,w]`` to the outlines, in pixels.
        detail: signed distances ``[h,w]`` to the detail painted on the body, in pixels.
        bevel: the width of the curved rim, in local units.
    """

    label: int
    left: int
    top: int
    radius: float
    u: np.ndarray
    v: np.ndarray
    body: np.ndarray
    part: np.ndarray
    detail: np.ndarray
    bevel: float

    @property
    def mask(self) -> np.ndarray:
        """All its pixels, visible or not, bool ``[h,w]``."""
        mask: np.ndarray = np.minimum(self.body, self.part) <= 0
        return mask

    @property
    def part_mask(self) -> np.ndarray:
        """The pixels of its part, visible or not, bool ``[h,w]``; the body covers the part."""
        return (self.part <= 0) & (self.body > 0)

    def without_part(self) -> SceneObject:
        """Return the same object with nothing but its body.

        Returns:
            A copy whose part covers no pixel.
        """
        return replace(self, part=np.full_like(self.part, 9 * self.radius))

    def at(self, x: float, y: float) -> SceneObject:
        """Return the same object at another position.

        Args:
            x, y: the centre in the image, in pixels; rounded to whole pixels, so that nothing is drawn again.

        Returns:
            The moved copy.
        """
        height, width = self.u.shape
        return replace(self, left=round(x) - width // 2, top=round(y) - height // 2)


def make_object(rng: SeededRng, label: int, radius: float) -> SceneObject:
    """Draw an object of a class with its centre at (0, 0).

    Args:
        rng: the random stream.
        label: the class.
        radius: about half the object's length, in pixels.

    Returns:
        The object.
    """
    kind = CLASSES[label]
    u, v = _frame(rng, radius)
    pixels = np.float32(radius)
    return SceneObject(
        label=label,
        left=-(u.shape[1] // 2),
        top=-(u.shape[0] // 2),
        radius=radius,
        u=u,
        v=v,
        body=kind.body.outline(u, v).astype(np.float32) * pixels,
        part=kind.part(u, v).astype(np.float32) * pixels,
        detail=kind.body.detail(u, v).astype(np.float32) * pixels,
        bevel=kind.body.bevel,
    )


def make_clutter(rng: SeededRng, outline: Outline, radius: float) -> SceneObject:
    """Draw a piece of clutter with its centre at (0, 0).

    Args:
        rng: the random stream.
        outline: its outline.
        radius: about half its length, in pixels.

    Returns:
        The clutter, with label -1.
    """
    u, v = _frame(rng, radius)
    far = np.full(u.shape, 9 * radius, np.float32)
    body = outline(u, v).astype(np.float32) * np.float32(radius)
    return SceneObject(-1, -(u.shape[1] // 2), -(u.shape[0] // 2), radius, u, v, body, far, far, 0.15)


def _frame(rng: SeededRng, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Local coordinates of a window that holds the object: rotated, maybe mirrored, stretched, off the pixel grid."""
    half = int(np.ceil(radius * 1.25)) + 3
    angle, stretch = rng.uniform(-np.pi, np.pi), rng.uniform(0.9, 1.1)
    flip = -1.0 if rng.chance(0.5) else 1.0
    grid = np.arange(-half, half + 1, dtype=np.float32)
    x = (grid + np.float32(rng.uniform(-0.5, 0.5)))[None] / np.float32(radius)
    y = (grid + np.float32(rng.uniform(-0.5, 0.5)))[:, None] / np.float32(radius)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return (x * cos + y * sin) * np.float32(flip * stretch), (y * cos - x * sin) * np.float32(1 / stretch)


def window_overlap(
    item: SceneObject, height: int, width: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Return where the window of an object overlaps the image.

    Args:
        item: the object.
        height, width: the size of the image, in pixels.

    Returns:
        The slices (rows, columns) into the image and those into the window, or None if they do not overlap.
    """
    h, w = item.u.shape
    top, left = max(item.top, 0), max(item.left, 0)
    bottom, right = min(item.top + h, height), min(item.left + w, width)
    if top >= bottom or left >= right:
        return None
    outer = (slice(top, bottom), slice(left, right))
    return outer, (slice(top - item.top, bottom - item.top), slice(left - item.left, right - item.left))


def paint(rng: SeededRng, item: SceneObject, canvas: np.ndarray, light: Lighting) -> None:
    """Paint an object's shadow and then the object itself onto the canvas, in place.

    Args:
        rng: the random stream.
        item: the object.
        canvas: float32 ``[3,H,W]``, colours in 0..1.
        light: the lamp.
    """
    outline = np.minimum(item.body, item.part)
    _cast_shadow(item, outline, canvas, light)
    area = window_overlap(item, *canvas.shape[1:])
    if area is None:
        return
    colour = _surface_colour(rng, item)
    bright, gloss = _shading(rng, item, outline, light)
    colour *= bright
    colour += gloss
    outer, inner = area
    cover = np.clip(0.5 - outline[inner], 0, 1)
    part = canvas[:, outer[0], outer[1]]
    part += cover * (colour[:, inner[0], inner[1]] - part)


def _surface_colour(rng: SeededRng, item: SceneObject) -> np.ndarray:
    """The object's own colour ``[3,h,w]``, without light."""
    main, other = random_colour(rng), random_colour(rng)
    mix = pattern(rng, item.u, item.v, item.radius) * np.float32(rng.uniform(0.25, 0.9))
    colour: np.ndarray = main[:, None, None] + mix * (other - main)[:, None, None]
    if item.label < 0:
        return colour
    mark = np.clip(0.5 - item.detail, 0, 1) * np.float32(0.8)
    colour += mark * ((random_colour(rng) if rng.chance(0.5) else 1 - main)[:, None, None] - colour)
    # The part has the body's colour or one of its own, at random: colour must not give the class away.
    second = main * np.float32(rng.uniform(0.6, 1.15)) if rng.chance(0.4) else random_colour(rng)
    body = np.clip(0.5 - item.body, 0, 1)
    with_part: np.ndarray = second[:, None, None] + body * (colour - second[:, None, None])
    return with_part


def _shading(rng: SeededRng, item: SceneObject, outline: np.ndarray, light: Lighting) -> tuple[np.ndarray, np.ndarray]:
    """Brightness (0.3..1.2) and highlight (0..1), both ``[h,w]``: the bevelled rim is curved, the middle is flat."""
    wide = np.float32(max(item.bevel * item.radius, 1.5))
    height = np.where(item.body <= 0, item.body, item.part)
    slope = np.clip(1 + height / wide, 0, 1)
    down, right = np.gradient(outline if item.label < 0 else height)
    tilt = np.float32(rng.uniform(0.6, 0.9)) * slope
    x, y = np.clip(right, -1, 1) * tilt, np.clip(down, -1, 1) * tilt
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0.05))
    facing = np.maximum(x * np.float32(light.x) + y * np.float32(light.y) + z * np.float32(light.z), 0)
    bright = np.float32(light.ambient) + np.float32(1.1 - light.ambient) * facing
    # Blinn's highlight: the half-way vector between the lamp and a viewer straight above.
    half = np.array([light.x, light.y, light.z + 1], np.float32)
    half /= np.sqrt((half * half).sum())
    shine = np.maximum(x * half[0] + y * half[1] + z * half[2], 0)
    for _ in range(4):
        shine = shine * shine
    return bright, shine * np.float32(rng.uniform(0, 0.4))


def _cast_shadow(item: SceneObject, outline: np.ndarray, canvas: np.ndarray, light: Lighting) -> None:
    """Darken the canvas on the side away from the lamp, most next to the outline."""
    reach = 0.16 * item.radius + 0.8
    moved = replace(item, left=item.left - round(light.x * reach * 1.4), top=item.top - round(light.y * reach * 1.4))
    area = window_overlap(moved, *canvas.shape[1:])
    if area is None:
        return
    outer, inner = area
    soft = np.float32(light.softness * item.radius + 1)
    dark = np.clip(0.5 - outline[inner] / (2 * soft), 0, 1)
    canvas[:, outer[0], outer[1]] *= 1 - np.float32(light.shadow) * dark * dark * (3 - 2 * dark)
