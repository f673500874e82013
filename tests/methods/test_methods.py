"""Each method against its formula written out in loops, and what all methods have in common."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import detxai_nb as dx
from detxai_nb.methods import METHODS, Context, find_method
from detxai_nb.methods.odam import odam
from detxai_nb.types import spread_windows

SIZE = (5, 7)
CONTEXT = Context(SIZE, torch.tensor([[1.0, 1.0, 4.0, 5.0], [0.0, 0.0, 2.0, 2.0]]))


def pair(seed: int = 0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    activation = torch.randn(4, *SIZE, generator=random, dtype=torch.float64)
    return activation, torch.randn(2, 4, *SIZE, generator=random, dtype=torch.float64)


def by_hand(name: str, activation: Tensor, gradient: Tensor) -> Tensor:
    """methods.md's formulas, one location and channel at a time."""
    channels, height, width = activation.shape
    maps = torch.zeros(len(gradient), height, width, dtype=torch.float64)
    for n, g in enumerate(gradient):
        for c in range(channels):
            if name == "grad-cam":
                weight = torch.full((height, width), float(g[c].mean()), dtype=torch.float64)
            elif name == "odam":
                weight = g[c]
            else:
                below = 2 * g[c] ** 2 + activation[c].sum() * g[c] ** 3
                alpha = torch.where(below == 0, torch.zeros_like(below), g[c] ** 2 / below)
                weight = torch.full((height, width), float((alpha * g[c].clamp(min=0)).sum()), dtype=torch.float64)
            for y in range(height):
                for x in range(width):
                    maps[n, y, x] += weight[y, x] * activation[c, y, x]
    return maps.clamp(min=0)


@pytest.mark.parametrize("name", ["odam", "grad-cam", "grad-cam++"])
def test_formula(name: str) -> None:
    activation, gradient = pair()
    gradient[0, 1] = 0
    expected = by_hand(name, activation, gradient)
    assert torch.allclose(METHODS[name].function(activation, gradient, CONTEXT), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_no_gradient_gives_zeros_and_inputs_stay(name: str) -> None:
    activation, gradient = pair()
    kept = activation.clone(), gradient.clone()
    METHODS[name].function(activation, gradient, CONTEXT)
    assert torch.equal(activation, kept[0])
    assert torch.equal(gradient, kept[1])
    found = METHODS[name].function(activation, torch.zeros_like(gradient), CONTEXT)
    assert found.shape == (2, *SIZE)
    assert not found.any()


@pytest.mark.parametrize("name", sorted(METHODS))
def test_tiny_gradients_do_not_underflow(name: str) -> None:
    activation, gradient = pair()
    found = METHODS[name].function(activation.float(), gradient.float() * 1e-20, CONTEXT)
    assert torch.isfinite(found).all()
    assert found.any()


@pytest.mark.parametrize("direction", ["positive", "negative", "signed", "absolute"])
def test_windows_give_the_window_of_the_whole_map(direction: str) -> None:
    activation, _ = pair()
    window = torch.randn(2, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    corner = torch.tensor([[0, 1], [2, 4]])
    dense = spread_windows(window, corner, SIZE)
    crops = torch.stack([activation[:, y : y + 3, x : x + 3] for y, x in corner.tolist()])
    small = odam(crops, window, CONTEXT, direction=direction)
    whole = odam(activation, dense, CONTEXT, direction=direction)
    assert torch.allclose(spread_windows(small, corner, SIZE), whole)


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


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(ValueError, match=r"unknown method 'gradcam'; known: grad-cam, grad-cam\+\+, odam"):
        find_method("gradcam")
    with pytest.raises(TypeError, match="has no setting 'sigma'; its settings: direction, smooth"):
        METHODS["odam"].complete({"sigma": 1})
    with pytest.raises(ValueError, match="direction of 'odam' is one of 'positive'"):
        METHODS["odam"].complete({"direction": "up"})


def test_table_of_methods() -> None:
    table = dx.methods()
    assert set(table.index) == set(METHODS)
    assert table.loc["odam", "settings"] == "direction='positive', smooth=None"
