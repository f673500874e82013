"""tiny-yolox's losses: YOLOX's own, and how far its maps are from those of the bundled tiny-fcos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection import FCOS

from detxai_nb.detectors.yolox.network import Yolox
from detxai_nb.training.distillation import fcos_teacher, relative_distance
from detxai_nb.training.losses import prepare_batch as prepare_for_fcos
from detxai_nb.training.yolox_losses import losses_of, prepare_yolox_batch

WEIGHT = 4.0
"""Of the distance, beside YOLOX's losses of about 7 together."""

NEAR = 0.6
"""The distance from which on the last layer is trained."""


def taught_yolox_losses(
    model: Yolox, images: Tensor, targets: Sequence[dict[str, Tensor]], half: bool
) -> dict[str, Tensor]:
    """YOLOX's losses and feature distillation from the bundled tiny-fcos.

    From a few ten thousand scenes alone a YOLOX finds objects but hardly tells them apart, so all but its last layer
    learns from a trained network (FitNets: Romero et al., 2015). The stems and towers of tiny-yolox's head have the
    width of tiny-fcos's pyramid and towers, and are pulled to them before their activation. As long as they are further
    than ``NEAR`` away nothing else is learnt. The images have to fill whole cells of the coarsest level.
    """
    teacher = fcos_teacher(str(images.device))
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        with torch.no_grad():
            aims = _teacher_maps(teacher, prepare_for_fcos(teacher, images))
        own = _maps(model, prepare_yolox_batch(images))
    distances = [relative_distance(one, aim) for maps, level in zip(own, aims) for one, aim in zip(maps, level)]
    distance = torch.stack(distances).mean()
    if float(distance.detach()) >= NEAR:
        nothing = distance.new_zeros(())
        return {"box": nothing, "objectness": nothing, "class": nothing, "distance": WEIGHT * distance}
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        levels = [model.head.predict(i, F.silu(box), F.silu(classes)) for i, (_, classes, box) in enumerate(own)]
    return {**losses_of(levels, targets), "distance": WEIGHT * distance}


def _maps(model: Yolox, pixels: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """For each level the maps of stem, class tower and box tower before their last activation."""
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
    """For each level the pyramid's map and the maps of class tower and box tower before their last activation."""
    head: Any = teacher.head
    towers = head.classification_head.conv[:-1], head.regression_head.conv[:-1]
    levels = [level.contiguous() for level in teacher.backbone(pixels).values()]
    return [(level, towers[0](level), towers[1](level)) for level in levels]
