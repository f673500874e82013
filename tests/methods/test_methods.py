"""Each gradient method against its formula written out in loops, and what they all have in common."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import detxai_nb as dx
from detxai_nb.methods import METHODS, Context, find_method
from detxai_nb.methods.odam import odam
from detxai_nb.windows import GradientChunk, spread_windows, take_windows

SIZE = (5, 7)
CONTEXT = Context(SIZE, torch.tensor([[1.0, 1.0, 4.0, 5.0], [0.0, 0.0, 2.0, 2.0]]), (40, 56))
GRADIENT = sorted(name for name, method in METHODS.items() if method.kind == "gradient")

OWN_FORMULA = {
    "eigen-cam": "test_eigen_cam_is_the_first_singular_direction",
    "g-came": "test_g_came.py",
    "bbam": "test_bbam.py",
    "detr-attention": "test_detr_attention.py",
    "d-rise": "test_d_rise.py",
    "sodex": "test_sodex.py",
    "global-guidance": "test_global_guidance.py",
    "score-cam": "test_channel_methods.py",
    "ablation-cam": "test_channel_methods.py",
    "cameras": "test_path_cams.py",
    "integrated-grad-cam": "test_path_cams.py",
    "gradient-x-input": "test_input_gradients.py",
    "integrated-gradients": "test_input_gradients.py",
    "smoothgrad": "test_input_gradients.py",
    "fullgrad": "test_fullgrad.py",
    "smooth-fullgrad": "test_fullgrad.py",
    "relevance-cam": "test_relevance_cam.py",
}
"""Methods whose maps are no sum over channels of a weight times the activation, with the test of their formula."""
WITHOUT_GRADIENT = {"eigen-cam"}
"""Gradient methods whose maps do not depend on the gradient."""
WITHOUT_ACTIVATION: set[str] = set()
"""Gradient methods whose maps do not depend on the activation."""


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


def spatial_sensitivity(gradient: Tensor) -> Tensor:
    return gradient.abs() / gradient.abs().max() if gradient.any() else torch.zeros_like(gradient)


def xgrad_cam_weight(activation: Tensor, gradient: Tensor) -> float:
    sound = abs(float(activation.sum())) >= 1e-3 * float(activation.abs().sum()) > 0
    return float((gradient * activation).sum() / activation.sum()) if sound else 0.0


def ss_grad_cam_plus_plus_weight(activation: Tensor, gradient: Tensor, c: int, related: float = 1e-3) -> Tensor:
    instance = gradient.abs().amax(dim=0) > related * gradient.abs().max()
    return sum_of_weights(gradient[c], float(activation[c][instance].sum())) * spatial_sensitivity(gradient[c])


WEIGHTS: dict[str, Callable[..., Tensor | float]] = {
    "odam": lambda a, g, c: g[c],
    "hirescam": lambda a, g, c: g[c],
    "layer-cam": lambda a, g, c: g[c].clamp(min=0),
    "grad-cam": lambda a, g, c: float(g[c].mean()),
    "grad-cam++": lambda a, g, c: sum_of_weights(g[c], float(a[c].sum())),
    "xgrad-cam": lambda a, g, c: xgrad_cam_weight(a[c], g[c]),
    "ss-grad-cam": lambda a, g, c: float(g[c].mean()) * spatial_sensitivity(g[c]),
    "ss-grad-cam++": ss_grad_cam_plus_plus_weight,
}
"""By method the weight of channel c, a number or ``[h,w]``, of activation and gradient ``[C,h,w]``: the map is the sum
over channels of weight times activation, cut off at 0. Write it out slowly and without the package's own functions."""
FORMULAS = sorted(WEIGHTS)


