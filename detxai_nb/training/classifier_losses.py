"""The loss of the bundled image classifiers, on scenes of one object."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import VGG, ResNet
from torchvision.ops import roi_align

from detxai_nb.detectors.registry import ZOO
from detxai_nb.detectors.weights import fit_weights, read_weights
from detxai_nb.detectors.zoo.networks.classifiers import INPUT_SIZE, MEAN, STD, tiny_resnet
from detxai_nb.training.losses import Targets

SMOOTHING = 0.05
"""Of the labels: without it a softmax of so few classes is sure of everything."""
MARGIN = 0.15
"""Around the object in the narrowest cut, as a share of its box's sides."""


def classifier_losses(model: nn.Module, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """Cross-entropy of the one object's class in uint8 images ``[B,3,h,w]``, at the bundled models' input size.

    The first image of the batch is cut to its object, the last one is whole, and those between are cut ever wider: a
    large object teaches its shape much sooner than a small one does. The network runs in bfloat16 if ``half``. Raises
    ``ValueError`` where an image has not exactly one object.
    """
    pixels, labels = _batch(images, targets)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        logits = model(pixels)
    return {"class": _cross_entropy(logits, labels)}


def taught_vgg_losses(model: VGG, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """``classifier_losses`` of tiny-vgg, and how far the maps after its blocks are from the bundled tiny-resnet's.

    A plain chain of convolutions is slow to find shapes by itself; the maps of a network that knows them show it the
    way (Romero et al., 2015, FitNets). Each distance is a mean square in units of the teacher's own.
    """
    pixels, labels = _batch(images, targets)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        with torch.no_grad():
            shown = _teacher_maps(_teacher(images.device), pixels)
        maps = _block_maps(model, pixels)
        logits = model.classifier(model.avgpool(maps[-1]).flatten(1))
    losses = {"class": _cross_entropy(logits, labels)}
    for number, (own, other) in enumerate(zip(maps[-len(shown) :], shown), start=1):
        other = other.float()
        losses[f"map {number}"] = (own.float() - other).square().mean() / other.square().mean()
    return losses


def _batch(images: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Pixels as the network takes them, and labels ``[B]``."""
    counts = {len(target["labels"]) for target in targets}
    if counts != {1}:
        raise ValueError(f"a classifier learns from scenes of one object, got images with {sorted(counts)}")
    pixels = _cut(images.float(), torch.cat([target["boxes"] for target in targets]))
    mean, std = (pixels.new_tensor(values)[:, None, None] for values in (MEAN, STD))
    pixels = ((pixels / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
    return pixels, torch.cat([target["labels"] for target in targets])


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits.float(), labels, label_smoothing=SMOOTHING)


@cache
def _teacher(device: torch.device) -> ResNet:
    """The bundled tiny-resnet, in evaluation mode."""
    state = read_weights(ZOO / "tiny-resnet.safetensors")
    model = tiny_resnet(len(state["fc.bias"]))
    fit_weights(model, state, "tiny-resnet")
    return model.requires_grad_(False).eval().to(device)


def _teacher_maps(model: ResNet, pixels: Tensor) -> list[Tensor]:
    """The maps after stages of stride 4, 8 and 16."""
    x = model.layer1(model.maxpool(model.relu(model.bn1(model.conv1(pixels)))))
    y = model.layer2(x)
    return [x, y, model.layer4(model.layer3(y))]


def _block_maps(model: VGG, pixels: Tensor) -> list[Tensor]:
    """The maps after each pooling."""
    maps = []
    for part in model.features:
        pixels = part(pixels)
        if isinstance(part, nn.MaxPool2d):
            maps.append(pixels)
    return maps


def _cut(images: Tensor, boxes: Tensor) -> Tensor:
    """Each image between its box (the first) and the whole of it (the last), resized to the input."""
    count, _, height, width = images.shape
    low, high = boxes[:, :2], boxes[:, 2:]
    around = torch.cat([low - MARGIN * (high - low), high + MARGIN * (high - low)], dim=1)
    whole = boxes.new_tensor([0, 0, width, height])
    share = torch.linspace(0, 1, count, dtype=boxes.dtype, device=boxes.device)[:, None]
    parts = (1 - share) * around + share * whole
    limit = boxes.new_tensor([width, height, width, height])
    numbers = torch.arange(count, dtype=boxes.dtype, device=boxes.device)[:, None]
    regions = torch.cat([numbers, parts.clamp(min=0).minimum(limit)], dim=1)
    # A ratio of -1 takes as many samples for each cell as it has pixels, which is antialiasing.
    return roi_align(images, regions, INPUT_SIZE, sampling_ratio=-1, aligned=True)
