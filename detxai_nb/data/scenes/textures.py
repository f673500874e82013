"""Colours, textures and floors of the synthetic scenes: float32 arrays, colours in 0..1, planar ``[3,h,w]``."""

from __future__ import annotations

import numpy as np

from detxai_nb.data.scenes.random import SeededRng


def rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    """Return a colour given as hue, saturation and value.

    Args:
        hue, saturation, value: in 0..1; the hue wraps around.

    Returns:
        RGB, float32 ``[3]``, in 0..1.
    """
    offset = np.abs((hue + np.array([0.0, 2 / 3, 1 / 3])) % 1.0 * 6 - 3) - 1
    colour: np.ndarray = (value * (1 - saturation * (1 - np.clip(offset, 0, 1)))).astype(np.float32)
    return colour


def random_colour(rng: SeededRng) -> np.ndarray:
    """Draw the colour of an object or of clutter, without regard to its class.

    Args:
        rng: the random stream.

    Returns:
        RGB, float32 ``[3]``, in 0..1.
    """
    if rng.chance(0.2):
        return rgb(rng.uniform(0, 1), rng.uniform(0.0, 0.15), rng.uniform(0.2, 0.95))
    return rgb(rng.uniform(0, 1), rng.uniform(0.35, 0.95), rng.uniform(0.35, 0.98))


def _interpolation(length: int, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """For each of ``length`` pixels: the grid point before it (one every ``cell`` pixels) and the next one's weight."""
    position = np.arange(length, dtype=np.float32) / np.float32(cell)
    low = position.astype(np.int64)
    part = position - low
    return low, part * part * (3 - 2 * part)


def noise(rng: SeededRng, height: int, width: int, cell_y: float, cell_x: float) -> np.ndarray:
    """Draw smooth noise (value noise).

    Args:
        rng: the random stream.
        height, width: the size, in pixels.
        cell_y, cell_x: the size of the blobs, in pixels.

    Returns:
        float32 ``[height,width]`` in 0..1.
    """
    row, down = _interpolation(height, max(cell_y, 1.0))
    column, across = _interpolation(width, max(cell_x, 1.0))
    grid = rng.field(int(row[-1]) + 2, int(column[-1]) + 2)
    # Not a matrix product: its order of summation, and so its last bits, would depend on the machine.
    lines = grid[:, column] + across * (grid[:, column + 1] - grid[:, column])
    upper = lines[row]
    values: np.ndarray = upper + down[:, None] * (lines[row + 1] - upper)
    return values


def rough_noise(rng: SeededRng, height: int, width: int, cell: float) -> np.ndarray:
    """Draw three octaves of smooth noise.

    Args:
        rng: the random stream.
        height, width: the size, in pixels.
        cell: the size of the largest blobs, in pixels.

    Returns:
        float32 ``[height,width]`` in 0..1.
    """
    total = noise(rng, height, width, cell, cell) * np.float32(0.5)
    total += noise(rng, height, width, cell / 2, cell / 2) * np.float32(0.3)
    total += noise(rng, height, width, cell / 4, cell / 4) * np.float32(0.2)
    return total


def pattern(rng: SeededRng, u: np.ndarray, v: np.ndarray, pixels: float) -> np.ndarray:
    """Draw the pattern in which an object's second colour covers its first.

    Args:
        rng: the random stream.
        u, v: the object's local coordinates ``[h,w]``.
        pixels: pixels per local unit, so that nothing finer than 4 pixels is drawn.

    Returns:
        The share of the second colour at each pixel, ``[h,w]`` in 0..1.
    """
    kind = rng.pick(("plain", "stripes", "dots", "checks", "mottled", "fade"))
    angle = rng.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    a, b = u * cos + v * sin, v * cos - u * sin
    waves = np.float32(min(rng.uniform(6, 16), pixels * 1.5))
    amount: np.ndarray = np.zeros_like(u)
    if kind == "stripes":
        amount = np.clip(0.5 + 2 * np.sin(a * waves), 0, 1)
    elif kind == "dots":
        amount = np.clip(3 * np.cos(a * waves) * np.cos(b * waves) - 1, 0, 1)
    elif kind == "checks":
        amount = np.clip(0.5 + 3 * np.sin(a * waves * 0.6) * np.sin(b * waves * 0.6), 0, 1)
    elif kind == "mottled":
        amount = np.clip(rough_noise(rng, u.shape[0], u.shape[1], max(4.0, pixels * 0.4)) * 2 - 0.5, 0, 1)
    elif kind == "fade":
        amount = np.clip(a * 0.5 + 0.5, 0, 1)
    return amount


def _wood(rng: SeededRng, height: int, width: int, scale: float) -> np.ndarray:
    grain = noise(rng, height, width, 3 * scale, 60 * scale) * np.float32(0.6)
    grain += noise(rng, height, width, 9 * scale, 140 * scale) * np.float32(0.4)
    plank = max(8.0, rng.uniform(28, 60) * scale)
    row = (np.arange(height, dtype=np.float32) + np.float32(rng.uniform(0, plank))) / np.float32(plank)
    tone = rng.field(int(row[-1]) + 1)[row.astype(np.int64)]
    seam = np.clip((np.abs(row - np.round(row)) * plank - 0.6) / 1.2, 0, 1)
    amount: np.ndarray = (grain * 0.7 + tone[:, None] * 0.3) * (0.35 + 0.65 * seam[:, None])
    return amount


def _tiles(rng: SeededRng, height: int, width: int, scale: float) -> np.ndarray:
    side = max(10.0, rng.uniform(24, 56) * scale)
    rows = (np.arange(height, dtype=np.float32) + np.float32(rng.uniform(0, side))) / np.float32(side)
    columns = (np.arange(width, dtype=np.float32) + np.float32(rng.uniform(0, side))) / np.float32(side)
    tone = rng.field(int(rows[-1]) + 1, int(columns[-1]) + 1)
    if rng.chance(0.5):
        tone = tone * 0.4 + (np.indices(tone.shape).sum(0) % 2) * np.float32(0.6)
    tone = tone[rows.astype(np.int64)[:, None], columns.astype(np.int64)[None]]
    edge = np.minimum(np.abs(rows - np.round(rows))[:, None], np.abs(columns - np.round(columns))[None]) * side
    grout = np.clip((edge - 0.8) / 1.2, 0, 1)
    amount: np.ndarray = (tone * 0.7 + rough_noise(rng, height, width, 12 * scale) * 0.3) * (0.4 + 0.6 * grout)
    return amount


def _cloth(rng: SeededRng, height: int, width: int, scale: float) -> np.ndarray:
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None]
    first, second = (np.float32(2 * np.pi / (rng.uniform(14, 60) * max(scale, 0.4))) for _ in range(2))
    plaid = np.clip(0.5 + 2 * np.sin(rows * first), 0, 1) * np.float32(rng.uniform(0, 0.5))
    plaid = plaid + np.clip(0.5 + 2 * np.sin(columns * second), 0, 1) * np.float32(rng.uniform(0.2, 0.5))
    weave = rng.field(height, width) * np.float32(0.25)
    amount: np.ndarray = plaid + weave + noise(rng, height, width, 70 * scale, 70 * scale) * np.float32(0.2)
    return amount


