"""What the contract runs on: smaller copies of the largest networks and one layer of a kind, or everything."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from torch import nn
from torchvision.models import vgg
from torchvision.models.detection import ssd
from torchvision.models.detection.backbone_utils import BackboneWithFPN, _resnet_fpn_extractor
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.keypoint_rcnn import KeypointRCNNHeads
from torchvision.models.resnet import Bottleneck, ResNet, resnet50
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from detxai_nb.detectors import pvt
from detxai_nb.detectors.zoo.networks import torchvision as bundled

FULL_SIZE = bool(os.environ.get("DETXAI_NB_FULL_SIZE"))
"""Whether every network has its published depth and width, and every layer is checked: it takes four times as long."""
ONE_EACH = (1, 1, 1, 1)
WIDTH = 64
NARROW_PVT = [16, 32, 80, 128]
"""Channels of the four stages, a quarter of PVT-Small's: one head of attention needs 16."""
NARROW_VGG: list[str | int] = [16, 16, "M", 24, 24, "M", 32, 32, 32, "M", 32, 32, 512, "M", 32, 32, 512, "M"]
"""A VGG-16's layers, narrow but for the two that SSD's own layers read."""


@contextmanager
def smaller() -> Iterator[None]:
    """Within it torchvision's detectors and the package's PVTs get fewer blocks and narrow pyramids.

    A VGG has no classifier, whose 120 million weights SSD throws away.
    """
    with ExitStack() as patches:
        if not FULL_SIZE:
            for name in ("faster_rcnn", "fcos", "keypoint_rcnn", "mask_rcnn", "retinanet"):
                module = import_module(f"torchvision.models.detection.{name}")
                for replaced, by in _REPLACED.items():
                    if hasattr(module, replaced.__name__):
                        patches.enter_context(patch.object(module, replaced.__name__, by))
            patches.enter_context(patch.object(ssd, "vgg16", vgg_features))
            patches.enter_context(
                patch.object(pvt, "pvt_model", partial(pvt.pvt_model, depths=list(ONE_EACH), hidden_sizes=NARROW_PVT))
            )
            patches.enter_context(patch.object(pvt, "PvtBackbone", partial(pvt.PvtBackbone, out_channels=WIDTH)))
        yield


def vgg_features(**_: Any) -> Any:
    """What SSD takes of a VGG-16."""
    return SimpleNamespace(features=vgg.make_layers(vgg.cfgs["D"] if FULL_SIZE else NARROW_VGG, batch_norm=False))


def _resnet(*, weights: None, progress: bool, **settings: Any) -> ResNet:
    """A ResNet-50 but for its depth and for the width of its 3x3 convolutions."""
    return ResNet(Bottleneck, list(ONE_EACH), width_per_group=16, **settings)


def _box_head(in_channels: int, representation_size: int) -> TwoMLPHead:
    """Faster R-CNN's two layers, with few values between them."""
    head = TwoMLPHead(in_channels, WIDTH)
    head.fc7 = nn.Linear(WIDTH, representation_size)
    return head


def _keypoint_head(in_channels: int, layers: Sequence[int]) -> KeypointRCNNHeads:
    """Keypoint R-CNN's convolutions, narrow but for the last."""
    return KeypointRCNNHeads(in_channels, (*(16 for _ in layers[1:]), layers[-1]))


def _pyramid(
    body: ResNet,
    trainable: int,
    returned_layers: Sequence[int] = (1, 2, 3, 4),
    extra_blocks: Any = None,
    norm_layer: Any = None,
) -> BackboneWithFPN:
    """A feature pyramid but for its width."""
    layers = {f"layer{number}": str(index) for index, number in enumerate(returned_layers)}
    widths = [body.inplanes // 8 * 2 ** (number - 1) for number in returned_layers]
    return BackboneWithFPN(body, layers, widths, WIDTH, extra_blocks, norm_layer)


def _coarser(in_channels: int, out_channels: int) -> LastLevelP6P7:
    return LastLevelP6P7(WIDTH if in_channels == out_channels else in_channels, WIDTH)


assert bundled.TwoMLPHead is TwoMLPHead  # The bundled networks take their parts as they are, also within ``smaller``.
_REPLACED: dict[Any, Any] = {
    resnet50: _resnet,
    _resnet_fpn_extractor: _pyramid,
    LastLevelP6P7: _coarser,
    TwoMLPHead: _box_head,
    KeypointRCNNHeads: _keypoint_head,
}


def of_a_kind(layers: Sequence[str]) -> list[str]:
    """One of all layers whose names differ by a number only, such as the convolutions of a tower."""
    if FULL_SIZE:
        return list(layers)
    return list({re.sub(r"\d+", "#", layer): layer for layer in reversed(layers)}.values())[::-1]
