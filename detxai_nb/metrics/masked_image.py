"""A photograph with the highest part of a map taken out of it, and how many bytes a photograph is worth."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, features
from torch import Tensor

MASKS = ("map", "binary")


def highest_part(heat: Tensor, order: Tensor, count: int, mask: str = "map") -> np.ndarray:
    """What is kept of a map: its first ``count`` pixels in ``order``, 0 elsewhere; float64 ``[H,W]`` in 0..1.

    ``heat`` ``[H,W]``, raw and non-negative; ``order`` from ``pixel_order``. ``mask``: "map" keeps the min-max
    normalised values (a constant map is 0 everywhere), "binary" puts 1 in their place.
    """
    if mask not in MASKS:
        raise ValueError(f"mask is one of {', '.join(MASKS)}; got {mask!r}")
    values = heat.detach().cpu().double().numpy()
    low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    kept = np.zeros(values.size)
    places = order.numpy()[:count]
    kept[places] = scaled.reshape(-1)[places] if mask == "map" else 1.0
    return kept.reshape(values.shape)


def masked_image(photograph: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``image * (1 - M) + mu * M``, rounded to the nearest whole value: uint8 ``[H,W,3]``.

    ``photograph`` uint8 ``[H,W,3]``; ``mask`` float ``[H,W]`` in 0..1; mu is the one mean of all its pixels and
    channels. G-CAME, equation 16.
    """
    if mask.shape != photograph.shape[:2]:
        raise ValueError(f"mask is {list(mask.shape)}, the photograph {list(photograph.shape[:2])}; they need one size")
    weight = mask[:, :, None]
    return np.round(photograph * (1 - weight) + photograph.mean() * weight).astype(np.uint8)


def webp_bytes(picture: np.ndarray, quality: int = 80, method: int = 4) -> int:
    """The size of a uint8 ``[H,W,3]`` picture as a lossy WebP file in bytes, by Pillow.

    ``quality`` 0..100; ``method`` 0 (fast) to 6 (small). Raises ``ValueError`` out of that range, and for a side beyond
    16383 pixels, which WebP cannot hold.
    """
    if not (0 <= quality <= 100 and 0 <= method <= 6):
        raise ValueError(f"quality is from 0 to 100 and method from 0 to 6, got {quality} and {method}")
    if max(picture.shape[:2]) > 16383:
        raise ValueError(
            f"WebP holds pictures of at most 16383 pixels a side, this one has {picture.shape[1]}x{picture.shape[0]}; "
            "scale it down first"
        )
    out = io.BytesIO()
    Image.fromarray(picture).save(out, format="WEBP", lossless=False, quality=quality, method=method)
    return out.getbuffer().nbytes


def webp_encoder() -> str:
    """The encoder that ``webp_bytes`` measures with, such as "libwebp 1.6.0": another one makes other sizes."""
    return f"libwebp {features.version('webp')}"
