"""Small non-square maps, and boxes in them and beyond, for formulas that are checked one pixel at a time."""

from __future__ import annotations

import torch
from torch import Tensor

BOXES = torch.tensor([[0.0, 0, 3, 4], [-2, 1, 5, 6], [8, 5, 9, 6], [2, 2, 20, 5], [1.5, 0, 3, 6], [0, 0, 9, 6]])


def random_maps(count: int = 4, seed: int = 0) -> Tensor:
    """Non-square maps with many ties and zeros."""
    values = torch.rand(count, 6, 9, generator=torch.Generator().manual_seed(seed))
    return (values * 4).floor().clamp(max=3) * (values > 0.3)
