"""The full gradient of a classifier's logit: its input's part and the part of every bias, which add up to the logit.

A network of ReLUs is linear around a picture x: ``f(x) = x . df/dx + sum over its biases of b . df/db``. A bias acts on
its layer's output as that output itself does, so its part is the bias times the gradient there, at each location. Batch
normalisation in evaluation mode has the bias ``beta - mean * gamma / sigma``; an activation that is no straight line
through 0 on each side, such as ReLU6 or SiLU, has the implicit bias ``f(z) - z f'(z)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d, StochasticDepth

from detxai_nb.module_use import alone, with_hooks
from detxai_nb.types import Detections, Target

WITH_BIAS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, FrozenBatchNorm2d)
HOMOGENEOUS = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.PReLU,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Dropout,
    nn.Dropout2d,
    nn.Identity,
    nn.Flatten,
    nn.ZeroPad2d,
    nn.Upsample,
    StochasticDepth,
)
"""Layers that scale with their input in evaluation mode, and so have no bias."""
CURVED = (nn.ReLU6, nn.Hardtanh, nn.SiLU, nn.GELU, nn.Hardswish, nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.ELU, nn.Mish)
"""Activations of single values that have an implicit bias."""
ALIKE = 1e-3
"""How far the parts may be from the logit, as a share of the sum of their sizes: float32's rounding and no more."""


@dataclass(frozen=True, eq=False)
class FullGradient:
    """The parts of one logit.

    Attributes:
        input: ``[3,h,w]``, the input times its gradient.
        biases: the part of each layer's bias by the layer's name, in the order in which they ran, of the shape of the
            layer's output: ``[C,h,w]``, or ``[F]`` without places.
        logit: which the parts add up to.
    """

    input: Tensor
    biases: tuple[tuple[str, Tensor], ...]
    logit: float

    @property
    def error(self) -> float:
        """The size of what the sum of all parts is off from the logit."""
        return abs(sum(float(part.double().sum()) for part in self.parts) - self.logit)

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """The input's part, then those of the biases."""
        return (self.input, *(part for _, part in self.biases))


@torch.inference_mode(False)
@torch.enable_grad()
def full_gradients(trace: Any, inputs: Tensor, detections: Detections, target: Target) -> Iterator[FullGradient]:
    """Compute the full gradient of each detection's logit at one input of the network, from one run.

    Args:
        trace: an open trace of a classifier.
        inputs: ``[1,3,h,w]``, the network's input.
        detections: N detections of the traced image.
        target: the class, if it is not each detection's own, and the one that it is explained against; always the
            logit, or the difference of two, is explained.

    Returns:
        An iterator over the N full gradients.

    Raises:
        ValueError: for a layer whose bias is not known, named, or if the parts do not add up to the logit because the
            network computes something else between its layers.
    """
    inputs = inputs.detach().clone().requires_grad_()
    seen: list[tuple[str, Tensor, Tensor]] = []
    logit = replace(target, score="logit")
    values = _with_biases(trace.module, seen, lambda: trace.scalars_of_inputs(inputs, detections, logit)[0])
    outputs = [output for _, output, _ in seen]

    def each() -> Iterator[FullGradient]:
        for value in values:
            first, *others = torch.autograd.grad(value, [inputs, *outputs], retain_graph=True, allow_unused=True)
            biases = tuple(
                (name, (gradient * bias)[0].detach())
                for (name, _, bias), gradient in zip(seen, others)
                if gradient is not None
            )
            nothing = torch.zeros_like(inputs[0])
            found = FullGradient(
                nothing if first is None else (first * inputs)[0].detach(), biases, float(value.detach())
            )
            _check(trace.module, found)
            yield found

    return each()


def _check(module: nn.Module, found: FullGradient) -> None:
    sizes = sum(float(part.abs().double().sum()) for part in found.parts)
    if found.error > ALIKE * max(sizes, abs(found.logit)):
        raise ValueError(
            f"the parts of the full gradient are {found.error:.3g} off from the logit {found.logit:.3g}: what "
            f"{type(module).__name__}'s forward computes between its layers is not linear in them (a product of "
            "features, a function with a bias); take a method that explains a layer"
        )


def _with_biases(module: nn.Module, seen: list[tuple[str, Tensor, Tensor]], run: Callable[[], Tensor]) -> Tensor:
    """Run a network and note each layer's output, with its graph, and the bias that acts on it."""
    curved: dict[nn.Module, Tensor] = {}

    def before(part: nn.Module, arguments: tuple[Any, ...]) -> None:
        # Before it runs: it may work in place.
        curved[part] = _implicit_bias(part, arguments[0])

    def after(name: str, part: nn.Module, arguments: tuple[Any, ...], output: Any) -> Any:
        if arguments and output is arguments[0] and part not in curved:
            # It handed on what it got.
            return None
        bias = curved.pop(part) if part in curved else _bias(name, part, output)
        if bias is None:
            return None
        seen.append((name, output, bias))
        # What follows may work in place.
        return output.clone()

    named = list(module.named_modules())
    leaves = [(name, part) for name, part in named if isinstance(part, (*WITH_BIAS, *NORMS)) or not _children(part)]
    hooks = [(part, partial(after, name)) for name, part in leaves]
    first = [(part, before) for _, part in leaves if isinstance(part, CURVED)]
    return alone(module, lambda: with_hooks(first, lambda: with_hooks(hooks, run), before=True))


def _children(part: nn.Module) -> list[nn.Module]:
    return list(part.children())


def _implicit_bias(part: nn.Module, given: Tensor) -> Tensor:
    leaf = given.detach().clone().requires_grad_()
    # Not the module itself, whose hooks would be called; a copy, since it may work in place.
    value: Tensor = type(part).forward(part, leaf.clone())
    (slope,) = torch.autograd.grad(value.sum(), leaf)
    return (value - slope * leaf).detach()


def _bias(name: str, part: nn.Module, output: Any) -> Tensor | None:
    """The bias that acts on a layer's output, of a shape that can be multiplied with it; None if it has none."""
    if isinstance(part, HOMOGENEOUS):
        return None
    if isinstance(part, NORMS):
        own = _norm_bias(name, part)
    elif isinstance(part, WITH_BIAS):
        if part.bias is None:
            return None
        own = part.bias
    else:
        known = ", ".join(kind.__name__ for kind in (*WITH_BIAS, *NORMS, *HOMOGENEOUS, *CURVED))
        raise ValueError(
            f"the full gradient has no rule for the layer {name!r}, a {type(part).__name__}: its bias is not known, "
            "and without it the parts do not add up to the logit; take a method that explains a layer. It knows "
            f"{known}"
        )
    across = output.ndim - 2 if not isinstance(part, nn.Linear) else 0
    return own.detach().reshape(-1, *[1] * across)


def _norm_bias(name: str, norm: Any) -> Tensor:
    """``beta - mean * gamma / sigma``."""
    if norm.running_mean is None:
        raise ValueError(
            f"the layer {name!r} normalises by the statistics of its batch, not by constants, so it has no bias; the "
            "full gradient needs batch normalisation with running statistics"
        )
    slope = torch.rsqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        slope = slope * norm.weight
    shift: Tensor = -norm.running_mean * slope
    return shift if norm.bias is None else shift + norm.bias
