"""Convolutions for forward passes only: channels last, and by Winograd's tiles where that is faster."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.winograd import Tiles, transform_kernel

_LEAST_CHANNELS = 96
_LEAST_TILES = 24
_MOST_WASTE = 1.5
"""How many times its cells the tiles of a map may cover."""
_KEPT = 16


class Buffers:
    """The tiles of the map sizes that were convolved last, shared by all convolutions of a network.

    One pass at a time uses them: a detector runs alone with its network.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int, int, int], Tiles] = OrderedDict()

    def of(self, size: tuple[int, int], inputs: int, outputs: int, like: Tensor) -> Tiles:
        """Return the tiles of maps of one size.

        Args:
            size: (h, w).
            inputs, outputs: numbers of channels.
            like: a tensor of the data type and device.

        Returns:
            Buffers to be written into.
        """
        key = (*size, inputs, outputs)
        found = self._kept.pop(key, None) or Tiles(size, inputs, outputs, like)
        self._kept[key] = found
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffers:
        return self


class PlainConvolution(nn.Conv2d):
    """A convolution without a graph, whose weights are stored channels last.

    Args:
        like: the convolution that it stands for.
        weight, bias: its weights, or those with a normalisation folded in.
        buffers: of the network, for Winograd's tiles; None where they bring nothing.
    """

    def __init__(self, like: nn.Conv2d, weight: Tensor, bias: Tensor | None, buffers: Buffers | None) -> None:
        nn.Module.__init__(self)
        for name in ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"):
            setattr(self, name, getattr(like, name))
        self.padding_mode, self.transposed, self.output_padding = like.padding_mode, False, (0, 0)
        self._reversed_padding_repeated_twice = list(like._reversed_padding_repeated_twice)
        self.weight = nn.Parameter(weight.detach().contiguous(memory_format=torch.channels_last), False)
        self.bias = None if bias is None else nn.Parameter(bias.detach(), False)
        self._buffers_of_tiles = buffers if tiles_suit(like) else None
        self._kernel: Tensor | None = None
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of a batch.

        Args:
            x: ``[B,C,h,w]``, in any order of storage.

        Returns:
            ``[B,C',h',w']``.
        """
        if self._buffers_of_tiles is None or x.ndim != 4 or x.dtype != torch.float32 or not _pays(x):
            return super().forward(x)
        if self._kernel is None:
            self._kernel = transform_kernel(self.weight)
        size = (x.shape[2], x.shape[3])
        tiles = self._buffers_of_tiles.of(size, self.in_channels, self.out_channels, x)
        last, out = x.permute(0, 2, 3, 1), x.new_empty(len(x), *size, self.out_channels)
        for start in range(0, len(x), tiles.together):
            some = out[start : start + tiles.together]
            tiles.inside(len(some)).copy_(last[start : start + len(some)])
            tiles.convolve(self._kernel, some)
        if self.bias is not None:
            out.add_(self.bias)
        return out.permute(0, 3, 1, 2)


def tiles_suit(convolution: nn.Conv2d) -> bool:
    """Return whether a convolution is one that Winograd's tiles compute, and faster.

    Args:
        convolution: any.

    Returns:
        True for a 3x3 convolution of at least 96 channels on both sides, stride 1 and zero padding 1, on the CPU.
    """
    shape = (convolution.kernel_size, convolution.stride, convolution.padding, convolution.dilation)
    return (
        shape == ((3, 3), (1, 1), (1, 1), (1, 1))
        and convolution.groups == 1
        and convolution.padding_mode == "zeros"
        and min(convolution.in_channels, convolution.out_channels) >= _LEAST_CHANNELS
        and convolution.weight.device.type == "cpu"
    )


def _pays(x: Tensor) -> bool:
    """Whether there are enough tiles for their products, and few cells beside the map in them."""
    tiles = -(-x.shape[2] // 4) * -(-x.shape[3] // 4)
    return len(x) * tiles >= _LEAST_TILES and 16 * tiles <= _MOST_WASTE * x.shape[2] * x.shape[3]
