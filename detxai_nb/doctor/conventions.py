"""How networks want the colours of a picture: the conventions that detectors are trained with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from detxai_nb.detectors.base import IMAGENET_MEAN, IMAGENET_STD
from detxai_nb.doctor.entry import NetworkEntry


@dataclass(frozen=True)
class Convention:
    """One way of writing a picture's colours.

    Attributes:
        name: in words.
        mean, std: of R, G and B in 0..1: a value v in 0..1 is written as (v - mean) / std.
        small: whether the values stay within a few units, so that no network takes them for something enormous.
    """

    name: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    small: bool = True

    def write(self, entry: NetworkEntry) -> Callable[[Tensor], Tensor]:
        """Return a function that rewrites a network's input in this convention, with its channels in their order.

        Args:
            entry: where the picture enters the network.

        Returns:
            A function of inputs ``[B,3,h,w]``.
        """
        turned = entry.order == "BGR"

        def rewrite(inputs: Tensor) -> Tensor:
            mean, std = (inputs.new_tensor(value[::-1] if turned else value) for value in (self.mean, self.std))
            return (entry.shares(inputs) - mean[None, :, None, None]) / std[None, :, None, None]

        return rewrite

    def distance(self, entry: NetworkEntry) -> float:
        """Return how far an input is from this convention.

        Args:
            entry: where the picture enters the network.

        Returns:
            The largest difference of what black and white become, as a share of the convention's range.
        """
        order = slice(None, None, -1) if entry.order == "BGR" else slice(None)
        mean, std = (torch.tensor(value[order], dtype=torch.float64) for value in (self.mean, self.std))
        black, white = -mean / std, (1 - mean) / std
        off = torch.maximum((entry.black - black).abs(), (entry.white - white).abs())
        return float((off / (white - black)).max())


_UNIT = (1 / 255, 1 / 255, 1 / 255)
CONVENTIONS = (
    Convention("0..1", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    Convention("-1..1", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    Convention("ImageNet's mean and standard deviation", IMAGENET_MEAN, IMAGENET_STD),
    Convention("0..255", (0.0, 0.0, 0.0), _UNIT, small=False),
    Convention("0..255 minus ImageNet's mean", IMAGENET_MEAN, _UNIT, small=False),
)
"""The conventions that a detector is tried in."""


def named(entry: NetworkEntry) -> str:
    """Return the name of the convention that an input follows.

    Args:
        entry: where the picture enters the network.

    Returns:
        A name of ``CONVENTIONS``, or what black and white become.
    """
    best = min(CONVENTIONS, key=lambda one: one.distance(entry))
    if best.distance(entry) < 0.02:
        return best.name
    low, high = (", ".join(f"{value:.3g}" for value in one.tolist()) for one in (entry.black, entry.white))
    return f"black ({low}), white ({high})"
