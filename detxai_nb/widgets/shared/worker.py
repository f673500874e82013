"""Computations beside the kernel: one at a time, the newest wins, each can be cancelled, and results are kept."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.types import Cancelled, Progress

COMPUTING = threading.Lock()
"""Held by whatever computes for a widget: the detectors of all widgets work one after the other."""

REPORT_EVERY = 0.1
"""Seconds between two reports of progress."""


class Keyed(Protocol):
    """A request with a name of its own."""

    @property
    def key(self) -> str:
        """The same for the same computation."""


class Listener(Protocol):
    """Where results appear. Every call is made with the lock held, most of them from the computing thread."""

    def show_busy(self, request: Any) -> None:
        """This computation has begun."""

    def show_progress(self, done: int, total: int) -> None:
        """So far it has come."""

    def show_maps(self, request: Any, maps: Any, new: bool) -> None:
        """It has ended well; ``new``: for the first time."""

    def show_error(self, request: Any, error: Exception) -> None:
        """It has failed."""


class Task:
    """One computation in a thread of its own; cancelling takes effect at its next report of progress."""

    def __init__(self, request: Keyed, run: Callable[[Task], None]) -> None:
        self.request = request
        self.cancelled = threading.Event()
        self.reported = 0.0
        self.thread = threading.Thread(target=run, args=(self,), name=f"detxai-nb {request.key}", daemon=True)


class BackgroundWorker:
    """Maps on request: kept ones at once, others from ``compute(request, progress)`` in a thread.

    A newer request supersedes the one under way; whatever that still does is not shown. ``lock`` (an ``RLock``) guards
    the state here and on the screen; waiting gives it free, also where the waiting thread holds it. A forward pass that
    has begun runs to its end, even where it was cancelled.
    """

    def __init__(
        self,
        compute: Callable[[Any, Progress | None], Any],
        screen: Listener,
        lock: Any,
        size: Callable[[Any], int] | None = None,
        turn: AbstractContextManager[Any] = COMPUTING,
    ) -> None:
        """``size``: the bytes of what ``compute`` returns; by default those of HeatMaps. ``turn``: held while it
        computes; what takes COMPUTING itself, step by step, lets others in between.
        """
        self._turn = turn
        self._compute, self._screen, self._lock = compute, screen, lock
        self._changed = threading.Condition(lock)
        self._task: Task | None = None
        self.kept = ResultStore(size or bytes_of_maps)

    def ask_and_wait(self, request: Keyed) -> None:
        """Compute in the calling thread, and show the maps or the error."""
        try:
            with self._turn:
                maps = self._compute(request, None)
            self._show(request, maps)
        except Exception as error:  # whatever a method or a detector raises is shown, in words
            self._screen.show_error(request, error)

    def ask(self, request: Keyed) -> None:
        """Show these maps, soon."""
        with self._lock:
            if self._task is not None and self._task.request.key == request.key:
                return
            self.drop()
            kept = self.kept.get(request.key)
            if kept is not None:
                self._screen.show_maps(request, kept, new=False)
                return
            self._screen.show_busy(request)
            self._task = Task(request, self._run)
            self._task.thread.start()

    @property
    def busy(self) -> Any:
        """The request under way, or None."""
        return None if self._task is None else self._task.request

    def drop(self) -> bool:
        """Give up the computation under way; whether there was one."""
        with self._lock:
            task = self._task
            if task is not None:
                task.cancelled.set()
                self._end()
            return task is not None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is being computed, at most ``timeout`` seconds; whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._task is None, timeout)

    def _end(self) -> None:
        self._task = None
        self._changed.notify_all()

    def _run(self, task: Task) -> None:
        try:
            with self._turn:
                self._report(task, 0, 0)
                maps = self._compute(task.request, lambda done, total: self._report(task, done, total))
            with self._lock:
                if self._task is task:
                    self._end()
                    self._show(task.request, maps)
        except Cancelled:
            return
        except Exception as error:  # as in ask_and_wait
            with self._lock:
                if self._task is task:
                    self._end()
                if not task.cancelled.is_set():
                    self._screen.show_error(task.request, error)

    def _report(self, task: Task, done: int, total: int) -> None:
        if task.cancelled.is_set():
            raise Cancelled(task.request.key)
        now = time.monotonic()
        # Never waits for the lock: who holds it may wait for COMPUTING. The next report comes soon.
        if not total or now - task.reported < REPORT_EVERY or not self._lock.acquire(blocking=False):
            return
        try:
            task.reported = now
            if self._task is task:
                self._screen.show_progress(done, total)
        finally:
            self._lock.release()

    def _show(self, request: Keyed, maps: Any) -> None:
        """Kept before they are shown, as those who hear of it may ask for them; not kept where they cannot be shown."""
        self.kept.add(request.key, maps)
        try:
            self._screen.show_maps(request, maps, new=True)
        except Exception:
            self.kept.remove(request.key)
            raise


class ResultStore:
    """Results by key, the least recently used given up first, within a number of bytes that ``size`` counts."""

    def __init__(self, size: Callable[[Any], int], limit: int = 256 * 2**20) -> None:
        self.size, self.limit = size, limit
        self._results: OrderedDict[str, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: str) -> Any:
        """The result of that key, or None."""
        if key in self._results:
            self._results.move_to_end(key)
        return self._results.get(key)

    def add(self, key: str, result: Any) -> None:
        """Keep this result as the most recent."""
        self._results[key] = result
        self._results.move_to_end(key)
        while len(self._results) > 1 and sum(map(self.size, self._results.values())) > self.limit:
            self._results.popitem(last=False)

    def remove(self, key: str) -> None:
        """Give up the result of that key."""
        self._results.pop(key, None)

    def clear(self) -> None:
        """Give up everything."""
        self._results.clear()


def bytes_of_maps(maps: HeatMaps) -> int:
    """What maps take on their native grids."""
    return sum(grid.numel() * grid.element_size() for grid in maps.grids)
