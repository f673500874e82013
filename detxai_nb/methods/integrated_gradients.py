"""Integrated gradients: the score's difference from a baseline picture, divided among the pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.methods.completeness import DIFFERENCE, ERROR, INPUTS
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
        tolerance: by which share of the score's difference a map may fail to add up to it, above 0: for maps that fail
            by more the path is cut into 2, 4, 8, ... equal pieces of ``steps`` inputs each. None for one piece. The
            paper advises to come within 0.05.
        most: with a tolerance, inputs on the path at most; a map that is not near enough by then keeps its error.

    Raises:
        ValueError: if steps or most is no whole number of at least 1, or the tolerance not above 0.
    """

    steps: int = 32
    baseline: Any = "black"
    rule: str = "gauss-legendre"
    channels: str = "sum"
    at: str = "input"
    tolerance: float | None = None
    most: int = 2048

    def __post_init__(self) -> None:
        check_count("integrated-gradients", "steps", self.steps)
        check_count("integrated-gradients", "most", self.most)
        share = self.tolerance
        if share is not None and (isinstance(share, bool) or not isinstance(share, (int, float)) or not share > 0):
            raise ValueError(
                "tolerance of 'integrated-gradients' is a share of the score's difference, above 0, or None; "
                f"got {share!r}"
            )


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

    On the way through a smooth network a few dozen steps are exact. Through a network of ReLUs the gradient jumps at
    thousands of places: there every rule's map is off by about 1 / steps, "midpoint" is the nearest, and the
    completeness error, where pixels' errors cancel, can be small by chance.

    Args:
        trace: an open trace that can run again.
        detections: the objects to explain.
        progress: called between runs; what it raises ends the work.
        target: the scalar Y.
        settings: see ``IntegratedGradientsSettings``.

    Returns:
        Maps ``[h,w]`` at the network's input or on the layer's grids, with "completeness error", "score difference"
        and "inputs", how many the path had, as diagnostics.

    Raises:
        ValueError: for settings out of range, a baseline of another shape, or if the score has no gradient.
        TypeError: if the baseline is no name, array or tensor.

    References:
        Sundararajan et al., Axiomatic Attribution for Deep Networks (ICML 2017). Departures: the nodes of the sum
        (``rule="right"`` gives the paper's); how colours are reduced is ours (the paper draws all three). At a layer:
        Dhamdhere et al., How Important Is a Neuron? (ICLR 2019), eq. 2.
    """
    start, name = _baseline(trace, settings.baseline)
    path = _Path(trace, target, start, trace.input - start, settings)
    with torch.no_grad():
        ends = trace.scalars_of_inputs(torch.cat([trace.input, start]), detections, target).double()
    difference: list[float] = (ends[0] - ends[1]).tolist()
    found: dict[int, _Integral] = {}
    errors: dict[int, float] = {}
    rows, pieces, done = list(range(len(detections))), 1, 0
    while rows:

        def report(now: int, total: int, before: int = done) -> None:
            progress(before + now, before + total)

        sums = (path.at_layer if settings.at == "layer" else path.at_input)(detections[rows], pieces, report)
        for row, one in zip(rows, sums):
            found[row], errors[row] = one, abs(one.total - difference[row])
        done += pieces * settings.steps
        pieces *= 2
        if settings.tolerance is None or pieces * settings.steps > settings.most:
            break
        rows = [row for row in rows if errors[row] > settings.tolerance * abs(difference[row])]
    grids = {row: one.grid for row, one in found.items()}
    about: dict[str, Any] = {
        "diagnostics": {
            ERROR: [errors[row] for row in range(len(errors))],
            DIFFERENCE: difference,
            INPUTS: [found[row].inputs for row in range(len(found))],
        },
        "settings": {"baseline": name},
    }
    levels = {row: one.level for row, one in found.items() if one.level is not None}
    if settings.at == "layer":
        return result_at(grids, levels, trace.layer, **about)
    return MethodResult([grids[row] for row in range(len(grids))], [(1.0, 1.0)] * len(grids), **about)


@dataclass(frozen=True, eq=False)
class _Integral:
    """One detection's map, what it added up to before channels were reduced, and from how many inputs."""

    grid: Tensor
    total: float
    inputs: int
    level: Level | None = None


@dataclass(frozen=True, eq=False)
class _Path:
    """The straight way from a baseline to the network's input, along which gradients are added up."""

    trace: Any
    target: Target
    start: Tensor
    step: Tensor
    settings: IntegratedGradientsSettings

    def at_input(self, detections: Detections, pieces: int, progress: Progress) -> Iterator[_Integral]:
        """The integrals at the network's input, of equal pieces of the path."""
        nodes, weights = _nodes(self.settings.rule, self.settings.steps, pieces)

        def inputs(first: int, last: int) -> Tensor:
            shares: Tensor = self.step.new_tensor(nodes[first:last])
            return self.start + shares[:, None, None, None] * self.step

        found = self.step * summed_gradients(self.trace, detections, self.target, inputs, weights, progress)
        for one, grid in zip(found, reduce_channels(found, self.settings.channels)):
            yield _Integral(grid, float(one.double().sum()), len(nodes))

    def at_layer(self, detections: Detections, pieces: int, progress: Progress) -> list[_Integral]:
        """``sum_k (G_k + G_(k-1)) / 2 * (A_k - A_(k-1))`` along the path of inputs."""
        count, trace = self.settings.steps * pieces, self.trace
        found: dict[int, _Integral] = {}
        parts = rows_together(trace, detections)
        for number, rows in enumerate(parts):
            sums: dict[int, Tensor] = {}
            before: dict[int, LayerGradient] = {}
            for k in range(count + 1):
                progress(number * (count + 1) + k, len(parts) * (count + 1))
                opened = trace if k == count else trace.reopen(self.start + k / count * self.step)
                for one in layer_gradients(opened, detections[rows], self.target):
                    if one.row in before:
                        last = before[one.row]
                        change = (one.gradient + last.gradient) / 2 * (one.level.features - last.level.features)
                        sums[one.row] = sums[one.row] + change if one.row in sums else change
                    before[one.row] = one
            for local, whole in sums.items():
                grid = reduce_channels(whole[None], self.settings.channels)[0]
                total = float(whole.double().sum())
                found[int(rows[local])] = _Integral(grid, total, count, before[local].level)
        progress(len(parts) * (count + 1), len(parts) * (count + 1))
        return [found[row] for row in range(len(found))]


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


def _nodes(rule: str, count: int, pieces: int = 1) -> tuple[list[float], list[float]]:
    """Where on the path 0..1 the gradient is taken, and the weight of each place: a rule in each of equal pieces."""
    if rule == "gauss-legendre":
        places, weights = np.polynomial.legendre.leggauss(count)
        places, weights = (places + 1) / 2, weights / 2
    else:
        places = (np.arange(count) + (0.5 if rule == "midpoint" else 1.0)) / count
        weights = np.full(count, 1 / count)
    return ((np.arange(pieces)[:, None] + places) / pieces).ravel().tolist(), np.tile(weights / pieces, pieces).tolist()
