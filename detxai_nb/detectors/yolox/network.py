"""The YOLOX network of every size, in plain PyTorch; parameter names are those of the official checkpoints.

References:
    Ge et al., "YOLOX: Exceeding YOLO Series in 2021" (arXiv:2107.08430): CSPDarknet, PAFPN, decoupled anchor-free head.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detxai_nb.detectors.yolox.blocks import BaseConv, CSPLayer, Focus, SPPBottleneck, conv_block


@dataclass(frozen=True)
class YoloxSize:
    """The size of a YOLOX network.

    Attributes:
        depth: factor on the number of bottlenecks.
        width: factor on the number of channels.
        depthwise: whether the 3x3 convolutions are depthwise separable.
        input_side: the side in pixels of the square input on which the official model is tested.
    """

    depth: float
    width: float
    depthwise: bool = False
    input_side: int = 640


SIZES: Mapping[str, YoloxSize] = {
    "yolox-nano": YoloxSize(0.33, 0.25, depthwise=True, input_side=416),
    "yolox-tiny": YoloxSize(0.33, 0.375, input_side=416),
    "yolox-s": YoloxSize(0.33, 0.50),
    "yolox-m": YoloxSize(0.67, 0.75),
    "yolox-l": YoloxSize(1.0, 1.0),
    "yolox-x": YoloxSize(1.33, 1.25),
}
TINY = YoloxSize(0.33, 0.25, input_side=320)
"""The size of the bundled network: 2.2 million parameters. Its input is 320x256, so a scene needs no resizing."""
TINY_INPUT = (256, 320)
"""(height, width) of the bundled network's input."""

STRIDES = (8, 16, 32)
"""The strides of the three levels, in input pixels."""
STAGES = ("dark3", "dark4", "dark5")
"""The backbone's stages of these strides."""
PRIOR = 0.01
"""Objectness and class probability of a head with fresh weights."""
PAD = 114.0
"""The grey, 0..255, around an image that does not fill the input."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's pixels, RGB in 0..1, for the convention "rgb-imagenet"."""


