"""What a page keeps of a TinyObjects: all dots, and the maps of those objects that were looked at or are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detxai_nb.widgets.shared.saved_page import SavedAsPage
from detxai_nb.widgets.shared.widget import IDLE
from detxai_nb.widgets.tiny_objects_view import View

NOT_THERE = "The maps of this object are not on the saved page; name its number in include={'selected': [...]}."


class TinyObjectsPage(SavedAsPage):
    """A TinyObjects as a page."""

    @classmethod
    def _page_traits(cls) -> tuple[str, ...]:
        return "selected", "selected_pair"

    @classmethod
    def _page_state(cls, state: dict[str, Any]) -> dict[str, Any]:
        """What is shown is what was run."""
        return {**state, "wanted": state["table"].get("key", "")}

    def _page_prepare(self) -> None:
        widget: Any = self
        if widget._found is None:
            raise RuntimeError("there is no run to save yet: call run() first")

    def _page_choices(self) -> list[Mapping[str, Any]]:
        """The objects of images whose maps are kept."""
        widget: Any = self
        found, kept = widget._found, widget._viewer.kept
        things = enumerate(found.things)
        there = [number for number, thing in things if kept.get(View(found.key, thing["image"]).key) is not None]
        return [{"selected": [None, *there]}]

    def _page_choice(self, choice: dict[str, Any]) -> dict[str, Any]:
        """An object is selected instead of a pair."""
        return choice if choice.get("selected") is None else {**choice, "selected_pair": None}

    def _page_problem(self) -> str:
        widget: Any = self
        status: Mapping[str, Any] = widget.view_status
        return str(status["text"]) if status["state"] == "error" else ""

    def _page_otherwise(self) -> dict[str, Any]:
        return {"map_data": {}, "view_status": {**IDLE, "state": "error", "text": NOT_THERE}}
