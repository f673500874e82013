"""Masks from the shapes that annotation files hold, decoded one by one when they are asked for."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask as rle

from detxai_nb.data.foreign import LARGEST, as_whole, show

LONGEST = 4e6
"""The lines of the polygons of one object are together at most so many pixels long."""

_EXPECTED = "expected polygons [[x1, y1, x2, y2, ...], ...] or run lengths of size [{}, {}]"


@dataclass(frozen=True)
class Outlines:
    """The shapes of the M objects of an image, as the annotation file has them; ``rows`` decodes some of them.

    Attributes:
        shapes: for each a list of polygons, or a dict of run lengths, plain or compressed.
        size: (height, width) of the image.
        where: what each object is called in error messages.
        field: the name of the shapes in the annotation file.
    """

    shapes: Sequence[Any]
    size: tuple[int, int]
    where: Sequence[str]
    field: str = "segmentation"

    def __len__(self) -> int:
        return len(self.shapes)

    def __call__(self) -> np.ndarray:
        """Decode all masks, bool ``[M,H,W]``."""
        return self.rows(range(len(self)))

    def rows(self, rows: Sequence[int]) -> np.ndarray:
        """Decode the masks of some objects.

        Args:
            rows: numbers of objects.

        Returns:
            bool ``[K,H,W]``.

        Raises:
            ValueError: if one of them has no shape, or none that can be read.
        """
        masks = np.zeros((len(rows), *self.size), bool)
        for mask, row in zip(masks, rows):
            mask[:] = self._decode(row)
        return masks

    def check(self) -> None:
        """Read all shapes and decode none.

        Raises:
            ValueError: if an object has no shape, or none that can be read.
        """
        for row in range(len(self)):
            self._read(row)

    def portable(self) -> Outlines:
        """Return these shapes themselves: they hold all that they need.

        Returns:
            The same object.
        """
        return self

    def _read(self, row: int) -> list[np.ndarray] | np.ndarray:
        """The polygons ``[n,2]`` of an object, or its run lengths."""
        shape = self.shapes[row]
        try:
            if isinstance(shape, dict):
                return run_lengths(shape, self.size)
            return as_polygons(shape)
        except ValueError as error:
            raise ValueError(
                f"{self.where[row]} has no mask for an image of {self.size[1]}x{self.size[0]} pixels: {self.field} is "
                f"{show(shape)}: {error}; {_EXPECTED.format(*self.size)}"
            ) from error

    def _decode(self, row: int) -> np.ndarray:
        shape = self._read(row)
        height, width = self.size
        if isinstance(shape, np.ndarray):
            # Run lengths go down the columns, and begin with what is not of the object.
            filled = np.repeat(np.arange(len(shape)) % 2 == 1, shape)
            return filled.reshape(width, height).T
        packed = rle.merge(rle.frPyObjects([polygon.ravel().tolist() for polygon in shape], height, width))
        with warnings.catch_warnings():
            # The arrays of pycocotools do not yet accept the keyword that NumPy 2 passes.
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            decoded: np.ndarray = rle.decode(packed).astype(bool)
        return decoded


def as_polygons(shape: Any) -> list[np.ndarray]:
    """Return the polygons of a shape, in any of the forms in which tools write them.

    Args:
        shape: a list of flat lists x1, y1, x2, y2, ...; one such list; or points in pairs, [x, y], in their place.

    Returns:
        Polygons, float64 ``[n,2]`` (x, y), each of at least three points.

    Raises:
        ValueError: for anything else: no polygon, fewer than three points, an odd number of coordinates, coordinates
            that are no numbers or farther than ``LARGEST`` from 0, or lines of more than ``LONGEST`` pixels.
    """
    if not isinstance(shape, list) or not shape:
        raise ValueError("there is no polygon")
    if not any(isinstance(part, list) for part in shape):
        shape = [shape]
    elif all(isinstance(part, list) and len(part) == 2 and not isinstance(part[0], list) for part in shape):
        shape = [list(itertools.chain(*shape))]
    polygons = [_as_polygon(part) for part in shape]
    # A compiled loop takes a step for every pixel of every line.
    if sum(float(np.abs(np.diff(p, axis=0, append=p[:1])).max(axis=1).sum()) for p in polygons) > LONGEST:
        raise ValueError(f"its lines are more than {LONGEST:g} pixels long")
    return polygons


def _as_polygon(part: Any) -> np.ndarray:
    if isinstance(part, list) and part and all(isinstance(point, list) and len(point) == 2 for point in part):
        part = list(itertools.chain(*part))
    if not isinstance(part, list) or len(part) < 6 or len(part) % 2:
        raise ValueError("a polygon has at least three points, two numbers each")
    if not all(type(value) in (int, float, str) for value in part):
        raise ValueError("a coordinate is no number")
    try:
        values = np.array([float(value) for value in part], np.float64)
    except (ValueError, OverflowError) as error:
        raise ValueError("a coordinate is no number") from error
    if not bool((np.abs(values) <= LARGEST).all()):
        raise ValueError(f"coordinates are numbers from {-LARGEST:g} to {LARGEST:g}")
    return values.reshape(-1, 2)


def run_lengths(shape: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Return the run lengths of a mask, plain ones or those that COCO's files hold as text.

    Args:
        shape: a dict with "size" [height, width] and "counts".
        size: (height, width) of the image.

    Returns:
        int64 ``[R]``, not negative, together as many as the image has pixels.

    Raises:
        ValueError: for another size, or counts that do not fit it.
    """
    given = shape.get("size")
    if not isinstance(given, list) or [as_whole(side, "a side of its size") for side in given] != list(size):
        raise ValueError(f"its size is {show(given)}")
    counts = shape.get("counts")
    if isinstance(counts, str):
        found = _uncompressed(counts)
    elif isinstance(counts, list):
        found = np.array(
            [as_whole(count, "one of its counts") if type(count) is not int else count for count in counts], object
        )
    else:
        raise ValueError(f"its counts are {show(counts)}")
    pixels = size[0] * size[1]
    if len(found) and (found.min() < 0 or found.max() > pixels):
        raise ValueError("a count is negative, or larger than the image")
    found = found.astype(np.int64)
    if int(found.sum()) != pixels:
        raise ValueError(f"its counts make {int(found.sum())} pixels, and the image has {pixels}")
    return found


def _uncompressed(text: str) -> np.ndarray:
    """The numbers of COCO's text form: five bits a sign, from the fourth on as differences to the last but one."""
    try:
        signs = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError as error:
        raise ValueError("its counts are no compressed run lengths") from error
    if not len(signs):
        return signs
    last = (signs & 0x20) == 0
    ends = np.flatnonzero(last)
    if signs.min() < 0 or signs.max() > 63 or not last[-1]:
        raise ValueError("its counts are no compressed run lengths")
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(signs)) - np.repeat(starts, ends - starts + 1)
    if place.max() > 7:
        raise ValueError("its counts are no compressed run lengths")
    values = np.add.reduceat((signs & 0x1F) << (5 * place), starts)
    negative = (signs[ends] & 0x10) != 0
    values[negative] |= np.int64(-1) << (5 * (place[ends][negative] + 1))
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values
