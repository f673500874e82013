"""A plain page whose widgets speak ipywidgets' protocol, through a host that may lose bytes on the way."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

from ipywidgets.widgets.widget import _put_buffers, _remove_buffers
from plain_page import PlainPage, packed

Host = Callable[[dict[str, Any], list[Any], list[bytes]], None]
"""Puts the bytes of a message into its state as far as the host lets them through."""


def keeps(state: dict[str, Any], paths: list[Any], buffers: list[bytes]) -> None:
    """As JupyterLab does it."""
    _put_buffers(state, paths, buffers)


def drops(state: dict[str, Any], paths: list[Any], buffers: list[bytes]) -> None:
    """Only the JSON comes through."""


def flat(state: dict[str, Any], paths: list[Any], buffers: list[bytes]) -> None:
    """Bytes come through where a trait is nothing else."""
    kept = [(path, one) for path, one in zip(paths, buffers) if len(path) == 1]
    _put_buffers(state, [path for path, _ in kept], [one for _, one in kept])


def as_text(state: dict[str, Any], paths: list[Any], buffers: list[bytes]) -> None:
    """Base64 stands where bytes were, as in marimo before 0.8.18."""
    _put_buffers(state, paths, [base64.b64encode(one).decode() for one in buffers])


def addresses(state: dict[str, Any], paths: list[Any], buffers: list[bytes]) -> None:
    """Bytes are kept elsewhere, and nobody fetches them."""
    _put_buffers(state, paths, [f"http://127.0.0.1:9/blob/{number}" for number in range(len(buffers))])


def in_utf8(state: dict[str, Any], paths: list[Any], buffers: list[bytes]) -> None:
    """Bytes are taken for text on the way; there are as many as before."""
    _put_buffers(state, paths, [bytes(min(byte, 127) for byte in one) for one in buffers])


class WirePage(PlainPage):
    """One page; a host for the message that opens a widget, and one for all that follow."""

    def __init__(self, browser: Any, opening: Host = keeps, later: Host = keeps, **options: Any) -> None:
        super().__init__(browser, **options)
        self._opening, self._later = opening, later
        self.with_bytes = 0
        """How many of the messages since the opening one had bytes."""
        self.told: list[Any] = []
        """What the page said besides traits."""
        self._out: dict[str, list[tuple[Any, list[bytes]]]] = {}

    def begin(self, widget: Any, name: str) -> str:
        out = self._out[name] = []

        def send(data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
            out.append((copy.deepcopy(data), [bytes(one) for one in buffers or []]))

        widget.comm.send = send
        state, paths, buffers = _remove_buffers(widget.get_state())
        sent = json.loads(json.dumps(state))
        self._opening(sent, paths, buffers)
        return json.dumps(packed(sent))

    def hear(self, widget: Any, said: dict[str, Any]) -> None:
        data = {"method": "update", "buffer_paths": [], **said} if "state" in said else {"method": "custom", **said}
        if "content" in said:
            self.told.append(said["content"])
        widget._handle_msg({"content": {"data": data}, "buffers": []})

    def take(self, name: str, known: Any = None) -> str:
        news, self._out[name][:] = list(self._out[name]), []
        pairs: list[Any] = []
        for data, buffers in news:
            if data["method"] != "update":
                continue
            self.with_bytes += bool(buffers)
            self._later(data["state"], data["buffer_paths"], buffers)
            pairs += data["state"].items()
        return json.dumps(packed(pairs))
