"""The trace of a one-stage detector: backbone and neck without a graph, gradients from a dense head."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from detxai_nb.detectors.base import outside_inference_mode
from detxai_nb.detectors.trace.budget import rows_per_chunk
from detxai_nb.geometry import Placement
from detxai_nb.types import Detections, Level, Target
from detxai_nb.windows import GradientChunk

NECK = "neck"
BACKBONE = "backbone"
ORIGIN_FIELDS = ("level", "row", "column")
ANCHOR_FIELDS = (*ORIGIN_FIELDS, "anchor")


class DenseHeadLike(Protocol):
    """What a family's head offers for one image: scalars and their gradients with respect to one explained grid."""

    def scalars(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The explained scalars ``[n]`` at the places ``at`` of the level: ``[n,2]`` (row, column), or with anchor."""

    def chunks(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Iterator[GradientChunk]:
        """Their exact gradients; ``rows`` of a chunk count within ``at``."""


@dataclass(frozen=True, eq=False)
class Stages:
    """Maps before the pyramid ``[1,C,h,w]`` by name, kept open, and the pyramid that was made of them with a graph.

    ``strides``: of each map, (y, x) in input pixels. ``prefix``: the levels are called by it and the map's name.
    """

    leaves: Mapping[str, Tensor]
    strides: Mapping[str, tuple[float, float]]
    pyramid: Sequence[Tensor]
    prefix: str = BACKBONE

    @property
    def levels(self) -> tuple[Level, ...]:
        """The maps as levels."""
        return tuple(
            Level(f"{self.prefix}.{name}", leaf.detach()[0], self.strides[name]) for name, leaf in self.leaves.items()
        )

    def pull(self, chunk: GradientChunk, stride: tuple[float, float]) -> Iterator[GradientChunk]:
        """From gradients at a level of the pyramid, of that ``stride``, to the map nearest to it.

        Batched products with the Jacobian of what lies between, as many together as fit the memory budget.
        """
        output, names = self.pyramid[chunk.level], list(self.leaves)
        strides = [self.strides[name] for name in names]
        # Several maps may be of the level's stride, as the coarsest of a small input are; they count as the levels do.
        same = chunk.level < len(names) and strides[chunk.level] == stride
        number = chunk.level if same else _nearest_stage(stride, strides)
        leaf = self.leaves[names[number]]
        widest = max((leaf, *self.pyramid), key=Tensor.numel)
        for part in torch.arange(len(chunk.rows), device=chunk.rows.device).split(rows_per_chunk(widest)):
            corner = None if chunk.corner is None else chunk.corner[part]
            dense = GradientChunk(chunk.level, chunk.rows[part], chunk.gradient[part], corner).dense(*output.shape[2:])
            found = None
            if output.requires_grad:
                (found,) = torch.autograd.grad(
                    output, leaf, dense[:, None], retain_graph=True, allow_unused=True, is_grads_batched=True
                )
            gradient = leaf.new_zeros(len(part), *leaf.shape[1:]) if found is None else found[:, 0]
            yield GradientChunk(number, chunk.rows[part], gradient.detach())


class OneStageTrace:
    """One forward pass of one image, kept open. See ``types.Trace``.

    ``features``: the grids ``[C,h,w]`` that the ``head`` differentiates to, one for each level of the pyramid, with the
    pyramid's ``strides``. ``anchors``: how many anchors a cell of each level has, where a prediction belongs to one.
    ``stages``: for a layer before the pyramid.
    """

    def __init__(
        self,
        placement: Placement,
        layer: str,
        features: Sequence[Tensor],
        strides: Sequence[tuple[float, float]],
        head: DenseHeadLike,
        stages: Stages | None = None,
        anchors: Sequence[int] | None = None,
    ) -> None:
        self.placement = placement
        self.layer = layer
        self._features = tuple(features)
        self._strides = tuple(strides)
        self._head = head
        self._stages = stages
        self._origin_fields = ORIGIN_FIELDS if anchors is None else ANCHOR_FIELDS
        self._extents = [tuple(x.shape[1:]) for x in features]
        if anchors is not None:
            self._extents = [(*extent, count) for extent, count in zip(self._extents, anchors)]

    @property
    def levels(self) -> tuple[Level, ...]:
        """The explained grids: one for each level of the pyramid, or the maps of a layer before it."""
        if self._stages is not None:
            return self._stages.levels
        return tuple(
            Level(f"{self.layer}.{i}", features, stride)
            for i, (features, stride) in enumerate(zip(self._features, self._strides))
        )

    @torch.inference_mode(False)
    def scalars(self, detections: Detections, target: Target) -> Tensor:
        """The explained scalar of each detection, ``[N]``."""
        levels, at, labels = self._resolve(detections, target)
        values = torch.empty(len(detections), dtype=self._features[0].dtype, device=at.device)
        for level in levels.unique().tolist():
            rows = (levels == level).nonzero()[:, 0]
            values[rows] = self._head.scalars(level, at[rows], labels[rows], target)
        return values

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        """Exact gradients of all detections with respect to the layer, in chunks that fit the memory budget.

        Also inside ``torch.inference_mode``, which is left for the time of each step.
        """
        return outside_inference_mode(self._chunks(detections, target))

    def _chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        levels, at, labels = self._resolve(detections, target)
        for level in levels.unique().tolist():
            rows = (levels == level).nonzero()[:, 0]
            for chunk in self._head.chunks(level, at[rows], labels[rows], target):
                mine = GradientChunk(level, rows[chunk.rows], chunk.gradient, chunk.corner)
                if self._stages is None:
                    yield mine
                else:
                    yield from self._stages.pull(mine, self._strides[level])

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The same as (level, rows, gradient ``[n,C,h,w]``)."""
        for chunk in self.chunks(detections, target):
            yield chunk.level, chunk.rows, chunk.dense(*self.levels[chunk.level].features.shape[1:])

    def _resolve(self, detections: Detections, target: Target) -> tuple[Tensor, Tensor, Tensor]:
        """Level ``[N]``, place on it ``[N,2]`` or ``[N,3]`` and explained class ``[N]`` of each detection."""
        if target.part == "combined":
            raise ValueError("a trace explains one scalar at a time; 'combined' joins maps and is made by explain")
        origins = detections.origins
        if origins is None or detections.origin_fields != self._origin_fields:
            raise ValueError(
                f"these detections do not say where in the model they came from (origins {self._origin_fields}); "
                "use what this detector's detect returns"
            )
        origins = origins.to(self._features[0].device).clone()
        extents = torch.tensor(self._extents, device=origins.device)
        levels = origins[:, 0]
        inside = (origins >= 0).all(dim=1) & (levels < len(extents))
        inside &= (origins[:, 1:] < extents[levels.clamp(0, len(extents) - 1)]).all(dim=1)
        if not bool(inside.all()):
            raise ValueError("these detections come from another detector or image size; detect in this image first")
        labels = detections.labels.to(origins.device).clone()
        if target.label is not None:
            labels = torch.full_like(labels, target.label)
        return levels, origins[:, 1:], labels


def _nearest_stage(stride: tuple[float, float], stages: Sequence[tuple[float, float]]) -> int:
    """The stage of that stride, else the one nearest to it."""
    return min(range(len(stages)), key=lambda i: abs(torch.tensor(stages[i][0] / stride[0]).log2().item()))


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
