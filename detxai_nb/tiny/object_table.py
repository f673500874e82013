"""objects: every object against its size, one row for each object and method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.evaluation.selection import Protocol
from detxai_nb.metrics.energy_pointing import energy_pointing_game
from detxai_nb.metrics.pointing import pointing_game
from detxai_nb.metrics.tiny_objects import TINY, canvas_share
from detxai_nb.tiny.functional import box_distances, energy_beside, half_energy_share, nearest_boxes
from detxai_nb.tiny.samples import METHODS, ExplainedImage, MethodLike, iterate_images
from detxai_nb.types import Detector, Target

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    *("image", "image_id", "file_name", "label", "annotation", "score", "x1", "y1", "x2", "y2", "canvas_share"),
    *("tiny", "neighbour", "distance", "method", "map", "pointing", "energy", "half", "reach", "beside"),
)


def objects(
    detector: Detector,
    image_or_dataset: Any,
    methods: Sequence[MethodLike] = METHODS,
    *,
    target: Target | str = "class",
    layer: str | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    protocol: str | Protocol = "default",
    at_most: float = TINY,
    limit: int | None = None,
) -> pandas.DataFrame:
    """Where the maps of objects of every size lie: one row for each selected object and method.

    ``image_or_dataset``: a dataset of Samples, one Sample, or a picture that ``load_image`` takes, for which the
    detections stand for annotations. ``methods``, ``target``, ``layer``, ``settings``: as in ``compare``; of signed
    maps the positive part counts. ``protocol``: which objects, as in ``evaluate``. ``at_most``: the largest share of
    the network's input that is tiny. ``limit``: only the first so many images.

    Columns: ``image`` (its number), ``image_id``, ``file_name``, ``label``, ``annotation`` (its number in the sample),
    ``score``, ``x1`` to ``y2`` (detected box, pixels of the image), ``canvas_share`` (the detected box's share of the
    network's whole input, padding too; of a black box, of the image), ``tiny``, ``neighbour`` (the number of the
    nearest other annotation that is no crowd, of any class, by the gap between the boxes; -1 for none), ``distance``
    (that gap in pixels, 0 where they touch, NaN for none), ``method``, ``map`` (its status), and of the map

    - ``pointing`` and ``energy``: pointing game and energy pointing game in the annotated box, 0..1;
    - ``half``: the map's own size, the least share of the image's pixels that hold half of its energy, 0..0.5 (NaN for
      a map of zeros); ``reach``: so many pixels over those of the annotated box, 1 where half of the energy takes as
      much room as the object;
    - ``beside``: the share of the energy in the nearest neighbour's box and not in the object's own, 0..1 (NaN without
      a neighbour).

    Rows by image, method and falling score. Raises what ``compare`` raises, and ``ValueError`` or ``TypeError`` for
    arguments out of range.
    """
    import pandas as pd

    check_at_most(at_most)
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
    rows = [row for one in looked for row in object_rows(one, at_most)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def check_at_most(at_most: float) -> None:
    """``ValueError`` for what is no share."""
    if not 0 < at_most <= 1:
        raise ValueError(f"at_most is a share of the network's input, above 0 and up to 1; got {at_most}")


def object_rows(looked: ExplainedImage, at_most: float) -> Iterator[dict[str, Any]]:
    """The rows of one image, as in ``objects``."""
    found, sample = looked.selected.detections, looked.sample
    annotations = looked.selected.annotations
    shares = canvas_share(found, *sample.image.shape[:2])
    neighbours, distances = _neighbours(looked)
    own, others = looked.boxes_of(annotations), looked.boxes_of(neighbours)
    for method, maps in looked.maps.items():
        values = maps.values.detach().cpu()
        half = half_energy_share(values)
        figures = {
            "pointing": pointing_game(values, own).double(),
            "energy": energy_pointing_game(values, own),
            "half": half,
            "reach": half * values[0].numel() / own.sum(dim=(1, 2)),
            "beside": torch.where(neighbours >= 0, energy_beside(values, own, others), torch.nan),
        }
        for row, box in enumerate(found.boxes.tolist()):
            yield {
                **looked.about(row),
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


def _neighbours(looked: ExplainedImage) -> tuple[Tensor, Tensor]:
    """For each selected object the number of the nearest annotation, int64 ``[N]``, and its distance ``[N]``."""
    sample = looked.sample
    counted = torch.from_numpy(np.flatnonzero(~sample.crowd))
    boxes = torch.from_numpy(sample.boxes)[counted]
    nearest, gaps = nearest_boxes(boxes), box_distances(boxes)
    at = torch.searchsorted(counted, looked.selected.annotations)
    best = nearest[at]
    none = best < 0
    return torch.where(none, -1, counted[best]), torch.where(none, torch.nan, gaps[at, best])
