"""The record of the family "faster_rcnn": Faster R-CNN, and the boxes of Mask and Keypoint R-CNN."""

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
    "maskrcnn_resnet50_fpn": ("Mask R-CNN, ResNet-50 FPN; its boxes are explained", 170),
    "maskrcnn_resnet50_fpn_v2": ("Mask R-CNN, ResNet-50 FPN, deeper head; its boxes are explained", 177),
    "keypointrcnn_resnet50_fpn": ("Keypoint R-CNN for persons, ResNet-50 FPN; its boxes are explained", 226),
}
_PUBLISHED_EPS = dict.fromkeys(("fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn", "keypointrcnn_resnet50_fpn"), 0.0)
_LENGTHS = {
    "keypointrcnn_resnet50_fpn": {"num_keypoints": "roi_heads.keypoint_predictor.kps_score_lowres.bias"},
}

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
                name,
                FasterRcnnDetector,
                about,
                megabytes,
                _SCORES,
                published_eps=_PUBLISHED_EPS.get(name),
                lengths=_LENGTHS.get(name),
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
