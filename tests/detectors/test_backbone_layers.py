"""Layers before the pyramid: what becomes a leaf, what stays in the graph, and that no hook stays."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from detxai_nb.detectors.dense.backbone_layers import OpenBackbone, capture_parts
from detxai_nb.detectors.dense.stages import Stages
from detxai_nb.windows import GradientChunk


def parts() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.ReLU(inplace=True)) for _ in range(3)))


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) for part in module.modules())


@pytest.mark.parametrize("chained", [False, True])
def test_open_parts(chained: bool) -> None:
    """Held apart, the first map reaches the pyramid not through the second; chained it does."""
    chain, x = parts().double(), torch.rand(1, 2, 5, 7, dtype=torch.float64)
    with torch.no_grad():
        expected = chain(x)
    maps, (pyramid,) = capture_parts(lambda: [chain(x)], {"a": chain[0], "b": chain[1]}, chained)
    assert torch.equal(pyramid, expected)
    assert hooks(chain) == 0
    first, second = torch.autograd.grad(pyramid.sum(), [maps["a"], maps["b"]], allow_unused=True)
    assert second.any()
    if not chained:
        assert first is None
        return
    leaf = chain[0](x).detach().requires_grad_()
    (slow,) = torch.autograd.grad(chain[2](chain[1](leaf)).sum(), leaf)
    assert torch.allclose(first, slow)


def test_hooks_and_modes_are_gone_after_a_failure() -> None:
    chain = parts()

    def fail() -> list[Tensor]:
        chain(torch.rand(1, 2, 5, 7))
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        capture_parts(fail, {"a": chain[0]})
    assert hooks(chain) == 0
    assert torch.is_grad_enabled()
    with torch.no_grad():
        capture_parts(lambda: [chain(torch.rand(1, 2, 5, 7))], {"a": chain[0]})
        assert not torch.is_grad_enabled()


def test_batched_products_equal_single_ones() -> None:
    """Also from windows, and zero where a map is not used."""
    chain, x = parts().double(), torch.rand(1, 2, 5, 7, dtype=torch.float64)
    maps, pyramid = capture_parts(lambda: [chain[2](chain[0](x)), chain[1](x)], {"a": chain[0]})
    stages = Stages(maps, {"a": (8.0, 8.0)}, pyramid)
    windows, corner = torch.randn(3, 2, 3, 3, dtype=torch.float64), torch.tensor([[0, 0], [2, 4], [-1, 3]])
    chunk = GradientChunk(0, torch.tensor([4, 2, 7]), windows, corner)
    (found,) = stages.pull(chunk, (16.0, 16.0))
    assert found.level == 0
    assert found.rows.tolist() == [4, 2, 7]
    for gradient, seed in zip(found.gradient, chunk.dense(5, 7)):
        (slow,) = torch.autograd.grad(pyramid[0], maps["a"], seed[None], retain_graph=True)
        assert torch.allclose(gradient, slow[0], atol=1e-15)
    (unused,) = stages.pull(GradientChunk(1, torch.tensor([0]), windows[:1], corner[:1]), (8.0, 8.0))
    assert not unused.gradient.any()


def test_a_backbone_of_unknown_build_has_no_layers_before_the_pyramid() -> None:
    assert OpenBackbone(parts()).layers == ()
    chain = parts()
    assert OpenBackbone(chain, OrderedDict(x=chain[0], y=chain[1])).layers == ("backbone", "backbone.x", "backbone.y")