class CSPDarknet(nn.Module):
    """The backbone: maps of stride 8, 16 and 32.

    Args:
        depth: factor on the number of bottlenecks.
        width: factor on the number of channels.
        depthwise: whether the 3x3 convolutions are depthwise separable.
    """

    def __init__(self, depth: float, width: float, depthwise: bool) -> None:
        super().__init__()
        c = int(width * 64)
        n = max(round(depth * 3), 1)
        self.stem = Focus(c)
        self.dark2 = self._stage(c, c * 2, n, depthwise)
        self.dark3 = self._stage(c * 2, c * 4, n * 3, depthwise)
        self.dark4 = self._stage(c * 4, c * 8, n * 3, depthwise)
        self.dark5 = nn.Sequential(
            conv_block(depthwise, c * 8, c * 16, 3, 2),
            SPPBottleneck(c * 16, c * 16),
            CSPLayer(c * 16, c * 16, n, False, depthwise),
        )

    @staticmethod
    def _stage(inputs: int, outputs: int, count: int, depthwise: bool) -> nn.Sequential:
        return nn.Sequential(
            conv_block(depthwise, inputs, outputs, 3, 2), CSPLayer(outputs, outputs, count, True, depthwise)
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return the maps of the last three stages.

        Args:
            x: the network's input ``[B,3,h,w]``, h and w multiples of 32.

        Returns:
            Maps ``[B,C,h/s,w/s]`` by the names in ``STAGES``, of strides 8, 16 and 32.
        """
        x = self.dark2(self.stem(x))
        found = {}
        for name in STAGES:
            x = getattr(self, name)(x)
            found[name] = x
        return found


class PAFPN(nn.Module):
    """Backbone and path-aggregation neck: three levels of stride 8, 16 and 32.

    Args:
        size: depth, width and kind of convolutions.
    """

    def __init__(self, size: YoloxSize) -> None:
        super().__init__()
        self.backbone = CSPDarknet(size.depth, size.width, size.depthwise)
        c0, c1, c2 = (int(c * size.width) for c in (256, 512, 1024))
        n, dw = round(3 * size.depth), size.depthwise
        self.lateral_conv0 = BaseConv(c2, c1, 1)
        self.C3_p4 = CSPLayer(2 * c1, c1, n, False, dw)
        self.reduce_conv1 = BaseConv(c1, c0, 1)
        self.C3_p3 = CSPLayer(2 * c0, c0, n, False, dw)
        self.bu_conv2 = conv_block(dw, c0, c0, 3, 2)
        self.C3_n3 = CSPLayer(2 * c0, c1, n, False, dw)
        self.bu_conv1 = conv_block(dw, c1, c1, 3, 2)
        self.C3_n4 = CSPLayer(2 * c1, c2, n, False, dw)

    def neck(self, stages: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the three levels from the backbone's maps.

        Args:
            stages: the maps ``[B,C,h/s,w/s]`` by the names in ``STAGES``.

        Returns:
            The levels ``[B,C,h/s,w/s]`` of strides 8, 16 and 32.
        """
        x2, x1, x0 = (stages[name] for name in STAGES)
        top = self.lateral_conv0(x0)
        middle = self.reduce_conv1(self.C3_p4(torch.cat([_upsample(top), x1], dim=1)))
        fine = self.C3_p3(torch.cat([_upsample(middle), x2], dim=1))
        out1 = self.C3_n3(torch.cat([self.bu_conv2(fine), middle], dim=1))
        out0 = self.C3_n4(torch.cat([self.bu_conv1(out1), top], dim=1))
        return fine, out1, out0

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the three levels for a batch of images.

        Args:
            x: the network's input ``[B,3,h,w]``, h and w multiples of 32.

        Returns:
            The levels ``[B,C,h/s,w/s]`` of strides 8, 16 and 32.
        """
        return self.neck(self.backbone(x))


def _upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


class YoloxHead(nn.Module):
    """The decoupled head: for each level box (4), objectness (1) and class logits.

    With fresh weights every location has an objectness and class probabilities of ``PRIOR``, as in the official code.

    Args:
        classes: the number of classes.
        size: width and kind of convolutions.
    """

    def __init__(self, classes: int, size: YoloxSize) -> None:
        super().__init__()
        c = int(256 * size.width)
        inputs = [int(n * size.width) for n in (256, 512, 1024)]

        def tower() -> nn.Sequential:
            return nn.Sequential(*(conv_block(size.depthwise, c, c, 3) for _ in range(2)))

        self.cls_convs = nn.ModuleList(tower() for _ in inputs)
        self.reg_convs = nn.ModuleList(tower() for _ in inputs)
        self.cls_preds = nn.ModuleList(nn.Conv2d(c, classes, 1) for _ in inputs)
        self.reg_preds = nn.ModuleList(nn.Conv2d(c, 4, 1) for _ in inputs)
        self.obj_preds = nn.ModuleList(nn.Conv2d(c, 1, 1) for _ in inputs)
        self.stems = nn.ModuleList(BaseConv(n, c, 1) for n in inputs)
        for predictor in (*self.cls_preds, *self.obj_preds):
            nn.init.constant_(predictor.bias, math.log(PRIOR / (1 - PRIOR)))

    def predict(self, level: int, box: Tensor, classes: Tensor) -> Tensor:
        """Return the raw outputs of a level from the maps of its two towers.

        Args:
            level: the index of the level, 0 for the finest.
            box: the box tower's map ``[B,C',h,w]``.
            classes: the class tower's map ``[B,C',h,w]``.

        Returns:
            ``[B,5+C,h,w]``: x, y, log w, log h (relative to the cell, in strides), objectness logit, class logits.
        """
        parts = [self.reg_preds[level](box), self.obj_preds[level](box), self.cls_preds[level](classes)]
        return torch.cat(parts, dim=1)

    def forward(self, pyramid: Sequence[Tensor]) -> list[Tensor]:
        """Return the raw outputs of every level.

        Args:
            pyramid: the levels ``[B,C',h/s,w/s]`` of strides 8, 16 and 32.

        Returns:
            One map ``[B,5+C,h/s,w/s]`` for each level, as ``predict`` describes it.
        """
        stems = [stem(level) for stem, level in zip(self.stems, pyramid)]
        return [self.predict(i, self.reg_convs[i](x), self.cls_convs[i](x)) for i, x in enumerate(stems)]


class Yolox(nn.Module):
    """A YOLOX network: backbone, neck and head.

    Args:
        classes: the number of classes.
        size: one of ``SIZES``, ``TINY``, or another.
    """

    def __init__(self, classes: int, size: YoloxSize) -> None:
        super().__init__()
        self.backbone = PAFPN(size)
        self.head = YoloxHead(classes, size)
        self.input_side = size.input_side

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the raw outputs of every level for a batch of images.

        Args:
            x: the network's input ``[B,3,h,w]``, h and w multiples of 32.

        Returns:
            Three maps ``[B,5+C,h/s,w/s]`` of strides 8, 16 and 32, as ``YoloxHead.predict`` describes them.
        """
        levels: list[Tensor] = self.head(self.backbone(x))
        return levels
