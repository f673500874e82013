"""Global guidance: Grad-CAM's weighted sum, let through only where the guidance map marks the class."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.products import summed_products
from detxai_nb.methods.registry import Context, gradient_method
from detxai_nb.methods.smoothing import check_sigma, smooth_maps
from detxai_nb.windows import spread_windows, take_windows

PARTS = ("saliency", "guidance")
FAINT = 1e-30
"""Maps whose values are all below it are too faint for float32, since they go with the square of the gradient."""


@gradient_method(
    "global-guidance",
    title="Global guidance",
    source="Fahim et al., Rethinking gradient weight's influence over saliency map estimation, eq. 5-6",
    choices={"part": PARTS},
    compact=lambda settings: True,
)
def global_guidance(
    activation: Tensor, gradient: Tensor, context: Context, *, part: str = "saliency", smoothing: float = 1.0
) -> Tensor:
    """Compute ``relu(sum_C mean_hw(G) * (g * A))`` with ``g = relu(sum_C G * A)``, then smooth it.

    The guidance map g (eq. 5) keeps a gradient for each location and so marks what belongs to this class or object; it
    masks the activations that Grad-CAM's weights then add up (eq. 6). As g is nowhere negative, the map is g times the
    Grad-CAM map. It goes with the square of the gradient: a map that would be below 1e-30 everywhere, too faint for
    float32, is returned with its weights divided by their largest, which changes its scale and nothing else.

    Args:
        activation: ``[C,h,w]``.
        gradient: ``[n,C,h,w]`` of n explained scalars, or windows ``[n,C,a,b]`` with their corners in the context.
        context: the size of the whole level, over which the weights are means.
        part: "saliency" (eq. 6), or "guidance" for g itself, which is never smoothed.
        smoothing: standard deviation in cells of the grid, 0 for none.

    Returns:
        Non-negative maps ``[n,h,w]``.

    Raises:
        ValueError: if ``smoothing`` is no number in 0..100.

    References:
        Fahim et al., Rethinking Gradient Weight's Influence over Saliency Map Estimation, eq. 5-6. What the paper
        leaves open is settled thus: its "typical smoothing" is a Gaussian of one cell that reaches 4 cells and goes on
        mirrored beyond the border; its "carefully designed upscaling" is the package's own, one bilinear step from the
        grid's cell centres to the image's pixels; its normalization is done only where a map is drawn or measured.
        Departure: the paper explains a classifier's last layer; here also a detection, on the level that made it.
    """
    sigma = check_sigma(smoothing, "global-guidance")
    corner = context.corner
    features = activation if corner is None else take_windows(activation, corner, gradient.shape[-2:])
    found = torch.relu(summed_products(features, gradient))
    if part == "saliency":
        found = _weighted(features, gradient.sum(dim=(2, 3)) / context.area, found)
    if corner is not None:
        found = spread_windows(found, corner, context.size)
    return smooth_maps(found, sigma) if part == "saliency" else found


def _weighted(features: Tensor, weights: Tensor, guidance: Tensor) -> Tensor:
    """``relu(sum_C w * (g * A))`` of weights ``[n,C]`` and guidance ``[n,a,b]``, without a square of small numbers."""
    largest = weights.abs().amax(dim=1).clamp(min=torch.finfo(weights.dtype).tiny)[:, None, None]
    columns = features.flatten(-2)
    relative = ((weights / largest[:, 0])[:, None] @ columns).reshape(guidance.shape)
    found = guidance * torch.relu(relative)
    faint = (found * largest).amax(dim=(1, 2), keepdim=True) < FAINT
    return torch.where(faint, found, found * largest)
