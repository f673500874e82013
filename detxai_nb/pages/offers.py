"""What the menus of a saved widget offer: what is on its page, and nothing that a kernel would have to compute."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from detxai_nb.pages.document import SavedWidget

_MENUS = {
    "method": "methods",
    "target": "targets",
    "layer": "layers",
    "direction": "directions",
    "area": "areas",
    "fill": "fills",
    "mode": "modes",
}
"""By trait the name of its menu in ``choices``."""


def bundle_of(widget: type) -> str:
    """Return the name of a widget's front end.

    Args:
        widget: its class.

    Returns:
        Such as "nms_explorer".
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", widget.__name__).lower()


def saved_widget(
    widget: Any,
    state: Mapping[str, Any],
    answers: Sequence[Mapping[str, Any]] = (),
    otherwise: Mapping[str, Any] | None = None,
) -> SavedWidget:
    """Return a widget for a page, whose menus offer what is kept.

    Args:
        widget: its class, a ``SavedAsPage``.
        state: its synced traits.
        answers: see ``SavedWidget``; by default that the state's own choice is all there is.
        otherwise: see ``SavedWidget``.

    Returns:
        What ``Page.add_widget`` takes.
    """
    own = {name: state[name] for name in widget._page_traits() if name in state}
    kept = list(answers) or [{"when": own, "then": {}}]
    values: dict[str, list[Any]] = {}
    for answer in kept:
        for name, value in answer["when"].items():
            if value not in values.setdefault(name, []):
                values[name].append(value)
    shown = dict(widget._page_state(dict(state)))
    if "choices" in shown:
        shown["choices"] = _trimmed(shown["choices"], values)
    if "others" in shown:
        against = values.get("against", [])
        rows = [{**row, "offered": _named(row["offered"], against)} for row in shown["others"]]
        shown["others"] = rows
    if "lower_score" in shown:
        shown["lower_score"] = None
    for name in ("status", "view_status"):
        if shown.get(name, {}).get("state") == "busy":
            shown[name] = {**shown[name], "state": "idle", "text": "", "done": 0, "total": 0}
    return SavedWidget(bundle_of(widget), shown, kept, otherwise)


def _trimmed(choices: Mapping[str, Any], values: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The menus of ``choices`` with the values that are kept; no class can be typed, and nothing is elsewhere."""
    made = dict(choices)
    for trait, menu in _MENUS.items():
        if trait in values and menu in made:
            made[menu] = _named(made[menu], values[trait])
    directions = values.get("direction", ())
    if "direction" in values and "methods" in made:
        made["methods"] = [
            {**one, "directions": [d for d in one["directions"] if d in directions] if len(directions) > 1 else []}
            for one in made["methods"]
        ]
    return made | {name: empty for name, empty in (("classes", []), ("elsewhere", "")) if name in made}


def _named(menu: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    return [one for one in menu if (one["name"] if isinstance(one, Mapping) else one) in values]