def by_hand(name: str, activation: Tensor, gradient: Tensor, **settings: float) -> Tensor:
    """methods.md's formulas, one location and channel at a time."""
    channels, height, width = activation.shape
    maps = torch.zeros(len(gradient), height, width, dtype=torch.float64)
    for n, g in enumerate(gradient):
        for c in range(channels):
            weight = torch.as_tensor(WEIGHTS[name](activation, g, c, **settings), dtype=torch.float64).expand(
                height, width
            )
            for y in range(height):
                for x in range(width):
                    maps[n, y, x] += weight[y, x] * activation[c, y, x]
    return maps.clamp(min=0)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_has_a_formula_written_out_by_hand(name: str) -> None:
    assert name in WEIGHTS or name in OWN_FORMULA, (
        f"method {name!r} has no formula written out by hand: add the weight of a channel to WEIGHTS in "
        "tests/methods/test_methods.py or, where its map is no sum of weighted channels, the test of its own to "
        "OWN_FORMULA there"
    )


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
    assert (found >= 0).all() or METHODS[name].signed(METHODS[name].complete({})), "register it with signed=..."
    assert torch.equal(activation, kept[0])
    assert torch.equal(gradient, kept[1])
    assert run(name, activation, gradient[:0]).shape == (0, *SIZE)


@pytest.mark.parametrize("name", sorted({*GRADIENT} - WITHOUT_GRADIENT))
def test_no_gradient_gives_zeros(name: str) -> None:
    activation, gradient = pair()
    found = run(name, activation, torch.zeros_like(gradient))
    assert not found.any(), f"if {name!r} does not use the gradient, add it to WITHOUT_GRADIENT in this file"


@pytest.mark.parametrize("name", sorted({*GRADIENT} - WITHOUT_ACTIVATION))
def test_no_activation_gives_zeros(name: str) -> None:
    activation, gradient = pair()
    found = run(name, torch.zeros_like(activation), gradient)
    assert not found.any(), f"if {name!r} does not use the activation, add it to WITHOUT_ACTIVATION in this file"


@pytest.mark.parametrize("name", GRADIENT)
def test_tiny_gradients_do_not_underflow(name: str) -> None:
    activation, gradient = pair()
    found = run(name, activation.float(), gradient.float() * 1e-20)
    assert torch.isfinite(found).all()
    assert found.any(), "a float32 gradient of 1e-20 is lost: write the formula without powers of the gradient"


WINDOWED: list[tuple[str, dict[str, object]]] = [
    *((name, {}) for name in GRADIENT if METHODS[name].windowed(METHODS[name].complete({}))),
    ("odam", {"direction": "negative"}),
    ("odam", {"direction": "signed"}),
    ("odam", {"direction": "absolute"}),
    ("ss-grad-cam++", {"related": 0.3}),
]
"""Every method that declares itself windowed, and further settings of some."""


def test_the_methods_whose_maps_end_with_the_gradient_are_windowed() -> None:
    assert {"odam", "hirescam", "layer-cam", "ss-grad-cam", "ss-grad-cam++"} <= {name for name, _ in WINDOWED}


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


SUMMED: list[tuple[str, dict[str, object]]] = [
    *((name, {}) for name in GRADIENT if METHODS[name].summed(METHODS[name].complete({}))),
    *(("odam", {"direction": direction}) for direction in ("negative", "signed", "absolute")),
]
"""Every method that declares that it needs only sums over channels of products, and further settings."""


def test_the_methods_that_need_only_sums_over_channels_say_so() -> None:
    assert {name for name, _ in SUMMED} == {"odam", "hirescam"}
    assert not METHODS["odam"].summed(METHODS["odam"].complete({"smooth": "box"}))


@pytest.mark.parametrize(("name", "settings"), SUMMED)
def test_sums_over_channels_give_the_same_maps(name: str, settings: dict[str, object]) -> None:
    activation, gradient = pair()
    chunk = GradientChunk(0, torch.arange(2), gradient).products(activation)
    found = run(name, torch.ones_like(activation[:1]), chunk.gradient, **settings)
    assert torch.allclose(found, run(name, activation, gradient, **settings))


def test_products_of_windows_are_the_windows_of_the_products() -> None:
    activation, _ = pair()
    window = torch.randn(3, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    chunk = GradientChunk(2, torch.arange(3), window, torch.tensor([[0, 1], [3, 6], [-1, -2]]), (0.5, 0.5))
    small = chunk.products(activation)
    whole = GradientChunk(2, chunk.rows, chunk.dense(*SIZE)).products(activation)
    assert (small.level, small.shift, small.gradient.shape) == (2, chunk.shift, (3, 1, 3, 3))
    assert torch.allclose(small.dense(*SIZE), whole.gradient)


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
