"""Widgets whose outputs are gone: a cell that is run again lets go of the widget that it showed before."""

from __future__ import annotations

import gc
import re
import sys
import types
import weakref
from collections.abc import Mapping
from typing import Any

import ipywidgets

_RESULT = re.compile(r"_(\d+|_{0,2})")
"""The names under which IPython keeps the results of cells."""


class CellOutputs:
    """Which cells show which widgets.

    ipywidgets keeps every widget for ever, and IPython what a cell returned; so each run of a cell would keep one more
    detector, photograph and set of maps. When a cell is run again or deleted, its output is gone: a widget that no
    other cell shows and that nobody else holds is then closed. One that a variable holds lives on as it is.

    Attributes:
        cells: by widget the identifiers of the cells that made it or whose outputs show it; "" for a place that is not
            known, which is never gone.
    """

    def __init__(self) -> None:
        self.cells: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()
        self._gone: weakref.WeakSet[Any] = weakref.WeakSet()
        self._pending = False
        self._shell: Any = None

    def note(self, widget: Any) -> None:
        """Note that the running cell makes or shows a widget.

        Args:
            widget: the widget.
        """
        if type(widget.comm).__module__.partition(".")[0] == "marimo":
            _close_with(widget.comm, widget)
        shell = _shell()
        if shell is None or not hasattr(shell, "kernel"):
            return
        if self._shell is not shell:
            self._shell = shell
            shell.events.register("pre_run_cell", self._before)
            shell.events.register("post_run_cell", self._after)
        self._gone.discard(widget)
        self.cells.setdefault(widget, set()).add("" if _captured() else _parent(shell).get("cellId") or "")

    def _before(self, *_: Any) -> None:
        """What this cell and the deleted ones showed is gone."""
        about = _parent(self._shell)
        gone = {cell for cell in (about.get("cellId"), *(about.get("deletedCells") or ())) if cell}
        for widget, cells in list(self.cells.items()):
            if cells & gone:
                cells -= gone
                if not cells:
                    self._gone.add(widget)
                    self._pending = True

    def _after(self, *_: Any) -> None:
        """Close the widgets that are gone, if nobody holds them."""
        if not self._pending or not self._gone:
            return
        self._pending = False
        held = [weakref.ref(widget) for widget in self._gone]
        comms = {id(ref): _let_go(ref(), self._shell) for ref in held}
        gc.collect()
        for ref in held:
            if (widget := ref()) is not None:
                _take_back(widget, comms[id(ref)])
                if _is_only_working(widget):
                    widget.cancel()
                    self._pending = True  # it is free when its last step is over
            widget = None


CELL_OUTPUTS = CellOutputs()
"""Those of this kernel."""


class WeakCall:
    """A bound method that does not keep its object.

    Args:
        method: the method.
    """

    def __init__(self, method: types.MethodType) -> None:
        self._method = weakref.WeakMethod(method)

    def __call__(self, *arguments: Any) -> None:
        """Call the method, if its object is still there.

        Args:
            *arguments: handed on.
        """
        method = self._method()
        if method is not None:
            method(*arguments)


def _close_with(comm: Any, widget: Any) -> None:
    """Close a widget when marimo closes its comm, which it does where a cell is run again or deleted.

    That cell's variables are gone then, and nobody can be shown the widget any more.
    """
    if "close" in vars(comm):
        return  # noted before
    end, held = comm.close, weakref.ref(widget)

    def close(*arguments: Any, **options: Any) -> None:
        del comm.close
        end(*arguments, **options)
        if (one := held()) is not None:
            one.close()

    comm.close = close


def _shell() -> Any:
    """IPython's shell, or None outside of IPython."""
    found = sys.modules.get("IPython")
    return None if found is None else found.get_ipython()


def _parent(shell: Any) -> Mapping[str, Any]:
    """What the browser said of the cell that it asked to run."""
    parent = shell.kernel.get_parent("shell") or {}
    found: Mapping[str, Any] = parent.get("metadata") or {}
    return found


def _captured() -> bool:
    """Whether what is shown now goes into an Output widget, which is no cell's output."""
    every = list(ipywidgets.widgets.widget._instances.values())
    return any(isinstance(one, ipywidgets.Output) and one.msg_id for one in every)


def _let_go(widget: Any, shell: Any) -> Any:
    """Take a widget from the lists of ipywidgets and IPython; returns what ``_take_back`` needs."""
    if widget is None or widget.comm is None:
        return None
    comm = widget.comm
    comm.on_msg(WeakCall(widget._handle_msg))
    ipywidgets.widgets.widget._instances.pop(widget.model_id, None)
    results = shell.user_ns.get("_oh", {})
    for number in [n for n, value in results.items() if value is widget]:
        del results[number]
    for names in (shell.user_ns, shell.user_ns_hidden):
        for name in [n for n, value in list(names.items()) if value is widget and _RESULT.fullmatch(n)]:
            del names[name]
    for name in ("_", "__", "___"):
        if getattr(shell.displayhook, name, None) is widget:
            setattr(shell.displayhook, name, "")
    if getattr(shell.last_execution_result, "result", None) is widget:
        shell.last_execution_result = None
    return comm


def _take_back(widget: Any, comm: Any) -> None:
    """Undo ``_let_go`` for a widget that somebody holds."""
    if comm is not None and widget.comm is comm:
        comm.on_msg(widget._handle_msg)
        ipywidgets.widgets.widget._instances[widget.model_id] = widget


def _is_only_working(widget: Any) -> bool:
    """Whether nothing but its own parts and its working thread hold a widget."""
    worker = getattr(widget, "_worker", None)
    if worker is None or worker.wait(0):
        return False
    own = (types.MethodType, types.FrameType)
    names, mine = ipywidgets.widgets.widget._instances, vars(widget)
    for holder in gc.get_referrers(widget):
        if holder is names or holder is mine or holder is worker or holder is vars(worker) or isinstance(holder, own):
            continue
        return False
    return True
