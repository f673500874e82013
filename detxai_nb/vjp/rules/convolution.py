"""Convolutions: those that keep a map's size are put off, so that what goes the same way is added up first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from detxai_nb.vjp.convolved import Convolved, Kernel
from detxai_nb.vjp.gradients import Gradient, Scaled, dense
from detxai_nb.vjp.recorded import Operation
from detxai_nb.vjp.rules.rule import Rule

_ATEN: Any = torch.ops.aten


def _convolution(operation: Operation) -> Rule | None:
    weight = operation.saved("weight")
    if not operation.needs(0) or any(operation.needs(i) for i in (1, 2)) or weight.ndim != 4:
        return None
    return _keeping_the_size(weight) if _keeps_the_size(operation, weight) else _any_other(operation, weight)


def _keeps_the_size(operation: Operation, weight: Tensor) -> bool:
    side = weight.shape[-1]
    plain = not operation.saved("transposed") and operation.saved("groups") == 1 and weight.shape[-2] == side
    ones = all(x == 1 for name in ("stride", "dilation") for x in operation.saved(name))
    return plain and ones and side % 2 == 1 and all(x == side // 2 for x in operation.saved("padding"))


def _keeping_the_size(weight: Tensor) -> Rule:
    kernel = Kernel(weight)

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        gradient = gradients[0]
        if gradient is None:
            return [None, None, None]
        if isinstance(gradient, Scaled):
            return [Convolved([(gradient.base, kernel.scaled(gradient.factor))]), None, None]
        return [Convolved([(dense(gradient), kernel)]), None, None]

    return apply


def _any_other(operation: Operation, weight: Tensor) -> Rule:
    shape, settings = operation.shape_of(0), [list(operation.saved(x)) for x in ("stride", "padding", "dilation")]
    further = [operation.saved(x) for x in ("transposed", "output_padding", "groups")]
    weight = weight.contiguous(memory_format=torch.channels_last)
    kept: dict[Tensor, Tensor] = {}

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        gradient, kernel = gradients[0], weight
        if gradient is None:
            return [None, None, None]
        if isinstance(gradient, Scaled) and not further[0]:
            kernel = kept.setdefault(gradient.factor, weight * gradient.factor.view(-1, 1, 1, 1))
            gradient = gradient.base
        maps = dense(gradient).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        like = maps.new_empty(1).expand(len(maps), *shape[1:])
        (found, _, _) = _ATEN.convolution_backward(maps, like, kernel, None, *settings, *further, [True, False, False])
        return [found.unflatten(0, (-1, shape[0])), None, None]

    return apply


RULES: Mapping[str, Callable[[Operation], Rule | None]] = {"ConvolutionBackward0": _convolution}
"""By the name of autograd's node."""
