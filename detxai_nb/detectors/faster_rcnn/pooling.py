"""RoI pooling and its transpose: from gradients at pooled regions back to a window of the pyramid for each region.

RoIAlign is linear in the features and separable: ``pooled = Ay @ features @ Ax.T`` with one small matrix for each axis.
Its transpose is therefore ``G = Ay.T @ g @ Ax``, and only the cells that a region reads have a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.poolers import initLevelMapper

WINDOW_STEP = 16
"""Sides of windows are rounded up to a multiple of this many cells; windows of one size are computed together."""


@dataclass(frozen=True, eq=False)
class AxisSamples:
    """The positions that RoIAlign samples along one axis of a level for n regions.

    Attributes:
        at: ``[n,P,S]``, positions in cells, inside the grid, of up to S samples for each of P pooled cells.
        weight: ``[n,P,S]``, 1 over the number of samples; 0 for samples that do not exist or lie outside.
    """

    at: Tensor
    weight: Tensor

    @classmethod
    def of(cls, start: Tensor, end: Tensor, pooled: int, ratio: int, cells: int) -> AxisSamples:
        """Return the samples of regions along one axis.

        Args:
            start, end: where each region begins and ends ``[n]``, in cells.
            pooled: number P of pooled cells along the axis.
            ratio: samples for each pooled cell; 0 or less takes ceil(size / pooled), as torchvision does.
            cells: number of cells of the level along the axis.

        Returns:
            The samples of n regions.
        """
        size = (end - start).clamp(min=1)
        step = size / pooled
        count = torch.full_like(size, ratio) if ratio > 0 else step.ceil()
        most = ratio if ratio > 0 else int(count.max()) if len(count) else 1
        sample = torch.arange(most, device=start.device)
        inner = (sample + 0.5).to(size) * (step / count)[:, None]
        outer = start[:, None] + torch.arange(pooled, device=start.device) * step[:, None]
        at = outer[:, :, None] + inner[:, None, :]
        used = (at >= -1) & (at <= cells) & (sample < count[:, None])[:, None, :]
        return cls(at.clamp(0, cells - 1), used / count[:, None, None])

    def span(self) -> tuple[Tensor, Tensor]:
        """Return the first and last cell that each region reads.

        Returns:
            (first, last), int64 ``[n]`` both; 0 and 0 for a region without samples.
        """
        low = torch.where(self.weight > 0, self.at, torch.inf).amin(dim=(1, 2)).floor()
        high = torch.where(self.weight > 0, self.at, -torch.inf).amax(dim=(1, 2)).floor() + 1
        nothing = low.isinf()
        return low.masked_fill(nothing, 0).long(), high.masked_fill(nothing, 0).long()

    def matrix(self, first: Tensor, cells: int) -> Tensor:
        """Return the pooling matrix of each region on a window of cells.

        Args:
            first: first cell of each window, int64 ``[n]``.
            cells: number of cells of a window.

        Returns:
            ``[n,P,cells]``: the weight of each cell in each pooled cell (linear interpolation, mean over samples).
        """
        cell = first[:, None] + torch.arange(cells, device=first.device)
        hat = (1 - (self.at[..., None] - cell[:, None, None, :]).abs()).clamp(min=0)
        return (hat * self.weight[..., None]).sum(dim=2)

    def __getitem__(self, rows: Tensor) -> AxisSamples:
        return AxisSamples(self.at[rows], self.weight[rows])


class Pooling:
    """A ``MultiScaleRoIAlign`` on the pyramid of one image; only the maps that it reads are kept, in ``features``.

    torchvision's module guesses its scales from the first image that it sees and remembers them. Here it is to have
    them already (``with_scales``); one without is not changed, and guesses anew for this image.

    Args:
        module: the pooling module, of which a shallow copy is used.
        features: maps ``[1,C,h,w]`` of the pyramid by name.
        size: (height, width) of the resized image, without padding, in input pixels.

    Raises:
        ValueError: if the pyramid has none of the maps that the module reads.
    """

    def __init__(self, module: MultiScaleRoIAlign, features: dict[str, Tensor], size: tuple[int, int]) -> None:
        self._module = copy(module)
        self._size = size
        self.features = {name: x for name, x in features.items() if name in module.featmap_names}
        if not self.features:
            raise ValueError(
                f"the box pooling reads {', '.join(module.featmap_names)}, the backbone gives {', '.join(features)}"
            )

    def __call__(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled features ``[n,C,P,P]`` of boxes ``[n,4]`` (xyxy, input pixels) and the map each is from."""
        pooled: Tensor = self._module(self.features, [boxes], [self._size])
        return pooled, self.levels_of(boxes)

    def of_maps(self, maps: dict[str, Tensor], boxes: Tensor) -> Tensor:
        """Return the pooled features of the same boxes in several versions of the pyramid.

        Args:
            maps: maps ``[B,C,h,w]`` by name, at least those that the module reads.
            boxes: ``[n,4]``, xyxy in input pixels.

        Returns:
            ``[B,n,C,P,P]``.
        """
        read = {name: maps[name] for name in self.features}
        count = len(next(iter(read.values())))
        pooled: Tensor = self._module(read, [boxes] * count, [self._size] * count)
        return torch.unflatten(pooled, 0, (count, len(boxes)))

    def levels_of(self, boxes: Tensor) -> Tensor:
        """Return the number of the map that each box is pooled from.

        Args:
            boxes: ``[n,4]``, xyxy in input pixels.

        Returns:
            int64 ``[n]``.
        """
        if len(self.features) == 1:
            return torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
        levels: Tensor = self._module.map_levels([boxes])
        return levels

    @property
    def strides(self) -> list[tuple[float, float]]:
        """The stride (y, x) in input pixels at which regions are read from each map: 1 over the pooling's scale.

        Cell ``i`` is read at ``i`` times the stride (RoIAlign with ``aligned=False``, which torchvision's module uses).
        """
        return [(1 / scale, 1 / scale) for scale in self._module.scales]

    @property
    def output_size(self) -> tuple[int, int]:
        """Rows and columns of a pooled region."""
        size: tuple[int, int] = self._module.output_size
        return size

    def frames(self, levels: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return where pooled regions lie in the input.

        The regions are the boxes themselves; a box narrower than a cell of its map is widened to one cell.

        Args:
            levels: int64 ``[n]``, number of the map that each region is pooled from.
            boxes: ``[n,4]``, xyxy in input pixels.

        Returns:
            Top left corners ``[n,2]`` and sizes of a pooled cell ``[n,2]``, both (y, x) in input pixels.
        """
        cell = 1 / torch.tensor(self._module.scales, dtype=boxes.dtype, device=boxes.device)[levels]
        corner = boxes[:, [1, 0]]
        extent = (boxes[:, [3, 2]] - corner).maximum(cell[:, None])
        return corner, extent / torch.tensor(self.output_size, dtype=boxes.dtype, device=boxes.device)

    def windows(
        self, level: int, boxes: Tensor, gradient: Tensor, most: int
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Apply the transpose of the pooling to gradients at regions of one map.

        Args:
            level: number of the map.
            boxes: the regions ``[n,4]``, xyxy in input pixels.
            gradient: gradients ``[n,C,P,P]`` at their pooled features.
            most: the largest number of regions in one step.

        Yields:
            Rows ``[m]`` of the regions (m <= ``most``), the corners ``[m,2]`` (row, column) of their windows on the
            map's grid, and the gradients ``[m,C,a,b]`` there. Outside its window the gradient of a region is zero.
        """
        cells = tuple(list(self.features.values())[level].shape[-2:])
        scale, pooled = self._module.scales[level], self._module.output_size
        x1, y1, x2, y2 = (boxes * scale).unbind(1)
        ratio = self._module.sampling_ratio
        down = AxisSamples.of(y1, y2, pooled[0], ratio, cells[0])
        across = AxisSamples.of(x1, x2, pooled[1], ratio, cells[1])
        (top, bottom), (left, right) = down.span(), across.span()
        sizes = torch.stack([bottom - top, right - left], dim=1) + 1
        for rows, (height, width) in _group_by_size(sizes, cells, most):
            corner = torch.stack(
                [top[rows].clamp(max=cells[0] - height), left[rows].clamp(max=cells[1] - width)], dim=1
            )
            by_rows = down[rows].matrix(corner[:, 0], height)
            by_columns = across[rows].matrix(corner[:, 1], width)
            yield rows, corner, separable(by_rows, gradient[rows], by_columns)


def with_scales(module: MultiScaleRoIAlign, strides: Sequence[float]) -> MultiScaleRoIAlign:
    """Give a pooling the scales of a network, as torchvision computes them for a picture without padding.

    Args:
        module: a pooling of its own, which is changed.
        strides: of the maps that it reads, in input pixels, in their order.

    Returns:
        ``module`` with the powers of two nearest to the maps' scales, and the levels that follow from them.
    """
    octaves = [round(math.log2(stride)) for stride in strides]
    module.scales = [2.0**-octave for octave in octaves]
    module.map_levels = initLevelMapper(
        octaves[0], octaves[-1], canonical_scale=module.canonical_scale, canonical_level=module.canonical_level
    )
    return module


def separable(down: Tensor, grids: Tensor, across: Tensor) -> Tensor:
    """Compute ``down.T @ grid @ across`` for each channel.

    Args:
        down: matrices ``[n,p,a]`` of the rows.
        grids: ``[n,C,p,q]``.
        across: matrices ``[n,q,b]`` of the columns.

    Returns:
        ``[n,C,a,b]``.
    """
    count, channels, p, q = grids.shape
    a, b = down.shape[2], across.shape[2]
    columns = down.transpose(1, 2) @ grids.transpose(1, 2).reshape(count, p, channels * q)
    return (columns.reshape(count, a * channels, q) @ across).reshape(count, a, channels, b).transpose(1, 2)


def _group_by_size(sizes: Tensor, cells: Sequence[int], most: int) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """Rows with windows of about one size, and that size: ``sizes`` ``[n,2]`` rounded up, at most the whole grid."""
    groups: dict[tuple[int, int], list[int]] = {}
    for row, size in enumerate(sizes.tolist()):
        height, width = (min(-(-side // WINDOW_STEP) * WINDOW_STEP, limit) for side, limit in zip(size, cells))
        groups.setdefault((height, width), []).append(row)
    for size, rows in groups.items():
        for some in torch.split(torch.tensor(rows, device=sizes.device), most):
            yield some, size
