"""Small classifiers of torchvision's own families, with weights that use every part of them.

DETXAI_NB_FULL_SIZE=1 adds a ResNet-50 and a VGG16 as they were published, where a test takes them.
"""

from __future__ import annotations

import os
from typing import Any

import torch
import torchvision
from torch import nn
from torchvision.models import VGG, ResNet
from torchvision.models.vgg import make_layers

import detxai_nb as dx
from detxai_nb.detectors.zoo.networks.classifiers import tiny_resnet

NAMES = [str(number) for number in range(10)]
PLAIN: list[str | int] = [16, "M", 24, 24, "M", 32, "M"]


def vgg(batch_norm: bool = False) -> VGG:
    """torchvision's VGG with three blocks, two of its three linear layers and an adaptive pooling that pools."""
    with torch.device("meta"):  # where the 120 million weights of the usual linear layers take no time
        model = VGG(nn.Identity(), len(NAMES), init_weights=False)
    model.features = make_layers(PLAIN, batch_norm)
    model.avgpool = nn.AdaptiveAvgPool2d((2, 2))
    model.classifier = nn.Sequential(nn.Linear(128, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, len(NAMES)))
    return enliven(model)


def published(name: str) -> Any:
    """A network of torchvision at its published size, but for the number of its classes."""
    return enliven(getattr(torchvision.models, name)(num_classes=len(NAMES)))


def at_full_size(*names: str) -> tuple[str, ...]:
    """The names, or none unless networks of full size are asked for."""
    return names if os.environ.get("DETXAI_NB_FULL_SIZE") else ()


def resnet() -> ResNet:
    """torchvision's ResNet with few channels and random weights."""
    return enliven(tiny_resnet(len(NAMES)))


def enliven(model: Any, seed: int = 0) -> Any:
    """Random weights, biases and statistics, so that no part of a network is 0 or 1."""
    random = torch.Generator().manual_seed(seed)

    def drawn(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return torch.rand(like.shape, generator=random) * (high - low) + low

    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, (nn.Conv2d, nn.Linear)):
                part.weight.copy_(torch.randn(part.weight.shape, generator=random))
                part.weight.mul_((2 / part.weight[0].numel()) ** 0.5)
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.copy_(drawn(part.running_mean, -0.2, 0.2))
                part.running_var.copy_(drawn(part.running_var, 0.5, 1.5))
                part.weight.copy_(drawn(part.weight, 0.5, 1.5))
            if getattr(part, "bias", None) is not None:
                part.bias.copy_(drawn(part.bias, -0.2, 0.2))
    return model.eval()


def classifier(model: nn.Module, side: int = 48, **settings: Any) -> Any:
    """The model as a detector, in float64."""
    return dx.wrap(model.double(), names=NAMES, family="classifier", input_size=side, **settings)
