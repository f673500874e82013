"""The losses of tiny-yolox: those of YOLOX, and the distance of its maps from those of the bundled tiny-fcos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection import FCOS

from detxai_nb.detectors.yolox.network import Yolox
from detxai_nb.training.distillation import fcos_teacher, relative_distance
from detxai_nb.training.torchvision_losses import prepare_batch as prepare_for_fcos
from detxai_nb.training.yolox_losses import losses_from_outputs, prepare_yolox_batch

WEIGHT = 4.0
"""The weight of the distance; the losses of YOLOX sum to about 7."""

NEAR = 0.6
"""The last layer is trained once the distance is below this."""


def distilled_yolox_losses(
    model: Yolox, images: Tensor, targets: Sequence[dict[str, Tensor]], half: bool
) -> dict[str, Tensor]:
    """Compute the losses of YOLOX and of feature distillation from the bundled tiny-fcos.

    From some ten thousand scenes alone a YOLOX localises objects but hardly tells their classes apart, so everything
    but its last layer learns from a trained network. The stems and towers of tiny-yolox's head have the width of
    tiny-fcos's pyramid and towers, and are pulled towards them before the activation. While the distance is ``NEAR``
    or more, it is the only loss.

    Args:
        model: tiny-yolox.
        images: uint8 ``[B,3,h,w]``, RGB; sides that are multiples of the coarsest stride.
        targets: for each image ``boxes``, float ``[n,4]``, xyxy in pixels, and ``labels``, int64 ``[n]``.
        half: whether the networks run in bfloat16.

    Returns:
        The losses of YOLOX, zeros while the distance is too large, and "distance".

    References:
        Romero et al., "FitNets: Hints for Thin Deep Nets" (ICLR 2015).
    """
    teacher = fcos_teacher(str(images.device))
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        with torch.no_grad():
            goals = _teacher_maps(teacher, prepare_for_fcos(teacher, images))
        own = _maps(model, prepare_yolox_batch(images))
    distances = [relative_distance(one, goal) for maps, level in zip(own, goals) for one, goal in zip(maps, level)]
    distance = torch.stack(distances).mean()
    if float(distance.detach()) >= NEAR:
        nothing = distance.new_zeros(())
        return {"box": nothing, "objectness": nothing, "class": nothing, "distance": WEIGHT * distance}
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        levels = [model.head.predict(i, F.silu(box), F.silu(classes)) for i, (_, classes, box) in enumerate(own)]
    return {**losses_from_outputs(levels, targets), "distance": WEIGHT * distance}


def _maps(model: Yolox, pixels: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """For each level: the maps of stem, class tower and box tower before their last activation."""
    head: Any = model.head
    found = []
    for i, level in enumerate(model.backbone(pixels)):
        stem = head.stems[i].bn(head.stems[i].conv(level))
        x = F.silu(stem)
        first, last = head.cls_convs[i]
        classes = last.bn(last.conv(first(x)))
        first, last = head.reg_convs[i]
        found.append((stem, classes, last.bn(last.conv(first(x)))))
    return found


def _teacher_maps(teacher: FCOS, pixels: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """For each level: the map of the pyramid and those of class tower and box tower before their last activation."""
    head: Any = teacher.head
    towers = head.classification_head.conv[:-1], head.regression_head.conv[:-1]
    levels = [level.contiguous() for level in teacher.backbone(pixels).values()]
    return [(level, towers[0](level), towers[1](level)) for level in levels]
