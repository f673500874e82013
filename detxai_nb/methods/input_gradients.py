"""Gradients of the explained scalars with respect to the network's input: what path methods and noise methods share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from detxai_nb.capabilities import RERUN
from detxai_nb.methods.memory import most_that_fit
from detxai_nb.types import Detections, Progress, Target

CHANNELS = ("sum", "absolute", "maximum")
"""How a map of one value for each of R, G and B becomes one value for each pixel."""
NEEDS = {RERUN: "its network cannot be run again from its input; take a method that explains a layer"}
"""What a detector's traces have to offer, with words for whoever lacks it."""
MOST = 100_000
"""The most runs of a network that a setting asks for; each takes time, and a hundred are many."""
LOUDEST = 1000.0
"""The largest noise, as a share of the input's range: above 1 next to nothing of the picture is left."""
_GRAPH = 256
"""Memory that a network's graph takes, in units of its input (a ResNet-50 keeps about 200 times its input)."""


def reduce_channels(maps: Tensor, how: str) -> Tensor:
    """Reduce maps over the colours of the network's input.

    Args:
        maps: ``[n,3,h,w]``, signed.
        how: "sum" of the colours, which keeps what the maps add up to; "absolute", the sum of their sizes; "maximum",
            the largest size, as is usual for gradients.

    Returns:
        ``[n,h,w]``; not negative unless ``how`` is "sum".
    """
    if how == "sum":
        return maps.sum(dim=1)
    return maps.abs().sum(dim=1) if how == "absolute" else maps.abs().amax(dim=1)


def keeps_signs(settings: Mapping[str, Any]) -> bool:
    """Return whether a method's maps are signed: they are if the colours are summed up.

    Args:
        settings: the method's complete settings, with "channels".

    Returns:
        True or False.
    """
    return bool(settings["channels"] == "sum")


def check_count(method: str, name: str, value: Any, most: int = MOST) -> int:
    """Return a setting that counts something.

    Args:
        method, name: of the method and of the setting, for the message.
        value: what was given.
        most: the largest.

    Returns:
        The same whole number, at least 1.

    Raises:
        ValueError: if it is no such number.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} of {method!r} is a whole number of at least 1; got {value!r}")
    if value > most:
        raise ValueError(f"{name} of {method!r} is at most {most}, which is more than changes anything; got {value}")
    return value


class Noise:
    """Normal noise on a network's input, sample by sample, the same for every detection.

    Args:
        method: the method's name, for messages.
        batch: the input ``[1,3,h,w]``.
        noise: the standard deviation as a share of the input's range, its largest value minus its smallest.
        seed: of the generator, whose numbers are made on the CPU and so are the same on every device.

    Raises:
        ValueError: if ``noise`` is no number in 0..``LOUDEST``, or the seed no whole number.
    """

    def __init__(self, method: str, batch: Tensor, noise: float, seed: int) -> None:
        if isinstance(noise, bool) or not isinstance(noise, (int, float)) or not 0 <= noise <= LOUDEST:
            raise ValueError(
                f"noise of {method!r} is a share of the input's range, at least 0 and at most {LOUDEST:g}; "
                f"got {noise!r}"
            )
        if isinstance(seed, bool) or not isinstance(seed, int) or abs(seed) > sys.maxsize:
            raise ValueError(f"seed of {method!r} is a whole number; got {seed!r}, and it has up to 64 bits")
        self.deviation = float(noise * (batch.max() - batch.min()))
        self._batch, self._seed = batch, seed

    def samples(self) -> Callable[[int, int], Tensor]:
        """Return what makes the noisy inputs, from the first on: ``make(start, stop)`` is ``[stop-start,3,h,w]``.

        Returns:
            A function to be called with ranges that follow one another.
        """
        random = torch.Generator().manual_seed(self._seed)

        def make(start: int, stop: int) -> Tensor:
            drawn = [torch.randn(self._batch.shape[1:], generator=random) for _ in range(start, stop)]
            return self._batch + self.deviation * torch.stack(drawn).to(self._batch)

        return make


@torch.inference_mode(False)
@torch.enable_grad()
def summed_gradients(
    trace: Any,
    detections: Detections,
    target: Target,
    inputs: Callable[[int, int], Tensor],
    weights: Sequence[float],
    progress: Progress,
) -> Tensor:
    """Compute weighted sums of the gradients at several inputs of the network.

    Inputs go through the network together as far as their graph fits the memory budget, each run serving all
    detections; where the sums of all detections do not fit, the inputs run again for the next ones.

    Args:
        trace: an open trace that can run again (``RerunTrace``).
        detections: N detections of the traced image.
        target: which scalar.
        inputs: ``inputs(start, stop)`` returns ``[stop-start,3,h,w]``; asked for ranges in order, and from 0 again.
        weights: of each input.
        progress: called between runs; what it raises ends the work.

    Returns:
        ``[N,3,h,w]``, the sum over inputs of weight times the gradient of each detection's scalar there.

    Raises:
        ValueError: if the scalars do not depend on the input as far as autograd can see.
    """
    together = most_that_fit(trace.input, _GRAPH)
    parts = torch.split(torch.arange(len(detections), device=trace.input.device), most_that_fit(trace.input))
    total = len(parts) * len(weights)
    sums: Tensor = trace.input.new_zeros(len(detections), *trace.input.shape[1:])
    for number, rows in enumerate(parts):
        for start in range(0, len(weights), together):
            progress(number * len(weights) + start, total)
            stop = min(start + together, len(weights))
            some = inputs(start, stop).detach().requires_grad_()
            values = trace.scalars_of_inputs(some, detections[rows], target)
            share = some.new_tensor(list(weights[start:stop]))[:, None, None, None]
            for row, column in zip(rows.tolist(), values.unbind(1)):
                sums[row] += (gradient_at(column, some) * share).sum(dim=0)
            del values
    progress(total, total)
    return sums.detach()


def gradient_at(scalars: Tensor, inputs: Tensor) -> Tensor:
    """Compute the gradient of one prediction's scalar at each of several inputs; the graph is kept.

    Args:
        scalars: ``[B]``, one for each input and of no other.
        inputs: ``[B,3,h,w]``, leaves of the graph.

    Returns:
        ``[B,3,h,w]``.

    Raises:
        ValueError: if the scalars have no graph that leads to the inputs.
    """
    found: Tensor | None = None
    if scalars.requires_grad:
        (found,) = torch.autograd.grad(scalars.sum(), inputs, retain_graph=True, allow_unused=True)
    if found is None:
        raise ValueError(
            "the explained score has no gradient with respect to the network's input: the network's forward switches "
            "gradients off (torch.no_grad) or detaches its features; take that out of forward, or explain a layer"
        )
    return found
