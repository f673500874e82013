"""Heat maps of all predictions of an image as short vectors, which ODAM-NMS compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.detections import as_detections, require_own
from detxai_nb.float32 import exact_mode, in_full_float32
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource, load_image
from detxai_nb.methods.products import product_chunks
from detxai_nb.nms.similarity import cosines, unit_vectors
from detxai_nb.types import Detections, Level, Progress, Target, Trace, TraceableDetector

SHORT_EDGE = 50
"""The shorter side of a map in cells, as in ODAM's section 3.3."""


@dataclass(frozen=True, eq=False)
class MapVectors:
    """ODAM maps of N predictions of one image, all on one small grid over the whole image.

    ``len`` and indexing (int, slice, list, mask or tensor) go by rows, and each index gives ``MapVectors``.

    Attributes:
        values: float32 ``[N,h,w]``, raw and not negative; cell (i, j) is the map's value in the middle of that part of
            the image.
        detections: the N predictions that they are of.
        layer: the explained layer.
        norm_statistics: what the gradients do with the statistics of group normalisation: "exact" differentiates
            through them, "fixed" takes them as constants on the finest levels (see ``FcosDetector``). A head without
            group normalisation has one gradient only.

    Raises:
        ValueError: if there is not one map for each detection.
    """

    values: Tensor
    detections: Detections
    layer: str
    norm_statistics: str = "exact"

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or len(self.values) != len(self.detections):
            raise ValueError(
                f"expected maps [N,h,w], one for each of {len(self.detections)} detections, got "
                f"{list(self.values.shape)}"
            )

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Any) -> MapVectors:
        """The maps that ``index`` picks, as MapVectors; an int gives one."""
        rows = np.arange(len(self))[index.cpu().numpy() if isinstance(index, Tensor) else index].reshape(-1).tolist()
        return replace(self, values=self.values[rows], detections=self.detections[rows])

    @property
    def vectors(self) -> Tensor:
        """The maps flat, ``[N,h*w]``: what the rules take as ``vectors``."""
        return self.values.flatten(1)

    def correlation(self) -> Tensor:
        """Compute the normalised correlation of each map with each, by which ODAM-NMS decides.

        Returns:
            ``[N,N]`` in 0..1: the cosine of the maps as vectors; 0 for a map of zeros, also with itself.
        """
        with torch.no_grad():
            unit = unit_vectors(self.vectors)
            return in_full_float32(unit.device, lambda: cosines(unit, unit))

    def require_of(self, detections: Detections) -> None:
        """Raise an error unless these are the maps of those predictions, in their order.

        Args:
            detections: what the maps are to be used for.

        Raises:
            ValueError: for another number of predictions, or the first one that is another.
        """
        own = self.detections
        if len(own) != len(detections):
            raise ValueError(
                f"the maps are of {len(own)} predictions, and there are {len(detections)}; index both alike, or "
                "compute the maps of these: dx.nms.map_vectors(detector, image, detections)"
            )
        differs = torch.zeros(len(own), dtype=torch.bool, device="cpu")
        for name in ("boxes", "labels", "origins"):
            one, other = getattr(own, name), getattr(detections, name)
            if one is not None and other is not None and one.shape == other.shape:
                differs |= (one.cpu() != other.cpu())[..., None].flatten(1).any(dim=1)
            elif (one is None) != (other is None) or one is not None:
                differs |= True
        if bool(differs.any()):
            row = int(differs.nonzero()[0])
            said = ", ".join(f"{side:.1f}" for side in own.boxes[row].tolist())
            raise ValueError(
                f"these are maps of other predictions: {int(differs.sum())} of {len(own)} differ; map {row} is of "
                f"{own.label_names()[row]} at ({said}). Compute the maps of these predictions: "
                "dx.nms.map_vectors(detector, image, detections)"
            )


