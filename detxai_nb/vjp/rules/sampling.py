"""Bilinear sampling, as deformable attention does it: for one picture a sparse matrix from cells to samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from detxai_nb.vjp.gradients import SPARSE, Gradient, Weighted, dense
from detxai_nb.vjp.read_cells import ReadCells
from detxai_nb.vjp.recorded import Operation
from detxai_nb.vjp.rules.rule import Rule


def _sampler(operation: Operation) -> Rule | None:
    if operation.saved("interpolation_mode") or operation.saved("padding_mode"):
        return None
    places = operation.saved("grid")
    corners = _Corners(operation.saved("input"), places, bool(operation.saved("align_corners")))
    size, needed = tuple(places.shape[1:]), (operation.needs(0), operation.needs(1))
    kept: dict[Tensor | None, _Reading] = {}

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        gradient = gradients[0]
        if gradient is None:
            return [None, None]
        kind, weights = None, None
        if isinstance(gradient, Weighted) and gradient.base.stride(-1) == 0 and gradient.factor.stride(2) == 0:
            # Attention: a query's samples are added up, each with a weight for all channels.
            rows, weights, kind = gradient.base[..., 0], gradient.factor[0, :, 0], gradient.kind
        else:
            rows = dense(gradient).flatten(3)
        if kind not in kept:
            kept[kind] = _Reading(corners, weights, needed)
        maps, moved = kept[kind](rows)
        return [maps, None if moved is None else moved.view(-1, len(places), *size)]

    return apply


class _Reading:
    """What sampling does to the gradients of sums of samples.

    Args:
        corners: where the samples are.
        weights: of each sample in its sum ``[B,q,p]``; None if each sample is one by itself.
        needed: whether the gradients of the maps and of the places are.
    """

    def __init__(self, corners: _Corners, weights: Tensor | None, needed: tuple[bool, bool]) -> None:
        self._size, self._batch = corners.size, corners.batch
        self._read = corners.matrix(weights) if needed[0] else None
        self._slopes = corners.slopes(weights) if needed[1] else None

    def __call__(self, gradient: Tensor) -> tuple[Gradient | None, Tensor | None]:
        """Compute the gradients of the maps ``[n,B,C,h,w]``, and of the places ``[n,B,q*p*2]``.

        Args:
            gradient: of the sums ``[n,B,C,q]``.
        """
        return self._of_maps(gradient), self._of_places(gradient)

    def _of_maps(self, gradient: Tensor) -> Gradient | None:
        if self._read is None:
            return None
        (cells, matrix), (height, width), channels = self._read, self._size, gradient.shape[2]
        found = gradient.new_empty(len(gradient), len(cells) * self._batch, channels)
        for row, into in zip(gradient.transpose(2, 3), found):
            torch.mm(matrix, row.reshape(-1, channels), out=into)
        # Cells, then what each head reads there: next to each other in memory, as a linear layer above made them.
        values = found.view(-1, len(cells), self._batch, channels)
        whole = ReadCells.of_all(cells, values, height * width).whole.permute(0, 2, 3, 1)
        maps = ReadCells(cells, values, torch.unflatten(whole, 3, (height, width)))
        return maps if len(cells) < height * width else maps.dense()

    def _of_places(self, gradient: Tensor) -> Tensor | None:
        if self._slopes is None:
            return None
        count, batch, channels, queries = gradient.shape
        rows = gradient.permute(1, 3, 0, 2).reshape(batch * queries, count, channels)
        found = torch.unflatten(rows @ self._slopes, 0, (batch, queries))
        return found.permute(2, 0, 1, 3).reshape(count, batch, -1)


class _Corners:
    """The four cells around each sample, the weights with which it reads them, and their derivatives.

    Args:
        maps: ``[B,C,h,w]``.
        places: ``[B,q,p,2]``, x and y from -1 to 1.
        aligned: whether -1 and 1 are the centres of the outermost cells, not their edges.

    Attributes:
        batch: B.
        size: (h, w).
    """

    def __init__(self, maps: Tensor, places: Tensor, aligned: bool) -> None:
        self._maps = maps
        self.batch = len(maps)
        self.size = height, width = maps.shape[2], maps.shape[3]
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

    def matrix(self, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        """The cells that are read ``[R]``, and the transpose of sampling, sparse. All cells, if there are few others.

        Args:
            weights: with which samples are added up ``[B,q,p]``; None if each is one by itself.

        Returns:
            The cells, and a matrix ``[R*B, B*q]``, or ``[R*B, B*q*p]``: rows by cell, then by map.
        """
        device, batch = self._maps.device, self.batch
        read = torch.zeros(self.size[0] * self.size[1], dtype=torch.bool, device=device)
        for cell, inside, *_ in self._all:
            read[cell[inside]] = True
        if read.count_nonzero() > SPARSE * len(read):
            read.fill_(True)
        cells, place = read.nonzero()[:, 0], read.cumsum(0) - 1
        number = torch.arange(batch, device=device)[:, None]
        samples = self._all[0][0].shape[1]
        together = 1 if weights is None else weights.shape[2]
        column = number * (samples // together) + torch.arange(samples, device=device) // together
        rows, columns, values = [], [], []
        for cell, inside, weight, _, _ in self._all:
            rows.append((place[cell] * batch + number)[inside])
            columns.append(column[inside])
            values.append((weight if weights is None else weight * weights.flatten(1))[inside])
        row, order = torch.cat(rows).sort()
        starts = torch.bincount(row, minlength=len(cells) * batch).cumsum(0)
        starts = torch.cat([starts.new_zeros(1), starts])
        shape = (len(cells) * batch, batch * samples // together)
        with warnings.catch_warnings():
            # Said once in a process, of the whole kind of tensor.
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
            made = torch.sparse_csr_tensor(
                starts, torch.cat(columns)[order], torch.cat(values)[order], shape, check_invariants=False
            )
        return cells, made

    def slopes(self, weights: Tensor | None) -> Tensor:
        """The derivatives by x and y of all samples, or of their sums with weights by each sample's place.

        Args:
            weights: ``[B,q,p]``, or None.

        Returns:
            ``[B*q*p,C,2]``, or ``[B*q,C,p*2]``.
        """
        cells = self._maps.flatten(2).transpose(1, 2)
        number = torch.arange(self.batch, device=cells.device)[:, None]
        slopes: list[Any] = [0, 0]
        for cell, inside, _, *derivatives in self._all:
            read = cells[number, cell]
            for axis, derivative in enumerate(derivatives):
                slopes[axis] = slopes[axis] + read * (derivative * inside * self._stretch[axis])[..., None]
        both = torch.stack(slopes, dim=-1)
        if weights is None:
            return both.flatten(0, 1).contiguous()
        together = weights.shape[2]
        both = torch.unflatten(both * weights.flatten(1)[..., None, None], 1, (-1, together))
        return both.permute(0, 1, 3, 2, 4).flatten(3).flatten(0, 1).contiguous()


RULES: Mapping[str, Callable[[Operation], Rule | None]] = {"GridSampler2DBackward0": _sampler}
"""By the name of autograd's node."""
