"""Modules that can be called: ``dx.methods`` holds the methods and ``dx.methods()`` is their table."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

TABLE = "table"
"""The function of a callable module that a call of the module runs."""


class CallableModule(ModuleType):
    """A module whose call is that of its function ``table`` and whose ``dir`` is its ``__all__``."""

    def __call__(self) -> Any:
        return getattr(self, TABLE)()

    def __dir__(self) -> list[str]:
        return sorted(self.__dict__["__all__"])


def make_callable(name: str) -> None:
    """Make an imported module with a function ``table`` and an ``__all__`` callable.

    Args:
        name: the module's full name, its ``__name__``.
    """
    sys.modules[name].__class__ = CallableModule
