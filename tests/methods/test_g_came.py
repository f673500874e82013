"""G-CAME against its definition written out in loops, on made-up levels and on real detectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from g_came_by_hand import g_came_by_hand, one_stage_notebook, two_stage_notebook
from torch import Tensor

import detxai_nb as dx
from detxai_nb.methods import Context, g_came
from detxai_nb.methods.g_came import g_came as function
from detxai_nb.types import Target
from detxai_nb.windows import GradientChunk

SIZES = [(12, 17), (40, 31), (5, 4), (3, 3)]


def made_up(size: tuple[int, int], scale: float, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Activations and gradients of mixed signs; one channel without a gradient, one without a negative part."""
    random = torch.Generator().manual_seed(size[0])
    activation = torch.randn(6, *size, generator=random, dtype=torch.float64)
    gradient = torch.randn(3, 6, *size, generator=random, dtype=torch.float64) * scale
    gradient[:, 1] = 0
    gradient[:, 2].abs_()
    gradient[:, 3].abs_().neg_()
    return activation.to(dtype), gradient.to(dtype)


def by_hand(activation: Tensor, gradient: Tensor, input_size: tuple[int, int], **options: Any) -> Tensor:
    rule = options.pop("rule", g_came_by_hand)
    a = activation.double().numpy()
    return torch.from_numpy(np.stack([rule(a, g.double().numpy(), input_size, **options) for g in gradient]))


def assert_close(found: Tensor, expected: Tensor, share: float) -> None:
    """Each map to that share of its maximum."""
    for one, other in zip(found.double(), expected, strict=True):
        assert other.any()
        assert float((one - other).abs().max()) <= share * float(other.abs().max())


@pytest.mark.parametrize("centres", ["one", "two"])
@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0])
@pytest.mark.parametrize("size", SIZES)
def test_the_definition(size: tuple[int, int], scale: float, centres: str) -> None:
    """From masks narrower than a cell to masks that hardly fall over the level."""
    input_size = (size[0] * 8, size[1] * 8)
    expected = by_hand(*made_up(size, scale), input_size, two=centres == "two")
    context = Context(size, torch.zeros(3, 4), input_size)
    for dtype, share in ((torch.float64, 1e-9), (torch.float32, 2e-5)):
        found = function(*made_up(size, scale, dtype), context, centres=centres)
        assert found.dtype == dtype
        assert_close(found, expected, share)


