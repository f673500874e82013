"""How much of a heat map lies on its object, and how close together: pointing games and compactness."""

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


def energy_pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Share of each map's energy inside its mask, ``[N]`` in 0..1; 0 for a map of zeros. Higher is better.

    ``maps`` ``[N,H,W]``: raw, non-negative, at the image's size. ``masks`` bool ``[N,H,W]``: the object's mask, or
    ``box_masks`` of its box. Wang et al., Score-CAM (CVPR Workshops 2020), sec. 4.2; ODAM table 4.
    """
    check_pairs(maps, masks)
    check_not_negative(maps)
    return share(energy(maps, masks), energy(maps))


def pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Share of each map's maximal pixels that lie in its mask, ``[N]`` in 0..1. Higher is better.

    For a single maximum that is a hit (1) or a miss (0); where several pixels share the maximum, the chance of a hit if
    one of them is drawn. 0 for a map without a positive value. ``maps`` ``[N,H,W]``: raw, at the image's size, signed
    ones too; ``masks`` bool ``[N,H,W]``. Zhang et al. (IJCV 2018), sec. 4.1; ODAM table 4. The papers do not say what
    happens with several maxima.
    """
    check_pairs(maps, masks)
    if maps.numel() == 0:
        return maps.new_zeros(len(maps))
    high = maps.amax(dim=(1, 2), keepdim=True)
    maximal = maps == high
    hits, all_of_them = (maximal & masks).sum(dim=(1, 2)), maximal.sum(dim=(1, 2))
    return torch.where(high.flatten() > 0, hits / all_of_them, 0.0)


def compactness(maps: Tensor, boxes: Tensor) -> Tensor:
    """Spread of each map about its maximum, in units of its object's size, ``[N]``. Lower is better.

    ``sqrt( sum S d^2 / sum S / ((w^2 + h^2) / 4) )`` with S the map, d the distance of a pixel to the first maximal
    pixel (row by row from the top), w and h the sides of the annotated box. ``maps`` ``[N,H,W]``: raw, non-negative, at
    the image's size; ``boxes`` ``[N,4]`` xyxy in pixels. NaN for a map of zeros and a box without extent. ODAM sec. 4.2
    (table 4).
    """
    if boxes.shape != (len(maps), 4):
        raise ValueError(f"boxes are [N,4] for {len(maps)} maps, got {list(boxes.shape)}")
    check_not_negative(maps)
    wide = torch.float32 if maps.device.type == "mps" else torch.float64
    height, width = maps.shape[1:]
    first = maps.flatten(1).argmax(dim=1) if maps.numel() else maps.new_zeros(0, dtype=torch.int64)
    # The squared distance is a sum over the axes, so the sums of rows and of columns are enough.
    spread = torch.zeros(len(maps), dtype=wide, device=maps.device)
    for axis, pixels, peak in ((2, height, first // width), (1, width, first % width)):
        away = torch.arange(pixels, device=maps.device) - peak[:, None]
        spread += (maps.sum(dim=axis, dtype=wide) * away.to(wide) ** 2).sum(dim=1)
    sides = (boxes[:, 2:] - boxes[:, :2]).to(maps.device, wide)
    size = (sides**2).sum(dim=1) / 4
    return share(share(spread, energy(maps), float("nan")), size, float("nan")).sqrt()


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
