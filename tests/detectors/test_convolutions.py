"""Windows, Winograd's convolutions and the backward pass through GroupNorm, against autograd."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from detxai_nb.detectors.dense.convolutions import ConvStep, cut_windows, reach_of, run_windows
from detxai_nb.detectors.dense.group_norm import GroupNormTower
from detxai_nb.winograd import convolve, transform_transposed_kernel


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 4), (17, 30), (100, 135)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 2e-5)])
def test_winograd_is_the_transposed_convolution(size: tuple[int, int], dtype: torch.dtype, tolerance: float) -> None:
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(64, 80, 3, 3, generator=random, dtype=dtype)
    x = torch.randn(1, 64, *size, generator=random, dtype=dtype)
    expected = F.conv_transpose2d(x.double(), weight.double(), padding=1)[0].permute(1, 2, 0)
    found = convolve(x[0].permute(1, 2, 0).contiguous(), transform_transposed_kernel(weight))
    assert found.shape == expected.shape
    assert (found - expected).norm() <= tolerance * expected.norm()


@pytest.mark.parametrize("size", [(9, 13), (64, 48)])
def test_tower_backward_is_autograds(size: tuple[int, int]) -> None:
    """Both ways: whole maps for small ones, tiles for large ones."""
    torch.manual_seed(0)
    channels = 64
    convs = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3)]
    norms = [nn.GroupNorm(8, channels) for _ in range(3)]
    for norm in norms:
        nn.init.normal_(norm.weight, 1, 0.3)
        nn.init.normal_(norm.bias, 0, 0.3)
    tower = nn.Sequential(*(part for pair in zip(convs, norms) for part in (*pair, nn.ReLU()))).double()
    features = torch.randn(channels, *size, dtype=torch.float64)
    seed = torch.randn(2, channels, *size, dtype=torch.float64)
    leaf = features.expand(2, -1, -1, -1).clone().requires_grad_()
    (expected,) = torch.autograd.grad(tower(leaf), leaf, seed)
    with torch.no_grad():
        opened = GroupNormTower(convs, norms, features)
        assert torch.allclose(opened.output, tower(features[None])[0])
        found = opened.backward(seed.clone())
    assert (found - expected).norm() <= 1e-12 * expected.norm()


@pytest.mark.parametrize("at", [(0, 0), (0, 6), (4, 0), (4, 6), (2, 3)])
def test_windows_equal_the_whole_map(at: tuple[int, int]) -> None:
    """Zero padding at every layer, on a map smaller than the window as well."""
    torch.manual_seed(0)
    convs = [nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Conv2d(4, 5, 5, padding=2)]
    steps = [ConvStep.of(conv.double(), torch.sigmoid) for conv in convs]
    features = torch.randn(3, 5, 7, dtype=torch.float64)
    whole = features[None]
    for conv in convs:
        whole = torch.sigmoid(conv(whole))
    windows, mask = cut_windows(features, torch.tensor([at]), reach_of(steps))
    assert torch.allclose(run_windows(steps, windows, mask)[0], whole[0, :, at[0], at[1]], atol=1e-12)


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(3, 3, 3),
        nn.Conv2d(3, 3, 3, padding=1, stride=2),
        nn.Conv2d(3, 3, 3, padding=2, dilation=2),
        nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"),
        nn.Linear(3, 3),
    ],
)
def test_other_layers_are_refused(conv: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"expected .* in the detection head, got"):
        ConvStep.of(conv)
