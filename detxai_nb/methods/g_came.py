"""G-CAME: Grad-CAM whose channels are masked by Gaussians about the place that made the prediction."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from detxai_nb.methods.registry import Context, gradient_method
from detxai_nb.windows import spread_windows, take_windows

CENTRES = ("auto", "one", "two")
MEMORY_BUDGET = 64 * 2**20
"""Bytes that the masks held at once may take."""
_FLAT = 0.1
"""A mask that falls by less than this over the whole level is scaled without subtracting nearly equal numbers."""
_NEGLIGIBLE = 80.0
"""A Gaussian's exponent from which on it is below 2e-35 and left out."""
_SIGMAS = (1e-3, 1e6)
"""Below the first a mask is the centre alone, above the second it has its limit's shape, in every precision."""


@gradient_method(
    "g-came",
    title="G-CAME",
    source="Nguyen et al., G-CAME, eq. 5-12",
    choices={"centres": CENTRES, "as_published": (False, True)},
    compact=lambda settings: True,
    prefers=("head.class", "neck"),
)
def g_came(
    activation: Tensor, gradient: Tensor, context: Context, *, centres: str = "auto", as_published: bool = False
) -> Tensor:
    """Compute ``relu(sum_C m * mask * A)``: each channel weighted by its mean gradient m and masked by a Gaussian.

    The mask of a channel is ``exp(-d^2 / (2 sigma^2))`` of the distance d in cells from its centre, scaled to 0..1 over
    the whole level (to 1 at the centre and 0 at the farthest cell), with ``sigma = abs(ln(abs(m)) ln(S)) * 3 /
    floor((sqrt(h w) - 1) / 2)`` and ``S = sqrt(H W / (h w))`` for a network input of H x W. A level too small for a
    sigma (less than 3 cells a side) has the mask's limit for large sigma, ``1 - d^2 / max(d^2)``; if sigma is 0 the
    mask is the centre alone. A channel with m = 0 adds nothing.

    By default ``explain`` takes the layer that the paper names: the last activation of the class branch (YOLOX, FCOS,
    RetinaNet), else the neck's levels (Faster R-CNN).

    Args:
        activation: ``[C,h,w]``.
        gradient: ``[n,C,h,w]`` of n explained scalars, or windows ``[n,C,a,b]`` if the context has their corners.
        context: the sizes of level and input, the kind of detector and the windows' corners are read from it.
        centres: "one" (one-stage detectors): the centre is where ``abs(gradient)`` of the channel is largest, and m is
            the mean of its gradient. "two" (two-stage detectors, sec. 4.5): the gradient's positive and negative parts
            are two channels, each with a mean and a centre of its own, where the part is largest. "auto": by the kind
            of detector; for a gradient of one place, as on a head of 1x1 convolutions, both give the same map.
        as_published: compute it as the authors' notebooks do where they depart from the equations: no sigma is below 1;
            with two centres the negative part is centred where it is smallest, not where it is largest, and channels
            without a negative part are left out.

    Returns:
        Non-negative maps ``[n,h,w]``.

    Raises:
        ValueError: if the context has no input size.

    References:
        Nguyen et al., G-CAME, eq. 5-12. Departure: eq. 12 prints a ceiling and no absolute value; the authors' code has
        the floor, and sigma only enters squared.
    """
    if context.input_size is None:
        raise ValueError(
            "g-came needs to know the size of the network's input; explain tells it, got a context without"
        )
    two = context.two_stage if centres == "auto" else centres == "two"
    wide = activation.dtype if activation.dtype in (torch.float32, torch.float64) else torch.float32
    activation, gradient = activation.to(wide), gradient.to(wide)
    expansion = _expansion(context.size, context.input_size)
    total = activation.new_zeros(len(gradient), *activation.shape[1:])
    for weight, place in _channels(gradient, context.area, two, as_published):
        if context.corner is not None:
            place = place + context.corner[:, None]
        sigma = (weight.abs().log() * expansion).abs().nan_to_num(_SIGMAS[1]).clamp(*_SIGMAS)
        if as_published:
            sigma = sigma.clamp(min=1)
        total += _masked_sum(activation, weight, place, sigma)
    return torch.relu(total)


def _expansion(size: tuple[int, int], input_size: tuple[int, int]) -> float:
    """``ln(S) * 3 / floor((sqrt(h w) - 1) / 2)``, by which ``ln(abs(m))`` is multiplied."""
    area = size[0] * size[1]
    half = math.floor((math.sqrt(area) - 1) / 2)
    scale = math.log(math.sqrt(input_size[0] * input_size[1] / area))
    return scale * 3 / half if half else math.inf


