"""The directive ``public``: everything in a module's ``__all__``, so that a new public name needs no line of its own.

autodoc's own ``:members:`` leaves out constants that a package takes from its modules, since their words stand there.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective


class Public(SphinxDirective):
    """``.. public:: MODULE``: its docstring, then each of its public names."""

    required_arguments = 1
    has_content = False

    def run(self) -> list[nodes.Node]:
        """Write what autodoc takes, and let it be parsed."""
        lines = StringList(list(directives(importlib.import_module(self.arguments[0]))), self.arguments[0])
        holder = nodes.container()
        self.state.nested_parse(lines, 0, holder)
        return holder.children


def directives(module: ModuleType) -> Iterator[str]:
    """The lines of reStructuredText that document a module."""
    here = module.__name__
    yield from (f".. automodule:: {here}", "   :no-members:", "")
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, ModuleType):
            continue
        if inspect.isclass(thing):
            yield f".. autoclass:: {here}.{name}"
        elif inspect.isroutine(thing):
            yield f".. autofunction:: {here}.{name}"
        else:
            place = place_of(thing, name, here)
            yield from (f".. autodata:: {place}", "   :no-value:")
            if not place.startswith(f"{here}."):
                yield "   :no-index:"  # the package that it comes from has it in its index
        yield ""


def place_of(thing: Any, name: str, here: str) -> str:
    """The full name of a constant where the words on it stand; elsewhere it would be a bare value."""
    own = [one for one in list(sys.modules) if one.startswith("detxai_nb")]
    for module in sorted(own, key=lambda one: (one != here, one)):
        if getattr(sys.modules[module], "__dict__", {}).get(name) is thing:
            try:
                if ("", name) in ModuleAnalyzer.for_module(module).find_attr_docs():
                    return f"{module}.{name}"
            except PycodeError:
                continue
    raise ValueError(f"{here}.{name} is public, and nowhere in words: write a docstring below its definition")


def setup(app: Any) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("public", Public)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
