"""Imports torchvision without the compiler of torch, which takes ten times as long to import as torchvision itself.

``torchvision.ops.roi_align`` imports it for one function, which it calls only where deterministic algorithms are asked
for on a GPU. The packages of this package that use torchvision import this module first; nobody else needs it. Where
torchvision or the compiler has been imported before, and after this, everything is as ever.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import torch  # noqa: F401  # as whole as it gets before something stands in for a part of it

_COMPILER = "torch._dynamo.utils"


class _StandIn(ModuleType):
    """Stands for the compiler's module while torchvision is imported, and for good to whoever has got hold of it."""

    def is_compile_supported(self, device_type: Any) -> Any:
        """Ask the real function, importing the compiler."""
        return _real(self).is_compile_supported(device_type)

    def __getattr__(self, name: str) -> Any:
        """Any other attribute is wanted at once: the real module's, but for what the import system itself asks for."""
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(_real(self), name)


def _real(stand_in: ModuleType) -> ModuleType:
    """The module that something stands for, imported now."""
    _leave(stand_in)
    return importlib.import_module(stand_in.__name__)


def _leave(stand_in: ModuleType) -> None:
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]


def _import_torchvision() -> None:
    if "torchvision" in sys.modules or _COMPILER in sys.modules:
        return
    stand_in = _StandIn(_COMPILER)
    sys.modules[_COMPILER] = stand_in
    try:
        importlib.import_module("torchvision")
    finally:
        _leave(stand_in)


_import_torchvision()
