"""Confidence drop and information drop: what is lost when the highest part of a map is taken out of the image."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image, features
from torch import Tensor

from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.detection_cache import SCORE_THRESHOLD
from detxai_nb.metrics.map_energy import safe_ratio
from detxai_nb.metrics.pixel_ordering import TIES, pixel_order, tied_share
from detxai_nb.metrics.registry import Measured, metric

MASKS = ("map", "binary")
"""What the image is weighted with: the map's own values, or 1 on its highest pixels."""

SOURCE = "Nguyen et al., G-CAME, table 2"
CHOICES = {"mask": MASKS, "ties": TIES}


def highest_part(heat: Tensor, order: Tensor, count: int, mask: str = "map") -> np.ndarray:
    """Return a map that keeps its first pixels in an order and is 0 elsewhere.

    Args:
        heat: one heat map ``[H,W]``, raw, non-negative.
        order: its pixels ``[H*W]`` from ``pixel_order``.
        count: how many pixels are kept.
        mask: "map" keeps the min-max normalised values (a constant map is 0 everywhere), "binary" puts 1 in their
            place.

    Returns:
        float64 ``[H,W]`` in 0..1.

    Raises:
        ValueError: if ``mask`` is unknown.
    """
    if mask not in MASKS:
        raise ValueError(f"mask is one of {', '.join(MASKS)}; got {mask!r}")
    values = heat.detach().cpu().double().numpy()
    low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    kept: np.ndarray = np.zeros(values.size)
    places = order.numpy()[:count]
    kept[places] = scaled.reshape(-1)[places] if mask == "map" else 1.0
    return kept.reshape(values.shape)


