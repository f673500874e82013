"""Images are measured by the workers of an executor: threads, other processes, or other machines."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch

from detxai_nb.capabilities import Capabilities
from detxai_nb.data.sample import LazyMasks, Masks, Sample
from detxai_nb.evaluation.image_rows import measure_image
from detxai_nb.evaluation.plan import EvaluationPlan
from detxai_nb.evaluation.rows import ImageRows
from detxai_nb.module_use import alone
from detxai_nb.types import Detector

IN_FLIGHT = 64
"""Number of images that the executor has at a time: enough for as many workers, and few enough for the memory."""

_LETTING_GO = 5.0
"""Seconds at most for which the end of worker processes waits for Python's manager of them."""

KEPT = 4
"""Number of evaluations of which a worker process keeps the detector; several may share one executor."""

_LATEST: dict[str, WorkerState] = {}
"""In a worker process: the state of each evaluation, the most recent one last."""


class WorkerState:
    """The plan and the detector, as every worker needs them.

    A detector keeps state while it works, so each thread gets its own: a copy, or what ``make`` returns. The state is
    unpickled once in each process and not with every task.

    Args:
        plan: methods, metrics, protocol and seed.
        detector: the detector to copy; may be None with ``make``.
        make: makes a detector for each thread; None to copy ``detector``.
    """

    def __init__(self, plan: EvaluationPlan, detector: Detector | None, make: Callable[[], Detector] | None) -> None:
        self.plan = plan
        self._detector = detector
        self._make = make
        self._token = uuid.uuid4().hex
        self._packed: bytes | None = None
        self._of_thread = threading.local()
        self._making = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        self.pack()
        return _unpack, (self._token, self._packed)

    def pack(self) -> None:
        """Make what is sent to other processes, once.

        Raises:
            TypeError: if the detector, a method or a metric cannot be sent.
        """
        with self._making:
            if self._packed is None:
                self._packed = self._pack()

    @property
    def _module(self) -> Any:
        return Capabilities(self._detector).module

    def _copy(self) -> Any:
        return alone(self._module, lambda: copy.deepcopy(self._detector), evaluate=False)

    def _pack(self) -> bytes:
        detector = None if self._make else self._detector
        try:
            # Alone, since another thread may have hooked the module for the time of a call.
            return alone(self._module, lambda: pickle.dumps((self.plan, detector, self._make)), evaluate=False)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TypeError(
                f"this detector, or one of the methods and metrics, cannot be sent to another process ({error}); pass "
                "an importable function that makes the detector, and registered methods and metrics"
            ) from error

    @property
    def detector(self) -> Detector:
        """The detector of the calling thread."""
        if not hasattr(self._of_thread, "detector"):
            with self._making:
                self._of_thread.detector = self._make() if self._make else self._copy()
        own: Detector = self._of_thread.detector
        return own


def _unpack(token: str, packed: bytes) -> WorkerState:
    state = _LATEST.pop(token, None) or WorkerState(*pickle.loads(packed))
    _LATEST[token] = state
    while len(_LATEST) > KEPT:
        del _LATEST[next(iter(_LATEST))]
    return state


@dataclass(frozen=True, eq=False)
class PackedMasks:
    """Masks at an eighth of their size; a call unpacks them to bool ``[M,H,W]``.

    Attributes:
        bits: uint8 ``[M,H,ceil(W/8)]``.
        width: W.
    """

    bits: np.ndarray
    width: int

    @classmethod
    def of(cls, masks: np.ndarray) -> PackedMasks:
        """Pack masks.

        Args:
            masks: bool ``[M,H,W]``.

        Returns:
            The packed masks.
        """
        return cls(np.packbits(masks, axis=-1), masks.shape[-1])

    def __call__(self) -> np.ndarray:
        return self.rows(range(len(self.bits)))

    def rows(self, rows: Sequence[int]) -> np.ndarray:
        """Unpack some masks.

        Args:
            rows: numbers of masks.

        Returns:
            bool ``[K,H,W]``.
        """
        return np.unpackbits(self.bits[list(rows)], axis=-1, count=self.width).astype(bool)

    def check(self) -> None:
        """Do nothing: they can be unpacked."""

    def portable(self) -> PackedMasks:
        """Return these masks themselves.

        Returns:
            The same object.
        """
        return self


@dataclass(frozen=True)
class NotSent:
    """The stand-in for masks that no metric of the evaluation needs; a call raises ``ValueError``."""

    def __call__(self) -> np.ndarray:
        raise ValueError(
            "the masks were not sent to the worker: a metric that uses them is registered with needs=('mask',)"
        )


def to_picklable(sample: Sample, plan: EvaluationPlan) -> Sample:
    """Return a sample that can be sent to another process, with what the metrics need.

    Args:
        sample: the image with its annotations.
        plan: its metrics decide whether masks and parts are sent.

    Returns:
        The sample with packed masks and parts, or without them.
    """
    masks, parts = plan.needs("mask"), plan.needs("part")
    return replace(
        sample,
        load_masks=_sent(sample.load_masks, sample, "masks") if masks else NotSent(),
        load_parts=_sent(sample.load_parts, sample, "parts") if parts and sample.load_parts is not None else None,
    )


def _sent(load: Masks, sample: Sample, name: str) -> Masks:
    """Masks as they are sent: undecoded if the dataset can do that, else packed."""
    return load.portable() if isinstance(load, LazyMasks) else PackedMasks.of(getattr(sample, name))


