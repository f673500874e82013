"""Integrated gradients: the score's difference from a baseline picture, divided among the pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.methods.completeness import DIFFERENCE, ERROR
from detxai_nb.methods.input_gradients import (
    CHANNELS,
    NEEDS,
    check_count,
    keeps_signs,
    reduce_channels,
    summed_gradients,
)
from detxai_nb.methods.layer_gradients import PLACES, LayerGradient, layer_gradients, result_at, rows_together
from detxai_nb.methods.registry import MethodResult, trace_method
from detxai_nb.types import Detections, Level, Progress, Target

RULES = ("gauss-legendre", "midpoint", "right")
BASELINES = ("black", "zero")


@dataclass(frozen=True)
class IntegratedGradientsSettings:
    """The settings of integrated gradients.

    Attributes:
        steps: inputs on the straight path, at least 1.
        baseline: the input x' at which the path begins: "black", a black picture of this size as the detector prepares
            it (its padding stays as it is); "zero", zeros after the network's normalisation, often the mean colour; or
            an array or tensor ``[3,h,w]`` of the size of the network's input, in its own units.
        rule: where on the path the gradient is taken: the nodes of "gauss-legendre", which needs the fewest; the
            "midpoint" of each step; or its "right" end, as the paper's sum does (eq. 3).
        channels: how the colours become one value: "sum" keeps signs and completeness, "absolute" adds up their sizes,
            "maximum" takes the largest size. At a layer the same of its channels.
        at: "input", or "layer": along the same path of inputs the integral of the gradient at the layer that the trace
            explains over its activation, the conductance of Dhamdhere et al. (2019), by the trapezoidal rule whatever
            ``rule`` says. It adds up to the same difference where the score depends on the input through the layer's
            grid alone.

    Raises:
        ValueError: if there is no whole number of steps of at least 1.
    """

    steps: int = 32
    baseline: Any = "black"
    rule: str = "gauss-legendre"
    channels: str = "sum"
    at: str = "input"

    def __post_init__(self) -> None:
        check_count("integrated-gradients", "steps", self.steps)


@trace_method(
    "integrated-gradients",
    title="Integrated gradients",
    source="Sundararajan et al., ICML 2017, eq. 1 and 3",
    choices={"channels": CHANNELS, "rule": RULES, "at": PLACES},
    needs=NEEDS,
    signed=keeps_signs,
    targeted=True,
    settings=IntegratedGradientsSettings,
)
def integrated_gradients(
    trace: Any,
    detections: Detections,
    progress: Progress,
    target: Target,
    settings: IntegratedGradientsSettings,
) -> MethodResult:
    """Return ``(x - x') * integral over a of dY/dx (x' + a (x - x'))``, a from 0 to 1, of the network's input x.

    With the colours summed up each map adds up to ``Y(x) - Y(x')`` but for the error of the numerical integral, which
    is the diagnostic "completeness error" of every map: the size of what is missing, in the unit of the score. More
    steps make it smaller. Each detection's score is read where the detection came from, in every picture of the path.

    Args:
        trace: an open trace that can run again.
        detections: the objects to explain.
        progress: called between runs; what it raises ends the work.
        target: the scalar Y.
        settings: see ``IntegratedGradientsSettings``.

    Returns:
        Maps ``[h,w]`` at the network's input or on the layer's grids, with "completeness error" and "score difference"
        as diagnostics.

    Raises:
        ValueError: for settings out of range, a baseline of another shape, or if the score has no gradient.
        TypeError: if the baseline is no name, array or tensor.

    References:
        Sundararajan et al., Axiomatic Attribution for Deep Networks (ICML 2017). Departures: the nodes of the sum
        (``rule="right"`` gives the paper's); how colours are reduced is ours (the paper draws all three). At a layer:
        Dhamdhere et al., How Important Is a Neuron? (ICLR 2019), eq. 2.
    """
    count, channels = settings.steps, settings.channels
    start, name = _baseline(trace, settings.baseline)
    step: Tensor = trace.input - start
    with torch.no_grad():
        ends = trace.scalars_of_inputs(torch.cat([trace.input, start]), detections, target).double()
    difference = ends[0] - ends[1]
    if settings.at == "layer":
        return _at_layer(trace, detections, progress, target, (start, step, count, channels, difference, name))
    nodes, weights = _nodes(settings.rule, count)

    def inputs(first: int, last: int) -> Tensor:
        shares: Tensor = step.new_tensor(nodes[first:last])
        return start + shares[:, None, None, None] * step

    found = step * summed_gradients(trace, detections, target, inputs, weights, progress)
    error = (found.double().sum(dim=(1, 2, 3)) - difference).abs()
    return MethodResult(
        list(reduce_channels(found, channels)),
        [(1.0, 1.0)] * len(found),
        diagnostics={ERROR: error.tolist(), DIFFERENCE: difference.tolist()},
        settings={"baseline": name},
    )


def _at_layer(
    trace: Any,
    detections: Detections,
    progress: Progress,
    target: Target,
    settings: tuple[Tensor, Tensor, int, str, Tensor, str],
) -> MethodResult:
    """``sum_k (G_k + G_(k-1)) / 2 * (A_k - A_(k-1))`` along the path of inputs."""
    start, step, count, channels, difference, name = settings
    grids: dict[int, Tensor] = {}
    levels: dict[int, Level] = {}
    errors: dict[int, float] = {}
    parts = rows_together(trace, detections)
    for number, rows in enumerate(parts):
        sums: dict[int, Tensor] = {}
        before: dict[int, LayerGradient] = {}
        for k in range(count + 1):
            progress(number * (count + 1) + k, len(parts) * (count + 1))
            opened = trace if k == count else trace.reopen(start + k / count * step)
            for one in layer_gradients(opened, detections[rows], target):
                if one.row in before:
                    last = before[one.row]
                    change = (one.gradient + last.gradient) / 2 * (one.level.features - last.level.features)
                    sums[one.row] = sums[one.row] + change if one.row in sums else change
                before[one.row] = one
        for local, found in sums.items():
            row = int(rows[local])
            errors[row] = abs(float(found.double().sum() - difference[row]))
            grids[row], levels[row] = reduce_channels(found[None], channels)[0], before[local].level
    progress(len(parts) * (count + 1), len(parts) * (count + 1))
    diagnostics = {ERROR: [errors[row] for row in range(len(errors))], DIFFERENCE: difference.tolist()}
    return result_at(grids, levels, trace.layer, diagnostics=diagnostics, settings={"baseline": name})


def _baseline(trace: Any, given: Any) -> tuple[Tensor, str]:
    """The input ``[1,3,h,w]`` at which the path begins, and what to call it."""
    if isinstance(given, str):
        if given not in BASELINES:
            known = ", ".join(map(repr, BASELINES))
            raise ValueError(f"baseline of 'integrated-gradients' is {known} or an array [3,h,w]; got {given!r}")
        return (trace.black if given == "black" else torch.zeros_like(trace.input)), given
    if not isinstance(given, (Tensor, np.ndarray)):
        raise TypeError(
            "baseline of 'integrated-gradients' is 'black', 'zero' or an array or tensor of the network's input; "
            f"got a {type(given).__name__}"
        )
    own = torch.as_tensor(given).detach()
    wanted = trace.input.shape[1:]
    if own.shape not in (wanted, trace.input.shape):
        raise ValueError(
            f"baseline of 'integrated-gradients' has the shape of the network's input, {list(wanted)}; "
            f"got {list(own.shape)}"
        )
    own = own.to(trace.input).reshape(trace.input.shape)
    if not bool(torch.isfinite(own).all()):
        raise ValueError("baseline of 'integrated-gradients' holds values that are not finite")
    digest = hashlib.sha256(own.cpu().contiguous().numpy().tobytes()).hexdigest()[:12]
    return own, f"given, SHA-256 {digest}"


def _nodes(rule: str, count: int) -> tuple[list[float], list[float]]:
    """Where on the path 0..1 the gradient is taken, and the weight of each place."""
    if rule == "gauss-legendre":
        places, weights = np.polynomial.legendre.leggauss(count)
        return ((places + 1) / 2).tolist(), (weights / 2).tolist()
    shift = 0.5 if rule == "midpoint" else 1.0
    return [(i + shift) / count for i in range(count)], [1 / count] * count
