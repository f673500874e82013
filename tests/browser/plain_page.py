"""Widgets on a plain page, without JupyterLab and without a kernel's process: this process answers what the page sends.

A page opens in well under a second, so that what needs no notebook is tested here.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from lab import PATIENCE, STUB

from detxai_nb.widgets.shared.widget import STATIC

sys.path.insert(0, str(STUB))
import stub

__all__ = ["PlainPage", "packed", "stub"]

_ADDRESS = "http://widgets.test/"
_HOSTS = """
// Stand-ins for what anywidget hands to a front end.
const bytes = text => new DataView(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
const revive = (_, value) => (value && typeof value === "object" && "_bytes" in value ? bytes(value._bytes) : value);
window.shown = {};
class Model {
  values = {}; listeners = new Map(); pending = {}; saved = []; sent = [];
  constructor(name, values) { this.name = name; this.values = values; }
  get(key) { return this.values[key]; }
  set(key, value) { this.values[key] = value; this.pending[key] = value; this.emit(`change:${key}`); }
  on(name, listener) { this.listeners.set(name, (this.listeners.get(name) ?? new Set()).add(listener)); }
  off(name, listener) { this.listeners.get(name)?.delete(listener); }
  emit(name) { for (const listener of [...(this.listeners.get(name) ?? [])]) listener(); }
  receive(text) {
    for (const [key, value] of JSON.parse(text, revive)) {
      this.values[key] = value;
      this.emit(`change:${key}`);
    }
  }
  async tell(message) { this.receive(await window.toKernel(this.name, JSON.stringify(message))); }
  save_changes() { const state = this.pending; this.pending = {}; this.saved.push(state); this.tell({ state }); }
  send(content) { this.sent.push(content); this.tell({ content }); }
}
window.show = async (name, bundle, text) => {
  const el = document.createElement("div");
  el.id = name;
  document.body.append(el);
  const link = document.createElement("link");
  Object.assign(link, { rel: "stylesheet", href: `/${bundle}.css?${name}` });
  await new Promise(resolve => { link.onload = resolve; document.head.append(link); });
  const module = await import(`/${bundle}.js`);
  const model = new Model(name, JSON.parse(text, revive));
  const definition = module.default();
  await definition.initialize({ model });
  await definition.render({ model, el });
  window.shown[name] = model;
};
"""
_PAGE = f"""<!doctype html><meta charset="utf-8"><title>Widgets</title>
<style>body {{ margin: 12px; font: 14px sans-serif; }}</style><script>{_HOSTS}</script>"""


def packed(value: Any) -> Any:
    """A value that JSON can hold, its arrays marked for the page."""
    if isinstance(value, (bytes, memoryview)):
        return {"_bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, Mapping):
        return {key: packed(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [packed(one) for one in value]
    return value


class PlainPage:
    """One page with any number of widgets; close it when done.

    Args:
        browser: playwright's.
        width, height: of the window.
        **options: further ones of ``browser.new_context``.
    """

    def __init__(self, browser: Any, width: int = 1000, height: int = 900, **options: Any) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, accept_downloads=True, **options
        )
        self.context.set_default_timeout(1000 * PATIENCE)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.widgets: dict[str, Any] = {}
        self._news: dict[str, list[tuple[str, Any]]] = {}
        self.page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        self.page.route(_ADDRESS + "**", self._serve)
        self.page.expose_function("toKernel", self._hear)
        self.page.goto(_ADDRESS)

    def close(self) -> None:
        self.context.close()

    def show(self, widget: Any, name: str = "widget") -> Any:
        """Put a widget on the page; its root."""
        self.widgets[name] = widget
        self.page.evaluate("args => window.show(...args)", [name, _bundle(widget), self.begin(widget, name)])
        root = self.page.locator(f"#{name} > .dx-root")
        ready = self.page.locator(f'#{name} > .dx-root[data-ready="true"]')
        self.until(lambda: self._pass_on(name) or ready.count(), f"{name} is painted")
        return root

    def begin(self, widget: Any, name: str) -> str:
        """The state that the page begins with, as JSON; changes are noted from then on."""
        state = _state(widget)
        news = self._news[name] = []
        widget.observe(lambda change: news.append((change["name"], change["new"])), list(state))
        return json.dumps(packed(state))

    def hear(self, widget: Any, said: dict[str, Any]) -> None:
        """Hand to the widget what the page says: "state" of traits, or another "content"."""
        if "state" in said:
            widget.set_state(said["state"])
        else:
            widget._message(widget, said["content"], [])

    def take(self, name: str, known: Mapping[str, Any] | None = None) -> str:
        """What has changed in Python since the page was told last, without what it has said itself; as JSON."""
        news, self._news[name][:] = list(self._news[name]), []
        return json.dumps(packed([pair for pair in news if pair not in (known or {}).items()]))

    def set(self, name: str = "widget", **traits: Any) -> None:
        """Set traits in Python, and tell the page."""
        for trait, value in traits.items():
            setattr(self.widgets[name], trait, value)
        self._pass_on(name)

    def _pass_on(self, name: str) -> None:
        """Tell the page what has changed in Python, also from a thread beside it."""
        self.page.evaluate("([name, text]) => window.shown[name].receive(text)", [name, self.take(name)])

    def until(self, holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
        """Wait until it holds; ``AssertionError`` with ``what`` where it does not within that time."""
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(what)
            self.page.wait_for_timeout(30)

    def pixel(self, canvas: Any, u: float, v: float) -> np.ndarray:
        """The canvas's RGBA at a share of its width and height."""
        script = """(canvas, [u, v]) => [...canvas.getContext("2d")
            .getImageData(Math.floor(u * canvas.width), Math.floor(v * canvas.height), 1, 1).data]"""
        return np.array(canvas.evaluate(script, [u, v]))

    def _serve(self, route: Any) -> None:
        name = route.request.url.removeprefix(_ADDRESS).partition("?")[0]
        kinds = {".js": "text/javascript", ".css": "text/css"}
        if name:
            path = STATIC / name
            if not path.is_file():
                route.fulfill(status=404)
                return
            route.fulfill(body=path.read_text(encoding="utf-8"), content_type=kinds[path.suffix] + "; charset=utf-8")
        else:
            route.fulfill(body=_PAGE, content_type="text/html; charset=utf-8")

    def _hear(self, name: str, text: str) -> str:
        widget, said = self.widgets[name], json.loads(text)
        self.hear(widget, said)
        if hasattr(widget, "wait"):
            widget.wait(10)
        return self.take(name, said.get("state", {}))


def _state(widget: Any) -> dict[str, Any]:
    left_out = {"layout", "tabbable", "tooltip"}
    return {k: v for k, v in widget.get_state().items() if not k.startswith("_") and k not in left_out}


def _bundle(widget: Any) -> str:
    letters = [f"_{c.lower()}" if c.isupper() else c for c in type(widget).__name__]
    return "".join(letters).lstrip("_")
