"""Feature distillation (FitNets: Romero et al., ICLR 2015): tiny-fcos as the teacher, and the distance of two maps."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torchvision.models.detection import FCOS

from detxai_nb.detectors.catalogue import bundled_weights
from detxai_nb.detectors.weights import fit_weights
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos


@cache
def fcos_teacher(device: str) -> FCOS:
    """Return the bundled tiny-fcos, frozen and in evaluation mode.

    Args:
        device: the device, such as "cpu"; the network is kept for later calls.

    Returns:
        The network.
    """
    state = bundled_weights("tiny-fcos")
    teacher = tiny_fcos(len(state["head.classification_head.cls_logits.bias"]))
    fit_weights(teacher, state, "tiny-fcos")
    teacher.backbone.to(memory_format=torch.channels_last)
    return teacher.requires_grad_(False).eval().to(device)


def relative_distance(features: Tensor, goal: Tensor) -> Tensor:
    """Return the mean squared difference of two maps, divided by the mean square of the goal.

    Args:
        features: the student's map, of any shape and precision.
        goal: the teacher's map, of the same shape.

    Returns:
        A float32 scalar; 1 for a map of zeros.
    """
    goal = goal.float()
    return (features.float() - goal).square().mean() / goal.square().mean()
