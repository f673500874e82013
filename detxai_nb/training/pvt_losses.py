"""The losses of tiny-pvt: FCOS's, and how far its pyramid is from tiny-fcos's on the same images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection import FCOS

from detxai_nb.training.distillation import fcos_teacher, relative_distance
from detxai_nb.training.losses import Targets, fcos_losses, prepare_batch

WEIGHT = 2.0
"""Of the distance, beside FCOS's losses of about 1 together."""

NEAR = 0.55
"""The distance from which on the head is trained."""


def pvt_losses(model: FCOS, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """FCOS's losses and feature distillation from the bundled tiny-fcos, whose neck and head the model starts from.

    A transformer learns local shapes slowly from few images, so its body learns them from a trained convolutional one
    (FitNets: Romero et al., 2015, with the neck as the regressor). As long as the pyramid is further than ``NEAR`` from
    the teacher's, the distance is the only loss: the neck and head that were taken over would only forget.
    """
    pixels = prepare_batch(model, images)
    teacher = fcos_teacher(str(images.device))
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        with torch.no_grad():
            aims = teacher.backbone(pixels)
        features = model.backbone(pixels)
    distance = pyramid_distance(features, aims)
    detection: dict[str, Tensor] = {}
    if float(distance.detach()) < NEAR:
        detection = fcos_losses(_Ready(model, features), images, targets, half)
    else:
        detection = {name: distance.new_zeros(()) for name in ("classification", "bbox_regression", "bbox_ctrness")}
    return {**detection, "distillation": WEIGHT * distance}


def pyramid_distance(features: dict[str, Tensor], aims: dict[str, Tensor]) -> Tensor:
    """The mean squared difference over the mean square of the aims, averaged over the levels: 1 for a pyramid of 0."""
    return torch.stack([relative_distance(features[name], aim) for name, aim in aims.items()]).mean()


class _Ready:
    """An FCOS whose features of this batch are there already."""

    def __init__(self, model: FCOS, features: dict[str, Tensor]) -> None:
        self._model, self._features = model, features

    def backbone(self, _: Tensor) -> dict[str, Tensor]:
        """The features, whatever the images."""
        return self._features

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)
