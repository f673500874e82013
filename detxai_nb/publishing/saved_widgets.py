"""Widgets that are saved in a notebook: their state read back, and checked before it goes onto a page."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from detxai_nb import widgets
from detxai_nb.pages.document import STATIC, Page
from detxai_nb.pages.offers import bundle_of, saved_widget

STATES = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
_OF_EVERY = {"layout", "tabbable", "tooltip"}


class WidgetReader:
    """Takes widgets of a notebook onto a page.

    Args:
        states: what the notebook's metadata have, by the number of a model.
        page: takes the widgets.

    Attributes:
        places: by the number of a model the markup of its place on the page.
        alive: how many widgets were placed.
        left: why others were not, a sentence each.
    """

    def __init__(self, states: Any, page: Page) -> None:
        self._states = states if isinstance(states, Mapping) else {}
        self._page = page
        self._classes = {f"{one.__module__}.{one.__qualname__}": one for one in map(_named, widgets.__all__)}
        self.places: dict[str, str] = {}
        self.alive = 0
        self.left: list[str] = []

    def place(self, number: str) -> bool:
        """Take one widget onto the page.

        Args:
            number: of its model.

        Returns:
            Whether it lives there; else ``left`` has one more sentence.
        """
        if number in self.places:
            return True
        try:
            self.places[number] = self._markup(self._states.get(number))
        except _NotAlive as reason:
            self.left.append(str(reason))
            return False
        self.alive += 1
        return True

    def _markup(self, model: Any) -> str:
        if not isinstance(model, Mapping) or not isinstance(model.get("state"), Mapping):
            raise _NotAlive("a widget's state is not in the notebook: run and save it in `detxai-nb lab`")
        state = dict(model["state"])
        name = str(state.get("_anywidget_id", state.get("_model_name", "?")))
        cls = self._classes.get(name)
        if cls is None:
            raise _NotAlive(f"{name:.80} is no widget of this package")
        if state.get("_esm") != (STATIC / f"{bundle_of(cls)}.js").read_text(encoding="utf-8"):
            raise _NotAlive(f"a {cls.__name__} was saved by another version of detxai-nb: run the notebook again")
        try:
            for one in model.get("buffers", []):
                _put(state, one["path"], _bytes(one))
            own = {key: value for key, value in state.items() if not key.startswith("_") and key not in _OF_EVERY}
            needed = {name for name in cls.class_traits(sync=True) if not name.startswith("_")} - _OF_EVERY
            if missing := needed - set(own):
                raise ValueError(f"without {', '.join(sorted(missing))}")
            return self._page.widget_markup(saved_widget(cls, own))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise _NotAlive(f"the state of a {cls.__name__} is not whole ({error!s:.80})") from error


class _NotAlive(Exception):
    """Why a widget cannot live on a page."""


def _named(name: str) -> Any:
    return getattr(widgets, name)


def _bytes(one: Mapping[str, Any]) -> bytes:
    """An array as a notebook keeps it; older ones of some tools are in hexadecimal digits."""
    if one.get("encoding") == "hex":
        return bytes.fromhex(one["data"])
    return base64.b64decode(one["data"], validate=True)


def _put(state: Any, path: Any, content: bytes) -> None:
    at = state
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = content
