"""Grad-CAM on a detector's feature map."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.registry import Context, gradient_method


@gradient_method("grad-cam", title="Grad-CAM", source="Selvaraju et al., ICCV 2017, eq. 1-2")
def grad_cam(activation: Tensor, gradient: Tensor, context: Context) -> Tensor:
    """``relu(sum_C mean_hw(G) * A)``: one weight a channel, the same at every location.

    ``activation`` ``[C,h,w]``, ``gradient`` ``[n,C,h,w]`` of n scalars; returns non-negative maps ``[n,h,w]``. Made for
    classifiers: the mean over all locations forgets where the object is, so it marks every object of a class.
    """
    weights = gradient.mean(dim=(2, 3))
    return torch.relu((weights @ activation.flatten(1)).unflatten(1, activation.shape[1:]))
