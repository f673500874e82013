"""What installed packages add to the tables of methods, metrics and detectors through their entry points."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

_LOADED: set[str] = set()


def load_entry_points(group: str, register: Callable[[Any], object]) -> None:
    """Hand what installed packages declare under ``group`` to ``register``, the first time it is asked for.

    An entry point that cannot be loaded or registered is left out with a warning that names it: a package that is
    broken must not take this one with it.

    Args:
        group: the entry points' group, such as "detxai_nb.methods".
        register: called with each loaded object, such as a ``Method``.
    """
    if group in _LOADED:
        return
    _LOADED.add(group)
    for one in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            register(one.load())
        except Exception as error:
            owner = one.dist.name if one.dist is not None else "an installed package"
            warnings.warn(
                f"{owner} adds {one.name!r} to {group}, which failed ({type(error).__name__}: {error}); it is left out",
                stacklevel=3,
            )
