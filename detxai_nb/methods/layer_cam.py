"""LayerCAM on a detector's feature map."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.registry import Context, gradient_method


@gradient_method("layer-cam", title="LayerCAM", source="Jiang et al., IEEE TIP 2021", windowed=lambda settings: True)
def layer_cam(activation: Tensor, gradient: Tensor, context: Context) -> Tensor:
    """Compute ``relu(sum_C relu(G) * A)``: ODAM's product of gradient and activation without the negative gradients.

    Args:
        activation: ``[C,h,w]``, or windows ``[n,C,a,b]``.
        gradient: ``[n,C,h,w]`` of n explained scalars, or windows ``[n,C,a,b]``.
        context: not used.

    Returns:
        Non-negative maps ``[n,h,w]``, or windows ``[n,a,b]``.

    References:
        Jiang et al., LayerCAM (IEEE TIP 2021). Departure: the paper also joins maps of several layers, scaled by a
        tanh; here a map belongs to one layer.
    """
    return torch.relu((torch.relu(gradient) * activation).sum(dim=1))
