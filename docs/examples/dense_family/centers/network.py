"""The network of Centers: a few convolutions, a pyramid of two levels, and a head that both levels share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

STRIDES = {"fine": 8, "coarse": 16}
"""Input pixels for each cell of the backbone's stages and of the pyramid's levels, the finest first."""


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class CentersHead(nn.Module):
    """At each cell the class logits, and the logarithms of the distances to the four sides in strides."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.class_tower = nn.Sequential(block(width, width), block(width, width))
        self.box_tower = nn.Sequential(block(width, width), block(width, width))
        self.class_logits = nn.Conv2d(width, classes, 3, padding=1)
        self.distances = nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, pyramid: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """The logits ``[B,C,h,w]`` and distances ``[B,4,h,w]`` of each level."""
        return [(self.class_logits(self.class_tower(x)), self.distances(self.box_tower(x))) for x in pyramid]


class Centers(nn.Module):
    """Images ``[B,3,h,w]``, normalised, h and w multiples of 16, to the outputs of the head on two levels."""

    def __init__(self, classes: int, width: int = 24) -> None:
        super().__init__()
        self.classes = classes
        self.stem = nn.Sequential(block(3, 16, 2), block(16, width, 2), block(width, width, 2))
        self.deep = block(width, 2 * width, 2)
        self.laterals = nn.ModuleDict({"fine": nn.Conv2d(width, width, 1), "coarse": nn.Conv2d(2 * width, width, 1)})
        self.head = CentersHead(width, classes)

    def backbone(self, batch: Tensor) -> dict[str, Tensor]:
        """The two stages by name."""
        fine = self.stem(batch)
        return {"fine": fine, "coarse": self.deep(fine)}

    def neck(self, stages: Mapping[str, Tensor]) -> list[Tensor]:
        """The pyramid: the coarse level, and the fine one with the coarse one added."""
        coarse = self.laterals["coarse"](stages["coarse"])
        fine = self.laterals["fine"](stages["fine"])
        return [fine + F.interpolate(coarse, size=fine.shape[2:], mode="nearest"), coarse]

    def forward(self, batch: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The head's outputs on each level."""
        found: list[tuple[Tensor, Tensor]] = self.head(self.neck(self.backbone(batch)))
        return found
