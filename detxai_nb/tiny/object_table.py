"""objects: where the maps of objects of every size lie, one row for each object and method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch
from torch import Tensor

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics.energy_pointing import energy_pointing_game
from detxai_nb.metrics.pointing import pointing_game
from detxai_nb.metrics.tiny_objects import TINY, canvas_share
from detxai_nb.options import complete_options, show_options
from detxai_nb.tiny.functional import box_distances, energy_beside, half_energy_share, nearest_boxes
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
    *("image", "image_id", "file_name", "label", "annotation", "score", "x1", "y1", "x2", "y2", "canvas_share"),
    *("tiny", "neighbour", "distance", "method", "map", "pointing", "energy", "half", "reach", "beside"),
)


@show_options(ExplanationOptions, EXPLANATION_DEFAULTS)
def objects(
    detector: Detector,
    image_or_dataset: Any,
    methods: Sequence[MethodLike] = METHODS,
    *,
    at_most: float = TINY,
    limit: int | None = None,
    **options: Unpack[ExplanationOptions],
) -> pandas.DataFrame:
    """Measure where the maps of objects of every size lie: one row for each selected object and method.

    Of signed maps the positive part counts.

    Args:
        detector: the detector.
        image_or_dataset: a dataset of Samples, one Sample, or an image that ``load_image`` takes, whose detections
            serve as annotations.
        methods: names of methods, or functions, as in ``compare``.
        at_most: the largest share of the network's input that counts as tiny, above 0 and up to 1.
        limit: only the first so many images; None for all.
        **options: the keyword arguments below.
        target: the explained scalar, as in ``explain``; "class" by default.
        layer: the explained layer, one of ``detector.layers``; by default the one that each method prefers.
        settings: by method name, what ``explain`` takes as keyword arguments; none by default.
        protocol: which objects are selected, as in ``evaluate``; "default" by default.

    Returns:
        A table by image, method and falling score, with the columns ``image`` (its number), ``image_id``,
        ``file_name``, ``label``, ``annotation`` (its number in the sample), ``score``, ``x1`` to ``y2`` (detected box,
        pixels of the image), ``canvas_share`` (the detected box's share of the network's whole input with padding; for
        a black box, of the image), ``tiny``, ``neighbour`` (the number of the nearest other annotation of any class
        that is not marked as crowd, by the gap between the boxes; -1 for none), ``distance`` (that gap in pixels, 0 if
        they touch, NaN for none), ``method``, ``map`` (its status), and for the map

        - ``pointing`` and ``energy``: pointing game and energy pointing game in the annotated box, 0..1;
        - ``half``: the map's own size, the least share of the image's pixels that hold half of its energy, 0..0.5 (NaN
          for a map of zeros);
        - ``reach``: this number of pixels over that of the annotated box, 1 if half of the energy takes as much room as
          the object;
        - ``beside``: the share of the energy in the nearest neighbour's box and not in the object's own, 0..1 (NaN
          without a neighbour).

    Raises:
        ValueError, TypeError: for arguments out of range, unknown arguments, and where ``compare`` raises them.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> table = dx.tiny.objects(detector, dx.data.scenes.Scenes(2, mode="tiny"), ["odam"])
        >>> table["image"].unique().tolist()
        [0, 1]
        >>> bool(table["energy"].between(0, 1).all())
        True
    """
    import pandas as pd

    check_at_most(at_most)
    given = complete_options(objects, options, EXPLANATION_DEFAULTS)
    images = iterate_images(detector, image_or_dataset, methods, limit=limit, **given)
    rows = [row for image in images for row in object_rows(image, at_most)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def check_at_most(at_most: float) -> None:
    """Raise if a number is not a share.

    Args:
        at_most: the number to check.

    Raises:
        ValueError: if it is not above 0 and up to 1.
    """
    if not 0 < at_most <= 1:
        raise ValueError(f"at_most is a share of the network's input, above 0 and up to 1; got {at_most}")


def object_rows(explained: ExplainedImage, at_most: float) -> Iterator[dict[str, Any]]:
    """Return the rows of one image.

    Args:
        explained: the image with its objects and maps.
        at_most: the largest share of the network's input that counts as tiny.

    Yields:
        The rows, with the columns of ``objects``.
    """
    found, sample = explained.selected.detections, explained.sample
    annotations = explained.selected.annotations
    shares = canvas_share(found, *sample.image.shape[:2])
    neighbours, distances = _neighbours(explained)
    for method, maps in explained.maps.items():
        parts = [_figures(explained, maps, rows, neighbours) for rows in maps.batches()]
        figures = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        for row, box in enumerate(found.boxes.tolist()):
            yield {
                **explained.about(row),
                "annotation": int(annotations[row]),
                "score": float(found.scores[row]),
                **dict(zip(("x1", "y1", "x2", "y2"), box)),
                "canvas_share": float(shares[row]),
                "tiny": bool(shares[row] <= at_most),
                "neighbour": int(neighbours[row]),
                "distance": float(distances[row]),
                "method": method,
                "map": maps.status[row],
                **{name: float(figure[row]) for name, figure in figures.items()},
            }


def _figures(explained: ExplainedImage, maps: HeatMaps, rows: Sequence[int], neighbours: Tensor) -> dict[str, Tensor]:
    """The figures of some maps, by name."""
    beside = neighbours[rows]
    own, others = explained.boxes_of(explained.selected.annotations[rows]), explained.boxes_of(beside)
    values = maps.values_of(rows).detach().cpu()
    half = half_energy_share(values)
    return {
        "pointing": pointing_game(values, own).double(),
        "energy": energy_pointing_game(values, own),
        "half": half,
        "reach": half * values[0].numel() / own.sum(dim=(1, 2)),
        "beside": torch.where(beside >= 0, energy_beside(values, own, others), torch.nan),
    }


def _neighbours(explained: ExplainedImage) -> tuple[Tensor, Tensor]:
    """For each selected object the number of the nearest annotation, int64 ``[N]``, and its distance ``[N]``."""
    sample = explained.sample
    counted = torch.from_numpy(np.flatnonzero(~sample.crowd))
    boxes = torch.from_numpy(sample.boxes)[counted]
    nearest, gaps = nearest_boxes(boxes), box_distances(boxes)
    at = torch.searchsorted(counted, explained.selected.annotations)
    best = nearest[at]
    none = best < 0
    return torch.where(none, -1, counted[best]), torch.where(none, torch.nan, gaps[at, best])
