"""Whole float32: gradients are never taken in TensorFloat-32, under autocast or in another shorter product."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch


@contextmanager
def full_float32(device: torch.device) -> Iterator[None]:
    """Compute products of float32 numbers in float32 inside the block, on an NVIDIA GPU too.

    PyTorch lets convolutions there use TensorFloat-32, which keeps 10 of the 23 bits of a number's mantissa. Gradients
    suffer more than scores: an ODAM map differed from the CPU's by up to 1.5% of its maximum, and by 1e-5 without
    (tests/bench/measure_tf32.py). The settings belong to the whole process: other threads see them, and they are
    restored when the last thread has left.

    Args:
        device: where the products are computed; nothing changes unless it is CUDA's.

    Yields:
        Nothing; afterwards the settings are as before.
    """
    if torch.device(device).type != "cuda":
        yield
        return
    with _WHOLE.lock:
        if not _WHOLE.inside:
            _WHOLE.before = _forbid_shorter_products()
        _WHOLE.inside += 1
    try:
        yield
    finally:
        with _WHOLE.lock:
            _WHOLE.inside -= 1
            if not _WHOLE.inside:
                for where, name, value in _WHOLE.before:
                    setattr(where, name, value)


@contextmanager
def exact_mode() -> Iterator[None]:
    """Leave ``torch.inference_mode`` and switch autocast off inside the block, whatever the caller has switched on.

    Gradients need the one and float32 the other. It also decorates a function.

    Yields:
        Nothing; afterwards both are as the caller has them.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(without_autocast())
        yield


@contextmanager
def without_autocast() -> Iterator[None]:
    """Switch autocast off inside the block on every kind of device on which the caller has switched it on.

    Yields:
        Nothing; afterwards it is as the caller has it.
    """
    with ExitStack() as stack:
        for kind in AUTOCAST_KINDS:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


AUTOCAST_KINDS = tuple(kind for kind in ("cpu", "cuda", "mps", "xpu") if torch.amp.is_autocast_available(kind))
"""The kinds of device that have an autocast here."""


@dataclass
class _Whole:
    """How many blocks ask for whole float32, and the settings before the first did: where, name, value."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    inside: int = 0
    before: list[tuple[Any, str, Any]] = field(default_factory=list)


_WHOLE = _Whole()


def _forbid_shorter_products() -> list[tuple[Any, str, Any]]:
    """Set what allows them, and nothing else: a setting made anew counts as one that the caller made."""
    cudnn, matmul, exact = cast(Any, torch.backends.cudnn), torch.backends.cuda.matmul, cast(Any, False)
    try:
        found = [(where, "allow_tf32", where.allow_tf32) for where in (cudnn, matmul)]
    except RuntimeError:
        # The caller uses the names that PyTorch 2.9 brought, with which the old ones cannot be read any more.
        found = [(where, "fp32_precision", where.fp32_precision) for where in (cudnn.conv, matmul)]
        exact = "ieee"
    changed = [(where, name, value) for where, name, value in found if value != exact]
    for where, name, _ in changed:
        setattr(where, name, exact)
    return changed
