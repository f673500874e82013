"""Modules that can be called: ``dx.methods`` holds the methods and ``dx.methods()`` is their table."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

TABLE = "table"
"""The function of a callable module that a call of the module runs where it names no other."""


class CallableModule(ModuleType):
    """A module whose call is that of one of its functions and whose ``dir`` is what a user may touch."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return getattr(self, _CALLED[self.__name__])(*arguments, **named)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__["__all__"], *_SHOWN[self.__name__]()})


_SHOWN: dict[str, Callable[[], Iterable[str]]] = {}
_CALLED: dict[str, str] = {}


def make_callable(name: str, shown: Callable[[], Iterable[str]] = tuple, call: str = TABLE) -> None:
    """Make an imported module with an ``__all__`` callable, like one of its functions.

    Args:
        name: the module's full name, its ``__name__``.
        shown: returns what ``dir`` and the Tab key show besides ``__all__``, such as the modules of one method each.
        call: the function of the module that its call runs; Shift + Tab shows its arguments.
    """
    module = sys.modules[name]
    _SHOWN[name], _CALLED[name] = shown, call
    module.__class__ = CallableModule
    module.__dict__["__signature__"] = inspect.signature(getattr(module, call))
