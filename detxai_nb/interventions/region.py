"""Regions of a picture that can be changed: a box, a mask, a stroke, a lasso, the top of a map, a superpixel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from detxai_nb.arrays import plain_array
from detxai_nb.data.sample import Sample
from detxai_nb.data.scenes import Scene
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import ImageSource, load_image
from detxai_nb.interventions.choosing import (
    encircled,
    finite_numbers,
    listed,
    mark_segment,
    mask_of_annotation,
    picture_size,
    segmented,
)

CHANGED = "changed"
"""The kind of a region of the pixels in which two pictures differ."""


@dataclass(frozen=True, eq=False)
class Region:
    """Some pixels of a picture, and how they were chosen.

    ``~region`` is everything but that; ``|``, ``&`` and ``-`` join, cut and subtract regions of one picture.

    Attributes:
        mask: bool ``[H,W]``, at least one pixel True.
        kind: how it was chosen, such as "box" or "stroke".
        settings: what it was chosen by: plain values.

    Raises:
        TypeError: if the mask is no array of yes and no.
        ValueError: if it has another number of axes or holds no pixel.

    Example:
        >>> import numpy as np
        >>> from detxai_nb.interventions import Region
        >>> picture = np.zeros((20, 30, 3), np.uint8)
        >>> region = Region.box(picture, (2, 3, 7, 13))
        >>> region.area, region.bounds, (~region).area
        (50, (2, 3, 7, 13), 550)
    """

    mask: np.ndarray
    kind: str = "mask"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mask = plain_array(self.mask, "a region") if isinstance(self.mask, torch.Tensor) else self.mask
        if not isinstance(mask, np.ndarray) or mask.dtype != bool:
            kind = mask.dtype if isinstance(mask, np.ndarray) else type(mask).__name__
            raise TypeError(f"a region is an array of True and False [H,W], got {kind}; compare it first: mask > 0")
        if mask.ndim != 2:
            raise ValueError(f"a region is a mask [H,W] of the picture's size, got the shape {list(mask.shape)}")
        if not mask.any():
            raise ValueError(f"the region ({self.kind}) is empty: it holds no pixel of the picture; name another one")
        object.__setattr__(self, "mask", mask)

    @property
    def size(self) -> tuple[int, int]:
        """The picture's (height, width) in pixels."""
        return int(self.mask.shape[0]), int(self.mask.shape[1])

    @property
    def area(self) -> int:
        """How many pixels it holds."""
        return int(self.mask.sum())

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """The box around it, xyxy in whole pixels."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    def __repr__(self) -> str:
        return f"Region({self.kind}, {self.area} of {self.mask.size} pixels, box {self.bounds})"

    def __invert__(self) -> Region:
        """Everything but that."""
        return Region(~self.mask, f"all but {self.kind}", self.settings)

    def __or__(self, other: Region) -> Region:
        found: Region = self._joined(other, "or", np.logical_or)
        return found

    def __and__(self, other: Region) -> Region:
        found: Region = self._joined(other, "and", np.logical_and)
        return found

    def __sub__(self, other: Region) -> Region:
        found: Region = self._joined(other, "without", lambda a, b: a & ~b)
        return found

    def _joined(self, other: Region, word: str, join: Any) -> Any:
        if not isinstance(other, Region):
            return NotImplemented
        other.require_size(*self.size)
        return Region(join(self.mask, other.mask), f"{self.kind} {word} {other.kind}")

    def require_size(self, height: int, width: int) -> None:
        """Raise an error if this is a region of a picture of another size.

        Args:
            height, width: of the picture, in pixels.

        Raises:
            ValueError: if it differs; the message says both.
        """
        if self.size != (height, width):
            raise ValueError(
                f"the region is one of a picture of {self.size[1]}x{self.size[0]} pixels, this one has "
                f"{width}x{height}: choose it in this picture"
            )

    def moved(self, dx: int, dy: int) -> Region:
        """Return the same shape elsewhere in the picture.

        Args:
            dx, dy: by how many pixels, to the right and down.

        Returns:
            The moved region.

        Raises:
            ValueError: if it would reach beyond the picture.
        """
        x1, y1, x2, y2 = self.bounds
        height, width = self.size
        if x1 + dx < 0 or y1 + dy < 0 or x2 + dx > width or y2 + dy > height:
            raise ValueError(f"a region with the box {self.bounds} cannot be moved by ({dx}, {dy}) in {width}x{height}")
        mask = np.zeros_like(self.mask)
        mask[y1 + dy : y2 + dy, x1 + dx : x2 + dx] = self.mask[y1:y2, x1:x2]
        return Region(mask, self.kind, {**self.settings, "moved": [int(dx), int(dy)]})

    def share_of(self, values: Any) -> float:
        """Return the share of a map's energy that lies under the region.

        Args:
            values: a map ``[H,W]`` of the picture; of a signed one what speaks for the object counts.

        Returns:
            A share in 0..1; NaN for a map without energy.

        Raises:
            ValueError: if the map has another size or is not finite.
        """
        found = plain_array(values, "a map").astype(np.float64)
        if found.shape != self.mask.shape or not np.isfinite(found).all():
            raise ValueError(f"a map of this region is finite and {list(self.mask.shape)}, got {list(found.shape)}")
        found = found.clip(min=0)
        total = float(found.sum())
        return float(found[self.mask].sum()) / total if total > 0 else math.nan

    @classmethod
    def from_mask(cls, image: ImageSource | tuple[int, int], mask: Any) -> Region:
        """Return the region of a mask.

        Args:
            image: the picture, or its (height, width).
            mask: bool ``[H,W]``, an array or tensor; numbers only if they are 0 and 1.

        Returns:
            The region.

        Raises:
            TypeError: if the mask holds anything but yes and no.
            ValueError: if it has another size than the picture, or is empty.
        """
        found = plain_array(mask, "a mask") if isinstance(mask, (np.ndarray, torch.Tensor)) else np.asarray(mask)
        if found.dtype != bool and found.dtype.kind in "iu" and found.size and {0, 1} >= set(np.unique(found).tolist()):
            found = found.astype(bool)
        height, width = picture_size(image)
        if found.shape != (height, width):
            raise ValueError(
                f"the mask is of another picture: its shape is {list(found.shape)}, this one's is [{height}, {width}]"
            )
        return cls(found)

    @classmethod
    def box(cls, image: ImageSource | tuple[int, int], box: Any) -> Region:
        """Return the pixels whose centre lies in a box.

        Args:
            image: the picture, or its (height, width).
            box: xyxy in pixels of the picture; it may reach beyond it.

        Returns:
            The region.

        Raises:
            ValueError: if it is no box of four finite numbers, is turned, or holds no pixel of the picture.
        """
        height, width = picture_size(image)
        x1, y1, x2, y2 = corners = finite_numbers(box, 4, "a box is four numbers x1, y1, x2, y2")
        if not (x1 < x2 and y1 < y2):
            raise ValueError(
                f"a box is x1 < x2 and y1 < y2, got {listed(corners)}: the corners are turned, or it is empty"
            )
        if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
            raise ValueError(f"the box {listed(corners)} lies outside the picture, which has {width}x{height} pixels")
        across, down = np.arange(width) + 0.5, np.arange(height) + 0.5
        mask = ((down >= y1) & (down < y2))[:, None] & ((across >= x1) & (across < x2))[None]
        return cls(mask, "box", {"box": corners})

    @classmethod
    def stroke(cls, image: ImageSource | tuple[int, int], points: Any, radius: float) -> Region:
        """Return the pixels that a round brush covers.

        Args:
            image: the picture, or its (height, width).
            points: the corners of its way ``[K,2]``, x and y in pixels; one point is a dot.
            radius: of the brush, in pixels, above 0.

        Returns:
            The pixels whose centre is at most ``radius`` away from the way; at least the pixel under it.

        Raises:
            ValueError: if there are no points, a number is not finite, or the stroke misses the picture.
        """
        height, width = picture_size(image)
        (size,) = finite_numbers([radius], 1, "radius is a number of pixels")
        if size <= 0:
            raise ValueError(f"radius is a number of pixels above 0, got {radius!r}")
        way = np.asarray(finite_numbers(points, None, "a stroke is points [K,2], x and y in pixels")).reshape(-1, 2)
        mask = np.zeros((height, width), bool)
        for start, end in zip(way, way[1:] if len(way) > 1 else way):
            mark_segment(mask, start, end, size)
        x, y = (math.floor(value) for value in way[0])
        if 0 <= x < width and 0 <= y < height:
            mask[y, x] = True
        if not mask.any():
            raise ValueError(f"the stroke lies outside the picture, which has {width}x{height} pixels")
        return cls(mask, "stroke", {"points": way.tolist(), "radius": size})

    @classmethod
    def lasso(cls, image: ImageSource | tuple[int, int], points: Any) -> Region:
        """Return the pixels whose centre a closed line encircles.

        Args:
            image: the picture, or its (height, width).
            points: the corners of the line ``[K,2]``, K at least 3, x and y in pixels; the last is joined with the
                first. What is encircled twice is outside.

        Returns:
            The region.

        Raises:
            ValueError: if there are fewer points, a number is not finite, or no pixel of the picture is encircled.
        """
        height, width = picture_size(image)
        line = np.asarray(finite_numbers(points, None, "a lasso is points [K,2], x and y in pixels")).reshape(-1, 2)
        if len(line) < 3:
            raise ValueError(f"a lasso has at least 3 points, got {len(line)}")
        mask = encircled((height, width), line)
        if not mask.any():
            raise ValueError(f"the lasso encircles no pixel of the picture, which has {width}x{height} pixels")
        return cls(mask, "lasso", {"points": line.tolist()})

    @classmethod
    def hottest(cls, maps: HeatMaps, row: int = 0, share: float = 0.1, within: Region | None = None) -> Region:
        """Return the pixels where a heat map is highest.

        Args:
            maps: heat maps of the picture.
            row: which of them.
            share: the share of the pixels, above 0, up to 1. Pixels without evidence never count, so a map that is zero
                almost everywhere gives fewer.
            within: of this region only; None for the whole picture.

        Returns:
            The region; ``settings["share"]`` is the true share.

        Raises:
            TypeError: if these are no heat maps.
            ValueError: if the share is out of range, there is no such map, or it has no evidence there.
        """
        if not isinstance(maps, HeatMaps):
            raise TypeError(f"heat maps are what dx.explain returns, got {type(maps).__name__}")
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
            raise ValueError(f"share is a share of the pixels, above 0, up to 1; got {share!r}")
        if isinstance(row, bool) or not isinstance(row, (int, np.integer)) or not 0 <= row < len(maps):
            raise ValueError(f"row is the number of a map, 0 to {len(maps) - 1}; got {row!r}")
        values = maps.values_of([int(row)])[0].double().cpu().numpy()
        inside = np.ones(values.shape, bool) if within is None else within.mask
        if within is not None:
            within.require_size(*values.shape)
        count = max(1, round(share * int(inside.sum())))
        there = np.flatnonzero(inside & np.isfinite(values) & (values > 0))
        if not len(there):
            raise ValueError(f"map {row} of {maps.method!r} has no evidence for its object there: nothing is hottest")
        chosen = there[np.argsort(-values.ravel()[there], kind="stable")[:count]]
        mask = np.zeros(values.shape, bool)
        mask.ravel()[chosen] = True
        about = {"method": maps.method, "row": int(row), "share": len(chosen) / int(inside.sum())}
        return cls(mask, "hottest", about)

    @classmethod
    def superpixel(
        cls, image: ImageSource, at: Sequence[float], segments: int = 100, compactness: float = 10.0
    ) -> Region:
        """Return the superpixel at a point, as SLIC cuts the picture.

        Args:
            image: the picture.
            at: x and y in pixels.
            segments: into about how many superpixels it is cut, 1 or more.
            compactness: of SLIC, above 0; larger superpixels are squarer.

        Returns:
            The region.

        Raises:
            ImportError: without scikit-image.
            ValueError: if the point lies outside the picture, or a setting is out of range.
        """
        pixels = np.asarray(load_image(image))
        x, y = finite_numbers(at, 2, "a point is two numbers x, y")
        height, width = pixels.shape[:2]
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(f"the point ({x:g}, {y:g}) lies outside the picture, which has {width}x{height} pixels")
        labels = segmented(pixels, segments, compactness)
        about = {"at": [x, y], "segments": segments, "compactness": float(compactness)}
        return cls(labels == labels[int(y), int(x)], "superpixel", about)

    @classmethod
    def part(cls, sample: Sample | Scene, row: int) -> Region:
        """Return the visible pixels of an annotated object's part.

        Args:
            sample: the picture with its annotations, whose parts are known: a scene.
            row: the object, 0 to M - 1.

        Returns:
            The region.

        Raises:
            TypeError: if this is neither a scene nor a sample.
            ValueError: if there is no such object, parts are not annotated, or nothing of the part shows.
        """
        return cls(mask_of_annotation(sample, row, "parts"), "part", {"row": int(row)})

    @classmethod
    def annotated(cls, sample: Sample | Scene, row: int) -> Region:
        """Return the visible pixels of an annotated object.

        Args:
            sample: the picture with its annotations.
            row: the object, 0 to M - 1.

        Returns:
            The region.

        Raises:
            TypeError: if this is neither a scene nor a sample.
            ValueError: if there is no such object, or it has no mask.
        """
        return cls(mask_of_annotation(sample, row, "masks"), "object", {"row": int(row)})

    @classmethod
    def changed(cls, image: ImageSource, picture: ImageSource) -> Region:
        """Return the pixels in which two pictures differ.

        Args:
            image, picture: of one size.

        Returns:
            The region.

        Raises:
            ValueError: if the sizes differ or the pictures are the same.
        """
        first, second = (np.asarray(load_image(one)) for one in (image, picture))
        if first.shape != second.shape:
            sizes = [f"{one.shape[1]}x{one.shape[0]}" for one in (first, second)]
            raise ValueError(f"two pictures of different sizes, {sizes[0]} and {sizes[1]}, cannot be compared")
        mask: np.ndarray = (first != second).any(axis=2)
        if not mask.any():
            raise ValueError("the two pictures are the same: no pixel differs")
        return cls(mask, CHANGED)
