"""G-CAME written out from its definition: one object, channel and cell at a time, in double precision."""

from __future__ import annotations

import math

import numpy as np


def g_came_by_hand(
    activation: np.ndarray,
    gradient: np.ndarray,
    input_size: tuple[int, int],
    two: bool = False,
    as_published: bool = False,
) -> np.ndarray:
    """The map ``[h,w]`` of one object; ``activation`` and ``gradient`` ``[C,h,w]``."""
    channels, height, width = activation.shape
    total = np.zeros((height, width))
    for c in range(channels):
        g = gradient[c].astype(float)
        if not two:
            total += masked(activation[c], g.mean(), np.abs(g), input_size, as_published)
            continue
        if as_published and not (g < 0).any():
            continue
        rising = np.where(g > 0, g, 0)
        falling = np.where(g < 0, -g, 0)
        least = np.where(g < 0, g, -np.inf) if as_published else falling
        total += masked(activation[c], rising.mean(), rising, input_size, as_published)
        total -= masked(activation[c], falling.mean(), least, input_size, as_published)
    return np.maximum(total, 0)


def masked(
    activation: np.ndarray, weight: float, strength: np.ndarray, input_size: tuple[int, int], as_published: bool
) -> np.ndarray:
    """``weight * mask * activation`` of one channel, the mask centred where ``strength`` is largest."""
    height, width = activation.shape
    if weight == 0:
        return np.zeros((height, width))
    row, column = np.unravel_index(strength.argmax(), strength.shape)
    scale = math.sqrt(input_size[0] * input_size[1] / (height * width))
    half = math.floor((math.sqrt(height * width) - 1) / 2)
    sigma = abs(math.log(abs(weight)) * math.log(scale)) * 3 / half
    if as_published:
        sigma = max(sigma, 1.0)
    mask = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            mask[y, x] = math.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2))
    mask = (mask - mask.min()) / (mask.max() - mask.min())
    return weight * mask * activation
