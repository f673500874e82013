"""Gradients on their way through the graph: tensors, or products that are computed when they are needed.

Put off, a product can be added to another one in place, leave out what nobody reads, or work on a coarser grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

SPARSE = 0.75
"""Share of rows that are not zero, below which they are picked out before a matrix product."""
_ROWS = 512
"""Fewer rows than these are not looked through."""


class Pending(Protocol):
    """Gradients ``[n,...]`` that are not computed yet."""

    def dense(self) -> Tensor:
        """Compute them.

        Returns:
            ``[n,...]``; the same tensor each time.
        """


Gradient: TypeAlias = Tensor | Pending


def dense(gradient: Gradient) -> Tensor:
    """Return gradients as a tensor.

    Args:
        gradient: a tensor or what is put off.

    Returns:
        ``[n,...]``.
    """
    return gradient if isinstance(gradient, Tensor) else gradient.dense()


@dataclass(eq=False)
class Scaled:
    """Gradients of a map times a factor for each channel, as batch normalisation has it.

    Attributes:
        base: ``[n,B,C,h,w]``.
        factor: ``[C]``; the same object each time an operation makes one, so that kernels can be kept by it.
    """

    base: Tensor
    factor: Tensor
    _made: Tensor | None = None

    def dense(self) -> Tensor:
        """Compute them.

        Returns:
            ``[n,B,C,h,w]``.
        """
        if self._made is None:
            self._made = self.base * self.factor.view(-1, *[1] * (self.base.ndim - 3))
        return self._made


@dataclass(eq=False)
class Weighted:
    """Gradients that were repeated, as a sum's are, times factors: not written out for each repetition.

    Attributes:
        base: ``[n,...]``, with axes that take no memory.
        factor: seen as ``[n,...]``.
        kind: the factors as the operation holds them, the same object each time.
    """

    base: Tensor
    factor: Tensor
    kind: Tensor
    _made: Tensor | None = None

    def changed(self, change: Callable[[Tensor], Tensor]) -> Weighted:
        """View both otherwise, or take a part of both.

        Args:
            change: of ``[n,...]``.

        Returns:
            The same gradients.
        """
        return Weighted(change(self.base), change(self.factor), self.kind)

    def viewed(self, shape: Sequence[int]) -> Weighted | None:
        """The same with another shape.

        Args:
            shape: of each, of as many numbers.

        Returns:
            Them; None if something would have to be copied for it.
        """
        try:
            return self.changed(lambda x: x.view(len(x), *shape))
        except RuntimeError:
            return None

    def dense(self) -> Tensor:
        """Compute them.

        Returns:
            ``[n,...]``.
        """
        if self._made is None:
            self._made = self.base * self.factor
        return self._made


@dataclass(eq=False)
class RowProduct:
    """Gradients of the input of a linear layer: rows times its weight.

    Attributes:
        rows: the gradients of its output ``[R,D]``.
        weight: ``[D,C]``.
        shape: ``[n,...]`` of what it makes, R times C numbers, or more if ``at`` is given.
        at: the numbers of the rows among all, of which the others are zero ``[R]``; None for all.
    """

    rows: Tensor
    weight: Tensor
    shape: tuple[int, ...]
    at: Tensor | None = None
    _made: Tensor | None = field(default=None)

    def viewed(self, shape: Sequence[int]) -> RowProduct:
        """The same with another shape.

        Args:
            shape: of each gradient, of as many numbers.

        Returns:
            A product that has not been computed.
        """
        return RowProduct(self.rows, self.weight, (self.shape[0], *shape), self.at)

    def dense(self) -> Tensor:
        """Compute them.

        Returns:
            ``shape``.
        """
        if self._made is None:
            rows, picked = self._counting()
            made = rows @ self.weight
            if picked is not None:
                some, width = made, self.weight.shape[1]
                made = made.new_zeros(math.prod(self.shape) // width, width).index_copy_(0, picked, some)
            self._made = made.view(self.shape)
        return self._made

    def add_to(self, total: Tensor) -> None:
        """Add them to a tensor in place.

        Args:
            total: contiguous, of ``shape``.
        """
        flat = total.view(-1, self.weight.shape[1])
        rows, picked = self._counting()
        if picked is None:
            flat.addmm_(rows, self.weight)
        else:
            flat.index_add_(0, picked, rows @ self.weight)

    def _counting(self) -> tuple[Tensor, Tensor | None]:
        """The rows that are not zero, and their numbers; None for all."""
        if self.at is not None:
            return self.rows, self.at
        picked = _rows_that_count(self.rows)
        return self.rows if picked is None else self.rows[picked], picked


def _rows_that_count(rows: Tensor) -> Tensor | None:
    """The numbers of the rows that are not zero; None if they are too many to gain by that."""
    if len(rows) < _ROWS:
        return None
    # A look at some of them is enough to see that most count.
    some = rows[:: len(rows) // (_ROWS // 4)]
    if (some != 0).any(1).count_nonzero() > SPARSE * len(some):
        return None
    counting = (rows != 0).any(1).nonzero()[:, 0]
    return counting if len(counting) < SPARSE * len(rows) else None


def sum_to(gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Add up what broadcasting has repeated.

    Args:
        gradient: ``[n,...]``.
        shape: of the input that was repeated.

    Returns:
        ``[n, *shape]``.
    """
    return (
        gradient.sum_to_size(len(gradient), *[1] * (gradient.ndim - 1 - len(shape)), *shape).view(len(gradient), *shape)
        if gradient.shape[1:] != shape
        else gradient
    )


def channels_last(factor: Tensor) -> Tensor:
    """The same map with its channels next to each other in memory, if it is a map.

    Args:
        factor: any tensor; ``[B,C,h,w]`` is a map.

    Returns:
        The tensor.
    """
    if factor.ndim != 4:
        return factor.contiguous()
    return factor.contiguous(memory_format=torch.channels_last)
