"""The check of scores: probabilities, with one sigmoid or softmax over the network's outputs, neither none nor two."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from detxai_nb.doctor.patient import SLACK, Patient
from detxai_nb.doctor.result import OK, SUSPICIOUS, WRONG, CheckResult, NotChecked, Value

MANY, FEW = 20, 5
"""How many scores it takes to be sure of a pattern, and to suspect one."""
SIGMOID = (0.5, 1 / (1 + math.exp(-1)))
"""Where the sigmoid of a number in 0..1 lies."""
NATS = 1.0
"""The softmax of numbers in 0..1 has values whose logarithms differ by at most this much."""


def check_score_range(patient: Patient) -> CheckResult:
    """Check that scores are probabilities.

    Outside 0..1 they are logits. A sigmoid or softmax of what is a probability already leaves a narrow band that no
    detector's low scores stay in.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: if there are too few scores.
    """
    scores = torch.cat([one.scores for one in patient.everything]).double()
    rows = [one.class_scores for one in patient.everything if one.class_scores is not None and len(one)]
    classes = torch.cat(rows).double() if rows else None
    if not len(scores):
        raise NotChecked("there are no scores", "take pictures with objects")
    measured: dict[str, Value] = {
        "scores": len(scores),
        "lowest": float(scores.min()),
        "highest": float(scores.max()),
    }
    apart = _differences(patient)
    measured["differences from the class scores"] = apart
    every = scores if classes is None else torch.cat([scores, classes.flatten()])
    low, high = float(every.min()), float(every.max())
    if low < -SLACK or high > 1 + SLACK:
        said = f"scores reach from {low:.3g} to {high:.3g}, so they are no probabilities but logits"
        remedy = "apply the sigmoid or softmax that the network was trained with"
        return CheckResult("scores", WRONG, said, measured, "thresholds and metrics expect scores in 0..1", remedy)
    if (twice := _applied_twice(scores, classes, len(patient.names), measured)) is not None:
        function, verdict, said = twice
        means = f"{function} was applied to what is a probability already: all scores are alike"
        return CheckResult("scores", verdict, said, measured, means, f"apply {function} once, to the logits")
    if apart:
        said = f"{apart} of {len(scores)} scores are not the class score of their own class (times objectness)"
        remedy = "report as score what class_scores and objectness say, or leave these out"
        return CheckResult("scores", SUSPICIOUS, said, measured, "contrasts of classes explain other numbers", remedy)
    clamped = float((scores[scores >= 0.5] >= 1).double().mean()) if bool((scores >= 0.5).any()) else 0.0
    measured["share of exactly 1"] = clamped
    if len(scores) >= FEW and clamped > 0.5 and bool((scores < 0.5).any()):
        said = f"{clamped:.0%} of the scores from 0.5 on are exactly 1: they may be logits that were cut off at 1"
        return CheckResult("scores", SUSPICIOUS, said, measured, "", "apply a sigmoid in place of clamp(0, 1)")
    return CheckResult("scores", OK, f"{len(scores)} scores from {low:.2g} to {high:.2g}", measured)


def _differences(patient: Patient) -> int:
    """How many scores are not what class scores and objectness say."""
    found = 0
    for one in patient.everything:
        if one.class_scores is not None and len(one):
            stated = one.class_scores.gather(1, one.labels[:, None])[:, 0]
            stated = stated if one.objectness is None else stated * one.objectness
            found += int(((stated - one.scores).abs() > SLACK).sum())
    return found


def _applied_twice(
    scores: Tensor, classes: Tensor | None, count: int, measured: dict[str, Value]
) -> tuple[str, str, str] | None:
    """The function that was applied twice, the verdict and what was seen; None if none was."""
    if classes is not None and classes.shape[1] > 2:
        spread = float((classes.amax(1).log() - classes.clamp(min=1e-30).amin(1).log()).max())
        measured["largest spread of the classes of one object, in nats"] = spread
        if spread <= NATS + SLACK and len(classes) >= FEW and not _within(classes.flatten(), SIGMOID):
            said = f"the class scores of one object differ by at most a factor of {math.exp(spread):.3g}"
            return "softmax", WRONG if len(classes) >= MANY else SUSPICIOUS, said
    # High scores of classes are no contradiction where a score is something else than its class's.
    for values in (
        (scores,) if classes is None or measured["differences from the class scores"] else (classes.flatten(),)
    ):
        if _within(values, SIGMOID) and len(values) >= FEW:
            said = f"all {len(values)} scores lie between {float(values.min()):.3f} and {float(values.max()):.3f}"
            return "sigmoid", WRONG if len(values) >= MANY else SUSPICIOUS, said
    # The background may or may not be one of the names.
    ends = [(1 / (math.e + n - 1), math.e / (math.e + n - 1)) for n in (count, count + 1) if n > 2]
    if classes is None and len(scores) >= FEW and any(_within(scores, one) for one in ends):
        said = f"all {len(scores)} scores lie between {float(scores.min()):.3g} and {float(scores.max()):.3g}"
        return "softmax", WRONG if len(scores) >= MANY else SUSPICIOUS, said
    return None


def _within(values: Tensor, ends: tuple[float, float]) -> bool:
    return ends[0] - SLACK * ends[0] <= float(values.min()) and float(values.max()) <= ends[1] * (1 + SLACK)
