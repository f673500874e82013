"""Modules that can be called: ``dx.methods`` holds the methods and ``dx.methods()`` is their table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

TABLE = "table"
"""The function of a callable module that a call of the module runs."""


class CallableModule(ModuleType):
    """A module whose call is that of its function ``table`` and whose ``dir`` is what a user may touch."""

    def __call__(self) -> Any:
        return getattr(self, TABLE)()

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__["__all__"], *_SHOWN[self.__name__]()})


_SHOWN: dict[str, Callable[[], Iterable[str]]] = {}


def make_callable(name: str, shown: Callable[[], Iterable[str]] = tuple) -> None:
    """Make an imported module with a function ``table`` and an ``__all__`` callable.

    Args:
        name: the module's full name, its ``__name__``.
        shown: returns what ``dir`` and the Tab key show besides ``__all__``, such as the modules of one method each.
    """
    _SHOWN[name] = shown
    sys.modules[name].__class__ = CallableModule
