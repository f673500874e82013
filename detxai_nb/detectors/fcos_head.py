"""FCOS's head: its two branches and the scalars it reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from detxai_nb.detectors.dense.branch import Branch, tower_branches
from detxai_nb.types import SIDES, Target

NORM_STATISTICS = ("exact", "fixed")


def fcos_branches(head: Any) -> dict[str, Branch]:
    """The branches of torchvision's ``FCOSHead``; the box branch gives four distances and the centre-ness."""
    return tower_branches(
        head,
        {
            "class": ("classification_head", ["cls_logits"]),
            "box": ("regression_head", ["bbox_reg", "bbox_ctrness"]),
        },
    )


class FcosRule:
    """FCOS's scalars: sqrt(class * centre-ness), the class logit, and the distance to each side in strides."""

    def needs(self, target: Target) -> tuple[str, ...]:
        """The branches that the target is made of: a probability needs centre-ness from the box branch too."""
        if target.part in SIDES:
            return ("box",)
        return ("class",) if target.score == "logit" else ("class", "box")

    def scalar(self, outputs: Mapping[str, Tensor], level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The explained scalars ``[n]`` at ``at`` ``[n,2]`` (row, column) from the branches' outputs there."""
        if target.part in SIDES:
            return outputs["box"][:, SIDES.index(target.part)].relu()
        logit = outputs["class"].gather(1, labels[:, None])[:, 0]
        if target.score == "logit":
            return logit
        return (logit.sigmoid() * outputs["box"][:, 4].sigmoid()).sqrt()
