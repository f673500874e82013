"""The tests of the lessons' code: each tries a student's function and says in words what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from detxai_nb.check.code_tests import code_test


@code_test("share-inside")
def try_share_inside(function: Callable[..., Any]) -> str | None:
    """Try a function that returns the share of a heat map's positive values that lies in a mask.

    Args:
        function: takes a map float32 ``[H,W]`` and a mask bool ``[H,W]``, tensors of PyTorch; returns a number from 0
            to 1.

    Returns:
        None if it is right, otherwise what is wrong.
    """
    import torch

    mask = torch.zeros(4, 6, dtype=torch.bool)
    mask[1:3, 1:3] = True
    flat = torch.ones(4, 6)
    one = torch.zeros(4, 6)
    one[1, 1], one[3, 5] = 3.0, 1.0
    signed = one.clone()
    signed[0, 0] = -4.0
    for heat, expected, what in (
        (flat, 4 / 24, "of a map that is 1 everywhere, and a mask of 4 of its 24 pixels,"),
        (one, 0.75, "of a map with 3 inside the mask and 1 outside"),
        (signed, 0.75, "of a map with 3 inside the mask, and 1 and -4 outside (only positive values are heat),"),
    ):
        if wrong := _of_number(function(heat.clone(), mask.clone()), expected, what):
            return wrong
    return None


@code_test("odam")
def try_odam(function: Callable[..., Any]) -> str | None:
    """Try a function that returns ODAM's map of one object, without smoothing.

    Args:
        function: takes an activation and a gradient, tensors float32 ``[C,H,W]`` of PyTorch; returns the map ``[H,W]``.

    Returns:
        None if it is right, otherwise what is wrong.
    """
    import torch

    generator = torch.Generator().manual_seed(13)
    activation, gradient = torch.randn(2, 3, 4, 5, generator=generator).unbind()
    even = gradient.mean((1, 2), keepdim=True).expand(-1, 4, 5)
    against = -gradient.abs() * activation.sign()
    for g, what in (
        (even, "of a gradient that is the same at every place"),
        (gradient, "of an activation and a gradient of random numbers"),
        (against, "where every channel speaks against the object"),
    ):
        expected = torch.zeros(4, 5)
        for channel, weights in zip(activation, g):
            expected += weights * channel
        if wrong := _of_map(function(activation.clone(), g.clone()), expected.clamp(min=0), what):
            return wrong
    return None


@code_test("reach")
def try_reach(function: Callable[..., Any]) -> str | None:
    """Try a function that returns how far convolutions see: the size of their receptive field on one axis.

    Args:
        function: takes two lists of whole numbers, the convolutions' kernel sizes and their strides, the first entry of
            each being of the first convolution; returns the number of cells of its input that one cell of the last
            convolution's output depends on, along one axis.

    Returns:
        None if it is right, otherwise what is wrong.
    """
    for kernels, strides in (([3], [1]), ([3, 3], [1, 1]), ([5, 1, 3], [1, 1, 1]), ([3, 3], [2, 1]), ([7, 3], [2, 2])):
        seen = {0}
        for kernel, stride in zip(kernels[::-1], strides[::-1]):
            seen = {cell * stride + offset for cell in seen for offset in range(kernel)}
        what = f"of kernels {kernels} and strides {strides}"
        if wrong := _of_number(function(list(kernels), list(strides)), max(seen) - min(seen) + 1, what):
            return wrong
    return None


@code_test("ss-grad-cam")
def try_ss_grad_cam(function: Callable[..., Any]) -> str | None:
    """Try a function that returns SSGrad-CAM's map of one object.

    Args:
        function: takes an activation and a gradient, tensors float32 ``[C,H,W]`` of PyTorch; returns the map ``[H,W]``.

    Returns:
        None if it is right, otherwise what is wrong.
    """
    import torch

    generator = torch.Generator().manual_seed(3)
    activation, gradient = torch.randn(2, 3, 4, 5, generator=generator).unbind()
    one = torch.zeros(3, 4, 5)
    one[0, 1, 2], one[0, 3, 3] = 2.0, -1.0
    for g, what in (
        (one, "of a gradient that is 0 but for two places of one channel"),
        (gradient, "of an activation and a gradient of random numbers"),
        (gradient * torch.tensor([1.0, 0.01, 0.0])[:, None, None], "of channels with large, small and no gradients"),
    ):
        expected = torch.zeros(4, 5)
        for channel, strength in zip(activation, g):
            if strength.any():
                expected += strength.mean() * channel * strength.abs() / strength.abs().max()
        if wrong := _of_map(function(activation.clone(), g.clone()), expected.clamp(min=0), what):
            return wrong
    return None


@code_test("difference-map")
def try_difference_map(function: Callable[..., Any]) -> str | None:
    """Try a function that returns the difference map of one object among several.

    Args:
        function: takes maps, a tensor float32 ``[N,H,W]`` of PyTorch with N of 2 or more, and the object's number;
            returns the signed map ``[H,W]``.

    Returns:
        None if it is right, otherwise what is wrong.
    """
    import torch

    generator = torch.Generator().manual_seed(5)
    maps = torch.rand(3, 4, 5, generator=generator)
    weak = maps * torch.tensor([1.0, 0.01, 30.0])[:, None, None]
    floor = maps + torch.tensor([0.0, 2.0, 5.0])[:, None, None]
    for given, index, what in (
        (maps, 1, "of three maps with values from 0 to 1"),
        (weak, 0, "of maps of which one is weak and one is strong"),
        (floor, 2, "of maps that are nowhere 0"),
        (maps[:2], 0, "of two maps"),
    ):
        scaled = [(one - one.min()) / (one.max() - one.min()) for one in given]
        highest = torch.zeros(4, 5)
        for number, one in enumerate(scaled):
            if number != index:
                highest = torch.maximum(highest, one)
        if wrong := _of_map(function(given.clone(), index), scaled[index] - highest, what):
            return wrong
    return None


@code_test("gaussian-mask")
def try_gaussian_mask(function: Callable[..., Any]) -> str | None:
    """Try a function that returns G-CAME's mask of a layer.

    Args:
        function: takes a cell's row and column, the layer's height and width, all in cells, and the Gaussian's width in
            cells; returns the mask, a tensor ``[height,width]`` of PyTorch that runs from 0 to 1.

    Returns:
        None if it is right, otherwise what is wrong.
    """
    import math

    import torch

    for row, column, height, width, sigma in ((1, 3, 4, 6, 1.5), (0, 0, 5, 3, 0.7), (2, 1, 3, 8, 9.0)):
        expected = torch.zeros(height, width)
        for y in range(height):
            for x in range(width):
                expected[y, x] = math.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2))
        expected = (expected - expected.min()) / (expected.max() - expected.min())
        what = f"of the cell in row {row}, column {column} of a layer of {height}x{width}, sigma {sigma},"
        if wrong := _of_map(function(row, column, height, width, sigma), expected, what):
            return wrong
    return None


@code_test("told-apart")
def try_told_apart(function: Callable[..., Any]) -> str | None:
    """Try a function that says whether the maps of two objects can be told apart.

    Args:
        function: takes the maps of two objects, tensors float32 ``[H,W]`` of PyTorch, and the bool masks ``[H,W]`` of
            the first object's box and of the second's; returns whether each map has more energy in its own box.

    Returns:
        None if it is right, otherwise what is wrong.
    """
    import torch

    own, other = torch.zeros(2, 4, 6, dtype=torch.bool).unbind()
    own[1:3, 0:3], other[1:3, 2:6] = True, True
    left, right, between = torch.zeros(3, 4, 6).unbind()
    left[1, 0], left[2, 4], right[2, 5], right[1, 1], right[0, 3] = 3.0, 1.0, 5.0, 2.0, 9.0
    between[1:3, 2], between[1, 3] = 4.0, 0.5
    spread = torch.zeros(4, 6)
    spread[2, 0], spread[1:3, 3:6] = 2.0, 0.5
    for first, second, expected, what in (
        (left, right, True, "each map has more energy in its own box"),
        (left * 0.1, right, True, "each map has more energy in its own box, and the first is the weaker of the two"),
        (right, left, False, "each map has more energy in the other's box"),
        (left, left, False, "both maps are the same, and lie in the first box"),
        (right, right, False, "both maps are the same, and lie in the second box"),
        (between, right, False, "the first map lies where the boxes overlap, and a little in the second"),
        (spread, right, False, "the first map is highest in its own box, with more energy in the other"),
    ):
        got = function(first.clone(), second.clone(), own.clone(), other.clone())
        try:
            said = bool(got)
        except (TypeError, ValueError, RuntimeError):
            return f"it returns {type(got).__name__}, not True or False"
        if said is not expected:
            return f"where {what}, it says {said}, not {expected}"
    return None


@code_test("rank-correlation")
def try_rank_correlation(function: Callable[..., Any]) -> str | None:
    """Try a function that returns Spearman's rank correlation of two maps.

    Args:
        function: takes two maps, tensors float32 ``[H,W]`` of PyTorch in which no value occurs twice; returns a number
            from -1 to 1.

    Returns:
        None if it is right, otherwise what is wrong.
    """
    import torch

    generator = torch.Generator().manual_seed(7)
    one, other = (torch.randperm(20, generator=generator).view(4, 5).float() / 19 for _ in range(2))
    for first, second, what in (
        (one, one, "of a map and itself"),
        (one, one**4, "of a map and its fourth power, which ranks the pixels alike,"),
        (one, -one, "of a map and its negative"),
        (one, other.exp() * 100, "of two unlike maps"),
    ):
        ranks = [[sum(bool(b < a) for b in heat.flatten()) for a in heat.flatten()] for heat in (first, second)]
        squares = sum((a - b) ** 2 for a, b in zip(*ranks))
        count = first.numel()
        expected = 1 - 6 * squares / (count * (count**2 - 1))
        if wrong := _of_number(function(first.clone(), second.clone()), expected, what):
            return wrong
    return None


@code_test("global-guidance")
def try_global_guidance(function: Callable[..., Any]) -> str | None:
    """Try a function that returns global guidance's map of one class, not smoothed.

    Args:
        function: takes an activation and a gradient, tensors float32 ``[C,H,W]`` of PyTorch; returns the map ``[H,W]``.

    Returns:
        None if it is right, otherwise what is wrong.
    """
    import torch

    generator = torch.Generator().manual_seed(11)
    activation, gradient = torch.randn(2, 3, 4, 5, generator=generator).unbind()
    even = gradient.mean((1, 2), keepdim=True).expand(-1, 4, 5)
    for g, what in (
        (even, "of a gradient that is the same at every place"),
        (gradient, "of an activation and a gradient of random numbers"),
    ):
        expected = torch.zeros(4, 5)
        for y in range(4):
            for x in range(5):
                guide = max(0.0, sum(float(g[k, y, x] * activation[k, y, x]) for k in range(3)))
                expected[y, x] = sum(float(g[k].mean() * activation[k, y, x]) * guide for k in range(3))
        if wrong := _of_map(function(activation.clone(), g.clone()), expected.clamp(min=0), what):
            return wrong
    return None


@code_test("odam-nms")
def try_odam_nms(function: Callable[..., Any]) -> str | None:
    """Try a function that says which predictions ODAM-NMS keeps, with an IoU of 0.5, T_low = 0.2 and T_high = 0.8.

    Args:
        function: takes the IoU of each prediction with each and the correlation of their maps, tensors float32
            ``[N,N]`` of PyTorch, and their scores ``[N]``; returns the numbers of the kept ones by falling score.

    Returns:
        None if it is right, otherwise what is wrong.
    """
    import torch

    generator = torch.Generator().manual_seed(13)
    noise = torch.rand(2, 12, 12, generator=generator)
    mixed, maps = ((one + one.T) / 2 for one in noise)
    chain, follow = torch.eye(3), torch.eye(3)
    chain[0, 1] = chain[1, 0] = chain[1, 2] = chain[2, 1] = 0.6
    follow[0, 1] = follow[1, 0] = follow[1, 2] = follow[2, 1] = 0.5
    pair, all_scores = torch.eye(2), torch.rand(12, generator=generator)
    near, few, much = pair.clone(), pair.clone(), pair.clone()
    near[0, 1] = near[1, 0] = 0.7
    few[0, 1] = few[1, 0] = 0.1
    much[0, 1] = much[1, 0] = 0.9
    two = torch.tensor([0.4, 0.9])
    for iou, alike, scores, what in (
        (near, much, two, "two boxes overlap by 0.7, and their maps correlate by 0.9"),
        (near, few, two, "two boxes overlap by 0.7, and their maps correlate by 0.1"),
        (pair, much, two, "two boxes lie apart, and their maps correlate by 0.9"),
        (pair, near, two, "two boxes lie apart, and their maps correlate by 0.7"),
        (
            chain,
            follow,
            torch.tensor([0.9, 0.8, 0.7]),
            "the second is a duplicate of the first, the third of the second",
        ),
        (mixed, maps, all_scores, "twelve predictions have random overlaps and correlations"),
    ):
        expected: list[int] = []
        for one in sorted(range(len(scores)), key=lambda number: -float(scores[number])):
            limits = [0.2 if float(iou[one, other]) >= 0.5 else 0.8 for other in expected]
            if not any(float(alike[one, other]) > limit for other, limit in zip(expected, limits)):
                expected.append(one)
        got = function(iou.clone(), alike.clone(), scores.clone())
        if isinstance(got, torch.Tensor):
            got = got.tolist()
        if not isinstance(got, (list, tuple)):
            return f"it returns {type(got).__name__}, not a list of numbers"
        if list(got) != expected:
            return f"where {what}, it keeps {list(got)!r}, not {expected!r}"[:300]
    return None


def _of_number(got: Any, expected: float, what: str) -> str | None:
    """Compare a student's number with the right one: None, or what is wrong in a sentence."""
    try:
        number = float(got)
    except (TypeError, ValueError, RuntimeError):
        return f"it returns {type(got).__name__}, not a number"
    return None if abs(number - expected) < 1e-4 else f"{what} it makes {number:.3f}, not {expected:.3f}"


def _of_map(got: Any, expected: Any, what: str) -> str | None:
    """Compare a student's map with the right one: None, or what is wrong in a sentence."""
    import torch

    if not isinstance(got, torch.Tensor):
        return f"it returns {type(got).__name__}, not a tensor"
    if got.shape != expected.shape:
        return f"{what} it makes a map of {list(got.shape)}, not {list(expected.shape)}"
    if not got.isfinite().all():
        return f"{what} its map has places that are no number: is something divided by 0?"
    if got.dtype.is_complex or got.dtype == torch.bool:
        return f"{what} it makes a map of {got.dtype}, not of float32"
    off = (got.to(expected) - expected).abs()
    if float(off.max()) > 1e-4 * max(1.0, float(expected.abs().max())):
        row, column = divmod(int(off.argmax()), expected.shape[1])
        value, right = float(got[row, column]), float(expected[row, column])
        return f"{what} the map at row {row}, column {column} is {value:.3f}, not {right:.3f}"
    return None
