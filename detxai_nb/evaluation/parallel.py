"""Images spread over the workers of an executor, in the same process, in others, or on other machines."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import signal
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch

from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.image_rows import measure_image
from detxai_nb.evaluation.plan import EvaluationPlan
from detxai_nb.evaluation.rows import ImageRows
from detxai_nb.types import Detector

IN_FLIGHT = 64
"""So many images are with the executor at a time: enough for as many workers, and few enough to be held in memory."""

KEPT = 4
"""Of so many evaluations does a worker process keep the detector: several may share one executor."""

_LATEST: dict[str, WorkerState] = {}
"""In a worker process: what the tasks of each evaluation share, that which it last worked for at the end."""


class WorkerState:
    """The plan and the detector, as every worker needs them.

    A detector keeps state while it works, so each thread gets one of its own: a copy, or what ``make`` makes where the
    detector came as a function. Pickled, it is unpickled once in each process and not with every task.
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
        with self._making:
            if self._packed is None:
                self._packed = self._pack()
        return _unpack, (self._token, self._packed)

    def _pack(self) -> bytes:
        try:
            return pickle.dumps((self.plan, None if self._make else self._detector, self._make))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TypeError(
                f"this detector, or one of the methods and metrics, cannot be sent to another process ({error}); hand "
                "in an importable function that makes the detector, and registered methods and metrics"
            ) from error

    @property
    def detector(self) -> Detector:
        """The detector of the thread that asks."""
        if not hasattr(self._of_thread, "detector"):
            with self._making:
                self._of_thread.detector = self._make() if self._make else copy.deepcopy(self._detector)
        return self._of_thread.detector


def _unpack(token: str, packed: bytes) -> WorkerState:
    shared = _LATEST.pop(token, None) or WorkerState(*pickle.loads(packed))
    _LATEST[token] = shared
    while len(_LATEST) > KEPT:
        del _LATEST[next(iter(_LATEST))]
    return shared


@dataclass(frozen=True, eq=False)
class PackedMasks:
    """Masks bool ``[M,H,W]`` at an eighth of their size, made again when called."""

    bits: np.ndarray
    width: int

    @classmethod
    def of(cls, masks: np.ndarray) -> PackedMasks:
        """Packed ``masks``."""
        return cls(np.packbits(masks, axis=-1), masks.shape[-1])

    def __call__(self) -> np.ndarray:
        return np.unpackbits(self.bits, axis=-1, count=self.width).astype(bool)


@dataclass(frozen=True)
class NotSent:
    """Stands in for masks that no metric of the evaluation says it needs."""

    def __call__(self) -> np.ndarray:
        raise ValueError("the masks were not sent to the worker: a metric that looks at them says needs=('mask',)")


def to_picklable(sample: Sample, plan: EvaluationPlan) -> Sample:
    """The sample with what the plan's metrics need of it, fit to be sent to another process."""
    masks, parts = plan.needs("mask"), plan.needs("part") and sample.parts is not None
    return replace(
        sample,
        load_masks=PackedMasks.of(sample.masks) if masks else NotSent(),
        load_parts=PackedMasks.of(sample.parts) if parts and sample.parts is not None else None,
    )


def measure_shared(shared: WorkerState, sample: Sample, number: int) -> ImageRows:
    """One task: ``measure_image`` with the worker's own detector."""
    return measure_image(shared.plan, shared.detector, sample, number)


def map_images(executor: Executor, shared: WorkerState, samples: Iterable[tuple[int, Sample]]) -> Iterator[ImageRows]:
    """The rows of each image, as the executor finishes them; ``IN_FLIGHT`` of them are handed out at a time.

    Where a task fails or the caller stops early, the tasks that have not begun are cancelled; the executor stays the
    caller's.
    """
    waiting: set[Future[ImageRows]] = set()
    source = iter(samples)
    try:
        while True:
            for number, sample in islice(source, IN_FLIGHT - len(waiting)):
                waiting.add(executor.submit(measure_shared, shared, to_picklable(sample, shared.plan), number))
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in waiting:
            task.cancel()


@contextmanager
def worker_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """An executor of ``count`` new processes on this machine, each with its share of the processor's cores.

    They are started afresh, not forked, as CUDA asks for; so a script that uses them has its work under ``if __name__
    == "__main__":``. On one GPU several share it: what they save is the time that the GPU waits for Python. Ctrl-C,
    another error in the block or the end of this process, however it comes, ends them at once; so in the middle of an
    image. Raises ``ValueError`` for a ``count`` below 1.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"worker processes are a whole number of at least 1, got {count!r}")
    context = multiprocessing.get_context("spawn")
    # Nothing is ever sent: the workers read until this end is closed, by us or by our death.
    theirs, ours = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(count, context, _begin_worker, (threads_each(count), theirs))
    try:
        yield executor
        executor.shutdown()
    finally:
        ours.close()
        executor.shutdown()
        theirs.close()


def threads_each(count: int) -> int:
    """How many threads each of ``count`` processes takes so that together they have no more than there are cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(torch.get_num_threads(), cores // count))


def _begin_worker(threads: int, parent: Connection) -> None:
    # The terminal sends Ctrl-C to all; what it means is the parent's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    parent.poll(None)
    os._exit(1)
