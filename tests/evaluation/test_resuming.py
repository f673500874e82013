"""An evaluation that is killed at any moment and taken up again ends with the table of one that was left alone.

``DETXAI_NB_KILLS`` sets the number of kills, 2 if it is not set.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_evaluation import FEW_STEPS, Squares, assert_same, colours, processes

from detxai_nb.evaluation import evaluate, store

pytest.importorskip("pyarrow", reason="the extra 'evaluation' is not installed")

KILLS = int(os.environ.get("DETXAI_NB_KILLS", "2"))
COUNT = 20
METRICS = ["energy-pointing-box", "deletion-odam"]
MERGE = 4
"""Small, so that kills also fall into the merging of files."""


def go(folder: Path | None = None, **changes: Any) -> pd.DataFrame:
    arguments: dict[str, Any] = {"store": folder, "metric_settings": FEW_STEPS, "progress": False, **changes}
    dataset = arguments.pop("dataset", None) or Squares(COUNT)
    return evaluate(colours(), dataset, [], METRICS, **arguments)


def work(folder: Path, begun: Any) -> None:
    """What the killed process does."""
    store.MERGE = MERGE
    begun.set()
    go(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_kills_at_random_moments_leave_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = processes()
    monkeypatch.setattr(store, "MERGE", MERGE)
    started = time.perf_counter()
    undisturbed = go()
    duration = time.perf_counter() - started
    random = np.random.default_rng(7)
    kept: list[int] = []
    attempt = 0
    while len(kept) < KILLS:
        folder = tmp_path / f"run{attempt}"
        attempt += 1
        begun = context.Event()
        process = context.Process(target=work, args=(folder, begun))
        process.start()
        assert begun.wait(300)
        time.sleep(float(random.uniform(0, duration)))
        with suppress(ProcessLookupError):
            os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        if process.exitcode == 0:
            # It had ended already, so this was no kill; earlier next time.
            duration *= 0.8
            assert attempt < 10 * KILLS
            continue
        kept.append(len(list(folder.glob("images-*"))))
        assert_same(go(folder), undisturbed)
        assert not list(folder.glob(".*.part"))
    print(f"{len(kept)} kills, resumed from files: {kept}")


@pytest.mark.parametrize("after", [0, 1, 7])
def test_ctrl_c_loses_no_finished_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    monkeypatch.setattr(store, "MERGE", MERGE)
    calls = 0

    class Interrupted(Squares):
        def __getitem__(self, index: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == after + 1:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    # The same dataset to the store, as its class says who it is.
    Interrupted.__qualname__, Interrupted.__module__ = Squares.__qualname__, Squares.__module__
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "run", dataset=Interrupted(COUNT), limit=9)
    seen: list[tuple[int, int]] = []
    frame = go(tmp_path / "run", limit=9, progress=lambda *n: seen.append(n))
    assert seen[0] == (after + 1, 9)
    assert_same(frame, go(limit=9))
