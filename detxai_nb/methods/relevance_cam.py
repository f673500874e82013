"""Relevance-CAM: a layer's activations, weighted by the relevance that reaches each channel from one class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from detxai_nb.capabilities import LOGITS
from detxai_nb.methods.input_gradients import NEEDS
from detxai_nb.methods.memory import most_that_fit
from detxai_nb.methods.registry import MethodResult, trace_method
from detxai_nb.methods.relevance.propagation import propagate
from detxai_nb.methods.relevance.rules import RULES, Division
from detxai_nb.methods.relevance.tape import Tape, record
from detxai_nb.types import Detections, Progress, Target

LOST = "relevance lost"


@trace_method(
    "relevance-cam",
    title="Relevance-CAM",
    source="Lee et al., CVPR 2021",
    choices={"rule": RULES},
    needs={**NEEDS, LOGITS: "relevance starts from the logits of an image classifier"},
    targeted=True,
)
def relevance_cam(
    trace: Any,
    detections: Detections,
    progress: Progress,
    target: Target,
    *,
    rule: str = "z+",
    contrastive: bool = True,
    epsilon: float = 1e-9,
    alpha: float = 2.0,
) -> MethodResult:
    """Return ``relu(sum_C mean_hw(R) * A)``, R ``[C,h,w]`` being the relevance of the explained layer for the class.

    Relevance starts at the logits, as 1 at the class and, if it is contrastive, -1 / (K - 1) at each of the others, and
    goes down to the layer by the rules of ``detxai_nb.methods.relevance``. So it is the logit that is explained,
    whatever the target's score. A target against one other class starts as 1 and -1 at these two, whatever
    ``contrastive`` is.

    Args:
        trace: an open trace of a classifier.
        detections: the classes to explain.
        progress: called after each part of the classes; what it raises ends the work.
        target: the class, if it is not each detection's own, and the one that it is explained against.
        rule: how convolutions and linear layers divide relevance: "z+", the paper's, by supporting contributions alone;
            "epsilon", by all of them and the bias; "alpha-beta", alpha times the supporting minus (alpha - 1) times the
            opposing ones.
        contrastive: whether the other classes' relevance is taken off, as in the paper.
        epsilon: of the epsilon rule, at least 0.
        alpha: of the alpha-beta rule, at least 1.

    Returns:
        Maps ``[h,w]`` of values of at least 0 on the layer's grid. The diagnostic "relevance lost" is how much the
        layer's relevance adds up to less than that of the logits, as a share of the sizes there: 0 where every rule
        conserves it, more where units have a bias alone.

    Raises:
        ValueError: for settings out of range, or a function without a rule, with the layer that calls it.

    References:
        Lee et al., Relevance-CAM: Your Model Already Knows Where to Look (CVPR 2021). Departures: relevance starts as
        1, as in the published code, where the paper has the logit z and -z / (K - 1), which turns the map of a class
        with a logit below 0 round and scales the others; negative values are cut off, as Grad-CAM does (the code draws
        them); biases take no share, as the z+ rule demands (the code adds them to both halves of a layer); batch
        normalisation is folded into its convolution (the code divides by the square of the variance); a residual sum
        is divided by the summands of its own sign (the code by both, with shares above 1 where they cancel).
    """
    division = Division(rule, epsilon, alpha)
    labels, numbered = target.resolve(trace.labels(detections, replace(target, score="logit")), detections.names)
    tape = record(trace.module, trace.input, trace.layer, trace.logits_of)
    level = trace.levels[0]
    widest = max((value for step in tape.steps for value in step.values), key=Tensor.numel)
    maps: list[Tensor] = []
    lost: list[float] = []
    progress(0, len(detections))
    for some in torch.split(labels, most_that_fit(widest)):
        start = _start(tape, some, contrastive, numbered.against)
        relevance = propagate(tape, start, division)
        weights = relevance.mean(dim=(2, 3))
        maps += list(torch.relu((weights[:, :, None, None] * level.features).sum(dim=1)))
        lost += ((start.sum(dim=1) - relevance.sum(dim=(1, 2, 3))).abs() / start.abs().sum(dim=1)).tolist()
        progress(len(maps), len(detections))
    return MethodResult(
        maps, [level.stride] * len(maps), diagnostics={LOST: lost}, settings={"score": "logit"}, layer=trace.layer
    )


def _start(tape: Tape, labels: Tensor, contrastive: bool, against: Any) -> Tensor:
    """The relevance ``[n,K]`` of the logits for n classes, each against all others or against one."""
    count = tape.output.shape[1]
    others = -1 / (count - 1) if contrastive and count > 1 and against is None else 0.0
    start = tape.output.new_full((len(labels), count), others)
    if against is not None:
        start[:, against] = -1.0
    return start.scatter(1, labels[:, None], 1.0)
