"""Checks of a trace that can run again on changed inputs and activations."""

from __future__ import annotations

from typing import Any

import torch

from detxai_nb.capabilities import RERUN
from detxai_nb.image import ImageSource
from detxai_nb.testing.requirements import require
from detxai_nb.types import Detections, Target

SLOPE = 1e-4
"""How far a measured slope may be from the gradient, as a share of the largest one."""


def check_reruns(detector: Any, image: ImageSource, detections: Detections, layer: str | None = None) -> None:
    """Check that further runs read the same predictions, and that changed activations act as the gradients say.

    Does nothing for a detector that does not offer "rerun". Slopes, of changed inputs too, are measured only in
    float64.

    Args:
        detector: an open detector.
        image: what ``load_image`` takes.
        detections: a few of this image.
        layer: one of its layers; None for the first.

    Raises:
        ContractError: if a run on the trace's own input or activations, or two ways to run on another input, give other
            scalars, or slopes differ from the gradients.
    """
    if RERUN not in detector.offers:
        return
    target, trace = Target(), detector.trace(image, layer)
    own = trace.scalars(detections, target)
    again = trace.scalars_of_inputs(trace.input.repeat(2, 1, 1, 1), detections, target)
    require(again.shape == (2, len(detections)), f"scalars_of_inputs gives [B,N], got {list(again.shape)}")
    require(_close(again, own.expand(2, -1)), "scalars_of_inputs of trace.input are trace.scalars")
    changed = 0.9 * trace.input + 0.1 * trace.black
    opened = trace.reopen(changed)
    require(opened.layer == trace.layer, "reopen keeps the layer")
    found = trace.scalars_of_inputs(changed, detections, target)[0]
    require(_close(found, opened.scalars(detections, target)), "reopen(x).scalars are scalars_of_inputs(x)")
    _check_input_gradients(trace, detections, target)
    random = torch.Generator().manual_seed(0)
    for level, rows, gradient in trace.gradients(detections, target):
        features = trace.levels[level].features
        # Equal values move alike: where they tie for a maximum, as in an even area, moving one alone has no one slope.
        angles = 7 * torch.rand((len(features), 1, 1), generator=random, dtype=features.dtype).to(features.device)
        # So small that a ReLU hardly ever switches on the way.
        step = 1e-7 * torch.sin(features / features.abs().mean() + angles) * features
        moved = torch.stack([features, features + step, features - step])
        values = trace.scalars_of_features(moved, level, detections[rows], target)
        require(_close(values[0], own[rows]), "scalars_of_features of a level's own features are trace.scalars")
        if features.dtype != torch.float64:
            continue
        slope, expected = (values[1] - values[2]) / 2, (gradient * step).flatten(1).sum(dim=1)
        off = (slope - expected).abs().max()
        # What rounding leaves of a difference of two scalars is no slope.
        rounding = 1e-14 * own.abs().max()
        require(
            bool(off <= SLOPE * expected.abs().max() + rounding),
            f"scalars_of_features change as the gradients say on layer {trace.layer!r}: off by {float(off):.3g} of "
            f"{float(expected.abs().max()):.3g}",
        )


def _check_input_gradients(trace: Any, detections: Detections, target: Target) -> None:
    """Check that scalars of inputs that need a gradient have a graph, and that its slope is the measured one."""
    noise = torch.randn(trace.input.shape, generator=torch.Generator().manual_seed(1)).to(trace.input)
    noise = noise * trace.input.abs().mean()
    # Not at the picture itself: in its even areas max pooling has several largest values, and so no one slope.
    inputs = (trace.input + 0.01 * noise).detach().requires_grad_()
    values = trace.scalars_of_inputs(inputs, detections, target)[0]
    require(values.requires_grad, "scalars_of_inputs of inputs that need a gradient have a graph")
    plain = trace.scalars_of_inputs(trace.input, detections, target)
    require(not plain.requires_grad, "scalars_of_inputs of inputs that need no gradient have no graph")
    if inputs.dtype != torch.float64:
        return
    # So small that hardly any of the network's many ReLUs switches on the way.
    step = 1e-8 * noise.flip(-1)
    moved = torch.cat([inputs.detach() + step, inputs.detach() - step])
    ends = trace.scalars_of_inputs(moved, detections, target)
    slope, rounding = (ends[0] - ends[1]) / 2, 1e-14 * values.detach().abs().max()
    found = torch.stack([(torch.autograd.grad(v, inputs, retain_graph=True)[0] * step).sum() for v in values])
    off = (slope - found).abs().max()
    require(
        bool(off <= SLOPE * found.abs().max() + rounding),
        f"the gradient of scalars_of_inputs is their slope: off by {float(off):.3g} of {float(found.abs().max()):.3g}",
    )


def _close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return torch.allclose(found, expected, rtol=1e-4, atol=1e-5)
