"""The vector-Jacobian products of a recorded graph, for many vectors at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from detxai_nb.vjp.convolved import Convolved
from detxai_nb.vjp.gradients import Gradient, RowProduct, dense
from detxai_nb.vjp.recorded import recorded
from detxai_nb.vjp.rules import Rule, rule_of


class BatchedProducts:
    """Products of many vectors with the Jacobian of some outputs, at a leaf. The graph stays as it is.

    The factors are made on the first call and kept.

    Args:
        outputs: tensors with a graph.
        leaf: the tensor at which the graph starts.

    Raises:
        Unsupported: if the graph cannot be followed.
    """

    def __init__(self, outputs: Sequence[Tensor], leaf: Tensor) -> None:
        self._outputs, self._leaf = tuple(outputs), leaf
        self._operations = recorded(outputs, leaf)
        self._rules: dict[Any, Rule] = {}

    @property
    def operations(self) -> tuple[str, ...]:
        """The names of the operations, from the outputs to the leaf."""
        return tuple(operation.name for operation in self._operations)

    @property
    def largest(self) -> int:
        """How many numbers the largest gradient on the way has, for one vector."""
        return max((math.prod(shape) for operation in self._operations for shape in operation.outputs), default=1)

    @torch.no_grad()
    def __call__(self, vectors: Sequence[Tensor]) -> Tensor:
        """Compute the products.

        Args:
            vectors: for each output ``[n, *its shape]``.

        Returns:
            ``[n, *shape of the leaf]``.
        """
        sums: dict[tuple[Any, int], _Sum] = {}
        for output, vector in zip(self._outputs, vectors, strict=True):
            if output.grad_fn is not None:
                _add(sums, (output.grad_fn, output.output_nr), vector)
        for operation in self._operations:
            parts = [sums.pop((operation.node, number), None) for number in range(len(operation.outputs))]
            gradients = [None if part is None else part.value for part in parts]
            if all(gradient is None for gradient in gradients):
                continue
            if getattr(operation.node, "variable", None) is self._leaf:
                return torch.cat([dense(x) for x in gradients if x is not None]).contiguous()
            if operation.node not in self._rules:
                self._rules[operation.node] = rule_of(operation)
            found = self._rules[operation.node](gradients)
            for edge, gradient in zip(operation.inputs, found):
                if edge.needed and gradient is not None:
                    _add(sums, (edge.source, edge.number), gradient)
            del parts, gradients, found
        return self._leaf.new_zeros(len(vectors[0]), *self._leaf.shape)


class _Sum:
    """What arrives at one output of an operation; ``own`` if no one else holds the tensor."""

    def __init__(self, value: Gradient) -> None:
        self.value, self.own = value, False

    def add(self, other: Gradient) -> None:
        """Add what comes from another operation."""
        if isinstance(self.value, Convolved) and isinstance(other, Convolved):
            self.value = self.value.plus(other)
            return
        if not isinstance(self.value, Tensor):
            # What was put off waits nowhere else.
            self.value, self.own = self.value.dense(), True
        if not self.own and isinstance(other, Tensor):
            self.value, self.own = self.value + other, True
            return
        if not self.own:
            self.value, other, self.own = dense(other), self.value, True
        if isinstance(other, RowProduct) and self.value.is_contiguous():
            other.add_to(self.value)
        else:
            self.value.add_(dense(other))


def _add(sums: dict[tuple[Any, int], _Sum], key: tuple[Any, int], gradient: Gradient) -> None:
    if key in sums:
        sums[key].add(gradient)
    else:
        sums[key] = _Sum(gradient)
