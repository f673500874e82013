"""XGrad-CAM on a detector's feature map."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.registry import Context, gradient_method

CANCELS = 1e-3
"""A channel whose activations add up to less than this share of their absolute values has no sum to divide by."""


@gradient_method("xgrad-cam", title="XGrad-CAM", source="Fu et al., BMVC 2020")
def xgrad_cam(activation: Tensor, gradient: Tensor, context: Context, *, cancels: float = CANCELS) -> Tensor:
    """Compute ``relu(sum_C (sum_hw(G * A) / sum_hw(A)) * A)``: Grad-CAM with the mean of G weighted by the activation.

    The formula is made for activations after a ReLU. After a SiLU, or on a pyramid level, a channel's sum can cross
    zero, and its weight can then be any number: a channel with ``abs(sum(A)) < cancels * sum(abs(A))`` gets the weight
    0 (without that, rounding alone moved a map by 19%).

    Args:
        activation: ``[C,h,w]``.
        gradient: ``[n,C,h,w]`` of n explained scalars.
        context: not used.
        cancels: share of the absolute sum below which a channel's sum counts as zero, 0..1; 0 divides by every sum but
            0.

    Returns:
        Non-negative maps ``[n,h,w]``.

    Raises:
        ValueError: if ``cancels`` is not in 0..1.

    References:
        Fu et al., Axiom-based Grad-CAM (BMVC 2020). Departure: ``cancels`` is ours.
    """
    if not 0 <= cancels <= 1:
        raise ValueError(f"cancels of 'xgrad-cam' is a share, 0 to 1; got {cancels!r}")
    total = activation.sum(dim=(1, 2))
    divides = (total != 0) & (total.abs() >= cancels * activation.abs().sum(dim=(1, 2)))
    products = (gradient.flatten(2) * activation.flatten(1)).sum(dim=2)
    weights = torch.where(divides, products / torch.where(divides, total, 1), 0)
    return torch.relu((weights @ activation.flatten(1)).reshape(len(gradient), *activation.shape[1:]))
