"""The bundled classifiers' networks: torchvision's own ResNet and VGG with few channels."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torchvision.models import VGG, ResNet
from torchvision.models.resnet import BasicBlock
from torchvision.models.vgg import make_layers

INPUT_SIZE = (128, 128)
"""(height, width) to which the whole image is resized."""
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
"""Normalisation of each colour in 0..1."""

RESNET_STAGES = ((40, 1, 2), (80, 2, 2), (112, 1, 2), (128, 1, 1))
"""Channels, blocks and stride of layer1 to layer4."""
VGG_LAYERS: list[str | int] = [16, "M", 40, 40, "M", 80, 80, 80, "M", 128, 128, 128, "M"]
"""Channels of the convolutions; "M" is max pooling."""

_STAGES = {"stage4": "layer1.0", "stage8.0": "layer2.0", "stage8.1": "layer2.1", "stage16": "layer3.0"}
_STAGES["stage32"] = "layer4.0"
_PARTS = {"first.0": "conv1", "first.1": "bn1", "second.0": "conv2", "second.1": "bn2"}
_PARTS |= {"short.0": "downsample.0", "short.1": "downsample.1"}


def tiny_resnet(num_classes: int = 10) -> ResNet:
    """Build a torchvision ResNet of basic blocks, about 0.7 million parameters.

    Its stages are those of the bundled detectors' backbone: 40, 80, 112 and 128 channels after a first convolution of
    24 and without max pooling. The last stage keeps stride 16, so an input of 128x128 gives a map of 8x8.

    Args:
        num_classes: number of logits, at least 1.

    Returns:
        The network with random weights.

    Raises:
        ValueError: if ``num_classes`` is below 1.
    """
    _check_classes(num_classes)
    model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes)
    # torchvision fixes the widths; its own _make_layer builds the same stages in others.
    model.conv1, model.bn1 = nn.Conv2d(3, 24, kernel_size=3, stride=2, padding=1, bias=False), nn.BatchNorm2d(24)
    model.maxpool = nn.Identity()
    model.inplanes = 24
    for number, (channels, blocks, stride) in enumerate(RESNET_STAGES, start=1):
        setattr(model, f"layer{number}", model._make_layer(BasicBlock, channels, blocks, stride))
    model.fc = nn.Linear(RESNET_STAGES[-1][0], num_classes)
    _initialize(model)
    return model


def tiny_vgg(num_classes: int = 10) -> VGG:
    """Build a torchvision VGG with batch normalisation in four blocks, about 0.6 million parameters.

    16, 40, 80 and 128 channels; 40, 80 and 128 are also those of stages of ``tiny_resnet``. An input of 128x128 gives a
    map of 8x8 after the last pooling. The mean of that map and two linear layers of 128 and ``num_classes`` outputs
    replace VGG's three linear layers, which hold most of its parameters.

    Args:
        num_classes: number of logits, at least 1.

    Returns:
        The network with random weights.

    Raises:
        ValueError: if ``num_classes`` is below 1.
    """
    _check_classes(num_classes)
    # Drawing the 120 million weights of the linear layers, which are replaced, would take half a second.
    with torch.device("meta"):
        model = VGG(nn.Identity(), num_classes, init_weights=False)
    model.features = make_layers(VGG_LAYERS, batch_norm=True)
    model.avgpool = nn.AdaptiveAvgPool2d((1, 1))
    model.classifier = nn.Sequential(
        nn.Linear(128, 128), nn.ReLU(inplace=True), nn.Dropout(p=0.1), nn.Linear(128, num_classes)
    )
    _initialize(model)
    return model


def resnet_weights(detector: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a bundled detector's backbone for ``tiny_resnet``.

    The residual blocks of both are the same, so a classifier can start from what a detector has learnt.

    Args:
        detector: the detector's state dict.

    Returns:
        The tensors of its body by their names in ``tiny_resnet``; neck and head are left out.
    """
    found = {}
    for name, tensor in detector.items():
        stem = re.fullmatch(r"backbone\.body\.stem\.0\.([01])\.(\w+)", name)
        block = re.fullmatch(r"backbone\.body\.(stage[\d.]*\d)\.((?:first|second|short)\.[01])\.(\w+)", name)
        if stem:
            found[f"{'conv1' if stem[1] == '0' else 'bn1'}.{stem[2]}"] = tensor
        elif block:
            found[f"{_STAGES[block[1]]}.{_PARTS[block[2]]}.{block[3]}"] = tensor
    return found


def _initialize(model: nn.Module) -> None:
    for part in model.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def _check_classes(num_classes: int) -> None:
    if num_classes < 1:
        raise ValueError(f"num_classes must be 1 or more, got {num_classes}")
