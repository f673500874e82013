"""BBAM: the smallest part of a two-stage detector's region that keeps the prediction."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from detxai_nb.methods.registry import MethodResult, trace_method
from detxai_nb.statistics import paired_iou
from detxai_nb.types import Detections, Progress

START = 1.0
"""Every mask begins by letting all of its region through."""


@trace_method(
    "bbam",
    title="BBAM",
    source="Lee et al., CVPR 2021; Zhao & Chan, ICLR 2023, A.5.9",
    needs=("regions",),
)
def bbam(
    trace: Any,
    detections: Detections,
    progress: Progress,
    *,
    steps: int = 300,
    sparsity: float = 0.007,
    learning_rate: float = 0.02,
) -> MethodResult:
    """Optimize for each detection a mask on its pooled features that is small but keeps its class and box.

    The mask m in 0..1 lies on the pooled features F of the detection's region. Adam minimizes ``sparsity * sum(m) + |p
    - p'| / 2 + mean|t - t'| / 2``, and m is cut to 0..1 after each step: p is the probability of the detection's class,
    t its four box offsets as the network gives them, the primes are those of ``m * F``. All masks start as 1 and
    nothing is random.

    A region is the proposal, so nothing outside of it is ever marked. The losses of detections do not meet, so each
    gets the map that it would get alone. Diagnostics say how well each mask kept its prediction, "score kept" (p' / p)
    and "IoU kept" (of the boxes); if they are low the map explains little.

    Args:
        trace: an open trace of a two-stage detector, which has ``regions``.
        detections: the objects to explain.
        progress: called after each step; what it raises ends the work.
        steps: of Adam, at least 1.
        sparsity: weight of the mask's sum, at least 0; 0.007 in the published code for training images, 0.07 in its
            demonstration.
        learning_rate: of Adam, above 0.

    Returns:
        Masks ``[P,P]`` in 0..1 on each region's grid, with "score kept" and "IoU kept" as diagnostics.

    Raises:
        ValueError: for settings out of range.

    References:
        Lee et al., BBAM (CVPR 2021) and its published code, whose values are the defaults; Zhao & Chan, ODAM (ICLR
        2023), A.5.9. Departures: the paper's mask covers the image, and each step runs the whole network for one
        object; here it covers the pooled region (7x7 cells in torchvision's networks) and only the box head runs, for
        all detections together. What is masked becomes 0, the feature of nothing, instead of the data's mean colour.
        The code's extra total-variation term, for finer masks, is left out.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps of 'bbam' is a whole number of at least 1; got {steps!r}")
    if not (sparsity >= 0 and learning_rate > 0):
        raise ValueError(
            f"sparsity of 'bbam' is at least 0 and learning_rate above 0; got {sparsity!r} and {learning_rate!r}"
        )
    parts = list(trace.regions(detections))
    total = steps * len(parts)
    count = len(detections)
    grids: list[Any] = [None] * count
    places: list[Any] = [None] * count
    diagnostics = {name: [float("nan")] * count for name in ("score kept", "IoU kept")}
    for number, regions in enumerate(parts):

        def report(done: int, before: int = number * steps) -> None:
            progress(before + done, total)

        mask = _optimize(regions, steps, sparsity, learning_rate, report)
        kept = _kept(regions, mask)
        for i, row in enumerate(regions.rows.tolist()):
            grids[row] = mask[i]
            places[row] = regions.strides[i], regions.corners[i]
            for name, values in kept.items():
                diagnostics[name][row] = values[i]
    strides, corners = [stride for stride, _ in places], [corner for _, corner in places]
    return MethodResult(grids, strides, corners, diagnostics, settings={"start": START}, unit="share let through")


@torch.inference_mode(False)
@torch.enable_grad()
def _optimize(regions: Any, steps: int, sparsity: float, learning_rate: float, report: Any) -> Tensor:
    """The masks ``[n,P,P]`` after all steps, without a graph."""
    features = regions.features
    with torch.no_grad():
        whole = regions.run_head(features)
    # Steps of a hundredth need more digits than half precision has.
    mask = torch.full_like(features[:, 0], START, dtype=torch.promote_types(features.dtype, torch.float32))
    mask.requires_grad_()
    adam = torch.optim.Adam([mask], lr=learning_rate)
    for step in range(steps):
        report(step)
        masked = regions.run_head(features * mask[:, None].to(features.dtype))
        change = (whole.scores - masked.scores).abs() + (whole.offsets - masked.offsets).abs().mean(dim=1)
        loss = sparsity * mask.sum(dim=(1, 2)) + change / 2
        # Not backward(): that would leave gradients at the network's weights.
        (mask.grad,) = torch.autograd.grad(loss.sum(), mask)
        adam.step()
        with torch.no_grad():
            mask.clamp_(0, 1)
    report(steps)
    return mask.detach()


@torch.inference_mode(False)
@torch.no_grad()
def _kept(regions: Any, mask: Tensor) -> dict[str, list[float]]:
    """For each region the share of its score, and the overlap with its box, that are left behind the mask."""
    whole = regions.run_head(regions.features)
    masked = regions.run_head(regions.features * mask[:, None].to(regions.features.dtype))
    score = masked.scores / whole.scores.clamp(min=torch.finfo(whole.scores.dtype).tiny)
    return {"score kept": score.tolist(), "IoU kept": paired_iou(whole.boxes, masked.boxes).tolist()}
