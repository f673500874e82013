"""Exact gradients of many predictions through stacks of stride-1 convolutions.

A dense detection head reads, for one prediction, only the cells around it. Where every layer is local, the gradients of
many predictions are computed together on small windows. Group normalisation is not local, because its statistics
depend on the whole map; for it the backward pass is written out densely.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detxai_nb.detectors.dense.winograd import convolve, transform_transposed_kernel
from detxai_nb.windows import take_windows


@dataclass(frozen=True, eq=False)
class ConvStep:
    """One convolution (odd square kernel, stride 1, zero padding that keeps the size) and what follows it pointwise."""

    weight: Tensor
    bias: Tensor | None
    groups: int = 1
    after: Callable[[Tensor], Tensor] = lambda x: x

    @property
    def reach(self) -> int:
        """Cells it sees to each side."""
        return self.weight.shape[-1] // 2

    @classmethod
    def of(cls, conv: nn.Module, after: Callable[[Tensor], Tensor] = lambda x: x) -> ConvStep:
        """The step of a ``Conv2d``; ``ValueError`` where it is not of that kind."""
        if not isinstance(conv, nn.Conv2d):
            raise ValueError(f"expected a Conv2d in the detection head, got {type(conv).__name__}")
        size = conv.kernel_size[0]
        right = conv.kernel_size == (size, size) and size % 2 == 1 and conv.padding == (size // 2, size // 2)
        if not right or conv.stride != (1, 1) or conv.dilation != (1, 1) or conv.padding_mode != "zeros":
            raise ValueError(
                "expected convolutions of odd square kernels, stride 1 and zero padding that keeps the size in the "
                f"detection head, got {conv}"
            )
        return cls(conv.weight, conv.bias, conv.groups, after)


def reach_of(steps: Sequence[ConvStep]) -> int:
    """How many cells to each side a prediction after ``steps`` sees."""
    return sum(step.reach for step in steps)


def cut_windows(features: Tensor, at: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Windows of ``2 * reach + 1`` cells around ``at`` ``[n,2]`` (row, column) of ``features`` ``[C,h,w]``.

    Returns the windows ``[n,C,k,k]``, zero beyond the map, and the mask ``[n,1,k,k]`` of the cells inside it.
    """
    corner, size = at - reach, (2 * reach + 1, 2 * reach + 1)
    mask = take_windows(torch.ones_like(features[:1]), corner, size)
    return take_windows(features, corner, size), mask


def run_windows(steps: Sequence[ConvStep], windows: Tensor, mask: Tensor) -> Tensor:
    """The steps' output at the windows' centres, ``[n,C']``.

    Equal to running them on the whole map: before each convolution the cells beyond the border are set to zero, as the
    padding of a whole map is at every layer.
    """
    at_border = not bool(mask.all())
    for step in steps:
        reach = step.reach
        if reach and at_border:
            windows = windows * mask
        windows = step.after(F.conv2d(windows, step.weight, step.bias, groups=step.groups))
        if reach:
            mask = mask[:, :, reach:-reach, reach:-reach]
    return windows[:, :, 0, 0]


@dataclass(frozen=True, eq=False)
class _Layer:
    """What the backward pass of conv, GroupNorm and ReLU needs, and how GroupNorm reads with its statistics fixed.

    ``normed``: the normalised map before the affine one. ``gate``: the slope of affine map and ReLU over the standard
    deviation. Both ``[C,h,w]``, or ``[h,w,C]`` where ``kernel``, the transformed kernel, is there. With the map's
    statistics as constants the norm is ``factor * z + shift``, per channel.
    """

    step: ConvStep
    normed: Tensor
    gate: Tensor
    factor: Tensor
    shift: Tensor
    groups: int
    kernel: Tensor | None