def masked_image(photograph: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the photograph with its mean value blended in by a mask M: ``image * (1 - M) + mu * M``.

    Args:
        photograph: uint8 ``[H,W,3]``; mu is the one mean of all its pixels and channels.
        mask: M, float ``[H,W]`` in 0..1.

    Returns:
        uint8 ``[H,W,3]``, rounded to the nearest whole value.

    Raises:
        ValueError: if the sizes differ.

    References:
        Nguyen et al., G-CAME, equation 16.
    """
    if mask.shape != photograph.shape[:2]:
        raise ValueError(f"mask is {list(mask.shape)}, the photograph {list(photograph.shape[:2])}; they need one size")
    weight = mask[:, :, None]
    blended: np.ndarray = np.round(photograph * (1 - weight) + photograph.mean() * weight)
    return blended.astype(np.uint8)


def webp_bytes(picture: np.ndarray, quality: int = 80, method: int = 4) -> int:
    """Return the size of a picture as a lossy WebP file, encoded by Pillow.

    Args:
        picture: uint8 ``[H,W,3]``.
        quality: 0..100.
        method: 0 (fast) to 6 (small).

    Returns:
        Bytes.

    Raises:
        ValueError: if a setting is out of range, or a side is longer than 16383 pixels, which WebP cannot hold.
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
    """Return the encoder with which ``webp_bytes`` measures; another encoder makes other sizes.

    Returns:
        Name and version, such as "libwebp 1.6.0".
    """
    return f"libwebp {features.version('webp')}"


@metric(
    "confidence-drop",
    title="Confidence drop (average drop)",
    source=SOURCE,
    higher_is_better=True,
    empty_map=0.0,
    uses_annotation=False,
    needs=("detector",),
    choices=CHOICES,
)
def confidence_drop(
    case: MetricInput,
    *,
    share: float = 0.2,
    mask: str = "map",
    ties: str = "random",
    score_threshold: float = SCORE_THRESHOLD,
    min_iou: float = 0.0,
    batch_size: int | None = None,
) -> Measured:
    """Measure ``max(0, P - P') / P``: the score lost when the mean grey replaces the map's highest part.

    ``image' = image * (1 - M) + mu * M``, with M the min-max normalised map, 0 on all but the highest ``share`` of the
    image's pixels, and mu one mean over all pixels and channels; rounded to uint8. P is the detection's score; P' is
    IoU times score of the detection of its class in image' with the highest IoU, if that is above ``min_iou``, else 0.
    A map that is the same everywhere changes nothing with ``mask="map"``, and takes pixels in random order with
    ``mask="binary"``.

    Args:
        case: one image's objects with their maps and the detector.
        share: the share of the image's pixels that count as the highest part, 0..1.
        mask: "map" (M as above) or "binary" (M is 1 on those pixels).
        ties: the order of pixels of one value, as in ``pixel_order``.
        score_threshold: the least score of detections in the changed image.
        min_iou: the least IoU with which an object is found again, exclusive.
        batch_size: how many pictures the detector is given at once, as in ``DetectionCache``.

    Returns:
        Shares of the score in 0..1, NaN for a score of 0. ``extras``: "left" is P', "iou" the IoU, "original" P.

    References:
        G-CAME, sec. 4.3 and equations 15 to 17. The paper says neither how ties are ordered nor whether M is binary,
        and names no least IoU.
    """
    pictures, tied = _pictures(case, share, mask, ties)
    targets = case.detections.to("cpu")
    scores, ious = (
        torch.zeros(len(case), dtype=torch.float64, device="cpu"),
        torch.zeros(len(case), dtype=torch.float64, device="cpu"),
    )
    for row, answer in enumerate(case.ask().ask(pictures, case.least_score(score_threshold), batch_size)):
        found, overlap = answer.follow(targets[row], min_iou, by="iou")
        scores[row], ious[row] = found[0], overlap[0]
    original, left = targets.scores.double(), scores * ious
    value = safe_ratio((original - left).clamp(min=0), original, torch.nan)
    return Measured(value, tied, extras={"left": left, "iou": ious, "original": original})


@metric(
    "information-drop",
    title="Information drop",
    source=SOURCE,
    higher_is_better=False,
    empty_map=0.0,
    uses_annotation=False,
    choices=CHOICES,
    tools=lambda: {"encoder": webp_encoder()},
)
def information_drop(
    case: MetricInput,
    *,
    share: float = 0.2,
    mask: str = "map",
    ties: str = "random",
    quality: int = 80,
    method: int = 4,
) -> Measured:
    """Measure ``(bytes - bytes') / bytes`` of the image without the map's highest part, as lossy WebP files.

    The changed image is that of "confidence-drop". Sizes depend on the encoder's version (``webp_encoder``), which an
    evaluation keeps among its settings; the paper names no encoder.

    Args:
        case: one image's objects with their maps.
        share, mask, ties: as in "confidence-drop".
        quality: of the encoder, 0..100.
        method: of the encoder, 0 (fast) to 6 (small).

    Returns:
        Shares of the bytes, at most 1 and not clipped: an image that becomes harder to encode has a negative drop.
        ``extras``: "bytes" and "bytes_left".
    """
    pictures, tied = _pictures(case, share, mask, ties)
    whole = float(webp_bytes(case.sample.image, quality, method)) if len(case) else 0.0
    left = torch.tensor(
        [float(webp_bytes(picture, quality, method)) for picture in pictures], dtype=torch.float64, device="cpu"
    )
    before = torch.full_like(left, whole)
    return Measured(safe_ratio(before - left, before, torch.nan), tied, extras={"bytes": before, "bytes_left": left})


def _pictures(case: MetricInput, share: float, mask: str, ties: str) -> tuple[Iterator[np.ndarray], Tensor]:
    """The changed image of each object, one at a time, and each one's share of ties, which is filled on the way."""
    if not 0 <= share <= 1:
        raise ValueError(f"share is that of the image's pixels, 0 to 1; got {share}")
    tied = torch.zeros(len(case), dtype=torch.float64, device="cpu")
    count = round(share * case.size[0] * case.size[1])

    def pictures() -> Iterator[np.ndarray]:
        for row, heat in enumerate(case.maps):
            order = pixel_order(heat, ties, case.object_seed(row, "order"))
            tied[row] = tied_share(heat, order, count)
            yield masked_image(case.sample.image, highest_part(heat, order, count, mask))

    return pictures(), tied
