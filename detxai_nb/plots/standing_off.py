"""Whether the colours of a heat map stand off the picture below them, and the grey picture on which they do."""

from __future__ import annotations

import numpy as np

from detxai_nb.plots.overlays import DIVERGING, SEQUENTIAL, overlay

BACKDROPS = ("auto", "color", "gray")
"""What lies under a map: the picture in its colours, in grey, or in grey where the map would not be seen."""
LEAST_DIFFERENCE = 10.0
"""The colour difference (CIE 1976, in Lab) below which evidence is not seen on a picture: a few times the least that
is noticed side by side."""
_MOST_HIDDEN = 0.25
"""A picture is drawn in grey where more than this share of the strong evidence would not be seen."""
_PALER = 0.55
"""How much of the contrast a grey picture keeps; its lightness is around the middle, which no colour map stays at."""


def paint_map(
    image: np.ndarray,
    values: np.ndarray,
    ends: tuple[float, float],
    *,
    signed: bool = False,
    colormap: str | None = None,
    opacity: float = 0.55,
    backdrop: str = "auto",
) -> np.ndarray:
    """Lay a heat map over a photograph, or over the photograph in grey where its colours would not be seen.

    Args:
        image: uint8 ``[H,W,3]``.
        values: the heat map ``[H,W]``.
        ends: the values at the ends of the colour map.
        signed: whether zero lies in the middle of the colour map.
        colormap: any name that matplotlib knows; by default the first of ``DIVERGING`` for signed maps, else of
            ``SEQUENTIAL``.
        opacity: of the strongest evidence, 0..1.
        backdrop: one of ``BACKDROPS``.

    Returns:
        uint8 ``[H,W,3]``.
    """
    low, high = ends
    name = colormap or (DIVERGING if signed else SEQUENTIAL)[0]

    def paint(below: np.ndarray) -> np.ndarray:
        return overlay(below, values, colormap=name, opacity=opacity, low=low, high=high, signed=signed)

    if backdrop == "gray":
        return paint(as_gray(image))
    found = paint(image)
    if backdrop == "auto" and opacity and high > low:
        share = np.clip((values - low) / (high - low), 0, 1)
        if is_hidden(image, found, np.abs(2 * share - 1) if signed else share):
            return paint(as_gray(image))
    return found


def as_gray(image: np.ndarray, color: float = 0.0) -> np.ndarray:
    """Return a picture in greys of less contrast, on which every colour map is seen.

    Args:
        image: uint8 ``[H,W,3]``.
        color: how much of its colours it keeps, 0..1; a quarter tells things apart that overlap, and few maps are lost
            on it.

    Returns:
        uint8 ``[H,W,3]``.
    """
    light = (image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    soft = 128 + (light - 128) * _PALER + (image - light) * color
    return np.clip(np.round(soft), 0, 255).astype(np.uint8)


def is_hidden(image: np.ndarray, painted: np.ndarray, strength: np.ndarray) -> bool:
    """Return whether a map can hardly be seen on a picture.

    Args:
        image: uint8 ``[H,W,3]``.
        painted: the same with the map on it, uint8 ``[H,W,3]``.
        strength: of the evidence, ``[H,W]`` in 0..1.

    Returns:
        True if more than a quarter of the strong evidence (over half of the greatest) differs from the picture by less
        than ``LEAST_DIFFERENCE``.
    """
    most = float(strength.max(initial=0.0))
    strong = strength > most / 2
    if not most > 0 or not strong.any():
        return False
    difference = np.linalg.norm(lab_of(painted[strong]) - lab_of(image[strong]), axis=1)
    return bool((difference < LEAST_DIFFERENCE).mean() > _MOST_HIDDEN)


def lab_of(colors: np.ndarray) -> np.ndarray:
    """Return colours in CIE Lab under D65, in which distances are about what is seen.

    Args:
        colors: sRGB, uint8 ``[N,3]``.

    Returns:
        float64 ``[N,3]``: L, a and b.
    """
    share = colors.astype(np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    ratio = xyz / np.array([0.9505, 1.0, 1.089])
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
