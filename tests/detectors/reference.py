"""The slow obvious way: the module's own head with a graph, one torch.autograd.grad for each prediction."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from detxai_nb.types import SIDES, Detections, Target


def slow_gradients(detector: Any, trace: Any, detections: Detections, target: Target) -> list[tuple[Tensor, Tensor]]:
    """For each detection the scalar and its gradient on its own pyramid level, ``[C,h,w]``."""
    found = []
    for (level, row, column), label in zip(detections.origins.tolist(), detections.labels.tolist()):
        leaves = [x.features[None].clone().requires_grad_() for x in trace.levels]
        with torch.enable_grad():
            pick = _fcos if detector.family == "fcos" else _yolox
            scalar = pick(detector.module, leaves, (level, row, column), label, target)
        (gradient,) = torch.autograd.grad(scalar, leaves[level])
        found.append((scalar.detach(), gradient[0]))
    return found


def _fcos(module: Any, leaves: list[Tensor], at: tuple[int, int, int], label: int, target: Target) -> Tensor:
    level, row, column = at
    outputs = module.head([leaves[level]])
    cell = row * leaves[level].shape[3] + column
    if target.part in SIDES:
        return outputs["bbox_regression"][0, cell, SIDES.index(target.part)]
    logit = outputs["cls_logits"][0, cell, label]
    if target.score == "logit":
        return logit
    return (logit.sigmoid() * outputs["bbox_ctrness"][0, cell, 0].sigmoid()).sqrt()


def _yolox(module: Any, leaves: list[Tensor], at: tuple[int, int, int], label: int, target: Target) -> Tensor:
    level, row, column = at
    x, y, w, h, objectness, *classes = module.head(leaves)[level][0, :, row, column]
    if target.part in SIDES:
        return {"x1": w.exp() / 2 - x, "y1": h.exp() / 2 - y, "x2": w.exp() / 2 + x, "y2": h.exp() / 2 + y}[target.part]
    return classes[label] if target.score == "logit" else objectness.sigmoid() * classes[label].sigmoid()
