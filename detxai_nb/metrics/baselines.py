"""Baselines: a random map and a Gaussian in the box, which know nothing of the detector."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SIGMA = 12**-0.5
"""The standard deviation of an even distribution over a box of side 1."""


def random_maps(count: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Return maps of independent random values.

    Each map is drawn from the seed and its own number, so the first of several maps equals the only one.

    Args:
        count: number of maps, 0 or more.
        height, width: size of each map in pixels.
        seed: of the random numbers, 0 or more.

    Returns:
        float32 ``[count,height,width]`` on the CPU, uniform in [0, 1).

    Raises:
        ValueError: if ``count`` or ``seed`` is negative.

    Example:
        >>> import detxai_nb as dx
        >>> dx.metrics.random_maps(2, height=30, width=40).shape
        torch.Size([2, 30, 40])
    """
    for name, value in (("count", count), ("seed", seed)):
        if value < 0:
            raise ValueError(f"{name} is 0 or more, got {value}")
    maps = [
        np.random.Generator(np.random.PCG64([seed, row])).random((height, width), np.float32) for row in range(count)
    ]
    return (
        torch.from_numpy(np.stack(maps)) if maps else torch.zeros(0, height, width, dtype=torch.float32, device="cpu")
    )


def centred_gaussians(boxes: Tensor, height: int, width: int, sigma: float = SIGMA) -> Tensor:
    """Return a Gaussian about the centre of each box.

    With the default ``sigma``, map and box have the same centre and spread, so nothing is left to choose; 84% of the
    Gaussian then lies in the box. A box without extent counts as one pixel wide.

    Args:
        boxes: ``[N,4]`` xyxy in pixels of the image, usually the detected boxes: all that a map can know of an object
            from outside the detector.
        height, width: size of each map in pixels.
        sigma: standard deviation on each axis in units of the box's side, above 0; by default 1 / sqrt(12) = 0.289,
            the standard deviation of the box itself.

    Returns:
        float32 ``[N,height,width]`` on the device of ``boxes``, in 0..1.

    Raises:
        ValueError: if ``sigma`` is not above 0.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> maps = dx.metrics.centred_gaussians(torch.tensor([[10.0, 5.0, 31.0, 26.0]]), height=40, width=50)
        >>> divmod(int(maps[0].argmax()), 50)  # row and column of the maximum
        (15, 20)
    """
    if not sigma > 0:
        raise ValueError(f"sigma is above 0, got {sigma}")
    x1, y1, x2, y2 = boxes.float().unbind(1)
    down, across = _bell(y1, y2, height, sigma), _bell(x1, x2, width, sigma)
    return down[:, :, None] * across[:, None, :]


def _bell(low: Tensor, high: Tensor, pixels: int, sigma: float) -> Tensor:
    """The Gaussian of one axis at the pixels' centres, ``[N,pixels]``."""
    centres = torch.arange(pixels, device=low.device) + 0.5
    away = (centres - (low + high)[:, None] / 2) / ((high - low).clamp(min=1) * sigma)[:, None]
    return torch.exp(-(away**2) / 2)
