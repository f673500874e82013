"""Running one method: from a trace, or from a detector's answers, to heat maps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import UNDERFLOWED, HeatMaps
from detxai_nb.methods.registry import Context, Method, MethodResult
from detxai_nb.types import SIDES, Detections, Detector, Level, Progress, Target, Trace
from detxai_nb.windows import spread_windows, take_windows

COMBINE = ("maximum", "normalized")
_TINY = 1e-30
"""Gradients below it vanish in products of float32 numbers."""
_EXTREME = 1e-6
"""Scores nearer to 0 or 1 have a slope, p (1 - p), that float32 may round to zero."""


@dataclass(frozen=True)
class Job:
    """One method to run with all its settings.

    Attributes:
        method: the method.
        settings: all of its settings, complete.
        target: what is explained.
        combine: how the maps of the target "combined" are joined, one of ``COMBINE``.
    """

    method: Method
    settings: Mapping[str, Any]
    target: Target
    combine: str

    @classmethod
    def of(cls, method: Method, target: Target, settings: dict[str, Any]) -> Job:
        """Check settings and target, and make the job.

        Args:
            method: the method.
            target: what is to be explained.
            settings: some of the method's, and ``combine`` for the target "combined".

        Returns:
            A job with complete settings.

        Raises:
            ValueError: for a target that the method cannot explain, or an unknown value.
            TypeError: for an unknown setting.
        """
        method.check_target(target)
        combine = settings.pop("combine", COMBINE[0]) if target.part == "combined" else COMBINE[0]
        if combine not in COMBINE:
            raise ValueError(f"combine is one of {', '.join(COMBINE)}; got {combine!r}")
        return cls(method, method.complete(settings), target, combine)

    @property
    def parts(self) -> tuple[Target, ...]:
        """The scalars whose maps it needs: one, or five for the target "combined"."""
        if self.target.part != "combined":
            return (self.target,)
        return tuple(replace(self.target, part=part) for part in ("class", *SIDES))


@dataclass
class Steps:
    """A count of finished maps for the progress callback.

    Attributes:
        progress: called as ``progress(done, total)``; None for nobody.
        total: how many maps there will be.
        done: how many there are.
    """

    progress: Progress | None
    total: int
    done: int = 0

    def add(self, count: int) -> None:
        """Count finished maps and report them.

        Args:
            count: how many more there are.
        """
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total)

    def within(self, count: int) -> Progress:
        """Return a callback for work that makes several maps together and counts in steps of its own.

        Args:
            count: how many maps it makes.

        Returns:
            A callback that reports its share of them.
        """
        before = self.done

        def report(done: int, total: int) -> None:
            self.done = before + count * done // max(total, 1)
            if self.progress is not None:
                self.progress(self.done, self.total)

        return report


def maps_from_trace(job: Job, trace: Trace, image: np.ndarray, detections: Detections, steps: Steps) -> HeatMaps:
    """Run a gradient or trace method.

    Args:
        job: the method with its settings.
        trace: the open forward pass.
        image: RGB uint8 ``[H,W,3]``.
        detections: what to explain, on the detector's device.
        steps: counts the maps.

    Returns:
        The maps, without the running time of the forward pass.
    """
    started = time.perf_counter()
    if job.method.kind == "gradient":
        found = _from_gradients(job, trace, detections, steps)
    else:
        report = steps.within(len(detections))
        further = (job.target,) if job.method.targeted else ()
        found = job.method.run(trace, detections, report, *further, settings=job.settings)
    return _heat_maps(job, found, image, detections, started, trace.placement)


def maps_from_answers(
    job: Job, detector: Detector, image: np.ndarray, detections: Detections, steps: Steps
) -> HeatMaps:
    """Run a perturbation method.

    Args:
        job: the method with its settings.
        detector: any detector.
        image: RGB uint8 ``[H,W,3]``.
        detections: what to explain, on the detector's device.
        steps: counts the maps.

    Returns:
        The maps.
    """
    started = time.perf_counter()
    report = steps.within(len(detections))
    found = job.method.run(detector, image, detections, report, settings=job.settings)
    return _heat_maps(job, found, image, detections, started, Placement.identity(*image.shape[:2]))


def _heat_maps(
    job: Job,
    found: MethodResult,
    image: np.ndarray,
    detections: Detections,
    started: float,
    placement: Placement,
) -> HeatMaps:
    if found.strides is None:
        placement = Placement.identity(*image.shape[:2])
    return HeatMaps(
        grids=tuple(grid.detach().float() for grid in found.grids),
        strides=tuple(found.strides) if found.strides is not None else ((1.0, 1.0),) * len(found.grids),
        corners=tuple(found.corners or ()),
        shifts=tuple(found.shifts or ()),
        placement=placement,
        image=image,
        detections=detections,
        target=job.target,
        method=job.method.name,
        layer=found.layer,
        settings={**job.settings, **found.settings},
        seed=found.seed,
        seconds=time.perf_counter() - started,
        signed=job.method.signed(job.settings),
        diagnostics={name: tuple(map(float, values)) for name, values in found.diagnostics.items()},
    )


def _from_gradients(job: Job, trace: Trace, detections: Detections, steps: Steps) -> MethodResult:
    maps: list[list[Tensor]] = []
    at: list[Level] = []
    lost: set[int] = set()
    for target in job.parts:
        grids, at, vanished = _gradient_maps(job, trace, detections, target, steps)
        maps.append(grids)
        if vanished and target.part == "class" and target.score == "prob":
            scores = trace.scalars(detections, target).double()
            lost |= {row for row in vanished if not _EXTREME < float(scores[row]) < 1 - _EXTREME}
    combined = job.target.part == "combined"
    signed = job.method.signed(job.settings)
    return MethodResult(
        grids=[_join(parts, job.combine, signed) for parts in zip(*maps)] if combined else maps[0],
        strides=[level.stride for level in at],
        corners=[level.corner for level in at],
        shifts=[level.shift for level in at],
        settings={"combine": job.combine} if combined else {},
        diagnostics={UNDERFLOWED: [float(row in lost) for row in range(len(detections))]} if lost else {},
        layer=trace.layer,
    )


def _gradient_maps(
    job: Job, trace: Trace, detections: Detections, target: Target, steps: Steps
) -> tuple[list[Tensor], list[Level], list[int]]:
    """The native map of each detection, the level it lies on, and the rows whose gradient is as good as zero."""
    grids: dict[int, Tensor] = {}
    at: dict[int, Level] = {}
    vanished: list[int] = []
    steps.add(0)
    for chunk in trace.chunks(detections, target):
        level = trace.levels[chunk.level]
        level = level if chunk.shift is None else replace(level, shift=chunk.shift)
        peaks = torch.linalg.vector_norm(chunk.gradient.flatten(1), float("inf"), dim=1).tolist()
        vanished += [row for row, peak in zip(chunk.rows.tolist(), peaks) if peak < _TINY]
        height, width = level.features.shape[1:]
        boxes = _boxes_on_grid(trace, detections.boxes[chunk.rows], level)
        context = Context((height, width), boxes, trace.placement.input_size, getattr(trace, "two_stage", False))
        if chunk.corner is not None and job.method.compact(job.settings):
            context = replace(context, corner=chunk.corner)
            found = job.method.run(level.features, chunk.gradient, context, settings=job.settings)
        elif chunk.corner is not None and job.method.windowed(job.settings):
            windows = take_windows(level.features, chunk.corner, chunk.gradient.shape[-2:])
            found = job.method.run(windows, chunk.gradient, context, settings=job.settings)
            found = spread_windows(found, chunk.corner, (height, width))
            del windows
        else:
            found = job.method.run(level.features, chunk.dense(height, width), context, settings=job.settings)
        for row, grid in zip(chunk.rows.tolist(), found.detach()):
            grids[row], at[row] = grid.float(), level
        steps.add(len(chunk.rows))
        # Let go before the next chunk of the same size is made.
        del chunk, found
    rows = range(len(detections))
    return [grids[row] for row in rows], [at[row] for row in rows], vanished


def _boxes_on_grid(trace: Trace, boxes: Tensor, level: Level) -> Tensor:
    (down, across), (y, x) = level.stride, level.corner or level.shift
    placed: Tensor = trace.placement.boxes_to_input(boxes)
    return (placed - boxes.new_tensor([x, y] * 2)) / boxes.new_tensor([across, down] * 2)


def _join(parts: Sequence[Tensor], combine: str, signed: bool) -> Tensor:
    stack = torch.stack(list(parts))
    if combine == "normalized":
        low = torch.zeros_like(stack[:, :1, :1]) if signed else stack.amin(dim=(1, 2), keepdim=True)
        high = (stack.abs() if signed else stack - low).amax(dim=(1, 2), keepdim=True)
        stack = torch.where(high > 0, (stack - low) / torch.where(high > 0, high, 1), 0)
    if not signed:
        return stack.amax(dim=0)
    return stack.gather(0, stack.abs().argmax(dim=0, keepdim=True))[0]
