"""How pixels are chosen: along a stroke, by superpixels, of an annotation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from detxai_nb.arrays import plain_array
from detxai_nb.data.sample import Sample
from detxai_nb.data.scenes import Scene
from detxai_nb.image import load_image

_WIDEST = 1e6
"""No coordinate in pixels is beyond this one."""


def segmented(pixels: np.ndarray, segments: int = 100, compactness: float = 10.0) -> np.ndarray:
    """Cut a picture into superpixels by SLIC.

    Args:
        pixels: uint8 ``[H,W,3]``.
        segments: into about how many, 1 or more.
        compactness: above 0; larger superpixels are squarer.

    Returns:
        The number of each pixel's superpixel, int64 ``[H,W]``.

    Raises:
        ImportError: without scikit-image.
        ValueError: if a setting is out of range.
    """
    if isinstance(segments, bool) or not isinstance(segments, (int, np.integer)) or segments < 1:
        raise ValueError(f"segments is a whole number of superpixels, 1 or more; got {segments!r}")
    if isinstance(compactness, bool) or not isinstance(compactness, (int, float)) or not 0 < compactness < 1e9:
        raise ValueError(f"compactness is a number above 0; got {compactness!r}")
    try:
        from skimage.segmentation import slic
    except ImportError as error:
        raise ImportError(
            'superpixels are cut by scikit-image, which is not installed: pip install "detxai-nb[interventions]"; '
            "a box, a stroke or a mask needs nothing"
        ) from error
    found: np.ndarray = slic(pixels, n_segments=int(segments), compactness=compactness, sigma=1.0, start_label=0)
    return found.astype(np.int64)


def picture_size(image: Any) -> tuple[int, int]:
    """Return the (height, width) of a picture, or of what is that itself.

    Args:
        image: what ``load_image`` takes, or two whole numbers.

    Returns:
        In pixels.

    Raises:
        ValueError: if it is no picture, or a number is below 1.
    """
    if isinstance(image, tuple) and len(image) == 2 and all(isinstance(side, (int, np.integer)) for side in image):
        height, width = int(image[0]), int(image[1])
        if height < 1 or width < 1:
            raise ValueError(f"a picture has (height, width) of 1 or more pixels, got {image}")
        return height, width
    shape = load_image(image).shape
    return int(shape[0]), int(shape[1])


def finite_numbers(values: Any, count: int | None, what: str) -> list[float]:
    """Return numbers that are finite and no larger than a picture could be.

    Args:
        values: numbers in lists, an array or a tensor.
        count: how many; None for any number of pairs.
        what: what they are, for the message.

    Returns:
        The numbers, one after the other.

    Raises:
        ValueError: for anything else.
    """
    try:
        found = np.asarray(plain_array(torch.as_tensor(values, device="cpu"), what), np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{what}; got {values!r}") from error
    right = found.size == count if count is not None else found.size > 0 and found.shape[-1] == 2
    if not right or not np.isfinite(found).all() or np.abs(found).max() > _WIDEST:
        raise ValueError(f"{what}, all of them finite; got {values!r}")
    return [float(value) for value in found.ravel()]


def listed(values: Sequence[float]) -> str:
    """Return numbers as a message shows them.

    Args:
        values: the numbers.

    Returns:
        Such as "(1, 2.5)".
    """
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"


def mark_segment(mask: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> None:
    """Mark the pixels whose centre is at most a radius away from a segment, in place.

    Args:
        mask: bool ``[H,W]``.
        start, end: x and y of its ends, in pixels.
        radius: in pixels.
    """
    height, width = mask.shape
    low, high = np.minimum(start, end) - radius, np.maximum(start, end) + radius
    x1, y1 = max(0, math.floor(low[0])), max(0, math.floor(low[1]))
    x2, y2 = min(width, math.ceil(high[0]) + 1), min(height, math.ceil(high[1]) + 1)
    if x1 >= x2 or y1 >= y2:
        return
    x, y = np.arange(x1, x2) + 0.5 - start[0], (np.arange(y1, y2) + 0.5 - start[1])[:, None]
    along = end - start
    length = float(along @ along)
    t = np.clip((x * along[0] + y * along[1]) / length, 0, 1) if length > 0 else 0.0
    mask[y1:y2, x1:x2] |= (x - t * along[0]) ** 2 + (y - t * along[1]) ** 2 <= radius**2


def encircled(size: tuple[int, int], corners: np.ndarray) -> np.ndarray:
    """Return the pixels whose centre lies inside a closed line, by the even-odd rule.

    Args:
        size: the picture's (height, width).
        corners: of the line ``[K,2]``, x and y in pixels.

    Returns:
        bool ``[H,W]``; a centre on an edge belongs to what lies to its right or below.
    """
    mask = np.zeros(size, bool)
    down, across = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0)):
        rows = np.flatnonzero((down >= min(y1, y2)) & (down < max(y1, y2)))
        if len(rows):
            cut = x1 + (down[rows] - y1) * ((x2 - x1) / (y2 - y1))
            mask[rows] ^= across[None] >= cut[:, None]
    return mask


def mask_of_annotation(sample: Any, row: Any, name: str) -> np.ndarray:
    """Return the mask of an annotated object, or of its part.

    Args:
        sample: a ``Sample`` or ``Scene``.
        row: the object, 0 to M - 1.
        name: "masks" or "parts".

    Returns:
        bool ``[H,W]``.

    Raises:
        TypeError: if it is neither.
        ValueError: if there is no such object, it has no such mask, or nothing of it shows.
    """
    if not isinstance(sample, (Sample, Scene)):
        raise TypeError(f"a Sample of a dataset or a Scene has annotations, got {type(sample).__name__}")
    count = len(sample.labels)
    if isinstance(row, bool) or not isinstance(row, (int, np.integer)) or not 0 <= row < count:
        raise ValueError(f"row is the number of an annotated object, 0 to {count - 1}; got {row!r}")
    if isinstance(sample, Scene):
        found: np.ndarray | None = getattr(sample, name)[int(row)]
    else:
        some = sample.masks_of([int(row)]) if name == "masks" else sample.parts_of([int(row)])
        found = None if some is None else some[0]
    if found is None:
        raise ValueError(f"{sample.file_name} has no masks of parts; the synthetic scenes have them")  # type: ignore[union-attr]
    if not found.any():
        what = "its part" if name == "parts" else "object"
        raise ValueError(f"nothing of {what} {row} shows in this picture, so there is no region")
    return found
