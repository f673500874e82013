"""Sharpening changes the class logits as it says and nothing else."""

from __future__ import annotations

import torch

from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos
from detxai_nb.training.calibration import sharpen
from detxai_nb.training.recipes import RECIPES


@torch.no_grad()
def test_class_logits_are_scaled_and_moved_and_nothing_else_changes() -> None:
    model, sharp = RECIPES["tiny-fcos"].initial_model(0).eval(), tiny_fcos().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    sharp.load_state_dict(sharpen(model.state_dict(), gain=1.5, shift=-2.0))
    features = [torch.rand(1, 64, 5, 7), torch.rand(1, 64, 3, 4), torch.rand(1, 64, 2, 2)]
    one, other = model.head(features), sharp.head(features)
    torch.testing.assert_close(other["cls_logits"], one["cls_logits"] * 1.5 - 2, rtol=1e-4, atol=1e-5)
    assert torch.equal(other["bbox_regression"], one["bbox_regression"])
    assert torch.equal(other["bbox_ctrness"], one["bbox_ctrness"])
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
