"""The losses of the bundled image classifiers."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import VGG, ResNet
from torchvision.ops import roi_align

from detxai_nb.detectors.catalogue import bundled_weights
from detxai_nb.detectors.weights import fit_weights
from detxai_nb.detectors.zoo.networks.classifiers import INPUT_SIZE, MEAN, STD, tiny_resnet
from detxai_nb.training.torchvision_losses import Targets

SMOOTHING = 0.05
"""Label smoothing: without it a softmax over so few classes is certain of everything."""
MARGIN = 0.15
"""The margin around the object in the narrowest crop, as a share of the sides of its box."""


def classifier_losses(model: nn.Module, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """Compute the cross-entropy of the class of the only object in each image.

    The first image of the batch is cropped to its object, the last one is whole, and the crops between them get ever
    wider: the shape of a large object is learnt much sooner than that of a small one. Crops are resized to the input
    size of the bundled models.

    Args:
        model: the classifier.
        images: uint8 ``[B,3,h,w]``, RGB.
        targets: boxes and labels of each image, exactly one object each.
        half: whether the network runs in bfloat16.

    Returns:
        The loss "class".

    Raises:
        ValueError: if an image does not have exactly one object.
    """
    pixels, labels = _batch(images, targets)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        logits = model(pixels)
    return {"class": _cross_entropy(logits, labels)}


def shared_losses(model: nn.Module, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """Compute the cross-entropy of the classes in images of any number of objects.

    One object of each image, drawn at random, is what the image is cropped about, as in ``classifier_losses``. The
    probability is shared evenly among the classes of the objects that lie in the crop with at least half of their
    boxes; for an image of one object that is ``classifier_losses``.

    Args:
        model: the classifier.
        images: uint8 ``[B,3,h,w]``, RGB.
        targets: boxes and labels of each image, at least one object each.
        half: whether the network runs in bfloat16.

    Returns:
        The loss "class".

    Raises:
        ValueError: if an image has no object.
    """
    if any(len(target["labels"]) == 0 for target in targets):
        raise ValueError("a classifier learns from scenes of one object or more, got an image without any")
    chosen = [int(torch.randint(len(target["labels"]), ())) for target in targets]
    boxes = torch.stack([target["boxes"][number] for target, number in zip(targets, chosen, strict=True)])
    regions = _regions(images, boxes)
    pixels = _normalized(images.float(), regions)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        logits = model(pixels)
    shares = torch.stack(
        [
            _class_shares(target["boxes"], target["labels"], region, logits.shape[1])
            for target, region in zip(targets, regions[:, 1:], strict=True)
        ]
    )
    return {"class": _cross_entropy(logits, shares)}


def distilled_vgg_losses(model: VGG, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
    """Compute ``classifier_losses`` of tiny-vgg and of feature distillation from the bundled tiny-resnet.

    A plain chain of convolutions learns shapes slowly; the maps of a trained network guide it. Each distance is
    the mean squared difference of two maps, divided by the mean square of the teacher's.

    Args:
        model: tiny-vgg.
        images: uint8 ``[B,3,h,w]``, RGB.
        targets: boxes and labels of each image, exactly one object each.
        half: whether the networks run in bfloat16.

    Returns:
        The losses "class" and "map 1", "map 2", ..., one for each block.

    Raises:
        ValueError: if an image does not have exactly one object.

    References:
        Romero et al., "FitNets: Hints for Thin Deep Nets" (ICLR 2015).
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
    """The input of the network, and labels ``[B]``."""
    counts = {len(target["labels"]) for target in targets}
    if counts != {1}:
        raise ValueError(f"a classifier learns from scenes of one object, got images with {sorted(counts)}")
    regions = _regions(images, torch.cat([target["boxes"] for target in targets]))
    return _normalized(images.float(), regions), torch.cat([target["labels"] for target in targets])


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The loss of labels ``[B]`` or of shares ``[B,C]``."""
    return F.cross_entropy(logits.float(), labels, label_smoothing=SMOOTHING)


def _class_shares(boxes: Tensor, labels: Tensor, region: Tensor, classes: int) -> Tensor:
    """Shares ``[C]`` of the classes with a box ``[N,4]`` that lies in a region ``[4]`` with half of its area or more.

    The region holds one of the boxes, so that there is a class.
    """
    sides = (torch.minimum(boxes[:, 2:], region[2:]) - torch.maximum(boxes[:, :2], region[:2])).clamp(min=0)
    inside = sides.prod(1) >= 0.5 * (boxes[:, 2:] - boxes[:, :2]).prod(1)
    there = torch.zeros(classes, dtype=boxes.dtype, device=boxes.device)
    there[labels[inside]] = 1
    return there / there.sum()


@cache
def _teacher(device: torch.device) -> ResNet:
    """The bundled tiny-resnet, in evaluation mode."""
    state = bundled_weights("tiny-resnet")
    model = tiny_resnet(len(state["fc.bias"]))
    fit_weights(model, state, "tiny-resnet")
    return model.requires_grad_(False).eval().to(device)


def _teacher_maps(model: ResNet, pixels: Tensor) -> list[Tensor]:
    """The maps after the stages of stride 4, 8 and 16."""
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


def _regions(images: Tensor, boxes: Tensor) -> Tensor:
    """For each image its number and a region ``[B,5]``, from its box (the first image) to all of it (the last)."""
    count, _, height, width = images.shape
    low, high = boxes[:, :2], boxes[:, 2:]
    around = torch.cat([low - MARGIN * (high - low), high + MARGIN * (high - low)], dim=1)
    whole = boxes.new_tensor([0, 0, width, height])
    share = torch.linspace(0, 1, count, dtype=boxes.dtype, device=boxes.device)[:, None]
    parts = (1 - share) * around + share * whole
    limit = boxes.new_tensor([width, height, width, height])
    numbers = torch.arange(count, dtype=boxes.dtype, device=boxes.device)[:, None]
    return torch.cat([numbers, parts.clamp(min=0).minimum(limit)], dim=1)


def _crop(images: Tensor, regions: Tensor) -> Tensor:
    """The region of each image, resized to the input size."""
    # A ratio of -1 takes as many samples for each cell as it has pixels, which is antialiasing.
    crops: Tensor = roi_align(images, regions, INPUT_SIZE, sampling_ratio=-1, aligned=True)
    return crops


def _normalized(images: Tensor, regions: Tensor) -> Tensor:
    """The input of the network: the region of each image, as the bundled classifiers take colours."""
    mean, std = (images.new_tensor(values)[:, None, None] for values in (MEAN, STD))
    return ((_crop(images, regions) / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
