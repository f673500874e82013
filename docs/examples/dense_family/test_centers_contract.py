"""Centers keeps the contract of every adapter, with gradients equal to those of its own code."""

from __future__ import annotations

from typing import Any

import torch
from centers.detector import CentersDetector
from centers.network import Centers
from torch import Tensor

from detxai_nb.detectors.base import evaluating
from detxai_nb.testing import NAMES, check_detector, enliven, photograph
from detxai_nb.types import SIDES, Detections, Target

IMAGE = photograph()


def build(dtype: torch.dtype) -> CentersDetector:
    """Random weights, and every cell a detection: nothing is suppressed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = enliven(Centers(len(NAMES))).to(dtype)
    with torch.no_grad():
        network.head.distances.weight /= 4
    return CentersDetector(network, NAMES, input_size=(96, 160), nms_threshold=1.0, max_detections=10**6)


def scalar(detector: Any, trace: Any, leaves: list[Tensor], one: Detections, label: int, target: Target) -> Tensor:
    """The explained scalar from the layer that the trace names, by the network's own code."""
    module, given = detector.module, dict(zip([level.name for level in trace.levels], leaves))
    level, row, column = one.origins[0].tolist()
    with evaluating(module):
        with torch.no_grad():
            stages = module.backbone(detector._prepare(IMAGE)[0])
        stages |= {name.removeprefix("backbone."): leaf for name, leaf in given.items() if "backbone" in name}
        pyramid = leaves if trace.layer == "neck" else module.neck(stages)
        logits, distances = outputs(
            module.head, trace.layer, pyramid[level], leaves[level] if "head" in trace.layer else None
        )
    if target.part in SIDES:
        return distances[0, SIDES.index(target.part), row, column].exp()
    logit = logits[0, label, row, column]
    return logit if target.score == "logit" else logit.sigmoid()


def outputs(head: Any, layer: str, features: Tensor, leaf: Tensor | None) -> tuple[Tensor, Tensor]:
    """Logits and distances of a level, with the leaf in place of an activation of one of the towers."""
    found = []
    for name, tower, end in (("class", head.class_tower, head.class_logits), ("box", head.box_tower, head.distances)):
        if layer == f"head.{name}.0":
            found.append(end(tower[1](leaf)))
        else:
            found.append(end(leaf if layer == f"head.{name}" else tower(features)))
    return found[0], found[1]


def test_centers_keeps_the_contract() -> None:
    ran = check_detector(build(torch.float64), IMAGE, scalar=scalar, layer_scalar=scalar, single=build(torch.float32))
    assert {"gradients", "other layers", "maps", "restoration", "batches"} <= set(ran)
