"""CAMERAS: activations and gradients of several input sizes, brought to one size and averaged, then multiplied."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.capabilities import ANY_SIZE
from detxai_nb.geometry import Placement
from detxai_nb.methods.input_gradients import check_count
from detxai_nb.methods.registry import MethodResult, trace_method
from detxai_nb.types import Cancelled, Detections, Progress, Target

_MOST_SIZES = 1000
_TOGETHER = 2**21
"""So many numbers of channels at the input's size are held at once: few enough for a cache."""


@trace_method(
    "cameras",
    title="CAMERAS",
    source="Jalwana et al., CVPR 2021, eq. 2-4, algorithm 1",
    needs={
        ANY_SIZE: "with a detector's input its locations, proposals and queries change too, so a detection has no "
        "counterpart at another size. It is for classifiers; take 'odam' or 'hirescam', the same product at one size, "
        "on a finer layer"
    },
    targeted=True,
)
def cameras(
    trace: Any,
    detections: Detections,
    progress: Progress,
    target: Target,
    *,
    sizes: int = 8,
    largest: float = 924 / 224,
) -> MethodResult:
    """Compute ``relu(sum_C mean_sizes(A) * mean_sizes(G))`` at the size of the network's input.

    The network's input is scaled up, bicubically, to ``sizes`` sizes from its own to ``largest`` times as much in equal
    steps. Activation and gradient of each are brought to the input's own size, bilinearly, and averaged. The work grows
    with the square of the sizes: with the defaults it is that of 61 forward passes, and as much again for the gradients
    of each class.

    Args:
        trace: an open trace that takes inputs of any size (a classifier's).
        detections: the classes to explain.
        progress: called before each size; what it raises ends the work.
        target: which scalar.
        sizes: how many input sizes, at least 1; 1 is ``hirescam``, brought to the input's size channel by channel.
        largest: the largest size, as a multiple of the network's own in 1..16.

    Returns:
        Non-negative maps ``[h,w]``, one value for each pixel of the network's input.

    Raises:
        ValueError: for settings out of range, or a classifier that takes one input size only.

    References:
        Jalwana et al., CAMERAS (CVPR 2021) and its published code, whose sizes (224 to 924 in steps of 100) are the
        defaults. Departures: all sizes count, where the code leaves out those at which another class wins; maps are
        brought to the input's pixels by the network's own stride.
    """
    check_count("cameras", "sizes", sizes, _MOST_SIZES)
    if isinstance(largest, bool) or not isinstance(largest, (int, float)) or not 1 <= largest <= 16:
        raise ValueError(f"largest of 'cameras' is a multiple of the network's input size, 1 to 16; got {largest!r}")
    height, width = trace.input.shape[2:]
    seen = []
    for number in range(sizes):
        progress(number, sizes + 1)
        factor = 1 + (largest - 1) * number / max(sizes - 1, 1)
        seen.append(_at_size(trace, (round(height * factor), round(width * factor)), detections, target))
    progress(sizes, sizes + 1)
    maps = _joined(seen, (height, width), len(detections))
    progress(sizes + 1, sizes + 1)
    return MethodResult(list(maps), [(1.0, 1.0)] * len(maps), layer=trace.layer, settings={"interpolation": "bicubic"})


_Seen = tuple[Tensor, Tensor, tuple[float, float]]
"""Activation ``[C,h,w]``, gradients ``[n,C,h,w]``, and the stride (y, x) in pixels of the network's own input."""


def _at_size(trace: Any, size: tuple[int, int], detections: Detections, target: Target) -> _Seen:
    """What the layer shows of the input scaled to a size."""
    own = trace.input.shape[2:]
    opened = trace
    if size != tuple(own):
        scaled = F.interpolate(trace.input, size=size, mode="bicubic", align_corners=False)
        try:
            opened = trace.reopen(scaled)
        except (Cancelled, torch.OutOfMemoryError, MemoryError):
            raise
        except Exception as error:
            raise ValueError(
                f"this classifier does not take an input of {size[1]}x{size[0]} pixels, which 'cameras' needs "
                f"({error}); take 'hirescam' or 'integrated-grad-cam', which run it at its own size"
            ) from error
    level = opened.levels[0]
    gradients = torch.cat([gradient for _, _, gradient in opened.gradients(detections, target)])
    y, x = (stride * side / wide for stride, side, wide in zip(level.stride, own, size))
    return level.features, gradients, (y, x)


def _joined(seen: list[_Seen], size: tuple[int, int], count: int) -> Tensor:
    """The maps ``[n,H,W]`` at the input's size, some channels at a time."""
    place = Placement.identity(*size)
    maps = seen[0][0].new_zeros(count, *size)
    for channels in torch.split(torch.arange(len(seen[0][0])), max(1, _TOGETHER // math.prod(size))):
        start, stop = int(channels[0]), int(channels[-1]) + 1
        activation = _sum_of([place.maps_to_image(a[start:stop], stride) for a, _, stride in seen])
        for row in range(count):
            slope = _sum_of([place.maps_to_image(g[row, start:stop], stride) for _, g, stride in seen])
            maps[row] += (activation * slope).sum(dim=0)
    return torch.relu(maps / len(seen) ** 2)


def _sum_of(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
