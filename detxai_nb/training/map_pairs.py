"""ODAM-Train's losses on the heat maps of one image: alike on the same object, apart on different ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

EPSILON = 1e-4
"""Cosines are kept this far from 0 and 1: the gradient of the logarithm stays below its inverse."""


class PairLosses(NamedTuple):
    """The sums of equation 3 over the pairs of maps of one image.

    Attributes:
        consistency: the sum of ``-log cos`` over pairs of the same object.
        separation: the sum of ``-log(1 - cos)`` over pairs of different objects.
        same: the number of pairs of the same object.
        different: the number of pairs of different objects.
    """

    consistency: Tensor
    separation: Tensor
    same: int
    different: int


def map_pair_losses(vectors: Tensor, objects: Tensor, overlaps: Tensor, epsilon: float = EPSILON) -> PairLosses:
    """Compute the consistency and the separation loss of the maps of one image.

    The map of each object's best prediction is paired with those of the object's other predictions, and with those of
    all predictions of other objects. A map without any positive evidence has no direction, so it is in no pair.

    Args:
        vectors: ``[n,D]``, not negative, one map for each prediction. The sums are in their type.
        objects: int64 ``[n]``, the object that each prediction was matched with.
        overlaps: ``[n]``, the IoU of each predicted box with its object's box. The highest is the best; of equal ones
            the first.
        epsilon: cosines are clamped to ``[epsilon, 1 - epsilon]``; beyond, a pair adds a constant and no gradient.

    Returns:
        The sums, differentiable with respect to ``vectors``, and the numbers of pairs.

    References:
        Zhao & Chan, ODAM (ICLR 2023), equation 3. There the best prediction is also paired with itself, which adds
        -log 1; that is no pair here, so N counts pairs of two predictions.
    """
    with torch.no_grad():
        peak = vectors.amax(dim=1) if vectors.shape[1] else vectors.new_zeros(len(vectors))
        rows = (peak > 0).nonzero()[:, 0]
        best = best_of_objects(objects[rows], overlaps[rows])
    # First by the largest value: squares of tiny gradients would vanish.
    scaled = vectors[rows] / peak[rows, None]
    unit = scaled / torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
    cosine = (unit[best] @ unit.T).clamp(epsilon, 1 - epsilon)
    alike = objects[rows][best, None] == objects[rows]
    itself = best[:, None] == torch.arange(len(rows), device=best.device)
    same, different = alike & ~itself, ~alike
    return PairLosses(
        -cosine[same].log().sum(), -(1 - cosine[different]).log().sum(), int(same.sum()), int(different.sum())
    )


def best_of_objects(objects: Tensor, overlaps: Tensor) -> Tensor:
    """Return the best prediction of each object.

    Args:
        objects: int64 ``[n]``, the object that each prediction was matched with.
        overlaps: ``[n]``, the IoU of each predicted box with its object's box.

    Returns:
        int64 ``[m]``: a row for each object that occurs, by rising number of the object.
    """
    order = torch.argsort(overlaps, descending=True, stable=True)
    order = order[torch.argsort(objects[order], stable=True)]
    sorted_objects = objects[order]
    first = torch.ones(len(order), dtype=torch.bool, device=order.device)
    first[1:] = sorted_objects[1:] != sorted_objects[:-1]
    return order[first]
