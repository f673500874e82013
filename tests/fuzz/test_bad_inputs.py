"""Bad inputs at every door: documented exceptions only, no dead process, no file outside the folder, nothing half read.

A few hundred here; ``DETXAI_NB_FUZZ=10000`` for as many as that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = int(os.environ.get("DETXAI_NB_FUZZ", "300"))


@pytest.mark.skipif(sys.platform == "win32", reason="a process of its own with limited memory")
def test_bad_inputs_end_in_documented_exceptions(tmp_path: Path, repository: Path) -> None:
    pytest.importorskip("anywidget")
    (tmp_path / "outside").mkdir()
    told = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("attack.py")), str(COUNT), "0", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path / "outside",
        env={**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1", "HOME": str(tmp_path / "outside")},
        check=False,
    )
    at = (tmp_path / "at").read_text(encoding="utf-8") if (tmp_path / "at").exists() else "the beginning"
    assert told.returncode == 0, f"the process ended with {told.returncode} at {at}: {told.stderr[-2000:]}"
    result = json.loads(told.stdout.splitlines()[-1])
    assert result["inputs"] >= COUNT * 0.95
    assert not result["wrong"], "\n".join(result["wrong"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["at", "inside", "outside"]
    left = [path for path in (tmp_path / "outside").rglob("*") if path.is_file() and ".cache" not in path.parts]
    assert not left, f"files were written outside of the folder: {left}"
