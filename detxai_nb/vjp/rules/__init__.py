"""What each kind of operation does to the gradients of its outputs. One file for each kind of operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from detxai_nb.vjp.gradients import Gradient, dense, sum_to
from detxai_nb.vjp.recorded import Edge, Operation
from detxai_nb.vjp.rules import attention, convolution, linear, norms, pointwise, sampling, shapes
from detxai_nb.vjp.rules.rule import Rule as Rule

Maker = Callable[[Operation], Rule | None]
"""Makes the rule of an operation; None if it is of a form that the rule does not know."""

RULES: Mapping[str, Maker] = {
    **shapes.RULES,
    **pointwise.RULES,
    **linear.RULES,
    **norms.RULES,
    **convolution.RULES,
    **attention.RULES,
    **sampling.RULES,
}
"""By the name of autograd's node."""


def rule_of(operation: Operation) -> Rule:
    """Return what an operation does to gradients.

    Args:
        operation: one operation of a graph.

    Returns:
        Its rule; for what is not known, autograd's own, one gradient after the other.
    """
    make = RULES.get(operation.name)
    try:
        rule = None if make is None else make(operation)
    except AttributeError:
        # A version of PyTorch that keeps something under another name.
        rule = None
    return one_by_one(operation) if rule is None else rule


def one_by_one(operation: Operation) -> Rule:
    """Return autograd's own rule, applied to one gradient after the other.

    Args:
        operation: any.

    Returns:
        Its rule.
    """

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        given = [None if x is None else dense(x) for x in gradients]
        count = next(len(x) for x in given if x is not None)
        rows = []
        for row in range(count):
            found = operation.node(*[None if x is None else x[row] for x in given])
            rows.append((found,) if found is None or isinstance(found, Tensor) else tuple(found))
        return [_stacked(parts, edge) for parts, edge in zip(zip(*rows), operation.inputs)]

    return apply


def _stacked(parts: tuple[Tensor | None, ...], edge: Edge) -> Gradient | None:
    some = [part for part in parts if part is not None]
    if len(some) < len(parts) or edge.shape is None:
        return None
    # Some nodes leave it to autograd to add up what broadcasting has repeated.
    return sum_to(torch.stack(some), edge.shape)
