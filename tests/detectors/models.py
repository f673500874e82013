"""What the detectors with random weights of the tests share: small inputs, non-square, activations of a lively size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.types import Target

NAMES = tuple("abcdefg")

Scalar = Callable[[Any, Any, list[Tensor], dx.Detections, int, Target], Tensor]
"""``scalar(detector, trace, leaves, one, label, target)``: the explained scalar of the one detection, the slow obvious
way: the module's own code with a graph, from ``leaves`` (a ``[1,C,h,w]`` copy of each of the trace's levels) on."""


_Function = TypeVar("_Function", bound=Callable[..., Any])
_KEPT: list[Any] = []


def in_common(function: _Function) -> _Function:
    """The function, which remembers its last result: what all detections of the same maps have in common."""
    remembering: Any = lru_cache(maxsize=1)(function)
    _KEPT.append(remembering)
    return remembering


def forget() -> None:
    """Let go of what is in common: it holds a detector and a graph."""
    for function in _KEPT:
        function.cache_clear()


@dataclass(frozen=True)
class Kind:
    """One detector for the contract.

    ``build(dtype, **settings)``: the detector, always the same, with ``NAMES`` as its classes where the family has no
    background, on an input of about 100 pixels. ``scalar``: from the default layer on; ``layer_scalar``: from the layer
    that the trace names. ``everything(detector, image)``: many detections, with suppression off. ``choose(found,
    trace)``: the few of them that are tested. ``sides``: whether its predictions have boxes of their own. ``float32``:
    how far a map may be from the float64 one, as a share of its maximum.
    """

    build: Callable[..., Any]
    scalar: Scalar
    everything: Callable[[Any, np.ndarray], dx.Detections]
    choose: Callable[[dx.Detections, Any], dx.Detections] | None = None
    layer_scalar: Scalar | None = None
    sides: bool = True
    float32: float = 1e-4


def photograph(height: int = 150, width: int = 213, seed: int = 0) -> np.ndarray:
    """Smooth random uint8 [height,width,3]."""
    random = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, 9, 13, generator=random)
    big = nn.functional.interpolate(small, size=(height, width), mode="bilinear")
    return (big[0].permute(1, 2, 0) * 255).byte().numpy()


def enliven(module: nn.Module, seed: int = 1) -> nn.Module:
    """Random norms, biases and head weights, so that no output is constant and no gradient vanishes."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1, generator=random)
                part.running_var.uniform_(0.3, 1, generator=random)
            if isinstance(part, (nn.BatchNorm2d, nn.GroupNorm)):
                part.weight.normal_(1, 0.2, generator=random)
                part.bias.normal_(0.1, 0.3, generator=random)
        for name, weight in module.named_parameters():
            if "head" in name and weight.ndim == 4:
                weight.normal_(0, (2 / weight[0].numel()) ** 0.5, generator=random)
    return module.eval()


def spread(detections: dx.Detections, trace: Any, per_level: int = 3) -> dx.Detections:
    """Detections of every level of a dense detector, those in corners and at borders first."""
    rows, level = [], detections.origins[:, 0]
    gap = border_distance(detections, trace)
    if not (gap == 0).any():
        raise ValueError("no detection lies at a border")
    for number in level.unique():
        mine = (level == number).nonzero()[:, 0]
        rows += mine[gap[mine].argsort(stable=True)][:per_level].tolist()
    return detections[rows]


def border_distance(detections: dx.Detections, trace: Any) -> Tensor:
    """Cells between each prediction and its map's border; origins begin with level, row, column."""
    sizes = torch.tensor([level.features.shape[1:] for level in trace.levels])
    level, at = detections.origins[:, 0], detections.origins[:, 1:3]
    return torch.minimum(at, sizes[level] - 1 - at).amin(dim=1)
