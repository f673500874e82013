"""The losses of a batch against torchvision's own training forward pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from detxai_nb.training.loop import Batches, TrainingSettings
from detxai_nb.training.recipes import RECIPES

SMALL = TrainingSettings(steps=4, batch=2, mix=(("plain", 1.0),), sizes=(((160, 128), 1.0),))
TORCHVISION = ("tiny-fcos", "tiny-retinanet", "tiny-ssd", "tiny-faster-rcnn")


def ready(name: str) -> tuple[Any, Any, Any]:
    """The model in training mode at the batch's own size, images and targets."""
    images, targets = Batches(SMALL)[0]
    model: Any = RECIPES[name].initial_model(0)
    model.train()
    model.transform.min_size, model.transform.max_size = (128,), 448
    if model.transform.fixed_size is not None:
        model.transform.fixed_size = (160, 128)
    if name == "tiny-faster-rcnn":
        # All proposals, so that no draw among them depends on the last bits of a score.
        for sampler in (model.rpn.fg_bg_sampler, model.roi_heads.fg_bg_sampler):
            sampler.batch_size_per_image = 10**6
    return model, images, targets


@pytest.mark.parametrize("name", TORCHVISION)
def test_losses_are_those_of_torchvision(name: str) -> None:
    model, images, targets = ready(name)
    labels_from = 1 if RECIPES[name].background else 0
    own = [{"boxes": target["boxes"].clone(), "labels": target["labels"] + labels_from} for target in targets]
    results = []
    for way in ("torchvision", "ours"):
        if way == "torchvision":
            results.append(model([image / 255 for image in images], own))
        else:
            results.append(RECIPES[name].losses(model, images, targets, False))
        # The first pass moved the running statistics, which no loss in training mode reads.
    expected, got = results
    assert got.keys() == expected.keys()
    for key, value in got.items():
        torch.testing.assert_close(value, expected[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TORCHVISION)
def test_bfloat16_gives_nearly_the_same_and_gradients_everywhere(name: str) -> None:
    model, images, targets = ready(name)
    values = []
    for half in (False, True):
        parts = RECIPES[name].losses(model, images, targets, half)
        assert all(part.dtype == torch.float32 for part in parts.values())
        values.append(torch.stack(list(parts.values())).sum())
    assert values[1].item() == pytest.approx(values[0].item(), rel=0.05)
    values[1].backward()
    # Boxes of an image's objects need not fall on every level, convolutions shared by the levels see all of them.
    assert all(isinstance(part.weight.grad, torch.Tensor) for part in model.backbone.modules() if _weighs(part))


def _weighs(part: nn.Module) -> bool:
    return isinstance(part, nn.Conv2d)


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_batch_without_objects(name: str) -> None:
    model, images, _ = ready(name)
    nothing = [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}] * len(images)
    parts = RECIPES[name].losses(model, images, nothing, False)
    assert all(torch.isfinite(part) for part in parts.values())
