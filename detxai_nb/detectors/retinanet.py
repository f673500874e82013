"""RetinaNet: torchvision's v1 and v2 with COCO weights, the bundled one, or a user's own module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchvision.models.detection import RetinaNet
from torchvision.ops import clip_boxes_to_image

from detxai_nb.capabilities import RERUN
from detxai_nb.detectors.base import Adapter, Family, detecting, tracing
from detxai_nb.detectors.catalogue import SCENES, bundled, from_torchvision
from detxai_nb.detectors.dense.anchors import AnchorGrid, AnchorRule, best_of_levels, suppress
from detxai_nb.detectors.dense.branch import Branch, tower_branches
from detxai_nb.detectors.dense.torchvision import DenseModule, DenseOutput
from detxai_nb.detectors.dense.trace import OneStageTrace
from detxai_nb.detectors.trace.candidates import Suppressing
from detxai_nb.detectors.zoo.networks.torchvision import tiny_retinanet
from detxai_nb.image import ImageSource
from detxai_nb.names import ClassNames, as_names
from detxai_nb.types import Detections


class RetinaNetDetector(Suppressing, Adapter):
    """A RetinaNet module of torchvision, opened for explanation.

    The module is used as it is, in evaluation mode, and never changed.

    If the head has no group normalisation (v1; batch normalisation does not count), a prediction depends on a window of
    11x11 cells of its level; with it (v2), on the whole level through the statistics. The gradients are exact either
    way. The last convolutions give the scores of all anchors of a cell.

    Args:
        module: a ``torchvision.models.detection.RetinaNet``.
        names: a name for each class output (torchvision's COCO models have 91, the background first).
        nms_threshold: IoU in 0..1 above which the lower-scoring box of a class is dropped; None: the module's.
        max_detections: the maximum number of detections in an image; None: the module's.

    Raises:
        TypeError: if the module is not a torchvision ``RetinaNet``.
        ValueError: if the number of names differs from that of class outputs, or the head is not built as
            torchvision's.

    References:
        Lin et al., "Focal Loss for Dense Object Detection" (ICCV 2017).
    """

    family = "retinanet"
    side_unit = "input pixels"
    offers = (RERUN,)

    def __init__(
        self,
        module: RetinaNet,
        names: ClassNames,
        *,
        nms_threshold: float | None = None,
        max_detections: int | None = None,
    ) -> None:
        if not isinstance(module, RetinaNet):
            raise TypeError(f"family 'retinanet' expects a torchvision RetinaNet module, got {type(module).__name__}")
        _branches(module.head)
        outputs = module.head.classification_head.num_classes
        self.module = module
        self.names = as_names(names, outputs, owner="this RetinaNet")
        self.nms_threshold = module.nms_thresh if nms_threshold is None else nms_threshold
        self.max_detections = module.detections_per_img if max_detections is None else max_detections

    @property
    def _dense(self) -> DenseModule:
        return DenseModule(self.module)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can be explained; the first is the default.

        "neck" (the FPN's levels), "neck.before" (its lateral outputs before the merge), "backbone" (the stage nearest
        to each prediction's stride), "backbone.<stage>", "head.class" and "head.box" (the last activations of the
        head's towers), "head.class.0" and so on (the earlier ones). In v2 the two coarsest levels are made from the
        backbone's last stage: they do not depend on "neck.before", so the gradients there are zero.
        """
        return self._dense.layers([_branches(self.module.head)])

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Detect objects in images.

        The score is the class probability. Class-wise NMS follows, as in the module's own post-processing.

        Args:
            images: anything that ``load_image`` reads, of any sizes.
            score_threshold: the lowest score of a detection, 0..1.

        Returns:
            The detections of each image, sorted by descending score; boxes are xyxy in pixels of the image.
        """
        return self._dense.detect(images, lambda output: self._decode(output, score_threshold))

    @tracing
    def trace(self, image: ImageSource, layer: str | None = None) -> OneStageTrace:
        """Run backbone and neck once without a graph and keep the pass open for explanation.

        Args:
            image: anything that ``load_image`` reads.
            layer: one of ``layers``; None means "neck".

        Returns:
            The trace of this image.

        Raises:
            ValueError: if the layer is unknown; the message lists the known ones.
        """
        return self._dense.trace(image, layer, [_branches(self.module.head)], self._rule)

    def _rule(self, grid: AnchorGrid) -> AnchorRule:
        return AnchorRule(grid, self.module.box_coder, len(self.names), background=False)

    def _decode_trace(self, trace: OneStageTrace, threshold: float) -> Detections:
        return self._decode(self._dense.output_of(trace), threshold)

    def _decode(self, output: DenseOutput, threshold: float) -> Detections:
        """The same as the module's own post-processing, with the origin of each detection."""
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
            "retinanet_resnet50_fpn",
            RetinaNetDetector,
            "RetinaNet, ResNet-50 FPN",
            130,
            _LOGITS,
            anchors=9,
            published_eps=0.0,
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
