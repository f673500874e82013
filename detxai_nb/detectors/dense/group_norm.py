"""Exact gradients through towers of convolution, GroupNorm and ReLU.

Group normalisation is not local, because its statistics depend on the whole map; the backward pass is written out on
whole maps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detxai_nb.detectors.dense.convolutions import ConvStep, backward_on_windows
from detxai_nb.winograd import Kernels, Tiles, convolve


@dataclass(frozen=True, eq=False)
class NormLayer:
    """What the backward pass of convolution, GroupNorm and ReLU needs, and GroupNorm with its statistics fixed.

    With the map's statistics as constants the norm is ``factor * z + shift``, per channel.

    Attributes:
        step: the convolution.
        normed: the normalised map before the affine one, ``[C,h,w]``, or ``[h,w,C]`` if ``kernel`` is given.
        gate: the derivative of affine map and ReLU divided by the standard deviation, laid out likewise.
        factor, shift: ``[C,1,1]``.
        groups: of the norm.
        kernel: the transformed kernel of the convolution's transpose, where Winograd's tiles are faster.
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

    Its ``output`` is ``[C',h,w]``. ``backward`` is linear in its argument and can be called many times.

    Args:
        convs: the convolutions in order.
        norms: the GroupNorm after each; each is followed by ReLU.
        features: the map ``[C,h,w]``.
        kernels: transformed kernels that towers of the same convolutions share; None for kernels of its own.
    """

    def __init__(
        self,
        convs: Sequence[nn.Conv2d],
        norms: Sequence[nn.GroupNorm],
        features: Tensor,
        kernels: Kernels | None = None,
    ) -> None:
        self.norm_layers: list[NormLayer] = []
        kernels = Kernels() if kernels is None else kernels
        x = features
        for conv, norm in zip(convs, norms):
            step = ConvStep.of(conv)
            on_tiles = _prefers_winograd(step, features)
            if on_tiles:
                z = convolve(x.permute(1, 2, 0), kernels.forward(step.weight)).permute(2, 0, 1).contiguous()
                z = z if step.bias is None else z.add_(step.bias[:, None, None])
            else:
                z = F.conv2d(x[None], step.weight, step.bias, padding=step.reach, groups=step.groups)[0]
            grouped = z.reshape(norm.num_groups, -1)
            variance, mean = torch.var_mean(grouped, dim=1, correction=0, keepdim=True)
            rstd = torch.rsqrt(variance + norm.eps)
            normed = ((grouped - mean) * rstd).reshape_as(z)
            each = len(norm.weight) // norm.num_groups
            factor = norm.weight[:, None, None] * rstd.repeat_interleave(each, 0)[:, :, None]
            shift = norm.bias[:, None, None] - factor * mean.repeat_interleave(each, 0)[:, :, None]
            x = torch.addcmul(norm.bias[:, None, None], normed, norm.weight[:, None, None]).relu_()
            gate = factor * (x > 0)
            kernel = None
            if on_tiles:
                kernel = kernels.transposed(step.weight)
                normed, gate = normed.permute(1, 2, 0).contiguous(), gate.permute(1, 2, 0).contiguous()
            self.norm_layers.append(NormLayer(step, normed, gate, factor, shift, norm.num_groups, kernel))
        self.output = x

    def fixed_norms(self) -> list[Callable[[Tensor], Tensor]]:
        """Return each GroupNorm and ReLU as a pointwise function, with this map's statistics as constants.

        Returns:
            One function of maps ``[n,C,a,b]`` for each layer.
        """
        return [_affine_relu(layer.factor, layer.shift) for layer in self.norm_layers]

    @property
    def layers(self) -> list[tuple[ConvStep, Tensor]]:
        """As those of ``OpenTower``, with this map's statistics as constants."""
        gates = (layer.gate if layer.kernel is None else layer.gate.permute(2, 0, 1) for layer in self.norm_layers)
        return [(layer.step, gate) for layer, gate in zip(self.norm_layers, gates)]

    def backward_on_windows(self, gradient: Tensor, at: Tensor) -> Tensor:
        """Return what ``OpenTower.backward`` does, with this map's statistics as constants.

        Args:
            gradient: gradients ``[n,C',k,k]`` at the output in a window around each cell, k odd; outside of it zero.
            at: int64 ``[n,2]``, (row, column) of the cells.

        Returns:
            Gradients ``[n,C,K,K]`` with respect to the map, K larger than k by twice the reach of the convolutions.
        """
        return backward_on_windows(self.layers, gradient, at)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return exact vector-Jacobian products: gradients at the output carried back to the map.

        Args:
            gradient: gradients ``[n,C',h,w]`` at the output; changed in place.

        Returns:
            Gradients ``[n,C,h,w]`` with respect to the map.
        """
        kernels = [layer.kernel for layer in self.norm_layers if layer.kernel is not None]
        if len(kernels) == len(self.norm_layers):
            return self._backward_on_tiles(gradient, kernels)
        for layer in reversed(self.norm_layers):
            gradient = _group_norm_backward(gradient, layer)
            gradient = F.conv_transpose2d(
                gradient, layer.step.weight, padding=layer.step.reach, groups=layer.step.groups
            )
        return gradient

    def _backward_on_tiles(self, gradient: Tensor, kernels: Sequence[Tensor]) -> Tensor:
        """The same with channels last and Winograd's tiles, one map at a time: several do not fit the caches."""
        size = gradient.shape[2:]
        tiles = {shape: Tiles(size, shape[1], shape[2], gradient) for shape in {kernel.shape for kernel in kernels}}
        found = gradient.new_empty(len(gradient), self.norm_layers[0].step.weight.shape[1], *size)
        for row, one in zip(found, gradient):
            field = one.permute(1, 2, 0).contiguous()
            for layer, kernel in zip(reversed(self.norm_layers), reversed(kernels)):
                field.mul_(layer.gate)
                mean = _group_mean(field.mean(dim=(0, 1)), layer.groups)
                slope = _group_mean((field * layer.normed).mean(dim=(0, 1)), layer.groups)
                inside = tiles[kernel.shape].inside(1)[0]
                torch.addcmul(field.sub_(mean), layer.normed, slope, value=-1, out=inside)
                field = field if kernel.shape[1] == kernel.shape[2] else field.new_empty(*size, kernel.shape[2])
                tiles[kernel.shape].convolve(kernel, field[None])
            row.copy_(field.permute(2, 0, 1))
        return found


def _prefers_winograd(step: ConvStep, features: Tensor) -> bool:
    """Whether Winograd's tiles are faster: a 3x3 convolution of many channels on a large map, on the CPU."""
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
    """The mean over each group of channels, repeated for its channels: ``[C]`` to ``[C]``."""
    grouped = channels.reshape(groups, -1)
    return grouped.mean(dim=1, keepdim=True).expand_as(grouped).reshape(-1)


def _group_norm_backward(gradient: Tensor, layer: NormLayer) -> Tensor:
    """``g - mean(g) - normed * mean(g * normed)`` per group with ``g = gate * gradient``, in place."""
    gradient.mul_(layer.gate)
    grouped = gradient.reshape(len(gradient), layer.groups, -1)
    normed = layer.normed.reshape(layer.groups, -1)
    mean = grouped.mean(dim=2, keepdim=True)
    slope = (grouped.transpose(0, 1) @ normed[:, :, None]).transpose(0, 1) / grouped.shape[2]
    # Not in place where the gradient lies otherwise in memory than its groups, as that of a channels_last module does.
    return grouped.sub_(mean).addcmul_(normed, slope, value=-1).reshape(gradient.shape)
