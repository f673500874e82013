"""Ablation-CAM: a channel counts as much as the score falls without it."""

from __future__ import annotations

from typing import Any

import torch

from detxai_nb.capabilities import RERUN
from detxai_nb.methods.channels import WHY_RERUN, WeighedMaps, batches, by_level, check_channels, choose
from detxai_nb.methods.registry import MethodResult, trace_method
from detxai_nb.types import Detections, Progress, Target


@trace_method(
    "ablation-cam",
    title="Ablation-CAM",
    source="Desai & Ramaswamy, WACV 2020, eq. 4-5",
    needs={RERUN: WHY_RERUN},
    targeted=True,
)
def ablation_cam(
    trace: Any,
    detections: Detections,
    progress: Progress,
    target: Target,
    *,
    channels: int | None = None,
    batch: int = 32,
) -> MethodResult:
    """Compute ``relu(sum_C w * A)`` with ``w = (Y - Y_c) / abs(Y)``, where channel c of the layer is 0 for ``Y_c``.

    Only what lies above the layer runs again, and all detections of a level share the runs. A detection's score is read
    at its own location, proposal or query; other levels of a pyramid stay as they are.

    Args:
        trace: an open trace that can run again (``detectors.trace.again``).
        detections: the objects to explain.
        progress: called before each batch; what it raises ends the work.
        target: which scalar Y is.
        channels: how many channels of its level a detection is weighed with, those of the largest mean of activation
            times gradient; None for all. The others count nothing: the diagnostic "evidence covered" says which share
            of that quantity's absolute sum is left, "channels used" how many there were.
        batch: how many channels run together, at most; it changes nothing but time and memory.

    Returns:
        Non-negative maps ``[h,w]`` on each detection's level.

    Raises:
        ValueError: for settings out of range.

    References:
        Desai & Ramaswamy, Ablation-CAM (WACV 2020), eq. 4-5. Departures: the fall is divided by the size of Y, so that
        a negative logit does not turn the map around, and by nothing where Y is 0; ``channels`` is ours. (A widely used
        implementation does not put 0 in place of a channel on a layer that has negative activations, but 10 million
        less than the smallest of them.)
    """
    check_channels(channels, batch, "ablation-cam")
    here = by_level(trace, detections, target)
    picks = [choose(one.evidence, channels) for one in here]
    parts = [batches(chosen, trace.levels[one.level].features, batch) for one, (chosen, _) in zip(here, picks)]
    total, done = sum(map(len, parts)), 0
    whole = trace.scalars(detections, target)
    maps = WeighedMaps(trace, len(detections))
    for one, (chosen, share), numbers in zip(here, picks, parts):
        features, own = trace.levels[one.level].features, whole[one.rows]
        weights = torch.zeros_like(one.evidence)
        for some in numbers:
            progress(done, total)
            changed = features.expand(len(some), *features.shape).clone()
            changed[torch.arange(len(some), device=some.device), some] = 0
            left = trace.scalars_of_features(changed, one.level, detections[one.rows], target)
            weights[:, some] = (own - left).T / torch.where(own == 0, 1, own.abs())[:, None]
            done += 1
        maps.add(one, weights, chosen, share)
    progress(total, total)
    return maps.result()
