"""RetinaNet: torchvision's v1 and v2 with COCO weights, the bundled one, or a user's own module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torchvision.models.detection import RetinaNet
from torchvision.ops import clip_boxes_to_image

from detxai_nb.detectors.base import Adapter, Family
from detxai_nb.detectors.catalogue import SCENES, bundled, from_torchvision
from detxai_nb.detectors.dense.anchors import AnchorGrid, AnchorRule, best_of_levels, suppress
from detxai_nb.detectors.dense.branch import Branch, tower_branches
from detxai_nb.detectors.dense.torchvision import DenseModule, DenseOutput
from detxai_nb.detectors.dense.trace import OneStageTrace
from detxai_nb.detectors.zoo.networks.torchvision import tiny_retinanet
from detxai_nb.types import Detections


class RetinaNetDetector(Adapter):
    """A RetinaNet module of torchvision, opened for explanation.

    ``module``: a ``torchvision.models.detection.RetinaNet``; ``names``: a name for each class output (torchvision's
    COCO models have 91, the background first). The module is used as it is, in evaluation mode, and never changed.

    Where the head has no group normalisation (v1; batch normalisation counts as none) a prediction depends on a window
    of 11x11 cells of its level; with it (v2) on the whole level through the statistics. The gradients are exact either
    way. The last convolutions give the scores of all anchors of a cell.
    """

    family = "retinanet"

    def __init__(
        self,
        module: RetinaNet,
        names: Sequence[str],
        *,
        nms_threshold: float | None = None,
        max_detections: int | None = None,
    ) -> None:
        if not isinstance(module, RetinaNet):
            raise TypeError(f"family 'retinanet' expects a torchvision RetinaNet module, got {type(module).__name__}")
        _branches(module.head)
        outputs = module.head.classification_head.num_classes
        if len(names) != outputs:
            raise ValueError(f"this RetinaNet has {outputs} class outputs, but {len(names)} names were given")
        self.module = module
        self.names = tuple(names)
        self.nms_threshold = module.nms_thresh if nms_threshold is None else nms_threshold
        self.max_detections = module.detections_per_img if max_detections is None else max_detections

    @property
    def _dense(self) -> DenseModule:
        return DenseModule(self.module)

    @property
    def device(self) -> torch.device:
        """The device of the module's weights."""
        return self._dense.device

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers on offer.

        "neck" (the FPN's levels), "neck.before" (its lateral outputs before the merge), "backbone" (the stage nearest
        to each prediction's stride), "backbone.<stage>", "head.class" and "head.box" (the last activations of the
        head's towers), "head.class.0" and so on (the earlier ones). In v2 the two coarsest levels are made from the
        backbone's last stage: they do not depend on "neck.before", and the gradients there are zero.
        """
        return self._dense.layers([_branches(self.module.head)])

    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[Detections]:
        """What RetinaNet finds in each image with class score >= ``score_threshold``, after its NMS."""
        return self._dense.detect(images, lambda output: self._decode(output, score_threshold))

    @torch.inference_mode(False)
    def trace(self, image: Any, layer: str | None = None) -> OneStageTrace:
        """One forward pass of backbone and neck, kept open. ``layer``: one of ``layers``."""
        return self._dense.trace(image, layer, [_branches(self.module.head)], self._rule)

    def _rule(self, grid: AnchorGrid) -> AnchorRule:
        return AnchorRule(grid, self.module.box_coder, len(self.names), background=False)

    def _decode(self, output: DenseOutput, threshold: float) -> Detections:
        """The module's own post-processing, keeping where each detection came from."""
        scores = output.outputs["cls_logits"].sigmoid()
        boxes = self.module.box_coder.decode_single(output.outputs["bbox_regression"], output.grid.boxes)
        boxes = clip_boxes_to_image(boxes, output.placement.resized)
        candidates = best_of_levels(scores, output.grid.counts, threshold, self.module.topk_candidates)
        picked = suppress(boxes, scores, candidates, self.nms_threshold, self.max_detections)
        return self._dense.report(output, boxes, scores, picked, self.names, threshold)


def _branches(head: Any) -> dict[str, Branch]:
    """The two branches of torchvision's ``RetinaNetHead``."""
    return tower_branches(
        head, {"class": ("classification_head", ["cls_logits"]), "box": ("regression_head", ["bbox_reg"])}
    )


_LOGITS = "head.classification_head.cls_logits.bias"

FAMILY = Family(
    name="retinanet",
    adapter=RetinaNetDetector,
    entries=(
        bundled(
            "tiny-retinanet", RetinaNetDetector, f"small RetinaNet {SCENES}", lambda names: tiny_retinanet(len(names))
        ),
        from_torchvision(
            "retinanet_resnet50_fpn", RetinaNetDetector, "RetinaNet, ResNet-50 FPN", 130, _LOGITS, anchors=9
        ),
        from_torchvision(
            "retinanet_resnet50_fpn_v2",
            RetinaNetDetector,
            "RetinaNet, ResNet-50 FPN, GroupNorm",
            146,
            _LOGITS,
            anchors=9,
        ),
    ),
    stage_patterns=(
        ("outputs", r"head\..*(cls_logits|bbox_reg)\b"),
        ("head", r"head\."),
        ("neck", r"backbone\.fpn\."),
    ),
)
