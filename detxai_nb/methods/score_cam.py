"""Score-CAM: a channel counts as much as the score of the picture seen through it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.capabilities import RERUN
from detxai_nb.geometry import Placement
from detxai_nb.methods.channels import WHY_RERUN, WeighedMaps, batches, by_level, check_channels, choose
from detxai_nb.methods.registry import MethodResult, trace_method
from detxai_nb.types import Detections, Level, Progress, Target

WEIGHTS = ("paper", "softmax", "increase")
UPSCALING = ("cells", "corners")
FLAT = 1e-5
"""A channel whose values differ by less than this share of the largest has no contrast."""


@trace_method(
    "score-cam",
    title="Score-CAM",
    source="Wang et al., CVPR Workshops 2020, eq. 6-8, algorithm 1",
    choices={"weights": WEIGHTS, "upscaling": UPSCALING},
    needs={RERUN: WHY_RERUN},
    targeted=True,
)
def score_cam(
    trace: Any,
    detections: Detections,
    progress: Progress,
    target: Target,
    *,
    channels: int | None = None,
    weights: str = "paper",
    upscaling: str = "cells",
    batch: int = 16,
) -> MethodResult:
    """Compute ``relu(sum_C w * A)``, where w tells how well the score is kept if the input shows only what c marks.

    For each channel c the network's input is multiplied by the channel, brought to the input's size and scaled to 0..1;
    what is masked out becomes 0, the mean colour of a network that normalizes its input. All detections of a level
    share the forward passes, one for each channel. A detection's score is read at its own location, proposal or query;
    the proposals of Faster R-CNN stay those of the whole picture.

    Args:
        trace: an open trace that can run again (``detectors.trace.again``).
        detections: the objects to explain.
        progress: called before each batch; what it raises ends the work.
        target: which scalar Y is.
        channels: how many channels of its level a detection is weighed with, those of the largest mean of activation
            times gradient; None for all. The others count nothing: the diagnostic "evidence covered" says which share
            of that quantity's absolute sum is left, "channels used" how many there were.
        weights: "softmax" of Y over the channels (algorithm 1), "increase" of Y over an input of zeros (eq. 6), or
            "paper": the softmax for a logit; for a probability, which went through a softmax or sigmoid already, and
            for a box side the increase. The result's settings hold the one that was taken.
        upscaling: a channel is brought to the input's size by its cells' middles ("cells", as every map here), or with
            the corner cells in the picture's corners ("corners", as a widely used implementation does).
        batch: how many channels run together, at most; it changes nothing but time and memory.

    Returns:
        Non-negative maps ``[h,w]`` on each detection's level.

    Raises:
        ValueError: for settings out of range.

    References:
        Wang et al., Score-CAM (CVPR Workshops 2020), eq. 6-8 and algorithm 1. The paper's text weighs by post-softmax
        scores and its algorithm takes a softmax over channels: see ``weights``. Departures: a channel without contrast
        masks everything; ``channels`` is ours.
    """
    check_channels(channels, batch, "score-cam")
    if weights == "paper":
        weights = "softmax" if target.part == "class" and target.score == "logit" else "increase"
    here = by_level(trace, detections, target)
    picks = [choose(one.evidence, channels) for one in here]
    parts = [batches(chosen, trace.input, batch) for chosen, _ in picks]
    total, done = sum(map(len, parts)), 0
    maps = WeighedMaps(trace, len(detections))
    for one, (chosen, share), numbers in zip(here, picks, parts):
        level, rows = trace.levels[one.level], detections[one.rows]
        scores = torch.zeros_like(one.evidence)
        for some in numbers:
            progress(done, total)
            seen = trace.input * _masks(level, some, trace.input, one.shift, upscaling)[:, None]
            scores[:, some] = trace.scalars_of_inputs(seen, rows, target).T
            done += 1
        if weights == "softmax":
            found = torch.where(chosen, scores, -torch.inf).softmax(dim=1)
        else:
            found = scores - trace.scalars_of_inputs(torch.zeros_like(trace.input), rows, target).T
        maps.add(one, found, chosen, share)
    progress(total, total)
    return maps.result({"weights": weights})


def _masks(level: Level, channels: Tensor, inputs: Tensor, shift: tuple[float, float] | None, kind: str) -> Tensor:
    """The channels of a level as masks ``[b,h,w]`` in 0..1 at the input's size; 0 for one without contrast."""
    height, width = inputs.shape[2:]
    chosen = level.features[channels]
    if kind == "corners":
        wide = F.interpolate(chosen[None], size=(height, width), mode="bilinear", align_corners=True)[0]
    else:
        place = Placement.identity(height, width)
        wide = place.maps_to_image(chosen, level.stride, level.corner, shift or level.shift)
    low, high = (value[:, None, None] for value in torch.aminmax(wide.flatten(1), dim=1))
    # What is left of a constant after interpolation is rounding.
    contrast = high - low > FLAT * torch.maximum(low.abs(), high.abs())
    return torch.where(contrast, (wide - low) / torch.where(contrast, high - low, 1), 0)