class GroupNormTower:
    """A stack of convolution, GroupNorm and ReLU on one map, kept open for exact backward passes.

    ``output`` is the tower's output ``[C,h,w]``; ``backward`` is linear in what it gets and can be called many times.
    """

    def __init__(self, convs: Sequence[nn.Conv2d], norms: Sequence[nn.GroupNorm], features: Tensor) -> None:
        self._layers: list[_Layer] = []
        x = features
        for conv, norm in zip(convs, norms):
            step = ConvStep.of(conv)
            z = F.conv2d(x[None], step.weight, step.bias, padding=step.reach, groups=step.groups)[0]
            grouped = z.reshape(norm.num_groups, -1)
            variance, mean = torch.var_mean(grouped, dim=1, correction=0, keepdim=True)
            rstd = torch.rsqrt(variance + norm.eps)
            normed = ((grouped - mean) * rstd).view_as(z)
            each = len(norm.weight) // norm.num_groups
            factor = norm.weight[:, None, None] * rstd.repeat_interleave(each, 0)[:, :, None]
            shift = norm.bias[:, None, None] - factor * mean.repeat_interleave(each, 0)[:, :, None]
            x = torch.addcmul(norm.bias[:, None, None], normed, norm.weight[:, None, None]).relu_()
            gate = factor * (x > 0)
            kernel = None
            if _worth_tiling(step, features):
                kernel = transform_transposed_kernel(step.weight)
                normed, gate = normed.permute(1, 2, 0).contiguous(), gate.permute(1, 2, 0).contiguous()
            self._layers.append(_Layer(step, normed, gate, factor, shift, norm.num_groups, kernel))
        self.output = x

    def fixed_norms(self) -> list[Callable[[Tensor], Tensor]]:
        """Each norm and ReLU as a pointwise function: this map's statistics as constants."""
        return [_affine_relu(layer.factor, layer.shift) for layer in self._layers]

    def backward(self, gradient: Tensor) -> Tensor:
        """From gradients ``[n,C,h,w]`` at the output (changed in place) to those at the features, exactly."""
        if all(layer.kernel is not None for layer in self._layers):
            # One map at a time: the buffers of several do not fit the caches.
            return torch.stack([self._backward_tiled(row) for row in gradient])
        for layer in reversed(self._layers):
            gradient = _group_norm_backward(gradient, layer)
            gradient = F.conv_transpose2d(
                gradient, layer.step.weight, padding=layer.step.reach, groups=layer.step.groups
            )
        return gradient

    def _backward_tiled(self, gradient: Tensor) -> Tensor:
        """The same for one gradient ``[C,h,w]``, with channels last inside."""
        gradient = gradient.permute(1, 2, 0).contiguous()
        for layer in reversed(self._layers):
            gradient.mul_(layer.gate)
            mean = _group_mean(gradient.mean(dim=(0, 1)), layer.groups)
            slope = _group_mean((gradient * layer.normed).mean(dim=(0, 1)), layer.groups)
            gradient.sub_(mean).addcmul_(layer.normed, slope, value=-1)
            gradient = convolve(gradient, layer.kernel)  # type: ignore[arg-type]
        return gradient.permute(2, 0, 1)


def _worth_tiling(step: ConvStep, features: Tensor) -> bool:
    return (
        features.device.type == "cpu"
        and step.weight.shape[2:] == (3, 3)
        and step.groups == 1
        and min(step.weight.shape[:2]) >= 64
        and features.numel() >= 2**17
    )


def _affine_relu(factor: Tensor, shift: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda z: torch.addcmul(shift, z, factor).relu()


def _group_mean(channels: Tensor, groups: int) -> Tensor:
    """Means over groups of a value for each channel ``[C]``, given back to each channel."""
    grouped = channels.view(groups, -1)
    return grouped.mean(dim=1, keepdim=True).expand_as(grouped).reshape(-1)


def _group_norm_backward(gradient: Tensor, layer: _Layer) -> Tensor:
    """``g - mean(g) - normed * mean(g * normed)`` per group with ``g = gate * gradient``, in place."""
    gradient.mul_(layer.gate)
    grouped = gradient.view(len(gradient), layer.groups, -1)
    normed = layer.normed.view(layer.groups, -1)
    mean = grouped.mean(dim=2, keepdim=True)
    slope = (grouped.transpose(0, 1) @ normed[:, :, None]).transpose(0, 1) / grouped.shape[2]
    grouped.sub_(mean).addcmul_(normed, slope, value=-1)
    return gradient
