"""G-CAME: Grad-CAM whose channels are masked by Gaussians about the place that made the prediction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

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
        as_published: compute it as the authors' two notebooks do, which depart from the equations and from each other.
            In both the Gaussian's centre lies one cell up and left of the gradient's (their grid counts from 1). With
            one centre: ``floor(sqrt(h w) - 1) / 2`` in sigma. With two: no sigma is below 1; the negative part is
            centred where it is weakest, and subtracted with its negative mean, so that in effect it is added; each
            channel is cut at 0 before the sum; a channel that lacks one of the parts is left out.

    Returns:
        Non-negative maps ``[n,h,w]``.

    Raises:
        ValueError: if the context has no input size.

    References:
        Nguyen et al., G-CAME, eq. 5-12. Departure: eq. 12 prints a ceiling and no absolute value; the authors' code has
        the floor, and sigma only enters squared. The notebooks cut at 0 after resizing the map; here that is done
        before, as for every map.
    """
    if context.input_size is None:
        raise ValueError(
            "g-came needs to know the size of the network's input; explain tells it, got a context without"
        )
    two = context.two_stage if centres == "auto" else centres == "two"
    wide = activation.dtype if activation.dtype in (torch.float32, torch.float64) else torch.float32
    activation, gradient = activation.to(wide), gradient.to(wide)
    expansion = _expansion(context.size, context.input_size, as_published and not two)
    total = activation.new_zeros(len(gradient), *activation.shape[1:])
    parts = []
    for weight, place in _channels(gradient, context.area, two, as_published):
        if context.corner is not None:
            place = place + context.corner[:, None]
        sigma = (weight.abs().log() * expansion).abs().nan_to_num(_SIGMAS[1]).clamp(*_SIGMAS)
        if as_published:
            # The notebooks' grid counts its cells from 1, the gradient's place from 0.
            place = place - 1
        parts.append((weight, place, sigma.clamp(min=1) if as_published and two else sigma))
    if as_published and two:
        return _added_parts(activation, parts)
    for weight, place, sigma in parts:
        total += _masked_sum(activation, weight, place, sigma)
    return torch.relu(total)


def _expansion(size: tuple[int, int], input_size: tuple[int, int], as_published: bool) -> float:
    """``ln(S) * 3 / floor((sqrt(h w) - 1) / 2)``, by which ``ln(abs(m))`` is multiplied.

    As published for one centre the floor is that of ``sqrt(h w) - 1``, which is halved afterwards.
    """
    area = size[0] * size[1]
    side = math.sqrt(area) - 1
    half = math.floor(side) / 2 if as_published else math.floor(side / 2)
    scale = math.log(math.sqrt(input_size[0] * input_size[1] / area))
    return scale * 3 / half if half else math.inf


