"""The losses of tiny-pvt: those of FCOS, and the distance of its pyramid from that of tiny-fcos."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torchvision.models.detection import FCOS

from detxai_nb.training.distillation import fcos_teacher, relative_distance
from detxai_nb.training.torchvision_losses import Targets, fcos_losses, prepare_batch

WEIGHT = 2.0
"""The weight of the distance; the losses of FCOS sum to about 1."""

NEAR = 0.55
"""The head is trained once the distance is below this."""


def pvt_losses(model: FCOS, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """Compute the losses of FCOS and of feature distillation from the bundled tiny-fcos.

    The model starts with tiny-fcos's neck and head. A transformer learns local shapes slowly from few images, so its
    body learns them from a trained convolutional network. While the distance between the pyramids is ``NEAR`` or more,
    it is the only loss: the transferred neck and head would only forget.

    Args:
        model: tiny-pvt.
        images: uint8 ``[B,3,h,w]``, RGB.
        targets: boxes and labels of each image.
        half: whether the networks run in bfloat16.

    Returns:
        The losses of FCOS, zeros while the distance is too large, and "distillation".

    References:
        Romero et al., "FitNets: Hints for Thin Deep Nets" (ICLR 2015); here the neck is the regressor.
    """
    pixels = prepare_batch(model, images)
    teacher = fcos_teacher(str(images.device))
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        with torch.no_grad():
            teacher_features = teacher.backbone(pixels)
        features = model.backbone(pixels)
    distance = pyramid_distance(features, teacher_features)
    detection: dict[str, Tensor] = {}
    if float(distance.detach()) < NEAR:
        detection = fcos_losses(cast(FCOS, _WithFeatures(model, features)), images, targets, half)
    else:
        detection = {name: distance.new_zeros(()) for name in ("classification", "bbox_regression", "bbox_ctrness")}
    return {**detection, "distillation": WEIGHT * distance}


def pyramid_distance(features: dict[str, Tensor], goals: dict[str, Tensor]) -> Tensor:
    """Return the relative distance between two feature pyramids, averaged over their levels.

    Args:
        features: the student's maps ``[B,C,h,w]`` by level.
        goals: the teacher's maps, of the same shapes.

    Returns:
        The mean over the levels of ``relative_distance``; 1 for a pyramid of zeros.
    """
    return torch.stack([relative_distance(features[name], goal) for name, goal in goals.items()]).mean()


class _WithFeatures:
    """An FCOS whose features of this batch have already been computed."""

    def __init__(self, model: FCOS, features: dict[str, Tensor]) -> None:
        self._model, self._features = model, features

    def backbone(self, _: Tensor) -> dict[str, Tensor]:
        """The features, whatever the input."""
        return self._features

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)
