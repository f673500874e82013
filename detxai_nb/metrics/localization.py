"""How much of a heat map lies on its object."""

from __future__ import annotations

import torch
from torch import Tensor


def box_masks(boxes: Tensor, height: int, width: int) -> Tensor:
    """Pixels whose centre lies in each box: bool ``[N,height,width]`` for boxes ``[N,4]`` xyxy in pixels."""
    x1, y1, x2, y2 = boxes.unbind(1)
    return centres_between(y1, y2, height)[:, :, None] & centres_between(x1, x2, width)[:, None, :]


def centres_between(low: Tensor, high: Tensor, pixels: int) -> Tensor:
    """Along one axis, the pixels whose centre lies in ``[low, high)``: bool ``[N,pixels]`` for ends ``[N]``."""
    centres = torch.arange(pixels, device=low.device) + 0.5
    return (centres >= low[:, None]) & (centres < high[:, None])


def energy_pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Share of each map's energy inside its mask, ``[N]`` in 0..1; 0 for a map of zeros. Higher is better.

    ``maps`` ``[N,H,W]``: raw, non-negative, at the image's size. ``masks`` bool ``[N,H,W]``: the object's mask, or
    ``box_masks`` of its box. Wang et al., Score-CAM (CVPR Workshops 2020), sec. 4.2; ODAM table 4.
    """
    if maps.shape != masks.shape:
        raise ValueError(f"maps and masks are both [N,H,W], got {list(maps.shape)} and {list(masks.shape)}")
    if bool((maps < 0).any()):
        raise ValueError(
            "the energy of a map is defined for non-negative maps; take direction='positive' or relu first"
        )
    # MPS has no float64.
    wide = torch.float32 if maps.device.type == "mps" else torch.float64
    inside = (maps * masks).sum(dim=(1, 2), dtype=wide)
    total = maps.sum(dim=(1, 2), dtype=wide)
    return torch.where(total > 0, inside / total.clamp(min=torch.finfo(wide).tiny), 0.0)
