"""The product of gradient and activation that ODAM, HiResCAM and the global guidance map have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from detxai_nb.types import Detections, Target
from detxai_nb.windows import GradientChunk


def summed_products(activation: Tensor, gradient: Tensor) -> Tensor:
    """Compute ``sum_C G * A``: what each location adds to the scalar, to first order.

    Args:
        activation: ``[C,h,w]``, or windows ``[n,C,a,b]``.
        gradient: ``[n,C,h,w]`` of n explained scalars, or windows ``[n,C,a,b]``.

    Returns:
        Signed maps ``[n,h,w]``, or windows ``[n,a,b]``.
    """
    return (gradient * activation).sum(dim=1)


def product_chunks(trace: Any, detections: Detections, target: Target) -> Iterator[GradientChunk]:
    """Compute these sums of all detections, where a trace can without the gradients of all channels.

    Args:
        trace: an open trace; one with a method ``products`` is asked for them, of any other they are computed from its
            gradients.
        detections: N detections of its image.
        target: which scalar.

    Yields:
        Chunks whose ``gradient`` is the signed map, ``[n,1,h,w]`` or windows ``[n,1,a,b]``.
    """
    products = getattr(trace, "products", None)
    if products is not None:
        for _, chunk in products(detections, [target]):
            yield chunk
            del chunk
        return
    for chunk in trace.chunks(detections, target):
        yield chunk.products(trace.levels[chunk.level].features)
        del chunk
