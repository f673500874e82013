"""How much memory a chunk of gradients may take, and which layer is explained."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

MEMORY_BUDGET = 768 * 2**20
"""Bytes that one chunk of dense gradients may take."""


def rows_per_chunk(features: Tensor) -> int:
    """How many dense gradients of this level ``[C,h,w]`` fit the budget, at least 1."""
    return max(1, MEMORY_BUDGET // (features.numel() * features.element_size() * 3))


def check_layer(layer: str | None, layers: Sequence[str]) -> str:
    """``layer``, or the first of ``layers`` for None; ``ValueError`` naming them for any other."""
    if layer is None:
        return layers[0]
    if layer not in layers:
        raise ValueError(f"unknown layer {layer!r}; this detector's layers: {', '.join(layers)}")
    return layer
