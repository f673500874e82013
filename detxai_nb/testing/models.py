"""What tests of detectors with random weights share: small images, lively weights, a few well-spread detections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from detxai_nb.types import Detections, Target

NAMES = tuple("abcdefg")
"""The classes of the small detectors."""

Scalar = Callable[[Any, Any, list[Tensor], Detections, int, Target], Tensor]
"""``scalar(detector, trace, leaves, one, label, target)``: the explained scalar of the one detection, the slow obvious
way: the module's own code with a graph, from ``leaves`` (a ``[1,C,h,w]`` copy of each of the trace's levels) on."""


_Function = TypeVar("_Function", bound=Callable[..., Any])
_KEPT: list[Any] = []


def in_common(function: _Function) -> _Function:
    """Make a function remember its last result: what all detections of the same maps have in common.

    Args:
        function: of arguments that can be hashed, such as tensors and modules.

    Returns:
        The same function with a memory of one call; ``forget`` clears it.
    """
    remembering: Any = lru_cache(maxsize=1)(function)
    _KEPT.append(remembering)
    return cast(_Function, remembering)


def forget() -> None:
    """Clear the memory of every function that is ``in_common``: it holds a detector and a graph."""
    for function in _KEPT:
        function.cache_clear()


@dataclass(frozen=True)
class Kind:
    """One kind of detector for the contract.

    Attributes:
        build: ``build(dtype, **settings)``: the detector, always the same, with ``NAMES`` as its classes where the
            family has no background, on an input of about 100 pixels.
        scalar: from the default layer on.
        everything: ``everything(detector, image)``: many detections, with suppression off.
        choose: ``choose(found, trace)``: the few of them that are tested; None means ``spread``.
        layer_scalar: from the layer that the trace names, or None if there is only one.
        sides: whether its predictions have boxes of their own.
        float32: how far a map may be from the float64 one, as a share of its maximum.
    """

    build: Callable[..., Any]
    scalar: Scalar
    everything: Callable[[Any, np.ndarray], Detections]
    choose: Callable[[Detections, Any], Detections] | None = None
    layer_scalar: Scalar | None = None
    sides: bool = True
    float32: float = 1e-4


def photograph(height: int = 150, width: int = 213, seed: int = 0) -> np.ndarray:
    """Return a smooth random image.

    Args:
        height, width: of the image, in pixels.
        seed: of the random numbers.

    Returns:
        uint8 RGB ``[height,width,3]``.
    """
    random = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, 9, 13, generator=random)
    big = nn.functional.interpolate(small, size=(height, width), mode="bilinear")
    pixels: np.ndarray = (big[0].permute(1, 2, 0) * 255).byte().numpy()
    return pixels


def enliven(module: nn.Module, seed: int = 1) -> nn.Module:
    """Fill norms and the weights of heads with random numbers, so that no output is constant and no gradient vanishes.

    Args:
        module: changed in place: batch and group norms, and convolutions with "head" in their path.
        seed: of the random numbers.

    Returns:
        The same module, in evaluation mode.
    """
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                cast(Tensor, part.running_mean).normal_(0, 0.1, generator=random)
                cast(Tensor, part.running_var).uniform_(0.3, 1, generator=random)
            if isinstance(part, (nn.BatchNorm2d, nn.GroupNorm)):
                part.weight.normal_(1, 0.2, generator=random)
                part.bias.normal_(0.1, 0.3, generator=random)
        for name, weight in module.named_parameters():
            if "head" in name and weight.ndim == 4:
                weight.normal_(0, (2 / weight[0].numel()) ** 0.5, generator=random)
    return module.eval()


def spread(detections: Detections, trace: Any, per_level: int = 3) -> Detections:
    """Choose detections of every level of a dense detector, those in corners and at borders first.

    Args:
        detections: with origins that begin with level, row, column.
        trace: of their image.
        per_level: how many of each level.

    Returns:
        The chosen detections.

    Raises:
        ValueError: if no detection lies at a border.
    """
    rows: list[int] = []
    level = _origins(detections)[:, 0]
    gap = border_distance(detections, trace)
    if not (gap == 0).any():
        raise ValueError("no detection lies at a border")
    for number in sorted(set(level.tolist())):
        mine = (level == number).nonzero()[:, 0]
        rows += mine[gap[mine].argsort(stable=True)][:per_level].tolist()
    return detections[rows]


def border_distance(detections: Detections, trace: Any) -> Tensor:
    """Count the cells between each prediction and its map's border.

    Args:
        detections: with origins that begin with level, row, column.
        trace: of their image.

    Returns:
        ``[N]``, 0 at the border.
    """
    origins = _origins(detections)
    sizes = torch.tensor([level.features.shape[1:] for level in trace.levels])
    level, at = origins[:, 0], origins[:, 1:3]
    return torch.minimum(at, sizes[level] - 1 - at).amin(dim=1)


def _origins(detections: Detections) -> Tensor:
    if detections.origins is None:
        raise ValueError("the detections have no origins; use what a detector's detect returns")
    return detections.origins
