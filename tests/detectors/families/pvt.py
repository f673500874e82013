"""PVT-Small under torchvision's RetinaNet and FCOS at a small input, and the bundled tiny-pvt's network."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import torch
from families import fcos, retinanet
from families.faster_rcnn import tame
from full_size import smaller
from torch import nn

from detxai_nb.detectors.pvt import pvt_fcos, pvt_retinanet
from detxai_nb.detectors.zoo.networks.pvt import tiny_pvt
from detxai_nb.testing import enliven


@torch.no_grad()
def lively(module: Any) -> Any:
    """Random weights whose attention is not constant over the image, and a pyramid of values about 1."""
    random = torch.Generator().manual_seed(2)
    for part in module.backbone.body.modules():
        if isinstance(part, nn.Linear):
            part.weight.normal_(0, part.in_features**-0.5, generator=random)
    enliven(module)
    tame(module.backbone)
    return module


def small(build: Any) -> Any:
    """PVT-Small at a small input."""
    with torch.random.fork_rng(devices=[]), smaller():
        torch.manual_seed(0)
        return lively(build(7, min_size=96, max_size=400))


def bundled() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = lively(tiny_pvt(7))
    module.transform.min_size = (128,)
    return module


KINDS = (
    {
        "pvt-small-retinanet": retinanet.kind_of(lambda: small(pvt_retinanet)),
        # Group normalisation over the four values of two channels on two cells loses a digit of float32.
        "pvt-small-fcos": replace(fcos.kind_of(lambda: small(pvt_fcos)), float32=3e-4),
        "tiny-pvt": fcos.kind_of(bundled),
    }
    if find_spec("transformers")
    else {}
)
