"""How alike predictions are: the overlap of boxes, the cosine of maps, and comparisons that rounding cannot turn."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def box_overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Compute the IoU of each box with each, by the arithmetic of torchvision's NMS; 0 where both have no area.

    Args:
        first: ``[A,4]``, xyxy.
        second: ``[B,4]``, xyxy.

    Returns:
        ``[A,B]`` in 0..1.
    """
    return iou_of_pairs(first[:, None], second)


def iou_of_pairs(first: Tensor, second: Tensor) -> Tensor:
    """Compute the IoU of boxes with their partners, by the arithmetic of torchvision's NMS; 0 where both have no area.

    Args:
        first, second: ``[...,4]``, xyxy; their shapes are broadcast.

    Returns:
        ``[...]`` in 0..1.
    """
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    width, height = (high - low).clamp(min=0).unbind(-1)
    shared = width * height
    one, other = ((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]) for boxes in (first, second))
    return torch.nan_to_num(shared / (one + other - shared), nan=0.0)


def unit_vectors(vectors: Tensor) -> Tensor:
    """Scale vectors to length 1; what is zero stays zero.

    Args:
        vectors: ``[N,D]``.

    Returns:
        ``[N,D]``.
    """
    # First by the largest value: squares of tiny gradients would vanish.
    peak = vectors.abs().amax(dim=1, keepdim=True) if vectors.shape[1] else vectors.new_zeros(len(vectors), 1)
    scaled = vectors / torch.where(peak > 0, peak, 1)
    length = torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
    return scaled / torch.where(length > 0, length, 1)


def cosines(first: Tensor, second: Tensor) -> Tensor:
    """Compute the cosine between each of some vectors and each of others.

    Args:
        first: ``[A,D]``, each of length 1 or zero.
        second: ``[B,D]``, each of length 1 or zero.

    Returns:
        ``[A,B]`` in -1..1, 0 for a vector of zeros.
    """
    return (first @ second.T).clamp(-1, 1)


def at_most(threshold: float, dtype: torch.dtype) -> float:
    """Return the largest number of a type that is not above a threshold: ``x > it`` is then ``x > threshold`` exactly.

    Args:
        threshold: a Python number, which has 53 bits.
        dtype: of the tensors to be compared.

    Returns:
        The number, which every arithmetic reads alike.
    """
    if dtype != torch.float32:
        return threshold
    near = np.float32(threshold)
    return float(near if float(near) <= threshold else np.nextafter(near, np.float32(-math.inf)))


def at_least(threshold: float, dtype: torch.dtype) -> float:
    """Return the smallest number of a type that is not below a threshold: ``x >= it`` is then ``x >= threshold``.

    Args:
        threshold: a Python number, which has 53 bits.
        dtype: of the tensors to be compared.

    Returns:
        The number, which every arithmetic reads alike.
    """
    return -at_most(-threshold, dtype)
