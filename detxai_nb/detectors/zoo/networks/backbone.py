"""The backbone that most bundled detectors share: a small residual body with torchvision's feature pyramid."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import FeaturePyramidNetwork

STRIDES = (8, 16, 32)
"""Strides of the pyramid's levels in input pixels."""
CHANNELS = 64
"""Channels of each pyramid level."""
TOWER = 3
"""Convolutions in each of the two towers of tiny-fcos's head."""
INPUT: dict[str, Any] = {
    "min_size": 256,
    "max_size": 448,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.25, 0.25, 0.25],
}
"""torchvision's settings of the input: the short side is scaled to 256 pixels, the long side is at most 448.

A 320x256 image is not resized. Values in 0..1 are normalised with mean 0.5 and standard deviation 0.25.
"""


def _normed(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """A residual block: two 3x3 convolutions and a shortcut.

    Args:
        inputs, outputs: channels before and after.
        stride: of the first convolution, and of the shortcut.

    References:
        He et al., Deep Residual Learning for Image Recognition (CVPR 2016), the basic block.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = _normed(inputs, outputs, stride)
        self.second = _normed(outputs, outputs, 1)
        self.act = nn.ReLU()
        narrow = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        same = stride == 1 and inputs == outputs
        self.short = nn.Identity() if same else nn.Sequential(narrow, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Run the block.

        Args:
            x: ``[B,inputs,h,w]``.

        Returns:
            ``[B,outputs,h/stride,w/stride]``.
        """
        y: Tensor = self.act(self.second(self.act(self.first(x))) + self.short(x))
        return y


class TinyBackbone(nn.Module):
    """A small residual network with a feature pyramid: 64 channels at strides 8, 16 and 32, named "0", "1", "2"."""

    out_channels = CHANNELS

    def __init__(self) -> None:
        super().__init__()
        stages = OrderedDict(
            stem=nn.Sequential(_normed(3, 24, 2), nn.ReLU()),
            stage4=Block(24, 40, 2),
            stage8=nn.Sequential(Block(40, 80, 2), Block(80, 80)),
            stage16=Block(80, 112, 2),
            stage32=Block(112, 128, 2),
        )
        self.body = IntermediateLayerGetter(nn.Sequential(stages), {"stage8": "0", "stage16": "1", "stage32": "2"})
        self.fpn = FeaturePyramidNetwork([80, 112, 128], CHANNELS)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the pyramid of a batch.

        Args:
            x: normalised images ``[B,3,h,w]``.

        Returns:
            Maps "0" ``[B,64,h/8,w/8]``, "1" ``[B,64,h/16,w/16]`` and "2" ``[B,64,h/32,w/32]``.
        """
        levels: dict[str, Tensor] = self.fpn(self.body(x))
        return levels


class TowerBackbone(TinyBackbone):
    """``TinyBackbone`` followed on each level by two towers like those of tiny-fcos's head, for class and for box.

    Maps of 128 channels, the class tower's 64 first. With the weights of tiny-fcos these maps already separate classes
    and box sides, so the heads of other families learn quickly to read them.
    """

    out_channels = 2 * CHANNELS

    def __init__(self) -> None:
        super().__init__()
        head = FCOSHead(CHANNELS, 1, 1, num_convs=TOWER)
        self.class_tower, self.box_tower = head.classification_head.conv, head.regression_head.conv

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the maps of a batch.

        Args:
            x: normalised images ``[B,3,h,w]``.

        Returns:
            Maps "0", "1" and "2" of 128 channels at strides 8, 16 and 32.
        """
        levels = super().forward(x).items()
        return OrderedDict((name, torch.cat([self.class_tower(x), self.box_tower(x)], dim=1)) for name, x in levels)


def tower_weights(fcos: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of tiny-fcos for a model on a ``TowerBackbone``.

    Args:
        fcos: tiny-fcos's state dict.

    Returns:
        Its tensors; those of the head's towers have the names of the backbone's towers.
    """
    renamed = {}
    for name, tensor in fcos.items():
        name = name.replace("head.classification_head.conv.", "backbone.class_tower.")
        renamed[name.replace("head.regression_head.conv.", "backbone.box_tower.")] = tensor
    return renamed
