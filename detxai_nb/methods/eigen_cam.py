"""Eigen-CAM on a detector's feature map."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.methods.registry import Context, Method, register


def eigen_cam(activation: Tensor, gradient: Tensor, context: Context) -> Tensor:
    """Compute ``relu(A^T v)``: each location's activations projected on their first right singular vector v ``[C]``.

    No gradient enters: all objects on a level get the SAME map, whatever the target, so it says what the features of
    the image have in common and nothing about one object. v is known up to its sign: it is the one for which the
    projection's mean is not negative and, if the mean is 0, its largest value in size is positive; what is still
    negative is cut off.

    Args:
        activation: ``[C,h,w]``.
        gradient: ``[n,C,h,w]`` of n explained scalars; only n is used.
        context: not used.

    Returns:
        Non-negative maps ``[n,h,w]``.

    References:
        Muhammad & Yeasin, Eigen-CAM (IJCNN 2020). As in the paper the activations are not centred (a widely used
        implementation takes their mean off first).
    """
    return torch.relu(_projection(activation.flatten(1))).reshape(activation.shape[1:]).repeat(len(gradient), 1, 1)


register(
    Method(
        "eigen-cam", eigen_cam, title="Eigen-CAM", source="Muhammad & Yeasin, IJCNN 2020", unit="activation of cells"
    )
)


def _projection(columns: Tensor) -> Tensor:
    """``[C,L]`` activations of L locations projected on their first direction, ``[L]``.

    From the smaller of the two Gram matrices, ``[C,C]`` or ``[L,L]``, decomposed in float64 on the CPU: it is small,
    and not every device can do it.
    """
    channels, locations = columns.shape
    by_channel = channels <= locations
    gram = columns @ columns.T if by_channel else columns.T @ columns
    first = torch.linalg.eigh(gram.double().cpu()).eigenvectors[:, -1].to(columns)
    direction = first if by_channel else columns @ first
    length = direction.norm()
    found = columns.T @ (direction / torch.where(length > 0, length, 1))
    mean, largest = found.mean(), found[found.abs().argmax()]
    turned = (mean < 0) | ((mean == 0) & (largest < 0))
    return torch.where(turned, -found, found)
