"""How the arrays of traits reach the browser: as bytes, or, where a host loses bytes on the way, as text.

Jupyter's protocol carries bytes beside a message, whatever dictionary they lie in. Some hosts drop them: all of them,
or those of the message that opens a widget, or of those that change it. So every value says where its arrays belong and
how long they are. The front end looks whether they have arrived; if not it keeps the value before and says so, with a
message that has no bytes. From then on this widget sends base64. Nothing is asked or waited for where bytes arrive.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import anywidget
import traitlets

PROBE = bytes(range(128, 256))
"""What is altered wherever bytes are taken for text on the way."""
LENGTHS = "_lengths"
Path = tuple[str | int, ...]
_BYTES = (bytes, bytearray, memoryview)
_CONTAINERS = (dict, list, tuple)


class BytesWidget(anywidget.AnyWidget):
    """A widget whose traits may be dictionaries with bytes in them, at any depth.

    Args:
        **traits: first values of traits.
    """

    _probe = traitlets.Dict({"data": PROBE}).tag(sync=True)
    """By this the front end sees in the beginning whether bytes arrive, and as they were sent."""
    _bytes_as_text = False

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._bytes_lost)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return values as they are sent to the browser, see ipywidgets.

        Args:
            key: names of traits, or one of them; None for all synced ones.
            drop_defaults: whether to leave out those that have their default value.

        Returns:
            Values by trait; a dictionary with bytes has their places and lengths in ``_lengths``.
        """
        state = super().get_state(key, drop_defaults)
        return {name: to_carry(value, self._bytes_as_text) for name, value in state.items()}

    def _bytes_lost(self, _: Any, content: Any, buffers: Any) -> None:
        """The browser says that bytes did not arrive."""
        if isinstance(content, Mapping) and content.get("type") == "bytes lost":
            self._send_as_text()

    def _send_as_text(self) -> None:
        """Send all arrays as text, now and from now on."""
        self._bytes_as_text = True
        names = [name for name in self.keys if name != "_probe" and has_bytes(getattr(self, name))]
        # The probe comes last: with it the front end begins.
        self.send_state([*names, "_probe"])


def to_carry(value: Any, as_text: bool) -> Any:
    """Return a trait's value with the places of its bytes.

    Args:
        value: anything; what is no dictionary, or has no bytes in it, is returned as it is.
        as_text: whether base64 takes the place of bytes.

    Returns:
        A dictionary with one more key, ``_lengths``: pairs of a path and a number of bytes. The bytes are not copied.

    Example:
        >>> to_carry({"size": [1, 3], "values": b"abc"}, as_text=True)
        {'size': [1, 3], 'values': 'YWJj', '_lengths': [[['values'], 3]]}
    """
    if not isinstance(value, dict):
        return value
    found: list[tuple[Path, Any]] = []
    _note_bytes(value, (), found)
    lengths = [[list(path), memoryview(one).nbytes] for path, one in found]
    if not lengths:
        return value
    return {**(_as_text(value) if as_text else value), LENGTHS: lengths}


def has_bytes(value: Any) -> bool:
    """Return whether bytes lie in a value.

    Args:
        value: anything.

    Returns:
        True for bytes, and for dictionaries and lists with bytes in them.
    """
    found: list[tuple[Path, Any]] = []
    _note_bytes({"": value}, (), found)
    return bool(found)


def _note_bytes(inside: Any, path: Path, found: list[tuple[Path, Any]]) -> None:
    """Note the bytes in a dictionary or a list; most of what is in there are numbers, and a widget has thousands."""
    for step, one in inside.items() if isinstance(inside, dict) else enumerate(inside):
        if isinstance(one, _CONTAINERS):
            _note_bytes(one, (*path, step), found)
        elif isinstance(one, _BYTES):
            found.append(((*path, step), one))


def _as_text(value: Any) -> Any:
    if isinstance(value, _BYTES):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {key: _as_text(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_text(one) for one in value]
    return value
