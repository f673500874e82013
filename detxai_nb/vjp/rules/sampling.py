"""Bilinear sampling, as deformable attention does it: for one picture a sparse matrix from cells to samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from detxai_nb.vjp.gradients import SPARSE, Gradient, dense
from detxai_nb.vjp.read_cells import ReadCells
from detxai_nb.vjp.recorded import Operation
from detxai_nb.vjp.rules.rule import Rule


def _sampler(operation: Operation) -> Rule | None:
    if operation.saved("interpolation_mode") or operation.saved("padding_mode"):
        return None
    maps, places = operation.saved("input"), operation.saved("grid")
    corners = _Corners(maps, places, bool(operation.saved("align_corners")))
    cells, matrix = corners.matrix() if operation.needs(0) else (None, None)
    slopes = corners.slopes() if operation.needs(1) else None
    batch, channels, height, width = maps.shape

    def spread(gradient: Tensor, cells: Tensor, matrix: Tensor) -> Gradient:
        rows = gradient.flatten(3).transpose(2, 3)
        found = gradient.new_empty(len(gradient), len(cells) * batch, channels)
        for row, into in zip(rows, found):
            torch.mm(matrix, row.reshape(-1, channels), out=into)
        # Cells, then what each head reads there: next to each other in memory, as a linear layer above made them.
        read = ReadCells.of_all(cells, found.view(-1, len(cells), batch, channels), height * width)
        maps = ReadCells(cells, read.values, read.whole.permute(0, 2, 3, 1).unflatten(3, (height, width)))
        return maps if len(cells) < height * width else maps.dense()

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        if gradients[0] is None:
            return [None, None]
        gradient = dense(gradients[0])
        moved = None
        if slopes is not None:
            moved = torch.stack([(gradient * slope).sum(2) for slope in slopes], dim=-1)
        return [None if matrix is None or cells is None else spread(gradient, cells, matrix), moved]

    return apply


class _Corners:
    """The four cells around each sample, the weights with which it reads them, and their derivatives.

    Args:
        maps: ``[B,C,h,w]``.
        places: ``[B,q,p,2]``, x and y from -1 to 1.
        aligned: whether -1 and 1 are the centres of the outermost cells, not their edges.
    """

    def __init__(self, maps: Tensor, places: Tensor, aligned: bool) -> None:
        self._maps = maps
        self._size = height, width = maps.shape[2:]
        self._outputs = places.shape[1:3]
        sides = places.new_tensor([width, height])
        self._stretch = (sides - 1) / 2 if aligned else sides / 2
        at = (places.flatten(1, 2) + 1) * self._stretch - (0 if aligned else 0.5)
        low = at.floor()
        share = at - low
        self._all: list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]] = []
        for right in (0, 1):
            for below in (0, 1):
                x, y = low[..., 0] + right, low[..., 1] + below
                across = share[..., 0] if right else 1 - share[..., 0]
                down = share[..., 1] if below else 1 - share[..., 1]
                inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
                cell = torch.where(inside, y * width + x, 0).long()
                self._all.append((cell, inside, across * down, (2 * right - 1) * down, (2 * below - 1) * across))

    def matrix(self) -> tuple[Tensor, Tensor]:
        """The cells that are read ``[R]``, and the transpose of sampling ``[R*B, B*q*p]``, rows by cell, then by map.

        All cells, if there are few others.
        """
        height, width = self._size
        batch = len(self._maps)
        read = torch.zeros(height * width, dtype=torch.bool, device=self._maps.device)
        for cell, inside, *_ in self._all:
            read[cell[inside]] = True
        if read.count_nonzero() > SPARSE * len(read):
            read.fill_(True)
        cells = read.nonzero()[:, 0]
        place = read.cumsum(0) - 1
        count = self._all[0][0].shape[1]
        number = torch.arange(batch, device=self._maps.device)[:, None]
        sample = (number * count + torch.arange(count, device=self._maps.device)).expand(batch, count)
        rows, columns, values = [], [], []
        for cell, inside, weight, _, _ in self._all:
            rows.append((place[cell] * batch + number)[inside])
            columns.append(sample[inside])
            values.append(weight[inside])
        row, order = torch.cat(rows).sort()
        starts = torch.bincount(row, minlength=len(cells) * batch).cumsum(0)
        starts = torch.cat([starts.new_zeros(1), starts])
        shape = (len(cells) * batch, batch * count)
        with warnings.catch_warnings():
            # Said once in a process, of the whole kind of tensor.
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
            made = torch.sparse_csr_tensor(
                starts, torch.cat(columns)[order], torch.cat(values)[order], shape, check_invariants=False
            )
        return cells, made

    def slopes(self) -> tuple[Tensor, Tensor]:
        """The derivatives of all samples by x and y: ``[B,C,q,p]`` each."""
        cells = self._maps.flatten(2).transpose(1, 2)
        number = torch.arange(len(cells), device=cells.device)[:, None]
        slopes: list[Any] = [0, 0]
        for cell, inside, _, *derivatives in self._all:
            read = cells[number, cell]
            for axis, derivative in enumerate(derivatives):
                slopes[axis] = slopes[axis] + read * (derivative * inside * self._stretch[axis])[..., None]
        x, y = (slope.transpose(1, 2).contiguous().unflatten(2, self._outputs) for slope in slopes)
        return x, y


RULES: Mapping[str, Callable[[Operation], Rule | None]] = {"GridSampler2DBackward0": _sampler}
"""By the name of autograd's node."""
