"""Products in one batch are those of one backward pass each, also where an operation cannot be batched."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch import Tensor

from detxai_nb.detectors.trace.products import jacobian_products


class Tripling(torch.autograd.Function):
    """Without a rule for batches of vectors."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return 3 * x

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return 3 * gradient + 0 * float(gradient.sum())


def fails(context: Any, gradient: Tensor) -> Tensor:
    raise RuntimeError("out of memory")


@pytest.mark.parametrize("own", [False, True], ids=["in one batch", "one by one"])
def test_each_product_is_that_of_a_backward_pass(own: bool, caplog: pytest.LogCaptureFixture) -> None:
    generator = torch.Generator().manual_seed(0)
    leaf = torch.randn(1, 2, 3, 4, dtype=torch.float64, generator=generator).requires_grad_()
    output = torch.sin(Tripling.apply(leaf) if own else 3 * leaf).sum(dim=1) ** 2
    vectors = torch.randn(5, *output.shape, dtype=torch.float64, generator=generator)
    with caplog.at_level(logging.INFO, "detxai_nb"):
        found = jacobian_products(output, leaf, vectors)
    assert bool(caplog.records) == own
    for one, vector in zip(found, vectors, strict=True):
        (expected,) = torch.autograd.grad(output, leaf, vector, retain_graph=True)
        torch.testing.assert_close(one, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("own", [False, True], ids=["in one batch", "one by one"])
def test_what_does_not_depend_on_the_leaf_has_products_of_zero(own: bool) -> None:
    leaf, other = torch.ones(1, 2).requires_grad_(), torch.ones(3).requires_grad_()
    output = Tripling.apply(other) if own else 3 * other
    assert torch.equal(jacobian_products(output, leaf, torch.ones(4, 3)), torch.zeros(4, 1, 2))
    assert torch.equal(jacobian_products(output.detach(), leaf, torch.ones(4, 3)), torch.zeros(4, 1, 2))


def test_another_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tripling, "backward", staticmethod(fails))
    leaf = torch.ones(2).requires_grad_()
    with pytest.raises(RuntimeError, match="out of memory"):
        jacobian_products(Tripling.apply(leaf), leaf, torch.ones(1, 2))
