"""What widgets have in common that show one result at a time, named by its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.widget import IDLE, PhotoWidget
from detxai_nb.widgets.shared.worker import Keyed


class OneResultWidget(PhotoWidget):
    """``map_key`` names the result that is shown; ``map_data`` is the one that was sent last.

    A result goes out once; the browser keeps some and asks for those that it no longer holds. A widget of its own also
    gives ``_wanted`` (the request that its traits mean, None for none), ``_pack`` (a result for the browser) and
    ``_go_back`` (set the traits to a request).
    """

    map_key = traitlets.Unicode().tag(sync=True)

    def __init__(self, subject: WidgetInputs, **traits: Any) -> None:
        self._shown: Any = None
        super().__init__(subject, **traits)

    @property
    def _wanted(self) -> Any:
        raise NotImplementedError

    def _pack(self, request: Any, result: Any) -> dict[str, Any]:
        raise NotImplementedError

    def _go_back(self, request: Any) -> None:
        raise NotImplementedError

    def cancel(self) -> None:
        """Stop the computation under way, if there is one, and go back to the choice whose result is shown."""
        with self._lock:
            if not self._maker.drop():
                return
            wanted: Keyed | None = self._wanted
            self.status = {**IDLE, "key": "" if wanted is None else wanted.key}
            if self._shown is not None:
                with self.hold_trait_notifications():
                    self._go_back(self._shown)
                self._maker.ask(self._shown)

    def show_maps(self, request: Any, maps: Any, new: bool) -> None:
        """For the calculator: publish a result. Arrays go out only where new; the browser asks for what it lacks."""
        packed = self._pack(request, maps) if new else None
        self._shown, self.error = request, None
        with self.hold_sync():
            if packed is not None:
                self.map_data = packed
            self.map_key = request.key
            self.code = self.to_code()
            self.status = {**IDLE, "key": request.key}

    def show_error(self, request: Any, error: Exception) -> None:
        """For the calculator: publish what went wrong, in words."""
        with self.hold_sync():
            self.map_key = ""
            super().show_error(request, error)

    def _kept(self) -> Any:
        """The result for what is chosen now, or None; waits for nothing."""
        with self._lock:
            wanted: Keyed | None = self._wanted
            return None if wanted is None else self._maker.kept.get(wanted.key)

    def _result(self) -> Any:
        """The result for what is chosen now, once nothing is being computed; ``RuntimeError`` where there is none."""
        self.wait()
        found = self._kept()
        if found is None:
            reason = self.status["text"] or self.notice or "nothing is selected"
            raise RuntimeError(f"there are no maps to return: {reason}") from self.error
        return found

    def _drawn(self) -> Any:
        """The result that the browser shows, or None."""
        with self._lock:
            wanted: Keyed | None = self._wanted
            return None if wanted is None or wanted.key != self.map_key else self._maker.kept.get(wanted.key)

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """What the browser asks for besides traits: to cancel, or for what it no longer holds."""
        super()._message(_, content, buffers)
        if content.get("type") == "maps":
            with self._lock:
                found = self._maker.kept.get(str(content.get("key")))
                if found is not None and self._shown is not None and self._shown.key == content["key"]:
                    self._send_maps(self._pack(self._shown, found))
