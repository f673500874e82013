"""RoIAlign's transpose: from gradients at pooled regions back to the pyramid, inside each region's window only.

RoIAlign is linear in the features and separable: ``pooled = Ay @ features @ Ax.T`` with one small matrix for each axis.
Its transpose is therefore ``G = Ay.T @ g @ Ax``, and only the cells that a region reads get a gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import MultiScaleRoIAlign

WINDOW_STEP = 16
"""Windows whose sides differ by less than this many cells are computed together, on the larger size."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Where RoIAlign reads along one axis of a level for n regions.

    ``at`` ``[n,P,S]``: positions in cells, inside the grid, of up to S samples for each of P pooled cells; ``weight``
    ``[n,P,S]``: 1 over the number of samples, 0 for those that do not exist or lie outside.
    """

    at: Tensor
    weight: Tensor

    @classmethod
    def of(cls, start: Tensor, end: Tensor, pooled: int, ratio: int, cells: int) -> Samples:
        """For regions from ``start`` to ``end`` ``[n]``, in cells; ``ratio`` <= 0: ceil(size / pooled) samples."""
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
        """First and last cell ``[n]`` that the samples of each region read."""
        low = torch.where(self.weight > 0, self.at, torch.inf).amin(dim=(1, 2)).floor()
        high = torch.where(self.weight > 0, self.at, -torch.inf).amax(dim=(1, 2)).floor() + 1
        nothing = low.isinf()
        return low.masked_fill(nothing, 0).long(), high.masked_fill(nothing, 0).long()

    def matrix(self, first: Tensor, cells: int) -> Tensor:
        """``[n,P,cells]``: how much of each of the ``cells`` from ``first`` ``[n]`` on is in each pooled cell."""
        cell = first[:, None] + torch.arange(cells, device=first.device)
        hat = (1 - (self.at[..., None] - cell[:, None, None, :]).abs()).clamp(min=0)
        return (hat * self.weight[..., None]).sum(dim=2)

    def __getitem__(self, rows: Tensor) -> Samples:
        return Samples(self.at[rows], self.weight[rows])


class Pooling:
    """A ``MultiScaleRoIAlign`` on the pyramid of one image, of which only the maps that it reads are kept.

    The module itself remembers the scales of the first image it ever saw; what it remembers is used and never changed.
    ``features`` ``[1,C,h,w]`` by name; ``size``: (height, width) of the resized image, without padding.
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
        """Pooled features ``[n,C,P,P]`` of ``boxes`` ``[n,4]`` (xyxy, input pixels), and which map each is from."""
        pooled = self._module(self.features, [boxes], [self._size])
        if len(self.features) == 1:
            return pooled, torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
        return pooled, self._module.map_levels([boxes])

    @property
    def output_size(self) -> tuple[int, int]:
        """Rows and columns of a pooled region."""
        return self._module.output_size

    def frames(self, levels: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Where pooled regions lie in the input: top left (y, x) ``[n,2]`` and size of a pooled cell (y, x) ``[n,2]``.

        The regions are the ``boxes`` ``[n,4]`` themselves; one of less than a cell of its map is widened to that.
        """
        cell = 1 / torch.tensor(self._module.scales, dtype=boxes.dtype, device=boxes.device)[levels]
        corner = boxes[:, [1, 0]]
        extent = (boxes[:, [3, 2]] - corner).maximum(cell[:, None])
        return corner, extent / torch.tensor(self.output_size, dtype=boxes.dtype, device=boxes.device)

    def windows(
        self, level: int, boxes: Tensor, gradient: Tensor, most: int
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The transpose, for regions ``boxes`` ``[n,4]`` of one map, from ``gradient`` ``[n,C,P,P]``.

        Yields rows ``[m]`` (at most ``most``), the corners ``[m,2]`` (row, column) of their windows on the map's grid
        and the gradients ``[m,C,a,b]`` there. Beyond its window the gradient of a region is zero.
        """
        cells = tuple(list(self.features.values())[level].shape[-2:])
        scale, pooled = self._module.scales[level], self._module.output_size
        x1, y1, x2, y2 = (boxes * scale).unbind(1)
        ratio = self._module.sampling_ratio
        down = Samples.of(y1, y2, pooled[0], ratio, cells[0])
        across = Samples.of(x1, x2, pooled[1], ratio, cells[1])
        (top, bottom), (left, right) = down.span(), across.span()
        sizes = torch.stack([bottom - top, right - left], dim=1) + 1
        for rows, (height, width) in _alike(sizes, cells, most):
            corner = torch.stack(
                [top[rows].clamp(max=cells[0] - height), left[rows].clamp(max=cells[1] - width)], dim=1
            )
            by_rows = down[rows].matrix(corner[:, 0], height)
            by_columns = across[rows].matrix(corner[:, 1], width)
            yield rows, corner, separable(by_rows, gradient[rows], by_columns)


def separable(down: Tensor, grids: Tensor, across: Tensor) -> Tensor:
    """``down.T @ grid @ across`` for each channel: ``[n,p,a]``, ``[n,C,p,q]``, ``[n,q,b]`` to ``[n,C,a,b]``."""
    count, channels, p, q = grids.shape
    a, b = down.shape[2], across.shape[2]
    columns = down.transpose(1, 2) @ grids.transpose(1, 2).reshape(count, p, channels * q)
    return (columns.view(count, a * channels, q) @ across).view(count, a, channels, b).transpose(1, 2)


def _alike(sizes: Tensor, cells: Sequence[int], most: int) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """Rows with windows of about one size, and that size: ``sizes`` ``[n,2]`` rounded up, at most the whole grid."""
    groups: dict[tuple[int, int], list[int]] = {}
    for row, size in enumerate(sizes.tolist()):
        height, width = (min(-(-side // WINDOW_STEP) * WINDOW_STEP, limit) for side, limit in zip(size, cells))
        groups.setdefault((height, width), []).append(row)
    for size, rows in groups.items():
        for some in torch.tensor(rows, device=sizes.device).split(most):
            yield some, size
