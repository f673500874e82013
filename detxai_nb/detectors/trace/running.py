"""How a detector runs its network: alone, in evaluation mode, in the mode of PyTorch that the call needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, TypeVar

import torch
from torch import nn

from detxai_nb.capabilities import Capabilities
from detxai_nb.detectors.precision import half_precision_is_on, require_differentiable, require_full_precision
from detxai_nb.detectors.weights import differentiable
from detxai_nb.float32 import exact_mode
from detxai_nb.image import ImageSource
from detxai_nb.module_use import ALONE, ModuleUse, alone
from detxai_nb.types import Detections

_Item = TypeVar("_Item")
_Opened = TypeVar("_Opened")


def detecting(detect: Callable[[Any, Any, float], list[Detections]]) -> Callable[..., list[Detections]]:
    """Decorate an adapter's ``detect``: it gets a checked threshold and runs without gradients, in float32.

    Neither the caller's ``torch.inference_mode`` nor its autocast reaches it (half precision is a setting of the
    detector), and the module, if there is one, has to hold whole float32 weights and runs ``alone``, in evaluation
    mode.

    Args:
        detect: ``detect(self, images, score_threshold)``.

    Returns:
        The method.
    """

    def run_without_gradients(self: Any, images: Sequence[ImageSource], threshold: float) -> list[Detections]:
        with torch.no_grad():
            return detect(self, images, threshold)

    def run(self: Any, images: Sequence[ImageSource], threshold: float) -> list[Detections]:
        if half_precision_is_on():
            with torch.inference_mode(False):
                return run_without_gradients(self, images, threshold)
        return exact_mode(run_without_gradients)(self, images, threshold)

    @wraps(detect)
    def run_alone(self: Any, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        threshold = as_score_threshold(score_threshold)
        module = Capabilities(self).module
        if module is not None:
            require_full_precision(module)
        return alone(module, partial(run, self, images, threshold))

    setattr(run_alone, ALONE, True)
    return run_alone


def tracing(trace: Callable[[Any, Any, str | None], _Opened]) -> Callable[..., _Opened]:
    """Decorate an adapter's ``trace``: it runs in whole float32 on a module that can be differentiated.

    Neither the caller's ``torch.inference_mode`` nor its autocast reaches it, and no other thread the module, which is
    in evaluation mode. A module with tensors that were made in
    inference mode is replaced by a copy outside it: the detector's ``module`` is then the copy.

    Args:
        trace: ``trace(self, image, layer)``.

    Returns:
        The method.
    """

    def copy_if_needed(self: Any) -> None:
        with torch.inference_mode(False):
            usable = differentiable(self.module)
        if usable is not self.module:
            self.module = usable

    @wraps(trace)
    def run_alone(self: Any, image: ImageSource, layer: str | None = None) -> _Opened:
        require_layer_name(layer)
        require_full_precision(self.module)
        require_differentiable(self.module)
        alone(self.module, partial(copy_if_needed, self), evaluate=False)
        return alone(self.module, partial(exact_mode(trace), self, image, layer))

    setattr(run_alone, ALONE, True)
    return run_alone


def require_layer_name(layer: Any) -> None:
    """Raise an error if a layer is named by anything but a text.

    Args:
        layer: a name, or None for the default.

    Raises:
        TypeError: if it is neither.
    """
    if layer is not None and not isinstance(layer, str):
        raise TypeError(f"layer is the name of a layer, or None for the default, got {layer!r}; see detector.layers")


def as_score_threshold(value: Any) -> float:
    """Return a score threshold as a number in 0..1.

    Args:
        value: a number.

    Returns:
        The same as a float.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is not in 0..1, such as a percentage.
    """
    try:
        found = float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"score_threshold is a number from 0 to 1, got {value!r}") from error
    if not 0 <= found <= 1 or math.isnan(found):
        hint = f"; for {found:g} percent write {found / 100:g}" if 1 < found <= 100 else ""
        raise ValueError(f"score_threshold is a number from 0 to 1, got {value!r}{hint}")
    return found


class _End:
    """Stands after the last step."""


_END = _End()


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Have a module alone and in evaluation mode inside; afterwards every submodule's training flag is as it was.

    ``detect`` and ``trace`` of an ``Adapter`` do so by themselves; this is for detectors that are none.

    Args:
        module: any module.
    """
    use = ModuleUse(module)
    try:
        use.begin()
        yield
    finally:
        use.end()


def outside_inference_mode(steps: Iterator[_Item], module: Any = None) -> Iterator[_Item]:
    """Iterate with ``torch.inference_mode`` and autocast off in each step, and as the caller has them in between.

    Args:
        steps: an iterator, such as a generator of gradients.
        module: a module that the steps run: each step has it ``alone``, and between steps anyone may. None if they
            only follow a graph that is there.

    Yields:
        What ``steps`` yields.
    """
    while True:
        step = alone(module, partial(_step_outside, steps))
        if isinstance(step, _End):
            return
        yield step
        del step


@exact_mode
def _step_outside(steps: Iterator[_Item]) -> _Item | _End:
    return next(steps, _END)
