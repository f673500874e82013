"""The trace of a one-stage detector: backbone and neck without a graph, gradients from a dense head."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from detxai_nb.geometry import Placement
from detxai_nb.types import Detections, GradientChunk, Level, Target

NECK = "neck"
BACKBONE = "backbone"
ORIGIN_FIELDS = ("level", "row", "column")
MEMORY_BUDGET = 768 * 2**20
"""Bytes that one chunk of dense gradients may take."""


class DenseHead(Protocol):
    """What a family's head offers for one image: scalars and their gradients with respect to one pyramid level."""

    def scalars(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The explained scalars ``[n]`` at the cells ``at`` ``[n,2]`` (row, column) of the level."""

    def chunks(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Iterator[GradientChunk]:
        """Their exact gradients; ``rows`` of a chunk count within ``at``."""


@dataclass(frozen=True, eq=False)
class Stages:
    """Backbone stages kept as leaves, and the pyramid that the neck made of them with a graph."""

    leaves: Mapping[str, Tensor]
    strides: Mapping[str, tuple[float, float]]
    pyramid: Sequence[Tensor]


class OneStageTrace:
    """One forward pass of one image, kept open. See ``types.Trace``."""

    def __init__(
        self,
        placement: Placement,
        layer: str,
        pyramid: Sequence[Tensor],
        strides: Sequence[tuple[float, float]],
        head: DenseHead,
        stages: Stages | None = None,
    ) -> None:
        self.placement = placement
        self.layer = layer
        self._pyramid = tuple(pyramid)
        self._pyramid_strides = tuple(strides)
        self._head = head
        self._stages = stages

    @property
    def levels(self) -> tuple[Level, ...]:
        """The explained grids: the pyramid's levels, or the backbone stages of the layer."""
        if self._stages is None:
            return tuple(
                Level(f"{NECK}.{i}", features, stride)
                for i, (features, stride) in enumerate(zip(self._pyramid, self._pyramid_strides))
            )
        return tuple(
            Level(f"{BACKBONE}.{name}", leaf.detach()[0], self._stages.strides[name])
            for name, leaf in self._stages.leaves.items()
        )

    @torch.inference_mode(False)
    def scalars(self, detections: Detections, target: Target) -> Tensor:
        """The explained scalar of each detection, ``[N]``."""
        levels, at, labels = self._resolve(detections, target)
        values = torch.empty(len(detections), dtype=self._pyramid[0].dtype, device=at.device)
        for level in levels.unique().tolist():
            rows = (levels == level).nonzero()[:, 0]
            values[rows] = self._head.scalars(level, at[rows], labels[rows], target)
        return values

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        """Exact gradients of all detections with respect to the layer, in chunks that fit the memory budget.

        Also inside ``torch.inference_mode``, which is left for the time of each step.
        """
        steps = self._chunks(detections, target)
        while True:
            with torch.inference_mode(False):
                chunk = next(steps, None)
            if chunk is None:
                return
            yield chunk

    def _chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        levels, at, labels = self._resolve(detections, target)
        for level in levels.unique().tolist():
            rows = (levels == level).nonzero()[:, 0]
            for chunk in self._head.chunks(level, at[rows], labels[rows], target):
                mine = GradientChunk(level, rows[chunk.rows], chunk.gradient, chunk.corner)
                if self._stages is None:
                    yield mine
                else:
                    yield from self._through_neck(mine, self._stages)

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The same as (level, rows, gradient ``[n,C,h,w]``)."""
        for chunk in self.chunks(detections, target):
            yield chunk.level, chunk.rows, chunk.dense(*self.levels[chunk.level].features.shape[1:])

    def _through_neck(self, chunk: GradientChunk, stages: Stages) -> Iterator[GradientChunk]:
        """One product with the neck's Jacobian for each prediction, to the stage that explains it."""
        output = stages.pyramid[chunk.level]
        names = list(stages.leaves)
        stage = _nearest_stage(self._pyramid_strides[chunk.level], [stages.strides[name] for name in names])
        leaf = stages.leaves[names[stage]]
        dense = chunk.dense(*output.shape[2:])
        for row, gradient in zip(chunk.rows, dense):
            (found,) = torch.autograd.grad(output, leaf, gradient[None], retain_graph=True, allow_unused=True)
            yield GradientChunk(stage, row[None], torch.zeros_like(leaf) if found is None else found)

    def _resolve(self, detections: Detections, target: Target) -> tuple[Tensor, Tensor, Tensor]:
        """Level ``[N]``, cell ``[N,2]`` and explained class ``[N]`` of each detection."""
        if target.part == "combined":
            raise ValueError("a trace explains one scalar at a time; 'combined' joins maps and is made by explain")
        origins = detections.origins
        if origins is None or detections.origin_fields != ORIGIN_FIELDS:
            raise ValueError(
                f"these detections do not say where in the model they came from (origins {ORIGIN_FIELDS}); "
                "use what this detector's detect returns"
            )
        origins = origins.to(self._pyramid[0].device).clone()
        sizes = torch.tensor([p.shape[1:] for p in self._pyramid], device=origins.device)
        levels = origins[:, 0]
        if len(origins) and (
            int(levels.max()) >= len(sizes) or bool((origins[:, 1:] >= sizes[levels.clamp(max=len(sizes) - 1)]).any())
        ):
            raise ValueError("these detections come from another detector or image size; detect in this image first")
        labels = detections.labels.to(origins.device).clone()
        if target.label is not None:
            labels = torch.full_like(labels, target.label)
        return levels, origins[:, 1:], labels


def _nearest_stage(stride: tuple[float, float], stages: Sequence[tuple[float, float]]) -> int:
    """The stage of that stride, else the one nearest to it."""
    return min(range(len(stages)), key=lambda i: abs(torch.tensor(stages[i][0] / stride[0]).log2().item()))


def rows_per_chunk(features: Tensor) -> int:
    """How many dense gradients of this level ``[C,h,w]`` fit the budget, at least 1."""
    return max(1, MEMORY_BUDGET // (features.numel() * features.element_size() * 3))


def grid_stride(input_size: tuple[int, int], grid: Tensor) -> tuple[float, float]:
    """The stride (y, x) of a pyramid grid ``[...,h,w]``: the power of two that makes ceil(input / stride) cells."""
    found = []
    for pixels, cells in zip(input_size, grid.shape[-2:]):
        stride = 1
        while -(-pixels // stride) > cells:
            stride *= 2
        found.append(float(stride))
    return found[0], found[1]


def open_stages(
    layer: str,
    features: Mapping[str, Tensor],
    strides: Mapping[str, tuple[float, float]],
    neck: Callable[[Mapping[str, Tensor]], Sequence[Tensor]],
) -> Stages:
    """Make the backbone's ``features`` ``[1,C,h,w]`` leaves, run the ``neck`` on them with a graph."""
    leaves = {name: value.detach().clone().requires_grad_() for name, value in features.items()}
    with torch.enable_grad():
        pyramid = tuple(neck(leaves))
    chosen = list(leaves) if layer == BACKBONE else [layer.removeprefix(f"{BACKBONE}.")]
    return Stages({n: leaves[n] for n in chosen}, {n: strides[n] for n in chosen}, pyramid)


def check_layer(layer: str | None, layers: Sequence[str]) -> str:
    """``layer``, or the first of ``layers`` for None; ``ValueError`` naming them for any other."""
    if layer is None:
        return layers[0]
    if layer not in layers:
        raise ValueError(f"unknown layer {layer!r}; this detector's layers: {', '.join(layers)}")
    return layer
