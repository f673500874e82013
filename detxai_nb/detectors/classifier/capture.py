"""Capture a submodule's map in any image classifier, by dotted name, without knowledge of the architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.trace.batch_norms import with_exact_norms
from detxai_nb.detectors.trace.strides import noted
from detxai_nb.module_use import with_hooks

_NO_MAP = (nn.Dropout, nn.Identity, nn.Softmax, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
"""Modules that have no map of their own, or one whose cells have no fixed stride."""


@dataclass(frozen=True, eq=False)
class Probe:
    """The result of one forward pass over an empty image.

    Attributes:
        outputs: number of outputs.
        probabilities: whether they are probabilities already, as those of a network that ends in a softmax or sigmoid.
        maps: names of the submodules whose maps can be explained, the default first.
    """

    outputs: int
    probabilities: bool
    maps: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class OpenedLayer:
    """A forward pass whose graph starts at one layer.

    Attributes:
        leaf: the layer's map ``[1,K,h,w]``.
        logits: ``[1,C]``, with a graph from the leaf on.
    """

    leaf: Tensor
    logits: Tensor


def probe(module: nn.Module, image: Tensor) -> Probe:
    """Run one forward pass and note which submodules output maps, and what the network ends in.

    The last map of each resolution is listed: the last of all first, then the others from the coarsest on.

    Args:
        module: the classifier, in evaluation mode.
        image: the network's input ``[1,3,H,W]``.

    Returns:
        The number of logits and the names of the maps.

    Raises:
        ValueError: if the module does not return logits ``[B,C]``.
    """
    last: dict[tuple[int, int], str] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if not _why_no_map(output, image):
                grid = (int(output.shape[2]), int(output.shape[3]))
                last.pop(grid, None)
                last[grid] = name

        return hook

    named = [(name, part) for name, part in module.named_modules() if name and not isinstance(part, _NO_MAP)]
    inputs = image.detach().clone().requires_grad_()
    logits = with_hooks([(part, note(name)) for name, part in named], lambda: _run_with_graph(module, inputs))
    grids = sorted(last, key=lambda grid: grid[0] * grid[1])
    if last:
        default = list(last)[-1]
        grids = [default, *(grid for grid in grids if grid != default)]
    return Probe(logits.shape[1], _are_probabilities(logits), tuple(last[grid] for grid in grids))


_ENDS = ("SoftmaxBackward", "SigmoidBackward")
_SHAPING = ("View", "Unsafe", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Permute", "TBackward", "Slice", "Select")
_COPYING = ("Clone", "ToCopy", "Alias", "AsStrided", "Expand")


def _are_probabilities(outputs: Tensor) -> bool:
    """Whether the graph of outputs ``[B,C]`` ends in a softmax or sigmoid, or they add up to 1 like a softmax's."""
    node: Any = outputs.grad_fn
    while node is not None and node.name().startswith((*_SHAPING, *_COPYING)):
        node = node.next_functions[0][0] if node.next_functions else None
    if node is not None and node.name().startswith(_ENDS):
        return True
    values = outputs.detach().double()
    return values.shape[1] > 1 and bool((values >= 0).all()) and bool(((values.sum(dim=1) - 1).abs() < 1e-4).all())


def capture_layer(module: nn.Module, layer: str, image: Tensor) -> OpenedLayer:
    """Run one forward pass: up to a layer without a graph, from its map on with one.

    If the layer runs several times, its last call counts.

    Args:
        module: the classifier, in evaluation mode.
        layer: dotted name of a submodule.
        image: the network's input ``[1,3,H,W]``.

    Returns:
        The layer's map and the logits.

    Raises:
        ValueError: if the layer's output is no map ``[1,K,h,w]`` of several cells, or the logits do not depend on it.
    """
    leaves: list[Tensor] = []

    def cut(_: nn.Module, __: Any, output: Any) -> Tensor:
        wrong = _why_no_map(output, image)
        if wrong:
            raise ValueError(
                f"the layer {layer!r} outputs {wrong}; expected a map [B,K,h,w] of several cells, as those that the "
                "classifier names in detector.layers"
            )
        leaf = output.detach().clone().requires_grad_()
        leaves[:] = [leaf]
        torch.set_grad_enabled(True)
        # A copy, since the next module may work in place, which a leaf does not allow.
        copy: Tensor = leaf.clone()
        return copy

    logits = with_hooks([(module.get_submodule(layer), cut)], lambda: _run_without_graph(module, image))
    if not leaves or not _depends_on(logits, leaves[0]):
        raise ValueError(f"the logits do not depend on the layer {layer!r} in {type(module).__name__}'s forward pass")
    return OpenedLayer(leaves[0], logits)


