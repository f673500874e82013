"""Maps ``sum_C G * A`` of many predictions through a tower of 3x3 convolutions, GroupNorm and ReLU, exactly.

For a fixed picture the backward pass is linear. GroupNorm turns a gradient ``q`` into ``q - a - b * normed``, where
``a`` and ``b`` are one number each for a group: what reaches beyond a prediction's window are two numbers a group and
layer, times fields (a constant, and ``normed``) that are the same for every prediction. This leaves two ways:

- "objects": the top layer's fields, mixed by each prediction's numbers, are carried down as one field a prediction;
- "fields": the fields of every group and layer are carried down once, to a map each. A prediction then costs only its
  window, in which the statistics count as constants, and a sum of these maps.

Either way the lowest convolution is never carried out, see ``Contraction``. Fields are laid out ``[n,h,w,C]``.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.detectors.dense.contraction import Contraction
from detxai_nb.detectors.dense.convolutions import ConvStep
from detxai_nb.detectors.dense.group_norm import GroupNormTower, NormLayer
from detxai_nb.winograd import Kernels, Tiles

OBJECTS, FIELDS = "objects", "fields"
_STRIP = 1024
"""Cells that are worked on together, so that several steps find them in the cache."""
_MIXED = 256
"""The same where there is a field for each group."""
_WINDOWS = 64
"""Predictions whose windows are computed together."""
_FEW = 12
"""For so many predictions the top layer's fields are mixed first and convolved then."""


