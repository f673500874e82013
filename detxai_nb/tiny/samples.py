"""From a picture or a dataset to its selected objects and their maps, image by image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.selection import Protocol, Selected, find_protocol, select
from detxai_nb.explaining.explain import compare
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import load_image
from detxai_nb.metrics.map_energy import box_masks
from detxai_nb.types import Detections, Detector, Progress, Target

METHODS = ("odam", "grad-cam")

MethodLike = str | Callable[..., Any]


@dataclass(frozen=True, eq=False)
class ExplainedImage:
    """One image: its ``number`` in the dataset, the ``sample``, its N selected objects, and their maps by method."""

    number: int
    sample: Sample
    selected: Selected
    maps: Mapping[str, HeatMaps]

    def about(self, row: int) -> dict[str, Any]:
        """The columns that every table of this package has for object ``row``."""
        found = self.selected.detections
        return {
            "image": self.number,
            "image_id": int(self.sample.image_id),
            "file_name": self.sample.file_name,
            "label": found.names[int(found.labels[row])],
        }

    def boxes_of(self, annotations: Tensor) -> Tensor:
        """Bool ``[K,H,W]`` on the CPU: the pixels of the annotated boxes of these numbers; none for -1."""
        height, width = self.sample.image.shape[:2]
        boxes = np.concatenate([self.sample.boxes, np.full((1, 4), np.nan, np.float32)])
        return box_masks(torch.from_numpy(boxes[annotations.numpy()]), height, width)


def iterate_images(
    detector: Detector,
    data: Any,
    methods: Sequence[MethodLike],
    *,
    target: Target | str = "class",
    layer: str | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    protocol: str | Protocol = "default",
    limit: int | None = None,
) -> Iterator[ExplainedImage]:
    """The images of ``data`` that have selected objects; the arguments are those of ``tiny.objects``."""
    if isinstance(methods, str):
        raise TypeError(f"methods is a list of names, such as [{methods!r}]")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is a number of images, 1 or more, or None for all; got {limit!r}")
    samples = samples_of(detector, data, find_protocol(protocol))
    how: dict[str, Any] = {"target": target, "layer": layer, "settings": settings, "protocol": protocol}
    for number in range(len(samples) if limit is None else min(limit, len(samples))):
        looked = explain_image(detector, samples, number, methods, **how)
        if looked is not None:
            yield looked


def explain_image(
    detector: Detector,
    samples: Sequence[Sample],
    number: int,
    methods: Sequence[MethodLike],
    *,
    target: Target | str = "class",
    layer: str | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    protocol: str | Protocol = "default",
    progress: Progress | None = None,
) -> ExplainedImage | None:
    """Image ``number`` of ``samples``, None where no object of it is selected; ``progress`` as in ``compare``."""
    sample, chosen = samples[number], find_protocol(protocol)
    if not isinstance(sample, Sample):
        raise TypeError(f"a dataset holds Samples, this one a {type(sample).__name__}; hand in pictures one by one")
    selected = select(_detect(detector, sample.image, chosen), sample, chosen)
    if not len(selected.detections):
        return None
    found = compare(
        detector,
        sample.image,
        selected.detections,
        methods=methods,
        target=target,
        layer=layer,
        settings=settings,
        progress=progress,
    )
    # What speaks against an object is no energy.
    return ExplainedImage(number, sample, selected, {name: maps.positive() for name, maps in found.items()})


def samples_of(detector: Detector, data: Any, protocol: Protocol) -> Sequence[Sample]:
    """``data`` as a sequence of Samples: a dataset as it is, a Sample alone, or a picture with its own detections.

    A picture without annotations is any that ``load_image`` takes; what the detector finds stands for the annotations.
    """
    if isinstance(data, Sample):
        return [data]
    datasets = isinstance(data, (list, tuple)) or (hasattr(data, "__getitem__") and hasattr(data, "names"))
    if datasets:
        return data  # type: ignore[no-any-return]
    pixels = load_image(data)
    found = _detect(detector, pixels, protocol)
    boxes = found.boxes.detach().cpu()
    return [
        Sample(
            image=pixels,
            boxes=boxes.float().numpy(),
            labels=found.labels.cpu().numpy(),
            crowd=np.zeros(len(found), bool),
            image_id=0,
            file_name="picture",
            names=found.names,
            load_masks=lambda: box_masks(boxes, *pixels.shape[:2]).numpy(),
        )
    ]


def _detect(detector: Detector, pixels: np.ndarray, protocol: Protocol) -> Detections:
    found = detector.detect([pixels], score_threshold=protocol.score)[0]
    return found[found.scores > protocol.score]