def _run_without_graph(module: nn.Module, image: Tensor) -> Tensor:
    with torch.no_grad():
        return logits_of(with_exact_norms(module, lambda: module(image)), len(image))


def _run_with_graph(module: nn.Module, image: Tensor) -> Tensor:
    with torch.enable_grad():
        return logits_of(module(image), len(image))


def logits_of(output: Any, images: int | None = None) -> Tensor:
    """Return the logits in a classifier's output.

    Args:
        output: what the module returned: the logits, or an object with the attribute, or a dict with the key,
            ``logits``.
        images: how many images the module was given; None where that is known later.

    Returns:
        Logits ``[B,C]``; one logit for each image may also come as ``[B]``.

    Raises:
        ValueError: if the output is anything else, such as maps, class numbers, or rows for other than these images.
    """
    found = output.get("logits", output) if isinstance(output, Mapping) else getattr(output, "logits", output)
    if isinstance(found, Tensor):
        logits = found[:, None] if found.ndim == 1 else found
        rows = images is None or (logits.ndim == 2 and len(logits) == images)
        if logits.ndim == 2 and rows and logits.is_floating_point() and logits.layout == torch.strided:
            return logits
    asked = "" if images is None else f" for {images} image{'' if images == 1 else 's'}"
    raise ValueError(
        f"family 'classifier' expects a module that returns logits [B,C] of images, got {_described(found)}{asked}; "
        f"{_remedy(found)}"
    )


def _described(output: Any) -> str:
    """What a module returned, in words."""
    if isinstance(output, Tensor):
        kind = str(output.dtype).removeprefix("torch.")
        return f"shape {list(output.shape)} of {kind if output.layout == torch.strided else f'sparse {kind}'}"
    if isinstance(output, (tuple, list)):
        return f"{type(output).__name__} of {len(output)} ({', '.join(_described(part) for part in output[:4])})"
    if isinstance(output, Mapping):
        return f"{type(output).__name__} with the keys {', '.join(map(repr, list(output)[:6]))}"
    return type(output).__name__


def _remedy(output: Any) -> str:
    """What to do with a module that returns something else."""
    if isinstance(output, (tuple, list, Mapping)):
        part = repr(next(iter(output), "logits")) if isinstance(output, Mapping) else "0"
        return f"wrap it in a module that returns the logits alone, whose forward is: return self.model(x)[{part}]"
    if isinstance(output, Tensor) and not output.is_floating_point():
        return "class numbers are no logits: return what they are taken from, as floating-point numbers"
    if isinstance(output, Tensor) and output.ndim > 2:
        return (
            "axes of size 1 behind the classes are taken off by flatten(1) in its forward; what returns maps lacks its "
            "head"
        )
    if isinstance(output, Tensor) and output.layout == torch.strided:
        return "it has to return a row for each image, also of several and of one alone (no squeeze() over the batch)"
    return "return the logits as an ordinary tensor"


def layer_maps(module: nn.Module, layer: str, image: Tensor) -> dict[str, Tensor]:
    """Run one forward pass and return a layer's output, whatever it is and even if the pass fails behind it.

    Args:
        module: the classifier, in evaluation mode.
        layer: dotted name of a submodule.
        image: a batch ``[1,3,H,W]`` of any size.

    Returns:
        The output of its last call under ``layer``.
    """
    maps: dict[str, Tensor] = {}

    def note(_: nn.Module, __: Any, output: Any) -> None:
        maps[layer] = output

    with_hooks([(module.get_submodule(layer), note)], lambda: noted(lambda: module(image), maps))
    return maps


def _depends_on(result: Tensor, leaf: Tensor) -> bool:
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


def _why_no_map(output: Any, image: Tensor) -> str:
    """A description of ``output`` if it is no map of the image, else "". Channels-last maps are not accepted."""
    if not isinstance(output, Tensor):
        return f"a {type(output).__name__}"
    if output.ndim != 4:
        return f"a tensor {list(output.shape)}"
    (height, width), (rows, columns) = image.shape[2:], output.shape[2:]
    strides = height / rows, width / columns
    if rows * columns < 2 or min(strides) < 1 or max(strides) > 2 * min(strides):
        return f"a tensor {list(output.shape)} of an image of {height}x{width} pixels"
    return ""
