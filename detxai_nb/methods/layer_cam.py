"""LayerCAM on a detector's feature map."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.registry import Context, gradient_method


@gradient_method("layer-cam", title="LayerCAM", source="Jiang et al., IEEE TIP 2021", windowed=lambda settings: True)
def layer_cam(activation: Tensor, gradient: Tensor, context: Context) -> Tensor:
    """``relu(sum_C relu(G) * A)``: ODAM's product of gradient and activation with the negative gradients left out.

    ``activation`` ``[C,h,w]`` (or windows ``[n,C,a,b]``), ``gradient`` ``[n,C,h,w]`` of n scalars; returns non-negative
    maps ``[n,h,w]``. The paper also joins maps of several layers (scaled by a tanh); here a map is of one layer.
    """
    return torch.relu((torch.relu(gradient) * activation).sum(dim=1))
