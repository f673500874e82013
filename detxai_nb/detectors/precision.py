"""Half precision for what runs many forward passes, whole float32 for what differentiates."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from detxai_nb.capabilities import Capabilities
from detxai_nb.detectors.trace.wrapped import WrappedDetector
from detxai_nb.doubts import warn_of_doubts
from detxai_nb.image import ImageSource, as_images
from detxai_nb.module_use import exclusive, undone
from detxai_nb.types import Detections, OpenDetector

_Result = TypeVar("_Result")

PRECISIONS: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_HALF = (torch.bfloat16, torch.float16)


def at_precision(detector: OpenDetector, precision: str = "fp32") -> OpenDetector:
    """Return the detector with a network that runs in half precision when it only detects.

    ``detect`` then runs under autocast, which makes perturbation methods faster, with everything that turns outputs
    into scores and boxes in float32; ``trace``, and so every gradient, stays in float32.

    Args:
        detector: an open detector.
        precision: "fp32", "bf16" or "fp16".

    Returns:
        The detector itself for "fp32", else a ``HalfPrecision`` around it.

    Raises:
        ValueError: for another name, or if the detector's device cannot compute in it.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is one of {', '.join(PRECISIONS)}; got {precision!r}")
    if precision == "fp32":
        return detector
    require_precision(detector.device, precision)
    return HalfPrecision(detector, precision)


def require_precision(device: torch.device, precision: str) -> None:
    """Raise an error if a device cannot compute in a precision.

    Args:
        device: only its kind matters.
        precision: one of ``PRECISIONS``.

    Raises:
        ValueError: if autocast on that kind of device does not support it.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            with torch.autocast(device.type, PRECISIONS[precision]):
                able = torch.is_autocast_enabled(device.type)
        except RuntimeError:
            able = False
    if not able or said:
        raise ValueError(
            f"a device of the kind {device.type!r} does not compute in {precision} here; "
            f"take another of {', '.join(PRECISIONS)}"
        )


class HalfPrecision(WrappedDetector):
    """An open detector whose ``detect`` runs its network in half precision; all else is that of the detector.

    Args:
        detector: the one inside, whose settings are read and set there.
        precision: "bf16" or "fp16".
    """

    def __init__(self, detector: OpenDetector, precision: str) -> None:
        super().__init__(detector)
        self.precision = precision

    @property
    def identity(self) -> Any:
        """That of the detector with the precision; None if the detector has none."""
        inside = Capabilities(self.detector).identity
        return None if inside is None else {"detector": inside, "precision": self.precision}

    @exclusive("module")
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Return what the detector finds with its network in half precision.

        Args:
            images: what ``load_image`` takes.
            score_threshold: the lowest score to report, 0..1.

        Returns:
            One ``Detections`` for each image; every number is float32.
        """
        pixels = as_images(images)
        found = in_half_precision(self.device, self.precision, lambda: self.detector.detect(pixels, score_threshold))
        warn_of_doubts(self.detector, pixels)
        return [_to_float32(detections) for detections in found]


def in_half_precision(device: torch.device, precision: str, run: Callable[[], _Result]) -> _Result:
    """Compute convolutions and matrix products in half precision, the activations of outputs in float32.

    Args:
        device: the kind of device for autocast.
        precision: "bf16" or "fp16".
        run: what is computed so.

    Returns:
        What ``run`` returned.
    """
    kind, asked_for = device.type, _asked_for.get()
    enabled, dtype = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)

    def begin() -> None:
        _asked_for.set(True)
        torch.set_autocast_enabled(kind, True)
        torch.set_autocast_dtype(kind, PRECISIONS[precision])
        # Taken off the stack of modes by ``undone``.
        mode: Any = _OutputsInFloat32()
        mode.__enter__()

    def end() -> None:
        _asked_for.set(asked_for)
        torch.set_autocast_enabled(kind, enabled)
        torch.set_autocast_dtype(kind, dtype)
        torch.clear_autocast_cache()

    return undone(begin, run, end)


_asked_for: ContextVar[bool] = ContextVar("half_precision", default=False)


def half_precision_is_on() -> bool:
    """Return whether this runs inside ``in_half_precision``, and not just under an autocast of the caller's.

    Returns:
        True for the ``detect`` of a detector of half precision.
    """
    return _asked_for.get()


