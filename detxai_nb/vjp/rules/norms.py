"""Normalisations in evaluation mode: of a layer for each row, and of a batch with statistics that are fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from detxai_nb.vjp.gradients import Gradient, Scaled, dense
from detxai_nb.vjp.recorded import Operation
from detxai_nb.vjp.rules.rule import Rule


def _layer(operation: Operation) -> Rule | None:
    if not operation.needs(0) or any(operation.needs(i) for i in (1, 2)):
        return None
    x, mean, deviation = operation.saved("input"), operation.saved("result1"), operation.saved("result2")
    weight = operation.saved("weight")
    axes = tuple(range(-len(operation.saved("normalized_shape")), 0))
    normal = (x - mean) * deviation
    size = 1
    for side in operation.saved("normalized_shape"):
        size *= side
    inner = deviation if weight is None else weight * deviation
    # The gradient's mean, and its mean product with the normal, both with the weight.
    constant = (torch.ones_like(x) if weight is None else weight.expand_as(x)) / size
    along, across = constant * normal, normal * deviation

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        if gradients[0] is None:
            return [None, None, None]
        gradient = dense(gradients[0])
        made = gradient * inner
        made -= (gradient * constant).sum(axes, keepdim=True) * deviation
        made.addcmul_(across, (gradient * along).sum(axes, keepdim=True), value=-1)
        return [made, None, None]

    return apply


def _batch(operation: Operation) -> Rule | None:
    if operation.saved("training") or not operation.needs(0) or any(operation.needs(i) for i in (1, 2)):
        return None
    factor: Tensor = torch.rsqrt(operation.saved("running_var") + operation.saved("eps"))
    weight = operation.saved("weight")
    factor = factor if weight is None else weight * factor

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        gradient = gradients[0]
        return [None if gradient is None else Scaled(dense(gradient), factor), None, None]

    return apply


RULES: Mapping[str, Callable[[Operation], Rule | None]] = {
    "NativeBatchNormBackward0": _batch,
    "NativeLayerNormBackward0": _layer,
}
"""By the name of autograd's node."""
