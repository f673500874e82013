"""SSD: on VGG (four of its six maps, at a small input), SSDLite, and the bundled small one with a feature pyramid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from families.faster_rcnn import pyramid_from
from families.fcos import everything, neck_of
from families.retinanet import flat, scalar, scalar_of
from full_size import vgg_features
from torch import Tensor, nn
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD, SSDFeatureExtractorVGG

import detxai_nb as dx
from detxai_nb.detectors.ssd import SsdDetector
from detxai_nb.detectors.zoo.networks.torchvision import tiny_ssd
from detxai_nb.testing import NAMES, Kind, enliven, in_common, photograph
from detxai_nb.types import Target

CLASSES = len(NAMES) + 1


def on_vgg() -> SSD:
    """SSD300 without its two coarsest maps, which a small input has no cells for."""
    backbone = SSDFeatureExtractorVGG(vgg_features().features, False)
    backbone.extra = backbone.extra[:3]
    anchors = DefaultBoxGenerator([[2], [2, 3], [2, 3], [2]], steps=[8, 16, 32, 64])
    return SSD(backbone, anchors, (128, 96), CLASSES)


def bundled() -> SSD:
    module = tiny_ssd(CLASSES)
    module.transform.fixed_size = (160, 128)
    return module


def lite() -> SSD:
    """The full-size architecture at a small input."""
    module = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=CLASSES)
    module.transform.fixed_size = (192, 128)
    return module


def kind_of(make: Callable[[], SSD]) -> Kind:
    def build(dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
        torch.manual_seed(0)
        return SsdDetector(enliven(make()).to(dtype), NAMES, **settings)

    return Kind(build, scalar, everything, layer_scalar=layer_scalar)


def layer_scalar(
    detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    if trace.layer.startswith("head."):
        outputs = from_activation(detector, trace.layer, *leaves)
        return scalar_of(detector, trace, neck_of(detector), outputs, one, (label, target))
    if not hasattr(detector.module.backbone, "extra"):
        return scalar(detector, trace, pyramid_from(detector, trace, *leaves), one, label, target)
    everywhere = trace.layer == "backbone"
    start = int(one.origins[0, 0]) if everywhere else stages_of(detector).index(trace.layer)
    pyramid = from_stage(detector, start, leaves[start if everywhere else 0])
    return scalar(detector, trace, pyramid, one, label, target)


@in_common
def from_activation(detector: Any, layer: str, *leaves: Tensor) -> dict[str, Tensor]:
    """The head's outputs from the activations of its depthwise convolutions."""
    head = detector.module.head

    def outputs(name: str, modules: nn.ModuleList) -> list[Tensor]:
        if layer == f"head.{name}":
            return [module[-1](leaf) for module, leaf in zip(modules, leaves)]
        return [module(features) for module, features in zip(modules, neck_of(detector))]

    return {
        "cls_logits": flat(outputs("class", head.classification_head.module_list), CLASSES),
        "bbox_regression": flat(outputs("box", head.regression_head.module_list), 4),
    }


@in_common
def stages_of(detector: Any) -> list[str]:
    """The layers of the backbone's stages."""
    return [level.name for level in detector.trace(photograph(), "backbone").levels]


@in_common
def from_stage(detector: Any, start: int, leaf: Tensor) -> list[Tensor]:
    """All maps from one stage of the backbone on: the layer's, or for "backbone" that of the prediction's own map."""
    backbone = detector.module.backbone
    on_vgg = isinstance(backbone, SSDFeatureExtractorVGG)
    parts = [*([backbone.features] if on_vgg else backbone.features), *backbone.extra]
    dtype = leaf.dtype
    images, _ = detector.module.transform([torch.from_numpy(photograph()).permute(2, 0, 1).to(dtype) / 255])
    x, found = images.tensors, []
    for i, part in enumerate(parts):
        x = part(x) if i != start else leaf
        found.append(x)
    if on_vgg:
        found[0] = backbone.scale_weight.view(1, -1, 1, 1) * F.normalize(found[0])
    return found


KINDS = {"ssd": kind_of(on_vgg), "ssdlite": kind_of(lite), "tiny-ssd": kind_of(bundled)}
