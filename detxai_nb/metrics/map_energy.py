"""What several metrics share: the masks of boxes, the energy of a map, safe division and checks of the input."""

from __future__ import annotations

import torch
from torch import Tensor


def box_masks(boxes: Tensor, height: int, width: int) -> Tensor:
    """Return the pixels whose centre lies in each box.

    Args:
        boxes: ``[N,4]`` xyxy in pixels of the image; a box may reach beyond the image.
        height, width: size of the image in pixels.

    Returns:
        bool ``[N,height,width]`` on the device of ``boxes``.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> dx.metrics.box_masks(torch.tensor([[0.6, 0.0, 3.0, 1.0]]), height=2, width=4).int()
        tensor([[[0, 1, 1, 0],
                 [0, 0, 0, 0]]], dtype=torch.int32)
    """
    x1, y1, x2, y2 = boxes.unbind(1)
    return centres_between(y1, y2, height)[:, :, None] & centres_between(x1, x2, width)[:, None, :]


def centres_between(low: Tensor, high: Tensor, pixels: int) -> Tensor:
    """Return the pixels of one axis whose centre lies in ``[low, high)``.

    Args:
        low, high: the intervals' ends ``[N]`` in pixels.
        pixels: number of pixels of the axis.

    Returns:
        bool ``[N,pixels]``.
    """
    centres = torch.arange(pixels, device=low.device) + 0.5
    return (centres >= low[:, None]) & (centres < high[:, None])


def energy(maps: Tensor, masks: Tensor | None = None) -> Tensor:
    """Return the sum of each map, inside its mask if masks are given.

    Args:
        maps: heat maps ``[N,H,W]``.
        masks: bool ``[N,H,W]``, or ``[H,W]`` for one mask of all maps; None for the whole map.

    Returns:
        Sums ``[N]`` on the maps' device, float64 (float32 on MPS, which has no float64).
    """
    wide = torch.float32 if maps.device.type == "mps" else torch.float64
    return (maps if masks is None else maps * masks).sum(dim=(1, 2), dtype=wide)


def safe_ratio(part: Tensor, whole: Tensor, empty: float = 0.0) -> Tensor:
    """Return ``part / whole`` element by element, with a fixed value where the whole is not above 0.

    Args:
        part, whole: tensors of one shape.
        empty: the value where ``whole`` is 0 or negative.

    Returns:
        Ratios of the same shape.
    """
    safe = torch.where(whole > 0, whole, torch.ones_like(whole))
    return torch.where(whole > 0, part / safe, torch.full_like(safe, empty))


def check_same_shape(maps: Tensor, masks: Tensor) -> None:
    """Raise an error if maps and masks differ in shape.

    Args:
        maps: heat maps ``[N,H,W]``.
        masks: their masks ``[N,H,W]``.

    Raises:
        ValueError: if the shapes differ.
    """
    if maps.shape != masks.shape:
        raise ValueError(f"maps and masks are both [N,H,W], got {list(maps.shape)} and {list(masks.shape)}")


def check_non_negative(maps: Tensor) -> None:
    """Raise an error if a map has negative values.

    Args:
        maps: heat maps ``[N,H,W]``.

    Raises:
        ValueError: if any value is below 0.
    """
    if bool((maps < 0).any()):
        raise ValueError(
            "the energy of a map is defined for non-negative maps; take direction='positive' or relu first"
        )
