"""The guide "Evaluating": its code runs as it stands there, its script for SLURM on a cluster of this machine."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from small_evaluation import assert_same, begin_processes

import detxai_nb as dx

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "evaluating.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_first_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    few = BLOCKS[0].replace("Scenes(20, seed=7)", "Scenes(2, seed=7)")
    assert few != BLOCKS[0]
    exec(compile(few, str(GUIDE), "exec"), names)
    assert set(names["rows"]["method"]) == {"odam", "grad-cam", "control: random", "control: Gaussian"}
    assert (tmp_path / "run").is_dir()


def test_the_script_for_slurm_gives_the_rows_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")
    dask = pytest.importorskip("dask")
    asked: dict[str, Any] = {}

    class Here(distributed.LocalCluster):  # type: ignore[misc, name-defined]
        """In the place of a cluster that SLURM starts: two workers of this machine."""

        def __init__(self, **settings: Any) -> None:
            asked.update(settings)
            super().__init__(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=str(tmp_path)
            )

        def scale(self, n: int = 0, **settings: Any) -> Any:
            asked.update(settings)
            return None if "jobs" in settings else super().scale(n, **settings)

    stand_in = ModuleType("dask_jobqueue")
    stand_in.SLURMCluster = Here  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dask_jobqueue", stand_in)
    (script,) = [block for block in BLOCKS if block.startswith("# file: on_slurm.py")]
    module = ModuleType("on_slurm")
    exec(compile(script, str(GUIDE), "exec"), module.__dict__)
    scenes = dx.data.scenes.Scenes(3, seed=7)
    with dask.config.set({"distributed.worker.multiprocessing-method": begin_processes()}):
        rows = module.evaluate_on_slurm(scenes, tmp_path / "run", jobs=2)
    assert (asked["processes"], asked["jobs"]) == (4, 2)
    metrics = ["pointing-game-box", "energy-pointing-box"]
    assert_same(
        rows, dx.evaluate(dx.load_detector("tiny-fcos", device="cpu"), scenes, ["odam"], metrics, progress=False)
    )
