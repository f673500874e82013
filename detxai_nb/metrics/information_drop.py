"""The registered metrics that take the highest part of a map out of the image: confidence and information drop."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image, features
from torch import Tensor

from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.detection_cache import SCORE_THRESHOLD
from detxai_nb.metrics.map_energy import share as ratio
from detxai_nb.metrics.pixel_ordering import TIES, pixel_order, tied_share
from detxai_nb.metrics.registry import Measured, metric

MASKS = ("map", "binary")

SOURCE = "Nguyen et al., G-CAME, table 2"
CHOICES = {"mask": MASKS, "ties": TIES}


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


@metric(
    "confidence-drop",
    title="Confidence drop (average drop)",
    source=SOURCE,
    higher_is_better=True,
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
    """``max(0, P - P') / P``: what the score loses where the map's highest part gives way to the mean grey, 0..1.

    ``image' = image * (1 - M) + mu * M``, with M the min-max normalised map of which all but the highest ``share`` of
    the image's pixels are 0 (``mask="binary"``: M is 1 on them), mu one mean over all pixels and channels; rounded to
    uint8. P is the detection's score; P' is IoU times score of the detection of its class in image' with the highest
    IoU, if that is above ``min_iou``, else 0. NaN for a score of 0. A map that is the same everywhere changes nothing
    with ``mask="map"``, and takes pixels in random order with ``mask="binary"``.

    The paper's text (sec. 4.3) and its equations 15 to 17; it says neither how ties are ordered nor whether M is
    binary, and names no least IoU. ``extras``: "left" is P', "iou" the IoU, "original" P.
    """
    pictures, tied = _pictures(case, share, mask, ties)
    targets = case.detections.to("cpu")
    scores, ious = torch.zeros(len(case), dtype=torch.float64), torch.zeros(len(case), dtype=torch.float64)
    for row, answer in enumerate(case.ask().ask(pictures, score_threshold, batch_size)):
        found, overlap = answer.follow(targets[row], min_iou)
        scores[row], ious[row] = found[0], overlap[0]
    original, left = targets.scores.double(), scores * ious
    value = ratio((original - left).clamp(min=0), original, torch.nan)
    return Measured(value, tied, extras={"left": left, "iou": ious, "original": original})


@metric(
    "information-drop",
    title="Information drop",
    source=SOURCE,
    higher_is_better=False,
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
    """``(bytes - bytes') / bytes`` of the image and of the image without the map's highest part, as lossy WebP files.

    The changed image, ``share``, ``mask`` and ``ties`` are those of "confidence-drop"; ``quality`` and ``method`` are
    the encoder's, which the paper does not name. Not clipped: an image that becomes harder to encode has a negative
    drop. Sizes depend on the encoder's version (``webp_encoder``), which an evaluation keeps among its settings.
    ``extras``: "bytes" and "bytes_left".
    """
    pictures, tied = _pictures(case, share, mask, ties)
    whole = float(webp_bytes(case.sample.image, quality, method)) if len(case) else 0.0
    left = torch.tensor([float(webp_bytes(picture, quality, method)) for picture in pictures], dtype=torch.float64)
    before = torch.full_like(left, whole)
    return Measured(ratio(before - left, before, torch.nan), tied, extras={"bytes": before, "bytes_left": left})


def _pictures(case: MetricInput, share: float, mask: str, ties: str) -> tuple[Iterator[np.ndarray], Tensor]:
    """The changed image of each object, one at a time, and each one's share of ties, which is filled on the way."""
    if not 0 <= share <= 1:
        raise ValueError(f"share is that of the image's pixels, 0 to 1; got {share}")
    tied = torch.zeros(len(case), dtype=torch.float64)
    count = round(share * case.size[0] * case.size[1])

    def pictures() -> Iterator[np.ndarray]:
        for row, heat in enumerate(case.maps):
            order = pixel_order(heat, ties, case.object_seed(row, "order"))
            tied[row] = tied_share(heat, order, count)
            yield masked_image(case.sample.image, highest_part(heat, order, count, mask))

    return pictures(), tied
