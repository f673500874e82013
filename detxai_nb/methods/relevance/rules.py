"""How the relevance of a function's output is divided among its inputs.

With contributions ``z_ij = x_i w_ij`` of input i to output j, three rules for convolutions and linear layers:

- epsilon: ``R_i = sum_j z_ij / (z_j + epsilon sign(z_j)) R_j`` with the output ``z_j``, its bias included, which so
  takes its share;
- alpha-beta: ``R_i = sum_j (alpha z_ij+ / sum_i z_ij+ - beta z_ij- / sum_i z_ij-) R_j`` with ``alpha - beta = 1`` and
  without biases; an output whose contributions are of one sign only gives them all of its relevance;
- z+: the same with alpha 1 and beta 0; the relevance of an output that nothing supports, which has it by its bias, is
  lost.

Batch normalisation is folded into the convolution or linear layer before it. Activations hand relevance on. A sum
divides it by its summands, average pooling by the averaged values: by all of them with the epsilon rule, else by those
of the result's sign only, so that no share is larger than the whole. Max pooling gives it to the largest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.methods.relevance.tape import FunctionCall

RULES = ("z+", "epsilon", "alpha-beta")
Linear = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Division:
    """By what relevance is divided.

    Attributes:
        rule: one of ``RULES``.
        epsilon: of the epsilon rule, at least 0.
        alpha: of the alpha-beta rule, at least 1; beta is alpha minus 1.

    Raises:
        ValueError: for a value out of range.
    """

    rule: str = "z+"
    epsilon: float = 1e-9
    alpha: float = 2.0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"the rule of relevance is one of {', '.join(RULES)}; got {self.rule!r}")
        if not 0 <= self.epsilon < float("inf"):
            raise ValueError(f"epsilon of the relevance is at least 0; got {self.epsilon!r}")
        if not 1 <= self.alpha < float("inf"):
            raise ValueError(f"alpha of the relevance is at least 1 (beta is alpha - 1); got {self.alpha!r}")

    @property
    def shares(self) -> tuple[float, float]:
        """(alpha, beta): what goes to supporting contributions, and what is taken from opposing ones."""
        return (1.0, 0.0) if self.rule == "z+" else (self.alpha, self.alpha - 1)


@dataclass(frozen=True, eq=False)
class Scaling:
    """A batch normalisation as a linear function of each channel.

    Attributes:
        factor, term: ``[C]``.
    """

    factor: Tensor
    term: Tensor

    @classmethod
    def of(cls, step: FunctionCall) -> Scaling:
        """Read it off a call of ``batch_norm``.

        Args:
            step: the call.

        Returns:
            ``gamma / sigma`` and ``beta - mean * gamma / sigma``.

        Raises:
            ValueError: if it normalises by the statistics of its batch.
        """
        names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
        given = {**dict(zip(names, step.arguments)), **step.named}
        mean, variance = given.get("running_mean"), given.get("running_var")
        if given.get("training") or mean is None or variance is None:
            raise ValueError(
                f"{step.place} normalises by the statistics of its batch, which no rule of relevance divides; it needs "
                "batch normalisation with running statistics"
            )
        factor = torch.rsqrt(variance + given.get("eps", 1e-5))
        if given.get("weight") is not None:
            factor = factor * given["weight"]
        term = -mean * factor
        return cls(factor, term if given.get("bias") is None else term + given["bias"])


def weighted(step: FunctionCall, relevance: Tensor, division: Division, scaling: Scaling | None) -> tuple[Tensor, ...]:
    """Divide the relevance of a convolution or linear layer, with the batch normalisation after it folded in.

    Args:
        step: the call.
        relevance: ``[n,...]`` of its output.
        division: by what.
        scaling: the batch normalisation, or None.

    Returns:
        The relevance of its one input, ``[n,...]``.
    """
    x = step.values[0]
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    given = {**dict(zip(names, step.arguments)), **step.named}
    weight, bias = given.pop("weight"), given.pop("bias", None)
    given.pop("input")
    if scaling is not None:
        weight = weight * scaling.factor.reshape(-1, *[1] * (weight.ndim - 1))
        bias = scaling.term if bias is None else scaling.term + bias * scaling.factor

    def by(own: Tensor) -> Linear:
        return lambda value: step.function(value, own, None, **given)

    if division.rule == "epsilon":
        whole = step.function(x, weight, bias, **given)
        share = relevance / _away_from_zero(whole, division.epsilon)
        return (x * _pull(by(weight), x, share),)
    positive, negative = weight.clamp(min=0), weight.clamp(max=0)
    above, below = x.clamp(min=0), x.clamp(max=0)
    supporting, opposing = by(positive)(above) + by(negative)(below), by(negative)(above) + by(positive)(below)
    alpha, beta = division.shares
    given_up = relevance * torch.where(opposing != 0, alpha, 1.0).to(relevance) if beta else relevance
    share = _divided(given_up, supporting)
    found = above * _pull(by(positive), x, share) + below * _pull(by(negative), x, share)
    if beta:
        # What has contributions of one sign only gives them all of it: nothing is lost.
        share = _divided(relevance * torch.where(supporting != 0, beta, -1.0).to(relevance), opposing)
        found = found - above * _pull(by(negative), x, share) - below * _pull(by(positive), x, share)
    return (found,)


def pooled(through: Linear, step: FunctionCall, relevance: Tensor, division: Division) -> tuple[Tensor, ...]:
    """Divide relevance by the values of which a function takes sums with weights of at least 0.

    Args:
        through: the function of its one input.
        step: the call.
        relevance: ``[n,...]`` of its output.
        division: by what.

    Returns:
        The relevance of its input.
    """
    x = step.values[0]
    whole = through(x)
    if division.rule == "epsilon":
        return (x * _pull(through, x, relevance / _away_from_zero(whole, division.epsilon)),)
    above, below = x.clamp(min=0), x.clamp(max=0)
    up = _divided(relevance * (whole > 0), through(above))
    down = _divided(relevance * (whole < 0), through(below))
    return (above * _pull(through, x, up) + below * _pull(through, x, down),)


def _average(step: FunctionCall, relevance: Tensor, division: Division) -> tuple[Tensor, ...]:
    return pooled(_of_first(step), step, relevance, division)


def _largest(step: FunctionCall, relevance: Tensor, division: Division) -> tuple[Tensor, ...]:
    """Max pooling: all of it to the largest value of each window."""
    through, x = _of_first(step), step.values[0]
    with torch.enable_grad():
        leaf = x.expand(len(relevance), *x.shape[1:]).clone().requires_grad_()
        (found,) = torch.autograd.grad(through(leaf), leaf, relevance)
    return (found,)


def _moved(step: FunctionCall, relevance: Tensor, division: Division) -> tuple[Tensor, ...]:
    """A function that only moves values: each takes its relevance along."""
    x = step.values[0]
    if step.name.endswith(("view", "reshape")):
        return (relevance.reshape(len(relevance), *x.shape[1:]),)
    return (_pull(_of_first(step), x, relevance),)


def _handed_on(step: FunctionCall, relevance: Tensor, division: Division) -> tuple[Tensor, ...]:
    return (relevance,)


def _summed(step: FunctionCall, relevance: Tensor, division: Division) -> tuple[Tensor, ...]:
    """A sum of two values: divided by the summands; a constant summand takes nothing."""
    if len(step.inputs) == 1:
        return (_fitted(relevance, step.values[0]),)
    first, second = step.values
    second = second * step.named.get("alpha", 1)
    whole = first + second
    if division.rule == "epsilon":
        share = relevance / _away_from_zero(whole, division.epsilon)
        return _fitted(first * share, first), _fitted(second * share, second)
    sign = whole.sign()
    parts = [(value * sign).clamp(min=0) for value in (first, second)]
    share = _divided(relevance, parts[0] + parts[1])
    return _fitted(parts[0] * share, first), _fitted(parts[1] * share, second)


def _joined(step: FunctionCall, relevance: Tensor, division: Division) -> tuple[Tensor, ...]:
    """Values put side by side: each takes its part."""
    dim = step.named.get("dim", step.arguments[1] if len(step.arguments) > 1 else 0)
    if dim in (0, -relevance.ndim):
        raise ValueError(f"{step.place} puts images together, which no rule of relevance divides")
    return tuple(torch.split(relevance, [value.shape[dim] for value in step.values], dim))


Rule = Callable[[FunctionCall, Tensor, Division], tuple[Tensor, ...]]
WEIGHTED: tuple[Any, ...] = (torch.conv1d, torch.conv2d, torch.conv3d, F.linear)
NORMS: tuple[Any, ...] = (F.batch_norm, torch.batch_norm)
_T = Tensor
OTHERS: Mapping[Any, Rule] = {
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_, _T.relu, _T.relu_, F.relu6, F.hardtanh), _handed_on),
    **dict.fromkeys((F.leaky_relu, torch.prelu, F.dropout, F.dropout2d, torch.dropout, _T.contiguous), _handed_on),
    **dict.fromkeys((_T.clone, torch.clone, _T.float, _T.double), _handed_on),
    **dict.fromkeys((torch.flatten, _T.flatten, _T.view, _T.reshape, torch.reshape), _moved),
    **dict.fromkeys((torch.squeeze, _T.squeeze, torch.unsqueeze, _T.unsqueeze, F.pad), _moved),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d, F.adaptive_max_pool2d), _largest),
    **dict.fromkeys((F.avg_pool2d, F.adaptive_avg_pool2d, torch.mean, _T.mean), _average),
    **dict.fromkeys((torch.add, _T.add, _T.add_, _T.__add__, _T.__iadd__, _T.__radd__), _summed),
    **dict.fromkeys((torch.cat, torch.concat), _joined),
}
"""The rule of each function besides convolutions, linear layers and batch normalisation."""


def _of_first(step: FunctionCall) -> Linear:
    """The function of its first argument, out of place."""
    named = {key: (False if key == "inplace" else value) for key, value in step.named.items()}
    if step.arguments:
        return lambda value: step.function(value, *step.arguments[1:], **named)
    named.pop("input")
    return lambda value: step.function(value, **named)


def _pull(through: Linear, x: Tensor, share: Tensor) -> Tensor:
    """The transpose of a linear map of values like ``x`` ``[1,...]``, on ``share`` ``[n,...]``."""
    with torch.enable_grad():
        leaf = torch.zeros((len(share), *x.shape[1:]), dtype=share.dtype, device=share.device, requires_grad=True)
        (found,) = torch.autograd.grad(through(leaf), leaf, share)
    return found


def _divided(relevance: Tensor, whole: Tensor) -> Tensor:
    """The quotient; 0 where nothing contributes."""
    return torch.where(whole != 0, relevance / torch.where(whole != 0, whole, 1), 0)


def _away_from_zero(whole: Tensor, epsilon: float) -> Tensor:
    moved = whole + epsilon * torch.where(whole < 0, -1.0, 1.0).to(whole)
    return torch.where(moved == 0, torch.inf, moved)


def _fitted(relevance: Tensor, value: Tensor) -> Tensor:
    """Relevance of a value that was repeated along some axes for the sum: added up along them."""
    shape = (len(relevance), *value.shape[1:])
    if relevance.shape == shape:
        return relevance
    return relevance.sum_to_size(shape)
