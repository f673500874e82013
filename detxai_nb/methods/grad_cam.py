"""Grad-CAM on a detector's feature map."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.registry import Context, gradient_method


@gradient_method("grad-cam", title="Grad-CAM", source="Selvaraju et al., ICCV 2017, eq. 1-2")
def grad_cam(activation: Tensor, gradient: Tensor, context: Context) -> Tensor:
    """Compute ``relu(sum_C mean_hw(G) * A)``: one weight a channel, the same at every location.

    Grad-CAM was made for classifiers: the mean over all locations forgets where the object is, so it marks every object
    of a class.

    Args:
        activation: ``[C,h,w]``.
        gradient: ``[n,C,h,w]`` of n explained scalars.
        context: not used.

    Returns:
        Non-negative maps ``[n,h,w]``.

    References:
        Selvaraju et al., Grad-CAM (ICCV 2017), eq. 1-2.
    """
    weights = gradient.mean(dim=(2, 3))
    return torch.relu((weights @ activation.flatten(1)).reshape(len(gradient), *activation.shape[1:]))
