"""Feature distillation (FitNets: Romero et al., 2015): tiny-fcos as a teacher, and how far two maps are apart."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torchvision.models.detection import FCOS

from detxai_nb.detectors.registry import ZOO
from detxai_nb.detectors.weights import fit_weights, read_weights
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos


@cache
def fcos_teacher(device: str) -> FCOS:
    """The bundled tiny-fcos on the device, frozen."""
    state = read_weights(ZOO / "tiny-fcos.safetensors")
    teacher = tiny_fcos(len(state["head.classification_head.cls_logits.bias"]))
    fit_weights(teacher, state, "tiny-fcos")
    teacher.backbone.to(memory_format=torch.channels_last)
    return teacher.requires_grad_(False).eval().to(device)


def relative_distance(own: Tensor, aim: Tensor) -> Tensor:
    """The mean squared difference over the mean square of the aim: 1 for a map of zeros."""
    aim = aim.float()
    return (own.float() - aim).square().mean() / aim.square().mean()
