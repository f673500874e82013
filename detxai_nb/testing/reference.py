"""The slow obvious way: the module's own code with a graph, one torch.autograd.grad for each prediction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detectors.trace.batch_norms import with_exact_norms
from detxai_nb.testing.models import Scalar
from detxai_nb.types import Detections, Target


def slow_gradients(
    scalar: Scalar, detector: Any, trace: Any, detections: Detections, target: Target
) -> list[tuple[Tensor, list[Tensor]]]:
    """Compute scalars and gradients the slow obvious way.

    All detections are given the same leaves, so that ``scalar`` may compute what does not depend on the detection once
    for all (see ``in_common``). The module's batch norms get the right gradients: ``trace.batch_norms`` says where
    PyTorch's own are wrong.

    Args:
        scalar: the explained scalar of one detection from leaves of the trace's levels.
        detector: handed on to ``scalar``.
        trace: of the image; only its ``levels`` are read here.
        detections: with origins.
        target: which scalar.

    Returns:
        For each detection the scalar and its gradients on every level of the trace, ``[C,h,w]`` each.
    """
    found = []
    leaves = [level.features[None].clone().requires_grad_() for level in trace.levels]
    for one in detections:
        with torch.enable_grad():
            explained = partial(_explained, partial(scalar, detector, trace, leaves, one), one, target)
            value = with_exact_norms(detector.module, explained)
        gradients = torch.autograd.grad(value, leaves, allow_unused=True, retain_graph=True)
        zero = [torch.zeros_like(leaf) if g is None else g for leaf, g in zip(leaves, gradients)]
        found.append((value.detach(), [gradient[0] for gradient in zero]))
    return found


def _explained(scalar: Callable[[int, Target], Tensor], one: Detections, target: Target) -> Tensor:
    """The scalar of a target that may be a logarithm or a contrast, from the scalar of a class's score or of a side."""
    labels, numbered = target.resolve(one.labels, one.names)
    plain = Target(target.part, "prob" if target.score == "log-prob" else target.score)

    def of_class(number: int) -> Tensor:
        value = scalar(number, plain)
        return value.log() if target.score == "log-prob" and target.part == "class" else value

    against: Any = numbered.against
    return of_class(int(labels[0])) if against is None else of_class(int(labels[0])) - of_class(against)
