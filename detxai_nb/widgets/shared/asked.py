"""Widgets whose browser asks Python for one step after the other, and waits until it has been dealt with."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from detxai_nb.widgets.shared.widget import SnapshotWidget


class AskedWidget(SnapshotWidget):
    """A widget without a worker, whose messages are answered by ``heard`` and, where that fails, by ``notice``.

    A subclass defines ``_steps`` besides what a ``SnapshotWidget`` needs; its picture is what ``save_png`` writes.

    Args:
        **traits: first values of traits.

    Attributes:
        heard: which message was dealt with last, for the browser.
    """

    heard = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._lock = threading.RLock()
        super().__init__(**traits)
        self.on_msg(self._message)

    def _steps(self, content: Mapping[str, Any]) -> Mapping[str, Callable[[], Any]]:
        """By the type of a message what it asks for."""
        raise NotImplementedError

    def _message(self, _: Any, content: Any, buffers: Any) -> None:
        """Do what the browser asks for; what does not work is said in words."""
        kind = content.get("type") if isinstance(content, Mapping) else None
        step = self._steps(content).get(kind) if isinstance(kind, str) else None
        if step is None:
            return
        with self._lock:
            self.notice = ""
            try:
                step()
            except (ValueError, TypeError, OSError) as error:
                self.notice = str(error) or type(error).__name__
            finally:
                asked = content.get("asked")
                self.heard = asked if isinstance(asked, str) and len(asked) < 40 else ""

    def _picture(self) -> bytes:
        file = io.BytesIO()
        self._photo_picture().save(file, "PNG")
        return file.getvalue()
