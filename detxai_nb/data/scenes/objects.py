"""One thing of a synthetic scene: where it lies, which pixels it covers, and how it is painted and lit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.data.scenes.shapes import KINDS, Outline
from detxai_nb.data.scenes.textures import any_colour, pattern


@dataclass(frozen=True)
class Lighting:
    """One lamp for the whole scene: unit direction to it (x right, y down, z to the eye), and its shadows."""

    x: float
    y: float
    z: float
    ambient: float
    shadow: float
    softness: float

    @classmethod
    def roll(cls, dice: SeededRng) -> Lighting:
        """A lamp somewhere above the table."""
        around, up = dice.uniform(0, 2 * np.pi), dice.uniform(0.6, 1.1)
        flat = float(np.cos(up))
        return cls(
            x=flat * float(np.cos(around)),
            y=flat * float(np.sin(around)),
            z=float(np.sin(up)),
            ambient=dice.uniform(0.35, 0.55),
            shadow=dice.uniform(0.3, 0.65),
            softness=dice.uniform(0.06, 0.2),
        )


@dataclass(frozen=True, eq=False)
class SceneObject:
    """An object (``label`` 0..) or clutter (``label`` -1) on its own window of pixels.

    ``left``, ``top``: the window's place in the image (may lie outside); ``u``, ``v``: local coordinates [h,w];
    ``body``, ``part``: signed distances [h,w] in pixels; ``detail``: the painted mark on the body, in pixels;
    ``radius``: pixels per unit.
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
        """All its pixels [h,w], hidden or not."""
        return np.minimum(self.body, self.part) <= 0

    @property
    def part_mask(self) -> np.ndarray:
        """The pixels of its part [h,w], hidden or not; the body lies over the part."""
        return (self.part <= 0) & (self.body > 0)

    def without_part(self) -> SceneObject:
        """The same thing with nothing but its body."""
        return replace(self, part=np.full_like(self.part, 9 * self.radius))

    def at(self, x: float, y: float) -> SceneObject:
        """The same thing with its middle at about (x, y); whole pixels, so nothing is drawn again."""
        height, width = self.u.shape
        return replace(self, left=round(x) - width // 2, top=round(y) - height // 2)


def shape(dice: SeededRng, label: int, radius: float) -> SceneObject:
    """An object of class ``label``, about 2 x ``radius`` pixels long, with its middle at (0, 0)."""
    kind = KINDS[label]
    u, v = _frame(dice, radius)
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


def clutter(dice: SeededRng, outline: Outline, radius: float) -> SceneObject:
    """A thing that is no object, with its middle at (0, 0)."""
    u, v = _frame(dice, radius)
    far = np.full(u.shape, 9 * radius, np.float32)
    body = outline(u, v).astype(np.float32) * np.float32(radius)
    return SceneObject(-1, -(u.shape[1] // 2), -(u.shape[0] // 2), radius, u, v, body, far, far, 0.15)


def _frame(dice: SeededRng, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Local coordinates over a window that holds the thing: turned, mirrored or not, stretched, off the pixel grid."""
    half = int(np.ceil(radius * 1.25)) + 3
    angle, stretch = dice.uniform(-np.pi, np.pi), dice.uniform(0.9, 1.1)
    flip = -1.0 if dice.chance(0.5) else 1.0
    grid = np.arange(-half, half + 1, dtype=np.float32)
    x = (grid + np.float32(dice.uniform(-0.5, 0.5)))[None] / np.float32(radius)
    y = (grid + np.float32(dice.uniform(-0.5, 0.5)))[:, None] / np.float32(radius)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return (x * cos + y * sin) * np.float32(flip * stretch), (y * cos - x * sin) * np.float32(1 / stretch)


def overlap(thing: SceneObject, height: int, width: int) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """The image's and the window's slices (rows, columns) where the thing's window meets the image; None if nowhere."""
    h, w = thing.u.shape
    top, left = max(thing.top, 0), max(thing.left, 0)
    bottom, right = min(thing.top + h, height), min(thing.left + w, width)
    if top >= bottom or left >= right:
        return None
    outer = (slice(top, bottom), slice(left, right))
    return outer, (slice(top - thing.top, bottom - thing.top), slice(left - thing.left, right - thing.left))


def paint(dice: SeededRng, thing: SceneObject, canvas: np.ndarray, light: Lighting) -> None:
    """Lay the thing's shadow and then the thing itself onto the canvas [3,H,W] (0..1), in place."""
    outline = np.minimum(thing.body, thing.part)
    _cast_shadow(thing, outline, canvas, light)
    area = overlap(thing, *canvas.shape[1:])
    if area is None:
        return
    colour = _surface(dice, thing)
    bright, gloss = _shading(dice, thing, outline, light)
    colour *= bright
    colour += gloss
    outer, inner = area
    cover = np.clip(0.5 - outline[inner], 0, 1)
    part = canvas[:, outer[0], outer[1]]
    part += cover * (colour[:, inner[0], inner[1]] - part)


def _surface(dice: SeededRng, thing: SceneObject) -> np.ndarray:
    """The thing's own colour [3,h,w] before light falls on it."""
    main, other = any_colour(dice), any_colour(dice)
    mix = pattern(dice, thing.u, thing.v, thing.radius) * np.float32(dice.uniform(0.25, 0.9))
    colour = main[:, None, None] + mix * (other - main)[:, None, None]
    if thing.label < 0:
        return colour
    mark = np.clip(0.5 - thing.detail, 0, 1) * np.float32(0.8)
    colour += mark * ((any_colour(dice) if dice.chance(0.5) else 1 - main)[:, None, None] - colour)
    # The part has the body's colour or one of its own, at random: colour must not give the class away.
    second = main * np.float32(dice.uniform(0.6, 1.15)) if dice.chance(0.4) else any_colour(dice)
    body = np.clip(0.5 - thing.body, 0, 1)
    return second[:, None, None] + body * (colour - second[:, None, None])


def _shading(
    dice: SeededRng, thing: SceneObject, outline: np.ndarray, light: Lighting
) -> tuple[np.ndarray, np.ndarray]:
    """Brightness (0.3..1.2) and highlight (0..1), both [h,w]: edges curve away over the bevel, the middle is flat."""
    wide = np.float32(max(thing.bevel * thing.radius, 1.5))
    height = np.where(thing.body <= 0, thing.body, thing.part)
    slope = np.clip(1 + height / wide, 0, 1)
    down, right = np.gradient(outline if thing.label < 0 else height)
    tilt = np.float32(dice.uniform(0.6, 0.9)) * slope
    x, y = np.clip(right, -1, 1) * tilt, np.clip(down, -1, 1) * tilt
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0.05))
    facing = np.maximum(x * np.float32(light.x) + y * np.float32(light.y) + z * np.float32(light.z), 0)
    bright = np.float32(light.ambient) + np.float32(1.1 - light.ambient) * facing
    # Blinn's highlight: the half-way vector between the lamp and an eye straight above.
    half = np.array([light.x, light.y, light.z + 1], np.float32)
    half /= np.sqrt((half * half).sum())
    shine = np.maximum(x * half[0] + y * half[1] + z * half[2], 0)
    for _ in range(4):
        shine = shine * shine
    return bright, shine * np.float32(dice.uniform(0, 0.4))


def _cast_shadow(thing: SceneObject, outline: np.ndarray, canvas: np.ndarray, light: Lighting) -> None:
    """Darken the canvas away from the lamp; the nearer to the outline, the darker."""
    reach = 0.16 * thing.radius + 0.8
    moved = replace(thing, left=thing.left - round(light.x * reach * 1.4), top=thing.top - round(light.y * reach * 1.4))
    area = overlap(moved, *canvas.shape[1:])
    if area is None:
        return
    outer, inner = area
    soft = np.float32(light.softness * thing.radius + 1)
    dark = np.clip(0.5 - outline[inner] / (2 * soft), 0, 1)
    canvas[:, outer[0], outer[1]] *= 1 - np.float32(light.shadow) * dark * dark * (3 - 2 * dark)