class NormProducts:
    """Maps ``sum_C G * A`` of predictions that read a tower's output through one more convolution.

    Args:
        tower: the tower, run on the map.
        features: the map A, ``[C,h,w]``.
        end: the last convolution, which reads the tower's output around a prediction.
        kernels: transformed kernels that all levels share.
        most: how many fields ``[h,w,C]`` may be held at once.
    """

    def __init__(
        self, tower: GroupNormTower, features: Tensor, end: ConvStep, kernels: Kernels | None = None, most: int = 32
    ) -> None:
        self._layers = [_Fields(layer) for layer in tower.norm_layers]
        self._features = features
        self._end = end.weight.detach()
        self._kernels = Kernels() if kernels is None else kernels
        self._most = most
        self._size: tuple[int, int] = (features.shape[1], features.shape[2])
        self._contraction: Contraction | None = None
        self._ground: Tensor | None = None
        self._maps: Tensor | None = None

    @staticmethod
    def possible(tower: GroupNormTower) -> bool:
        """Say whether a tower is of the kind that this can do.

        Args:
            tower: any.

        Returns:
            Whether it has layers, all of 3x3 convolutions of one group of channels, and as many channels in each.
        """
        weights = [layer.step.weight for layer in tower.norm_layers]
        plain = all(layer.step.groups == 1 and layer.step.reach == 1 for layer in tower.norm_layers)
        return bool(weights) and plain and all(weight.shape[:2] == (len(weights[0]),) * 2 for weight in weights[1:])

    def costs(self, count: int) -> dict[str, float]:
        """Return what each way costs for so many predictions.

        Args:
            count: of how many predictions maps will be asked for in all.

        Returns:
            Multiply-adds by way, but for what both do; shared work that is already done counts no more.
        """
        height, width = self._size
        cells, channels, depth = height * width, len(self._layers[0].normed[0, 0]), len(self._layers)
        groups = max(layer.groups for layer in self._layers)
        dense = 36 * -(-height // 4) * -(-width // 4) * channels**2
        basis, contracted = 9 * cells * channels**2, 9 * cells * channels
        top = min(count * dense, basis + count * cells * channels * groups)
        objects = count * ((depth - 2) * dense + contracted) + top
        side = self._end.shape[-1]
        windows = sum(9 * (side + 2 * i) ** 2 for i in range(depth - 1)) * channels**2
        fields = count * (windows + cells * 2 * groups * depth)
        if self._maps is None:
            pushed = groups * (depth - 1) * (depth - 2)
            fields += pushed * dense + (depth - 1) * (basis + 2 * groups * contracted)
        return {FIELDS: fields} if depth == 1 else {OBJECTS: objects, FIELDS: fields}

    @torch.no_grad()
    def maps(self, slope: Tensor, at: Tensor, way: str) -> Tensor:
        """Return the maps of predictions.

        Args:
            slope: ``[n,K]``, the gradient of each scalar with respect to the outputs at its cell.
            at: int64 ``[n,2]``, (row, column) of each cell.
            way: "objects" or "fields"; the first needs two layers or more.

        Returns:
            ``[n,h,w]``.
        """
        patches = torch.einsum("nk,kcyx->nyxc", slope, self._end)
        if way == OBJECTS:
            work = _Work(self._layers, self._kernels, self._size)
            most = -(-len(at) // -(-len(at) // self._most))
            parts = zip(torch.split(patches, most), torch.split(at, most))
            return torch.cat([self._of_objects(work, *part) for part in parts])
        if self._maps is None:
            self._maps = self._of_fields(_Work(self._layers, self._kernels, self._size))
        parts = zip(torch.split(patches, _WINDOWS), torch.split(at, _WINDOWS))
        found = [self._from_fields(*part, self._maps) for part in parts]
        return torch.cat(found)

    def _of_objects(self, work: _Work, patches: Tensor, at: Tensor) -> Tensor:
        """A dense field a prediction, from the top layer down."""
        layer = self._layers[-1]
        gradient = patches * layer.around(layer.gate, at, patches.shape[1])
        mean, slope = layer.coefficients(gradient, layer.around(layer.normed, at, patches.shape[1]))
        fields = patches.new_empty(len(at), *self._size, patches.shape[-1])
        if len(at) <= _FEW:
            fields.zero_()
            work.down(fields, layer, mean, slope)
        else:
            work.basis(fields, layer, mean, slope)
        local = _transposed(gradient, layer)
        for field, window, corner in zip(fields, local, (at - local.shape[1] // 2).tolist()):
            (top, bottom, left, right), (y, x) = _inside(corner, local.shape[1], self._size), corner
            field[top:bottom, left:right] += window[top - y : bottom - y, left - x : right - x]
        return self._pushed(work, fields, len(self._layers) - 2)

    def _pushed(self, work: _Work, fields: Tensor, top: int) -> Tensor:
        """The maps ``[n,h,w]`` of gradients ``[n,h,w,C]`` at the output of layer ``top``; they are overwritten."""
        for number in range(top, -1, -1):
            layer = self._layers[number]
            mean, slope = work.gated(fields, layer)
            if number:
                work.down(fields, layer, mean, slope)
        dense = (torch.cat([mean, slope], dim=1) @ self._ground_maps().flatten(1)).view(len(fields), *self._size)
        return self._contracted().on_maps(fields) - dense

    def _contracted(self) -> Contraction:
        if self._contraction is None:
            self._contraction = Contraction(self._layers[0].step, self._features)
        return self._contraction

    def _ground_maps(self) -> Tensor:
        """The maps ``[2G,h,w]`` of the lowest layer's fields, constants first."""
        if self._ground is None:
            layer, contraction = self._layers[0], self._contracted()
            factor = layer.normed.flatten(0, 1)
            self._ground = torch.cat([contraction.of_groups(layer.groups, f) for f in (None, factor)])
        return self._ground

    def _of_fields(self, work: _Work) -> Tensor:
        """The maps ``[M,h*w]`` of the fields of all layers, the top one first; of each the constants first."""
        found = []
        for number in range(len(self._layers) - 1, 0, -1):
            layer = self._layers[number]
            for some in (0, 1):
                for numbers in torch.split(torch.arange(layer.groups), self._most):
                    each = len(layer.normed[0, 0]) // layer.groups
                    first, last = int(numbers[0]), int(numbers[-1]) + 1
                    fields = layer.normed.new_empty(last - first, *self._size, layer.groups * each)
                    one = torch.eye(layer.groups, dtype=fields.dtype, device=fields.device)[first:last]
                    if some:
                        work.basis(fields, layer, None, one[:, first:last], first)
                    else:
                        work.constants(fields.zero_(), layer, one)
                    found.append(self._pushed(work, fields, number - 1).flatten(1))
                    del fields
        return torch.cat([*found, -self._ground_maps().flatten(1)])

    def _from_fields(self, patches: Tensor, at: Tensor, maps: Tensor) -> Tensor:
        """The sum of the fields' maps by each prediction's numbers, and the map of its window."""
        numbers: list[Tensor] = []
        for layer in reversed(self._layers):
            side = patches.shape[1]
            gradient = patches * layer.around(layer.gate, at, side)
            numbers += layer.coefficients(gradient, layer.around(layer.normed, at, side))
            if layer is not self._layers[0]:
                patches = _transposed(gradient, layer)
        windows = self._contracted().on_windows(gradient.permute(0, 3, 1, 2), at)
        found = (torch.cat(numbers, dim=1) @ maps).view(-1, *self._size)
        for one, window, corner in zip(found, windows, (at - windows.shape[1] // 2).tolist()):
            (top, bottom, left, right), (y, x) = _inside(corner, windows.shape[1], self._size), corner
            one[top:bottom, left:right] += window[top - y : bottom - y, left - x : right - x]
        return found


class _Fields:
    """A layer with its maps laid out ``[h,w,C]``."""

    def __init__(self, layer: NormLayer) -> None:
        last = (0, 1, 2) if layer.kernel is not None else (1, 2, 0)
        self.step, self.weight, self.groups = layer.step, layer.step.weight.detach(), layer.groups
        self.normed, self.gate = (x.permute(last).contiguous() for x in (layer.normed, layer.gate))

    def around(self, grid: Tensor, at: Tensor, side: int) -> Tensor:
        """Windows ``[n,side,side,C]`` of a map ``[h,w,C]`` around cells, zero beyond it."""
        height, width, _ = grid.shape
        spread = torch.arange(side, device=at.device) - side // 2
        rows, columns = at[:, :1] + spread, at[:, 1:] + spread
        inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
        index = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
        return grid.flatten(0, 1)[index] * inside[..., None]

    def coefficients(self, gradient: Tensor, normed: Tensor) -> tuple[Tensor, Tensor]:
        """The numbers ``[n,G]`` of each group, of gradients and the map in windows ``[n,side,side,C]``."""
        return self.per_group(gradient.sum((1, 2))), self.per_group((gradient * normed).sum((1, 2)))

    def per_group(self, sums: Tensor) -> Tensor:
        """The means ``[n,G]`` over all cells and a group's channels, of sums ``[n,C]`` over all cells."""
        grouped = torch.unflatten(sums, 1, (self.groups, -1))
        means: Tensor = grouped.sum(2) / (self.normed[..., 0].numel() * grouped.shape[2])
        return means

    def per_channel(self, numbers: Tensor) -> Tensor:
        """Numbers ``[n,G]`` of groups for each channel, ``[n,C]``."""
        return numbers.repeat_interleave(self.normed.shape[2] // self.groups, dim=1)


class _Work:
    """What is done to fields ``[n,h,w,C]``, in place and with buffers that are kept."""

    def __init__(self, layers: list[_Fields], kernels: Kernels, size: tuple[int, int]) -> None:
        like = layers[-1].normed
        self._kernels = kernels
        self._size = size
        self._channels = like.shape[2]
        on_tiles = like.device.type == "cpu" and len(layers) > 1
        self._tiles = Tiles(size, self._channels, self._channels, like) if on_tiles else None

    def gated(self, fields: Tensor, layer: _Fields) -> tuple[Tensor, Tensor]:
        """Multiply gradients at a layer's output by its gate; return the numbers ``[n,G]`` of its groups."""
        sums = fields.new_zeros(2, len(fields), self._channels)
        gates, normed = (torch.split(x.flatten(0, 1), _STRIP) for x in (layer.gate, layer.normed))
        for row, field in enumerate(fields.flatten(1, 2)):
            for part, gate, of in zip(torch.split(field, _STRIP), gates, normed):
                part.mul_(gate)
                sums[0, row] += part.sum(0)
                sums[1, row] += (part * of).sum(0)
        return layer.per_group(sums[0]), layer.per_group(sums[1])

    def down(self, fields: Tensor, layer: _Fields, mean: Tensor, slope: Tensor) -> None:
        """Carry ``fields - mean - slope * normed`` through the transpose of a layer's convolution."""
        mean, slope = (layer.per_channel(numbers)[:, None, None] for numbers in (mean, slope))
        together = self._tiles.together if self._tiles is not None else len(fields)
        for part, a, b in zip(*(torch.split(x, together) for x in (fields, mean, slope))):
            if self._tiles is None:
                through = torch.addcmul(part - a, layer.normed, b, value=-1).permute(0, 3, 1, 2)
                part.copy_(F.conv_transpose2d(through, layer.weight, padding=1).permute(0, 2, 3, 1))
            else:
                inside = self._tiles.inside(len(part))
                torch.addcmul(part, layer.normed, b, value=-1, out=inside).sub_(a)
                self._tiles.convolve(self._kernels.transposed(layer.step.weight), part)

    def basis(self, out: Tensor, layer: _Fields, mean: Tensor | None, slope: Tensor, first: int = 0) -> None:
        """Write what ``-mean - slope * normed`` is before a layer's convolution.

        Each group's channels of ``normed`` are convolved by themselves and then mixed, so that any number of
        predictions costs hardly more than one.

        Args:
            out: ``[n,h,w,C]``.
            layer: the layer.
            mean: ``[n,G]``; None for zero.
            slope: ``[n,G']`` of the groups from ``first`` on.
            first: the number of a group.
        """
        height, width = self._size
        count = slope.shape[1]
        each = self._channels // layer.groups
        kernel = torch.unflatten(layer.weight.flip(2, 3), 0, (layer.groups, each))[first : first + count]
        kernel = kernel.permute(0, 3, 4, 1, 2).reshape(count, 9 * each, -1)
        chosen = layer.normed[:, :, first * each : (first + count) * each]
        padded = torch.unflatten(F.pad(chosen, (0, 0, 1, 1, 1, 1)), 2, (count, each))
        rows = max(1, _MIXED // width)
        for top in range(0, height, rows):
            some = min(rows, height - top)
            patches = out.new_empty(count, some, width, 9, each)
            for y in range(3):
                for x in range(3):
                    shifted = padded[top + y : top + y + some, x : x + width]
                    patches[:, :, :, 3 * y + x] = shifted.permute(2, 0, 1, 3)
            patches = patches.view(count, some * width, -1)
            mixed = (-slope) @ (patches @ kernel).flatten(1)
            out[:, top : top + some] = mixed.view(len(out), some, width, -1)
        if mean is not None:
            self.constants(out, layer, mean)

    def constants(self, fields: Tensor, layer: _Fields, mean: Tensor) -> None:
        """Add what ``-mean`` ``[n,G]`` is before a layer's convolution: alike everywhere but at the border."""
        height, width = self._size
        levels = -layer.per_channel(mean)[:, :, None, None].expand(-1, -1, min(height, 3), min(width, 3))
        through = F.conv_transpose2d(levels.contiguous(), layer.weight, padding=1).permute(0, 2, 3, 1)
        for y, rows in _border(height):
            for x, columns in _border(width):
                fields[:, rows, columns] += through[:, y : y + 1, x : x + 1]


def _transposed(gradient: Tensor, layer: _Fields) -> Tensor:
    """Gradients in windows ``[n,a,a,C]`` before a layer's convolution, in windows ``[n,a+2,a+2,C']``."""
    return F.conv_transpose2d(gradient.permute(0, 3, 1, 2), layer.weight).permute(0, 2, 3, 1)


def _border(length: int) -> Iterator[tuple[int, slice]]:
    """The first cells, those between, and the last, with the cell of three that is like them."""
    if length < 3:
        yield from ((i, slice(i, i + 1)) for i in range(length))
    else:
        yield from ((0, slice(0, 1)), (1, slice(1, length - 1)), (2, slice(length - 1, length)))


def _inside(corner: list[int], side: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of a window that lies on the map: top, bottom, left, right."""
    (y, x), (height, width) = corner, size
    return max(y, 0), min(y + side, height), max(x, 0), min(x + side, width)
