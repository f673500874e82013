"""The building blocks of YOLOX, with the parameter names of the official checkpoints."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BaseConv(nn.Module):
    """Convolution without bias, batch normalisation, SiLU.

    Args:
        inputs, outputs: numbers of channels.
        size: the side of the kernel, odd.
        stride: the convolution's stride.
        groups: the convolution's groups of channels.
    """

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)

    def after(self, x: Tensor) -> Tensor:
        """Return what follows the convolution: batch normalisation and SiLU, which treat each location by itself.

        Args:
            x: the convolution's output ``[B,outputs,h,w]``.

        Returns:
            A map of the same shape.
        """
        return F.silu(self.bn(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the block.

        Args:
            x: a map ``[B,inputs,h,w]``.

        Returns:
            A map ``[B,outputs,h/stride,w/stride]``.
        """
        return self.after(self.conv(x))


class DWConv(nn.Module):
    """A depthwise and a 1x1 convolution, each with batch normalisation and SiLU.

    Args:
        inputs, outputs: numbers of channels.
        size: the side of the depthwise kernel, odd.
        stride: the stride of the depthwise convolution.
    """

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.dconv = BaseConv(inputs, inputs, size, stride, groups=inputs)
        self.pconv = BaseConv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the block.

        Args:
            x: a map ``[B,inputs,h,w]``.

        Returns:
            A map ``[B,outputs,h/stride,w/stride]``.
        """
        output: Tensor = self.pconv(self.dconv(x))
        return output


def conv_block(depthwise: bool, inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Module:
    """Return a convolution with batch normalisation and SiLU, depthwise separable or not.

    Args:
        depthwise: whether it is a ``DWConv``, otherwise a ``BaseConv``.
        inputs, outputs: numbers of channels.
        size: the side of the kernel, odd.
        stride: the convolution's stride.

    Returns:
        The block.
    """
    return DWConv(inputs, outputs, size, stride) if depthwise else BaseConv(inputs, outputs, size, stride)


class Bottleneck(nn.Module):
    """A 1x1 and a 3x3 convolution, with a residual connection if ``shortcut`` is set.

    Args:
        channels: the number of channels.
        shortcut: whether the input is added to the output.
        depthwise: whether the 3x3 convolution is depthwise separable.
    """

    def __init__(self, channels: int, shortcut: bool, depthwise: bool) -> None:
        super().__init__()
        self.conv1 = BaseConv(channels, channels, 1)
        self.conv2 = conv_block(depthwise, channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the block.

        Args:
            x: a map ``[B,channels,h,w]``.

        Returns:
            A map ``[B,channels,h,w]``.
        """
        output: Tensor = self.conv2(self.conv1(x))
        return output + x if self.shortcut else output


class CSPLayer(nn.Module):
    """A cross-stage partial layer: bottlenecks on one half of the channels, a shortcut for the other.

    Args:
        inputs, outputs: numbers of channels.
        count: the number of bottlenecks.
        shortcut: whether the bottlenecks have residual connections.
        depthwise: whether their 3x3 convolutions are depthwise separable.
    """

    def __init__(self, inputs: int, outputs: int, count: int, shortcut: bool, depthwise: bool) -> None:
        super().__init__()
        hidden = outputs // 2
        self.conv1 = BaseConv(inputs, hidden, 1)
        self.conv2 = BaseConv(inputs, hidden, 1)
        self.conv3 = BaseConv(2 * hidden, outputs, 1)
        self.m = nn.Sequential(*(Bottleneck(hidden, shortcut, depthwise) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the block.

        Args:
            x: a map ``[B,inputs,h,w]``.

        Returns:
            A map ``[B,outputs,h,w]``.
        """
        output: Tensor = self.conv3(torch.cat([self.m(self.conv1(x)), self.conv2(x)], dim=1))
        return output


class Focus(nn.Module):
    """The stem: each 2x2 block of pixels becomes 12 channels of one cell, then a convolution.

    Args:
        outputs: the number of channels.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = BaseConv(12, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the block.

        Args:
            x: images ``[B,3,h,w]``, h and w even.

        Returns:
            A map ``[B,outputs,h/2,w/2]``.
        """
        corners = [x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]]
        output: Tensor = self.conv(torch.cat(corners, dim=1))
        return output


class SPPBottleneck(nn.Module):
    """Spatial pyramid pooling: the map concatenated with its maxima over windows of three sizes (5, 9, 13 cells).

    Args:
        inputs, outputs: numbers of channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = BaseConv(inputs, inputs // 2, 1)
        self.m = nn.ModuleList(nn.MaxPool2d(size, 1, size // 2) for size in (5, 9, 13))
        self.conv2 = BaseConv(inputs // 2 * 4, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the block.

        Args:
            x: a map ``[B,inputs,h,w]``.

        Returns:
            A map ``[B,outputs,h,w]``.
        """
        x = self.conv1(x)
        output: Tensor = self.conv2(torch.cat([x, *(pool(x) for pool in self.m)], dim=1))
        return output
