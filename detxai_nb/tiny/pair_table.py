"""pairs: whether the maps of two touching objects of one class differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics.map_energy import energy
from detxai_nb.metrics.tiny_objects import canvas_share
from detxai_nb.options import complete_options, show_options
from detxai_nb.tiny.functional import box_distances, similarity
from detxai_nb.tiny.samples import (
    EXPLANATION_DEFAULTS,
    METHODS,
    ExplainedImage,
    ExplanationOptions,
    MethodLike,
    iterate_images,
)
from detxai_nb.types import Detector

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    *("image", "image_id", "file_name", "label", "first", "second", "distance", "canvas_share_first"),
    *("canvas_share_second", "method", "cosine", "pearson", "told_apart"),
)


@show_options(ExplanationOptions, EXPLANATION_DEFAULTS)
def pairs(
    detector: Detector,
    image_or_dataset: Any,
    methods: Sequence[MethodLike] = METHODS,
    *,
    gap: float = 1.0,
    limit: int | None = None,
    **options: Unpack[ExplanationOptions],
) -> pandas.DataFrame:
    """Measure whether the maps of two touching objects of one class differ: one row for each such pair and method.

    Two selected objects of one class touch if the gap between their annotated boxes is at most ``gap`` pixels;
    overlapping ones have a gap of 0.

    Args:
        detector, image_or_dataset, methods, limit: as in ``tiny.objects``.
        gap: in pixels of the image, 0 or more.
        **options: the keyword arguments below.
        target: the explained scalar, as in ``explain``; "class" by default.
        layer: the explained layer, one of ``detector.layers``; by default the one that each method prefers.
        settings: by method name, what ``explain`` takes as keyword arguments; none by default.
        protocol: which objects are selected, as in ``evaluate``; "default" by default.

    Returns:
        A table with the columns ``image``, ``image_id``, ``file_name``, ``label``, ``first`` and ``second`` (the
        numbers of their annotations in the sample, the higher score first), ``distance`` (the gap),
        ``canvas_share_first`` and ``canvas_share_second``, ``method``, ``cosine`` (of the two raw maps at the image's
        size: 1 for maps that differ only by a factor, NaN if one is zero), ``pearson`` (their correlation over the
        image's pixels, NaN if one is constant), and ``told_apart``: each of the two maps has more energy in its own box
        than in the other's.

    Raises:
        ValueError, TypeError: for arguments out of range, unknown arguments, and where ``compare`` raises them.

    References:
        G-CAME, figure 5a: two traffic lights, whose maps by D-RISE "are nearly identical". The paper prints no number
        for it.
    """
    import pandas as pd

    check_gap(gap)
    given = complete_options(pairs, options, EXPLANATION_DEFAULTS)
    images = iterate_images(detector, image_or_dataset, methods, limit=limit, **given)
    rows = [row for image in images for row in pair_rows(image, gap)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def check_gap(gap: float) -> None:
    """Raise if a number is not a distance.

    Args:
        gap: the number to check.

    Raises:
        ValueError: if it is below 0.
    """
    if not gap >= 0:
        raise ValueError(f"gap is a number of pixels, 0 or more; got {gap}")


def pair_rows(explained: ExplainedImage, gap: float) -> Iterator[dict[str, Any]]:
    """Return the rows of one image.

    Args:
        explained: the image with its objects and maps.
        gap: in pixels of the image.

    Yields:
        The rows, with the columns of ``pairs``.
    """
    found, annotations = explained.selected.detections, explained.selected.annotations
    gaps = box_distances(torch.from_numpy(explained.sample.boxes)[annotations])
    labels = found.labels.cpu()
    touching = (gaps <= gap) & (labels[:, None] == labels[None])
    first, second = touching.triu(diagonal=1).nonzero(as_tuple=True)
    if not len(first):
        return
    shares = canvas_share(found, *explained.sample.image.shape[:2])
    for method, maps in explained.maps.items():
        found_pairs = [_alike(explained, maps, *pair) for pair in zip(first.tolist(), second.tolist())]
        cosine, pearson, apart = (torch.cat(parts) for parts in zip(*found_pairs))
        for row, (one, other) in enumerate(zip(first.tolist(), second.tolist())):
            yield {
                **explained.about(one),
                "first": int(annotations[one]),
                "second": int(annotations[other]),
                "distance": float(gaps[one, other]),
                "canvas_share_first": float(shares[one]),
                "canvas_share_second": float(shares[other]),
                "method": method,
                "cosine": float(cosine[row]),
                "pearson": float(pearson[row]),
                "told_apart": bool(apart[row]),
            }


def _alike(explained: ExplainedImage, maps: HeatMaps, one: int, other: int) -> tuple[Tensor, Tensor, Tensor]:
    """How alike the maps of two objects are, by cosine and correlation, and whether each has more in its own box."""
    values = maps.values_of([one, other]).detach().cpu()
    boxes = explained.boxes_of(explained.selected.annotations[[one, other]])
    first, second = values[:1], values[1:]
    apart = (energy(first, boxes[:1]) > energy(first, boxes[1:])) & (
        energy(second, boxes[1:]) > energy(second, boxes[:1])
    )
    return similarity(first, second, False), similarity(first, second, True), apart
