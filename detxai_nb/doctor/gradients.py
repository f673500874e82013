"""Checks of what is explained: it is the reported score, and its gradient is the slope that finite differences show."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from detxai_nb.doctor.patient import Patient
from detxai_nb.doctor.result import OK, SUSPICIOUS, WRONG, CheckResult, NotChecked, Value
from detxai_nb.float32 import in_full_float32
from detxai_nb.types import Detections, Target, Trace

OFF = 1e-3
"""How far the explained score may be from the reported one, for rounding."""
CHANGES = (0.03, 0.01, 0.003, 0.001)
"""The changes of the scalar, to first order, with which a slope is measured. Large ones are bent, small ones rounded:
the two next to each other that agree best are taken, whatever the gradient says."""
ERROR, LARGE_ERROR = 0.05, 0.2
"""The median error of a gradient that is suspicious, and wrong, as a share of the larger of it and the slope."""
MOST = 4
"""How many detections are looked at."""


def check_explained_score(patient: Patient) -> CheckResult:
    """Check that the scalar whose gradient is taken is the score that ``detect`` reports.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: for a black box, or without detections.
    """
    detector, number = patient.white_box(), patient.richest()
    found = patient.confident(number, 20)
    trace = detector.trace(patient.pictures[number])
    scalars = trace.scalars(found.to(detector.device), Target()).detach().float().cpu()
    apart = float((scalars - found.scores).abs().max())
    measured: dict[str, Value] = {"detections": len(found), "largest difference": apart, "layer": trace.layer}
    if apart <= OFF * patient.rounding:
        return CheckResult(
            "explained score", OK, f"the score that is explained is the reported one, to {apart:.1g}", measured
        )
    said = f"the score that is explained differs from the reported one by up to {apart:.3g}"
    means = "maps explain another number than the one that is shown"
    remedy = "let scalar, or score of dx.wrap_module, read the score that decode, or predict, reports"
    return CheckResult("explained score", WRONG, said, measured, means, remedy)


def check_gradient(patient: Patient) -> CheckResult:
    """Check the gradient at one cell of the layer against finite differences.

    Of each of a few detections the cell with the largest gradient is moved along it, in both directions, and the scalar
    computed again from the changed activations.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: for a black box, without detections, and for a trace that cannot run again.
    """
    detector, number = patient.white_box(), patient.richest()
    trace: Any = detector.trace(patient.pictures[number])
    if not hasattr(trace, "scalars_of_features"):
        raise NotChecked("the traces of this detector cannot run again on changed activations", "offer 'rerun'")
    found = patient.confident(number, MOST).to(detector.device)
    target = _target(trace, found)
    errors = in_full_float32(detector.device, lambda: [_error(trace, found[i], target) for i in range(len(found))])
    known = [one for one in errors if one is not None]
    if not known:
        raise NotChecked("the score does not change with the activations of any cell that was tried")
    middle = float(torch.tensor(known, dtype=torch.float64).median())
    measured: dict[str, Value] = {
        "detections": len(known),
        "median relative error": middle,
        "largest relative error": max(known),
        "layer": trace.layer,
        "score": target.score,
    }
    if middle < ERROR:
        return CheckResult("gradient", OK, f"the gradient is the slope at one cell, to {middle:.1g} of it", measured)
    said = f"at one cell the gradient is off by {middle:.0%} of the slope that finite differences show (median)"
    means = "maps of gradients show something else than what the score depends on"
    remedy = "look for detach, no_grad, item or numpy between the layer and the score, and for scaled gradients"
    return CheckResult("gradient", WRONG if middle > LARGE_ERROR else SUSPICIOUS, said, measured, means, remedy)


def _target(trace: Trace, found: Detections) -> Target:
    """The logit, which does not saturate, where the detector has one."""
    try:
        trace.scalars(found[:1], Target(score="logit"))
    except ValueError:
        return Target()
    return Target(score="logit")


def _error(trace: Any, one: Detections, target: Target) -> float | None:
    """The relative error of a gradient at the cell where it is largest; None if neither it nor the score shows one."""
    level, _, gradient = next(iter(trace.gradients(one, target)))
    features = trace.levels[level].features
    steepness = gradient[0].flatten(1).norm(dim=0)
    cell = int(steepness.argmax())
    slope = float(steepness[cell])
    along = torch.zeros_like(features).flatten(1)
    if slope > 0:
        along[:, cell] = gradient[0].flatten(1)[:, cell] / slope
    else:
        # Nothing is claimed to matter: the strongest cell has to be without effect.
        cell = int(features.flatten(1).norm(dim=0).argmax())
        along[:, cell] = features.flatten(1)[:, cell] / features.flatten(1)[:, cell].norm()
    along = along.reshape(features.shape)

    def measured(step: float) -> float:
        pair = torch.stack([features + step * along, features - step * along])
        high, low = trace.scalars_of_features(pair, level, one, target)[:, 0].detach().double().tolist()
        return float(high - low) / (2 * step)

    if slope == 0:
        reach = 0.1 * float(features.flatten(1)[:, cell].norm())
        return 1.0 if reach and abs(measured(reach)) * reach > 1e-5 else None
    slopes = [measured(change / slope) for change in _changes(trace, one, target)]
    apart = [abs(first - second) for first, second in pairwise(slopes)]
    found = slopes[apart.index(min(apart)) + 1]
    return abs(found - slope) / max(abs(found), slope)


def _changes(trace: Trace, one: Detections, target: Target) -> tuple[float, ...]:
    """How much the scalar is to change: a probability by less, the nearer it is to its end."""
    if target.score == "logit":
        return CHANGES
    value = float(trace.scalars(one, target)[0])
    room: Tensor = torch.tensor(min(value, 1 - value)).clamp(min=1e-3)
    return tuple(change * float(room) for change in CHANGES)
