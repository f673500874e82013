"""Whole float32: gradients are never taken in TensorFloat-32, under autocast or in another shorter product."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast

import torch

from detxai_nb.module_use import AUTOCAST_KINDS, undone

_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")


def in_full_float32(device: torch.device, run: Callable[[], _Result]) -> _Result:
    """Compute products of float32 numbers in float32, on an NVIDIA GPU too.

    PyTorch lets convolutions there use TensorFloat-32, which keeps 10 of the 23 bits of a number's mantissa. Gradients
    suffer more than scores: an ODAM map differed from the CPU's by up to 1.5% of its maximum, and by 1e-5 without
    (tests/bench/measure_tf32.py). The settings belong to the whole process: other threads see them, and they are
    restored when the last thread has left, wherever an interrupt falls.

    Args:
        device: where the products are computed; nothing changes unless it is CUDA's.
        run: what is computed so.

    Returns:
        What ``run`` returned.
    """
    who, changes = object(), torch.device(device).type == "cuda"
    return undone(partial(_WHOLE.enter, who) if changes else _nothing, run, partial(_WHOLE.leave, who))


def exact_mode(run: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Decorate a function to run outside ``torch.inference_mode`` and autocast, whatever the caller has switched on.

    Gradients need the one and float32 the other. Afterwards both are as the caller has them, wherever an interrupt
    falls.

    Args:
        run: the function.

    Returns:
        The function to be called instead.
    """

    @wraps(run)
    def run_exactly(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        held: list[Any] = []

        def begin() -> None:
            # From when it is made until it is left, which it may be twice. ``torch.inference_mode`` itself, left by an
            # interrupt, would last as long as the interrupt's traceback.
            held.append(torch._C._InferenceMode(False))
            for kind in AUTOCAST_KINDS:
                if torch.is_autocast_enabled(kind):
                    # Switched on again by ``undone``.
                    torch.set_autocast_enabled(kind, False)

        def end() -> None:
            for inference in held:
                inference.__exit__(None, None, None)

        return undone(begin, partial(run, *args, **kwargs), end)

    return run_exactly


def _nothing() -> None:
    pass


@dataclass
class _Whole:
    """Who asks for whole float32, and the settings before the first did: where, name, value."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    inside: set[object] = field(default_factory=set)
    before: list[tuple[Any, str, Any]] = field(default_factory=list)

    def enter(self, who: object) -> None:
        """Forbid shorter products; what is changed for that is noted before the first of it is."""
        with self.lock:
            if self.inside:
                self.inside.add(who)
                return
            self.before, exact = _shorter_products()
            self.inside.add(who)
            for where, name, _ in self.before:
                setattr(where, name, exact)

    def leave(self, who: object) -> None:
        """Restore the settings if nobody else is inside; it may be repeated, or come before ``enter``."""
        with self.lock:
            if self.inside == {who}:
                for where, name, value in self.before:
                    setattr(where, name, value)
            self.inside.discard(who)


_WHOLE = _Whole()


def _shorter_products() -> tuple[list[tuple[Any, str, Any]], Any]:
    """What allows them, and the value that forbids it: a setting made anew counts as one that the caller made."""
    cudnn, matmul, exact = cast(Any, torch.backends.cudnn), torch.backends.cuda.matmul, cast(Any, False)
    try:
        found = [(where, "allow_tf32", where.allow_tf32) for where in (cudnn, matmul)]
    except RuntimeError:
        # The caller uses the names that PyTorch 2.9 brought, with which the old ones cannot be read any more.
        found = [(where, "fp32_precision", where.fp32_precision) for where in (cudnn.conv, matmul)]
        exact = "ieee"
    return [(where, name, value) for where, name, value in found if value != exact], exact
