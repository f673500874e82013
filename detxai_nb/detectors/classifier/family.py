"""The record of the family "classifier"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detxai_nb.detectors.base import Entry, Family, Weights
from detxai_nb.detectors.catalogue import bundled, downloaded, pick_names
from detxai_nb.detectors.classifier.detector import ClassifierDetector
from detxai_nb.detectors.weights import fit_weights, read_weights
from detxai_nb.detectors.zoo.networks.classifiers import INPUT_SIZE, MEAN, STD, tiny_resnet, tiny_vgg
from detxai_nb.downloads import Download

_SEES = {"input_size": INPUT_SIZE, "mean": MEAN, "std": STD}


def _find(name: str) -> Entry | None:
    """The entry of torchvision's image classifier of that name ("resnet50", "vgg16", ...), or None."""
    import torchvision.models

    if name not in torchvision.models.list_models(module=torchvision.models):
        return None

    def build(weights: Weights, names: Sequence[str] | None, settings: dict[str, Any]) -> ClassifierDetector:
        imagenet = torchvision.models.get_model_weights(name).DEFAULT
        usual, preset = imagenet.meta["categories"], imagenet.transforms()
        settings = {"input_size": preset.crop_size[0], "mean": preset.mean, "std": preset.std, **settings}
        if weights is None:
            return ClassifierDetector(downloaded(name, imagenet), usual, **settings)
        count = len(usual) if names is None else len(names)
        module = torchvision.models.get_model(name, weights=None, num_classes=count)
        fit_weights(module, read_weights(weights), name)
        return ClassifierDetector(module, pick_names(names, count, usual), **settings)

    def download() -> Download:
        return Download(torchvision.models.get_model_weights(name).DEFAULT.url)

    told = "ImageNet, downloaded by torchvision on first use"
    return Entry(name, "classifier", told, f"image classifier {name}", build, "torchvision", download)


FAMILY = Family(
    name="classifier",
    adapter=ClassifierDetector,
    entries=(
        bundled(
            "tiny-resnet",
            ClassifierDetector,
            "small ResNet classifier of scenes with one object",
            lambda names: tiny_resnet(len(names)),
            _SEES,
            "bundled control",
        ),
        bundled(
            "tiny-vgg",
            ClassifierDetector,
            "small VGG classifier of scenes with one object",
            lambda names: tiny_vgg(len(names)),
            _SEES,
            "bundled control",
        ),
    ),
    find=_find,
)
