"""Branches of a head: every kind of tower against its own modules, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

import detxai_nb as dx
from detxai_nb.detectors.dense.branch import Branch
from detxai_nb.detectors.dense.branch_run import BranchRun
from detxai_nb.detectors.dense.convolutions import cut_windows
from detxai_nb.testing import photograph
from detxai_nb.windows import GradientChunk

AT = torch.tensor([[0, 0], [5, 8], [2, 3]])


def tower(norm: type | None, groups: int = 1, layers: int = 2) -> nn.Sequential:
    torch.manual_seed(0)
    activation = nn.ReLU if norm is nn.GroupNorm else nn.SiLU
    made = nn.Sequential()
    for _ in range(layers):
        normed = None if norm is None else (lambda n: nn.GroupNorm(2, n)) if norm is nn.GroupNorm else norm
        made.append(Conv2dNormActivation(4, 4, groups=groups, norm_layer=normed, activation_layer=activation))
    for part in made.modules():
        if isinstance(part, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.normal_(part.weight, 1, 0.3)
            nn.init.normal_(part.bias, 0, 0.3)
    return made.double().eval()


def head(size: int = 3, outputs: int = 5) -> nn.Conv2d:
    return nn.Conv2d(4, outputs, size, padding=size // 2).double()


def whole(features: Tensor, *modules: nn.Module) -> Tensor:
    x = features[None]
    for module in modules:
        x = module(x)
    return x[0]


@pytest.mark.parametrize("norm", [None, nn.BatchNorm2d, nn.GroupNorm])
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("layers", [0, 2])
def test_outputs_and_gradients_equal_the_modules(norm: type | None, groups: int, layers: int) -> None:
    modules, ends = tower(norm, groups, layers), [head(), head(outputs=1)]
    features = torch.randn(4, 6, 9, dtype=torch.float64)
    branch = Branch.of(modules, ends)
    run = BranchRun(branch, features)
    assert run.local == branch.local == (norm is not nn.GroupNorm or not layers)
    assert branch.reach == layers + 1
    leaf = features.clone().requires_grad_()
    expected = torch.cat([whole(leaf, *modules, end) for end in ends])[:, AT[:, 0], AT[:, 1]].T
    with torch.no_grad():
        assert torch.allclose(run.at_cells(AT), expected, atol=1e-12)
    slope = torch.randn(3, 6, dtype=torch.float64)
    with torch.no_grad():
        found = run.pull(slope, AT)
    for row in range(3):
        (slow,) = torch.autograd.grad(expected[row], leaf, slope[row], retain_graph=True)
        assert (found[row] - slow).norm() <= 1e-12 * slow.norm()


@pytest.mark.parametrize("norm", [None, nn.BatchNorm2d, nn.GroupNorm])
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("layers", [0, 2])
@pytest.mark.parametrize("in_place", [False, True])
def test_gradients_of_many_need_no_forward_pass_of_windows(
    norm: type | None, groups: int, layers: int, in_place: bool
) -> None:
    """Fixed statistics make group normalisation local."""
    modules, ends = tower(norm, groups, layers), [head(), head(outputs=1)]
    for part in modules.modules():
        if hasattr(part, "inplace"):
            part.inplace = in_place
    features = torch.randn(4, 6, 9, dtype=torch.float64)
    kept = features.clone()
    one, many = (BranchRun(Branch.of(modules, ends), features, fixed=True) for _ in range(2))
    assert many.open_for(100)
    slope = torch.randn(3, 6, dtype=torch.float64)
    windows, mask = cut_windows(features, AT, one.reach)
    windows.requires_grad_()
    outputs = one.on_windows(windows, mask)
    (expected,) = torch.autograd.grad(outputs, windows, slope)
    with torch.no_grad():
        found = many.pull_windows(slope, AT)
        assert torch.allclose(many.at_cells(AT), outputs, atol=1e-12)
    assert found.shape == expected.shape
    assert (found * mask - expected * mask).norm() <= 1e-12 * expected.norm()
    assert torch.equal(features, kept)


def test_a_tower_is_opened_where_its_level_is_less_work_than_windows() -> None:
    level = torch.randn(4, 40, 40, dtype=torch.float64)
    run = BranchRun(Branch.of(tower(None), [head()]), level)
    # Windows of 5x5 and 3x3 cells against 40x40 cells twice.
    assert not run.open_for(94)
    with pytest.raises(RuntimeError, match="call open_for first"):
        run.pull_windows(torch.ones(1, 5, dtype=torch.float64), AT[:1])
    assert run.open_for(95)
    assert run.open_for(1)


def test_it_can_be_opened_after_any_part() -> None:
    modules, end = tower(nn.GroupNorm), head(1)
    features = torch.randn(4, 6, 9, dtype=torch.float64)
    branch = Branch.of(modules, [end])
    assert branch.stops == (1, 2)
    with torch.no_grad():
        opened = branch.activation(features, 1)
        assert torch.allclose(opened, whole(features, modules[0]))
        rest = BranchRun(branch.after(1), opened)
        assert torch.allclose(rest.at_cells(AT), whole(features, modules, end)[:, AT[:, 0], AT[:, 1]].T)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([nn.Conv2d(4, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1)], "got AdaptiveAvgPool2d"),
        ([nn.ReLU()], "got ReLU"),
        ([nn.Conv2d(4, 4, 3, padding=1), nn.GroupNorm(2, 4)], "expected GroupNorm and ReLU .* got GroupNorm"),
        ([nn.Conv2d(4, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.SiLU()], "got GroupNorm, SiLU"),
        (
            [nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.GroupNorm(2, 4), nn.ReLU()],
            "after every convolution, or after none",
        ),
        ([nn.Conv2d(4, 4, 3, stride=2, padding=1)], "stride 1"),
    ],
)
def test_other_towers_are_refused(modules: list[nn.Module], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Branch.of(modules, [head()])


def test_ends_of_different_reach_are_refused() -> None:
    with pytest.raises(ValueError, match="one kernel size"):
        Branch.of([], [head(1), head(3)])


@pytest.mark.parametrize("name", ["tiny-ssd", "tiny-yolox", "tiny-fcos"])
def test_predictions_have_the_same_gradients_among_many_as_alone(name: str) -> None:
    """On levels of few cells a branch is opened as a whole for one prediction as well."""
    settings = {"norm_statistics": "fixed"} if name == "tiny-fcos" else {}
    detector = dx.load_detector(name, device="cpu", **settings)
    detector.module.double()
    image = photograph(96, 128)
    found = dx.nms.candidates(detector, image, 0.001)[:80]
    for target in (dx.Target(), dx.Target("y1"), dx.Target(score="logit")):
        together, alone = detector.trace(image), detector.trace(image)
        for chunk in together.chunks(found, target):
            for i in (0, len(chunk.rows) - 1):
                (one,) = alone.chunks(found[chunk.rows[i : i + 1]], target)
                size = together.levels[chunk.level].features.shape[1:]
                expected = one.dense(*size)[0]
                corner = None if chunk.corner is None else chunk.corner[i : i + 1]
                many = GradientChunk(chunk.level, chunk.rows[:1], chunk.gradient[i : i + 1], corner)
                assert (many.dense(*size)[0] - expected).norm() <= 1e-9 * expected.norm()
