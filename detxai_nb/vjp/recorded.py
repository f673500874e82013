"""The graph that autograd has recorded between some outputs and a leaf, as a list of its operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Shape = tuple[int, ...]


class Unsupported(Exception):
    """The graph cannot be followed: it holds Python code of its own, such as hooks or custom functions."""


@dataclass(frozen=True, eq=False)
class Edge:
    """An input of an operation on the way to the leaf, or one that is not.

    Attributes:
        source: the operation that made it; None for a constant.
        number: which of that operation's outputs it is.
        shape: its shape; None for a constant, of which autograd notes nothing.
        dtype: its type, likewise.
        needed: whether the leaf lies behind it.
    """

    source: Any
    number: int
    shape: Shape | None
    dtype: torch.dtype | None
    needed: bool


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of the graph.

    Attributes:
        node: autograd's node.
        inputs: its inputs.
        outputs: the shapes of its outputs.
    """

    node: Any
    inputs: tuple[Edge, ...]
    outputs: tuple[Shape, ...]

    @property
    def name(self) -> str:
        """The name of autograd's node, such as "MulBackward0"."""
        return type(self.node).__name__

    def saved(self, name: str) -> Any:
        """What the operation kept.

        Args:
            name: of a tensor or a setting.

        Returns:
            The tensor, without a graph, or the setting.
        """
        value = getattr(self.node, f"_saved_{name}")
        return value.detach() if isinstance(value, Tensor) and value.requires_grad else value

    def axis(self, name: str = "dim") -> int:
        """An axis that the operation kept, which may count from the end.

        Args:
            name: of the setting.

        Returns:
            The axis as it was given; autograd shows a negative one as a number of 64 bits without a sign.
        """
        return signed(self.saved(name))

    def needs(self, number: int) -> bool:
        """Whether the leaf lies behind an input.

        Args:
            number: of the input.

        Returns:
            True if so.
        """
        return number < len(self.inputs) and self.inputs[number].needed

    def shape_of(self, number: int) -> Shape:
        """The shape of an input on the way to the leaf.

        Args:
            number: of the input.

        Returns:
            Its shape.
        """
        shape = self.inputs[number].shape
        if shape is None:
            raise Unsupported(f"{self.name} has an input whose shape autograd does not tell")
        return shape


def signed(value: int) -> int:
    """A number of 64 bits with its sign.

    Args:
        value: as autograd shows it.

    Returns:
        The number.
    """
    return value - 2**64 if value >= 2**63 else value


def recorded(outputs: Sequence[Tensor], leaf: Tensor) -> list[Operation]:
    """Return the operations between some outputs and a leaf.

    Args:
        outputs: tensors with a graph.
        leaf: the tensor at which it starts.

    Returns:
        The operations that the leaf's gradient passes, each before those that made its inputs.

    Raises:
        Unsupported: if the graph holds nodes that are Python code, or this PyTorch does not tell the shapes.
    """
    order = list(_inputs_first([x.grad_fn for x in outputs]))
    reaching: set[Any] = set()
    for node in order:
        if getattr(node, "variable", None) is leaf or any(source in reaching for source, _ in node.next_functions):
            reaching.add(node)
    return [_operation(node, reaching) for node in reversed(order) if node in reaching]


def _inputs_first(roots: Sequence[Any]) -> Iterator[Any]:
    """All nodes behind the roots, each once, after those that made its inputs; no recursion, since graphs are deep."""
    seen: set[Any] = set()
    waiting = [(root, False) for root in roots if root is not None]
    while waiting:
        node, done = waiting.pop()
        if done:
            yield node
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            waiting += [(source, False) for source, _ in node.next_functions if source is not None]


def _operation(node: Any, reaching: set[Any]) -> Operation:
    if isinstance(node, torch.autograd.function.BackwardCFunction):
        raise Unsupported(f"{type(node).__name__} is a function of its own")
    try:
        outputs = tuple(tuple(int(side) for side in x.shape) for x in node._input_metadata)
        inputs = tuple(_edge(source, number, source in reaching) for source, number in node.next_functions)
    except (AttributeError, IndexError) as error:
        raise Unsupported(f"this PyTorch does not tell the shapes of {type(node).__name__}: {error}") from error
    return Operation(node, inputs, outputs)


def _edge(source: Any, number: int, needed: bool) -> Edge:
    if source is None:
        return Edge(None, number, None, None, False)
    told = source._input_metadata[number]
    return Edge(source, number, tuple(int(side) for side in told.shape), told.dtype, needed)
