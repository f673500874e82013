"""Every kind of detector that the contract is checked on, by name: one file of ``families`` for each family."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from detxai_nb.testing import Kind

FAMILIES = tuple(sorted(path.stem for path in (Path(__file__).parent / "families").glob("*.py")))
KINDS: dict[str, Kind] = {
    name: kind for family in FAMILIES for name, kind in import_module(f"families.{family}").KINDS.items()
}

ALIKE = {
    "tiny-fcos": "fcos",
    "tiny-retinanet": "retinanet-v2",
    "pvt-small-fcos": "tiny-pvt",
    "mask-rcnn": "faster-rcnn",
    "keypoint-rcnn": "faster-rcnn",
    "table-transformer": "detr",
    "resnet18": "tiny-resnet",
}
"""Kinds by which no other code of the package runs than by the kind behind them: the same adapter on a network of the
same parts, in other numbers and widths. The checks that take long leave them out, unless everything is checked at full
size (DETXAI_NB_FULL_SIZE=1); a network with a part of its own, such as another norm or pyramid, is never left out."""


def build(kind: str, dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
    """A detector of that kind."""
    return KINDS[kind].build(dtype, **settings)
