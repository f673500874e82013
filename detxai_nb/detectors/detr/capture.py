"""One forward pass of a module's own code, cut at a layer: from there on it has a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.detr.variants import BACKBONE, ENCODER, NECK, Anatomy
from detxai_nb.detectors.trace.capture import require_captured
from detxai_nb.module_use import with_attributes

Sizes = list[tuple[int, int]]
"""(height, width) of each grid that enters the encoder."""


@dataclass(frozen=True, eq=False)
class OpenedPass:
    """A forward pass whose graph starts at one layer.

    Attributes:
        leaf: the layer's features ``[1,C,h,w]``.
        outputs: the module's outputs, with a graph from the leaf on.
        sizes: (height, width) of each grid that enters the encoder.
    """

    leaf: Tensor
    outputs: Any
    sizes: Sizes


@dataclass(frozen=True, eq=False)
class Cut:
    """A layer within the output of a submodule.

    Attributes:
        part: the submodule.
        take: takes the layer out of its output, as ``[B,C,h,w]``, given the sizes of the encoder's grids.
        put: returns the output with another layer in its place.
    """

    part: nn.Module
    take: Callable[[Any, Sizes], Tensor]
    put: Callable[[Any, Tensor, Sizes], Any]


def capture_pass(layer: str, anatomy: Anatomy, run: Callable[[], Any]) -> OpenedPass:
    """Run one forward pass with the layer's features as a leaf.

    Everything before the layer runs without a graph, everything after it with one.

    Args:
        layer: one of ``anatomy.layers``.
        anatomy: the parts of the module.
        run: runs the module on the image and returns its outputs.

    Returns:
        The leaf and the outputs.

    Raises:
        ValueError: if there is no such layer.
    """
    cut = cut_at(layer, anatomy)
    sizes: dict[nn.Module, tuple[int, int]] = {}
    leaves: list[Tensor] = []

    def note_size(part: nn.Module, output: Tensor) -> Tensor:
        sizes[part] = (int(output.shape[-2]), int(output.shape[-1]))
        return output

    def cut_out(output: Any) -> Any:
        seen = list(sizes.values())
        leaves.append(cut.take(output, seen).detach().clone().requires_grad_())
        torch.set_grad_enabled(True)
        return cut.put(output, leaves[0], seen)

    def run_without_graph() -> Any:
        with torch.no_grad():
            return run()

    forwards: dict[nn.Module, Callable[..., Any]] = {}
    for part in anatomy.projections:
        forwards[part] = _then(part.forward, partial(note_size, part))
    forwards[cut.part] = _then(forwards.get(cut.part, cut.part.forward), cut_out)
    outputs = with_attributes([(part, "forward", forward) for part, forward in forwards.items()], run_without_graph)
    require_captured(leaves, (outputs.logits,), type(cut.part).__name__)
    return OpenedPass(leaves[0], outputs, [sizes[part] for part in anatomy.projections])


def _then(forward: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
    """``forward`` with its output changed."""
    return lambda *arguments, **named: change(forward(*arguments, **named))


def cut_at(layer: str, anatomy: Anatomy) -> Cut:
    """Return where a layer is cut out of the forward pass.

    Args:
        layer: one of ``anatomy.layers``.
        anatomy: the parts of the module.

    Returns:
        The submodule, and how the layer is taken out of its output and put back.

    Raises:
        ValueError: if there is no such layer.
    """
    kind, _, name = layer.partition(".")
    if kind == BACKBONE and name:
        return Cut(anatomy.stages[name], lambda output, _: output, lambda _, leaf, __: leaf)
    if kind == BACKBONE:
        return Cut(
            anatomy.backbone,
            lambda maps, _: maps[-1][0],
            lambda maps, leaf, _: [*maps[:-1], (leaf, maps[-1][1])],
        )
    if kind == NECK:
        return Cut(anatomy.projections[int(name)], lambda output, _: output, lambda _, leaf, __: leaf)
    if kind == ENCODER:
        level = int(name or 0)
        return Cut(
            anatomy.encoder,
            lambda output, sizes: _grid(output.last_hidden_state, level, sizes),
            lambda output, leaf, sizes: _with_grid(output, leaf, level, sizes),
        )
    raise ValueError(f"unknown layer {layer!r}; known: {', '.join(anatomy.layers)}")


def _grid(memory: Any, level: int, sizes: Sizes) -> Tensor:
    """One level of an encoder's output, which is a list of grids or the tokens of all of them in a row."""
    if not isinstance(memory, Tensor):
        grid: Tensor = memory[level]
        return grid
    return torch.unflatten(_split(memory, sizes)[level].transpose(1, 2), 2, sizes[level])


def _with_grid(output: Any, leaf: Tensor, level: int, sizes: Sizes) -> Any:
    """The encoder's output with ``leaf`` in place of one level."""
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
    return torch.split(memory, [height * width for height, width in sizes], dim=1)
