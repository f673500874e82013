"""Each gradient method against its formula written out in loops, and what they all have in common."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import detxai_nb as dx
from detxai_nb.methods import METHODS, Context, find_method
from detxai_nb.methods.odam import odam
from detxai_nb.windows import spread_windows, take_windows

SIZE = (5, 7)
CONTEXT = Context(SIZE, torch.tensor([[1.0, 1.0, 4.0, 5.0], [0.0, 0.0, 2.0, 2.0]]), (40, 56))
GRADIENT = sorted(name for name, method in METHODS.items() if method.kind == "gradient")
FORMULAS = sorted({*GRADIENT} - {"eigen-cam", "g-came"})


def pair(seed: int = 0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    activation = torch.randn(4, *SIZE, generator=random, dtype=torch.float64)
    return activation, torch.randn(2, 4, *SIZE, generator=random, dtype=torch.float64)


def run(name: str, activation: Tensor, gradient: Tensor, **settings: object) -> Tensor:
    return METHODS[name].function(activation, gradient, CONTEXT, **settings)


def sum_of_weights(gradient: Tensor, activation_sum: float) -> float:
    """Grad-CAM++'s weight of one channel from its gradient ``[h,w]``, one location at a time."""
    total = 0.0
    for g in gradient.flatten().tolist():
        below = 2 * g**2 + activation_sum * g**3
        total += (g**2 / below if below else 0.0) * max(g, 0.0)
    return total


def channel(name: str, activation: Tensor, gradient: Tensor, c: int, related: float = 1e-3) -> Tensor:
    """methods.md's weight ``[h,w]`` of channel c for ``gradient`` ``[C,h,w]``."""
    a, g = activation[c], gradient[c]
    if name == "odam":
        return g
    if name == "layer-cam":
        return g.clamp(min=0)
    if name == "grad-cam":
        return torch.full_like(a, float(g.mean()))
    if name == "grad-cam++":
        return torch.full_like(a, sum_of_weights(g, float(a.sum())))
    if name == "xgrad-cam":
        sound = abs(float(a.sum())) >= 1e-3 * float(a.abs().sum()) > 0
        return torch.full_like(a, float((g * a).sum() / a.sum()) if sound else 0.0)
    where = g.abs() / g.abs().max() if g.any() else torch.zeros_like(g)
    if name == "ss-grad-cam":
        return float(g.mean()) * where
    instance = gradient.abs().amax(dim=0) > related * gradient.abs().max()
    return sum_of_weights(g, float(a[instance].sum())) * where


