"""What widgets call their own parts is no name by which ipywidgets or anywidget call theirs."""

from __future__ import annotations

from typing import Any

import anywidget
import pytest
import traitlets

import detxai_nb as dx

MEANT = {
    "close": "also ends the work",
    "get_state": "says where the arrays of each value lie",
    "set_state": "takes what the front end sends under a lock",
    "_repr_mimebundle_": "adds the still picture",
    "add_class": "a class of a classifier; the base's own, for CSS, is not needed here",
}
"""Names of the base classes that are replaced on purpose, and why."""


def own_names(kind: type) -> dict[str, Any]:
    """What the classes of this package define, without the tables that traitlets keeps on every class."""
    found: dict[str, Any] = {}
    for one in kind.__mro__:
        if one.__module__.partition(".")[0] == dx.__name__:
            found |= {n: v for n, v in vars(one).items() if not n.startswith("__") and not isinstance(v, (dict, list))}
    return found


@pytest.mark.parametrize("name", dx.widgets.__all__)
def test_no_part_of_a_base_class_is_replaced_by_chance(name: str) -> None:
    own = own_names(getattr(dx.widgets, name))
    parts = {n for n, v in own.items() if callable(v) or isinstance(v, (property, staticmethod, classmethod))}
    parts |= {n for n, v in own.items() if isinstance(v, (traitlets.TraitType, traitlets.EventHandler))}
    assert len(parts) > 10
    chosen = {"_esm", "_css"}
    assert parts & set(dir(anywidget.AnyWidget)) - chosen <= set(MEANT)
