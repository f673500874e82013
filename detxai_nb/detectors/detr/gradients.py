"""Gradients of many scalars of a recorded pass: by products in batches, by PyTorch's own batches, or one by one."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Hashable, Sequence
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from detxai_nb.detectors.trace.products import cannot_be_batched
from detxai_nb.vjp import BatchedProducts, Unsupported

_LOG = logging.getLogger(__name__)
SINGLE_ROWS = 16
"""Gradients in a chunk if they are computed one by one, so that work can be stopped in between."""
_BATCH_TOLERANCE = 1e-3
"""Largest difference of the sum of batched gradients from the gradient of the sum, as a share of their norms: float32's
last digits, no more."""

_CACHE = 32 * 2**20
"""Bytes of the largest map of a chunk's gradients: several are in use at once and want to stay in the cache, and
larger ones would be new memory each time."""
_AGREED: WeakKeyDictionary[nn.Module, set[Hashable]] = WeakKeyDictionary()
"""The passes of each module whose products agreed with autograd."""


class Products:
    """Gradients by ``detxai_nb.vjp``, which are compared with autograd's once for a module, layer and input size.

    Args:
        module: the network.
        key: what else the recorded graph depends on.
        outputs: its outputs, with a graph.
        leaf: the layer ``[1,C,h,w]``, at which the graph starts.

    Raises:
        Unsupported: if the graph cannot be followed.
    """

    def __init__(self, module: nn.Module, key: Hashable, outputs: Sequence[Tensor], leaf: Tensor) -> None:
        self._products = BatchedProducts(outputs, leaf)
        self._outputs, self._leaf = tuple(outputs), leaf
        self._agreed = _AGREED.setdefault(module, set())
        self._key = (key, outputs[0].dtype, self._products.operations)

    @classmethod
    def of_pass(cls, module: nn.Module, key: Hashable, outputs: Sequence[Tensor], leaf: Tensor) -> Products | None:
        """The products of a pass; None if its graph cannot be followed, which is logged.

        Args:
            module, key, outputs, leaf: as for the class.

        Returns:
            Them, or None.
        """
        try:
            return cls(module, key, outputs, leaf)
        except Unsupported as error:
            _LOG.info("gradients of %s are computed one by one: %s", type(module).__name__, error)
            return None

    def rows_per_chunk(self, budget: int) -> int:
        """How many gradients are computed together.

        Args:
            budget: bytes that their largest maps may take, all in all.

        Returns:
            At least 1.
        """
        size = max(self._products.largest, self._leaf.numel()) * self._leaf.element_size()
        return max(1, min(SINGLE_ROWS, _CACHE // size, budget // (4 * size)))

    def __call__(self, values: Callable[..., Tensor]) -> Tensor | None:
        """Compute gradients.

        Args:
            values: the scalars ``[n]`` as a function of the outputs.

        Returns:
            ``[n,1,C,h,w]``; None, with a warning, if they do not agree with autograd's.
        """
        with torch.enable_grad():
            own = [output.detach().requires_grad_() for output in self._outputs]
            scalars = values(*own)
        vectors = [output.new_zeros(len(scalars), *output.shape) for output in own]
        for row, scalar in enumerate(scalars):
            found = torch.autograd.grad(scalar, own, retain_graph=True, allow_unused=True)
            for vector, gradient in zip(vectors, found):
                if gradient is not None:
                    vector[row] = gradient
        gradients = self._products(vectors)
        if self._key not in self._agreed:
            if not self._agree(gradients, vectors):
                _warn("this module's gradients come out wrong as products, they are computed one by one")
                return None
            self._agreed.add(self._key)
        return gradients

    def _agree(self, found: Tensor, vectors: Sequence[Tensor]) -> bool:
        """Whether their sum is the gradient of the sum: one backward pass."""
        used = [(output, vector.sum(0)) for output, vector in zip(self._outputs, vectors) if output.requires_grad]
        outputs, sums = zip(*used)
        (whole,) = torch.autograd.grad(outputs, self._leaf, sums, retain_graph=True, allow_unused=True)
        off = found.sum(0) if whole is None else found.sum(0) - whole
        return bool(off.norm() <= _BATCH_TOLERANCE * found.flatten(1).norm(dim=1).sum())


def batching_pays(device: torch.device) -> bool:
    """Return whether gradients of many predictions are faster as one batched product than one by one.

    Args:
        device: where the network runs.

    Returns:
        True except on a CPU.
    """
    return device.type != "cpu"


def batched_gradients(scalars: Tensor, leaf: Tensor) -> Tensor | None:
    """Compute gradients as PyTorch's own batched product.

    The sum of the gradients must equal the gradient of the sum, which takes one more backward pass.

    Args:
        scalars: ``[n]``, with a graph.
        leaf: ``[1,C,h,w]``, where it starts.

    Returns:
        ``[n,C,h,w]``; None, with a warning, if an operation cannot be batched or the result is wrong.
    """
    one_each = torch.eye(len(scalars), dtype=scalars.dtype, device=scalars.device)
    try:
        (found,) = torch.autograd.grad(
            scalars, leaf, one_each, retain_graph=True, allow_unused=True, is_grads_batched=True
        )
    except RuntimeError as error:
        if not cannot_be_batched(error):
            raise
        _warn(f"this module has an operation whose gradients cannot be batched, they are computed one by one: {error}")
        return None
    if found is None:
        return leaf.new_zeros(len(scalars), *leaf.shape[1:])
    (whole,) = torch.autograd.grad(scalars.sum(), leaf, retain_graph=True, allow_unused=True)
    if whole is not None and (found.sum(dim=0) - whole).norm() > _BATCH_TOLERANCE * found.flatten(1).norm(dim=1).sum():
        _warn("this module's gradients come out wrong in batches on this device, they are computed one by one")
        return None
    return found[:, 0]


def _warn(words: str) -> None:
    warnings.warn(words, RuntimeWarning, stacklevel=3)


def single_gradients(scalars: Tensor, leaf: Tensor) -> Tensor:
    """Compute the same gradients with a backward pass each.

    Args:
        scalars: ``[n]``, with a graph.
        leaf: ``[1,C,h,w]``, where it starts.

    Returns:
        ``[n,C,h,w]``.
    """
    found = leaf.new_zeros(len(scalars), *leaf.shape[1:])
    for row, scalar in enumerate(scalars):
        (gradient,) = torch.autograd.grad(scalar, leaf, retain_graph=True, allow_unused=True)
        if gradient is not None:
            found[row] = gradient[0]
    return found