def require_full_precision(module: nn.Module) -> None:
    """Raise an error if some of a module's weights are in half precision, of different kinds, or without content.

    Args:
        module: the network.

    Raises:
        ValueError: naming the first such tensor, and what to do instead.
    """
    if _is_whole_float32(module):
        return
    weights = [(name, tensor) for name, tensor in module.named_parameters() if tensor.is_floating_point()]
    kinds = {(tensor.dtype, tensor.device): name for name, tensor in reversed(weights)}
    if any(device.type == "meta" for _, device in kinds):
        raise ValueError(
            f"the weights of this {type(module).__name__} have no content yet (device 'meta'); load them first, as "
            "with module.to_empty(device='cpu') and module.load_state_dict(...)"
        )
    if len(kinds) > 1 and not any(dtype in _HALF for dtype, _ in kinds):
        told = ", ".join(f"{name!r} {str(dtype).removeprefix('torch.')} on {on}" for (dtype, on), name in kinds.items())
        raise ValueError(
            f"the weights of this {type(module).__name__} are not all of one kind: {told}; make them so with "
            "module.float() and module.to(device)"
        )
    halves = [
        (name, tensor.dtype)
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
        if tensor.is_floating_point() and tensor.dtype.itemsize < torch.float32.itemsize
    ]
    if halves:
        name, kind = halves[0]
        others = f" and {len(halves) - 1} more" if len(halves) > 1 else ""
        raise ValueError(
            f"the weights of this {type(module).__name__} are {str(kind).removeprefix('torch.')} ({name!r}{others}); "
            "scores, boxes and gradients are computed in float32: call module.float() first. For a faster detect open "
            "the detector with precision='bf16' or 'fp16', which keeps float32 weights"
        )


def _is_whole_float32(module: nn.Module) -> bool:
    """Whether all weights are float32 on one device: most are, and this runs before every pass.

    Names take longer to find than tensors; a part that is there twice is looked at twice.
    """
    waiting, devices = [module], set()
    while waiting:
        part = waiting.pop()
        waiting += [child for child in part._modules.values() if child is not None]
        for tensor in (*part._parameters.values(), *part._buffers.values()):
            if tensor is not None and tensor.is_floating_point():
                if tensor.dtype is not torch.float32:
                    return False
                devices.add(tensor.device)
    return len(devices) <= 1 and torch.device("meta") not in devices


def require_differentiable(module: nn.Module) -> None:
    """Raise an error if some part of a module computes with whole numbers, through which no gradient goes.

    Args:
        module: the network.

    Raises:
        ValueError: naming the first such part, and what to do instead.
    """
    for name, part in module.named_modules():
        own = (*part.parameters(recurse=False), *part.buffers(recurse=False))
        where = type(part).__module__
        if where.startswith(_QUANTIZED) or any(tensor.is_quantized for tensor in own):
            raise ValueError(
                f"{name or 'the whole'} of this {type(module).__name__} is quantized ({type(part).__name__}), "
                "and no gradient goes through it: explain the network from which it was made, or take a perturbation "
                "method such as 'd-rise'"
            )


_QUANTIZED = (
    "torch.ao.nn.quantized",
    "torch.ao.nn.intrinsic.quantized",
    "torch.ao.nn.sparse.quantized",
    "bitsandbytes.",
)
"""Packages of layers with weights in whole numbers."""


class _OutputsInFloat32(TorchFunctionMode):
    """Sigmoid, softmax and exp of half-precision numbers are computed and returned in float32.

    Networks end in them: scores made of them in bfloat16 would have steps of 0.004 near 1. Autocast itself does so for
    some of them on some devices only.
    """

    _FUNCTIONS = frozenset(
        {
            *(torch.sigmoid, torch.Tensor.sigmoid, torch.special.expit, torch.exp, torch.Tensor.exp),
            *(torch.softmax, torch.Tensor.softmax, torch.nn.functional.softmax),
        }
    )

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in self._FUNCTIONS and args and isinstance(args[0], Tensor) and args[0].dtype in _HALF:
            args = (args[0].float(), *args[1:])
        return func(*args, **(kwargs or {}))


def _to_float32(detections: Detections) -> Detections:
    changed: dict[str, Any] = {
        part.name: value.float()
        for part in fields(detections)
        if isinstance(value := getattr(detections, part.name), Tensor) and value.dtype in _HALF
    }
    return replace(detections, **changed)
