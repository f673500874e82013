"""Exact gradients of many predictions through stacks of stride-1 convolutions.

A dense detection head reads only the cells around a prediction. If every layer is local, the gradients of many
predictions are computed together on small windows; those of so many that their windows hold more cells than the map
share one forward pass of the map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detxai_nb.windows import take_windows


@dataclass(frozen=True, eq=False)
class ConvStep:
    """One convolution (odd square kernel, stride 1, zero padding that keeps the size) and what follows it pointwise.

    Attributes:
        weight: the kernels ``[C',C/groups,k,k]``.
        bias: ``[C']``, or None.
        groups: the number of groups of channels.
        after: what follows; it treats each location by itself.
    """

    weight: Tensor
    bias: Tensor | None
    groups: int = 1
    after: Callable[[Tensor], Tensor] = lambda x: x

    @property
    def reach(self) -> int:
        """The number of cells it reads to each side."""
        return self.weight.shape[-1] // 2

    @classmethod
    def of(cls, conv: nn.Module, after: Callable[[Tensor], Tensor] = lambda x: x) -> ConvStep:
        """Return the step of a ``Conv2d``.

        Args:
            conv: the convolution; its weights are shared, not copied.
            after: what follows; it treats each location by itself.

        Returns:
            The step.

        Raises:
            ValueError: if the module is not a ``Conv2d``, or its kernel, stride, dilation or padding is of another
                kind.
        """
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
    """Return how many cells to each side a prediction after these steps depends on.

    Args:
        steps: convolutions in order.

    Returns:
        Cells of the level.
    """
    return sum(step.reach for step in steps)


def cut_windows(features: Tensor, at: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Cut a square window around each of many cells.

    Args:
        features: the level ``[C,h,w]``.
        at: int64 ``[n,2]``, (row, column) of the centres.
        reach: cells to each side; a window has ``k = 2 * reach + 1``.

    Returns:
        The windows ``[n,C,k,k]``, zero beyond the level, and the mask ``[n,1,k,k]``, 1 for cells on the level, else 0.
    """
    corner, size = at - reach, (2 * reach + 1, 2 * reach + 1)
    mask = take_windows(torch.ones_like(features[:1]), corner, size)
    return take_windows(features, corner, size), mask


def run_windows(steps: Sequence[ConvStep], windows: Tensor, mask: Tensor) -> Tensor:
    """Return the output of a stack of convolutions at the centres of windows.

    It equals the output on the whole map: before each convolution the cells beyond the border are set to zero, as the
    padding of a whole map does at every layer.

    Args:
        steps: the convolutions in order.
        windows: ``[n,C,k,k]`` with ``k = 2 * reach_of(steps) + 1``.
        mask: ``[n,1,k,k]``, 1 for cells on the map, else 0.

    Returns:
        Outputs ``[n,C']``.
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


class OpenTower:
    """A stack of convolutions, each followed by pointwise layers, run once on a whole map for many backward passes.

    Its ``output`` is ``[C',h,w]``. What follows a convolution is kept as its derivative at each cell, so that the
    backward passes need no forward pass of their own windows.

    Args:
        steps: the convolutions in order.
        features: the map ``[C,h,w]``.
    """

    def __init__(self, steps: Sequence[ConvStep], features: Tensor) -> None:
        self._steps = tuple(steps)
        self._slopes: list[Tensor] = []
        x = features[None]
        for step in steps:
            with torch.no_grad():
                z = F.conv2d(x, step.weight, step.bias, padding=step.reach, groups=step.groups)
            with torch.enable_grad():
                # A copy, since what follows may work in place.
                y = step.after(z.requires_grad_().clone())
                (slope,) = torch.autograd.grad(y.sum(), z)
            self._slopes.append(slope[0])
            x = y.detach()
        self.output = x[0]

    @property
    def layers(self) -> list[tuple[ConvStep, Tensor]]:
        """Each convolution, and the derivative ``[C',h,w]`` of what follows it, for ``backward_on_windows``."""
        return list(zip(self._steps, self._slopes))

    def backward(self, gradient: Tensor, at: Tensor) -> Tensor:
        """Return exact vector-Jacobian products: gradients around cells of the output carried back to the map.

        Args:
            gradient: gradients ``[n,C',k,k]`` at the output in a window around each cell, k odd; outside of it zero.
            at: int64 ``[n,2]``, (row, column) of the cells.

        Returns:
            Gradients ``[n,C,K,K]`` with respect to the map, K larger than k by twice the reach of the steps. What they
            hold beyond the map belongs to its padding.
        """
        return backward_on_windows(self.layers, gradient, at)


def backward_on_windows(layers: Sequence[tuple[ConvStep, Tensor]], gradient: Tensor, at: Tensor) -> Tensor:
    """Carry gradients in windows around cells back through convolutions and what follows each.

    Args:
        layers: in order, each convolution and the derivative ``[C',h,w]`` of what follows it, cell by cell.
        gradient: gradients ``[n,C',k,k]`` at the output of the last, k odd.
        at: int64 ``[n,2]``, (row, column) of the windows' middle cells.

    Returns:
        Gradients ``[n,C,K,K]`` at the input of the first.
    """
    for step, slope in reversed(layers):
        # The derivative is zero beyond the map: a map's padding is no output of the layer before it.
        gradient = gradient * take_windows(slope, at - gradient.shape[-1] // 2, gradient.shape[-2:])
        gradient = F.conv_transpose2d(gradient, step.weight, groups=step.groups)
    return gradient