def of_one_place(size: tuple[int, int], scale: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The gradients of three objects, each of a single cell: one inside, two at the border."""
    activation, gradient = made_up(size, scale, dtype)
    only = torch.zeros_like(gradient)
    for row, (y, x) in enumerate([(size[0] // 2, size[1] - 1), (0, 1), (1, 0)]):
        only[row, :, y, x] = gradient[row, :, y, x]
    return activation, only


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0])
@pytest.mark.parametrize("size", [(12, 17), (40, 31), (5, 4), (4, 4)])
def test_as_published_in_the_one_stage_notebook(size: tuple[int, int], scale: float) -> None:
    input_size = (size[0] * 8, size[1] * 8)
    expected = by_hand(*of_one_place(size, scale, torch.float64), input_size, rule=one_stage_notebook)
    context = Context(size, torch.zeros(3, 4), input_size)
    for dtype, share in ((torch.float64, 1e-9), (torch.float32, 2e-5)):
        found = function(*of_one_place(size, scale, dtype), context, as_published=True)
        assert_close(found, expected, share)


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize("size", SIZES)
def test_as_published_in_the_two_stage_notebook(size: tuple[int, int], scale: float) -> None:
    input_size = (size[0] * 8, size[1] * 8)
    expected = by_hand(*made_up(size, scale), input_size, rule=two_stage_notebook)
    context = Context(size, torch.zeros(3, 4), input_size, two_stage=True)
    for dtype, share in ((torch.float64, 1e-9), (torch.float32, 2e-5)):
        found = function(*made_up(size, scale, dtype), context, as_published=True)
        assert_close(found, expected, share)


def test_as_published_every_departure_moves_the_map() -> None:
    """What the notebooks have in common with the equations is less than a rounding error."""
    size, input_size = (12, 17), (96, 136)
    two_stage = Context(size, torch.zeros(3, 4), input_size, two_stage=True)
    for made, context in ((made_up, two_stage), (of_one_place, Context(size, torch.zeros(3, 4), input_size))):
        arguments = made(size, 1e-3, torch.float64)
        plain, theirs = (function(*arguments, context, as_published=published) for published in (False, True))
        assert (plain / plain.amax((1, 2), True) - theirs / theirs.amax((1, 2), True)).abs().max() > 0.02


@pytest.mark.parametrize("stride", [2, 128])
def test_strides_make_the_masks_narrow_or_wide(stride: int) -> None:
    size = (20, 9)
    activation, gradient = made_up(size, 1e-4)
    input_size = (size[0] * stride, size[1] * stride)
    found = function(activation, gradient, Context(size, torch.zeros(3, 4), input_size))
    assert_close(found, by_hand(activation, gradient, input_size), 1e-9)


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("centres", ["one", "two"])
def test_windows_with_their_corners_give_the_same_map(centres: str, as_published: bool) -> None:
    """Also such as hang over the border."""
    size, corner = (14, 11), torch.tensor([[0, 0], [12, 8], [-1, 3]])
    activation, gradient = made_up(size, 1e-3)
    windows = gradient[:, :, :3, :3].clone()
    windows[1, :, 2], windows[2, :, 0] = 0, 0
    dense = GradientChunk(0, torch.arange(3), windows, corner).dense(*size)
    boxes = torch.zeros(3, 4)
    how = {"centres": centres, "as_published": as_published}
    small = function(activation, windows, Context(size, boxes, (112, 88), corner=corner), **how)
    assert_close(small, function(activation, dense, Context(size, boxes, (112, 88)), **how), 1e-12)


def test_of_one_place_both_rules_say_the_same() -> None:
    size = (9, 9)
    activation, gradient = made_up(size, 1e-3)
    only = torch.zeros_like(gradient)
    only[:, :, 4, 6] = gradient[:, :, 4, 6]
    context = Context(size, torch.zeros(3, 4), (72, 72))
    one, two = (function(activation, only, context, centres=rule) for rule in ("one", "two"))
    assert one.any()
    assert torch.allclose(one, two, atol=1e-15)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 7), (2, 4)])
def test_levels_too_small_for_a_sigma(size: tuple[int, int]) -> None:
    """The mask has its limit's shape: 1 at the centre, falling with the squared distance to 0 at the farthest cell."""
    activation = torch.ones(1, *size, dtype=torch.float64)
    gradient = torch.zeros(1, 1, *size, dtype=torch.float64)
    gradient[0, 0, 0, 0] = 0.5
    found = function(activation, gradient, Context(size, torch.zeros(1, 4), (64, 64)))[0]
    far = (size[0] - 1) ** 2 + (size[1] - 1) ** 2
    mask = torch.tensor(
        [[1 - (y**2 + x**2) / far if far else 1.0 for x in range(size[1])] for y in range(size[0])]
    ).double()
    assert torch.allclose(found, mask * 0.5 / (size[0] * size[1]), atol=1e-9)


def test_a_sigma_of_zero_leaves_the_centre_alone() -> None:
    """A mean gradient of 1 has the logarithm 0."""
    size = (6, 6)
    gradient = torch.zeros(1, 1, *size)
    gradient[0, 0, 2, 3] = size[0] * size[1]
    found = function(torch.ones(1, *size), gradient, Context(size, torch.zeros(1, 4), (48, 48)))[0]
    assert found[2, 3] == 1
    assert found.sum() == 1


def test_a_level_at_the_inputs_own_size_leaves_the_centre_alone() -> None:
    """There ln(S) is 0."""
    size = (6, 6)
    activation, gradient = made_up(size, 1e-3)
    found = function(activation, gradient, Context(size, torch.zeros(3, 4), size))
    assert ((found > 0).flatten(1).sum(dim=1) <= len(activation)).all()


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("centres", ["one", "two"])
def test_maps_do_not_depend_on_how_many_fit_the_memory(
    centres: str, as_published: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (40, 31)
    activation, gradient = made_up(size, 1e-3)
    context = Context(size, torch.zeros(3, 4), (320, 248))
    how = {"centres": centres, "as_published": as_published}
    whole = function(activation, gradient, context, **how)
    monkeypatch.setattr(g_came, "MEMORY_BUDGET", 1)
    assert torch.allclose(function(activation, gradient, context, **how), whole, rtol=1e-12, atol=1e-18)


def test_without_an_input_size_it_says_so() -> None:
    activation, gradient = made_up((6, 6), 1e-3)
    with pytest.raises(ValueError, match="size of the network's input"):
        function(activation, gradient, Context((6, 6), torch.zeros(3, 4)))


def by_definition_two(activation: np.ndarray, gradient: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
    return g_came_by_hand(activation, gradient, input_size, two=True)


@pytest.mark.parametrize(
    ("name", "layer", "rule"),
    [
        ("tiny-yolox", "head.class", g_came_by_hand),
        ("tiny-fcos", "head.class", g_came_by_hand),
        ("tiny-faster-rcnn", "neck", by_definition_two),
        ("tiny-yolox", "head.class", one_stage_notebook),
        ("tiny-faster-rcnn", "neck", two_stage_notebook),
    ],
)
def test_real_detectors(name: str, layer: str, rule: Any) -> None:
    """By default on the paper's layer; to 1e-4 of each map's maximum."""
    detector: Any = dx.load_detector(name)
    image = dx.data.scenes.Scenes(1, seed=4)[0].image
    chosen = detector.detect([image], 0.3)[0][:6]
    assert len(chosen) >= 2
    published = rule in (one_stage_notebook, two_stage_notebook)
    maps = dx.explain(detector, image, chosen, method="g-came", as_published=published)
    assert maps.layer == layer
    trace = detector.trace(image, layer)
    done = 0
    for level, rows, gradients in trace.gradients(chosen, Target()):
        features = trace.levels[level].features.double().numpy()
        for row, gradient in zip(rows.tolist(), gradients.double().numpy()):
            expected = rule(features, gradient, trace.placement.input_size)
            assert np.abs(maps.grids[row].double().numpy() - expected).max() <= 1e-4 * expected.max() > 0
            done += 1
    assert done == len(chosen)


def test_compare_gives_every_method_its_own_layer() -> None:
    detector: Any = dx.load_detector("tiny-yolox")
    image = dx.data.scenes.Scenes(1)[0].image
    chosen = detector.detect([image], 0.3)[0][:2]
    together = dx.compare(detector, image, chosen, methods=["g-came", "odam"])
    assert list(together) == ["g-came", "odam"]
    assert [maps.layer for maps in together.values()] == ["head.class", "neck"]
    asked = dx.compare(detector, image, chosen, methods=["g-came", "odam"], layer="backbone")
    assert {maps.layer for maps in asked.values()} == {"backbone"}
    alone = dx.explain(detector, image, chosen, method="g-came")
    assert torch.equal(alone.values, together["g-came"].values)
