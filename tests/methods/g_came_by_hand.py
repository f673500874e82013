"""G-CAME written out: one object, channel and cell at a time, in double precision."""

from __future__ import annotations

import math

import numpy as np


def g_came_by_hand(
    activation: np.ndarray, gradient: np.ndarray, input_size: tuple[int, int], two: bool = False
) -> np.ndarray:
    """The map ``[h,w]`` of one object by the definition; ``activation`` and ``gradient`` ``[C,h,w]``."""
    channels, height, width = activation.shape
    total = np.zeros((height, width))
    for c in range(channels):
        g = gradient[c].astype(float)
        if not two:
            total += masked(activation[c], g.mean(), np.abs(g), input_size)
            continue
        rising = np.where(g > 0, g, 0)
        falling = np.where(g < 0, -g, 0)
        total += masked(activation[c], rising.mean(), rising, input_size)
        total -= masked(activation[c], falling.mean(), falling, input_size)
    return np.maximum(total, 0)


def masked(activation: np.ndarray, weight: float, strength: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
    """``weight * mask * activation`` of one channel, the mask centred where ``strength`` is largest."""
    height, width = activation.shape
    if weight == 0:
        return np.zeros((height, width))
    row, column = np.unravel_index(strength.argmax(), strength.shape)
    scale = math.sqrt(input_size[0] * input_size[1] / (height * width))
    half = math.floor((math.sqrt(height * width) - 1) / 2)
    sigma = abs(math.log(abs(weight)) * math.log(scale)) * 3 / half
    mask = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            mask[y, x] = math.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2))
    mask = (mask - mask.min()) / (mask.max() - mask.min())
    return weight * mask * activation


def counted_from_one(height: int, width: int, place: tuple[int, int], sigma: float) -> np.ndarray:
    """The notebooks' Gaussian: cells are counted from 1, the centre's ``place`` (row, column) from 0."""
    across, down = np.meshgrid(np.linspace(1, width, width), np.linspace(1, height, height))
    row, column = place
    mask = np.exp(-((across - column) ** 2 + (down - row) ** 2) / (2 * sigma**2))
    return (mask - mask.min()) / (mask.max() - mask.min())


def one_stage_notebook(activation: np.ndarray, gradient: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
    """The arithmetic of the authors' notebook of YOLOX: a gradient of one cell in each channel."""
    channels, height, width = activation.shape
    stride = math.sqrt(input_size[0] * input_size[1] / (height * width))
    half = math.floor(math.sqrt(height * width) - 1) / 2
    total = np.zeros((height, width))
    for c in range(channels):
        cells = np.argwhere(gradient[c] != 0)
        if not len(cells):
            continue
        mean = gradient[c].mean()
        sigma = abs(math.log(abs(mean)) * math.log(stride) * 3 / half)
        total += activation[c] * mean * counted_from_one(height, width, tuple(cells[0]), sigma)
    return np.maximum(total, 0)


def two_stage_notebook(activation: np.ndarray, gradient: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
    """The arithmetic of the authors' notebook of Faster R-CNN."""
    channels, height, width = activation.shape
    stride = math.sqrt(input_size[0] * input_size[1] / (height * width))
    half = math.floor((math.sqrt(height * width) - 1) / 2)
    total = np.zeros((height, width))
    for c in range(channels):
        positive, negative = np.maximum(gradient[c], 0), np.minimum(gradient[c], 0)
        if positive.mean() == 0 or negative.mean() == 0:
            continue
        weakest = np.unique(negative[negative != 0])[-1]
        parts = []
        for part, value in ((positive, positive.max()), (negative, weakest)):
            place = tuple(np.argwhere(part == value)[0])
            sigma = max(abs(math.log(abs(part.mean())) * math.log(stride) * 3 / half), 1.0)
            parts.append(activation[c] * part.mean() * counted_from_one(height, width, place, sigma))
        total += np.maximum(parts[0] - parts[1], 0)
    return np.maximum(total, 0)