def _channels(gradient: Tensor, area: int, two: bool, as_published: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """Mean gradients ``[n,C]`` over a level of ``area`` cells, and the centre (row, column) ``[n,C,2]`` of each.

    Once, or for the positive and the negative part of every channel.
    """
    if not two:
        yield gradient.sum(dim=(2, 3)) / area, _place(gradient.abs())
        return
    counts = (gradient < 0).any(dim=(2, 3), keepdim=True) if as_published else True
    for part, strength in ((gradient > 0, gradient), (gradient < 0, gradient if as_published else -gradient)):
        weight = torch.where(part & counts, gradient, 0).sum(dim=(2, 3)) / area
        yield weight, _place(torch.where(part, strength, -math.inf))


def _place(strength: Tensor) -> Tensor:
    """Row and column ``[n,C,2]`` of the largest value of each channel of ``[n,C,h,w]``."""
    largest = strength.flatten(2).argmax(dim=2)
    return torch.stack([largest // strength.shape[3], largest % strength.shape[3]], dim=2)


def _masked_sum(activation: Tensor, weight: Tensor, centre: Tensor, sigma: Tensor) -> Tensor:
    """``sum_C weight * mask * A``, ``[n,h,w]``; ``weight`` and ``sigma`` ``[n,C]``, ``centre`` ``[n,C,2]``."""
    height, width = activation.shape[1:]
    extent = centre.new_tensor([height - 1, width - 1])
    farthest = torch.maximum(centre, extent - centre).to(sigma).square()
    rate = 0.5 / sigma.square()
    fall = -torch.expm1(-rate * farthest.sum(dim=2))
    flat = (fall < _FLAT) & (weight != 0)
    steep = torch.where(flat | (weight == 0), 0, weight / fall)
    total = _steep_sum(activation, steep, centre, rate, farthest)
    if bool(flat.any()):
        total += _flat_sum(activation, torch.where(flat, weight, 0), centre, rate, farthest.sum(dim=2))
    return total


def _steep_sum(activation: Tensor, weight: Tensor, centre: Tensor, rate: Tensor, farthest: Tensor) -> Tensor:
    """The same for masks ``exp(-rate d^2) - exp(-rate farthest^2)``, on windows where the masks do not reach further.

    ``farthest`` ``[n,C,2]``: squared distances down and across. The two terms are products of the same factors, so that
    the farthest cell gets exactly 0.
    """
    size = activation.shape[1:]
    found = activation.new_zeros(len(weight), *size)
    if not len(weight):
        return found
    low = torch.exp(-rate[:, :, None] * farthest).prod(dim=2)
    low = torch.where(rate * farthest.sum(dim=2) < _NEGLIGIBLE, low, 0)
    used = (weight != 0)[:, :, None]
    reach = (_NEGLIGIBLE / rate).sqrt().ceil().clamp(max=sum(size)).long()[:, :, None]
    first = torch.where(used, centre - reach, sum(size)).amin(dim=1).clamp(min=0)
    last = torch.where(used, centre + reach, -1).amax(dim=1)
    last = torch.minimum(last, last.new_tensor(size) - 1)
    extents = [max(1, extent) for extent in (last - first + 1).amax(dim=0).tolist()]
    first = torch.minimum(first, first.new_tensor(size) - first.new_tensor(extents))
    each = len(activation) * extents[0] * extents[1] * activation.element_size() * 3
    for rows in torch.split(torch.arange(len(weight), device=weight.device), max(1, MEMORY_BUDGET // each)):
        axes = []
        for axis, extent in enumerate(extents):
            cells = first[rows, axis, None, None] + torch.arange(extent, device=centre.device)
            distance = (cells - centre[rows, :, axis, None]).to(rate)
            axes.append(torch.exp(-rate[rows, :, None] * distance.square()))
        masks = axes[0][:, :, :, None] * axes[1][:, :, None]
        masks -= low[rows, :, None, None]
        masks *= weight[rows, :, None, None]
        masks *= take_windows(activation, first[rows], extents)
        found[rows] = spread_windows(masks.sum(dim=1), first[rows], (size[0], size[1]))
    return found


def _flat_sum(activation: Tensor, weight: Tensor, centre: Tensor, rate: Tensor, farthest: Tensor) -> Tensor:
    """The same for masks scaled to 0..1 that hardly fall: ``1 - expm1(rate d^2) / expm1(rate farthest^2)``, in effect.

    Written with the distance still missing to the farthest cell, so that the limit for rate 0 comes out exactly.
    """
    height, width = activation.shape[1:]
    found = activation.new_empty(len(weight), height, width)
    rows = torch.arange(height, device=centre.device)
    columns = torch.arange(width, device=centre.device)
    for i in range(len(weight)):
        used = weight[i].nonzero()[:, 0]
        y, x = centre[i, used].T[:, :, None]
        squared = ((rows - y)[:, :, None].square() + (columns - x)[:, None].square()).to(rate)
        a, far = rate[i, used, None, None], farthest[i, used, None, None]
        mask = torch.exp(-a * far) * torch.expm1(a * (far - squared)) / -torch.expm1(-a * far)
        # A level of one cell is its own centre.
        mask = torch.where(far > 0, mask, 1)
        found[i] = (weight[i, used, None, None] * mask * activation[used]).sum(dim=0)
    return found
