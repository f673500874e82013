"""Images spread over threads, processes and a Dask cluster give the table of one process."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small_evaluation import (
    FEW_STEPS,
    METRICS,
    NAMES,
    Squares,
    assert_same,
    begin_processes,
    colours,
    find_colours,
    processes,
)

import detxai_nb as dx
from detxai_nb.evaluation import evaluate, parallel
from detxai_nb.evaluation.parallel import WorkerState, threads_each, to_picklable, worker_processes
from detxai_nb.evaluation.plan import make_plan
from detxai_nb.evaluation.selection import PROTOCOLS

EVERY = (*METRICS, "vea")


def run(executor: Executor | None = None, detector: Any = None, **changes: Any) -> pd.DataFrame:
    return evaluate(
        detector or colours(),
        Squares(5),
        [],
        EVERY,
        metric_settings=FEW_STEPS,
        executor=executor,
        progress=False,
        **changes,
    )


@pytest.fixture(scope="module")
def alone() -> pd.DataFrame:
    return run()


@pytest.mark.parametrize("in_flight", [1, 3, 64])
def test_threads(alone: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, in_flight: int) -> None:
    monkeypatch.setattr(parallel, "IN_FLIGHT", in_flight)
    with ThreadPoolExecutor(3) as executor:
        assert_same(run(executor), alone)
        # The executor is still the caller's.
        assert executor.submit(len, "ab").result() == 2


def test_processes(alone: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with ProcessPoolExecutor(2, mp_context=processes()) as executor:
        assert_same(run(executor, store=tmp_path / "run", limit=3), run(limit=3))
        # Half of it by other processes, the rest here, and the detector made by a function.
        assert_same(run(store=tmp_path / "run"), alone)
        assert_same(run(executor, detector=colours, limit=2), run(limit=2))
        unsendable = dx.wrap_predict(lambda image: find_colours(image), NAMES)
        with pytest.raises(TypeError, match="cannot be sent to another process"):
            run(executor, detector=unsendable)


def test_worker_processes_of_this_machine(alone: pd.DataFrame) -> None:
    """One is enough for what is new here: a process that is spawned, and imports everything, which takes seconds."""
    with worker_processes(1) as executor:
        assert_same(run(executor, detector=colours), alone)
        (worker,) = set(executor.map(_process_id, range(8)))
    assert worker != os.getpid()


def test_an_error_ends_the_worker_processes_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), worker_processes(1) as executor:
        executor.submit(time.sleep, 10**6)
        raise KeyboardInterrupt


def test_an_executor_that_forks_is_refused_with_the_remedy() -> None:
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as executor:
        with pytest.raises(ValueError, match=r"may hang in PyTorch; take `with dx\.evaluation\.worker_processes"):
            run(executor)
        assert not executor._processes
    no_executor: Any = [1]
    with pytest.raises(TypeError, match=r"executor is a concurrent\.futures executor, .* got list"):
        run(no_executor)


STARTING = """
import signal, sys, time
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a shell runs in the background
    from detxai_nb.evaluation import worker_processes
    with worker_processes(2) as executor:
        tasks = [executor.submit(len, bytes(10**6)) for _ in range(40)]
        print("started", *(process.pid for process in executor._processes.values()), flush=True)
        tasks[-1].result()
        time.sleep(600)
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="signals to a group of processes")
def test_ctrl_c_while_worker_processes_start_ends_them_all(tmp_path: Path) -> None:
    script = tmp_path / "start.py"
    script.write_text(STARTING)
    # As from a terminal: the signal goes to all processes of the group.
    main = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert main.stdout is not None
        word, *workers = main.stdout.readline().split()
        assert (word, len(workers)) == ("started", 2)
        os.killpg(main.pid, signal.SIGINT)
        _, said = main.communicate(timeout=120)
        assert said.rstrip().endswith("KeyboardInterrupt"), said
        assert "InvalidStateError" not in said
        assert main.returncode in (-signal.SIGINT, 130, 1)
        for worker in workers:
            with pytest.raises(ProcessLookupError):
                os.kill(int(worker), 0)
    finally:
        main.kill()
        main.communicate()


