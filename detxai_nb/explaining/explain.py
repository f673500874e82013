"""explain and compare: from a detector, an image and its detections to heat maps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch

from detxai_nb.capabilities import Capabilities
from detxai_nb.explaining.jobs import Job, Steps, maps_from_answers, maps_from_trace
from detxai_nb.float32 import full_float32
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import load_image
from detxai_nb.methods import Method, find_method
from detxai_nb.types import Detections, Detector, Progress, Target, TraceableDetector


def explain(
    detector: Detector,
    image: Any,
    detections: Detections,
    *,
    method: str | Callable[..., Any] = "odam",
    target: Target | str = "class",
    layer: str | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> HeatMaps:
    """Heat maps of all ``detections`` (from this detector's ``detect`` on this image), computed together.

    ``image``: what ``load_image`` takes. ``method``: a registered name or a gradient method's function. ``target``: a
    part ("class", "x1", "y1", "x2", "y2", "combined") or a ``Target``. ``layer``: one of ``detector.layers``, by
    default the one that the method prefers (G-CAME: the class branch's end), else the first. ``settings``: those of the
    method; with the target "combined" also ``combine``: "maximum" joins the five raw maps by their element-wise
    maximum, as ODAM and the difference-map paper do, "normalized" scales each to 0..1 first (signed maps keep the value
    of the largest magnitude). Values are raw, ``[N,H,W]`` on first use.

    Raises ``ValueError`` for no detections, unknown names, or detections that do not belong to the image, and
    ``TypeError`` for a detector that cannot be looked into. ``progress(done, total)`` is called between chunks; what it
    raises ends the work and leaves the detector as it was.
    """
    found = compare(
        detector,
        image,
        detections,
        methods=[method],
        target=target,
        layer=layer,
        progress=progress,
        settings={_name(method): settings},
    )
    return next(iter(found.values()))


def compare(
    detector: Detector,
    image: Any,
    detections: Detections,
    *,
    methods: Sequence[str | Callable[..., Any]] = ("odam", "grad-cam", "grad-cam++"),
    target: Target | str = "class",
    layer: str | None = None,
    progress: Progress | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, HeatMaps]:
    """Heat maps of the same detections by several methods, by the method's name.

    Methods that explain the same layer share one forward pass: all with a ``layer`` that is given, and without one all
    but those that prefer a layer of their own. ``settings`` holds, by method name, what ``explain`` takes as keyword
    arguments; the rest is as in ``explain``.
    """
    pixels = load_image(image)
    target = Target.of(target)
    given = dict(settings or {})
    jobs = [Job.of(find_method(m), target, dict(given.pop(_name(m), {}))) for m in methods]
    if not jobs:
        raise ValueError("methods is empty; name at least one, such as 'odam'")
    if given:
        raise ValueError(f"settings for {', '.join(given)}, which are not among the methods to run")
    _check(detections, pixels.shape[:2], target)
    looking = [job.method for job in jobs if job.method.kind != "perturbation"]
    _check_abilities(detector, looking, layer)
    detections = detections.to(detector.device)
    steps = Steps(progress, sum(len(job.parts) for job in jobs) * len(detections))
    found = {}
    for own, together in _by_layer(jobs, detector, layer):
        inside = [job for job in together if job.method.kind != "perturbation"]
        if inside:
            found.update(_looked(inside, cast(TraceableDetector, detector), own, pixels, detections, steps))
        for job in together:
            if job.method.kind == "perturbation":
                found[job.method.name] = maps_from_answers(job, detector, pixels, detections, steps)
    return {job.method.name: found[job.method.name] for job in jobs}


def _looked(
    jobs: Sequence[Job],
    detector: TraceableDetector,
    layer: str | None,
    image: Any,
    detections: Detections,
    steps: Steps,
) -> dict[str, HeatMaps]:
    """The maps of methods that look into one forward pass, and what each took with its share of that pass."""
    with full_float32(detector.device):
        started = time.perf_counter()
        trace = detector.trace(image, layer)
        shared = time.perf_counter() - started
        found = {job.method.name: maps_from_trace(job, trace, image, detections, steps) for job in jobs}
    return {name: replace(maps, seconds=shared + maps.seconds) for name, maps in found.items()}


def _by_layer(jobs: Sequence[Job], detector: Detector, layer: str | None) -> list[tuple[str | None, list[Job]]]:
    """The jobs that one forward pass can serve, with its layer; perturbation methods go with any."""
    offered = Capabilities(detector).layers
    found: dict[str | None, list[Job]] = {}
    for job in jobs:
        own = layer if layer is not None or not offered else job.method.layer_of(offered)
        found.setdefault(None if offered and own == offered[0] else own, []).append(job)
    return list(found.items())


def _name(method: Any) -> str:
    return find_method(method).name


def _check_abilities(detector: Detector, looking: Sequence[Method], layer: str | None) -> None:
    """Raise where the detector cannot give what the methods that look inside it need."""
    if layer is not None and not looking:
        raise ValueError(f"layer is {layer!r}, and perturbation methods look at no layer; leave it out")
    names = ", ".join(method.name for method in looking)
    if looking and not isinstance(detector, TraceableDetector):
        raise TypeError(
            f"{names}: these methods look inside the detector, and {type(detector).__name__} has no trace; "
            "perturbation methods such as 'd-rise' do without"
        )
    for method in looking:
        missing = [need for need in method.needs if need not in Capabilities(detector).offers]
        if missing:
            raise TypeError(
                f"method {method.name!r} needs a detector whose trace gives {', '.join(missing)}, "
                f"which {type(detector).__name__} does not"
            )


def _check(detections: Detections, size: tuple[int, ...], target: Target) -> None:
    detections.require_nonempty()
    height, width = size
    detections.require_image(height, width)
    x1, y1, x2, y2 = detections.boxes.unbind(1)
    outside = (x2 < 0) | (y2 < 0) | (x1 > width) | (y1 > height) | ~torch.isfinite(detections.boxes).all(1)
    if bool(outside.any()):
        row = int(outside.nonzero()[0])
        box = ", ".join(f"{v:.1f}" for v in detections.boxes[row].tolist())
        raise ValueError(
            f"the box of detection {row}, ({box}), lies outside the image of {width}x{height} pixels; "
            "boxes are (x1, y1, x2, y2) in pixels of the original image"
        )
    if target.label is not None and not 0 <= target.label < len(detections.names):
        raise ValueError(
            f"the target's label is {target.label}, and there are {len(detections.names)} classes (from 0)"
        )
