"""Running one method: from a trace, or from a detector's answers, to heat maps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import UNDERFLOWED, HeatMaps
from detxai_nb.methods.registry import Context, Method, MethodResult
from detxai_nb.types import COMBINED, Detections, Detector, Level, Progress, Target, Trace
from detxai_nb.windows import GradientChunk, spread_windows, take_windows

COMBINE = ("maximum", "normalized")
_TINY = 1e-30
"""Gradients, and products of gradient and activation, below it are lost in the rounding of float32 numbers."""
_ROUNDING = 1e-3
"""How far a difference of two scalars may be off, as a share of their size: rounding and no more."""
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
        side_unit: the unit of the detector's box sides, "" if it is not known.
    """

    method: Method
    settings: Mapping[str, Any]
    target: Target
    combine: str
    side_unit: str = ""

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
        return cls(method, method.complete(settings), method.explained(target), combine)

    @property
    def parts(self) -> tuple[Target, ...]:
        """The scalars whose maps it needs: one, or five for the target "combined"."""
        if self.target.part != "combined":
            return (self.target,)
        return tuple(replace(self.target, part=part) for part in COMBINED)

    @property
    def signed(self) -> bool:
        """Whether its maps can be negative: those of a contrast by a detector's answers are, whatever the method."""
        contrast = self.method.kind == "perturbation" and self.target.against is not None
        return contrast or self.method.signed(self.settings)

    def unit(self, score: str) -> str:
        """Return the unit of the explained scalar.

        Args:
            score: the score that the method explained.

        Returns:
            Words, see ``Target.unit``.
        """
        return replace(self.target, score=score).unit(self.side_unit, self.combine)


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
    further = (job.target,) if job.method.targeted else ()
    found = job.method.run(detector, image, detections, report, *further, settings=job.settings)
    return _heat_maps(job, found, image, detections, started, Placement.identity(*image.shape[:2]))


def check_contrast(detector: Detector, trace: Trace, detections: Detections, target: Target) -> None:
    """Raise an error if a trace does not know contrasts: one written before there were any explains the class alone.

    Args:
        detector: whose trace it is.
        trace: the open forward pass.
        detections: what to explain.
        target: which scalar.

    Raises:
        TypeError: if the trace's difference of two classes is not the difference of its scalars of each.
    """
    if target.against is None:
        return
    found = trace.scalars(detections, target).double()
    one = trace.scalars(detections, replace(target, against=None)).double()
    other = trace.scalars(detections, replace(target, label=target.against, against=None)).double()
    if bool(((found - (one - other)).abs() > _ROUNDING * (one.abs() + other.abs() + 1)).any()):
        raise TypeError(
            f"the traces of {type(detector).__name__} do not explain one class against another: trace.scalars gives "
            f"{float(found[0]):.4g} where the difference of the two classes is {float(one[0] - other[0]):.4g}. Look "
            "classes up by Target.resolve and read target.against (detxai_nb.targets.class_values)"
        )


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
        signed=job.signed,
        diagnostics={name: tuple(map(float, values)) for name, values in found.diagnostics.items()},
        unit=found.unit or job.method.unit or job.unit(found.settings.get("score", job.target.score)),
        deciding=tuple(found.deciding),
    )


@dataclass
class _PartMaps:
    """By row of the detections the native map and the level it lies on; the rows whose gradient is as good as zero."""

    grids: dict[int, Tensor]
    at: dict[int, Level]
    vanished: list[int]


def _from_gradients(job: Job, trace: Trace, detections: Detections, steps: Steps) -> MethodResult:
    parts = _gradient_maps(job, trace, detections, steps)
    rows = range(len(detections))
    maps = [[part.grids[row] for row in rows] for part in parts]
    at = [parts[-1].at[row] for row in rows]
    lost: set[int] = set()
    for target, part in zip(job.parts, parts):
        if part.vanished and target.part == "class" and target.score == "prob":
            scores = trace.scalars(detections, replace(target, against=None)).double()
            lost |= {row for row in part.vanished if not _EXTREME < float(scores[row]) < 1 - _EXTREME}
    combined = job.target.part == "combined"
    signed = job.signed
    joined = [join_parts(each, job.combine, signed) for each in zip(*maps)] if combined else []
    return MethodResult(
        grids=[grid for grid, _ in joined] if combined else maps[0],
        strides=[level.stride for level in at],
        corners=[level.corner for level in at],
        shifts=[level.shift for level in at],
        settings={"combine": job.combine} if combined else {},
        diagnostics={UNDERFLOWED: [float(row in lost) for row in range(len(detections))]} if lost else {},
        layer=trace.layer,
        deciding=[which for _, which in joined],
    )


