"""How much memory a chunk of gradients may take, and which layer is explained."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

MEMORY_BUDGET = 768 * 2**20
"""Bytes that one chunk of dense gradients may take."""


def rows_per_chunk(features: Tensor) -> int:
    """Return how many dense gradients of a level fit the memory budget.

    Args:
        features: the level's features ``[C,h,w]``, or any tensor of as many numbers.

    Returns:
        At least 1.
    """
    return max(1, MEMORY_BUDGET // (features.numel() * features.element_size() * 3))


def check_layer(layer: str | None, layers: Sequence[str]) -> str:
    """Return the layer to explain.

    Args:
        layer: the name that was asked for, or None.
        layers: the names on offer, the default first.

    Returns:
        ``layer``, or the first of ``layers`` for None.

    Raises:
        ValueError: if the layer is not on offer; the message lists those that are.
    """
    if layer is None:
        return layers[0]
    if layer not in layers:
        raise ValueError(f"unknown layer {layer!r}; this detector's layers: {', '.join(layers)}")
    return layer
