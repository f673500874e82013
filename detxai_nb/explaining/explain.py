"""explain and compare: from a detector, an image and its detections to heat maps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch

from detxai_nb.capabilities import Capabilities
from detxai_nb.detections import as_detections, require_own
from detxai_nb.detectors.trace.running import require_layer_name
from detxai_nb.doubts import warn_of_doubts
from detxai_nb.explaining.jobs import Job, Steps, check_contrast, maps_from_answers, maps_from_trace
from detxai_nb.float32 import exact_mode, in_full_float32
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import ImageSource, load_image
from detxai_nb.methods import Method, find_method
from detxai_nb.types import Detections, Detector, Progress, Target, TraceableDetector


def explain(
    detector: Detector,
    image: ImageSource,
    detections: Detections,
    *,
    method: str | Callable[..., Any] = "odam",
    target: Target | str = "class",
    layer: str | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> HeatMaps:
    """Compute a heat map of each detection: where in the image the detector found its evidence.

    All maps are computed together, from one forward pass for gradient and trace methods. They stay raw, on the grid on
    which they were computed; ``maps.values`` brings them to the image's size, ``maps.plot()`` draws them, and ``maps``
    holds every setting that is needed to compute them again. ``dx.methods()`` lists the methods. White-box methods need
    a detector from ``load_detector`` or ``wrap``; perturbation methods such as "d-rise" explain any detector.

    Args:
        detector: the detector that found ``detections``.
        image: what ``load_image`` takes: a path, a PIL image, an array or a tensor.
        detections: what to explain, from this detector's ``detect`` on this image; index them to explain some.
        method: a registered name, or a gradient method's function.
        target: what about a detection is explained: "class" (its score), a box side "x1", "y1", "x2", "y2", "combined"
            (all five), or a ``Target``, which also chooses the logit, another class, or a contrast:
            ``Target("apple", against="bauble")`` is why an apple rather than a bauble.
        layer: one of ``detector.layers``; by default the one that the method prefers (G-CAME: the class branch's end),
            else the detector's first.
        progress: called as ``progress(done, total)`` between chunks of work; what it raises ends the work and leaves
            the detector as it was.
        **settings: settings of the method, as ``dx.methods()`` lists them; with the target "combined" also ``combine``:
            "maximum" joins the five raw maps by their element-wise maximum, as ODAM and the difference-map paper print
            it, "normalized" scales each to 0..1 first (signed maps keep the value of the largest magnitude). The raw
            maps have different units (a probability; strides or input pixels), so that by the maximum the part with
            the largest numbers decides nearly everywhere: of Faster R-CNN a side, whose map reaches hundreds of times
            the class's, which then never shows. ``maps.deciding`` says which part it is, ``plots.plot_deciding`` draws
            it.

    Returns:
        The maps, one for each detection in the same order, on the detector's device.

    Raises:
        ValueError: for no detections, unknown names or values, or detections that are not this detector's own in this
            image: their class names and scores are compared with what the network gives before any map is made.
        TypeError: for an unknown setting, or a black-box detector with a method that needs a white box.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> detections = detector.detect([image])[0]
        >>> maps = dx.explain(detector, image, detections, method="odam")
        >>> len(maps) == len(detections)
        True
        >>> maps.values.shape[1:] == image.shape[:2]
        True
        >>> maps.method, maps.settings["direction"], set(maps.status)
        ('odam', 'positive', {'ok'})
        >>> sides = dx.explain(detector, image, detections[:1], method="odam", target="x1")
        >>> sides.target.part
        'x1'
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
    warn_of_doubts(detector, [image])
    return next(iter(found.values()))


def compare(
    detector: Detector,
    image: ImageSource,
    detections: Detections,
    *,
    methods: Sequence[str | Callable[..., Any]] = ("odam", "grad-cam", "grad-cam++"),
    target: Target | str = "class",
    layer: str | None = None,
    progress: Progress | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, HeatMaps]:
    """Compute heat maps of the same detections by several methods.

    Methods that explain the same layer share one forward pass: all of them if ``layer`` is given, and without it all
    but those that prefer a layer of their own. ``plots.plot_comparison`` draws the result.

    Args:
        detector: the detector that found ``detections``.
        image: what ``load_image`` takes.
        detections: what to explain, from this detector's ``detect`` on this image.
        methods: registered names, or functions of gradient methods; also one of them.
        target: as in ``explain``, for all methods.
        layer: as in ``explain``, for all methods that look inside the detector.
        progress: called as ``progress(done, total)`` between chunks of work; what it raises ends the work.
        settings: by method name what ``explain`` takes as keyword arguments.

    Returns:
        The maps by the method's name, in the order of ``methods``.

    Raises:
        ValueError: as ``explain``, and for no methods, or settings of a method that is not among them.
        TypeError: as ``explain``.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> detections = detector.detect([image])[0]
        >>> found = dx.compare(
        ...     detector, image, detections, methods=["odam", "grad-cam"], settings={"odam": {"direction": "signed"}}
        ... )
        >>> {name: maps.signed for name, maps in found.items()}
        {'odam': True, 'grad-cam': False}
    """
    pixels, detections = load_image(image), as_detections(detections)
    target, given = Target.of(target), dict(settings or {})
    methods = [methods] if isinstance(methods, str) or callable(methods) else methods
    jobs = [Job.of(find_method(m), target, dict(given.pop(_name(m), {}))) for m in methods]
    jobs = [replace(job, side_unit=Capabilities(detector).side_unit) for job in jobs]
    if not jobs:
        raise ValueError("methods is empty; name at least one, such as 'odam'")
    if given:
        raise ValueError(f"settings for {', '.join(given)}, which are not among the methods to run")
    _check(detections, pixels.shape[:2], target)
    looking = [job.method for job in jobs if job.method.kind != "perturbation"]
    _check_abilities(detector, looking, layer, target)
    detections = detections.to(detector.device)
    steps = Steps(progress, sum(len(job.parts) for job in jobs) * len(detections))
    found = _explain_all(jobs, detector, layer, pixels, detections, steps)
    warn_of_doubts(detector, [image])
    title = Capabilities(detector).title
    return {job.method.name: replace(found[job.method.name], detector=title) for job in jobs}


@exact_mode
def _explain_all(
    jobs: Sequence[Job],
    detector: Detector,
    layer: str | None,
    image: np.ndarray,
    detections: Detections,
    steps: Steps,
) -> dict[str, HeatMaps]:
    """The maps of all methods: white-box ones first, one forward pass for those that share a layer."""
    found: dict[str, HeatMaps] = {}
    for own, together in _by_layer(jobs, detector, layer):
        inside = [job for job in together if job.method.kind != "perturbation"]
        if inside:
            white_box = cast(TraceableDetector, detector)
            found.update(_explain_from_trace(inside, white_box, own, image, detections, steps))
    if not found:
        require_own(detector, image, detections)
    for job in jobs:
        if job.method.kind == "perturbation":
            found[job.method.name] = maps_from_answers(job, detector, image, detections, steps)
    return found


def _explain_from_trace(
    jobs: Sequence[Job],
    detector: TraceableDetector,
    layer: str | None,
    image: np.ndarray,
    detections: Detections,
    steps: Steps,
) -> dict[str, HeatMaps]:
    """The maps of white-box methods from one forward pass; the running time of each includes that of the pass."""

    def run() -> dict[str, HeatMaps]:
        started = time.perf_counter()
        trace = detector.trace(image, layer)
        shared = time.perf_counter() - started
        if not steps.done:
            require_own(detector, image, detections, trace)
        check_contrast(detector, trace, detections, jobs[0].target)
        found = {job.method.name: maps_from_trace(job, trace, image, detections, steps) for job in jobs}
        return {name: replace(maps, seconds=shared + maps.seconds) for name, maps in found.items()}

    return in_full_float32(detector.device, run)


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


def _check_abilities(detector: Detector, looking: Sequence[Method], layer: str | None, target: Target) -> None:
    """Raise where the detector cannot give what the methods that look inside it need."""
    require_layer_name(layer)
    parts = Capabilities(detector).targets
    if target.part not in parts:
        asked = "x1" if target.part == "combined" else target.part
        classifier = Capabilities(detector).family == "classifier"
        no_box = "a classifier has no box to explain" if classifier else "it has no such box side to explain"
        only = f"its only target is {parts[0]!r}" if len(parts) == 1 else f"its targets are {', '.join(parts)}"
        raise ValueError(f"{no_box}: {only}, got {asked!r}")
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
            why = "".join(f": {method.needs[need]}" for need in missing if isinstance(method.needs, Mapping))
            raise TypeError(
                f"method {method.name!r} needs a detector whose trace gives {', '.join(missing)}, "
                f"which {type(detector).__name__} does not{why}"
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
    target.resolve(detections.labels, detections.names)
