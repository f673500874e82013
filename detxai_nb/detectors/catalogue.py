"""What load_detector can open by name: the bundled models, torchvision's, YOLOX, and those of other libraries."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from detxai_nb.detectors.classifier.detector import ClassifierDetector
from detxai_nb.detectors.coco_names import COCO_80
from detxai_nb.detectors.detr.detector import DetrDetector
from detxai_nb.detectors.detr.pretrained import open_pretrained
from detxai_nb.detectors.faster_rcnn.detector import FasterRcnnDetector
from detxai_nb.detectors.fcos import FcosDetector
from detxai_nb.detectors.pvt import pvt_fcos, pvt_retinanet
from detxai_nb.detectors.retinanet import RetinaNetDetector
from detxai_nb.detectors.ssd import SsdDetector
from detxai_nb.detectors.weights import fit_weights, read_weights
from detxai_nb.detectors.yolox.detector import YoloxDetector
from detxai_nb.detectors.yolox.network import SIZES, TINY, TINY_INPUT, Yolox
from detxai_nb.detectors.zoo.networks.classifiers import INPUT_SIZE, MEAN, STD, tiny_resnet, tiny_vgg
from detxai_nb.detectors.zoo.networks.detr import IMAGE_SETTINGS, tiny_detr
from detxai_nb.detectors.zoo.networks.pvt import tiny_pvt
from detxai_nb.detectors.zoo.networks.torchvision import tiny_faster_rcnn, tiny_fcos, tiny_retinanet, tiny_ssd

ZOO = Path(__file__).parent / "zoo"


@dataclass(frozen=True)
class Entry:
    """A detector that can be loaded by name; ``build(weights, names, settings)`` makes it on the CPU."""

    family: str
    weights: str
    about: str
    build: Callable[[Any, Sequence[str] | None, dict[str, Any]], Any]


@dataclass(frozen=True)
class _Bundled:
    """One model of the zoo: ``network(names)`` with random weights, and ``settings`` of its adapter."""

    adapter: Callable[..., Any]
    about: str
    network: Callable[[Sequence[str]], nn.Module]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def entry(self, name: str) -> Entry:
        own, card = ZOO / f"{name}.safetensors", ZOO / f"{name}.json"
        trained = f"python -m detxai_nb.training.zoo {name}"
        there = own.is_file() and card.is_file()

        def build(weights: Any, names: Sequence[str] | None, settings: dict[str, Any]) -> Any:
            if not there and (weights is None or names is None):
                raise ValueError(
                    f"no weights of {name} come with this version; `{trained}` makes them, "
                    "then hand in weights='path' and names=[...]"
                )
            if names is None:
                names = json.loads(card.read_text(encoding="utf-8"))["names"]
            module = self.network(names)
            fit_weights(module, read_weights(own if weights is None else weights), name)
            return self.adapter(module, names, **{**self.settings, **settings})

        weights = "bundled" if there else f"to be trained: {trained}"
        about = f"{self.about}; works offline" if there else self.about
        return Entry(self.adapter.family, weights, about, build)  # type: ignore[attr-defined]


def _sized(network: Callable[[int], nn.Module]) -> Callable[[Sequence[str]], nn.Module]:
    return lambda names: network(len(names))


_LOOKS = {"input_size": INPUT_SIZE, "mean": MEAN, "std": STD}
_SCENES = "trained on the synthetic scenes"
_BUNDLED: dict[str, _Bundled] = {
    "tiny-fcos": _Bundled(FcosDetector, f"small FCOS {_SCENES}", _sized(tiny_fcos)),
    "tiny-retinanet": _Bundled(RetinaNetDetector, f"small RetinaNet {_SCENES}", _sized(tiny_retinanet)),
    "tiny-faster-rcnn": _Bundled(FasterRcnnDetector, f"small Faster R-CNN {_SCENES}", _sized(tiny_faster_rcnn)),
    "tiny-ssd": _Bundled(SsdDetector, f"small SSD {_SCENES}", _sized(tiny_ssd)),
    "tiny-yolox": _Bundled(
        YoloxDetector,
        f"small YOLOX {_SCENES}",
        lambda names: Yolox(len(names), TINY),
        {"input_size": TINY_INPUT, "convention": "rgb-imagenet"},
    ),
    "tiny-detr": _Bundled(
        DetrDetector,
        f"small Conditional DETR {_SCENES}; needs transformers",
        tiny_detr,
        IMAGE_SETTINGS,
    ),
    "tiny-pvt": _Bundled(
        FcosDetector, f"small FCOS on a pyramid vision transformer {_SCENES}; needs transformers", _sized(tiny_pvt)
    ),
    "tiny-fcos-shortcut": _Bundled(
        FcosDetector, "tiny-fcos that learnt a mark in the picture's corner instead of one class", _sized(tiny_fcos)
    ),
    "tiny-resnet": _Bundled(
        ClassifierDetector, "small ResNet classifier of scenes with one object", _sized(tiny_resnet), _LOOKS
    ),
    "tiny-vgg": _Bundled(
        ClassifierDetector, "small VGG classifier of scenes with one object", _sized(tiny_vgg), _LOOKS
    ),
}


@dataclass(frozen=True)
class _Torchvision:
    """A detector of torchvision: ``classes`` names the tensor with ``anchors`` outputs for each class."""

    adapter: Callable[..., Any]
    about: str
    megabytes: int
    classes: str
    anchors: int = 1

    def entry(self, name: str) -> Entry:
        def build(weights: Any, names: Sequence[str] | None, settings: dict[str, Any]) -> Any:
            from torchvision.models import get_model, get_model_weights

            coco = get_model_weights(name).DEFAULT
            usual = coco.meta["categories"]
            if weights is None:
                return self.adapter(_download(name, coco, "tiny-fcos"), usual, **settings)
            state = read_weights(weights)
            outputs = state.get(self.classes)
            count = len(usual) if outputs is None else len(outputs) // self.anchors
            module = get_model(name, weights=None, weights_backbone=None, num_classes=count)
            fit_weights(module, state, name)
            return self.adapter(module, _names(names, count, usual), **settings)

        weights = f"COCO, {self.megabytes} MB, downloaded by torchvision on first use"
        return Entry(self.adapter.family, weights, self.about, build)  # type: ignore[attr-defined]


_LOGITS, _CONVOLUTIONS = "head.classification_head.cls_logits.bias", "head.classification_head.module_list.0"
_SCORES = "roi_heads.box_predictor.cls_score.bias"
_TORCHVISION: dict[str, _Torchvision] = {
    "fcos_resnet50_fpn": _Torchvision(FcosDetector, "FCOS, ResNet-50 FPN", 124, _LOGITS),
    "retinanet_resnet50_fpn": _Torchvision(RetinaNetDetector, "RetinaNet, ResNet-50 FPN", 130, _LOGITS, 9),
    "retinanet_resnet50_fpn_v2": _Torchvision(
        RetinaNetDetector, "RetinaNet, ResNet-50 FPN, GroupNorm", 146, _LOGITS, 9
    ),
    "fasterrcnn_resnet50_fpn": _Torchvision(FasterRcnnDetector, "Faster R-CNN, ResNet-50 FPN", 160, _SCORES),
    "fasterrcnn_resnet50_fpn_v2": _Torchvision(
        FasterRcnnDetector, "Faster R-CNN, ResNet-50 FPN, deeper head", 167, _SCORES
    ),
    "fasterrcnn_mobilenet_v3_large_fpn": _Torchvision(FasterRcnnDetector, "Faster R-CNN, MobileNetV3 FPN", 74, _SCORES),
    "fasterrcnn_mobilenet_v3_large_320_fpn": _Torchvision(
        FasterRcnnDetector, "Faster R-CNN, MobileNetV3 FPN, input 320", 74, _SCORES
    ),
    "ssd300_vgg16": _Torchvision(SsdDetector, "SSD300, VGG16", 136, f"{_CONVOLUTIONS}.bias", 4),
    "ssdlite320_mobilenet_v3_large": _Torchvision(
        SsdDetector, "SSDLite320, MobileNetV3", 13, f"{_CONVOLUTIONS}.1.bias", 6
    ),
}


def _download(name: str, wanted: Any, instead: str) -> nn.Module:
    from torchvision.models import get_model

    try:
        return get_model(name, weights=wanted)
    except (urllib.error.URLError, OSError) as error:
        raise RuntimeError(
            f"torchvision could not download the weights of {name} ({error}). With a network, try again; without one, "
            f"fetch {wanted.url} elsewhere and hand in weights='path/to/file.pth', or take the bundled {instead!r}"
        ) from error


def classifier(name: str) -> Entry | None:
    """The entry of torchvision's image classifier of that name ("resnet50", "vgg16", ...), or None."""
    import torchvision.models

    if name not in torchvision.models.list_models(module=torchvision.models):
        return None

    def build(weights: Any, names: Sequence[str] | None, settings: dict[str, Any]) -> Any:
        imagenet = torchvision.models.get_model_weights(name).DEFAULT
        usual, preset = imagenet.meta["categories"], imagenet.transforms()
        settings = {"input_size": preset.crop_size[0], "mean": preset.mean, "std": preset.std, **settings}
        if weights is None:
            return ClassifierDetector(_download(name, imagenet, "tiny-resnet"), usual, **settings)
        count = len(usual) if names is None else len(names)
        module = torchvision.models.get_model(name, weights=None, num_classes=count)
        fit_weights(module, read_weights(weights), name)
        return ClassifierDetector(module, _names(names, count, usual), **settings)

    return Entry("classifier", "ImageNet, downloaded by torchvision on first use", f"image classifier {name}", build)


