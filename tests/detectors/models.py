"""Detectors with random weights for the tests: small inputs, non-square, activations of a lively size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.models.detection import FCOS, fcos_resnet50_fpn

import detxai_nb as dx
from detxai_nb.detectors.tiny import tiny_fcos
from detxai_nb.detectors.yolox import YoloxDetector
from detxai_nb.detectors.yolox_network import SIZES, Yolox

NAMES = tuple("abcdefg")


def photograph(height: int = 150, width: int = 213, seed: int = 0) -> np.ndarray:
    """Smooth random uint8 [height,width,3]."""
    random = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, 9, 13, generator=random)
    big = nn.functional.interpolate(small, size=(height, width), mode="bilinear")
    return (big[0].permute(1, 2, 0) * 255).byte().numpy()


def enliven(module: nn.Module, seed: int = 1) -> nn.Module:
    """Random norms, biases and head weights, so that no output is constant and no gradient vanishes."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1, generator=random)
                part.running_var.uniform_(0.3, 1, generator=random)
            if isinstance(part, (nn.BatchNorm2d, nn.GroupNorm)):
                part.weight.normal_(1, 0.2, generator=random)
                part.bias.normal_(0.1, 0.3, generator=random)
        for name, weight in module.named_parameters():
            if "head" in name and weight.ndim == 4:
                weight.normal_(0, (2 / weight[0].numel()) ** 0.5, generator=random)
    return module.eval()


def small_fcos(min_size: int = 96) -> FCOS:
    """The full-size FCOS-R50 architecture at a small input."""
    torch.manual_seed(0)
    module = fcos_resnet50_fpn(weights=None, weights_backbone=None, num_classes=7, min_size=min_size, max_size=400)
    return enliven(module)


def build(kind: str, dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
    """A detector of that kind: "fcos", "tiny-fcos", "yolox-nano" (depthwise), "yolox-tiny"."""
    torch.manual_seed(0)
    if kind == "fcos":
        return dx.wrap(small_fcos().to(dtype), family="fcos", names=NAMES, **settings)
    if kind == "tiny-fcos":
        return dx.wrap(enliven(tiny_fcos(7)).to(dtype), family="fcos", names=NAMES, **settings)
    network = enliven(Yolox(7, SIZES[kind])).to(dtype)
    return YoloxDetector(network, NAMES, **{"input_size": (96, 160), **settings})


KINDS = ("fcos", "tiny-fcos", "yolox-nano", "yolox-tiny")
