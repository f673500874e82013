"""Colours, textures and floors of the synthetic scenes: float32 arrays, colours in 0..1, planar [3,h,w]."""

from __future__ import annotations

import numpy as np

from detxai_nb.data.scenes.random import SeededRng


def rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    """A colour [3] from hue, saturation and value, all in 0..1 (hue wraps around)."""
    offset = np.abs((hue + np.array([0.0, 2 / 3, 1 / 3])) % 1.0 * 6 - 3) - 1
    return (value * (1 - saturation * (1 - np.clip(offset, 0, 1)))).astype(np.float32)


def any_colour(dice: SeededRng) -> np.ndarray:
    """A colour [3] for a thing: no class has one of its own."""
    if dice.chance(0.2):
        return rgb(dice.uniform(0, 1), dice.uniform(0.0, 0.15), dice.uniform(0.2, 0.95))
    return rgb(dice.uniform(0, 1), dice.uniform(0.35, 0.95), dice.uniform(0.35, 0.98))


def _between(length: int, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """For each of ``length`` pixels: the grid point before it, one every ``cell`` pixels, and the way on, 0..1."""
    position = np.arange(length, dtype=np.float32) / np.float32(cell)
    low = position.astype(np.int64)
    part = position - low
    return low, part * part * (3 - 2 * part)


def noise(dice: SeededRng, height: int, width: int, cell_y: float, cell_x: float) -> np.ndarray:
    """Smooth noise [height,width] in 0..1 with blobs of about cell_y x cell_x pixels (value noise)."""
    (row, down), (column, across) = _between(height, max(cell_y, 1.0)), _between(width, max(cell_x, 1.0))
    grid = dice.field(int(row[-1]) + 2, int(column[-1]) + 2)
    # No matrix product: its order of summation, and so its last bits, would depend on the machine.
    lines = grid[:, column] + across * (grid[:, column + 1] - grid[:, column])
    upper = lines[row]
    return upper + down[:, None] * (lines[row + 1] - upper)


def rough_noise(dice: SeededRng, height: int, width: int, cell: float) -> np.ndarray:
    """Three octaves of smooth noise, in 0..1."""
    total = noise(dice, height, width, cell, cell) * np.float32(0.5)
    total += noise(dice, height, width, cell / 2, cell / 2) * np.float32(0.3)
    total += noise(dice, height, width, cell / 4, cell / 4) * np.float32(0.2)
    return total


def pattern(dice: SeededRng, u: np.ndarray, v: np.ndarray, pixels: float) -> np.ndarray:
    """How much of a thing's second colour shows at each place [h,w], 0..1.

    ``u``, ``v``: the thing's own coordinates; ``pixels``: pixels per unit, so that nothing finer than 4 pixels is
    drawn.
    """
    kind = dice.pick(("plain", "stripes", "dots", "checks", "mottled", "fade"))
    angle = dice.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    a, b = u * cos + v * sin, v * cos - u * sin
    waves = np.float32(min(dice.uniform(6, 16), pixels * 1.5))
    if kind == "stripes":
        return np.clip(0.5 + 2 * np.sin(a * waves), 0, 1)
    if kind == "dots":
        return np.clip(3 * np.cos(a * waves) * np.cos(b * waves) - 1, 0, 1)
    if kind == "checks":
        return np.clip(0.5 + 3 * np.sin(a * waves * 0.6) * np.sin(b * waves * 0.6), 0, 1)
    if kind == "mottled":
        return np.clip(rough_noise(dice, u.shape[0], u.shape[1], max(4.0, pixels * 0.4)) * 2 - 0.5, 0, 1)
    if kind == "fade":
        return np.clip(a * 0.5 + 0.5, 0, 1)
    return np.zeros_like(u)


def _wood(dice: SeededRng, height: int, width: int, scale: float) -> np.ndarray:
    grain = noise(dice, height, width, 3 * scale, 60 * scale) * np.float32(0.6)
    grain += noise(dice, height, width, 9 * scale, 140 * scale) * np.float32(0.4)
    plank = max(8.0, dice.uniform(28, 60) * scale)
    row = (np.arange(height, dtype=np.float32) + np.float32(dice.uniform(0, plank))) / np.float32(plank)
    tone = dice.field(int(row[-1]) + 1)[row.astype(np.int64)]
    seam = np.clip((np.abs(row - np.round(row)) * plank - 0.6) / 1.2, 0, 1)
    return (grain * 0.7 + tone[:, None] * 0.3) * (0.35 + 0.65 * seam[:, None])


def _tiles(dice: SeededRng, height: int, width: int, scale: float) -> np.ndarray:
    side = max(10.0, dice.uniform(24, 56) * scale)
    rows = (np.arange(height, dtype=np.float32) + np.float32(dice.uniform(0, side))) / np.float32(side)
    columns = (np.arange(width, dtype=np.float32) + np.float32(dice.uniform(0, side))) / np.float32(side)
    tone = dice.field(int(rows[-1]) + 1, int(columns[-1]) + 1)
    if dice.chance(0.5):
        tone = tone * 0.4 + (np.indices(tone.shape).sum(0) % 2) * np.float32(0.6)
    tone = tone[rows.astype(np.int64)[:, None], columns.astype(np.int64)[None]]
    edge = np.minimum(np.abs(rows - np.round(rows))[:, None], np.abs(columns - np.round(columns))[None]) * side
    grout = np.clip((edge - 0.8) / 1.2, 0, 1)
    return (tone * 0.7 + rough_noise(dice, height, width, 12 * scale) * 0.3) * (0.4 + 0.6 * grout)


def _cloth(dice: SeededRng, height: int, width: int, scale: float) -> np.ndarray:
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None]
    first, second = (np.float32(2 * np.pi / (dice.uniform(14, 60) * max(scale, 0.4))) for _ in range(2))
    plaid = np.clip(0.5 + 2 * np.sin(rows * first), 0, 1) * np.float32(dice.uniform(0, 0.5))
    plaid = plaid + np.clip(0.5 + 2 * np.sin(columns * second), 0, 1) * np.float32(dice.uniform(0.2, 0.5))
    weave = dice.field(height, width) * np.float32(0.25)
    return plaid + weave + noise(dice, height, width, 70 * scale, 70 * scale) * np.float32(0.2)


def _stone(dice: SeededRng, height: int, width: int, scale: float) -> np.ndarray:
    cell = dice.log_uniform(6, 50) * scale
    return np.clip(rough_noise(dice, height, width, cell) * 1.8 - 0.4, 0, 1)


def _paper(dice: SeededRng, height: int, width: int, scale: float) -> np.ndarray:
    return noise(dice, height, width, 160 * scale, 160 * scale) * 0.9 + dice.field(height, width) * np.float32(0.1)


FLOORS = (_wood, _tiles, _cloth, _stone, _paper)


def floor(dice: SeededRng, height: int, width: int) -> np.ndarray:
    """A textured background [3,height,width] between two colours of about one hue."""
    scale = min(height, width) / 256
    draw = dice.pick(FLOORS)
    amount = draw(dice, width, height, scale).T if dice.chance(0.5) else draw(dice, height, width, scale)
    hue, value = dice.uniform(0, 1), dice.uniform(0.4, 1.0)
    light = rgb(hue, dice.uniform(0.03, 0.45), value)
    dark = rgb(hue + dice.uniform(-0.06, 0.06), dice.uniform(0.05, 0.6), value * dice.uniform(0.4, 0.8))
    amount = np.clip(amount, 0, 1).astype(np.float32)
    return dark[:, None, None] + amount * (light - dark)[:, None, None]
