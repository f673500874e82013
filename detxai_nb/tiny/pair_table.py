"""pairs: two touching objects of one class, and how alike their maps are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from detxai_nb.evaluation.selection import Protocol
from detxai_nb.metrics.map_energy import energy
from detxai_nb.metrics.tiny_objects import canvas_share
from detxai_nb.tiny.functional import box_distances, similarity
from detxai_nb.tiny.samples import METHODS, ExplainedImage, MethodLike, iterate_images
from detxai_nb.types import Detector, Target

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    *("image", "image_id", "file_name", "label", "first", "second", "distance", "canvas_share_first"),
    *("canvas_share_second", "method", "cosine", "pearson", "told_apart"),
)


def pairs(
    detector: Detector,
    image_or_dataset: Any,
    methods: Sequence[MethodLike] = METHODS,
    *,
    gap: float = 1.0,
    target: Target | str = "class",
    layer: str | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    protocol: str | Protocol = "default",
    limit: int | None = None,
) -> pandas.DataFrame:
    """Whether the maps of two touching objects of one class differ: one row for each such pair and method.

    Two selected objects of one class touch where the gap between their annotated boxes is at most ``gap`` pixels;
    overlapping ones have a gap of 0. The other arguments are those of ``tiny.objects``.

    Columns: ``image``, ``image_id``, ``file_name``, ``label``, ``first`` and ``second`` (their annotations' numbers in
    the sample, the higher score first), ``distance`` (the gap), ``canvas_share_first`` and ``canvas_share_second``,
    ``method``, ``cosine`` (of the two raw maps at the image's size: 1 for maps that differ by a factor only, NaN where
    one is zero), ``pearson`` (their correlation over the image's pixels, NaN where one is constant), and
    ``told_apart``: each of the two maps has more energy in its own box than in the other's.

    The two traffic lights of G-CAME, figure 5a, whose maps by D-RISE "are nearly identical"; the paper has no figure
    for it.
    """
    import pandas as pd

    check_gap(gap)
    looked = iterate_images(
        detector,
        image_or_dataset,
        methods,
        target=target,
        layer=layer,
        settings=settings,
        protocol=protocol,
        limit=limit,
    )
    rows = [row for one in looked for row in pair_rows(one, gap)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def check_gap(gap: float) -> None:
    """``ValueError`` for what is no distance."""
    if not gap >= 0:
        raise ValueError(f"gap is a number of pixels, 0 or more; got {gap}")


def pair_rows(looked: ExplainedImage, gap: float) -> Iterator[dict[str, Any]]:
    """The rows of one image, as in ``pairs``."""
    found, annotations = looked.selected.detections, looked.selected.annotations
    gaps = box_distances(torch.from_numpy(looked.sample.boxes)[annotations])
    labels = found.labels.cpu()
    touching = (gaps <= gap) & (labels[:, None] == labels[None])
    first, second = touching.triu(diagonal=1).nonzero(as_tuple=True)
    if not len(first):
        return
    shares = canvas_share(found, *looked.sample.image.shape[:2])
    boxes = looked.boxes_of(annotations)
    for method, maps in looked.maps.items():
        values = maps.values.detach().cpu()
        cosine, pearson = (similarity(values[first], values[second], centred) for centred in (False, True))
        apart = (energy(values[first], boxes[first]) > energy(values[first], boxes[second])) & (
            energy(values[second], boxes[second]) > energy(values[second], boxes[first])
        )
        for row, (one, other) in enumerate(zip(first.tolist(), second.tolist())):
            yield {
                **looked.about(one),
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
