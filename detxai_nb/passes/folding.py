"""Batch normalisation as a part of the convolution before it, found by watching one forward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from detxai_nb.module_use import with_hooks

_USUAL_EPS = 1e-5
"""Of frozen normalisations that do not say theirs."""


def is_batch_norm(part: nn.Module) -> bool:
    """Return whether a module is a batch normalisation with fixed statistics and weights.

    Args:
        part: any module.

    Returns:
        True for ``BatchNorm2d`` itself and for the frozen ones of torchvision and transformers.
    """
    if type(part) is nn.BatchNorm2d:
        return part.affine and part.running_mean is not None
    return type(part).__name__.endswith("FrozenBatchNorm2d") and hasattr(part, "running_mean")


def watch_pairs(module: nn.Module, run: Callable[[], Any]) -> list[tuple[nn.Conv2d, nn.Module]]:
    """Run a network and return its convolutions that feed a batch normalisation and, as far as modules see, no other.

    Args:
        module: the network.
        run: one forward pass of it.

    Returns:
        Pairs of a convolution and the normalisation that got each of its outputs. A function between two modules that
        uses such an output as well is not seen: whoever folds the pair compares the answers.
    """
    made: dict[int, tuple[nn.Conv2d, Tensor]] = {}
    sources: dict[nn.Module, set[nn.Conv2d | None]] = {}
    users: dict[nn.Conv2d, set[nn.Module]] = {}
    calls: dict[nn.Module, int] = {}

    def after_convolution(part: nn.Module, _: Any, output: Any) -> None:
        if isinstance(part, nn.Conv2d) and isinstance(output, Tensor):
            # With the tensor, so that its id stays its own.
            made[id(output)] = part, output
            calls[part] = calls.get(part, 0) + 1

    def before_any(part: nn.Module, inputs: tuple[Any, ...]) -> None:
        for one in inputs:
            source = made.get(id(one), (None, None))[0]
            if source is not None:
                users.setdefault(source, set()).add(part)
            if is_batch_norm(part):
                sources.setdefault(part, set()).add(source)
                calls[part] = calls.get(part, 0) + 1

    parts = list(module.modules())
    convolutions = [part for part in parts if type(part) is nn.Conv2d]
    leaves = [part for part in parts if not any(True for _ in part.children())]
    hooks: list[tuple[nn.Module, Callable[..., Any]]] = [(part, after_convolution) for part in convolutions]

    def watched() -> None:
        with_hooks([(part, before_any) for part in leaves], run, before=True)

    with_hooks(hooks, watched)
    found = []
    for norm, origin in sources.items():
        source = next(iter(origin))
        if len(origin) == 1 and source is not None and users[source] == {norm} and calls[source] == calls[norm]:
            found.append((source, norm))
    return found


def folded(convolution: nn.Conv2d, norm: Any) -> tuple[Tensor, Tensor]:
    """Return weight and bias of one convolution that does what a convolution and a batch normalisation do.

    Args:
        convolution: the first.
        norm: the second, with fixed statistics.

    Returns:
        ``[C',C,k,k]`` and ``[C']``, new tensors without a graph.
    """
    eps = float(getattr(norm, "eps", _USUAL_EPS))
    with torch.no_grad():
        weight, bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, norm.running_mean, norm.running_var, eps, norm.weight, norm.bias
        )
    return weight.detach(), bias.detach()