def by_hand(name: str, activation: Tensor, gradient: Tensor, **settings: float) -> Tensor:
    """methods.md's formulas, one location and channel at a time."""
    channels, height, width = activation.shape
    maps = torch.zeros(len(gradient), height, width, dtype=torch.float64)
    for n, g in enumerate(gradient):
        for c in range(channels):
            weight = channel(name, activation, g, c, **settings)
            for y in range(height):
                for x in range(width):
                    maps[n, y, x] += weight[y, x] * activation[c, y, x]
    return maps.clamp(min=0)


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name: str) -> None:
    activation, gradient = pair()
    gradient[0, 1] = 0
    expected = by_hand(name, activation, gradient)
    assert expected.any()
    assert torch.allclose(run(name, activation, gradient), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", GRADIENT)
def test_inputs_stay_and_the_shape_is_the_levels(name: str) -> None:
    activation, gradient = pair()
    kept = activation.clone(), gradient.clone()
    found = run(name, activation, gradient)
    assert found.shape == (2, *SIZE)
    assert (found >= 0).all()
    assert torch.equal(activation, kept[0])
    assert torch.equal(gradient, kept[1])
    assert run(name, activation, gradient[:0]).shape == (0, *SIZE)


@pytest.mark.parametrize("name", FORMULAS)
def test_no_gradient_gives_zeros(name: str) -> None:
    activation, gradient = pair()
    assert not run(name, activation, torch.zeros_like(gradient)).any()


@pytest.mark.parametrize("name", GRADIENT)
def test_no_activation_gives_zeros(name: str) -> None:
    activation, gradient = pair()
    assert not run(name, torch.zeros_like(activation), gradient).any()


@pytest.mark.parametrize("name", GRADIENT)
def test_tiny_gradients_do_not_underflow(name: str) -> None:
    activation, gradient = pair()
    found = run(name, activation.float(), gradient.float() * 1e-20)
    assert torch.isfinite(found).all()
    assert found.any()


WINDOWED = [
    ("odam", {"direction": "positive"}),
    ("odam", {"direction": "negative"}),
    ("odam", {"direction": "signed"}),
    ("odam", {"direction": "absolute"}),
    ("layer-cam", {}),
    ("ss-grad-cam", {}),
    ("ss-grad-cam++", {}),
    ("ss-grad-cam++", {"related": 0.3}),
]


@pytest.mark.parametrize(("name", "settings"), WINDOWED)
def test_windows_give_the_window_of_the_whole_map(name: str, settings: dict[str, object]) -> None:
    """Inside the grid, at its end, and hanging over its border on two sides."""
    activation = pair()[0] + 0.5
    window = torch.randn(3, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 0.2
    corner = torch.tensor([[0, 1], [2, 4], [3, -1]])
    window[2, :, 2], window[2, :, :, 0], window[1, 3] = 0, 0, 0
    dense = spread_windows(window, corner, SIZE)
    assert METHODS[name].windowed(METHODS[name].complete(settings))
    small = run(name, take_windows(activation, corner, (3, 3)), window, **settings)
    whole = run(name, activation, dense, **settings)
    assert whole.flatten(1).any(dim=1).all()
    assert torch.allclose(spread_windows(small, corner, SIZE), whole)


@pytest.mark.parametrize("name", ["grad-cam", "grad-cam++", "xgrad-cam", "eigen-cam", "g-came"])
def test_maps_that_reach_beyond_the_gradient_are_not_windowed(name: str) -> None:
    activation, gradient = pair()
    gradient[:, :, :, 2:] = 0
    assert run(name, activation, gradient)[:, :, 2:].any()
    assert not METHODS[name].windowed(METHODS[name].complete({}))


def test_directions_agree() -> None:
    activation, gradient = pair()
    signed = odam(activation, gradient, CONTEXT, direction="signed")
    assert torch.equal(odam(activation, gradient, CONTEXT), signed.clamp(min=0))
    assert torch.equal(odam(activation, gradient, CONTEXT, direction="negative"), (-signed).clamp(min=0))
    assert torch.equal(odam(activation, gradient, CONTEXT, direction="absolute"), signed.abs())


def test_smoothing_is_the_gaussian_of_the_box() -> None:
    activation = torch.ones(1, *SIZE, dtype=torch.float64)
    gradient = torch.zeros(1, 1, *SIZE, dtype=torch.float64)
    gradient[0, 0, 2, 3] = 1
    context = Context(SIZE, torch.tensor([[0.0, 0.0, 6.0, 3.0]]))
    found = odam(activation, gradient, context, smooth="box")[0]
    x, y = torch.arange(7.0).double() - 3, torch.arange(5.0).double() - 2
    across, down = torch.exp(-(x**2) / 2), torch.exp(-(y**2) / (2 * 0.5**2)) * (y.abs() <= 2)
    expected = torch.outer(down / down.sum(), across / across.sum())
    assert torch.allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("related", [0.0, 0.2, 0.9])
def test_the_instance_is_where_gradients_are_large(related: float) -> None:
    activation, gradient = pair(2)
    gradient[:, :, 1:3] *= 0.05
    expected = by_hand("ss-grad-cam++", activation, gradient, related=related)
    assert torch.allclose(run("ss-grad-cam++", activation, gradient, related=related), expected)
    if related:
        assert not torch.allclose(expected, by_hand("ss-grad-cam++", activation, gradient))


@pytest.mark.parametrize("name", ["grad-cam++", "ss-grad-cam++"])
def test_at_the_pole_the_weight_is_zero(name: str) -> None:
    """sum(A) * G is exactly -2 at the only location with a positive gradient."""
    activation = torch.full((1, *SIZE), -1.0)
    activation[0, 0, 0] = -2 + SIZE[0] * SIZE[1] - 1
    gradient = torch.full((1, 1, *SIZE), -0.5)
    gradient[0, 0, 0, 0] = 1
    assert float(activation.sum()) == -2
    assert not run(name, activation, gradient).any()


def test_a_channel_whose_sum_cancels_gets_no_weight_in_xgrad_cam() -> None:
    activation, gradient = pair()
    activation[2] -= activation[2].mean() - 1e-6
    without = run("xgrad-cam", activation[[0, 1, 3]], gradient[:, [0, 1, 3]])
    assert torch.allclose(run("xgrad-cam", activation, gradient), without)
    assert not torch.allclose(run("xgrad-cam", activation, gradient, cancels=0.0), without)
    activation[2] = 0
    assert torch.allclose(run("xgrad-cam", activation, gradient, cancels=0.0), without)


@pytest.mark.parametrize("channels", [3, 60])
def test_eigen_cam_is_the_first_singular_direction(channels: int) -> None:
    """With fewer and with more channels than locations; one map for all, whatever the gradient."""
    random = torch.Generator().manual_seed(4)
    activation = torch.randn(channels, *SIZE, generator=random, dtype=torch.float64) + 0.3
    gradient = torch.randn(2, channels, *SIZE, generator=random, dtype=torch.float64)
    locations = activation.flatten(1).T
    _, _, right = torch.linalg.svd(locations, full_matrices=False)
    expected = locations @ right[0]
    expected = expected if expected.mean() >= 0 else -expected
    found = run("eigen-cam", activation, gradient)
    assert torch.allclose(found, expected.clamp(min=0).view(SIZE).expand(2, -1, -1), atol=1e-9)
    assert torch.equal(found, run("eigen-cam", activation, -gradient))
    assert torch.allclose(found, run("eigen-cam", -activation, gradient), atol=1e-9)


def test_eigen_cam_without_a_mean_takes_the_sign_of_the_largest_value() -> None:
    row = torch.tensor([1.0, -3.0, 1.0, 1.0])
    gradient = torch.zeros(1, 2, 1, 4)
    activation = torch.stack([row, 2 * row]).view(2, 1, 4)
    for sign in (1, -1):
        found = run("eigen-cam", sign * activation, gradient)[0, 0]
        assert torch.allclose(found, torch.tensor([0, 3, 0, 0]) * 5**0.5, atol=1e-5)


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(ValueError, match=r"unknown method 'gradcam'; known: .*grad-cam, grad-cam\+\+, .*odam"):
        find_method("gradcam")
    with pytest.raises(TypeError, match="has no setting 'sigma'; its settings: direction, smooth"):
        METHODS["odam"].complete({"sigma": 1})
    with pytest.raises(ValueError, match="direction of 'odam' is one of 'positive'"):
        METHODS["odam"].complete({"direction": "up"})
    activation, gradient = pair()
    with pytest.raises(ValueError, match="related of 'ss-grad-cam\\+\\+' is a share, 0 to below 1; got 1"):
        run("ss-grad-cam++", activation, gradient, related=1)
    with pytest.raises(ValueError, match="cancels of 'xgrad-cam' is a share, 0 to 1; got -1"):
        run("xgrad-cam", activation, gradient, cancels=-1)


def test_table_of_methods() -> None:
    table = dx.methods()
    assert set(table.index) == set(METHODS)
    assert table.loc["odam", "settings"] == "direction='positive', smooth=None"
    assert table.loc["bbam", "kind"] == table.loc["detr-attention", "kind"] == "trace"
