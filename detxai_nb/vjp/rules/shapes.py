"""Operations that only move numbers: views, transposes, parts of tensors, and tensors put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from detxai_nb.vjp.convolved import Convolved
from detxai_nb.vjp.gradients import Gradient, RowProduct, Weighted, dense, sum_to
from detxai_nb.vjp.read_cells import ReadCells
from detxai_nb.vjp.recorded import Operation, Shape, signed
from detxai_nb.vjp.rules.rule import Rule


def _of_one(change: Callable[[Tensor], Tensor]) -> Rule:
    """The rule of an operation of one input and one output."""

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        (gradient,) = gradients
        return [None if gradient is None else change(dense(gradient))]

    return apply


def _pass_on(operation: Operation) -> Rule:
    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        return gradients

    return apply


def _view(operation: Operation) -> Rule:
    shape = operation.shape_of(0)

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        (gradient,) = gradients
        if isinstance(gradient, RowProduct | ReadCells | Weighted) and (seen := gradient.viewed(shape)) is not None:
            return [seen]
        return [None if gradient is None else _reshaped(dense(gradient), shape)]

    return apply


def _reshaped(gradient: Tensor, shape: Shape) -> Tensor:
    return gradient.reshape(len(gradient), *shape)


def _transpose(operation: Operation) -> Rule:
    rank = len(operation.shape_of(0))
    first, second = (1 + operation.axis(name) % max(rank, 1) for name in ("dim0", "dim1"))

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        (gradient,) = gradients
        if isinstance(gradient, ReadCells):
            return [gradient.transposed(first, second)]
        return [None if gradient is None else dense(gradient).transpose(first, second)]

    return apply


def _matrix_transpose(operation: Operation) -> Rule:
    return _of_one(lambda gradient: gradient.transpose(1, 2) if gradient.ndim == 3 else gradient)


def _permute(operation: Operation) -> Rule:
    axes = [signed(axis) % len(operation.saved("dims")) for axis in operation.saved("dims")]
    back = [0, *(1 + axes.index(axis) for axis in range(len(axes)))]
    return _of_one(lambda gradient: gradient.permute(back))


def _expand(operation: Operation) -> Rule:
    return _of_one(partial(_summed, shape=operation.shape_of(0)))


def _summed(gradient: Tensor, shape: Shape) -> Tensor:
    return sum_to(gradient, shape)


def _select(operation: Operation) -> Rule:
    shape, axis, index = operation.shape_of(0), operation.axis(), signed(operation.saved("index"))
    axis %= len(shape)

    def change(gradient: Tensor) -> Tensor:
        whole = gradient.new_zeros(len(gradient), *shape)
        whole.select(axis + 1, index).copy_(gradient)
        return whole

    return _of_one(change)


def _slice(operation: Operation) -> Rule:
    shape, axis = operation.shape_of(0), operation.axis() % len(operation.shape_of(0))
    start, end, step = (signed(operation.saved(name)) for name in ("start", "end", "step"))
    at = (slice(None),) * (axis + 1) + (slice(*slice(start, end, step).indices(shape[axis])),)

    def change(gradient: Tensor) -> Tensor:
        whole = gradient.new_zeros(len(gradient), *shape)
        whole[at] = gradient
        return whole

    return _of_one(change)


def _split(operation: Operation) -> Rule:
    axis = operation.axis() % len(operation.shape_of(0))

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        if (joined := ReadCells.joined(gradients, axis + 1)) is not None:
            return [joined]
        like = next(dense(x) for x in gradients if x is not None)
        parts = [
            like.new_zeros(len(like), *shape) if gradient is None else dense(gradient)
            for gradient, shape in zip(gradients, operation.outputs)
        ]
        return [torch.cat(parts, dim=axis + 1)]

    return apply


def _unbind(operation: Operation) -> Rule:
    axis = operation.axis() % len(operation.shape_of(0))

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        like = next(dense(x) for x in gradients if x is not None)
        parts = [torch.zeros_like(like) if gradient is None else dense(gradient) for gradient in gradients]
        return [torch.stack(parts, dim=axis + 1)]

    return apply


def _stack(operation: Operation) -> Rule:
    axis = operation.axis() % len(operation.outputs[0])
    count = operation.outputs[0][axis]

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        (gradient,) = gradients
        if isinstance(gradient, Weighted):
            return [gradient.changed(partial(torch.select, dim=axis + 1, index=i)) for i in range(count)]
        return [] if gradient is None else list(dense(gradient).unbind(axis + 1))

    return apply


def _cat(operation: Operation) -> Rule | None:
    rank = len(operation.outputs[0])
    axis = operation.axis() % max(rank, 1)
    spans = _spans([edge.shape for edge in operation.inputs], axis, operation.outputs[0][axis])
    if any(span is None for span, edge in zip(spans, operation.inputs) if edge.needed):
        return None

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        (gradient,) = gradients
        found: list[Gradient | None] = []
        for span, edge in zip(spans, operation.inputs):
            if gradient is None or span is None or not edge.needed:
                found.append(None)
                continue
            part = partial(torch.narrow, dim=axis + 1, start=span[0], length=span[1] - span[0])
            if isinstance(gradient, Convolved) and axis == rank - 3:
                found.append(gradient.part(*span))
            elif isinstance(gradient, Weighted):
                found.append(gradient.changed(part))
            else:
                found.append(part(dense(gradient)))
        return found

    return apply


def _spans(shapes: list[Shape | None], axis: int, total: int) -> list[tuple[int, int] | None]:
    """Where each input lies in what they make together; None where constants before and behind it hide that."""
    sizes = [None if shape is None else shape[axis] if len(shape) > axis else 0 for shape in shapes]
    spans: list[tuple[int, int] | None] = []
    for number, size in enumerate(sizes):
        before, behind = sizes[:number], sizes[number + 1 :]
        if size is None:
            spans.append(None)
        elif None not in before:
            start = sum(x for x in before if x is not None)
            spans.append((start, start + size))
        elif None not in behind:
            end = total - sum(x for x in behind if x is not None)
            spans.append((end - size, end))
        else:
            spans.append(None)
    return spans


def _upsample(operation: Operation) -> Rule | None:
    (height, width), (high, wide) = operation.shape_of(0)[-2:], operation.outputs[0][-2:]
    if high % height or wide % width:
        return None
    down, across = high // height, wide // width

    def pool(gradient: Tensor) -> Tensor:
        parts = [gradient[..., y::down, x::across] for y in range(down) for x in range(across)]
        total = parts[0] + parts[1] if len(parts) > 1 else parts[0]
        for part in parts[2:]:
            total += part
        return total

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        (gradient,) = gradients
        if isinstance(gradient, Convolved) and gradient.pointwise:
            return [gradient.over(pool)]
        return [None if gradient is None else pool(dense(gradient))]

    return apply


def _scatter(index: str) -> Callable[[Operation], Rule]:
    def make(operation: Operation) -> Rule:
        shape, where = operation.shape_of(0), operation.saved(index)
        axis = operation.axis() % len(shape)

        def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
            if gradients[0] is None:
                return [None]
            gradient = dense(gradients[0])
            whole = gradient.new_zeros(len(gradient), *shape)
            return [whole.scatter_add_(axis + 1, where.expand(len(gradient), *where.shape), gradient)]

        return apply

    return make


RULES: Mapping[str, Callable[[Operation], Rule | None]] = {
    "AliasBackward0": _pass_on,
    "CatBackward0": _cat,
    "CloneBackward0": _pass_on,
    "ExpandBackward0": _expand,
    "GatherBackward0": _scatter("index"),
    "PermuteBackward0": _permute,
    "ReshapeAliasBackward0": _view,
    "SelectBackward0": _select,
    "SliceBackward0": _slice,
    "SplitBackward0": _split,
    "SplitWithSizesBackward0": _split,
    "SqueezeBackward0": _view,
    "SqueezeBackward1": _view,
    "SqueezeBackward2": _view,
    "StackBackward0": _stack,
    "TBackward0": _matrix_transpose,
    "TopkBackward0": _scatter("indices"),
    "TransposeBackward0": _transpose,
    "UnbindBackward0": _unbind,
    "UnsafeViewBackward0": _view,
    "UnsqueezeBackward0": _view,
    "UpsampleNearest2DBackward0": _upsample,
    "ViewBackward0": _view,
}
"""By the name of autograd's node."""
