"""Gradients of maps of which only some cells were read, as sampling leaves them: the others are zero and not kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(eq=False)
class ReadCells:
    """Gradients ``[n,...]`` that are zero but in some cells.

    Attributes:
        cells: the numbers of these, each once ``[R]``.
        values: their gradients, for B maps of C channels ``[n,R,B,C]``.
        whole: the gradients of all cells ``[n,cells,B,C]`` without memory (on the device "meta"), seen as the
            operations above have viewed them: its shape and its strides say which number is which.
    """

    cells: Tensor
    values: Tensor
    whole: Tensor
    _made: Tensor | None = None

    @classmethod
    def of_all(cls, cells: Tensor, values: Tensor, count: int) -> ReadCells:
        """Gradients of cells, not yet viewed otherwise.

        Args:
            cells: ``[R]``.
            values: ``[n,R,B,C]``.
            count: how many cells there are.

        Returns:
            Gradients ``[n,count,B,C]``.
        """
        shape = (len(values), count, *values.shape[2:])
        return cls(cells, values, torch.empty(shape, dtype=values.dtype, device="meta"))

    @classmethod
    def joined(cls, parts: Sequence[object], axis: int) -> ReadCells | None:
        """The gradients of what was split into parts.

        Args:
            parts: the gradients of each part.
            axis: along which they were split, counted with n.

        Returns:
            Them; None if they are of another kind, or not split between cells.
        """
        found = [part for part in parts if isinstance(part, ReadCells)]
        if len(found) < len(parts) or not all(part._goes_by_cells(axis) for part in found):
            return None
        sizes = [part.whole.shape[axis] for part in found]
        starts = [sum(sizes[:number]) for number in range(len(sizes))]
        cells = torch.cat([part.cells + start for part, start in zip(found, starts)])
        shape = list(found[0].whole.shape)
        shape[axis] = sum(sizes)
        made = cls.of_all(cells, torch.cat([part.values for part in found], dim=1), sum(sizes))
        return made.viewed(shape[1:])

    def _goes_by_cells(self, axis: int) -> bool:
        """Whether an axis counts the cells, and all before it but n is 1."""
        shape = self.whole.shape
        cells = self.whole.numel() // (shape[0] * math.prod(self.values.shape[2:]))
        return self.whole.is_contiguous() and math.prod(shape[1:axis]) == 1 and shape[axis] == cells

    def viewed(self, shape: Sequence[int]) -> ReadCells | None:
        """The same with another shape.

        Args:
            shape: of each, of as many numbers.

        Returns:
            Them; None if they would have to be copied for it.
        """
        try:
            return ReadCells(self.cells, self.values, self.whole.view(len(self.whole), *shape))
        except RuntimeError:
            return None

    def transposed(self, first: int, second: int) -> ReadCells:
        """The same with two axes exchanged.

        Args:
            first, second: which, counted with n.

        Returns:
            Them.
        """
        return ReadCells(self.cells, self.values, self.whole.transpose(first, second))

    def rows(self) -> tuple[Tensor, Tensor] | None:
        """The rows of a matrix for each gradient, a row a cell, that are not zero.

        Returns:
            Their numbers among the rows of all gradients ``[n*R]``, and the rows ``[n*R,B*C]``; None if the rows are
            not cells.
        """
        count, width = len(self.values), math.prod(self.values.shape[2:])
        if self.whole.ndim != 3 or self.whole.shape[2] != width or not self.whole.is_contiguous():
            return None
        first = torch.arange(count, device=self.cells.device)[:, None] * self.whole.shape[1]
        return (first + self.cells).flatten(), self.values.reshape(-1, width)

    def dense(self) -> Tensor:
        """Write zeros for all other cells.

        Returns:
            ``[n,...]``, of the shape of ``whole``.
        """
        if self._made is None:
            count, width = len(self.values), math.prod(self.values.shape[2:])
            cells = self.whole.numel() // (count * width)
            all_cells = self.values.new_zeros(count, cells, width)
            all_cells.index_copy_(1, self.cells, self.values.reshape(count, -1, width))
            self._made = all_cells.as_strided(self.whole.shape, self.whole.stride())
        return self._made