def _channels(gradient: Tensor, area: int, two: bool, as_published: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """Mean gradients ``[n,C]`` over a level of ``area`` cells, and the centre (row, column) ``[n,C,2]`` of each.

    Once, or for the positive and the negative part of every channel.
    """
    if not two:
        yield gradient.sum(dim=(2, 3)) / area, _place(gradient.abs())
        return
    signs = [(sign * gradient > 0).any(dim=(2, 3), keepdim=True) for sign in (1, -1)]
    counts = signs[0] & signs[1] if as_published else True
    for part, strength in ((gradient > 0, gradient), (gradient < 0, gradient if as_published else -gradient)):
        weight = torch.where(part & counts, gradient, 0).sum(dim=(2, 3)) / area
        yield weight, _place(torch.where(part, strength, -math.inf))


def _place(strength: Tensor) -> Tensor:
    """Row and column ``[n,C,2]`` of the largest value of each channel of ``[n,C,h,w]``."""
    largest = strength.flatten(2).argmax(dim=2)
    return torch.stack([largest // strength.shape[3], largest % strength.shape[3]], dim=2)


def _masked_sum(activation: Tensor, weight: Tensor, centre: Tensor, sigma: Tensor) -> Tensor:
    """``sum_C weight * mask * A``, ``[n,h,w]``; ``weight`` and ``sigma`` ``[n,C]``, ``centre`` ``[n,C,2]``."""
    farthest = _farthest(centre, activation.shape[1:]).to(sigma)
    rate = 0.5 / sigma.square()
    fall = -torch.expm1(-rate * farthest.sum(dim=2))
    flat = (fall < _FLAT) & (weight != 0)
    steep = torch.where(flat | (weight == 0), 0, weight / fall)
    total = _steep_sum(activation, steep, centre, rate, farthest)
    if bool(flat.any()):
        total += _flat_sum(activation, torch.where(flat, weight, 0), centre, rate, farthest.sum(dim=2))
    return total


def _near(centre: Tensor) -> Tensor:
    """On each axis the squared distance to the nearest cell: 0, but 1 for a centre at -1, before the first cell.

    All squared distances are taken beyond it, so that a mask is 1 at the nearest cell.
    """
    return centre.clamp(max=0).square()


def _farthest(centre: Tensor, size: Sequence[int]) -> Tensor:
    """On each axis the squared distance to the farthest cell beyond ``_near``, like ``centre`` ``[...,2]``."""
    extent = centre.new_tensor([size[0] - 1, size[1] - 1])
    return torch.maximum(centre.square(), (extent - centre).square()) - _near(centre)


def _added_parts(activation: Tensor, parts: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """``sum_C relu(sum over parts of abs(weight) * mask * A)``, ``[n,h,w]``, as in the authors' two-stage notebook.

    ``parts``: weight and sigma ``[n,C]`` and centre ``[n,C,2]`` of the positive and of the negative part.
    """
    found = activation.new_zeros(len(parts[0][0]), *activation.shape[1:])
    each = math.prod(activation.shape[1:]) * activation.element_size() * 4
    for row in range(len(found)):
        used = parts[0][0][row].nonzero()[:, 0]
        for channels in torch.split(used, max(1, MEMORY_BUDGET // each)):
            weighted = torch.zeros_like(activation[channels])
            for weight, centre, sigma in parts:
                mask = _whole_masks(centre[row, channels], sigma[row, channels], activation.shape[1:])
                weighted += weight[row, channels, None, None].abs() * mask
            found[row] += torch.relu(weighted * activation[channels]).sum(dim=0)
    return found


def _whole_masks(centre: Tensor, sigma: Tensor, size: Sequence[int]) -> Tensor:
    """Masks ``[K,h,w]`` over the whole level, scaled to 0..1; ``centre`` ``[K,2]``, ``sigma`` ``[K]``."""
    near = _near(centre)
    axes = [
        (torch.arange(size[axis], device=centre.device) - centre[:, axis, None]).square() - near[:, axis, None]
        for axis in (0, 1)
    ]
    squared = (axes[0][:, :, None] + axes[1][:, None]).to(sigma)
    rate = (0.5 / sigma.square())[:, None, None]
    far = _farthest(centre, size).sum(dim=1)[:, None, None].to(sigma)
    mask = torch.exp(-rate * squared) * torch.expm1(-rate * (far - squared)) / torch.expm1(-rate * far)
    # A level of one cell is its own centre.
    return torch.where(far > 0, mask, 1)


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
            beyond = distance.square() - _near(centre[rows, :, axis, None]).to(rate)
            axes.append(torch.exp(-rate[rows, :, None] * beyond))
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
        down, across = (rows - y).square() - _near(y), (columns - x).square() - _near(x)
        squared = (down[:, :, None] + across[:, None]).to(rate)
        a, far = rate[i, used, None, None], farthest[i, used, None, None]
        mask = torch.exp(-a * far) * torch.expm1(a * (far - squared)) / -torch.expm1(-a * far)
        # A level of one cell is its own centre.
        mask = torch.where(far > 0, mask, 1)
        found[i] = (weight[i, used, None, None] * mask * activation[used]).sum(dim=0)
    return found
