"""Where a picture lies in a network's input, measured by four test pictures, for preparation that nobody describes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from detxai_nb.geometry import Placement

_INSIDE = (0.02, 0.98)
"""The part of a ramp that is read: at its ends resizing repeats pixels."""
_OFF = 1.5
"""How far, in input pixels, the edges of a picture may lie from where its ramp says they are."""


def measure_placement(see: Callable[[np.ndarray], Tensor], size: tuple[int, int]) -> Placement:
    """Return where a picture lies in the input that is made of it.

    A black and a white picture say which input pixels show it, two ramps of grey which part of it they show. The
    colours may be scaled, shifted and exchanged on the way, and the picture resized, padded or cut.

    Args:
        see: makes the network's input ``[1,C,h,w]`` of RGB uint8 ``[H,W,3]``.
        size: (H, W) of the pictures.

    Returns:
        The placement, to the nearest input pixel.

    Raises:
        ValueError: if the input's size depends on what the picture shows, or it was turned, mirrored or warped.
    """
    height, width = size
    black, white = (_seen(see, np.full((height, width, 3), value, np.uint8)) for value in (0, 255))
    if black.shape != white.shape:
        raise _unclear(f"a black picture becomes an input {list(black.shape)} and a white one {list(white.shape)}")
    span = white - black
    energy = (span * span).sum(0)
    if not float(energy.max()) > 0:
        raise _unclear("a black and a white picture become the same input")
    shown = energy > 0.25 * energy.max()
    resized, offset = [], []
    for axis, side in enumerate(size):
        covered = shown.any(dim=1 - axis).nonzero()[:, 0]
        first, count = int(covered[0]), int(covered[-1] - covered[0]) + 1
        if side > 1:
            ramp = np.round(np.linspace(0, 255, side)).astype(np.uint8)
            image = np.broadcast_to(np.expand_dims(ramp, (1 - axis, 2)), (height, width, 3)).copy()
            seen = _seen(see, image)
            if seen.shape != black.shape:
                raise _unclear(
                    f"a picture of grey becomes an input {list(seen.shape)}, a black one {list(black.shape)}"
                )
            share = ((seen - black) * span).sum(0)[shown] / energy[shown]
            first, count = _of_ramp(share, shown.nonzero()[:, axis], side, (first, count))
        resized.append(count)
        offset.append(first)
    return Placement(size, (resized[0], resized[1]), (black.shape[1], black.shape[2]), (offset[0], offset[1]))


def _of_ramp(share: Tensor, at: Tensor, side: int, covered: tuple[int, int]) -> tuple[int, int]:
    """The first input pixel of a picture and their number on one axis, from the ramp's values at input pixels."""
    inside = (share > _INSIDE[0]) & (share < _INSIDE[1])
    if 2 * int(inside.sum()) < len(share) or len(torch.unique(at[inside])) < 2:
        raise _unclear("a ramp of grey is not seen as one")
    shown, middle = share[inside] * (side - 1) + 0.5, at[inside].to(share.dtype) + 0.5
    centred = middle - middle.mean()
    slope = float((centred * shown).sum() / (centred * centred).sum())
    off = (shown - shown.mean() - slope * centred).abs().max()
    if slope <= 0 or float(off) > max(2.0, 0.02 * side):
        raise _unclear("the picture is turned, mirrored or warped on the way")
    begin = float(middle.mean() - shown.mean() / slope)
    first, count = covered
    if abs(begin - first) <= _OFF and abs(begin + side / slope - first - count) <= _OFF:
        return first, count
    return round(begin), max(1, round(side / slope))


def _seen(see: Callable[[np.ndarray], Tensor], image: np.ndarray) -> Tensor:
    return see(image)[0].detach().to("cpu", torch.float64)


def _unclear(what: str) -> ValueError:
    return ValueError(
        f"where the picture lies in the network's input cannot be seen: {what}; hand in placement=, a function from "
        "(height, width) of the image to its Placement"
    )
