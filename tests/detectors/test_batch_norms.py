"""Gradients of batch norms in evaluation mode, which PyTorch mixes up on a CPU for some orders of axes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from kinds import KINDS, build
from torch import nn

import detxai_nb as dx
from detxai_nb.detectors.trace.batch_norms import with_exact_norms
from detxai_nb.testing import photograph

IMAGE = photograph()
LAYOUTS = {"usual": (480, 60, 10, 1), "channels last": (480, 1, 80, 8), "a view of more": (1, 1, 80, 8)}
"""Strides of a map ``[1,8,6,10]``."""


def random(strides: tuple[int, ...], seed: int) -> torch.Tensor:
    numbers = torch.randn(480, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return numbers.as_strided((1, 8, 6, 10), strides)


@pytest.mark.parametrize("map_in", LAYOUTS)
@pytest.mark.parametrize("gradient_in", LAYOUTS)
def test_the_gradient_is_the_formulas_in_every_order_of_axes(map_in: str, gradient_in: str) -> None:
    norm = nn.BatchNorm2d(8).double().eval()
    norm.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(0))
    x, gradient = random(LAYOUTS[map_in], 1).requires_grad_(), random(LAYOUTS[gradient_in], 2)
    y = with_exact_norms(nn.Sequential(norm), lambda: norm(x))
    assert torch.equal(y, norm(x))
    (found,) = torch.autograd.grad(y, x, gradient)
    assert torch.allclose(found, gradient / (norm.running_var + norm.eps).sqrt()[None, :, None, None])
    assert not norm._forward_hooks
    assert not norm._forward_pre_hooks


class Affine(nn.Module):
    """What a batch norm in evaluation mode computes, written out."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        self.scale = nn.Parameter(scale.detach()[:, None, None])
        self.shift = nn.Parameter((norm.bias - norm.running_mean * scale).detach()[:, None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale + self.shift


def written_out(module: nn.Module) -> nn.Module:
    """A copy of a network without batch norms."""
    module = copy.deepcopy(module)
    for part in list(module.modules()):
        for name, norm in part.named_children():
            if isinstance(norm, nn.BatchNorm2d):
                setattr(part, name, Affine(norm))
    return module


@pytest.mark.parametrize("kind", [kind for kind in ("rt-detr", "deimv2", "yolo12n") if kind in KINDS])
def test_networks_that_turn_maps_into_tokens_have_the_gradients_of_norms_written_out(kind: str) -> None:
    detector = build(kind, torch.float64)
    other = copy.copy(detector)
    other.module = written_out(detector.module)
    found = detector.detect([IMAGE], 0.0)[0][:2]
    for layer in [name for name in detector.layers if name.startswith("backbone")][:2]:
        for target in ("class", "x2"):
            pairs = zip(
                *(one.trace(IMAGE, layer).gradients(found, dx.Target(target)) for one in (detector, other)), strict=True
            )
            for (_, _, own), (_, _, expected) in pairs:
                assert (own - expected).norm() <= 1e-9 * expected.norm()