def _gradient_maps(job: Job, trace: Trace, detections: Detections, steps: Steps) -> list[_PartMaps]:
    """The maps of each part of the target."""
    products = getattr(trace, "products", None) if job.method.summed(job.settings) else None
    chunks = _chunks(trace, detections, job.parts) if products is None else products(detections, job.parts)
    found_of = [_PartMaps({}, {}, []) for _ in job.parts]
    steps.add(0)
    for number, chunk in chunks:
        level = trace.levels[chunk.level]
        level = level if chunk.shift is None else replace(level, shift=chunk.shift)
        mine = found_of[number]
        peaks = torch.linalg.vector_norm(chunk.gradient.flatten(1), float("inf"), dim=1).tolist()
        mine.vanished += [row for row, peak in zip(chunk.rows.tolist(), peaks) if peak < _TINY]
        height, width = level.features.shape[1:]
        # Products come as gradients of one channel, whose activation is 1.
        features = level.features if products is None else torch.ones_like(level.features[:1])
        boxes = _boxes_on_grid(trace, detections.boxes[chunk.rows], level)
        context = Context((height, width), boxes, trace.placement.input_size, getattr(trace, "two_stage", False))
        if chunk.corner is not None and job.method.compact(job.settings):
            context = replace(context, corner=chunk.corner)
            found = job.method.run(features, chunk.gradient, context, settings=job.settings)
        elif chunk.corner is not None and job.method.windowed(job.settings):
            windows = take_windows(features, chunk.corner, chunk.gradient.shape[-2:])
            found = job.method.run(windows, chunk.gradient, context, settings=job.settings)
            found = spread_windows(found, chunk.corner, (height, width))
            del windows
        else:
            found = job.method.run(features, chunk.dense(height, width), context, settings=job.settings)
        for row, grid in zip(chunk.rows.tolist(), found.detach()):
            mine.grids[row], mine.at[row] = grid.float(), level
        steps.add(len(chunk.rows))
        # Let go before the next chunk of the same size is made.
        del chunk, found
    return found_of


def _chunks(trace: Trace, detections: Detections, parts: Sequence[Target]) -> Iterator[tuple[int, GradientChunk]]:
    """The gradients of one part after another, with its number."""
    for number, target in enumerate(parts):
        for chunk in trace.chunks(detections, target):
            yield number, chunk
            del chunk


def _boxes_on_grid(trace: Trace, boxes: Tensor, level: Level) -> Tensor:
    (down, across), (y, x) = level.stride, level.corner or level.shift
    placed: Tensor = trace.placement.boxes_to_input(boxes)
    return (placed - boxes.new_tensor([x, y] * 2)) / boxes.new_tensor([across, down] * 2)


def join_parts(parts: Sequence[Tensor], combine: str, signed: bool) -> tuple[Tensor, Tensor]:
    """Join the maps of the parts of one prediction.

    Args:
        parts: maps ``[h,w]`` of ``types.COMBINED``, in that order.
        combine: "maximum", of the raw values, whose units differ: the part with the largest numbers decides nearly
            everywhere; or "normalized", of each map scaled to 0..1 first.
        signed: whether values can be negative: then the value of the largest magnitude is taken.

    Returns:
        The joined map ``[h,w]``, and which part it is taken from at each cell, int8 ``[h,w]``: the number of the part;
        of several alike the first, and -1 where the value is 0.
    """
    stack = torch.stack(list(parts))
    if combine == "normalized":
        low = torch.zeros_like(stack[:, :1, :1]) if signed else stack.amin(dim=(1, 2), keepdim=True)
        high = (stack.abs() if signed else stack - low).amax(dim=(1, 2), keepdim=True)
        stack = torch.where(high > 0, (stack - low) / torch.where(high > 0, high, 1), 0)
    which = (stack.abs() if signed else stack).argmax(dim=0, keepdim=True)
    found = stack.gather(0, which)[0] if signed else stack.amax(dim=0)
    return found, torch.where(found != 0, which[0], -1).to(torch.int8)
