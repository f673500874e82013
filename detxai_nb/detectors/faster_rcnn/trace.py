"""The trace of Faster R-CNN: the box head runs on the explained regions only, with one backward pass for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detectors.base import outside_inference_mode
from detxai_nb.detectors.dense.trace import ANCHOR_FIELDS
from detxai_nb.detectors.faster_rcnn.box_head import BoxHead, OpenedRegions
from detxai_nb.detectors.faster_rcnn.layers import LayerBelow, PooledMaps
from detxai_nb.detectors.faster_rcnn.pooling import Pooling
from detxai_nb.detectors.faster_rcnn.proposals import AnchorProposals
from detxai_nb.detectors.faster_rcnn.regions import Regions
from detxai_nb.detectors.trace.again import Again, Prepared, check_features, with_graph_of_inputs
from detxai_nb.detectors.trace.budget import rows_per_chunk
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.module_use import exclusive
from detxai_nb.types import Detections, Level, Target
from detxai_nb.windows import GradientChunk

ROI = "roi"


@dataclass(frozen=True, eq=False)
class PreparedRegions(Prepared):
    """What a trace of Faster R-CNN needs to run its network again.

    Attributes:
        pyramid: computes the pyramid's maps ``[B,C,h,w]`` by name, of inputs ``[B,3,h,w]``.
        above: computes them for B versions ``[B,C,h,w]`` of the layer's level of a name.
        levels: the pyramid's maps ``[1,C,h,w]`` of this input by name, without a graph.
    """

    pyramid: Callable[[Tensor], dict[str, Tensor]] | None = None
    above: Callable[[str, Tensor], dict[str, Tensor]] | None = None
    levels: Mapping[str, Tensor] = field(default_factory=dict)


class RoiTrace(Again):
    """One forward pass of one image through Faster R-CNN, kept open for gradients. See ``RerunTrace``.

    Further runs keep the proposals of this image.

    Args:
        placement: where the image lies in the network's input.
        layer: name of the explained layer.
        module: the ``FasterRCNN`` module.
        proposals: the image's proposals, recomputed from anchors.
        pooling: RoI pooling on the image's pyramid.
        below: carries gradients from the pooled maps to the layer's levels. None for the layer "roi": then each region
            is a level of its own, and ``levels`` lists the regions explained so far.
        again: what further runs need; None if there will be none.
    """

    two_stage = True
    _again: PreparedRegions | None

    def __init__(
        self,
        placement: Placement,
        layer: str,
        module: Any,
        proposals: AnchorProposals,
        pooling: Pooling,
        below: LayerBelow | None,
        again: PreparedRegions | None = None,
    ) -> None:
        self.placement = placement
        self.layer = layer
        self._module = module
        self._proposals = proposals
        self._pooling = pooling
        self._head = BoxHead(module.roi_heads, pooling)
        self._below = below
        self._again = again
        self._last: tuple[Tensor, OpenedRegions] | None = None
        self._regions: list[Level] = []
        self._numbers: dict[tuple[int, ...], int] = {}

    @property
    def network(self) -> Any:
        """The module whose pass this is."""
        return self._module

    @property
    def pyramid(self) -> dict[str, Tensor]:
        """The pyramid's maps ``[1,C,h,w]`` by name, without a graph."""
        return dict(self._prepared.levels)  # type: ignore[attr-defined]

    @property
    def levels(self) -> tuple[Level, ...]:
        """The explained grids: the layer's maps, or for "roi" the regions explained so far."""
        return tuple(self._regions) if self._below is None else self._below.levels

    @exclusive("_module")
    @exact_mode
    def scalars(self, detections: Detections, target: Target) -> Tensor:
        """Return the explained scalar of each detection.

        Args:
            detections: N detections of this image by this detector.
            target: what is explained.

        Returns:
            Scalars ``[N]``: a softmax probability, a logit, or a side of the box in input pixels, not clipped and
            growing outward.

        Raises:
            ValueError: if the target is "combined", or the detections have no anchors as origins or come from another
                detector or image size.
        """
        origins, labels, target = self._resolve(detections, target)
        values = [
            self._head.scalars(self._open(origins[rows]), labels[rows], target).detach()
            for rows in self._parts(origins)
        ]
        return torch.cat(values) if values else origins.new_empty(0, dtype=next(self._module.parameters()).dtype)

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        """Compute the exact gradients of all detections with respect to the layer.

        Works inside ``torch.inference_mode`` too, which is left for the time of each step.

        Args:
            detections: N detections of this image by this detector.
            target: what is explained.

        Yields:
            Chunks that fit the memory budget: windows of the layer's grids, or whole pooled regions for "roi".

        Raises:
            ValueError: as ``scalars``, at the first step.
        """
        for chunks in outside_inference_mode(self._chunks(detections, target), self._module):
            # Handed out one by one and let go of: only the step, not each chunk, takes the module for itself.
            while chunks:
                yield chunks.pop(0)

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Compute the same gradients on the whole grid of their level.

        Args:
            detections: N detections of this image by this detector.
            target: what is explained.

        Yields:
            (level, rows, gradient ``[n,C,h,w]``) for each chunk.

        Raises:
            ValueError: as ``scalars``, at the first step.
        """
        for chunk in self.chunks(detections, target):
            yield chunk.level, chunk.rows, chunk.dense(*self.levels[chunk.level].features.shape[1:])

    @exclusive("_module")
    @exact_mode
    @with_graph_of_inputs
    def scalars_of_inputs(self, inputs: Tensor, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other inputs, in the proposals of this image.

        Args:
            inputs: ``[B,3,h,w]`` of the size of ``input``; where they need a gradient the result has a graph.
            detections: N detections of this image by this detector.
            target: what is explained.

        Returns:
            ``[B,N]``.

        Raises:
            ValueError: as ``scalars``, and for inputs of another size.
        """
        self._check_inputs(inputs)
        pyramid = self._prepared.pyramid  # type: ignore[attr-defined]
        return self._of_maps(pyramid(inputs), detections, target)

    @exclusive("_module")
    @exact_mode
    @torch.no_grad()
    def scalars_of_features(self, features: Tensor, level: int, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other activations of the layer, in the proposals of this image.

        Args:
            features: ``[B,C,h,w]``, versions of the grid of ``level``.
            level: the number of a level.
            detections: N detections that are explained on this level.
            target: what is explained.

        Returns:
            ``[B,N]``.

        Raises:
            ValueError: as ``scalars``, for activations of another shape, and for the region of another detection.
        """
        check_features(features, level, [one.features for one in self.levels])
        if self._below is None:
            origins, labels, target = self._resolve(detections, target)
            if any(self._numbers.get(tuple(origin)) != level for origin in origins.tolist()):
                raise ValueError(f"level {level} of the layer {ROI!r} is the region of another detection")
            pooled = features[:, None].expand(-1, len(origins), *features.shape[1:])
            return self._head.of_pooled(pooled, self._proposals.boxes(origins), labels, target)
        if isinstance(self._below, PooledMaps):
            maps = {name: x.expand(len(features), *x.shape[1:]) for name, x in self._pooling.features.items()}
            maps[list(maps)[level]] = features
        else:
            above = self._prepared.above  # type: ignore[attr-defined]
            maps = above(self.levels[level].name, features)
        return self._of_maps(maps, detections, target)

    def _of_maps(self, maps: dict[str, Tensor], detections: Detections, target: Target) -> Tensor:
        """The scalars ``[B,N]`` in B versions of the pyramid."""
        origins, labels, target = self._resolve(detections, target)
        boxes = self._proposals.boxes(origins)
        return self._head.of_pooled(self._pooling.of_maps(maps, boxes), boxes, labels, target)

    def regions(self, detections: Detections) -> Iterator[Regions]:
        """Pool the regions of all detections, with the box head on them, whatever the trace's layer.

        Works inside ``torch.inference_mode`` too, which is left for the time of each step.

        Args:
            detections: N detections of this image by this detector.

        Yields:
            Parts that fit the memory budget.

        Raises:
            ValueError: if the detections have no anchors as origins or come from another detector or image size.
        """
        return outside_inference_mode(self._region_parts(detections), self._module)

    def _region_parts(self, detections: Detections) -> Iterator[Regions]:
        origins, labels, _ = self._resolve(detections, Target())
        for rows in self._parts(origins):
            with torch.no_grad():
                proposals = self._proposals.boxes(origins[rows])
                features, levels = self._pooling(proposals)
                corners, cells = (tuple(map(tuple, x.tolist())) for x in self._pooling.frames(levels, proposals))
            yield Regions(self._module, rows, features, corners, cells, labels[rows], proposals)

    def _chunks(self, detections: Detections, target: Target) -> Iterator[list[GradientChunk]]:
        """The chunks of one step each: one of windows, or those of all regions that fit the memory budget."""
        origins, labels, target = self._resolve(detections, target)
        for rows in self._parts(origins):
            regions = self._open(origins[rows])
            gradient = self._head.gradients(regions, labels[rows], target)
            if self._below is None:
                numbers = self._number(origins[rows], regions)
                yield [GradientChunk(number, row[None], one[None]) for number, row, one in zip(numbers, rows, gradient)]
            else:
                for chunk in self._unpool(rows, regions, gradient, self._below):
                    only = [chunk]
                    del chunk
                    yield only

    def _unpool(
        self, rows: Tensor, regions: OpenedRegions, gradient: Tensor, below: LayerBelow
    ) -> Iterator[GradientChunk]:
        """Carry gradients from each region's pooled features to a window of its map, and on to the layer."""
        for level in torch.unique(regions.levels).tolist():
            mine = (regions.levels == level).nonzero()[:, 0]
            most = rows_per_chunk(below.levels[below.level_of(level)].features)
            boxes = regions.proposals[mine]
            for some, corner, windows in self._pooling.windows(level, boxes, gradient[mine], most):
                yield from below.pull(GradientChunk(level, rows[mine[some]], windows, corner))

    def _parts(self, origins: Tensor) -> Sequence[Tensor]:
        """Rows of the detections whose regions are computed together."""
        if not len(origins):
            return ()
        return torch.split(torch.arange(len(origins), device=origins.device), self._head.rows_per_pass)

    def _open(self, origins: Tensor) -> OpenedRegions:
        """The regions of these anchors; the last ones are kept for further targets of the same detections."""
        if self._last is not None and torch.equal(self._last[0], origins):
            return self._last[1]
        self._last = None
        regions = self._head.open(self._proposals.boxes(origins))
        self._last = (origins, regions)
        return regions

    def _number(self, origins: Tensor, regions: OpenedRegions) -> list[int]:
        """The level number of each region; a region not explained before becomes a new level."""
        corners, cells = (x.tolist() for x in self._pooling.frames(regions.levels, regions.proposals))
        numbers = []
        for i, origin in enumerate(map(tuple, origins.tolist())):
            if origin not in self._numbers:
                number = self._numbers[origin] = len(self._regions)
                features = regions.pooled[i].detach()
                self._regions.append(Level(f"{ROI}.{number}", features, tuple(cells[i]), corner=tuple(corners[i])))
            numbers.append(self._numbers[origin])
        return numbers

    def _resolve(self, detections: Detections, target: Target) -> tuple[Tensor, Tensor, Target]:
        """Origin ``[N,4]`` and explained class ``[N]`` of each detection; the target with class numbers."""
        if target.part == "combined":
            raise ValueError("a trace explains one scalar at a time; 'combined' joins maps and is made by explain")
        if detections.origins is None or detections.origin_fields != ANCHOR_FIELDS:
            raise ValueError(
                f"these detections do not say where in the model they came from (origins {ANCHOR_FIELDS}); "
                "use what this detector's detect returns"
            )
        anchors = self._proposals.anchors
        origins = detections.origins.to(anchors[0].device).clone()
        sizes = torch.tensor([level.shape[:3] for level in anchors], device=origins.device)
        known = (origins[:, 0] >= 0) & (origins[:, 0] < len(sizes))
        level = origins[:, 0].clamp(0, len(sizes) - 1)
        if not bool((known[:, None] & (origins[:, 1:] >= 0) & (origins[:, 1:] < sizes[level])).all()):
            raise ValueError("these detections come from another detector or image size; detect in this image first")
        return origins, *target.resolve(detections.labels.to(origins.device), detections.names)
