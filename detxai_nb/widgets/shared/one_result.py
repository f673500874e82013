"""What widgets have in common that show one result at a time, named by its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import traitlets

from detxai_nb.widgets.shared.detecting_again import DetectingAgain
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.widget import IDLE
from detxai_nb.widgets.shared.worker import Keyed

_IN_CODE = (
    *("opacity", "hide_below", "percentile", "colormap", "signed_colormap", "scale", "view"),
    *("min_score", "only_class", "search"),
)
"""Traits that decide nothing but how a result looks and which objects are listed, as far as a widget has them."""


class OneResultWidget(DetectingAgain):
    """A widget that shows one result at a time.

    A result is sent once; the browser keeps some and requests again those that it no longer holds. Keys are made here
    only: ``request`` says the key of the present choice, and every result says the choice that it stands for.

    A subclass defines ``_choice`` (the names of the traits that decide which result is shown), ``_wanted`` (the request
    that these traits mean, None for none), ``_choice_of`` (the reverse), ``_pack`` (a result for the browser).

    Args:
        inputs: detector, photograph and objects.
        **traits: first values of traits.

    Attributes:
        request: "key" of the present choice, "" for none, and "choice", the values of its traits; for the browser.
        map_key: the key of the result that is shown, "" for none.
    """

    _choice: ClassVar[tuple[str, ...]]

    request = traitlets.Dict().tag(sync=True)
    map_key = traitlets.Unicode().tag(sync=True)

    def __init__(self, inputs: WidgetInputs, **traits: Any) -> None:
        self._shown: Any = None
        super().__init__(inputs, **traits)
        self.observe(self._choice_changed, [*dict.fromkeys([*self._choice, "selected"])])
        self.observe(self._look_changed, [name for name in _IN_CODE if self.has_trait(name)])

    @classmethod
    def _page_traits(cls) -> tuple[str, ...]:
        return cls._choice

    def _page_fetch(self) -> None:
        if self.map_key and self.map_data.get("key") != self.map_key:
            self._message(self, {"type": "maps", "key": self.map_key}, [])

    @property
    def _wanted(self) -> Keyed | None:
        raise NotImplementedError

    def _choice_of(self, request: Any) -> dict[str, Any]:
        raise NotImplementedError

    def _pack(self, request: Any, result: Any) -> dict[str, Any]:
        raise NotImplementedError

    def cancel(self) -> None:
        """Stop the running computation, if there is one, and return to the choice whose result is shown."""
        with self._lock:
            if not self._worker.drop():
                return
            wanted = self._wanted
            self.status = {**IDLE, "key": "" if wanted is None else wanted.key}
            if self._shown is not None:
                with self.hold_trait_notifications():
                    for name, value in self._choice_of(self._shown).items():
                        setattr(self, name, value)
                self._worker.ask(self._shown)

    def _found_again(self) -> None:
        self.request = self._present_request()
        if (wanted := self._wanted) is not None:
            self._worker.ask(wanted)

    def show_maps(self, request: Any, maps: Any, new: bool) -> None:
        """Publish a result; arrays are sent only if they are new, the browser requests what it lacks.

        Args:
            request: the computation.
            maps: what ``_compute`` returned.
            new: whether it was computed just now.
        """
        package = self._package(request, maps) if new else None
        self._shown, self.error = request, None
        with self.hold_sync():
            if package is not None:
                self.map_data = package
            self.map_key = request.key
            self.code = self.to_code()
            self.status = {**IDLE, "key": request.key}

    def show_error(self, request: Any, error: Exception) -> None:
        """Publish that a computation failed, in words; nothing is shown then.

        Args:
            request: the computation.
            error: what it raised.
        """
        with self.hold_sync():
            self.map_key = ""
            super().show_error(request, error)

    def _package(self, request: Any, result: Any) -> dict[str, Any]:
        return {**self._pack(request, result), "choice": self._choice_of(request)}

    @traitlets.default("request")
    def _present_request(self) -> dict[str, Any]:
        wanted = self._wanted
        choice = {name: getattr(self, name) for name in self._choice}
        return {"key": "" if wanted is None else wanted.key, "choice": choice}

    def _choice_changed(self, change: Any) -> None:
        if not self._ready:
            return
        if change["name"] in self._choice:
            self.request = self._present_request()
            if (wanted := self._wanted) is not None:
                self._worker.ask(wanted)
        self.code = self.to_code()

    def _look_changed(self, change: Any) -> None:
        """What is shown is the same, and looks otherwise: its code does too."""
        if self._ready:
            self.code = self.to_code()

    def _kept(self) -> Any:
        """The result for what is chosen now, or None; does not wait."""
        with self._lock:
            wanted = self._wanted
            return None if wanted is None else self._worker.kept.get(wanted.key)

    def _result(self) -> Any:
        """The result for what is chosen now, once nothing is being computed; ``RuntimeError`` if there is none."""
        self.wait()
        found = self._kept()
        if found is None:
            reason = self.status["text"] or self.notice or "nothing is selected"
            raise RuntimeError(f"there are no maps to return: {reason}") from self.error
        return found

    def _drawn(self) -> Any:
        """The result that the browser shows, or None."""
        with self._lock:
            wanted = self._wanted
            return None if wanted is None or wanted.key != self.map_key else self._worker.kept.get(wanted.key)

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """Handle what the browser sends besides traits: also to request what it lacks."""
        super()._message(_, content, buffers)
        if content.get("type") == "maps":
            with self._lock:
                found = self._worker.kept.get(str(content.get("key")))
                if found is not None and self._shown is not None and self._shown.key == content["key"]:
                    self._send_maps(self._package(self._shown, found))
