"""Transposed convolutions of many gradients, put off until all that goes the same way is together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from detxai_nb.winograd import Tiles, transform_transposed_kernel

_WINOGRAD_CHANNELS = 32
"""Fewer channels than these are not worth the tiles' transforms."""
_WINOGRAD_SIDE = 8


class Kernel:
    """The weight of a convolution of stride 1 that keeps a map's size, and what is made of it, each once.

    Args:
        weight: ``[D,C,k,k]``, D outputs and C inputs, k odd.
    """

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self._tiles: dict[tuple[int, int], Tiles] = {}
        self._made: dict[str, Tensor] = {}
        self._kernels: dict[tuple[object, ...], Kernel] = {}

    def scaled(self, factor: Tensor) -> Kernel:
        """The kernel with a factor for each output.

        Args:
            factor: ``[D]``.

        Returns:
            A kernel, the same for the same factor.
        """
        return self._kept(("scaled", factor), lambda: self.weight * factor.view(-1, 1, 1, 1))

    def part(self, start: int, end: int) -> Kernel:
        """The kernel for some of the inputs.

        Args:
            start, end: which inputs.

        Returns:
            A kernel, the same each time.
        """
        return self._kept(("part", start, end), lambda: self.weight[:, start:end].contiguous())

    def plus(self, other: Kernel) -> Kernel:
        """The sum of two kernels, of which one may be smaller.

        Args:
            other: of as many outputs and inputs.

        Returns:
            A kernel, the same each time.
        """

        def add() -> Tensor:
            small, large = sorted((self.weight, other.weight), key=lambda x: x.shape[-1])
            edge = (large.shape[-1] - small.shape[-1]) // 2
            return large + torch.nn.functional.pad(small, [edge] * 4)

        return self._kept(("plus", other), add)

    def _kept(self, key: tuple[object, ...], make: Callable[[], Tensor]) -> Kernel:
        if key not in self._kernels:
            self._kernels[key] = Kernel(make())
        return self._kernels[key]

    @property
    def pointwise(self) -> bool:
        """Whether it is a 1x1 convolution."""
        return self.weight.shape[-1] == 1

    def transpose(self, x: Tensor) -> Tensor:
        """Apply the transpose of the convolution.

        Args:
            x: ``[n,h,w,D]``, contiguous.

        Returns:
            ``[n,h,w,C]``, contiguous.
        """
        if self.pointwise:
            return x @ self.weight[:, :, 0, 0]
        wide = min(self.weight.shape[:2]) >= _WINOGRAD_CHANNELS and min(x.shape[1:3]) >= _WINOGRAD_SIDE
        if wide and self.weight.shape[-1] == 3 and x.device.type == "cpu":
            return self._by_tiles(x)
        if "flipped" not in self._made:
            flipped = self.weight.transpose(0, 1).flip(2, 3)
            self._made["flipped"] = flipped.contiguous(memory_format=torch.channels_last)
        edge = self.weight.shape[-1] // 2
        out = torch.conv2d(x.permute(0, 3, 1, 2), self._made["flipped"], padding=edge)
        return out.permute(0, 2, 3, 1).contiguous()

    def _by_tiles(self, x: Tensor) -> Tensor:
        if "tiles" not in self._made:
            self._made["tiles"] = transform_transposed_kernel(self.weight)
        count, height, width, inputs = x.shape
        if (height, width) not in self._tiles:
            self._tiles = {(height, width): Tiles((height, width), inputs, self.weight.shape[1], x)}
        tiles = self._tiles[height, width]
        out = x.new_empty(count, height, width, self.weight.shape[1])
        for maps, into in zip(torch.split(x, tiles.together), torch.split(out, tiles.together)):
            tiles.inside(len(maps)).copy_(maps)
            tiles.convolve(self._made["tiles"], into)
        return out


@dataclass(eq=False)
class Convolved:
    """Gradients of a map: a sum of transposed convolutions of gradients of the maps above it.

    Attributes:
        parts: each a gradient ``[n,B,D,h,w]`` and the kernel.
    """

    parts: list[tuple[Tensor, Kernel]]
    _made: Tensor | None = None

    def plus(self, other: Convolved) -> Convolved:
        """The sum of both.

        Args:
            other: of the same shape.

        Returns:
            A sum that has not been computed, with one kernel for each gradient.
        """
        parts = list(self.parts)
        for base, kernel in other.parts:
            same = next((i for i, (own, _) in enumerate(parts) if own is base), None)
            if same is None:
                parts.append((base, kernel))
            else:
                parts[same] = (base, parts[same][1].plus(kernel))
        return Convolved(parts)

    def part(self, start: int, end: int) -> Convolved:
        """Some of the channels.

        Args:
            start, end: which.

        Returns:
            The gradients of these, not computed.
        """
        return Convolved([(base, kernel.part(start, end)) for base, kernel in self.parts])

    @property
    def pointwise(self) -> bool:
        """Whether all of it are 1x1 convolutions."""
        return all(kernel.pointwise for _, kernel in self.parts)

    def over(self, change: Callable[[Tensor], Tensor]) -> Convolved:
        """Change the gradients above, which commutes with 1x1 convolutions if it treats all channels alike.

        Args:
            change: of a gradient ``[n,B,D,h,w]``.

        Returns:
            The changed gradients, not computed.
        """
        return Convolved([(change(base), kernel) for base, kernel in self.parts])

    def dense(self) -> Tensor:
        """Compute them.

        Returns:
            ``[n,B,C,h,w]``, channels next to each other in memory.
        """
        if self._made is None:
            total: Tensor | None = None
            for base, kernel in self.parts:
                rows = base.flatten(0, 1).permute(0, 2, 3, 1).contiguous()
                if total is None:
                    total = kernel.transpose(rows)
                elif kernel.pointwise:
                    total.view(-1, total.shape[-1]).addmm_(rows.view(-1, rows.shape[-1]), kernel.weight[:, :, 0, 0])
                else:
                    total += kernel.transpose(rows)
            if total is None:
                raise ValueError("a sum of no convolutions; there is nothing to compute")
            self._made = torch.unflatten(total.permute(0, 3, 1, 2), 0, self.parts[0][0].shape[:2])
        return self._made
