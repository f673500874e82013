"""Matrix products: linear layers as one product for all rows of all gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from detxai_nb.vjp.gradients import Gradient, RowProduct, dense
from detxai_nb.vjp.read_cells import ReadCells
from detxai_nb.vjp.recorded import Operation
from detxai_nb.vjp.rules.rule import Rule


def _linear(number: int) -> Callable[[Operation], Rule | None]:
    """A matrix product of which only the left matrix, input ``number``, depends on the leaf."""

    def make(operation: Operation) -> Rule | None:
        needed = [operation.needs(i) for i in range(len(operation.inputs))]
        scale = operation.saved("alpha") if number else 1
        if needed != [i == number for i in range(len(needed))] or scale != 1:
            return None
        weight = operation.saved("mat2").t()

        def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
            found: list[Gradient | None] = [None] * len(needed)
            gradient = gradients[0]
            if isinstance(gradient, ReadCells) and (read := gradient.rows()) is not None:
                at, rows = read
                found[number] = RowProduct(rows, weight, (*gradient.whole.shape[:2], weight.shape[1]), at)
            elif gradient is not None:
                gradient = dense(gradient)
                rows = gradient.reshape(-1, gradient.shape[-1])
                found[number] = RowProduct(rows, weight, (*gradient.shape[:2], weight.shape[1]))
            return found

        return apply

    return make


def _vector(operation: Operation) -> Rule | None:
    """A matrix times a constant vector."""
    if not operation.needs(0) or operation.needs(1):
        return None
    vector = operation.saved("vec")

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        (gradient,) = gradients
        return [None if gradient is None else dense(gradient)[..., None] * vector, None]

    return apply


def _batch(operation: Operation) -> Rule:
    """Products of batches of matrices."""
    right = operation.saved("mat2") if operation.needs(0) else None
    left = operation.saved("self") if operation.needs(1) else None

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        if gradients[0] is None:
            return [None, None]
        gradient = dense(gradients[0])
        return [
            None if right is None else rows_times(gradient, right.transpose(1, 2)),
            None if left is None else times_rows(left.transpose(1, 2), gradient),
        ]

    return apply


def rows_times(gradient: Tensor, right: Tensor) -> Tensor:
    """Multiply the rows of all gradients by one matrix of each batch.

    Args:
        gradient: ``[n,B,i,j]``.
        right: ``[B,j,k]``.

    Returns:
        ``[n,B,i,k]``.
    """
    count, batch, height, width = gradient.shape
    together = gradient.transpose(0, 1).reshape(batch, count * height, width)
    return (together @ right).view(batch, count, height, -1).transpose(0, 1)


def times_rows(left: Tensor, gradient: Tensor) -> Tensor:
    """Multiply one matrix of each batch by all gradients.

    Args:
        left: ``[B,k,i]``.
        gradient: ``[n,B,i,j]``.

    Returns:
        ``[n,B,k,j]``.
    """
    count, batch, height, width = gradient.shape
    together = gradient.permute(1, 2, 0, 3).reshape(batch, height, count * width)
    return (left @ together).view(batch, -1, count, width).permute(2, 0, 1, 3)


RULES: Mapping[str, Callable[[Operation], Rule | None]] = {
    "AddmmBackward0": _linear(1),
    "BmmBackward0": _batch,
    "MmBackward0": _linear(0),
    "MvBackward0": _vector,
}
"""By the name of autograd's node."""
