"""The energy of a heat map, inside a mask or everywhere, and the masks of boxes."""

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


def energy(maps: Tensor, masks: Tensor | None = None) -> Tensor:
    """The sum of each map, inside its mask if there is one: ``[N]`` in double precision where the device has it.

    ``maps`` ``[N,H,W]``; ``masks`` bool ``[N,H,W]`` or, the same for all, ``[H,W]``.
    """
    # MPS has no float64.
    wide = torch.float32 if maps.device.type == "mps" else torch.float64
    return (maps if masks is None else maps * masks).sum(dim=(1, 2), dtype=wide)


def share(part: Tensor, whole: Tensor, empty: float = 0.0) -> Tensor:
    """``part / whole`` element by element, ``empty`` where the whole is not above 0."""
    safe = torch.where(whole > 0, whole, torch.ones_like(whole))
    return torch.where(whole > 0, part / safe, torch.full_like(safe, empty))


def check_pairs(maps: Tensor, masks: Tensor) -> None:
    """ValueError where maps and masks are not both ``[N,H,W]``."""
    if maps.shape != masks.shape:
        raise ValueError(f"maps and masks are both [N,H,W], got {list(maps.shape)} and {list(masks.shape)}")


def check_not_negative(maps: Tensor) -> None:
    """ValueError where a map has negative values."""
    if bool((maps < 0).any()):
        raise ValueError(
            "the energy of a map is defined for non-negative maps; take direction='positive' or relu first"
        )
