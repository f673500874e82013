"""Operations on each number for itself, sums, and the arithmetic of two tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from detxai_nb.vjp.gradients import Gradient, Weighted, channels_last, dense, sum_to
from detxai_nb.vjp.recorded import Operation, signed
from detxai_nb.vjp.rules.rule import Rule

_ATEN: Any = torch.ops.aten


def _times(factor: Tensor) -> Rule:
    """The rule of an operation whose derivative is a factor for each number."""
    factor = channels_last(factor)

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        (gradient,) = gradients
        if gradient is None or isinstance(gradient, Tensor):
            return [None if gradient is None else gradient * factor]
        # What was put off is no one else's: no new memory, which costs as much as the arithmetic.
        return [gradient.dense().mul_(factor)]

    return apply


def _by(derivative: Callable[[Operation], Tensor]) -> Callable[[Operation], Rule]:
    return lambda operation: _times(derivative(operation))


def _relu(operation: Operation) -> Tensor:
    result: Tensor = operation.saved("result")
    return (result > 0).to(result.dtype)


def _silu(operation: Operation) -> Tensor:
    x = operation.saved("self")
    found: Tensor = _ATEN.silu_backward(torch.ones_like(x), x)
    return found


def _gelu(operation: Operation) -> Tensor:
    x = operation.saved("self")
    found: Tensor = _ATEN.gelu_backward(torch.ones_like(x), x, approximate=operation.saved("approximate"))
    return found


def _sigmoid(operation: Operation) -> Tensor:
    result: Tensor = operation.saved("result")
    return result * (1 - result)


def _tanh(operation: Operation) -> Tensor:
    result: Tensor = operation.saved("result")
    return 1 - result * result


def _exp(operation: Operation) -> Tensor:
    result: Tensor = operation.saved("result")
    return result


def _log(operation: Operation) -> Tensor:
    x: Tensor = operation.saved("self")
    return x.reciprocal()


def _rsqrt(operation: Operation) -> Tensor:
    result: Tensor = operation.saved("result")
    return -0.5 * result**3


def _power(operation: Operation) -> Tensor:
    x, exponent = operation.saved("self"), operation.saved("exponent")
    found: Tensor = exponent * x ** (exponent - 1)
    return found


def _clamp(operation: Operation) -> Tensor:
    x, low, high = operation.saved("self"), operation.saved("min"), operation.saved("max")
    inside = torch.ones_like(x, dtype=torch.bool)
    inside = inside if low is None else inside & (x >= low)
    return (inside if high is None else inside & (x <= high)).to(x.dtype)


def _masked(operation: Operation) -> Tensor:
    mask: Tensor = operation.saved("mask")
    return (~mask).to(operation.inputs[0].dtype)


def _cast(operation: Operation) -> Rule:
    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        (gradient,) = gradients
        return [None if gradient is None else dense(gradient).to(operation.inputs[0].dtype)]

    return apply


def _terms(signs: Callable[[Operation], tuple[float, ...]]) -> Callable[[Operation], Rule]:
    """Sums and differences: each term gets the gradient times its sign, added up where it was repeated."""

    def make(operation: Operation) -> Rule:
        factors = signs(operation)

        def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
            if gradients[0] is None:
                return [None] * len(factors)
            gradient = dense(gradients[0])
            found: list[Gradient | None] = []
            for number, factor in enumerate(factors):
                if operation.needs(number):
                    summed = sum_to(gradient, operation.shape_of(number))
                    found.append(summed if factor == 1 else summed * factor)
                else:
                    found.append(None)
            return found

        return apply

    return make


def _scale(operation: Operation, name: str = "alpha") -> float:
    factor: float = operation.saved(name)
    return factor


def _product(operation: Operation) -> Rule:
    factors = [operation.saved(name) if operation.needs(i) else None for i, name in enumerate(("other", "self"))]

    def product(gradient: Tensor, factor: Tensor, shape: tuple[int, ...]) -> Gradient:
        repeated = any(side > 1 and stride == 0 for side, stride in zip(gradient.shape[1:], gradient.stride()[1:]))
        if repeated and gradient.shape[1:] == shape:
            return Weighted(gradient, factor.expand(gradient.shape), factor)
        return sum_to(gradient * factor, shape)

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        gradient = gradients[0]
        return [
            None if factor is None or gradient is None else product(dense(gradient), factor, operation.shape_of(number))
            for number, factor in enumerate(factors)
        ]

    return apply


def _product_with_number(operation: Operation) -> Rule:
    number = operation.saved("other")

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        (gradient,) = gradients
        return [None if gradient is None else dense(gradient) * number]

    return apply


def _quotient(operation: Operation) -> Rule:
    other = operation.saved("other")
    # Its own type may be a shorter one than the gradient's.
    other = other.to(operation.inputs[0].dtype or other.dtype)
    factors = [other.reciprocal() if operation.needs(0) else None]
    factors.append(-operation.saved("self") / other**2 if operation.needs(1) else None)

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        gradient = gradients[0]
        return [
            None if factor is None or gradient is None else sum_to(dense(gradient) * factor, operation.shape_of(number))
            for number, factor in enumerate(factors)
        ]

    return apply


def _sum(operation: Operation) -> Rule:
    return _spread(operation, 1.0)


def _sum_of_all(operation: Operation) -> Rule:
    shape = operation.shape_of(0)

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        if gradients[0] is None:
            return [None]
        gradient = dense(gradients[0])
        return [gradient.view(-1, *[1] * len(shape)).expand(len(gradient), *shape)]

    return apply


def _mean(operation: Operation) -> Rule:
    count, made = 1, 1
    for side in operation.shape_of(0):
        count *= side
    for side in operation.outputs[0]:
        made *= side
    return _spread(operation, made / count)


def _spread(operation: Operation, factor: float) -> Rule:
    """What is added up gets the gradient of the sum, each number the same."""
    shape, axes = operation.shape_of(0), operation.saved("dim")
    added = {signed(int(axis)) % len(shape) for axis in (axes or range(len(shape)))}
    kept = [1 if axis in added else side for axis, side in enumerate(shape)]

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        if gradients[0] is None:
            return [None]
        gradient = dense(gradients[0]).reshape(-1, *kept)
        gradient = gradient if factor == 1 else gradient * factor
        return [gradient.expand(len(gradient), *shape)]

    return apply


def _softmax(operation: Operation) -> Rule:
    result, axis = operation.saved("result"), operation.axis()
    axis = axis % result.ndim + 1

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        (gradient,) = gradients
        if gradient is None:
            return [None]
        weighted = dense(gradient) * result
        return [torch.addcmul(weighted, result.expand_as(weighted), weighted.sum(axis, keepdim=True), value=-1)]

    return apply


RULES: Mapping[str, Callable[[Operation], Rule | None]] = {
    "AddBackward0": _terms(lambda operation: (1, _scale(operation))),
    "AddBackward1": _terms(lambda operation: (1,)),
    "ClampBackward1": _by(_clamp),
    "ClampMinBackward0": lambda operation: _times(
        (operation.saved("self") >= operation.saved("min")).to(operation.inputs[0].dtype)
    ),
    "DivBackward0": _quotient,
    "DivBackward1": lambda operation: _times(torch.tensor(1.0 / operation.saved("other"), dtype=torch.float64)),
    "ExpBackward0": _by(_exp),
    "GeluBackward0": _by(_gelu),
    "LogBackward0": _by(_log),
    "MaskedFillBackward0": _by(_masked),
    "MeanBackward1": _mean,
    "MulBackward0": _product,
    "MulBackward1": _product_with_number,
    "NegBackward0": _terms(lambda operation: (-1,)),
    "PowBackward0": _by(_power),
    "ReluBackward0": _by(_relu),
    "RsqrtBackward0": _by(_rsqrt),
    "RsubBackward1": _terms(lambda operation: (-_scale(operation),)),
    "SafeSoftmaxBackward0": _softmax,
    "SigmoidBackward0": _by(_sigmoid),
    "SiluBackward0": _by(_silu),
    "SoftmaxBackward0": _softmax,
    "SubBackward0": _terms(lambda operation: (1, -_scale(operation))),
    "SubBackward1": _terms(lambda operation: (1,)),
    "SumBackward0": _sum_of_all,
    "SumBackward1": _sum,
    "TanhBackward0": _by(_tanh),
    "ToCopyBackward0": _cast,
}
"""By the name of autograd's node."""
