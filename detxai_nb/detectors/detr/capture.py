"""One forward pass of a module's own code, cut at a layer: from there on it has a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.detr.anatomy import Anatomy, Cut, Sizes
from detxai_nb.detectors.trace.capture import require_captured
from detxai_nb.module_use import with_attributes


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
    for part in anatomy.grids:
        forwards[part] = _then(part.forward, partial(note_size, part))
    forwards[cut.part] = _then(forwards.get(cut.part, cut.part.forward), cut_out)
    outputs = with_attributes([(part, "forward", forward) for part, forward in forwards.items()], run_without_graph)
    require_captured(leaves, (outputs.logits,), type(cut.part).__name__)
    return OpenedPass(leaves[0], outputs, [sizes[part] for part in anatomy.grids])


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
    if layer not in anatomy.cuts:
        raise ValueError(f"unknown layer {layer!r}; known: {', '.join(anatomy.layers)}")
    return anatomy.cuts[layer]