def _yolox(name: str) -> Entry:
    def build(weights: Any, names: Sequence[str] | None, settings: dict[str, Any]) -> YoloxDetector:
        if weights is None:
            raise ValueError(
                f"{name} needs weights='path': the official {name.replace('-', '_')}.pth from the releases of "
                "github.com/Megvii-BaseDetection/YOLOX, or a .safetensors file with the same tensor names"
            )
        state = read_weights(weights)
        outputs = state.get("head.cls_preds.0.bias")
        classes = len(COCO_80) if outputs is None else len(outputs)
        module = Yolox(classes, SIZES[name])
        fit_weights(module, state, name)
        settings.setdefault("input_size", SIZES[name].input_side)
        return YoloxDetector(module, _names(names, classes, COCO_80), **settings)

    return Entry("yolox", "your file: weights='...'", f"YOLOX, input {SIZES[name].input_side}", build)


def _pvt(name: str, network: Callable[[int], nn.Module], adapter: Callable[..., Any], about: str) -> Entry:
    def build(weights: Any, names: Sequence[str] | None, settings: dict[str, Any]) -> Any:
        if weights is None or names is None:
            raise ValueError(
                f"{name} needs weights='path' of a state dict of its network and names=[...] of its classes"
            )
        module = network(len(names))
        fit_weights(module, read_weights(weights), name)
        return adapter(module, names, **settings)

    return Entry("pvt", "your file: weights='...', names=[...]; needs transformers", about, build)


