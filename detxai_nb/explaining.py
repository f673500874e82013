"""explain and compare: from a detector, an image and its detections to heat maps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import load_image
from detxai_nb.methods import Context, Method, find_method
from detxai_nb.types import (
    SIDES,
    Detections,
    Detector,
    Level,
    OpenDetector,
    Progress,
    Target,
    Trace,
    spread_windows,
    take_windows,
)

COMBINE = ("maximum", "normalized")


@dataclass(frozen=True)
class _Job:
    """One method to run with all its settings."""

    method: Method
    settings: Mapping[str, Any]
    target: Target
    combine: str

    @property
    def parts(self) -> tuple[Target, ...]:
        """The scalars whose maps it needs."""
        if self.target.part != "combined":
            return (self.target,)
        return tuple(replace(self.target, part=part) for part in ("class", *SIDES))


def explain(
    detector: Detector,
    image: Any,
    detections: Detections,
    *,
    method: str | Callable[..., Tensor] = "odam",
    target: Target | str = "class",
    layer: str | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> HeatMaps:
    """Heat maps of all ``detections`` (from this detector's ``detect`` on this image), computed together.

    ``image``: what ``load_image`` takes. ``method``: a registered name or a gradient method's function. ``target``: a
    part ("class", "x1", "y1", "x2", "y2", "combined") or a ``Target``. ``layer``: one of ``detector.layers``, by
    default the first. ``settings``: those of the method; with the target "combined" also ``combine``: "maximum" joins
    the five raw maps by their element-wise maximum, as ODAM and the difference-map paper do, "normalized" scales each
    to 0..1 first (signed maps keep the value of the largest magnitude). Values are raw, ``[N,H,W]`` on first use.

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
    methods: Sequence[str | Callable[..., Tensor]] = ("odam", "grad-cam", "grad-cam++"),
    target: Target | str = "class",
    layer: str | None = None,
    progress: Progress | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, HeatMaps]:
    """Heat maps of the same detections by several methods, by the method's name; the methods share one forward pass.

    ``settings`` holds, by method name, what ``explain`` takes as keyword arguments; the rest is as in ``explain``.
    """
    pixels = load_image(image)
    target = Target.of(target)
    given = dict(settings or {})
    jobs = [_job(find_method(m), target, dict(given.pop(_name(m), {}))) for m in methods]
    if not jobs:
        raise ValueError("methods is empty; name at least one, such as 'odam'")
    if given:
        raise ValueError(f"settings for {', '.join(given)}, which are not among the methods to run")
    _check(detections, pixels.shape[:2], target)
    if not isinstance(detector, OpenDetector):
        names = ", ".join(job.method.name for job in jobs)
        raise TypeError(
            f"{names}: gradient methods look inside the detector, and {type(detector).__name__} has no trace"
        )
    started = time.perf_counter()
    detections = detections.to(detector.device)
    trace = detector.trace(pixels, layer)
    shared = time.perf_counter() - started
    report = _Steps(progress, sum(len(job.parts) for job in jobs) * len(detections))
    return {job.method.name: _run(job, trace, pixels, detections, layer, shared, report) for job in jobs}


def _name(method: Any) -> str:
    return find_method(method).name


def _job(method: Method, target: Target, settings: dict[str, Any]) -> _Job:
    combine = settings.pop("combine", COMBINE[0]) if target.part == "combined" else COMBINE[0]
    if combine not in COMBINE:
        raise ValueError(f"combine is one of {', '.join(COMBINE)}; got {combine!r}")
    return _Job(method, method.complete(settings), target, combine)


def _check(detections: Detections, size: tuple[int, ...], target: Target) -> None:
    detections.require_some()
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


@dataclass
class _Steps:
    """Counts finished maps for the progress callback."""

    progress: Progress | None
    total: int
    done: int = 0

    def add(self, count: int) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total)


def _run(
    job: _Job, trace: Trace, pixels: Any, detections: Detections, layer: str | None, shared: float, report: _Steps
) -> HeatMaps:
    started = time.perf_counter()
    maps: list[list[Tensor]] = []
    at: list[int] = []
    for target in job.parts:
        grids, at = _maps(job, trace, detections, target, report)
        maps.append(grids)
    settings = dict(job.settings)
    signed = job.method.signed(settings)
    if job.target.part == "combined":
        settings["combine"] = job.combine
        grids = [_join(parts, job.combine, signed) for parts in zip(*maps)]
    else:
        grids = maps[0]
    return HeatMaps(
        grids=tuple(grids),
        strides=tuple(trace.levels[level].stride for level in at),
        corners=tuple(trace.levels[level].corner for level in at),
        placement=trace.placement,
        image=pixels,
        detections=detections,
        target=job.target,
        method=job.method.name,
        layer=layer if layer is not None else trace.layer,
        settings=settings,
        seconds=shared + time.perf_counter() - started,
        signed=signed,
    )


def _maps(
    job: _Job, trace: Trace, detections: Detections, target: Target, report: _Steps
) -> tuple[list[Tensor], list[int]]:
    """The native map of each detection and the level it lies on."""
    grids: dict[int, Tensor] = {}
    at: dict[int, int] = {}
    report.add(0)
    for chunk in trace.chunks(detections, target):
        level = trace.levels[chunk.level]
        height, width = level.features.shape[1:]
        boxes = _boxes_on_grid(trace, detections.boxes[chunk.rows], level)
        context = Context((height, width), boxes)
        if chunk.corner is not None and job.method.windowed(job.settings):
            windows = take_windows(level.features, chunk.corner, chunk.gradient.shape[-2:])
            found = job.method.function(windows, chunk.gradient, context, **job.settings)
            found = spread_windows(found, chunk.corner, (height, width))
        else:
            found = job.method.function(level.features, chunk.dense(height, width), context, **job.settings)
        for row, grid in zip(chunk.rows.tolist(), found.detach()):
            grids[row], at[row] = grid.float(), chunk.level
        report.add(len(chunk.rows))
    rows = range(len(detections))
    return [grids[row] for row in rows], [at[row] for row in rows]


def _boxes_on_grid(trace: Trace, boxes: Tensor, level: Level) -> Tensor:
    (down, across), (y, x) = level.stride, level.corner or (0.0, 0.0)
    return (trace.placement.boxes_to_input(boxes) - boxes.new_tensor([x, y] * 2)) / boxes.new_tensor([across, down] * 2)


def _join(parts: Sequence[Tensor], combine: str, signed: bool) -> Tensor:
    stack = torch.stack(list(parts))
    if combine == "normalized":
        low = torch.zeros_like(stack[:, :1, :1]) if signed else stack.amin(dim=(1, 2), keepdim=True)
        high = (stack.abs() if signed else stack - low).amax(dim=(1, 2), keepdim=True)
        stack = torch.where(high > 0, (stack - low) / torch.where(high > 0, high, 1), 0)
    if not signed:
        return stack.amax(dim=0)
    return stack.gather(0, stack.abs().argmax(dim=0, keepdim=True))[0]
