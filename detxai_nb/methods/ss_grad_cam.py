"""Spatial Sensitive Grad-CAM and Grad-CAM++: channel weights times a map of where each channel matters."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.registry import Context, gradient_method

RELATED = 1e-3
"""Share of the largest gradient above which a location belongs to the instance."""


@gradient_method(
    "ss-grad-cam",
    title="SSGrad-CAM",
    source="Yamauchi & Ishikawa, ICIP 2022; Yamauchi, XAI4CV 2024, sec. 2",
    windowed=lambda settings: True,
)
def ss_grad_cam(activation: Tensor, gradient: Tensor, context: Context) -> Tensor:
    """Compute ``relu(sum_C mean_hw(G) * A * S)`` with ``S = abs(G) / max_hw abs(G)`` for each channel, 0 where G is 0.

    The mean runs over the whole level, also if only a window of it is handed in.

    Args:
        activation: ``[C,h,w]``, or windows ``[n,C,a,b]``.
        gradient: ``[n,C,h,w]`` of n explained scalars, or windows ``[n,C,a,b]``.
        context: the size of the whole level is read from it.

    Returns:
        Non-negative maps ``[n,h,w]``, or windows ``[n,a,b]``.

    References:
        Yamauchi & Ishikawa, Spatial Sensitive Grad-CAM (ICIP 2022); Yamauchi (XAI4CV 2024), sec. 2.
    """
    return _sensitive(gradient.sum(dim=(2, 3)) / context.area, activation, gradient)


@gradient_method(
    "ss-grad-cam++",
    title="SSGrad-CAM++",
    source="Yamauchi, XAI4CV workshop at CVPR 2024, sec. 3",
    windowed=lambda settings: True,
)
def ss_grad_cam_plus_plus(
    activation: Tensor, gradient: Tensor, context: Context, *, related: float = RELATED
) -> Tensor:
    """Compute SSGrad-CAM with the channel weight ``sum_hw(a * relu(G))``, ``a = G^2 / (2 G^2 + sum_hw(A * M) * G^3)``.

    M ``[h,w]`` is 1 where a location belongs to the instance; only the sum in the denominator is masked. a is 0 where
    it would be 0 / 0. Like that of Grad-CAM++ the weight has a pole, here where ``sum_hw(A * M) * G`` is -2, and one
    G^2 is cancelled before dividing, so that small gradients do not underflow.

    Args:
        activation: ``[C,h,w]``, or windows ``[n,C,a,b]``.
        gradient: ``[n,C,h,w]`` of n explained scalars, or windows ``[n,C,a,b]``.
        context: not used.
        related: a location belongs to the instance if ``max_C abs(G)`` is above this share of its maximum over all
            channels and locations, 0 to below 1.

    Returns:
        Non-negative maps ``[n,h,w]``, or windows ``[n,a,b]``.

    Raises:
        ValueError: if ``related`` is not in 0..1, 1 excluded.

    References:
        Yamauchi, SSGrad-CAM++ (XAI4CV workshop at CVPR 2024), sec. 3. The paper leaves open how M is known; ``related``
        is ours.
    """
    if not 0 <= related < 1:
        raise ValueError(f"related of 'ss-grad-cam++' is a share, 0 to below 1; got {related!r}")
    strongest = gradient.abs().amax(dim=1, keepdim=True)
    instance = strongest > related * strongest.amax(dim=(2, 3), keepdim=True)
    below = 2 + (activation * instance).sum(dim=(2, 3), keepdim=True) * gradient
    present = (gradient > 0) & (below != 0)
    weights = torch.where(present, gradient / torch.where(present, below, 1), 0).sum(dim=(2, 3))
    return _sensitive(weights, activation, gradient)


def _sensitive(weights: Tensor, activation: Tensor, gradient: Tensor) -> Tensor:
    """``relu(sum_C weight * A * S)`` of ``weights`` ``[n,C]``, maps ``[n,h,w]``."""
    size = gradient.abs()
    peak = size.amax(dim=(2, 3), keepdim=True)
    sensitivity = size / torch.where(peak > 0, peak, 1)
    return torch.relu((weights[:, :, None, None] * sensitivity * activation).sum(dim=1))
