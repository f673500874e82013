"""Two maps that know nothing of the detector, to stand beside every method: a random one and a Gaussian in the box."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SIGMA = 12**-0.5


def random_maps(count: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Maps of independent values, even in [0, 1): float32 ``[count,height,width]`` on the CPU.

    Each map is drawn from the seed and its number, so the first of several equals the only one.
    """
    for name, value in (("count", count), ("seed", seed)):
        if value < 0:
            raise ValueError(f"{name} is 0 or more, got {value}")
    maps = [
        np.random.Generator(np.random.PCG64([seed, row])).random((height, width), np.float32) for row in range(count)
    ]
    return torch.from_numpy(np.stack(maps)) if maps else torch.zeros(0, height, width)


def centred_gaussians(boxes: Tensor, height: int, width: int, sigma: float = SIGMA) -> Tensor:
    """A Gaussian about the middle of each box: float32 ``[N,height,width]`` on the boxes' device, at most 1.

    ``boxes`` ``[N,4]`` xyxy in pixels of the image, usually the detected ones: all that a map can know without looking
    into the detector. ``sigma`` in units of the box's side on each axis; by default 1 / sqrt(12) = 0.289, the standard
    deviation of the box itself, so that map and box have the same middle and spread and nothing is left to choose. 84%
    of the Gaussian then lies in the box. A box without extent counts as one pixel wide.
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
