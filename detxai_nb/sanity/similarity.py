"""How alike two heat maps of the same prediction are, and how complex one is."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

MEASURES = ("spearman", "spearman_abs", "ssim", "hog")
"""The similarities there are; 1 means the same."""

LONGEST = 128
"""Cells of the longer side of the grid on which maps are compared: larger ones are averaged down to it."""

_NEEDS = {"ssim": "scikit-image", "hog": "scikit-image"}
_WINDOW = 7
_HOG_CELL, _HOG_BLOCK = 8, 3
_BINS = 100


def check_measures(measures: Any) -> tuple[str, ...]:
    """The named measures; ``ValueError`` for unknown ones, ``ImportError`` where one's library is missing."""
    names = tuple([measures] if isinstance(measures, str) else measures)
    unknown = [name for name in names if name not in MEASURES]
    if unknown or not names:
        raise ValueError(f"measures are among {', '.join(map(repr, MEASURES))}; got {names}")
    missing = [name for name in names if name in _NEEDS and importlib.util.find_spec("skimage") is None]
    if missing:
        rest = tuple(name for name in names if name not in missing)
        raise ImportError(
            f"{', '.join(missing)} need scikit-image: pip install scikit-image (part of detxai-nb[lab]), "
            f"or do without: measures={rest or MEASURES[:2]}"
        )
    return names


def map_similarity(measure: str, first: np.ndarray, second: np.ndarray) -> float:
    """One of ``MEASURES`` of two maps ``[h,w]`` of one grid: 1 for equal ones, NaN where it is not defined."""
    if not _constant(first) and np.array_equal(first, second):
        return 1.0
    return _FUNCTIONS[measure](first, second)


def grid_of(values: Tensor) -> np.ndarray:
    """The map ``[h,w]`` as float64, brought to at most ``LONGEST`` cells a side by averaging."""
    longest = max(values.shape)
    values = values.detach().double().cpu()
    if longest > LONGEST:
        height, width = (max(1, round(side * LONGEST / longest)) for side in values.shape)
        values = F.adaptive_avg_pool2d(values[None], (height, width))[0]
    return values.numpy()


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of the signed values, ties with their mean rank, in -1..1; NaN for a constant map."""
    return _pearson(_ranks(first), _ranks(second))


def spearman_abs(first: np.ndarray, second: np.ndarray) -> float:
    """The same of the magnitudes, as Adebayo et al. report beside it."""
    return spearman(np.abs(first), np.abs(second))


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Structural similarity (Wang et al., 2004) of the maps, each min-max scaled to 0..1, so the data's range is 1.

    A window of 7x7 cells, on smaller grids the largest odd one that fits. At most 1; NaN for a constant map and for
    grids below 3x3.
    """
    from skimage.metrics import structural_similarity

    side = min(_WINDOW, *first.shape)
    side -= 1 - side % 2
    if side < 3 or _constant(first) or _constant(second):
        return float("nan")
    return float(structural_similarity(_scaled(first), _scaled(second), data_range=1.0, win_size=side))


def hog(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation of the maps' histograms of oriented gradients (Dalal & Triggs, 2005), in -1..1.

    Each map is min-max scaled and enlarged bilinearly to 128 pixels on its longer side: 16 cells of 8 pixels, 9
    directions, blocks of 3x3 cells, scikit-image's defaults but for the cell. NaN for a constant map.
    """
    if _constant(first) or _constant(second):
        return float("nan")
    return _pearson(_hog_features(first), _hog_features(second))


def complexity(values: np.ndarray) -> float:
    """Entropy in bits of the histogram of a map's values in 100 equal bins: 0 for a constant map, at most 6.64."""
    if not np.isfinite(values).all():
        return float("nan")
    counts = np.histogram(values, _BINS)[0] if not _constant(values) else np.array([values.size])
    return entropy(counts.astype(np.float64))


def entropy(weights: np.ndarray) -> float:
    """Shannon's entropy in bits of non-negative weights, taken as shares of their sum; NaN where that is 0."""
    total = weights.sum()
    if not total > 0 or not np.isfinite(total):
        return float("nan")
    shares = weights[weights > 0] / total
    return float(max(0.0, -(shares * np.log2(shares)).sum()))


def sobel(image: np.ndarray) -> np.ndarray:
    """The magnitude of the brightness's gradient by Sobel's 3x3 filters: float32 ``[H,W]`` of uint8 ``[H,W,3]``.

    The control of every check: it looks at the photograph and not at the detector.
    """
    grey = torch.from_numpy(image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))[None, None]
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([across, across.T])[:, None]
    return F.conv2d(F.pad(grey, (1, 1, 1, 1), "replicate"), kernels)[0].norm(dim=0).numpy()


def _hog_features(values: np.ndarray) -> np.ndarray:
    from skimage.feature import hog as features

    longest, least = max(values.shape), _HOG_CELL * _HOG_BLOCK
    size = [max(least, round(side * LONGEST / longest)) for side in values.shape]
    big = F.interpolate(torch.from_numpy(_scaled(values))[None, None], size, mode="bilinear", align_corners=False)
    return features(big[0, 0].numpy(), pixels_per_cell=(_HOG_CELL, _HOG_CELL), cells_per_block=(_HOG_BLOCK,) * 2)


def _pearson(first: np.ndarray, second: np.ndarray) -> float:
    a, b = first.ravel() - first.mean(), second.ravel() - second.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip(a @ b / size, -1, 1)) if size > 0 else float("nan")


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values with their mean rank."""
    _, which, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[which.ravel()]


def _constant(values: np.ndarray) -> bool:
    return not values.max() > values.min()


def _scaled(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / (values.max() - values.min())


_FUNCTIONS = {"spearman": spearman, "spearman_abs": spearman_abs, "ssim": ssim, "hog": hog}
