"""Computations beside the kernel: one at a time, the newest wins, each can be cancelled, and results are kept."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.types import Cancelled, Progress

COMPUTING = threading.Lock()
"""Held by whatever computes for a widget: the detectors of all widgets run one after the other."""

REPORT_EVERY = 0.1
"""Seconds between two reports of progress."""


_RUNNING: weakref.WeakSet[Task] = weakref.WeakSet()
"""Those whose thread may still run, given up or not."""


class Keyed(Protocol):
    """A request with a key."""

    @property
    def key(self) -> str:
        """The request's name: the same for the same computation."""


class Listener(Protocol):
    """Where results appear: every call is made with the lock held, most of them from the computing thread."""

    def show_busy(self, request: Any) -> None:
        """Show that a computation has begun.

        Args:
            request: the computation.
        """

    def show_progress(self, done: int, total: int) -> None:
        """Show how far it is.

        Args:
            done, total: steps.
        """

    def show_maps(self, request: Any, maps: Any, new: bool) -> None:
        """Show a result.

        Args:
            request: the computation.
            maps: its result.
            new: whether it was computed just now.
        """

    def show_error(self, request: Any, error: Exception) -> None:
        """Show that it failed.

        Args:
            request: the computation.
            error: what it raised.
        """


class Task:
    """One computation in a thread of its own; cancelling takes effect at its next report of progress.

    Args:
        request: the computation.
        run: called in the thread with this task.
    """

    def __init__(self, request: Keyed, run: Callable[[Task], None]) -> None:
        self.request = request
        self.cancelled = threading.Event()
        self.reported = 0.0
        self.thread = threading.Thread(target=run, args=(self,), name=f"detxai-nb {request.key}", daemon=True)
        _RUNNING.add(self)


@atexit.register
def end_all() -> None:
    """Give up what is still being computed, and wait for the end of the steps that have begun.

    Python calls it before it ends: a thread that computes while the interpreter is taken down kills the process.
    """
    for task in list(_RUNNING):
        task.cancelled.set()
    for task in list(_RUNNING):
        if task.thread.is_alive():
            task.thread.join()


class BackgroundWorker:
    """Maps on request: kept ones at once, others from ``compute(request, progress)`` in a thread.

    A newer request supersedes the running one, whose result is then not shown. A forward pass that has begun runs to
    its end, even if it was cancelled.

    Args:
        compute: from a request and a progress callback to a result.
        listener: where results appear.
        lock: guards the state here and in the listener; waiting releases it, even if the waiting thread holds it.
        size: the bytes of a result; by default those of HeatMaps.
        turn: held during a computation; one that takes COMPUTING itself, step by step, lets others in between.

    Attributes:
        kept: the results.
    """

    def __init__(
        self,
        compute: Callable[[Any, Progress | None], Any],
        listener: Listener,
        lock: threading.RLock,
        size: Callable[[Any], int] | None = None,
        turn: AbstractContextManager[Any] = COMPUTING,
    ) -> None:
        self._turn = turn
        self._compute, self._listener, self._lock = compute, listener, lock
        self._changed = threading.Condition(lock)
        self._task: Task | None = None
        self.kept = ResultStore(size or bytes_of_maps)

    def ask_and_wait(self, request: Keyed) -> None:
        """Compute in the calling thread, and show the result or the error.

        Args:
            request: the computation.
        """
        try:
            with self._turn:
                maps = self._compute(request, None)
            self._show(request, maps)
        except Exception as error:  # whatever a method or a detector raises is shown in words
            self._listener.show_error(request, error)

    def ask(self, request: Keyed) -> None:
        """Show a result soon: at once if it is kept, else after computing it in a thread.

        Args:
            request: the computation.
        """
        with self._lock:
            if self._task is not None and self._task.request.key == request.key:
                return
            self.drop()
            kept = self.kept.get(request.key)
            if kept is not None:
                self._listener.show_maps(request, kept, new=False)
                return
            self._listener.show_busy(request)
            self._task = Task(request, self._run)
            self._task.thread.start()

    @property
    def busy(self) -> Any:
        """The running request, or None."""
        return None if self._task is None else self._task.request

    def drop(self) -> bool:
        """Give up the running computation.

        Returns:
            Whether there was one.
        """
        with self._lock:
            task = self._task
            if task is not None:
                task.cancelled.set()
                self._end()
            return task is not None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is being computed.

        Args:
            timeout: the longest wait in seconds, None for no limit.

        Returns:
            Whether nothing is being computed any more.
        """
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
                    self._listener.show_error(task.request, error)

    def _report(self, task: Task, done: int, total: int) -> None:
        if task.cancelled.is_set():
            raise Cancelled(task.request.key)
        now = time.monotonic()
        # Never waits for the lock, whose holder may wait for COMPUTING. The next report comes soon.
        if not total or now - task.reported < REPORT_EVERY or not self._lock.acquire(blocking=False):
            return
        try:
            task.reported = now
            if self._task is task:
                self._listener.show_progress(done, total)
        finally:
            self._lock.release()

    def _show(self, request: Keyed, maps: Any) -> None:
        """Kept before it is shown, since observers may request it; not kept if it cannot be shown."""
        self.kept.add(request.key, maps)
        try:
            self._listener.show_maps(request, maps, new=True)
        except Exception:
            self.kept.remove(request.key)
            raise


class ResultStore:
    """Results by key; beyond a number of bytes the least recently used is dropped first.

    Args:
        size: the bytes of a result.
        limit: the most bytes to keep; the newest result always stays.
    """

    def __init__(self, size: Callable[[Any], int], limit: int = 256 * 2**20) -> None:
        self.size, self.limit = size, limit
        self._results: OrderedDict[str, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: str) -> Any:
        """Return a result, which then counts as just used.

        Args:
            key: its key.

        Returns:
            The result or None.
        """
        if key in self._results:
            self._results.move_to_end(key)
        return self._results.get(key)

    def add(self, key: str, result: Any) -> None:
        """Keep a result as the most recent.

        Args:
            key: its key.
            result: any.
        """
        self._results[key] = result
        self._results.move_to_end(key)
        while len(self._results) > 1 and sum(map(self.size, self._results.values())) > self.limit:
            self._results.popitem(last=False)

    def remove(self, key: str) -> None:
        """Drop one result, if it is there.

        Args:
            key: its key.
        """
        self._results.pop(key, None)

    def clear(self) -> None:
        """Drop all results."""
        self._results.clear()


def bytes_of_maps(maps: HeatMaps) -> int:
    """Return how many bytes maps take on their native grids.

    Args:
        maps: any.

    Returns:
        Bytes.
    """
    return sum(grid.numel() * grid.element_size() for grid in maps.grids)
