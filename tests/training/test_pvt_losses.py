"""The losses of tiny-pvt: the distance of pyramids, and when the head is trained."""

from __future__ import annotations

import pytest
import torch

from detxai_nb.data import scenes
from detxai_nb.detectors.catalogue import bundled_weights
from detxai_nb.detectors.weights import fit_weights
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos
from detxai_nb.training.pvt_losses import pvt_losses, pyramid_distance
from detxai_nb.training.torchvision_losses import fcos_losses

IMAGES = torch.randint(0, 256, (2, 3, 64, 96), generator=torch.Generator().manual_seed(0)).byte()
TARGETS = [{"boxes": torch.tensor([[10.0, 12, 50, 40]]), "labels": torch.tensor([3])}] * 2


def test_distance_is_relative_to_the_size_of_what_is_aimed_at() -> None:
    aims = {"0": torch.full((1, 4, 3, 5), 2.0), "1": torch.full((1, 4, 2, 3), -30.0)}
    zeros = {name: torch.zeros_like(aim) for name, aim in aims.items()}
    assert pyramid_distance(aims, aims).item() == 0
    assert pyramid_distance(zeros, aims).item() == pytest.approx(1)
    assert pyramid_distance({"0": aims["0"] * 1.5, "1": aims["1"]}, aims).item() == pytest.approx(0.125)


def test_the_teacher_itself_gets_the_losses_of_fcos() -> None:
    model = tiny_fcos(len(scenes.NAMES))
    fit_weights(model, bundled_weights("tiny-fcos"), "tiny-fcos")
    model.eval()
    found, expected = pvt_losses(model, IMAGES, TARGETS, False), fcos_losses(model, IMAGES, TARGETS, False)
    assert found.pop("distillation").item() == pytest.approx(0, abs=1e-9)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(
        {name: value.item() for name, value in expected.items()}
    )


def test_far_from_the_teacher_only_the_distance_is_trained() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = tiny_fcos(len(scenes.NAMES))
    found = pvt_losses(model, IMAGES, TARGETS, False)
    assert found["distillation"].item() > 1
    sum(found.values()).backward()  # type: ignore[union-attr]
    trained = {name.split(".")[0] for name, weight in model.named_parameters() if weight.grad is not None}
    assert trained == {"backbone"}
