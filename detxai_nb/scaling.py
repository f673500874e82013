"""Scaling a picture to a network's input as the network's own library does: 8-bit pictures stay whole numbers."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.image import FloatImage

_SHARES = 2048
"""OpenCV weighs neighbouring pixels by whole numbers of 2048ths."""


def scale_as_opencv(pixels: np.ndarray | FloatImage, size: tuple[int, int], device: torch.device) -> Tensor:
    """Return a picture scaled as ``cv2.resize(..., interpolation=cv2.INTER_LINEAR)`` does, to the bit.

    YOLOX and Ultralytics scale 8-bit pictures in this way, bilinearly without antialiasing.

    Args:
        pixels: uint8 RGB ``[H,W,3]``, which stays whole numbers; or a ``FloatImage``, which is not rounded.
        size: (height, width) in pixels.
        device: where to put it.

    Returns:
        float32 ``[3,height,width]`` in 0..255; a picture of that size as it is.
    """
    image = _tensor(pixels, device)
    if tuple(image.shape[1:]) == tuple(size):
        return image
    if isinstance(pixels, FloatImage):
        return F.interpolate(image[None], size=size, mode="bilinear", align_corners=False)[0]
    rows, shares_down = _neighbours(image.shape[1], size[0], device, beyond=True)
    columns, shares_across = _neighbours(image.shape[2], size[1], device, beyond=False)
    used, again = np.unique(np.stack([row.cpu().numpy() for row in rows]), return_inverse=True)
    lines = image.index_select(1, torch.from_numpy(used).to(device))
    # Sums of at most 255 * 2048, which float32 holds exactly.
    first, second = (lines.index_select(2, column) * share for column, share in zip(columns, shares_across))
    parts = (first + second).to(torch.int32) >> 4
    above, below = (
        parts.index_select(1, torch.from_numpy(row).to(device)) * share[:, None] >> 16
        for row, share in zip(again.reshape(2, -1), shares_down)
    )
    return ((above + below + 2) >> 2).clamp(0, 255).to(torch.float32)


def _neighbours(length: int, wanted: int, device: torch.device, beyond: bool) -> tuple[list[Tensor], list[Tensor]]:
    """The two pixels between which each of the ``wanted`` lies on one axis, and their shares in 2048ths.

    ``beyond``: whether two different shares of the border pixel are added outside of the first and last pixel's centre,
    as OpenCV does down but not across.
    """
    place = ((np.arange(wanted) + 0.5) * (1.0 / (wanted / length)) - 0.5).astype(np.float32)
    first = np.floor(place).astype(np.int64)
    share = place - first.astype(np.float32)
    if not beyond:
        share[(first < 0) | (first >= length - 1)] = 0
    ends = [torch.from_numpy(end.clip(0, length - 1)).to(device) for end in (first, first + 1)]
    parts = [np.rint(part * np.float32(_SHARES)).astype(np.int32) for part in (np.float32(1) - share, share)]
    return ends, [torch.from_numpy(part).to(device) for part in parts]


def scale_as_pillow(pixels: np.ndarray | FloatImage, size: tuple[int, int], device: torch.device) -> Tensor:
    """Return a picture scaled bilinearly with antialiasing and rounded, as 8-bit pictures are by Pillow.

    Torchvision's classifiers and transformers' image processors scale in this way. Pillow rounds twice, after each
    axis; the values differ from its by at most 1.

    Args:
        pixels: uint8 RGB ``[H,W,3]``, which is rounded to whole numbers; or a ``FloatImage``, which is not.
        size: (height, width) in pixels.
        device: where to put it.

    Returns:
        float32 ``[3,height,width]`` in 0..255; a picture of that size as it is.
    """
    image = _tensor(pixels, device)
    if tuple(image.shape[1:]) == tuple(size):
        return image
    scaled = F.interpolate(image[None], size=size, mode="bilinear", align_corners=False, antialias=True)[0]
    return scaled if isinstance(pixels, FloatImage) else scaled.round().clamp(0, 255)


def _tensor(pixels: np.ndarray | FloatImage, device: torch.device) -> Tensor:
    if isinstance(pixels, FloatImage):
        return pixels.values.to(device, torch.float32)
    return torch.from_numpy(pixels).to(device).permute(2, 0, 1).to(torch.float32)
