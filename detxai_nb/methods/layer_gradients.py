"""Gradients of the explained scalars at the traced layer, one detection at a time, for methods that combine several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from detxai_nb.methods.memory import most_that_fit
from detxai_nb.methods.registry import MethodResult
from detxai_nb.types import Detections, Level, Target

PLACES = ("input", "layer")
"""Where a method explains: at the network's input, or at the layer that the trace explains."""


@dataclass(frozen=True, eq=False)
class LayerGradient:
    """The gradient of one detection's scalar.

    Attributes:
        row: the detection's number.
        gradient: ``[C,h,w]`` on the whole grid.
        level: the grid, with its activation ``features`` ``[C,h,w]``.
    """

    row: int
    gradient: Tensor
    level: Level


def layer_gradients(trace: Any, detections: Detections, target: Target) -> Iterator[LayerGradient]:
    """Compute the gradients of all detections at the layer.

    Args:
        trace: an open trace.
        detections: N detections of its image.
        target: which scalar.

    Yields:
        N gradients, in the trace's own order.
    """
    for chunk in trace.chunks(detections, target):
        level: Level = trace.levels[chunk.level]
        level = level if chunk.shift is None else replace(level, shift=chunk.shift)
        for row, gradient in zip(chunk.rows.tolist(), chunk.dense(*level.features.shape[1:])):
            yield LayerGradient(row, gradient.detach(), level)
        del chunk


def rows_together(trace: Any, detections: Detections) -> Sequence[Tensor]:
    """Split detections into parts of which a gradient each, on whole grids, fits the memory budget.

    Args:
        trace: an open trace.
        detections: N detections.

    Returns:
        Row numbers, int64; at most 16 together where the layer's grids are not known before they are explained.
    """
    grids = [level.features for level in trace.levels]
    most = most_that_fit(max(grids, key=Tensor.numel)) if grids else 16
    return torch.split(torch.arange(len(detections), device=trace.input.device), most)


def result_at(grids: Mapping[int, Tensor], levels: Mapping[int, Level], layer: str, **about: Any) -> MethodResult:
    """Return maps on the grids of a layer.

    Args:
        grids: ``[h,w]`` by row.
        levels: the grid of each row.
        layer: its name.
        **about: further fields of ``MethodResult``.

    Returns:
        The result, in the order of the rows.
    """
    rows = range(len(grids))
    return MethodResult(
        [grids[row] for row in rows],
        [levels[row].stride for row in rows],
        [levels[row].corner for row in rows],
        shifts=[levels[row].shift for row in rows],
        layer=layer,
        **about,
    )
