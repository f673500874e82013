"""Any image classifier opened at a submodule named by its dotted path: no knowledge of the architecture is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_PASS_ON = (nn.Dropout, nn.Identity, nn.Softmax, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
"""They make no map of their own, or one whose cells have no fixed stride."""


@dataclass(frozen=True, eq=False)
class Probe:
    """What one pass has shown: how many logits there are, and the names of the maps on offer, the default first."""

    outputs: int
    maps: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class OpenedLayer:
    """A layer's map as a leaf ``[1,K,h,w]``, and the ``logits`` ``[1,C]`` that depend on it with a graph."""

    leaf: Tensor
    logits: Tensor


def probe(module: nn.Module, image: Tensor) -> Probe:
    """One pass over ``image`` ``[1,3,H,W]`` without a graph that notes which submodules make maps.

    On offer is the last map of each resolution: the last of all, then the others from the coarsest on.
    """
    last: dict[tuple[int, int], str] = {}

    def note(name: str) -> Callable[..., None]:
        def look(_: nn.Module, __: Any, output: Any) -> None:
            if not _wrong_map(output, image):
                grid = (int(output.shape[2]), int(output.shape[3]))
                last.pop(grid, None)
                last[grid] = name

        return look

    named = [(name, part) for name, part in module.named_modules() if name and not isinstance(part, _PASS_ON)]
    handles = [part.register_forward_hook(note(name)) for name, part in named]
    try:
        with torch.no_grad():
            logits = logits_of(module(image))
    finally:
        for handle in handles:
            handle.remove()
    grids = sorted(last, key=lambda grid: grid[0] * grid[1])
    if last:
        default = list(last)[-1]
        grids = [default, *(grid for grid in grids if grid != default)]
    return Probe(logits.shape[1], tuple(last[grid] for grid in grids))


def capture_at(module: nn.Module, layer: str, image: Tensor) -> OpenedLayer:
    """One pass over ``image`` ``[1,3,H,W]``: up to the ``layer`` without a graph, from its map on with one.

    Of a layer that runs several times the last one counts. Raises ``ValueError`` where it makes no map ``[1,K,h,w]`` of
    several cells, or where the logits do not depend on it.
    """
    leaves: list[Tensor] = []

    def cut(_: nn.Module, __: Any, output: Any) -> Tensor:
        wrong = _wrong_map(output, image)
        if wrong:
            raise ValueError(f"the layer {layer!r} makes {wrong}; expected a map [B,K,h,w] of several cells")
        leaf = output.detach().clone().requires_grad_()
        leaves[:] = [leaf]
        torch.set_grad_enabled(True)
        # A copy, since the next module may work in place, which a leaf does not allow.
        return leaf.clone()

    handle = module.get_submodule(layer).register_forward_hook(cut)
    try:
        with torch.no_grad():
            logits = logits_of(module(image))
    finally:
        handle.remove()
    if not leaves or not _depends(logits, leaves[0]):
        raise ValueError(f"the logits do not depend on the layer {layer!r} in {type(module).__name__}'s forward pass")
    return OpenedLayer(leaves[0], logits)


def logits_of(output: Any) -> Tensor:
    """The logits ``[B,C]`` of what a classifier returns; ``ValueError`` for anything else."""
    found = getattr(output, "logits", output)
    if not isinstance(found, Tensor) or found.ndim != 2:
        got = f"shape {list(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(f"family 'classifier' expects a module that returns logits [B,C] of images, got {got}")
    return found


def map_stride(image: Tensor, grid: Tensor) -> tuple[float, float]:
    """The stride (y, x) of a map ``[1,K,h,w]`` in pixels of ``image`` ``[1,3,H,W]``.

    The power of two that leaves as many cells, rounded up or down, else the plain quotient.
    """
    found = []
    for pixels, cells in zip(image.shape[2:], grid.shape[2:]):
        power = 2 ** round(torch.tensor(pixels / cells).log2().item())
        found.append(float(power) if pixels // power <= cells <= -(-pixels // power) else pixels / cells)
    return found[0], found[1]


def _depends(result: Tensor, leaf: Tensor) -> bool:
    """Whether the graph of ``result`` leads back to the leaf."""
    waiting, seen = [result.grad_fn], set()
    while waiting:
        node: Any = waiting.pop()
        if node is None or node in seen:
            continue
        if getattr(node, "variable", None) is leaf:
            return True
        seen.add(node)
        waiting += [before for before, _ in node.next_functions]
    return False


def _wrong_map(output: Any, image: Tensor) -> str:
    """What ``output`` is if it is no map of the image, else nothing. Maps with channels last are no maps either."""
    if not isinstance(output, Tensor):
        return f"a {type(output).__name__}"
    if output.ndim != 4:
        return f"a tensor {list(output.shape)}"
    (height, width), (rows, columns) = image.shape[2:], output.shape[2:]
    strides = height / rows, width / columns
    if rows * columns < 2 or min(strides) < 1 or max(strides) > 2 * min(strides):
        return f"a tensor {list(output.shape)} of an image of {height}x{width} pixels"
    return ""
