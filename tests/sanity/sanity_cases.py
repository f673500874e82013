"""What the tests of sanity checks share: detectors, scenes with their detections, and a module's whole state."""

from __future__ import annotations

import random
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator

import detxai_nb as dx
from detxai_nb.data import scenes

NAMES = ("cup", "pear", "plug")


class Narrow(nn.Sequential):
    """Two convolutions with a batch norm."""

    out_channels = 8

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()
        )


def narrow_fcos() -> Any:
    """An FCOS of 8 channels with random weights on an input of 48 pixels: a check of it takes a moment."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        anchors = AnchorGenerator(((8,),), ((1.0,),))
        # GroupNorm of torchvision's head has 32 groups, so its towers are 32 channels wide.
        backbone = Narrow()
        backbone[3] = nn.Conv2d(8, 32, 3, 2, 1)
        backbone.out_channels = 32
        module = FCOS(backbone, len(NAMES), anchor_generator=anchors, min_size=48, max_size=96)
        for weight in module.parameters():
            if weight.ndim == 4:
                nn.init.normal_(weight, 0, (2 / weight[0].numel()) ** 0.5)
    return dx.wrap(module.eval(), family="fcos", names=NAMES)


@lru_cache
def tiny(name: str = "tiny-fcos") -> Any:
    """A bundled detector, shared; a check leaves it as it was."""
    return dx.load_detector(name, device="cpu")


@lru_cache
def scene(index: int = 2, seed: int = 11) -> np.ndarray:
    """A non-square scene: uint8 [256,320,3]."""
    return scenes.make(index, seed).image


def found_in(detector: Any, image: np.ndarray, most: int = 2, threshold: float = 0.2) -> dx.Detections:
    """The best detections, at least one."""
    found = detector.detect([image], threshold)[0]
    return (found if len(found) else detector.detect([image], 0.0)[0])[:most]


def whole_state(module: nn.Module) -> dict[str, Any]:
    """Everything that a check must leave as it was, the values of tensors as bytes."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {
        "values": {name: t.detach().cpu().numpy().tobytes() for name, t in tensors.items()},
        "memory": {name: t.data_ptr() for name, t in tensors.items()},
        "tensors": {name: id(t) for name, t in tensors.items()},
        "requires_grad": {name: t.requires_grad for name, t in tensors.items()},
        "grad": {name: (id(t.grad), t.grad.sum().item()) for name, t in tensors.items() if t.grad is not None},
        "training": [part.training for part in module.modules()],
        "hooks": [(*p._forward_hooks, *p._forward_pre_hooks, *p._backward_hooks) for p in module.modules()],
        "numbers": (torch.get_rng_state().numpy().tobytes(), random.getstate(), str(np.random.get_state())),  # noqa: NPY002
    }