def map_vectors(
    detector: TraceableDetector,
    image: ImageSource,
    detections: Detections,
    *,
    layer: str | None = None,
    short_edge: int = SHORT_EDGE,
    progress: Progress | None = None,
) -> MapVectors:
    """Compute the ODAM maps of many predictions as short vectors: of the class score, from exact gradients.

    The gradients of all predictions come in batches that fit a memory budget, and only the small maps are kept: 13 KB
    a prediction of a 4:3 image.

    Args:
        detector: the detector that made the predictions.
        image: what ``load_image`` takes.
        detections: what ``candidates`` or ``detect`` returned for this image.
        layer: one of ``detector.layers``; None: "roi" where there is one, as in the paper, else the first.
        short_edge: the shorter side of the maps in cells, at least 1.
        progress: called as ``progress(done, total)`` between chunks of predictions; what it raises ends the work.

    Returns:
        The maps in the order of ``detections``.

    Raises:
        TypeError: for what are no detections, or a short edge that is no whole number.
        ValueError: for predictions that are not this detector's own in this image, an unknown layer or a short edge
            below 1.

    References:
        Zhao & Chan, ODAM (ICLR 2023), sec. 3.3 and A.1. The maps are brought from their own grid to the small one in
        one bilinear step.
    """
    detections, short_edge = as_detections(detections), as_short_edge(short_edge)
    pixels = load_image(image)
    detections.require_image(pixels.shape[0], pixels.shape[1])
    trace = detector.trace(image, layer_of_maps(detector.layers, layer))
    detections = detections.to(detector.device)
    if len(detections):
        require_own(detector, pixels, detections, trace)
    statistics = getattr(detector, "norm_statistics", "exact")
    return vectors_of_trace(trace, detections, short_edge, statistics, progress)


def layer_of_maps(layers: Sequence[str], layer: str | None) -> str | None:
    """Return the layer whose maps are compared.

    Args:
        layers: those of the detector.
        layer: the one that was asked for, or None.

    Returns:
        ``layer``; for None "roi", the pooled regions of a two-stage detector, if it has them.
    """
    return "roi" if layer is None and "roi" in layers else layer


