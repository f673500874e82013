"""The bundled detectors' networks: small enough to ship, built from torchvision's own parts."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import FeaturePyramidNetwork

STRIDES = (8, 16, 32)
CHANNELS = 64


def _normed(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """Two 3x3 convolutions beside a short cut (He et al., 2016, the basic block)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = _normed(inputs, outputs, stride)
        self.second = _normed(outputs, outputs, 1)
        self.act = nn.ReLU()
        narrow = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        same = stride == 1 and inputs == outputs
        self.short = nn.Identity() if same else nn.Sequential(narrow, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.second(self.act(self.first(x))) + self.short(x))


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
        """Normalised images [B,3,h,w] to the pyramid's maps [B,64,h/8,w/8], [B,64,h/16,w/16] and [B,64,h/32,w/32]."""
        return self.fpn(self.body(x))


def tiny_fcos(num_classes: int = 10) -> FCOS:
    """torchvision's FCOS on a small backbone, about 1.2 million parameters, with random weights.

    Three levels (strides 8, 16, 32) of 64 channels. Images in 0..1 are scaled so that the short side has 256 pixels
    and the long side at most 448; a 320x256 image passes as it is.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes is 1 or more, got {num_classes}")
    return FCOS(
        TinyBackbone(),
        num_classes,
        min_size=256,
        max_size=448,
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.25, 0.25, 0.25],
        anchor_generator=AnchorGenerator(tuple((stride,) for stride in STRIDES), ((1.0,),) * len(STRIDES)),
        head=FCOSHead(CHANNELS, 1, num_classes, num_convs=3),
        score_thresh=0.05,
        nms_thresh=0.6,
        detections_per_img=100,
        topk_candidates=500,
    )
