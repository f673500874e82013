"""Integrated Grad-CAM: Grad-CAM's terms added up on the way from a baseline to the picture."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from detxai_nb.capabilities import RERUN
from detxai_nb.methods.channels import WHY_RERUN, activation_of
from detxai_nb.methods.completeness import DIFFERENCE, ERROR
from detxai_nb.methods.input_gradients import check_count
from detxai_nb.methods.registry import MethodResult, trace_method
from detxai_nb.types import Detections, Level, Progress, Target
from detxai_nb.windows import GradientChunk

BASELINES = ("black", "zero")


@trace_method(
    "integrated-grad-cam",
    title="Integrated Grad-CAM",
    source="Sattarzadeh et al., ICASSP 2021, eq. 4-7",
    choices={"baseline": BASELINES},
    needs={RERUN: WHY_RERUN},
    targeted=True,
)
def integrated_grad_cam(
    trace: Any,
    detections: Detections,
    progress: Progress,
    target: Target,
    *,
    steps: int = 50,
    baseline: str = "black",
) -> MethodResult:
    """Compute the mean over a path of ``relu(sum_C mean_hw(G) * (A - A_baseline))``.

    The path goes straight from the baseline to the network's input, in ``steps`` equal steps; each point of it is a
    forward pass and a pass of gradients. A detection is read at its own location, proposal or query all the way.

    The diagnostic "completeness error" is how far the path's own sum of gradient times change of activation, by the
    trapezoidal rule, is from the "score difference" from the baseline to the picture, both in the unit of the score. It
    falls with more steps; on a layer that the score also bypasses (other levels of a pyramid) a part of it stays.

    Args:
        trace: an open trace that can run again (``detectors.trace.again``).
        detections: the objects to explain.
        progress: called before each step; what it raises ends the work.
        target: which scalar.
        steps: of the path, at least 1.
        baseline: "black", the network's input for a black picture, or "zero", an input of zeros: the mean colour of a
            network that normalizes its input.

    Returns:
        Non-negative maps ``[h,w]`` on each detection's level.

    Raises:
        ValueError: if ``steps`` is out of range.

    References:
        Sattarzadeh et al., Integrated Grad-CAM (ICASSP 2021), eq. 4-7; 50 steps as in its published code. Departures:
        the mean gradient of each channel instead of the sum, which is a factor; the figure of completeness is ours.
    """
    check_count("integrated-grad-cam", "steps", steps)
    start = trace.black if baseline == "black" else torch.zeros_like(trace.input)
    sums = _Sums(len(detections))
    before: _Point | None = None
    now = _Point(trace.reopen(start), detections, target)
    first = now
    for step in range(steps + 1):
        progress(step, steps + 1)
        after = None
        if step < steps:
            share = (step + 1) / steps
            opened = trace if step + 1 == steps else trace.reopen(start + share * (trace.input - start))
            after = _Point(opened, detections, target)
        sums.add(first, before, now, after, counts=step > 0)
        before, now = now, after or now
    progress(steps + 1, steps + 1)
    change = now.scores - first.scores
    return sums.result(trace, steps, change)


class _Point:
    """A point of the path: its gradients, the activations of their levels, and the scores."""

    def __init__(self, opened: Any, detections: Detections, target: Target) -> None:
        self.chunks: list[GradientChunk] = list(opened.chunks(detections, target))
        self.levels: list[Level] = list(opened.levels)
        self.scores: Tensor = opened.scalars(detections, target)


class _Sums:
    """The maps and the path's sums, added up point by point."""

    def __init__(self, count: int) -> None:
        self._maps: list[Any] = [None] * count
        self._places: list[Any] = [None] * count
        self._path = [0.0] * count

    def add(self, first: _Point, before: _Point | None, now: _Point, after: _Point | None, counts: bool) -> None:
        """Add a point; the baseline itself does not count for the map, which is zero there."""
        for chunk in now.chunks:
            here = now.levels[chunk.level]
            ends = [point.levels[chunk.level].features for point in (before or now, after or now)]
            move = activation_of(chunk, ends[1]) - activation_of(chunk, ends[0])
            parts = (chunk.gradient.double() * move).flatten(1).sum(dim=1) / 2
            change = here.features - first.levels[chunk.level].features
            weights = chunk.gradient.sum(dim=(2, 3)) / change[0].numel()
            maps = torch.relu((weights @ change.flatten(1)).reshape(-1, *change.shape[1:]))
            for row, grid, part in zip(chunk.rows.tolist(), maps, parts.tolist()):
                self._path[row] += part
                self._places[row] = (here.stride, here.corner, chunk.shift or here.shift)
                self._maps[row] = grid * counts if self._maps[row] is None else self._maps[row] + grid * counts

    def result(self, trace: Any, steps: int, change: Tensor) -> MethodResult:
        """The mean maps with their figures."""
        strides, corners, shifts = (list(parts) for parts in zip(*self._places))
        changes = change.double().tolist()
        errors = [abs(path - wanted) for path, wanted in zip(self._path, changes)]
        return MethodResult(
            [grid / steps for grid in self._maps],
            strides,
            corners,
            {ERROR: errors, DIFFERENCE: changes},
            layer=trace.layer,
            shifts=shifts,
        )
