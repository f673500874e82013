"""Grad-CAM++ on a detector's feature map."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.registry import Context, gradient_method


@gradient_method("grad-cam++", title="Grad-CAM++", source="Chattopadhyay et al., WACV 2018, eq. 10-11, 19")
def grad_cam_plus_plus(activation: Tensor, gradient: Tensor, context: Context) -> Tensor:
    """Compute ``relu(sum_C sum_hw(a * relu(G)) * A)`` with ``a = G^2 / (2 G^2 + sum_hw(A) * G^3)``.

    ``a`` is 0 where it would be 0 / 0. As in the paper the weights assume that the score is an exponential of the
    scalar, so that higher derivatives are powers of G. One G^2 is cancelled before dividing, so that small gradients do
    not underflow. The weight has a pole where ``sum_hw(A) * G`` is -2; there it is 0.

    Args:
        activation: ``[C,h,w]``.
        gradient: ``[n,C,h,w]`` of n explained scalars.
        context: not used.

    Returns:
        Non-negative maps ``[n,h,w]``.

    References:
        Chattopadhyay et al., Grad-CAM++ (WACV 2018), eq. 10-11 and 19.
    """
    below = 2 + activation.sum(dim=(1, 2))[:, None, None] * gradient
    present = (gradient != 0) & (below != 0)
    alpha = torch.where(present, 1 / torch.where(present, below, 1), 0)
    weights = (alpha * torch.relu(gradient)).sum(dim=(2, 3))
    return torch.relu((weights @ activation.flatten(1)).reshape(len(gradient), *activation.shape[1:]))
