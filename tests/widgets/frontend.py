"""What a bundle reads of its widget, checked against the widget's traits."""

from __future__ import annotations

import re
from typing import Any

import anywidget

from detxai_nb.widgets.shared.widget import STATIC


def check_traits(widget: Any, name: str) -> None:
    """The front end's ``TRAITS`` are the widget's own synced traits, and it reads no other."""
    bundle = (STATIC / f"{name}.js").read_text(encoding="utf-8")
    listed = re.search(r"TRAITS = \[(.*?)\]", bundle, re.DOTALL)
    assert listed
    keys = set(re.findall(r'"(\w+)"', listed.group(1)))
    base = set(anywidget.AnyWidget.class_traits(sync=True))
    own = {name for name in widget.traits(sync=True) if name not in base and not name.startswith("_")}
    assert own == keys
    used = set(re.findall(r'store\d*\.(?:get|setLive)\("(\w+)"', bundle))
    assert used <= keys