def measure_in_worker(state: WorkerState, sample: Sample, number: int) -> ImageRows:
    """Run one task: ``measure_image`` with the worker's own detector.

    Args:
        state: the plan and the detector.
        sample: the image with its annotations.
        number: the image's number in the dataset.

    Returns:
        The record and the rows.
    """
    return measure_image(state.plan, state.detector, sample, number)


def map_images(executor: Executor, state: WorkerState, samples: Iterable[tuple[int, Sample]]) -> Iterator[ImageRows]:
    """Measure images by an executor, which has ``IN_FLIGHT`` of them at a time.

    If a task fails or the caller stops early, tasks that have not begun are cancelled. The executor is not shut down.

    Args:
        executor: any ``concurrent.futures`` executor.
        state: the plan and the detector.
        samples: images with their numbers.

    Yields:
        The rows of each image, in the order in which the executor finishes them.

    Raises:
        TypeError: if the detector, a method or a metric cannot be sent to another process.
    """
    if isinstance(executor, ProcessPoolExecutor):
        # Here, where an error ends the work: in its own thread that sends tasks, such an executor may hang by it.
        state.pack()
    waiting: set[Future[ImageRows]] = set()
    source = iter(samples)
    try:
        while True:
            for number, sample in islice(source, IN_FLIGHT - len(waiting)):
                waiting.add(executor.submit(measure_in_worker, state, to_picklable(sample, state.plan), number))
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for task in done:
                yield task.result()
    except BrokenExecutor:
        # The executor fails all its tasks by itself. One cancelled meanwhile would stop it on the way, for ever.
        waiting = set()
        raise
    finally:
        for task in waiting:
            task.cancel()


def check_executor(executor: Any) -> None:
    """Raise an error if an executor cannot measure images.

    Args:
        executor: what ``evaluate`` was given, not None.

    Raises:
        TypeError: if it is no executor, such as a ``multiprocessing.Pool``.
        ValueError: if it forks this process. A forked child has the locks of PyTorch's threads, but not the threads: it
            may wait for them for ever.
    """
    if not callable(getattr(executor, "submit", None)):
        raise TypeError(
            "executor is a concurrent.futures executor, such as those of dx.evaluation.worker_processes(2) or a Dask "
            f"client's get_executor(); got {type(executor).__name__}"
        )
    context = getattr(executor, "_mp_context", None) if isinstance(executor, ProcessPoolExecutor) else None
    if context is not None and context.get_start_method() == "fork":
        raise ValueError(
            "this ProcessPoolExecutor forks the process, and a forked process may hang in PyTorch; take `with "
            "dx.evaluation.worker_processes(2) as executor:`, or start the processes anew: "
            'ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))'
        )


@contextmanager
def worker_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Return a context with an executor of new processes on this machine, each with its share of the CPU cores.

    The processes are spawned, not forked, as CUDA requires; a script that uses them must do its work under ``if
    __name__ == "__main__":``. Several processes can share one GPU, which then waits less for Python. Ctrl-C, any other
    error in the block, or the end of this process ends them at once, also in the middle of an image.

    Args:
        count: number of processes, at least 1.

    Yields:
        The executor, for ``evaluate(executor=...)``.

    Raises:
        ValueError: if ``count`` is below 1 or not a whole number.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"worker processes are a whole number of at least 1, got {count!r}")
    context = multiprocessing.get_context("spawn")
    # Nothing is ever sent: the workers read until this end is closed, by this process or by its death.
    theirs, ours = context.Pipe(duplex=False)
    executor = _Workers(count, context, _begin_worker, (threads_each(count), theirs))
    try:
        yield executor
        executor.shutdown()
    finally:
        executor.end(ours)
        theirs.close()


class _Workers(ProcessPoolExecutor):
    """Processes that Ctrl-C does not reach, from their first instruction on, and that can be ended at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        # A process is started here, and has the signals of this thread blocked until it ignores them.
        if not hasattr(signal, "pthread_sigmask"):
            return super().submit(fn, *args, **kwargs)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def end(self, lifeline: Connection) -> None:
        """End the processes, also in the middle of a task or while they start.

        Args:
            lifeline: the connection whose end is theirs.
        """
        manager: Any = self._executor_manager_thread
        tasks: Any = getattr(self, "_call_queue", None)
        processes = list((self._processes or {}).values())
        self.shutdown(wait=False, cancel_futures=True)
        # Python's manager of the processes must have let go of cancelled tasks before it finds the processes gone.
        deadline = time.monotonic() + _LETTING_GO
        while manager is not None and manager.is_alive() and self._cancel_pending_futures:
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        lifeline.close()
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        if tasks is not None and sys.version_info < (3, 11, 5):
            # There a task that is larger than a pipe is written for ever, to nobody, and waited for. Later versions
            # close this end in the manager's thread: closed twice, it may be another file's by then.
            tasks._reader.close()
        if manager is not None:
            manager.join()


def threads_each(count: int) -> int:
    """Return the number of threads for each of several processes, so that together they do not exceed the cores.

    Args:
        count: number of processes.

    Returns:
        At least 1, at most the current number of torch threads.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(torch.get_num_threads(), cores // count))


def _begin_worker(threads: int, parent: Connection) -> None:
    # The terminal sends Ctrl-C to all processes; only the parent acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    parent.poll(None)
    os._exit(1)
