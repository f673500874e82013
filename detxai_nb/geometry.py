"""Placement: the one invertible map between an image and a model's input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from detxai_nb.float32 import exact_mode


@dataclass(frozen=True)
class Placement:
    """The one invertible map between an image and a model's input: where the image lies in it.

    The image is resized to ``resized``, put at ``offset`` and padded to ``input_size``; or it covers the input and what
    lies outside is cut off. Image pixel ``x`` (its centre is ``x + 0.5``) lies at
    ``(x + 0.5) * resized_w / image_w + offset_x`` in the input, and on a grid of stride ``s`` at that over ``s``, minus
    0.5; ``y`` alike, each axis with its own factor.

    That is how convolutions read a grid: cell ``i`` stands for the input from ``i * s`` to ``(i + 1) * s``. A sampler
    reads a grid in coordinates of its own, which the grid's stride and ``shift`` state: torchvision's RoIAlign reads
    cell ``i`` at ``i * s``, so the grid begins half a cell before the input (``sampler_shift``).

    Attributes:
        image_size: (height, width) of the original image in pixels.
        resized: (height, width) of the resized image in input pixels.
        input_size: (height, width) of the whole input, its padding too.
        offset: (top, left) of the resized image in the input, in input pixels; 0 or negative where it is cut.

    Raises:
        ValueError: for what is no pair, a size below 1, or a resized image that neither fits into the input nor covers
            it.
    """

    image_size: tuple[int, int]
    resized: tuple[int, int]
    input_size: tuple[int, int]
    offset: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        for name in ("image_size", "resized", "input_size", "offset"):
            if len(getattr(self, name)) != 2:
                raise ValueError(f"{name} is a pair (y, x), got {getattr(self, name)}")
        for name in ("image_size", "resized", "input_size"):
            if min(getattr(self, name)) < 1:
                raise ValueError(f"{name} is (height, width), both at least 1; got {getattr(self, name)}")
        ends = [start + side for start, side in zip(self.offset, self.resized)]
        inside = all(start >= 0 and end <= side for start, end, side in zip(self.offset, ends, self.input_size))
        covering = all(start <= 0 and end >= side for start, end, side in zip(self.offset, ends, self.input_size))
        if not inside and not covering:
            raise ValueError(
                f"a picture of {self.resized} at {self.offset} does not fit into an input of {self.input_size}"
            )

    @classmethod
    def identity(cls, height: int, width: int) -> Placement:
        """Return the placement of a model that takes the image as it is.

        Args:
            height, width: of the image in pixels.

        Returns:
            A placement that changes nothing.
        """
        return cls((height, width), (height, width), (height, width))

    @classmethod
    def letterbox(cls, image_size: tuple[int, int], input_size: tuple[int, int]) -> Placement:
        """Return the placement that scales by one factor to fit: at the top left, padded at the right or bottom.

        This is YOLOX's convention.

        Args:
            image_size: (height, width) of the image in pixels.
            input_size: (height, width) of the model's input in pixels.

        Returns:
            The placement; the resized sides are rounded down to whole pixels.
        """
        factor = min(input_size[0] / image_size[0], input_size[1] / image_size[1])
        resized = (max(1, int(image_size[0] * factor)), max(1, int(image_size[1] * factor)))
        return cls(image_size, resized, input_size)

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels per image pixel, ``(y, x)``."""
        return self.resized[0] / self.image_size[0], self.resized[1] / self.image_size[1]

    @property
    def seen(self) -> tuple[float, float, float, float]:
        """The part of the image that lies in the input, xyxy in pixels of the image: all of it unless it is cut."""
        low, high = [], []
        for side in (1, 0):
            scale = self.image_size[side] / self.resized[side]
            low.append(max(0.0, -self.offset[side] * scale))
            end = (self.input_size[side] - self.offset[side]) * scale
            high.append(min(float(self.image_size[side]), end))
        return low[0], low[1], high[0], high[1]

    @property
    def canvas_size(self) -> tuple[float, float]:
        """The whole input, its padding too, in pixels of the image, ``(height, width)``."""
        # Whole numbers are multiplied first: without padding this is the image's size to the last digit.
        height, width = (i * n / r for i, n, r in zip(self.image_size, self.input_size, self.resized))
        return height, width

    def _factors(self, like: Tensor) -> tuple[Tensor, Tensor]:
        y, x = self.scale
        factor = torch.tensor([x, y, x, y], dtype=like.dtype, device=like.device)
        top, left = self.offset
        shift = torch.tensor([left, top, left, top], dtype=like.dtype, device=like.device)
        return factor, shift

    def boxes_to_input(self, boxes: Tensor) -> Tensor:
        """Bring boxes from the image to the input.

        Args:
            boxes: ``[N,4]`` xyxy in image pixels.

        Returns:
            ``[N,4]`` xyxy in input pixels.
        """
        factor, shift = self._factors(boxes)
        return boxes * factor + shift

    def boxes_to_image(self, boxes: Tensor, clip: bool = False) -> Tensor:
        """Bring boxes from the input to the image.

        Args:
            boxes: ``[N,4]`` xyxy in input pixels.
            clip: whether to cut them to the image.

        Returns:
            ``[N,4]`` xyxy in image pixels.
        """
        factor, shift = self._factors(boxes)
        boxes = (boxes - shift) / factor
        return self.clip(boxes) if clip else boxes

    def limited(self, longest: int) -> Placement:
        """Return the same placement of an image that is made smaller.

        Args:
            longest: pixels that its longer side has at most.

        Returns:
            A placement in which ``image_size`` is that of the smaller image; this one if the image is small enough.
        """
        factor = longest / max(self.image_size)
        if factor >= 1:
            return self
        height, width = (max(1, round(side * factor)) for side in self.image_size)
        return replace(self, image_size=(height, width))

    def clip(self, boxes: Tensor) -> Tensor:
        """Cut boxes to the image.

        Args:
            boxes: ``[N,4]`` xyxy in image pixels.

        Returns:
            ``[N,4]`` xyxy in image pixels, inside the image.
        """
        height, width = self.image_size
        limit = torch.tensor([width, height, width, height], dtype=boxes.dtype, device=boxes.device)
        return boxes.clamp(min=0).minimum(limit)

    def points_to_grid(
        self,
        points: Tensor,
        stride: tuple[float, float],
        corner: tuple[float, float] | None = None,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> Tensor:
        """Bring points from the image to a grid.

        Args:
            points: ``[N,2]`` (x, y) in continuous image coordinates.
            stride: (y, x) of the grid in input pixels.
            corner: where a grid over a part of the input begins, (y, x) in input pixels.
            shift: where any other grid begins, (y, x) in input pixels; by default at the input's own corner.

        Returns:
            ``[N,2]`` (x, y) in grid coordinates, a cell's centre at whole numbers.
        """
        factor, moved = self._grid(points, stride, corner or shift)
        return points * factor + moved

    def points_to_image(
        self,
        points: Tensor,
        stride: tuple[float, float],
        corner: tuple[float, float] | None = None,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> Tensor:
        """Bring points from a grid to the image.

        Args:
            points: ``[N,2]`` (x, y) in grid coordinates, a cell's centre at whole numbers.
            stride: (y, x) of the grid in input pixels.
            corner: where a grid over a part of the input begins, (y, x) in input pixels.
            shift: where any other grid begins, (y, x) in input pixels; by default at the input's own corner.

        Returns:
            ``[N,2]`` (x, y) in continuous image coordinates.
        """
        factor, moved = self._grid(points, stride, corner or shift)
        return (points - moved) / factor

    def _grid(self, like: Tensor, stride: tuple[float, float], begin: tuple[float, float]) -> tuple[Tensor, Tensor]:
        """Factor and shift (x, y) from image to grid coordinates."""
        (scale_y, scale_x), (y, x) = self.scale, begin
        top, left = self.offset[0] - y, self.offset[1] - x
        factor = like.new_tensor([scale_x / stride[1], scale_y / stride[0]])
        return factor, like.new_tensor([left / stride[1] - 0.5, top / stride[0] - 0.5])

    @exact_mode
    def maps_to_image(
        self,
        maps: Tensor,
        stride: tuple[float, float],
        corner: tuple[float, float] | None = None,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> Tensor:
        """Resample maps from a grid to every image pixel, bilinearly and in one step.

        Grid coordinates are clamped to the grid. Computed as two small matrix products, exact and on the maps' device.

        Args:
            maps: ``[N,h,w]``.
            stride: (y, x) of the grid in input pixels.
            corner: where the grid begins, (y, x) in input pixels, if it covers a part of the input only: the maps are
                zero outside of it. By default the grid covers the whole input.
            shift: where a grid over the whole input begins, (y, x) in input pixels.

        Returns:
            ``[N,H,W]`` at the image's size.

        Raises:
            ValueError: if the maps are not ``[N,h,w]``.
        """
        if maps.ndim != 3:
            raise ValueError(f"maps are [N,h,w], got shape {list(maps.shape)}")
        top, left = (None, None) if corner is None else corner
        rows = self.axis_weights(0, maps.shape[1], stride[0], maps, top, shift[0])
        columns = self.axis_weights(1, maps.shape[2], stride[1], maps, left, shift[1])
        return rows @ maps @ columns.T

    def axis_weights(
        self, axis: int, cells: int, stride: float, like: Tensor, corner: float | None = None, shift: float = 0.0
    ) -> Tensor:
        """Return the bilinear weights of one axis of a grid.

        Args:
            axis: 0 for y, 1 for x.
            cells: of the grid along the axis.
            stride: of the grid in input pixels.
            like: a tensor of the wanted type and device.
            corner: the input pixel at which a grid over a part of the input begins; the weights of pixels outside of
                the grid are then zero.
            shift: the input pixel at which any other grid begins.

        Returns:
            ``[pixels, cells]``, one row for each pixel of the image; zero for pixels that the input does not hold.
        """
        pixels = torch.arange(self.image_size[axis], dtype=torch.float64, device="cpu")
        at = (pixels + 0.5) * self.resized[axis] / self.image_size[axis] + self.offset[axis]
        outside = (at < 0) | (at > self.input_size[axis])
        at = at - (shift if corner is None else corner)
        u = (at / stride - 0.5).clamp(0, cells - 1)
        low = u.floor().long().clamp(max=max(cells - 2, 0))
        part = (u - low).to(like.dtype)
        weights = torch.zeros(len(pixels), cells, dtype=like.dtype, device="cpu")
        index = torch.arange(len(pixels), device="cpu")
        weights[index, low] = 1 - part
        weights[index, (low + 1).clamp(max=cells - 1)] += part
        weights[outside] = 0
        if corner is not None:
            weights[(at < 0) | (at > cells * stride)] = 0
        return weights.to(like.device)


def sampler_shift(stride: tuple[float, float]) -> tuple[float, float]:
    """Return where a grid begins whose cell ``i`` a sampler reads at ``i * stride``, as torchvision's RoIAlign does.

    Args:
        stride: (y, x) of the grid in input pixels.

    Returns:
        (y, x) in input pixels: half a cell before the input.
    """
    return -stride[0] / 2, -stride[1] / 2


def stride_by_shape(input_size: Sequence[int], cells: Sequence[int]) -> tuple[float, float]:
    """Return the stride that the sizes of one input and its map show: all there is to know of a network of one size.

    With an input of another size the same network may show another: where it can be run, its strides are measured.

    Args:
        input_size: (height, width) of the model's input in pixels.
        cells: (rows, columns) of the map.

    Returns:
        (y, x) in input pixels: the power of two that leaves as many cells, rounded up or down; if there is none, the
        plain quotient of the sizes.
    """
    found = []
    for pixels, count in zip(input_size, cells, strict=True):
        power = 2.0 ** round(math.log2(pixels / count))
        found.append(power if pixels // power <= count <= -(-pixels // power) else pixels / count)
    return found[0], found[1]