def test_worker_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    assert [threads_each(count) for count in (1, 2, 3, 8, 20)] == [8, 4, 2, 1, 1]
    for count in (0, True, 2.0):
        with pytest.raises(ValueError, match="at least 1, got"), worker_processes(count):
            pass


def test_dask_cluster_of_two_workers(alone: pd.DataFrame, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")
    dask = pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": begin_processes()}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=str(tmp_path)
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert_same(run(client.get_executor()), alone)
        workers = set(client.run(_process_id).values())
    assert len(workers) == 2


def _process_id(number: int = 0) -> int:
    return os.getpid()


def test_each_thread_has_its_own_detector() -> None:
    made: list[int] = []
    used: dict[int, set[int]] = {}

    class Watched:
        names = NAMES
        device = colours().device

        def __init__(self) -> None:
            made.append(id(self))
            self.inside = colours()

        def __deepcopy__(self, memo: Any) -> Watched:
            return Watched()

        def detect(self, images: Any, score_threshold: float = 0.3) -> Any:
            used.setdefault(threading.get_ident(), set()).add(id(self))
            return self.inside.detect(images, score_threshold)

    for detector in (Watched(), Watched):
        used.clear()
        with ThreadPoolExecutor(2) as executor:
            run(executor, detector=detector)
        assert all(len(one) == 1 for one in used.values())
        assert len(set().union(*used.values())) == len(used)
    assert len(made) >= 4


def test_a_failing_task_ends_the_run_and_cancels_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "IN_FLIGHT", 4)
    submitted: list[Future[Any]] = []

    class Held(ThreadPoolExecutor):
        """One thread, so that tasks wait."""

        def submit(self, *arguments: Any, **named: Any) -> Future[Any]:
            submitted.append(super().submit(*arguments, **named))
            return submitted[-1]

    def fails(image: np.ndarray) -> Any:
        raise RuntimeError("the camera is gone")

    with Held(1) as executor, pytest.raises(RuntimeError, match="the camera is gone"):
        run(executor, detector=functools.partial(dx.wrap_predict, lambda image: fails(image), NAMES))
    assert len(submitted) == 4


def test_what_is_sent_is_small_and_whole() -> None:
    plan = make_plan([], ["vea"], PROTOCOLS["default"])
    sample = Squares()[0]
    sent = pickle.loads(pickle.dumps(to_picklable(sample, plan)))
    assert np.array_equal(sent.masks, sample.masks)
    assert np.array_equal(sent.image, sample.image)
    assert sent.parts is None
    without = to_picklable(sample, make_plan([], ["compactness"], PROTOCOLS["default"]))
    with pytest.raises(ValueError, match="masks were not sent"):
        pickle.loads(pickle.dumps(without)).masks  # noqa: B018


def test_the_detector_is_unpacked_once_in_a_process() -> None:
    shared = WorkerState(make_plan([], ["compactness"], PROTOCOLS["default"]), colours(), None)
    content = pickle.dumps(shared)
    first, second = pickle.loads(content), pickle.loads(content)
    assert first is second
    assert first.detector is second.detector
    assert first.detector is not shared.detector


def test_evaluations_that_share_a_process_keep_their_detectors() -> None:
    plan = make_plan([], ["compactness"], PROTOCOLS["default"])
    contents = [pickle.dumps(WorkerState(plan, colours(), None)) for _ in range(parallel.KEPT + 1)]
    *several, last = contents
    kept = [pickle.loads(content) for content in several]
    assert [pickle.loads(content) for content in several] == kept
    pickle.loads(last)
    # The one longest unused gave way.
    assert [pickle.loads(content) is old for content, old in zip(reversed(several), reversed(kept))] == [
        *[True] * (len(kept) - 1),
        False,
    ]
