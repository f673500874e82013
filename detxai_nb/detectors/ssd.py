"""SSD: torchvision's SSD300 and SSDLite with COCO weights, the bundled one, or a user's own module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.models.detection.ssd import SSD, SSDFeatureExtractorVGG
from torchvision.models.detection.ssdlite import SSDLiteFeatureExtractorMobileNet
from torchvision.ops import clip_boxes_to_image

from detxai_nb.capabilities import RERUN
from detxai_nb.detectors.base import Adapter, Family, detecting, tracing
from detxai_nb.detectors.catalogue import SCENES, bundled, from_torchvision
from detxai_nb.detectors.dense.anchors import AnchorGrid, AnchorRule, best_of_classes, suppress
from detxai_nb.detectors.dense.branch import Branch
from detxai_nb.detectors.dense.torchvision import DenseModule, DenseOutput
from detxai_nb.detectors.dense.trace import OneStageTrace
from detxai_nb.detectors.trace.candidates import Suppressing
from detxai_nb.detectors.zoo.networks.torchvision import tiny_ssd
from detxai_nb.image import ImageSource
from detxai_nb.names import BACKGROUND, ClassNames, as_names
from detxai_nb.types import Detections


class SsdDetector(Suppressing, Adapter):
    """An SSD module of torchvision, opened for explanation.

    The module is used as it is, in evaluation mode, and never changed. Images are resized to its fixed size, each axis
    by its own factor. A score is a softmax over the classes of one anchor; the logit is the class output before it.

    Args:
        module: a ``torchvision.models.detection.ssd.SSD`` (SSD300, SSDLite, or one on a backbone of your own).
        names: a name for each class output, the background first; if the background is left out, it is added.
        nms_threshold: IoU in 0..1 above which the lower-scoring box of a class is dropped; None: the module's.
        max_detections: the maximum number of detections in an image; None: the module's.

    Raises:
        TypeError: if the module is not a torchvision ``SSD``.
        ValueError: if the number of names does not fit the class outputs, or the head is not built as torchvision's.

    References:
        Liu et al., "SSD: Single Shot MultiBox Detector" (ECCV 2016); Sandler et al., "MobileNetV2" (CVPR 2018), sec.
        6.2, for SSDLite.
    """

    family = "ssd"
    side_unit = "input pixels"
    offers = (RERUN,)

    def __init__(
        self,
        module: SSD,
        names: ClassNames,
        *,
        nms_threshold: float | None = None,
        max_detections: int | None = None,
    ) -> None:
        if not isinstance(module, SSD):
            raise TypeError(f"family 'ssd' expects a torchvision SSD module, got {type(module).__name__}")
        _branches(module.head)
        outputs = module.head.classification_head.num_columns
        if not isinstance(names, Mapping):
            names = as_names(names, owner="this SSD")
            names = (BACKGROUND, *names) if len(names) == outputs - 1 else names
        self.module = module
        self.names = as_names(names, outputs, owner="this SSD", zero=BACKGROUND)
        self.nms_threshold = module.nms_thresh if nms_threshold is None else nms_threshold
        self.max_detections = module.detections_per_img if max_detections is None else max_detections

    @property
    def _dense(self) -> DenseModule:
        return DenseModule(self.module, chain=_chain(self.module.backbone), stride=self._stride)

    def _stride(self, input_size: tuple[int, int], number: int, grid: Tensor) -> tuple[float, float]:
        """The stride of a level as its default boxes have it, which stand in the middle of each cell.

        It is the generator's own step (SSD300's coarsest cells are 100 pixels apart), else the input's size over the
        number of cells.
        """
        steps = self.module.anchor_generator.steps
        if steps:
            return float(steps[number]), float(steps[number])
        return input_size[0] / grid.shape[-2], input_size[1] / grid.shape[-1]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can be explained; the first is the default.

        "neck": the maps that the heads read, each prediction on its own map. "backbone": the same stages as the
        backbone computes them. "backbone.<stage>": one of them for all predictions, also those on coarser maps that are
        computed from it. SSD300's stages are "features" (conv4_3, before its scaled L2 norm), "extra.0" (conv7, the
        paper's fc7) and "extra.1" on (conv8_2 to conv11_2); SSDLite's are "features.0", "features.1" and "extra.0" to
        "extra.3". A backbone with a feature pyramid has the same layers as RetinaNet's. "head.class" and "head.box":
        the activations of SSDLite's depthwise convolutions; SSD300's head has none.
        """
        return self._dense.layers(_branches(self.module.head))

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Detect objects in images.

        The score is the class probability, a softmax that includes the background. Class-wise NMS follows, as in the
        module's own post-processing.

        Args:
            images: anything that ``load_image`` reads, of any sizes.
            score_threshold: the lowest score of a detection, 0..1.

        Returns:
            The detections of each image, sorted by descending score; boxes are xyxy in pixels of the image.
        """
        return self._dense.detect(images, lambda output: self._decode(output, score_threshold))

    @tracing
    def trace(self, image: ImageSource, layer: str | None = None) -> OneStageTrace:
        """Run the backbone once without a graph and keep the pass open for explanation.

        Args:
            image: anything that ``load_image`` reads.
            layer: one of ``layers``; None means "neck".

        Returns:
            The trace of this image.

        Raises:
            ValueError: if the layer is unknown; the message lists the known ones.
        """
        return self._dense.trace(image, layer, _branches(self.module.head), self._rule)

    def _rule(self, grid: AnchorGrid) -> AnchorRule:
        return AnchorRule(grid, self.module.box_coder, len(self.names), background=True)

    def _decode_trace(self, trace: OneStageTrace, threshold: float) -> Detections:
        return self._decode(self._dense.output_of(trace), threshold)

    def _decode(self, output: DenseOutput, threshold: float) -> Detections:
        """The same as the module's own post-processing, with the origin of each detection."""
        scores = output.outputs["cls_logits"].softmax(dim=1)
        boxes = self.module.box_coder.decode_single(output.outputs["bbox_regression"], output.grid.boxes)
        boxes = clip_boxes_to_image(boxes, output.placement.resized)
        candidates = best_of_classes(scores, threshold, self.module.topk_candidates)
        picked = suppress(boxes, scores, candidates, self.nms_threshold, self.max_detections)
        return self._dense.report(output, boxes, scores, picked, self.names, threshold, background=True)


