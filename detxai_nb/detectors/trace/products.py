"""Products of many vectors with the Jacobian between a layer and what was computed from it."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

_LOG = logging.getLogger(__name__)
_NO_BATCHING_RULE = ("vmap", "Batching rule", "batching rule")
"""Words in PyTorch's error if an operation has no gradient for a batch of vectors."""


def cannot_be_batched(error: RuntimeError) -> bool:
    """Return whether PyTorch says that an operation has no gradient for a batch of vectors.

    Args:
        error: what ``torch.autograd.grad`` raised.

    Returns:
        True if each vector alone may go through. Which operations are concerned depends on PyTorch's version.
    """
    return any(word in str(error) for word in _NO_BATCHING_RULE)


def jacobian_products(output: Tensor, leaf: Tensor, vectors: Tensor) -> Tensor:
    """Compute vector-Jacobian products in one batch; one by one where an operation in between cannot be batched.

    Args:
        output: what was computed from the leaf, of any shape; its graph is kept.
        leaf: the layer's map, of any shape.
        vectors: ``[n,*output.shape]``, one for each product.

    Returns:
        The products ``[n,*leaf.shape]``; zero if the output does not depend on the leaf.
    """
    if not output.requires_grad:
        return leaf.new_zeros(len(vectors), *leaf.shape)
    found: Tensor | None
    try:
        (found,) = torch.autograd.grad(
            output, leaf, vectors, retain_graph=True, allow_unused=True, is_grads_batched=True
        )
    except RuntimeError as error:
        if not cannot_be_batched(error):
            raise
        _LOG.info("gradients one by one, since an operation's cannot be batched: %s", error)
        each = [torch.autograd.grad(output, leaf, one, retain_graph=True, allow_unused=True)[0] for one in vectors]
        return torch.stack([torch.zeros_like(leaf) if one is None else one for one in each])
    return leaf.new_zeros(len(vectors), *leaf.shape) if found is None else found
