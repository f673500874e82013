"""Checks of gradients: against one graph and one ``torch.autograd.grad`` for each detection."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.explaining.explain import compare
from detxai_nb.image import ImageSource
from detxai_nb.methods import METHODS, Context
from detxai_nb.testing.models import Scalar
from detxai_nb.testing.reference import slow_gradients
from detxai_nb.testing.requirements import close, refused, require
from detxai_nb.types import SCORES, Detections, Level, Target

TARGETS = (
    Target(),
    Target(score="logit"),
    Target("x1"),
    Target("y1"),
    Target("x2"),
    Target("y2"),
    Target(label=2, against=1),
    Target(score="log-prob", label=2, against=1),
)
"""Targets for which gradients are compared."""
UNCERTAIN = ("grad-cam++", "ss-grad-cam", "ss-grad-cam++", "g-came", "xgrad-cam")
"""Methods that can magnify the rounding of a gradient, or that of a sum of activations near zero."""


def dense_gradients(trace: Any, detections: Detections, target: Target) -> list[tuple[int, Tensor]]:
    """Return each detection's level and its gradient there.

    Args:
        trace: of the image.
        detections: of the image.
        target: which scalar.

    Returns:
        (level, gradient ``[C,h,w]``) for each detection.
    """
    found: dict[int, tuple[int, Tensor]] = {}
    for level, rows, gradients in trace.gradients(detections, target):
        found.update(zip(rows.tolist(), ((level, gradient) for gradient in gradients)))
    missing = [row for row in range(len(detections)) if row not in found]
    require(not missing, f"trace.gradients gives one gradient for each detection; none came for rows {missing}")
    return [found[row] for row in range(len(detections))]


def check_gradients(detector: Any, trace: Any, detections: Detections, scalar: Scalar, target: Target) -> None:
    """Check scalars and gradients against one graph and one ``torch.autograd.grad`` for each detection.

    In float64 they agree to 1e-9 of each gradient's norm, in float32 to 1e-3.

    Args:
        detector: handed on to ``scalar``.
        trace: of the image.
        detections: a few.
        scalar: the explained scalar, the slow obvious way.
        target: which scalar.

    Raises:
        ContractError: if a scalar or a gradient differs, or a gradient vanishes.
    """
    fast, scalars = dense_gradients(trace, detections, target), trace.scalars(detections, target)
    for row, (value, slow) in enumerate(slow_gradients(scalar, detector, trace, detections, target)):
        level, gradient = fast[row]
        _same_scalar(scalars[row], value, row, target)
        require(bool(slow[level].norm() > 0), f"the gradient of detection {row} on level {level} is zero everywhere")
        _same_gradient(gradient, slow[level], f"detection {row} on level {level} for {target}")


def check_contrasts(trace: Any, detections: Detections) -> None:
    """Check that a class explained against another one has the difference of the two classes' scalars and gradients.

    Args:
        trace: of the image.
        detections: a few, of a detector of at least two classes.

    Raises:
        ContractError: if a scalar or a gradient differs.
    """
    for score in SCORES:
        contrast = Target(score=score, label=1, against=detections.names[0])
        one, other = Target(score=score, label=1), Target(score=score, label=0)
        parts = [trace.scalars(detections, target).double() for target in (contrast, one, other)]
        fast = [dense_gradients(trace, detections, target) for target in (contrast, one, other)]
        for row, ((level, found), (_, mine), (_, theirs)) in enumerate(zip(*fast)):
            value, sizes = parts[1][row] - parts[2][row], float(parts[1][row].abs() + parts[2][row].abs())
            kept = close(float(parts[0][row]), float(value), _precision(found) * (sizes + 1))
            require(kept, f"the scalar of {contrast} of detection {row} is {value:.9g}; trace says {parts[0][row]:.9g}")
            off, norm = float((found - (mine - theirs)).norm()), float(mine.norm() + theirs.norm())
            what = f"the gradient of {contrast} of detection {row} on level {level} is the difference of the classes'"
            require(off <= _precision(found) * norm, f"{what}; it is off by {off:.3g} of {norm:.3g}")


def check_no_sides(trace: Any, detections: Detections, target: Target) -> None:
    """Check that a detector without boxes of its own refuses a side in words.

    Args:
        trace: of the image.
        detections: a few.
        target: a side.

    Raises:
        ContractError: if it does not.
    """
    with refused("box"):
        trace.scalars(detections, target)


def check_maps_in_float32(
    detector: Any, image: ImageSource, detections: Detections, scalar: Scalar, reference: Any, tolerance: float = 1e-4
) -> None:
    """Check the float32 maps of ``explain`` against a float64 loop on the same features, for every gradient method.

    Grad-CAM++'s weight has a pole where sum(A) * G = -2, SSGrad-CAM++'s one like it, and SSGrad-CAM takes the mean of a
    gradient whose values may cancel; so does G-CAME, whose masks are as wide as that mean's logarithm. There a map is
    as uncertain as G's own last digits make it: what it moves when the exact gradient changes by a hundred-thousandth,
    and when it is the float32 one.

    Args:
        detector: in float32.
        image: what ``load_image`` takes.
        detections: a few.
        scalar: the explained scalar, the slow obvious way.
        reference: the same detector in float64, handed on to ``scalar``.
        tolerance: how far a map may be off, as a share of its maximum.

    Raises:
        ContractError: naming the method whose map is off.
    """
    opened = detector.trace(image)
    levels = [Level(x.name, x.features.double(), x.stride) for x in opened.levels]
    trace = SimpleNamespace(levels=levels, layer=opened.layer, placement=opened.placement)
    methods = [name for name, method in METHODS.items() if method.kind == "gradient"]
    maps = compare(detector, image, detections, methods=methods, layer=opened.layer)
    found = dense_gradients(opened, detections, Target())
    for row, (_, slow) in enumerate(slow_gradients(scalar, reference, trace, detections, Target())):
        level, single = found[row]
        activation, gradient = levels[level].features, slow[level]
        off = float((single - gradient).norm() / gradient.norm())
        require(off <= 1e-4, f"the float32 gradient of detection {row} is off by {off:.3g} of its norm")
        size = (activation.shape[1], activation.shape[2])
        context = Context(size, torch.zeros(1, 4), opened.placement.input_size, getattr(opened, "two_stage", False))
        others = [gradient * (1 - 1e-5), gradient * (1 + 1e-5), single.double()]
        for name in methods:
            function = METHODS[name].function
            expected = function(activation, gradient[None], context)[0]
            rounded = function(activation.float(), gradient[None].float(), context)[0]
            near = [rounded, *(function(activation, g[None], context)[0] for g in others)]
            moved = sum(float((one - expected).abs().max()) for one in near)
            uncertain = moved if name in UNCERTAIN else 0.0
            off = float((maps[name].grids[row] - expected).abs().max())
            allowed = tolerance * float(expected.abs().max()) + uncertain
            require(off <= allowed, f"the map of {name} of detection {row} is off by {off:.3g}, allowed {allowed:.3g}")


def check_layer_gradients(
    detector: Any, image: ImageSource, detections: Detections, layer: str, scalar: Scalar
) -> None:
    """Check a layer against the whole backward pass to it, for the class score and for a side.

    Args:
        detector: the detector.
        image: what ``load_image`` takes.
        detections: a few.
        layer: one of the detector's.
        scalar: the explained scalar from the layer that the trace names, the slow obvious way.

    Raises:
        ContractError: if a scalar or a gradient differs.
    """
    trace = detector.trace(image, layer)
    require(trace.layer == layer, f"trace(image, {layer!r}) explains it; got {trace.layer!r}")
    for target in [Target(), Target("x2")] if "x2" in Capabilities(detector).targets else [Target()]:
        fast, scalars = dense_gradients(trace, detections, target), trace.scalars(detections, target)
        for row, (value, slow) in enumerate(slow_gradients(scalar, detector, trace, detections, target)):
            level, gradient = fast[row]
            _same_scalar(scalars[row], value, row, target)
            _same_gradient(gradient, slow[level], f"detection {row} at layer {layer!r} for {target}")


def _same_scalar(found: Tensor, expected: Tensor, row: int, target: Target) -> None:
    allowed = _precision(expected)
    kept = close(found.item(), expected.item(), allowed)
    require(kept, f"the scalar of detection {row} for {target} is {expected.item():.9g}; trace says {found.item():.9g}")


def _same_gradient(found: Tensor, slow: Tensor, what: str) -> None:
    require(found.shape == slow.shape, f"the gradient of {what} has shape {list(slow.shape)}; got {list(found.shape)}")
    off, norm = float((found - slow).norm()), float(slow.norm())
    require(off <= _precision(slow) * norm, f"the gradient of {what} is off by {off:.3g} of a norm of {norm:.3g}")


def _precision(tensor: Tensor) -> float:
    """How exact gradients are, as a share of their norm: float64 shows a wrong formula, float32 only a gross one."""
    return 1e-9 if tensor.dtype == torch.float64 else 1e-3