def _stone(rng: SeededRng, height: int, width: int, scale: float) -> np.ndarray:
    cell = rng.log_uniform(6, 50) * scale
    return np.clip(rough_noise(rng, height, width, cell) * 1.8 - 0.4, 0, 1)


def _paper(rng: SeededRng, height: int, width: int, scale: float) -> np.ndarray:
    return noise(rng, height, width, 160 * scale, 160 * scale) * 0.9 + rng.field(height, width) * np.float32(0.1)


FLOORS = (_wood, _tiles, _cloth, _stone, _paper)


def floor_texture(rng: SeededRng, height: int, width: int) -> np.ndarray:
    """Draw a textured floor between two colours of about the same hue.

    Args:
        rng: the random stream.
        height, width: the size, in pixels.

    Returns:
        float32 ``[3,height,width]``, colours in 0..1.
    """
    scale = min(height, width) / 256
    draw = rng.pick(FLOORS)
    amount = draw(rng, width, height, scale).T if rng.chance(0.5) else draw(rng, height, width, scale)
    hue, value = rng.uniform(0, 1), rng.uniform(0.4, 1.0)
    light = rgb(hue, rng.uniform(0.03, 0.45), value)
    dark = rgb(hue + rng.uniform(-0.06, 0.06), rng.uniform(0.05, 0.6), value * rng.uniform(0.4, 0.8))
    amount = np.clip(amount, 0, 1).astype(np.float32)
    colours: np.ndarray = dark[:, None, None] + amount * (light - dark)[:, None, None]
    return colours
