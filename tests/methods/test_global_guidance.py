"""Global guidance against its two equations written out in loops, on levels, windows and real networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import detxai_nb as dx
from detxai_nb.methods import METHODS, Context
from detxai_nb.methods.global_guidance import global_guidance
from detxai_nb.windows import spread_windows

SIZE = (5, 7)
CONTEXT = Context(SIZE, torch.zeros(3, 4))


def pair(seed: int = 0, rows: int = 3) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    activation = torch.rand(4, *SIZE, generator=random, dtype=torch.float64)
    return activation, torch.randn(rows, 4, *SIZE, generator=random, dtype=torch.float64) + 0.1


def by_hand(activation: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Guidance map (eq. 5) and saliency map before smoothing (eq. 6), one location and channel at a time."""
    guidance, saliency = torch.zeros(2, len(gradient), *activation.shape[1:], dtype=torch.float64)
    for n, slope in enumerate(gradient):
        for y in range(activation.shape[1]):
            for x in range(activation.shape[2]):
                sums = [float(slope[c, y, x] * activation[c, y, x]) for c in range(len(activation))]
                guidance[n, y, x] = max(sum(sums), 0)
                masked = [float(guidance[n, y, x] * activation[c, y, x]) for c in range(len(activation))]
                weights = [float(slope[c].mean()) for c in range(len(activation))]
                saliency[n, y, x] = max(sum(w * m for w, m in zip(weights, masked)), 0)
    return guidance, saliency


def test_the_two_equations() -> None:
    guidance, saliency = by_hand(*pair())
    assert saliency.flatten(1).any(dim=1).all()
    assert torch.allclose(global_guidance(*pair(), CONTEXT, smoothing=0.0), saliency)
    assert torch.allclose(global_guidance(*pair(), CONTEXT, part="guidance"), guidance)
    assert torch.equal(
        METHODS["hirescam"].function(*pair(), CONTEXT), global_guidance(*pair(), CONTEXT, part="guidance")
    )


@pytest.mark.parametrize("sigma", [0.4, 1.0, 3.0])
def test_smoothing_is_the_gaussian_of_scipy(sigma: float) -> None:
    """Also where its kernel is wider than the grid and is mirrored several times."""
    from scipy.ndimage import gaussian_filter

    expected = [gaussian_filter(one.numpy(), sigma, mode="reflect", truncate=4.0) for one in by_hand(*pair())[1]]
    found = global_guidance(*pair(), CONTEXT, smoothing=sigma)
    assert torch.allclose(found, torch.stack([torch.from_numpy(one) for one in expected]), atol=1e-12)
    assert torch.equal(
        METHODS["global-guidance"].function(*pair(), CONTEXT), global_guidance(*pair(), CONTEXT, smoothing=1)
    )


@pytest.mark.parametrize("settings", [{}, {"smoothing": 0.0}, {"part": "guidance"}])
def test_windows_give_the_whole_map(settings: dict[str, object]) -> None:
    """Inside the grid, at its end, and hanging over its border on two sides."""
    activation = pair()[0] + 0.5
    window = torch.randn(3, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 0.2
    corner = torch.tensor([[0, 1], [2, 4], [3, -1]])
    window[2, :, 2], window[2, :, :, 0] = 0, 0
    context = Context(SIZE, torch.zeros(3, 4), corner=corner)
    whole = global_guidance(activation, spread_windows(window, corner, SIZE), CONTEXT, **settings)  # type: ignore[arg-type]
    assert whole.flatten(1).any(dim=1).all()
    assert torch.allclose(global_guidance(activation, window, context, **settings), whole)  # type: ignore[arg-type]


def test_the_square_of_a_small_gradient_is_not_lost() -> None:
    activation, gradient = pair()
    expected = global_guidance(activation, gradient, CONTEXT)
    for scale in (1e-12, 1e-19, 1e-25):
        found = global_guidance(activation.float(), gradient.float() * scale, CONTEXT).double()
        assert torch.allclose(
            found / found.amax(dim=(1, 2), keepdim=True), expected / expected.amax(dim=(1, 2), keepdim=True), atol=1e-5
        )
    raw = global_guidance(activation.float(), gradient.float() * 1e-9, CONTEXT).double()
    assert torch.allclose(raw * 1e18, expected, rtol=1e-4)


@pytest.mark.parametrize("smoothing", [-1, 101.0, float("nan"), True, "1"])
def test_a_smoothing_that_is_no_width_is_refused(smoothing: object) -> None:
    with pytest.raises(ValueError, match="smoothing of 'global-guidance' is a standard deviation in grid cells"):
        global_guidance(*pair(), CONTEXT, smoothing=smoothing)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["tiny-resnet", "tiny-yolox"])
def test_a_network_explained_from_windows_and_whole_gradients_alike(name: str) -> None:
    """A classifier's gradients are whole, those of YOLOX's head are windows; both are the formula of the gradients."""
    detector = dx.load_detector(name, device="cpu")
    image = dx.data.scenes.Scenes(1)[0].image
    found = detector.detect([image], 0.1)[0][:3]
    maps = dx.explain(detector, image, found, method="global-guidance", smoothing=0.0)
    guidance = dx.explain(detector, image, found, method="global-guidance", part="guidance")
    assert (maps.settings["part"], guidance.settings["part"]) == ("saliency", "guidance")
    trace = detector.trace(image)
    for level, rows, gradient in trace.gradients(found, maps.target):
        activation, slopes = trace.levels[level].features.double(), gradient.double()
        marked = torch.einsum("nchw,chw->nhw", slopes, activation).relu()
        weighted = torch.einsum("nc,nhw,chw->nhw", slopes.mean(dim=(2, 3)), marked, activation).relu()
        for row, one, other in zip(rows.tolist(), marked, weighted):
            for grid, wanted in ((guidance.grids[row], one), (maps.grids[row], other)):
                assert torch.allclose(grid.double(), wanted, atol=1e-4 * float(wanted.max()))
