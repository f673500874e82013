"""The values of heat maps, scaled."""

from __future__ import annotations

import torch
from torch import Tensor


def normalize_maps(values: Tensor, signed: bool) -> Tensor:
    """Scale each map to 0..1 by its own minimum and maximum, or a signed one to -1..1 by its largest magnitude.

    Args:
        values: ``[N,H,W]``, raw.
        signed: whether zero stays zero.

    Returns:
        ``[N,H,W]``; a constant map, or a signed one of zeros, is all zeros.
    """
    if signed:
        return _divide(values, values.abs().amax(dim=(1, 2), keepdim=True))
    low, high = values.amin(dim=(1, 2), keepdim=True), values.amax(dim=(1, 2), keepdim=True)
    return _divide(values - low, high - low)


def _divide(values: Tensor, by: Tensor) -> Tensor:
    return torch.where(by > 0, values / by.clamp(min=torch.finfo(values.dtype).tiny), torch.zeros_like(values))
