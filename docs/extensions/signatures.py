"""Signatures of widgets: their metaclass takes any arguments and hands them on to ``__init__``, which names them."""

from __future__ import annotations

import inspect
from typing import Any

HIDDEN = "(*args, **kwargs)"


def signature_of(what: str, thing: Any, signature: str | None) -> str | None:
    """Return the arguments of a class whose metaclass hides them.

    Args:
        what: the kind of object, as autodoc calls it.
        thing: the object.
        signature: as autodoc found it.

    Returns:
        The signature, without types; None where it is as it should be.
    """
    if what != "class" or signature != HIDDEN:
        return None
    found = inspect.signature(thing.__init__)
    _, *taken = (one.replace(annotation=inspect.Parameter.empty) for one in found.parameters.values())
    return str(found.replace(parameters=taken, return_annotation=inspect.Signature.empty))


def process(app: Any, what: str, name: str, thing: Any, *told: Any) -> tuple[str, str | None] | None:
    """Answer autodoc, which tells options, signature and what is returned."""
    _, signature, returns = told
    mended = signature_of(what, thing, signature)
    return None if mended is None else (mended, returns)


def setup(app: Any) -> dict[str, Any]:
    """Be asked for signatures."""
    app.connect("autodoc-process-signature", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
