"""ODAM: gradient-weighted maps that belong to one detected instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from detxai_nb.methods.products import summed_products
from detxai_nb.methods.registry import Context, Method, register
from detxai_nb.methods.smoothing import gaussian_matrix

DIRECTIONS = ("positive", "negative", "signed", "absolute")


def odam(
    activation: Tensor, gradient: Tensor, context: Context, *, direction: str = "positive", smooth: str | None = None
) -> Tensor:
    """Compute ``relu(sum_C smooth(G) * A)``: a weight for each channel and location, on the level of the prediction.

    Args:
        activation: ``[C,h,w]``, or windows ``[n,C,a,b]``.
        gradient: ``[n,C,h,w]`` of n explained scalars, or windows ``[n,C,a,b]``.
        context: with smoothing the predicted boxes are read from it.
        direction: "positive" evidence, "negative" (``relu(-sum)``), "signed" (no relu) or "absolute" (paper A.5.6).
        smooth: None takes the gradients as they are, as the authors' published code does; "box" filters them with a
            Gaussian that follows the predicted box.

    Returns:
        Maps ``[n,h,w]``, or windows ``[n,a,b]``; non-negative unless ``direction`` is "signed".

    References:
        Zhao & Chan, ODAM (ICLR 2023), eq. 2. The paper leaves the size of its smoothing Phi open; here sigma is the
        box's side in cells / 6 on each axis, and the kernel reaches 3 sigma each way.
    """
    if smooth == "box":
        gradient = _smooth(gradient, context.boxes)
    evidence = summed_products(activation, gradient)
    if direction == "negative":
        return torch.relu(-evidence)
    if direction == "signed":
        return evidence
    return evidence.abs() if direction == "absolute" else torch.relu(evidence)


def _unsmoothed(settings: Mapping[str, Any]) -> bool:
    return settings["smooth"] is None


register(
    Method(
        "odam",
        odam,
        title="ODAM",
        source="Zhao & Chan, ICLR 2023, eq. 2",
        choices={"direction": DIRECTIONS, "smooth": (None, "box")},
        windowed=_unsmoothed,
        summed=_unsmoothed,
        signed=lambda settings: settings["direction"] == "signed",
    )
)


def _smooth(gradient: Tensor, boxes: Tensor) -> Tensor:
    """Each row's gradient filtered along y and x by the Gaussian of its box; zero beyond the map's border."""
    out = []
    for row, box in zip(gradient, boxes.to(gradient)):
        down, across = (
            gaussian_matrix(cells, side / 6, row, reach=3, mirrored=False)
            for cells, side in zip(row.shape[1:], (float(box[3] - box[1]), float(box[2] - box[0])))
        )
        out.append(down @ row @ across.T)
    return torch.stack(out) if out else gradient
