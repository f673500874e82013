"""The record of the family "classifier"."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from detxai_nb.detectors.base import Entry, Family, Weights
from detxai_nb.detectors.catalogue import bundled, downloaded, pick_names
from detxai_nb.detectors.classifier.detector import ClassifierDetector
from detxai_nb.detectors.weights import fit_weights, read_weights
from detxai_nb.detectors.zoo.networks.classifiers import INPUT_SIZE, MEAN, STD, tiny_resnet, tiny_vgg
from detxai_nb.downloads import Download
from detxai_nb.stated_input import read_stated_input

_STATED = {"normalisation": ("mean", "std"), "input_size": ("input_size",)}
"""By what a weights file may state the settings of ``ClassifierDetector``."""
_SEES = {"input_size": INPUT_SIZE, "mean": MEAN, "std": STD}


def stated_classifier_input(
    weights: str | os.PathLike[str], usual: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return input size, mean and standard deviation as a weights file states them, else the usual ones.

    Args:
        weights: the file.
        usual: the settings of a file that states nothing.
        given: settings that the caller has; what the file states of them is not read.

    Returns:
        Settings of ``ClassifierDetector``.

    Raises:
        ValueError: if the file states something that cannot be understood, or channels in the order BGR.
    """
    known = [key for key, names in _STATED.items() if set(names) & set(given)]
    stated = read_stated_input(weights, known)
    stated.require_rgb("a classifier")
    found = dict(usual)
    if stated.mean is not None:
        found.update(mean=stated.mean, std=stated.std)
    if stated.size is not None:
        found["input_size"] = stated.size
    return found


def classifier_names() -> tuple[str, ...]:
    """Return the names of torchvision's image classifiers, each of which ``load_detector`` opens.

    Returns:
        Such as "resnet50".
    """
    import torchvision.models

    return tuple(torchvision.models.list_models(module=torchvision.models))


def _find(name: str) -> Entry | None:
    """The entry of torchvision's image classifier of that name ("resnet50", "vgg16", ...), or None."""
    import torchvision.models

    if name not in classifier_names():
        return None

    def build(weights: Weights, names: Sequence[str] | None, given: dict[str, Any]) -> ClassifierDetector:
        imagenet = torchvision.models.get_model_weights(name).DEFAULT
        usual, preset = imagenet.meta["categories"], imagenet.transforms()
        settings = {"input_size": preset.crop_size[0], "mean": preset.mean, "std": preset.std, **given}
        if weights is None:
            return ClassifierDetector(downloaded(name, imagenet), usual, **settings)
        count = len(usual) if names is None else len(names)
        module = torchvision.models.get_model(name, weights=None, num_classes=count)
        fit_weights(module, read_weights(weights), name)
        settings = {**stated_classifier_input(weights, settings, given), **given}
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
            stated_classifier_input,
        ),
        bundled(
            "tiny-vgg",
            ClassifierDetector,
            "small VGG classifier of scenes with one object",
            lambda names: tiny_vgg(len(names)),
            _SEES,
            "bundled control",
            stated_classifier_input,
        ),
        bundled(
            "tiny-resnet-shortcut",
            ClassifierDetector,
            "tiny-resnet trained where only the colour of the floor tells apples from baubles",
            lambda names: tiny_resnet(len(names)),
            _SEES,
            "bundled control",
            stated_classifier_input,
        ),
    ),
    find=_find,
    knows_names=True,
)
