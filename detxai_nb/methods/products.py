"""The product of gradient and activation that ODAM, HiResCAM and the global guidance map have in common."""

from __future__ import annotations

from torch import Tensor


def summed_products(activation: Tensor, gradient: Tensor) -> Tensor:
    """Compute ``sum_C G * A``: what each location adds to the scalar, to first order.

    Args:
        activation: ``[C,h,w]``, or windows ``[n,C,a,b]``.
        gradient: ``[n,C,h,w]`` of n explained scalars, or windows ``[n,C,a,b]``.

    Returns:
        Signed maps ``[n,h,w]``, or windows ``[n,a,b]``.
    """
    return (gradient * activation).sum(dim=1)
