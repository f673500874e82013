"""One forward pass of a module's own code, opened at a layer: from there on it keeps a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.detr.variants import BACKBONE, ENCODER, NECK, Anatomy

Sizes = list[tuple[int, int]]
"""(height, width) of each grid that goes into the encoder."""


@dataclass(frozen=True, eq=False)
class OpenedPass:
    """``leaf`` ``[1,C,h,w]``: the layer's features; ``outputs``: the module's, with a graph from the leaf on."""

    leaf: Tensor
    outputs: Any
    sizes: Sizes


@dataclass(frozen=True, eq=False)
class _Cut:
    """A layer as a piece of what ``part`` gives: how it is taken out, as ``[1,C,h,w]``, and put back."""

    part: nn.Module
    take: Callable[[Any, Sizes], Tensor]
    put: Callable[[Any, Tensor, Sizes], Any]


@contextmanager
def answering(part: nn.Module, answer: Callable[..., Any]) -> Iterator[None]:
    """Inside, ``answer`` is called in place of the part's ``forward``; afterwards the part is as it was."""
    before = part.__dict__.get("forward")
    part.__dict__["forward"] = answer
    try:
        yield
    finally:
        if before is None:
            del part.__dict__["forward"]
        else:
            part.__dict__["forward"] = before


def capture_at(layer: str, anatomy: Anatomy, run: Callable[[], Any]) -> OpenedPass:
    """What ``run``, one forward pass, gives with the layer's features as a leaf. ``layer``: of ``anatomy.layers``."""
    cut = _cut_at(layer, anatomy)
    sizes: dict[nn.Module, tuple[int, int]] = {}
    leaves: list[Tensor] = []

    def measured(part: nn.Module, output: Tensor) -> Tensor:
        sizes[part] = (int(output.shape[-2]), int(output.shape[-1]))
        return output

    def cut_out(output: Any) -> Any:
        seen = list(sizes.values())
        leaves.append(cut.take(output, seen).detach().clone().requires_grad_())
        torch.set_grad_enabled(True)
        return cut.put(output, leaves[0], seen)

    with torch.no_grad(), ExitStack() as stack:
        for part in anatomy.projections:
            stack.enter_context(answering(part, _then(part.forward, partial(measured, part))))
        stack.enter_context(answering(cut.part, _then(cut.part.forward, cut_out)))
        outputs = run()
    return OpenedPass(leaves[0], outputs, [sizes[part] for part in anatomy.projections])


def _then(forward: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda *arguments, **named: change(forward(*arguments, **named))


def _cut_at(layer: str, anatomy: Anatomy) -> _Cut:
    kind, _, name = layer.partition(".")
    if kind == BACKBONE and name:
        return _Cut(anatomy.stages[name], lambda output, _: output, lambda _, leaf, __: leaf)
    if kind == BACKBONE:
        return _Cut(
            anatomy.backbone,
            lambda maps, _: maps[-1][0],
            lambda maps, leaf, _: [*maps[:-1], (leaf, maps[-1][1])],
        )
    if kind == NECK:
        return _Cut(anatomy.projections[int(name)], lambda output, _: output, lambda _, leaf, __: leaf)
    if kind == ENCODER:
        level = int(name or 0)
        return _Cut(
            anatomy.encoder,
            lambda output, sizes: _grid(output.last_hidden_state, level, sizes),
            lambda output, leaf, sizes: _with_grid(output, leaf, level, sizes),
        )
    raise ValueError(f"unknown layer {layer!r}; known: {', '.join(anatomy.layers)}")


def _grid(memory: Any, level: int, sizes: Sizes) -> Tensor:
    """One level of an encoder's output, which is a list of grids or all of their cells in a row."""
    if not isinstance(memory, Tensor):
        return memory[level]
    return _split(memory, sizes)[level].transpose(1, 2).unflatten(2, sizes[level])


def _with_grid(output: Any, leaf: Tensor, level: int, sizes: Sizes) -> Any:
    """The encoder's output with another grid in place of one level."""
    memory = output.last_hidden_state
    changed: Any
    if isinstance(memory, Tensor):
        parts = list(_split(memory, sizes))
        parts[level] = leaf.flatten(2).transpose(1, 2)
        changed = torch.cat(parts, dim=1)
    else:
        changed = [*memory[:level], leaf, *memory[level + 1 :]]
    return type(output)(**{**output, "last_hidden_state": changed})


def _split(memory: Tensor, sizes: Sizes) -> tuple[Tensor, ...]:
    return memory.split([height * width for height, width in sizes], dim=1)