def as_short_edge(value: Any) -> int:
    """Return a number of cells.

    Args:
        value: a whole number.

    Returns:
        The same.

    Raises:
        TypeError: if it is no whole number.
        ValueError: if it is below 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"short_edge is a whole number of cells, got {value!r}")
    if value < 1:
        raise ValueError(f"short_edge is at least 1 cell, got {value}")
    return int(value)


@exact_mode
def vectors_of_trace(
    trace: Trace,
    detections: Detections,
    short_edge: int = SHORT_EDGE,
    norm_statistics: str = "exact",
    progress: Progress | None = None,
) -> MapVectors:
    """Compute the maps of predictions of an open trace.

    Args:
        trace: of the image.
        detections: of this image, with the origins that the detector gave them.
        short_edge: the shorter side of the maps in cells.
        norm_statistics: what the trace's gradients do with group normalisation, for the record.
        progress: called as ``progress(done, total)`` between chunks of predictions; what it raises ends the work.

    Returns:
        The maps.

    Raises:
        ValueError: for detections without origins in this trace, and for maps that are not finite.
    """
    device = detections.scores.device

    def run() -> Tensor:
        grid = SmallGrid(trace.placement, short_edge)
        values = torch.zeros(len(detections), *grid.size, device=device)
        regions: list[tuple[Tensor, Tensor, Level]] = []
        done = 0
        for chunk in product_chunks(trace, detections, Target()) if len(detections) else ():
            level = trace.levels[chunk.level]
            level = level if chunk.shift is None else replace(level, shift=chunk.shift)
            maps = torch.relu(chunk.gradient[:, 0]).detach()
            if level.corner is None:
                values[chunk.rows] = grid.place(maps, level, chunk.corner).float()
            else:
                # A grid for each prediction: placed together at the end.
                regions.append((chunk.rows, maps, level))
            done += len(chunk.rows)
            del chunk
            if progress is not None:
                progress(done, len(detections))
        for rows, placed in grid.place_regions(regions):
            values[rows] = placed.float()
        return values

    with torch.no_grad():
        values = in_full_float32(device, run)
    if not bool(torch.isfinite(values).all()):
        raise ValueError("the gradients of these predictions are no numbers (NaN or infinity); look at the weights")
    return MapVectors(values, detections, trace.layer, norm_statistics)


class SmallGrid:
    """A grid of few cells over an image, and how maps on a network's grids are read there, bilinearly.

    Maps keep their graph, if they have one.

    Args:
        placement: where the image lies in the network's input.
        short_edge: the shorter side of the grid in cells.
    """

    def __init__(self, placement: Placement, short_edge: int) -> None:
        height, width = placement.image_size
        scale = short_edge / min(height, width)
        self.size = (max(1, round(height * scale)), max(1, round(width * scale)))
        # The image with as many pixels as there are cells.
        self._placement = replace(placement, image_size=self.size)

    def place(self, maps: Tensor, level: Level, corner: Tensor | None) -> Tensor:
        """Read maps on a level of the network.

        Args:
            maps: ``[n,h,w]`` on the whole level, or ``[n,a,b]`` on windows of it.
            level: the level.
            corner: int64 ``[n,2]``, the (row, column) of each window's first cell; None for maps on the whole level.

        Returns:
            ``[n,H,W]``, H and W as in ``size``; zero outside of the windows.
        """
        if corner is None:
            return self._placement.maps_to_image(maps, level.stride, shift=level.shift)
        height, width = level.features.shape[-2:]
        rows = self._weights(0, height, level.stride[0], level.shift[0], maps)
        columns = self._weights(1, width, level.stride[1], level.shift[1], maps)
        down, across = (_of_windows(w, corner[:, i], maps.shape[1 + i]) for i, w in enumerate((rows, columns)))
        return down @ maps @ across.mT

    def _weights(self, axis: int, cells: int, stride: float, shift: float, like: Tensor) -> Tensor:
        return self._placement.axis_weights(axis, cells, stride, like, shift=shift)

    def place_regions(self, regions: Sequence[tuple[Tensor, Tensor, Level]]) -> list[tuple[Tensor, Tensor]]:
        """Read maps on regions, each in its own place and zero outside of it.

        Args:
            regions: for each the rows that it is of, its maps ``[n,h,w]``, and where it lies.

        Returns:
            Rows and maps ``[n,H,W]``, for each shape of the maps.
        """
        alike: dict[tuple[int, ...], list[int]] = {}
        for number, (_, maps, _) in enumerate(regions):
            alike.setdefault(tuple(maps.shape[1:]), []).append(number)
        found = []
        for shape, numbers in alike.items():
            maps = torch.cat([regions[i][1] for i in numbers])
            levels = [regions[i][2] for i in numbers for _ in regions[i][0]]
            down, across = (self._region_weights(axis, shape[axis], levels).to(maps) for axis in (0, 1))
            found.append((torch.cat([regions[i][0] for i in numbers]), down @ maps @ across.mT))
        return found

    def _region_weights(self, axis: int, cells: int, levels: Sequence[Level]) -> Tensor:
        """Bilinear weights ``[n,size,cells]`` of regions on one axis, as ``Placement.axis_weights`` for each."""
        place = self._placement
        pixels = torch.arange(self.size[axis], dtype=torch.float64, device="cpu")
        at = (pixels + 0.5) * place.resized[axis] / self.size[axis] + place.offset[axis]
        outside = (at < 0) | (at > place.input_size[axis])
        begin, stride = (
            torch.tensor([(one.corner if name else one.stride)[axis] for one in levels], dtype=torch.float64)[:, None]  # type: ignore[index]
            for name in (1, 0)
        )
        at = at - begin
        outside = outside | (at < 0) | (at > cells * stride)
        u = (at / stride - 0.5).clamp(0, cells - 1)
        weights = (1 - (u[:, :, None] - torch.arange(cells, dtype=torch.float64)).abs()).clamp(min=0)
        return weights.masked_fill(outside[:, :, None], 0)


def _of_windows(weights: Tensor, start: Tensor, count: int) -> Tensor:
    """The weights ``[n,size,count]`` of windows that begin at cells ``start``, of weights ``[size,cells]`` of all."""
    cells = weights.shape[1]
    index = start[:, None] + torch.arange(count, device=start.device)
    inside = (index >= 0) & (index < cells)
    taken = weights[:, index.clamp(0, cells - 1)].transpose(0, 1)
    return taken * inside[:, None]
