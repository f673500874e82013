"""A heat map's colours over a photograph, as pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

SEQUENTIAL = ("viridis", "cividis", "magma", "inferno", "plasma", "gray")
"""Perceptually uniform colour maps for maps that are never negative; the first is the default."""
DIVERGING = ("RdBu_r", "PuOr_r", "BrBG_r")
"""Colour-blind safe colour maps for signed maps, centred at zero; the first is the default."""
FADE = 0.25
"""Evidence fades in over this share of the range, so that the photograph stays visible where there is none; the
widgets' front end does the same."""


def overlay(
    image: np.ndarray,
    values: Any,
    *,
    colormap: str = SEQUENTIAL[0],
    opacity: float = 0.55,
    hide_below: float = 0.0,
    low: float | None = None,
    high: float | None = None,
    signed: bool = False,
) -> np.ndarray:
    """Lay a heat map over a photograph.

    Evidence fades in over a quarter of the range (from zero, for signed maps); a constant map leaves the photograph as
    it is.

    Args:
        image: uint8 ``[H,W,3]``.
        values: the raw heat map ``[H,W]``, a tensor or an array.
        colormap: any name that matplotlib knows.
        opacity: of the strongest evidence, 0..1.
        hide_below: nothing is painted below this share of the range, 0..1.
        low, high: the values at the ends of the colour map; by default the map's own range, for ``signed`` maps minus
            and plus its largest magnitude.
        signed: whether zero lies in the middle of the colour map.

    Returns:
        uint8 ``[H,W,3]``.

    Raises:
        ValueError: if map and image differ in size, or for an unknown colour map.

    Example:
        >>> import numpy as np
        >>> import detxai_nb as dx
        >>> image = np.zeros((4, 6, 3), np.uint8)
        >>> values = np.zeros((4, 6))
        >>> values[1, 2] = 5
        >>> painted = dx.plots.overlay(image, values)
        >>> np.argwhere(painted.any(axis=2)).tolist()
        [[1, 2]]
    """
    values = np.asarray(values, dtype=np.float32)
    if values.shape != image.shape[:2]:
        raise ValueError(f"the map is {list(values.shape)}, the image {list(image.shape[:2])}; they need one size")
    found = natural_range(values, signed)
    low, high = found[0] if low is None else low, found[1] if high is None else high
    if not high > low:
        return image.copy()
    share = np.clip((values - low) / (high - low), 0, 1)
    strength = np.abs(2 * share - 1) if signed else share
    colors = find_colormap(colormap)(share, bytes=True)[..., :3].astype(np.float32)
    alpha = (opacity * np.where(strength < hide_below, 0, np.minimum(strength / FADE, 1)))[..., None]
    mixed: np.ndarray = np.round(image * (1 - alpha) + colors * alpha)
    return mixed.astype(np.uint8)


def find_colormap(name: str) -> Any:
    """Return a colour map of matplotlib.

    Args:
        name: its name.

    Returns:
        A matplotlib Colormap.

    Raises:
        ValueError: for an unknown name.
    """
    from matplotlib import colormaps

    if name not in colormaps:
        known = ", ".join(SEQUENTIAL + DIVERGING)
        raise ValueError(f"unknown colour map {name!r}; matplotlib's are known, best for heat maps are {known}")
    return colormaps[name]


def natural_range(values: np.ndarray, signed: bool) -> tuple[float, float]:
    """Return the values at the ends of a map's colours.

    Args:
        values: of the map.
        signed: whether zero is to lie in the middle.

    Returns:
        (low, high).
    """
    low, high = float(values.min()), float(values.max())
    return (-max(-low, high), max(-low, high)) if signed else (low, high)
