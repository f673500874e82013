"""From an image or a dataset to its selected objects and their maps, image by image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack, cast

import numpy as np
import torch
from torch import Tensor

from detxai_nb.data.foreign import as_id
from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.selection import Protocol, Selected, find_protocol, select
from detxai_nb.explaining.explain import compare
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import load_image
from detxai_nb.metrics.map_energy import box_masks
from detxai_nb.options import complete_options, show_options
from detxai_nb.subjects import require_places
from detxai_nb.types import Detections, Detector, Progress, Target

METHODS = ("odam", "grad-cam")

MethodLike = str | Callable[..., Any]


class ExplanationOptions(TypedDict, total=False):
    """What is explained, and in which objects.

    Attributes:
        target: the explained scalar, as in ``explain``.
        layer: the explained layer, one of ``detector.layers``; None for the one that each method prefers.
        settings: by method name, what ``explain`` takes as keyword arguments.
        protocol: which objects are selected: a name of ``PROTOCOLS`` or a ``Protocol``.
    """

    target: Target | str
    layer: str | None
    settings: Mapping[str, Mapping[str, Any]] | None
    protocol: str | Protocol


EXPLANATION_DEFAULTS: ExplanationOptions = {
    "target": "class",
    "layer": None,
    "settings": None,
    "protocol": "default",
}


@dataclass(frozen=True, eq=False)
class ExplainedImage:
    """One image with its selected objects and their maps.

    Attributes:
        number: the image's number in the dataset.
        sample: the image with its annotations.
        selected: its N selected objects.
        maps: by method the N maps, without negative values.
    """

    number: int
    sample: Sample
    selected: Selected
    maps: Mapping[str, HeatMaps]

    def about(self, row: int) -> dict[str, Any]:
        """Return the columns that every table of this package has.

        Args:
            row: index of a selected object.

        Returns:
            "image", "image_id", "file_name" and "label" of the object.
        """
        found = self.selected.detections
        return {
            "image": self.number,
            "image_id": as_id(self.sample.image_id, "the image's id"),
            "file_name": self.sample.file_name,
            "label": found.names[int(found.labels[row])],
        }

    def boxes_of(self, annotations: Tensor) -> Tensor:
        """Return the masks of annotated boxes.

        Args:
            annotations: int64 ``[K]``: numbers of annotations in the sample, -1 for none.

        Returns:
            Bool ``[K,H,W]`` on the CPU; no pixel for -1.
        """
        height, width = self.sample.image.shape[:2]
        boxes = np.concatenate([self.sample.boxes, np.full((1, 4), np.nan, np.float32)])
        return box_masks(torch.from_numpy(boxes[annotations.numpy()]), height, width)


@show_options(ExplanationOptions, EXPLANATION_DEFAULTS)
def iterate_images(
    detector: Detector,
    data: Any,
    methods: Sequence[MethodLike],
    *,
    limit: int | None = None,
    **options: Unpack[ExplanationOptions],
) -> Iterator[ExplainedImage]:
    """Explain the images that have selected objects, one after the other.

    Args:
        detector: the detector.
        data: a dataset, a Sample, or an image, as in ``tiny.objects``.
        methods: names of methods, or functions.
        limit: only the first so many images; None for all.
        **options: the keyword arguments below.
        target: the explained scalar, as in ``explain``; "class" by default.
        layer: the explained layer, one of ``detector.layers``; by default the one that each method prefers.
        settings: by method name, what ``explain`` takes as keyword arguments; none by default.
        protocol: which objects are selected, as in ``evaluate``; "default" by default.

    Yields:
        The images with selected objects.

    Raises:
        ValueError: if ``limit`` is below 1.
        TypeError: if ``methods`` is a single name or the dataset holds something else than Samples.
    """
    if isinstance(methods, str):
        raise TypeError(f"methods is a list of names, such as [{methods!r}]")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is a number of images, 1 or more, or None for all; got {limit!r}")
    given = complete_options(iterate_images, options, EXPLANATION_DEFAULTS)
    samples = samples_of(detector, data, find_protocol(given["protocol"]))
    for number in range(len(samples) if limit is None else min(limit, len(samples))):
        explained = explain_image(detector, samples, number, methods, **given)
        if explained is not None:
            yield explained


@show_options(ExplanationOptions, EXPLANATION_DEFAULTS)
def explain_image(
    detector: Detector,
    samples: Sequence[Sample],
    number: int,
    methods: Sequence[MethodLike],
    *,
    progress: Progress | None = None,
    **options: Unpack[ExplanationOptions],
) -> ExplainedImage | None:
    """Explain the selected objects of one image.

    Args:
        detector: the detector.
        samples: a dataset.
        number: number of the image in it.
        methods: names of methods, or functions.
        progress: called as ``progress(done, total)``, as in ``compare``.
        **options: the keyword arguments below.
        target: the explained scalar, as in ``explain``; "class" by default.
        layer: the explained layer, one of ``detector.layers``; by default the one that each method prefers.
        settings: by method name, what ``explain`` takes as keyword arguments; none by default.
        protocol: which objects are selected, as in ``evaluate``; "default" by default.

    Returns:
        The image with its maps, or None if no object is selected.

    Raises:
        TypeError: if the dataset holds something else than Samples; and what ``compare`` raises.
    """
    given = complete_options(explain_image, options, EXPLANATION_DEFAULTS)
    sample, protocol = samples[number], find_protocol(given["protocol"])
    if not isinstance(sample, Sample):
        raise TypeError(f"a dataset holds Samples, this one a {type(sample).__name__}; pass images one by one")
    selected = select(_detect(detector, sample.image, protocol), sample, protocol)
    if not len(selected.detections):
        return None
    found = compare(
        detector,
        sample.image,
        selected.detections,
        methods=methods,
        target=given["target"],
        layer=given["layer"],
        settings=given["settings"],
        progress=progress,
    )
    # Evidence against an object does not count as energy.
    return ExplainedImage(number, sample, selected, {name: maps.positive() for name, maps in found.items()})


def samples_of(detector: Detector, data: Any, protocol: Protocol) -> Sequence[Sample]:
    """Return data as a sequence of Samples.

    Args:
        detector: the detector.
        data: a dataset, which is returned as it is; a Sample; or an image that ``load_image`` takes, whose detections
            serve as annotations.
        protocol: its score is the threshold of these detections.

    Returns:
        The samples.

    Raises:
        ValueError: for an image classifier, whose classes are in no places.
    """
    require_places(
        detector,
        "dx.tiny relates maps to the sizes and neighbours of objects",
        "dx.widgets.Comparison(detector, image), or dx.evaluate with the protocol 'classes'",
    )
    if isinstance(data, Sample):
        return [data]
    if isinstance(data, (list, tuple)) or (hasattr(data, "__getitem__") and hasattr(data, "names")):
        return cast(Sequence[Sample], data)
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
