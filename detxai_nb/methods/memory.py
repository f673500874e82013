"""How much memory the tensors that a method makes may take together."""

from __future__ import annotations

from torch import Tensor

BUDGET = 512 * 2**20
"""Bytes."""


def most_that_fit(like: Tensor, copies: int = 3) -> int:
    """Return how many tensors fit the memory budget.

    Args:
        like: a tensor of the size of one.
        copies: how many of it are needed at the same time.

    Returns:
        At least 1.
    """
    return max(1, BUDGET // max(1, like.numel() * like.element_size() * copies))
