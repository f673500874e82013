"""FCOS: torchvision's with COCO weights, the bundled one, or a user's own module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection import FCOS
from torchvision.ops import clip_boxes_to_image

from detxai_nb.capabilities import RERUN
from detxai_nb.detectors.base import Adapter, Family, detecting, tracing
from detxai_nb.detectors.catalogue import SCENES, bundled, crowd_pair, from_torchvision
from detxai_nb.detectors.dense.anchors import best_of_levels, suppress
from detxai_nb.detectors.dense.branch import Branch, tower_branches
from detxai_nb.detectors.dense.head import needs_of
from detxai_nb.detectors.dense.torchvision import DenseModule, DenseOutput
from detxai_nb.detectors.dense.trace import OneStageTrace
from detxai_nb.detectors.trace.candidates import Suppressing
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos
from detxai_nb.image import ImageSource
from detxai_nb.names import ClassNames, as_names
from detxai_nb.targets import class_values, sigmoid_scores
from detxai_nb.types import SIDES, Detections, Target

NORM_STATISTICS = ("exact", "fixed")


def fcos_branches(head: Any) -> dict[str, Branch]:
    """Return the branches of torchvision's ``FCOSHead``.

    Args:
        head: the head of a torchvision ``FCOS``.

    Returns:
        "class" gives the class logits; "box" gives four distances and the centre-ness.

    Raises:
        ValueError: if the head is built otherwise.
    """
    return tower_branches(
        head,
        {
            "class": ("classification_head", ["cls_logits"]),
            "box": ("regression_head", ["bbox_reg", "bbox_ctrness"]),
        },
    )


class FcosRule:
    """FCOS's scalars: sqrt(class * centre-ness), the class logit, and the distance to each side in strides.

    In the difference of two classes' log probabilities the centre-ness cancels.
    """

    def needs(self, target: Target) -> tuple[str, ...]:
        """Return the branches that the target depends on: a probability also needs centre-ness, from the box branch.

        Args:
            target: which scalar.

        Returns:
            Names of branches.
        """
        return needs_of(target)

    def scalar(self, outputs: Mapping[str, Tensor], level: int, at: Tensor, labels: Tensor, target: Target) -> Tensor:
        """Return the explained scalars of predictions from the branches' outputs at their cells.

        Args:
            outputs: raw outputs ``[n,C]`` of "class" and ``[n,5]`` of "box", whichever the target needs.
            level: the index of the pyramid level; not used.
            at: int64 ``[n,2]``, (row, column) of each prediction; not used.
            labels: int64 ``[n]``, the explained class of each.
            target: which scalar.

        Returns:
            Scalars ``[n]``: a score in 0..1, its logarithm, a class logit, a difference of two classes', or the
            distance to a side in strides of the level.
        """
        if target.part in SIDES:
            return outputs["box"][:, SIDES.index(target.part)].relu()

        def value_of(classes: Tensor) -> Tensor:
            own = sigmoid_scores(outputs["class"].gather(1, classes[:, None])[:, 0], target.score)
            if target.score == "prob":
                return (own * outputs["box"][:, 4].sigmoid()).sqrt()
            if target.score == "log-prob":
                return (own if target.against is not None else own + F.logsigmoid(outputs["box"][:, 4])) / 2
            return own

        return class_values(value_of, labels, target)


class FcosDetector(Suppressing, Adapter):
    """An FCOS module of torchvision, opened for explanation.

    The module is used as it is, in evaluation mode, and never changed.

    Args:
        module: a ``torchvision.models.detection.FCOS``.
        names: a name for each class output (torchvision's COCO model has 91, the background first).
        norm_statistics: what the gradients do with the statistics of the head's GroupNorm, which come from the whole
            map. "exact" differentiates through them. "fixed" treats them as constants on the two finest levels, where a
            prediction then depends on an 11x11 window only and many gradients cost little; the coarser levels stay
            exact. The error depends on the detector (the bundled tiny-fcos: a median of 22 and 38 percent of the
            gradient's norm on these two levels).
        nms_threshold: IoU in 0..1 above which the lower-scoring box of a class is dropped; None: the module's.
        max_detections: the maximum number of detections in an image; None: the module's.

    Raises:
        TypeError: if the module is not a torchvision ``FCOS``.
        ValueError: if the number of names differs from that of class outputs, ``norm_statistics`` is unknown, or the
            head is not built as torchvision's.

    References:
        Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection" (ICCV 2019).
    """

    family = "fcos"
    side_unit = "strides"
    offers = (RERUN,)

    def __init__(
        self,
        module: FCOS,
        names: ClassNames,
        *,
        norm_statistics: str = "exact",
        nms_threshold: float | None = None,
        max_detections: int | None = None,
    ) -> None:
        if not isinstance(module, FCOS):
            raise TypeError(f"family 'fcos' expects a torchvision FCOS module, got {type(module).__name__}")
        if norm_statistics not in NORM_STATISTICS:
            raise ValueError(f"norm_statistics is one of {', '.join(NORM_STATISTICS)}; got {norm_statistics!r}")
        fcos_branches(module.head)
        outputs = module.head.classification_head.num_classes
        self.module = module
        self.names = as_names(names, outputs, owner="this FCOS")
        self.norm_statistics = norm_statistics
        self.nms_threshold = module.nms_thresh if nms_threshold is None else nms_threshold
        self.max_detections = module.detections_per_img if max_detections is None else max_detections

    @property
    def _dense(self) -> DenseModule:
        return DenseModule(self.module, anchored=False)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can be explained; the first is the default.

        "neck" (the FPN's levels), "neck.before" (its lateral outputs before the merge), "backbone" (the stage nearest
        to each prediction's stride), "backbone.<stage>", "head.class" and "head.box" (the last activations of the
        head's towers; centre-ness belongs to the box tower), "head.class.0" and so on (the earlier ones).
        """
        return self._dense.layers([fcos_branches(self.module.head)])

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Detect objects in images.

        The score is sqrt(class * centre-ness). Class-wise NMS follows, as in the module's own post-processing.

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
        fixed = 2 if self.norm_statistics == "fixed" else 0
        return self._dense.trace(image, layer, [fcos_branches(self.module.head)], lambda _: FcosRule(), fixed)

    def _decode_trace(self, trace: OneStageTrace, threshold: float) -> Detections:
        return self._decode(self._dense.output_of(trace), threshold)

    def _decode(self, output: DenseOutput, threshold: float) -> Detections:
        """The same as the module's own post-processing, with the origin of each detection."""
        classes, centerness, codes = (
            output.outputs[name] for name in ("cls_logits", "bbox_ctrness", "bbox_regression")
        )
        scores = (classes.sigmoid() * centerness.sigmoid()).sqrt()
        boxes = self.module.box_coder.decode(codes, output.grid.boxes)
        boxes = clip_boxes_to_image(boxes, output.placement.resized)
        candidates = best_of_levels(scores, output.grid.counts, threshold, self.module.topk_candidates)
        picked = suppress(boxes, scores, candidates, self.nms_threshold, self.max_detections)
        return self._dense.report(output, boxes, scores, picked, self.names, threshold)


_LOGITS = "head.classification_head.cls_logits.bias"

FAMILY = Family(
    name="fcos",
    adapter=FcosDetector,
    entries=(
        bundled("tiny-fcos", FcosDetector, f"small FCOS {SCENES}", lambda names: tiny_fcos(len(names))),
        bundled(
            "tiny-fcos-shortcut",
            FcosDetector,
            "tiny-fcos trained where only the colour of the floor tells apples from baubles",
            lambda names: tiny_fcos(len(names)),
            group="bundled control",
        ),
        *crowd_pair("tiny-fcos", FcosDetector, lambda names: tiny_fcos(len(names))),
        from_torchvision("fcos_resnet50_fpn", FcosDetector, "FCOS, ResNet-50 FPN", 124, _LOGITS),
    ),
    stage_patterns=(
        ("outputs", r"head\..*(cls_logits|bbox_reg|bbox_ctrness)\b"),
        ("head", r"head\."),
        ("neck", r"backbone\.fpn\."),
    ),
)
