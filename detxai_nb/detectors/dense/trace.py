"""The trace of a one-stage detector: backbone and neck run once without a graph, gradients come from a dense head."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from detxai_nb.detectors.base import outside_inference_mode
from detxai_nb.detectors.dense.stages import Stages
from detxai_nb.detectors.trace.again import Again, Prepared, check_features, with_graph_of_inputs
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.module_use import exclusive
from detxai_nb.types import Detections, Level, Target
from detxai_nb.windows import GradientChunk

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

    def products(self, detections: Detections, targets: Sequence[Target]) -> Iterator[tuple[int, GradientChunk]]:
        """Yield the products of gradient and activation, summed over channels, without gradients of all channels.

        They are the gradients with respect to a gain of each location, by which all its channels are multiplied.

        Args:
            detections: as for ``scalars``.
            targets: which scalars; together they cost less than one after another.

        Yields:
            The number of a target, and a chunk of gradients ``[n,1,h,w]``, or windows ``[n,1,a,b]``, as
            ``GradientChunk.products`` makes them.

        Raises:
            ValueError: as for ``scalars``.
        """
        return outside_inference_mode(self._products(detections, targets))

    def _products(self, detections: Detections, targets: Sequence[Target]) -> Iterator[tuple[int, GradientChunk]]:
        products = getattr(self._head, "products", None)
        if self._stages is not None or products is None:
            for number, target in enumerate(targets):
                for chunk in self._chunks(detections, target):
                    yield number, chunk.products(self.levels[chunk.level].features)
                    del chunk
            return
        resolved = [self._resolve(detections, target) for target in targets]
        levels, at = resolved[0][:2]
        for level in torch.unique(levels).tolist():
            rows = (levels == level).nonzero()[:, 0]
            for number, chunk in products(level, at[rows], [(labels[rows], own) for _, _, labels, own in resolved]):
                yield number, GradientChunk(level, rows[chunk.rows], chunk.gradient, chunk.corner)
                del chunk

    @property
    def ways(self) -> dict[str, str]:
        """How ``products`` were computed so far, by branch of the head and level; see ``DenseHead.ways``."""
        return dict(getattr(self._head, "ways", {}))

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
