"""The record of the family "faster_rcnn"."""

from __future__ import annotations

from detxai_nb.detectors.base import Family
from detxai_nb.detectors.catalogue import SCENES, bundled, crowd_pair, from_torchvision
from detxai_nb.detectors.faster_rcnn.detector import FasterRcnnDetector
from detxai_nb.detectors.zoo.networks.torchvision import tiny_faster_rcnn

_SCORES = "roi_heads.box_predictor.cls_score.bias"
_ABOUT = {
    "fasterrcnn_resnet50_fpn": ("Faster R-CNN, ResNet-50 FPN", 160),
    "fasterrcnn_resnet50_fpn_v2": ("Faster R-CNN, ResNet-50 FPN, deeper head", 167),
    "fasterrcnn_mobilenet_v3_large_fpn": ("Faster R-CNN, MobileNetV3 FPN", 74),
    "fasterrcnn_mobilenet_v3_large_320_fpn": ("Faster R-CNN, MobileNetV3 FPN, input 320", 74),
}
_PUBLISHED_EPS = {"fasterrcnn_resnet50_fpn": 0.0}

FAMILY = Family(
    name="faster_rcnn",
    adapter=FasterRcnnDetector,
    entries=(
        bundled(
            "tiny-faster-rcnn",
            FasterRcnnDetector,
            f"small Faster R-CNN {SCENES}",
            lambda names: tiny_faster_rcnn(len(names)),
        ),
        *crowd_pair("tiny-faster-rcnn", FasterRcnnDetector, lambda names: tiny_faster_rcnn(len(names))),
        *(
            from_torchvision(
                name, FasterRcnnDetector, about, megabytes, _SCORES, published_eps=_PUBLISHED_EPS.get(name)
            )
            for name, (about, megabytes) in _ABOUT.items()
        ),
    ),
    stage_patterns=(
        ("outputs", r"roi_heads\.\w+_predictor\b"),
        ("box head", r"roi_heads\."),
        ("neck", r"rpn\.|backbone\.fpn\.|backbone\.(class_tower|box_tower|extra)"),
    ),
)
