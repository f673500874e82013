"""How alike two heat maps of the same prediction are, and how complex one is."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.statistics import mean_ranks

MEASURES = ("spearman", "spearman_abs", "ssim", "hog")
"""The names of the similarities; 1 means the same map."""

LONGEST = 128
"""Cells on the longer side of the grid on which maps are compared; larger maps are averaged down to it."""

_NEEDS = {"ssim": "scikit-image", "hog": "scikit-image"}
_WINDOW = 7
_HOG_CELL, _HOG_BLOCK = 8, 3
_BINS = 100


def check_measures(measures: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the measures as a tuple.

    Args:
        measures: some of ``MEASURES``, or the name of one.

    Returns:
        The names, in the given order.

    Raises:
        ValueError: if a measure is unknown or none is given.
    """
    names = tuple([measures] if isinstance(measures, str) else measures)
    unknown = [name for name in names if name not in MEASURES]
    if unknown or not names:
        raise ValueError(f"measures are among {', '.join(map(repr, MEASURES))}; got {names}")
    return names


def require_libraries(measures: Sequence[str]) -> None:
    """Raise if a library that one of the measures needs is not installed.

    Args:
        measures: some of ``MEASURES``.

    Raises:
        ImportError: if scikit-image is needed and missing.
    """
    missing = [name for name in measures if name in _NEEDS and importlib.util.find_spec("skimage") is None]
    if missing:
        rest = tuple(name for name in measures if name not in missing)
        raise ImportError(
            f"{', '.join(missing)} need scikit-image: pip install scikit-image (part of detxai-nb[lab]), "
            f"or do without: measures={rest or MEASURES[:2]}"
        )


def map_similarity(measure: str, first: np.ndarray, second: np.ndarray) -> float:
    """Return how alike two maps are by one of the measures.

    Args:
        measure: one of ``MEASURES``.
        first, second: maps ``[h,w]`` of one grid.

    Returns:
        At most 1; 1 for equal maps, NaN if the measure is not defined.
    """
    if not _constant(first) and np.array_equal(first, second):
        return 1.0
    return _FUNCTIONS[measure](first, second)


def grid_of(values: Tensor) -> np.ndarray:
    """Return the map as float64, averaged down to at most ``LONGEST`` cells a side.

    Args:
        values: one map ``[h,w]``, on any device.

    Returns:
        The map ``[h',w']`` on the CPU.
    """
    longest = max(values.shape)
    values = values.detach().double().cpu()
    if longest > LONGEST:
        height, width = (max(1, round(side * LONGEST / longest)) for side in values.shape)
        values = F.adaptive_avg_pool2d(values[None], (height, width))[0]
    return values.numpy()


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation of the signed values; tied values get their mean rank.

    Args:
        first, second: maps ``[h,w]`` of one grid.

    Returns:
        The correlation in -1..1, NaN if a map is constant.
    """
    return _pearson(_ranks(first), _ranks(second))


def spearman_abs(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation of the magnitudes, which Adebayo et al. report as well.

    Args:
        first, second: maps ``[h,w]`` of one grid.

    Returns:
        The correlation in -1..1, NaN if the magnitudes of a map are constant.
    """
    return spearman(np.abs(first), np.abs(second))


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Return the structural similarity of the maps, each min-max scaled to 0..1, so that the data range is 1.

    The window has 7x7 cells; on smaller grids it is the largest odd one that fits.

    Args:
        first, second: maps ``[h,w]`` of one grid.

    Returns:
        The similarity, at most 1; NaN if a map is constant or the grid is smaller than 3x3.

    References:
        Wang et al., "Image Quality Assessment" (2004), by scikit-image.
    """
    from skimage.metrics import structural_similarity

    side = min(_WINDOW, *first.shape)
    side -= 1 - side % 2
    if side < 3 or _constant(first) or _constant(second):
        return float("nan")
    function: Callable[..., float] = structural_similarity
    return float(function(_scaled(first), _scaled(second), data_range=1.0, win_size=side))


def hog(first: np.ndarray, second: np.ndarray) -> float:
    """Return Pearson's correlation of the maps' histograms of oriented gradients.

    Each map is min-max scaled and enlarged bilinearly to 128 pixels on its longer side: 16 cells of 8 pixels, 9
    directions, blocks of 3x3 cells, which are scikit-image's defaults except for the cell.

    Args:
        first, second: maps ``[h,w]`` of one grid.

    Returns:
        The correlation in -1..1, NaN if a map is constant.

    References:
        Dalal & Triggs, "Histograms of Oriented Gradients for Human Detection" (2005).
    """
    if _constant(first) or _constant(second):
        return float("nan")
    return _pearson(_hog_features(first), _hog_features(second))


def complexity(values: np.ndarray) -> float:
    """Return the entropy in bits of the histogram of a map's values in 100 equal bins.

    Args:
        values: one map ``[h,w]``.

    Returns:
        0 for a constant map, at most log2(100) = 6.64; NaN if a value is not finite.
    """
    if not np.isfinite(values).all():
        return float("nan")
    counts = np.histogram(values, _BINS)[0] if not _constant(values) else np.array([values.size])
    return entropy(counts.astype(np.float64))


def entropy(weights: np.ndarray) -> float:
    """Return Shannon's entropy in bits of weights that are taken as shares of their sum.

    Args:
        weights: non-negative numbers ``[K]``.

    Returns:
        0 to log2(K); NaN if the sum is 0 or not finite.
    """
    total = weights.sum()
    if not total > 0 or not np.isfinite(total):
        return float("nan")
    shares = weights[weights > 0] / total
    return float(max(0.0, -(shares * np.log2(shares)).sum()))


def sobel(image: np.ndarray) -> np.ndarray:
    """Return the magnitude of the brightness gradient by Sobel's 3x3 filters.

    This is the control of every check: it depends on the image and not on the detector.

    Args:
        image: uint8 ``[H,W,3]``.

    Returns:
        float32 ``[H,W]``.
    """
    grey = torch.from_numpy(image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))[None, None]
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float32, device="cpu")
    kernels = torch.stack([across, across.T])[:, None]
    magnitude: np.ndarray = F.conv2d(F.pad(grey, (1, 1, 1, 1), "replicate"), kernels)[0].norm(dim=0).numpy()
    return magnitude


def _hog_features(values: np.ndarray) -> np.ndarray:
    from skimage.feature import hog as features

    longest, least = max(values.shape), _HOG_CELL * _HOG_BLOCK
    size = [max(least, round(side * LONGEST / longest)) for side in values.shape]
    big = F.interpolate(torch.from_numpy(_scaled(values))[None, None], size, mode="bilinear", align_corners=False)
    cells: np.ndarray = features(
        big[0, 0].numpy(), pixels_per_cell=(_HOG_CELL, _HOG_CELL), cells_per_block=(_HOG_BLOCK,) * 2
    )
    return cells


def _pearson(first: np.ndarray, second: np.ndarray) -> float:
    a, b = first.ravel() - first.mean(), second.ravel() - second.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip(a @ b / size, -1, 1)) if size > 0 else float("nan")


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks ``[P]`` of all values, equal ones with their mean rank."""
    ranks: np.ndarray = mean_ranks(torch.from_numpy(np.asarray(values, np.float64).reshape(1, -1).copy()))[0].numpy()
    return ranks


def _constant(values: np.ndarray) -> bool:
    return not bool(values.max() > values.min())


def _scaled(values: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = (values - values.min()) / (values.max() - values.min())
    return scaled


_FUNCTIONS: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "spearman": spearman,
    "spearman_abs": spearman_abs,
    "ssim": ssim,
    "hog": hog,
}
