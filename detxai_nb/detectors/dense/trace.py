"""The trace of a one-stage detector: backbone and neck run once without a graph, gradients come from a dense head."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from detxai_nb.detectors.base import outside_inference_mode
from detxai_nb.detectors.trace.again import Again, Prepared, check_features, with_graph_of_inputs
from detxai_nb.detectors.trace.budget import rows_per_chunk
from detxai_nb.detectors.trace.capture import require_captured
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.module_use import exclusive
from detxai_nb.types import Detections, Level, Target
from detxai_nb.windows import GradientChunk

NECK = "neck"
BACKBONE = "backbone"
ORIGIN_FIELDS = ("level", "row", "column")
ANCHOR_FIELDS = (*ORIGIN_FIELDS, "anchor")


class DenseHeadLike(Protocol):
    """A family's head on one image: explained scalars and their gradients with respect to one explained grid."""

    @property
    def pyramid(self) -> Sequence[Tensor]:
        """The levels ``[C,h,w]`` that the head reads, the finest first."""

    def scalars(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """Return the explained scalars of predictions on one pyramid level.

        Args:
            level: the index of the level, 0 for the finest.
            at: int64 ``[n,2]`` (row, column) of each prediction on the level's grid, or ``[n,3]`` (row, column,
                anchor).
            labels: int64 ``[n]``, the explained class of each.
            target: which scalar.

        Returns:
            Scalars ``[n]``, in the unit of the target.
        """

    def scalars_of(
        self, maps: Tensor, level: int, at: Tensor, labels: Tensor, target: Target, *, pyramid: bool = False
    ) -> Tensor:
        """Return the scalars of the same predictions for several versions of one level.

        Args:
            maps: ``[B,C,h,w]``, versions of the level's explained grid or, with ``pyramid``, of the pyramid's level.
            level, at, labels, target: as for ``scalars``.
            pyramid: whether the whole head runs on ``maps``, wherever it is opened.

        Returns:
            Scalars ``[B,n]``.
        """

    def chunks(self, level: int, at: Tensor, labels: Tensor, target: Target) -> Iterator[GradientChunk]:
        """Yield the exact gradients of the same scalars.

        Args:
            level, at, labels, target: as for ``scalars``.

        Yields:
            Gradients with respect to the level's grid; the ``rows`` of a chunk count within ``at``.
        """


@dataclass(frozen=True, eq=False)
class Stages:
    """The maps of a layer before the pyramid as leaves, and the pyramid that was computed from them with a graph.

    Attributes:
        leaves: the maps ``[1,C,h,w]`` by name.
        strides: the stride (y, x) of each map, in input pixels.
        pyramid: the levels ``[1,C,h,w]``, the finest first, with the graph that leads back to ``leaves``.
        prefix: the layer's name; a level is called ``<prefix>.<name of its map>``.
        above: computes the pyramid's levels ``[B,C,h,w]`` again for B versions ``[B,C,h,w]`` of the map of a name; None
            if that is not known.
    """

    leaves: Mapping[str, Tensor]
    strides: Mapping[str, tuple[float, float]]
    pyramid: Sequence[Tensor]
    prefix: str = BACKBONE
    above: Callable[[str, Tensor], Sequence[Tensor]] | None = None

    @property
    def levels(self) -> tuple[Level, ...]:
        """The maps as levels, in the order of ``leaves``."""
        return tuple(
            Level(f"{self.prefix}.{name}", leaf.detach()[0], self.strides[name]) for name, leaf in self.leaves.items()
        )

    def pull(self, chunk: GradientChunk, stride: tuple[float, float]) -> Iterator[GradientChunk]:
        """Yield gradients with respect to the map whose stride is nearest to a pyramid level's.

        They are batched vector-Jacobian products through what lies between map and level, as many at once as fit the
        memory budget.

        Args:
            chunk: gradients with respect to a level of the pyramid.
            stride: that level's stride (y, x), in input pixels.

        Yields:
            Gradients ``[n,C,h,w]`` on the whole map, with the map's index in ``leaves`` as their level; zero if the
            pyramid level does not depend on the map.
        """
        output, names = self.pyramid[chunk.level], list(self.leaves)
        strides = [self.strides[name] for name in names]
        # Several maps may share the level's stride (the coarsest of a small input do): then they match by index.
        same = chunk.level < len(names) and strides[chunk.level] == stride
        number = chunk.level if same else _nearest_stage(stride, strides)
        leaf = self.leaves[names[number]]
        widest = max((leaf, *self.pyramid), key=Tensor.numel)
        for part in torch.split(torch.arange(len(chunk.rows), device=chunk.rows.device), rows_per_chunk(widest)):
            corner = None if chunk.corner is None else chunk.corner[part]
            dense = GradientChunk(chunk.level, chunk.rows[part], chunk.gradient[part], corner).dense(*output.shape[2:])
            product = None
            if output.requires_grad:
                (product,) = torch.autograd.grad(
                    output, leaf, dense[:, None], retain_graph=True, allow_unused=True, is_grads_batched=True
                )
            gradient = leaf.new_zeros(len(part), *leaf.shape[1:]) if product is None else product[:, 0]
            yield GradientChunk(number, chunk.rows[part], gradient.detach())
            del dense, product, gradient


@dataclass(frozen=True, eq=False)
class PreparedPyramid(Prepared):
    """What a one-stage detector's trace needs to run its network again.

    Attributes:
        pyramid: computes the pyramid's levels ``[B,C,h,w]`` of inputs ``[B,3,h,w]``.
        module: the network, for its lock.
    """

    pyramid: Callable[[Tensor], Sequence[Tensor]] | None = None
    module: Any = None


class OneStageTrace(Again):
    """One forward pass of one image through a one-stage detector, kept open for explanation. See ``RerunTrace``.

    Args:
        placement: how the image lies in the network's input.
        layer: the name of the explained layer.
        features: the grids ``[C,h,w]`` that the ``head`` differentiates with respect to, one for each pyramid level.
        strides: the stride (y, x) of each pyramid level, in input pixels.
        head: the detection head on these grids.
        stages: the maps of a layer before the pyramid; None if the explained layer is the pyramid or inside the head.
        anchors: the number of anchors at a cell of each level; None if a prediction belongs to a cell as a whole.
        again: what further runs need; None if there will be none.
    """

    _again: PreparedPyramid | None

    def __init__(
        self,
        placement: Placement,
        layer: str,
        features: Sequence[Tensor],
        strides: Sequence[tuple[float, float]],
        head: DenseHeadLike,
        stages: Stages | None = None,
        anchors: Sequence[int] | None = None,
        again: PreparedPyramid | None = None,
    ) -> None:
        self.placement = placement
        self.layer = layer
        self._features = tuple(features)
        self._strides = tuple(strides)
        self._head = head
        self._stages = stages
        self._again = again
        self._origin_fields = ORIGIN_FIELDS if anchors is None else ANCHOR_FIELDS
        self._extents = [tuple(x.shape[1:]) for x in features]
        if anchors is not None:
            self._extents = [(*extent, count) for extent, count in zip(self._extents, anchors)]

    @property
    def network(self) -> Any:
        """The module whose pass this is; None if the trace does not know it."""
        return None if self._again is None else self._again.module

    @property
    def pyramid(self) -> Sequence[Tensor]:
        """The levels ``[C,h,w]`` of the pyramid that the head reads, the finest first."""
        return self._head.pyramid

    @property
    def levels(self) -> tuple[Level, ...]:
        """The explained grids: one for each pyramid level, or the maps of a layer before the pyramid."""
        if self._stages is not None:
            return self._stages.levels
        return tuple(
            Level(f"{self.layer}.{i}", features, stride)
            for i, (features, stride) in enumerate(zip(self._features, self._strides))
        )

    @exact_mode
    def scalars(self, detections: Detections, target: Target) -> Tensor:
        """Return the explained scalar of each detection, as the trace computes it.

        Args:
            detections: N detections from this detector's ``detect`` on the same image.
            target: which scalar; any part but "combined".

        Returns:
            Scalars ``[N]``: a score in 0..1, a logit, or a box side in the detector's own regression space.

        Raises:
            ValueError: if the target is "combined", or the detections come from another detector or image size.
        """
        levels, at, labels, target = self._resolve(detections, target)
        values = torch.empty(len(detections), dtype=self._features[0].dtype, device=at.device)
        for level in torch.unique(levels).tolist():
            rows = (levels == level).nonzero()[:, 0]
            values[rows] = self._head.scalars(level, at[rows], labels[rows], target)
        return values

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        """Yield the exact gradients of all detections with respect to the layer, in chunks that fit the memory budget.

        This also works inside ``torch.inference_mode``: each step leaves it while it computes.

        Args:
            detections, target: as for ``scalars``.

        Yields:
            Gradients with respect to one level; windows around the predictions if the head is local.

        Raises:
            ValueError: as for ``scalars``.
        """
        return outside_inference_mode(self._chunks(detections, target))

    def _chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        levels, at, labels, target = self._resolve(detections, target)
        for level in torch.unique(levels).tolist():
            rows = (levels == level).nonzero()[:, 0]
            for chunk in self._head.chunks(level, at[rows], labels[rows], target):
                on_level = GradientChunk(level, rows[chunk.rows], chunk.gradient, chunk.corner)
                if self._stages is None:
                    yield on_level
                else:
                    yield from self._stages.pull(on_level, self._strides[level])
                del chunk, on_level

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield the same gradients, each on the whole grid of its level.

        Args:
            detections, target: as for ``scalars``.

        Yields:
            The index of the level, the rows of the detections int64 ``[n]``, and their gradients ``[n,C,h,w]``.

        Raises:
            ValueError: as for ``scalars``.
        """
        for chunk in self.chunks(detections, target):
            yield chunk.level, chunk.rows, chunk.dense(*self.levels[chunk.level].features.shape[1:])

    @exclusive("_prepared.module")
    @exact_mode
    @with_graph_of_inputs
    def scalars_of_inputs(self, inputs: Tensor, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other inputs, each at its own location.

        Args:
            inputs: ``[B,3,h,w]`` of the size of ``input``; where they need a gradient the result has a graph.
            detections, target: as for ``scalars``.

        Returns:
            ``[B,N]``.

        Raises:
            ValueError: as for ``scalars``, and for inputs of another size.
        """
        self._check_inputs(inputs)
        pyramid = self._prepared.pyramid  # type: ignore[attr-defined]
        return self._on_pyramid(pyramid(inputs), len(inputs), detections, target)

    @exclusive("_prepared.module")
    @exact_mode
    @torch.no_grad()
    def scalars_of_features(self, features: Tensor, level: int, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other activations of the layer; only what lies above it runs.

        Args:
            features: ``[B,C,h,w]``, versions of the grid of ``level``.
            level: the number of a level.
            detections: N detections that are explained on this level.
            target: as for ``scalars``.

        Returns:
            ``[B,N]``.

        Raises:
            ValueError: as for ``scalars``, and for activations of another shape or a level that is not the detections'.
        """
        check_features(features, level, [grid.features for grid in self.levels])
        if self._stages is not None:
            if self._stages.above is None:
                raise ValueError(f"the layer {self.layer!r} cannot run again from changed activations; explain 'neck'")
            pyramid = self._stages.above(list(self._stages.leaves)[level], features)
            return self._on_pyramid(pyramid, len(features), detections, target)
        levels, at, labels, target = self._resolve(detections, target)
        if bool((levels != level).any()):
            raise ValueError(f"all detections have to lie on level {level}, got levels {torch.unique(levels).tolist()}")
        return self._head.scalars_of(features, level, at, labels, target)

    def _on_pyramid(self, pyramid: Sequence[Tensor], count: int, detections: Detections, target: Target) -> Tensor:
        """The scalars ``[B,N]`` of B versions of the pyramid."""
        levels, at, labels, target = self._resolve(detections, target)
        values = self._features[0].new_empty(count, len(detections))
        for level in torch.unique(levels).tolist():
            rows = (levels == level).nonzero()[:, 0]
            values[:, rows] = self._head.scalars_of(pyramid[level], level, at[rows], labels[rows], target, pyramid=True)
        return values

    def _resolve(self, detections: Detections, target: Target) -> tuple[Tensor, Tensor, Tensor, Target]:
        """The level ``[N]``, location on it ``[N,2]`` or ``[N,3]`` and explained class ``[N]`` of each; the target."""
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
        labels, target = target.resolve(detections.labels.to(origins.device), detections.names)
        return levels, origins[:, 1:], labels, target


def _nearest_stage(stride: tuple[float, float], stages: Sequence[tuple[float, float]]) -> int:
    """The index of the stage whose stride is nearest to ``stride``, in octaves."""
    return min(
        range(len(stages)),
        key=lambda i: abs(torch.tensor(stages[i][0] / stride[0], dtype=torch.float32, device="cpu").log2().item()),
    )


def open_stages(
    layer: str,
    features: Mapping[str, Tensor],
    strides: Mapping[str, tuple[float, float]],
    neck: Callable[[Mapping[str, Tensor]], Sequence[Tensor]],
) -> Stages:
    """Turn the backbone's maps into leaves and run the neck on them with a graph.

    Args:
        layer: "backbone" for all maps, or "backbone.<stage>" for one.
        features: the backbone's maps ``[1,C,h,w]`` by stage.
        strides: the stride (y, x) of each map, in input pixels.
        neck: computes the pyramid's levels ``[1,C,h,w]`` from the maps.

    Returns:
        The maps of the layer and the pyramid computed from all maps.
    """
    leaves = {name: value.detach().clone().requires_grad_() for name, value in features.items()}
    with torch.enable_grad():
        pyramid = tuple(neck(leaves))
    require_captured(list(leaves.values()), pyramid, BACKBONE)
    chosen = list(leaves) if layer == BACKBONE else [layer.removeprefix(f"{BACKBONE}.")]

    def above(name: str, maps: Tensor) -> Sequence[Tensor]:
        others = {key: leaf.detach().expand(len(maps), *leaf.shape[1:]) for key, leaf in leaves.items()}
        return neck({**others, name: maps})

    return Stages({n: leaves[n] for n in chosen}, {n: strides[n] for n in chosen}, pyramid, above=above)