def _detr(weights: Any, names: Sequence[str] | None, settings: dict[str, Any]) -> DetrDetector:
    if weights is None:
        raise ValueError(
            "detr needs weights='...': a folder written by save_pretrained, or a name on the Hugging Face hub such as "
            "'facebook/detr-resnet-50', which transformers downloads on first use"
        )
    module, usual, found = open_pretrained(weights)
    return DetrDetector(module, usual if names is None else names, **{**found, **settings})


def _ultralytics(weights: Any, names: Sequence[str] | None, settings: dict[str, Any]) -> Any:
    raise ValueError(
        "Ultralytics keeps its models in pickles, which this package does not open: open it yourself with "
        "ultralytics.YOLO('yolo11n.pt') if you trust the file, then dx.wrap(yolo, family='ultralytics'). "
        "Ultralytics is under AGPL-3.0"
    )


def _names(names: Sequence[str] | None, classes: int, usual: Sequence[str]) -> Sequence[str]:
    if names is not None:
        return names
    if classes == len(usual):
        return usual
    raise ValueError(f"these weights have {classes} classes instead of {len(usual)}; hand in names=[...] for them")


_HUB = "a folder or hub name: weights='...'; needs transformers"
DETECTORS: dict[str, Entry] = {
    **{name: model.entry(name) for name, model in _BUNDLED.items()},
    **{name: model.entry(name) for name, model in _TORCHVISION.items()},
    **{name: _yolox(name) for name in SIZES},
    "detr": Entry("detr", _HUB, "DETR, Conditional, Deformable, RT-DETR and others of transformers", _detr),
    "ultralytics": Entry(
        "ultralytics",
        "your YOLO object: dx.wrap(yolo, family='ultralytics'); needs ultralytics (AGPL-3.0)",
        "YOLOv5u, v8, v9, v10, 11 and later with a Detect head",
        _ultralytics,
    ),
    "pvt-small-retinanet": _pvt("pvt-small-retinanet", pvt_retinanet, RetinaNetDetector, "RetinaNet on PVT-Small"),
    "pvt-small-fcos": _pvt("pvt-small-fcos", pvt_fcos, FcosDetector, "FCOS on PVT-Small"),
}