def _chain(backbone: Any) -> dict[str, nn.Module]:
    """The stages of torchvision's own SSD backbones, which are the pyramid."""
    if isinstance(backbone, SSDFeatureExtractorVGG):
        found = {"features": backbone.features}
    elif isinstance(backbone, SSDLiteFeatureExtractorMobileNet):
        found = {f"features.{i}": part for i, part in enumerate(backbone.features)}
    else:
        return {}
    return found | {f"extra.{i}": part for i, part in enumerate(backbone.extra)}


def _branches(head: Any) -> list[dict[str, Branch]]:
    """The two branches of torchvision's SSD heads on each level; ``ValueError`` if the head is built otherwise."""
    parts = {"class": getattr(head, "classification_head", None), "box": getattr(head, "regression_head", None)}
    lists = {name: getattr(part, "module_list", None) for name, part in parts.items()}
    if None in lists.values() or not hasattr(parts["class"], "num_columns"):
        raise ValueError(
            "expected SSD's head to be built as torchvision's (classification_head and regression_head, each with "
            f"module_list and num_columns), got {type(head).__name__}"
        )
    modules: dict[str, Any] = lists
    return [
        {name: _branch(part) for name, part in zip(modules, level)} for level in zip(*modules.values(), strict=True)
    ]


def _branch(part: nn.Module) -> Branch:
    modules: list[Any] = list(part) if isinstance(part, nn.Sequential) else [part]
    return Branch.of(modules[:-1], modules[-1:])


_CONVOLUTIONS = "head.classification_head.module_list.0"

FAMILY = Family(
    name="ssd",
    adapter=SsdDetector,
    entries=(
        bundled("tiny-ssd", SsdDetector, f"small SSD {SCENES}", lambda names: tiny_ssd(len(names))),
        from_torchvision("ssd300_vgg16", SsdDetector, "SSD300, VGG16", 136, f"{_CONVOLUTIONS}.bias", anchors=4),
        from_torchvision(
            "ssdlite320_mobilenet_v3_large",
            SsdDetector,
            "SSDLite320, MobileNetV3",
            13,
            f"{_CONVOLUTIONS}.1.bias",
            anchors=6,
        ),
    ),
    stage_patterns=(
        ("outputs", r"head\."),
        ("towers", r"backbone\.(class_tower|box_tower|extra)"),
        ("neck", r"backbone\.fpn\."),
    ),
)
