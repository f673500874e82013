"""HiResCAM on a classifier's or detector's feature map."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.products import summed_products
from detxai_nb.methods.registry import Context, Method, register


def hirescam(activation: Tensor, gradient: Tensor, context: Context) -> Tensor:
    """Compute ``relu(sum_C G * A)``: Grad-CAM without the mean over locations.

    The same formula has other names here: on the pyramid level that made a detection it is ``odam`` without smoothing,
    and ``global-guidance`` takes it as its guidance map. Each location keeps a gradient of its own, so the map of a
    network that is linear after the layer says what each location adds to the score.

    Args:
        activation: ``[C,h,w]``, or windows ``[n,C,a,b]``.
        gradient: ``[n,C,h,w]`` of n explained scalars, or windows ``[n,C,a,b]``.
        context: not used.

    Returns:
        Non-negative maps ``[n,h,w]``, or windows ``[n,a,b]``.

    References:
        Draelos & Carin, Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks
        (arXiv:2011.08891, 2020). Departure: what counts against the class is cut off, as in Grad-CAM; the paper shows
        the sum with its sign in places (``odam`` with ``direction="signed"`` is that).
    """
    return torch.relu(summed_products(activation, gradient))


register(
    Method(
        "hirescam",
        hirescam,
        title="HiResCAM",
        source="Draelos & Carin, arXiv:2011.08891, 2020",
        windowed=lambda settings: True,
        summed=lambda settings: True,
    )
)
