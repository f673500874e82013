"""tiny-yolox's losses: YOLOX's own once its maps are near those of tiny-fcos."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from detxai_nb.detectors.yolox.network import TINY, Yolox
from detxai_nb.training import yolox_distillation
from detxai_nb.training.loop import Batches, TrainingSettings
from detxai_nb.training.yolox_losses import prepare_yolox_batch, yolox_losses

SMALL = TrainingSettings(steps=4, batch=2, mix=(("plain", 1.0),), sizes=(((160, 128), 1.0),))


@pytest.fixture(scope="module")
def model() -> Yolox:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Yolox(10, TINY)


def test_maps_before_the_last_activation_lead_to_the_networks_outputs(model: Yolox) -> None:
    images, _ = Batches(SMALL)[0]
    model.eval()
    with torch.no_grad():
        expected = model(prepare_yolox_batch(images))
        maps = yolox_distillation._maps(model, prepare_yolox_batch(images))
        for level, (_, classes, box) in enumerate(maps):
            torch.testing.assert_close(model.head.predict(level, F.silu(box), F.silu(classes)), expected[level])


def test_far_away_only_the_distance_counts(model: Yolox) -> None:
    images, targets = Batches(SMALL)[0]
    parts = yolox_distillation.distilled_yolox_losses(model.train(), images, targets, False)
    assert {name for name, value in parts.items() if float(value.detach())} == {"distance"}
    parts["distance"].backward()
    assert model.head.cls_preds[0].weight.grad is None
    assert model.head.cls_convs[0][1].conv.weight.grad.abs().sum() > 0
    model.zero_grad()


@pytest.mark.parametrize("half", [False, True])
def test_near_by_yoloxs_own_losses_are_added(model: Yolox, half: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    images, targets = Batches(SMALL)[0]
    monkeypatch.setattr(yolox_distillation, "NEAR", 1e9)
    model.eval()
    parts: dict[str, Any] = yolox_distillation.distilled_yolox_losses(model, images, targets, half)
    for name, value in yolox_losses(model, images, targets, half).items():
        torch.testing.assert_close(parts[name], value, rtol=1e-4, atol=1e-4)
    assert parts["distance"] > 0
