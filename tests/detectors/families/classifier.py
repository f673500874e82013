"""Image classifiers for the contract: torchvision's own and the bundled networks, with random weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from full_size import FULL_SIZE, ONE_EACH
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.models.resnet import BasicBlock, ResNet

import detxai_nb as dx
from detxai_nb.detectors.classifier.detector import ClassifierDetector
from detxai_nb.detectors.zoo.networks.classifiers import tiny_resnet, tiny_vgg
from detxai_nb.testing import NAMES, Kind, enliven, photograph
from detxai_nb.types import Target

_RESNET = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc")
_FEATURES = ("features", "avgpool", "classifier")


def build(network: Callable[..., nn.Module], dtype: torch.dtype = torch.float32, **settings: Any) -> ClassifierDetector:
    """The network with seven classes of which none is sure, seen through a small input that is not square."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = enliven(network(num_classes=len(NAMES)))
    detector = ClassifierDetector(module, NAMES, **{"input_size": (96, 160), **settings})
    last = [part for part in module.modules() if isinstance(part, nn.Linear)][-1]
    with torch.no_grad():
        spread = module(detector._prepare(photograph())).std()
        last.weight /= spread
        last.bias /= spread
    module.to(dtype)
    return detector


def shallow(**settings: Any) -> ResNet:
    """A ResNet-18 but for its depth."""
    return ResNet(BasicBlock, list(ONE_EACH), **settings)


def after(module: nn.Module, layer: str) -> list[nn.Module]:
    """The modules that follow the layer, in the order of torchvision's forward methods."""
    first, _, inner = layer.partition(".")
    names = _RESNET if hasattr(module, "layer4") else _FEATURES
    rest = [module.get_submodule(name) for name in names[names.index(first) + 1 :]]
    return [*list(module.get_submodule(first).children())[int(inner) + 1 :], *rest] if inner else rest


def logits(module: nn.Module, layer: str, leaf: Tensor) -> Tensor:
    """The logits ``[C]`` that the module's own later parts make of the layer's map ``[1,K,h,w]``."""
    x = leaf
    for part in after(module, layer):
        linear = isinstance(part, nn.Linear) or (isinstance(part, nn.Sequential) and isinstance(part[0], nn.Linear))
        x = part(x.flatten(1) if linear else x)
    return x[0]


def scalar(
    detector: ClassifierDetector, trace: Any, leaves: Sequence[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    """The explained scalar from a leaf of the layer's map, the slow obvious way."""
    values = logits(detector.module, trace.layer, leaves[0].clone())
    return values[label] if target.score == "logit" else torch.exp(values[label]) / torch.exp(values).sum()


def everything(detector: ClassifierDetector, image: Any) -> dx.Detections:
    """Every class."""
    return detector.detect([image], 0.0)[0]


def choose(detections: dx.Detections, trace: Any) -> dx.Detections:
    """The likeliest, a middle one and the least likely class."""
    return detections[[0, 3, 6]]


KINDS: dict[str, Kind] = {
    name: Kind(partial(build, network), scalar, everything, choose, scalar, sides=False)
    for name, network in {
        "tiny-resnet": tiny_resnet,
        "tiny-vgg": tiny_vgg,
        "resnet18": resnet18 if FULL_SIZE else shallow,
    }.items()
}
