"""docs/adding/detector.md does what it says: its files run as they stand there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from detxai_nb.detectors import registry

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "adding" / "detector.md"
FILES = dict(re.findall(r"```python\n# file: (\w+)\.py\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL))


@pytest.fixture(autouse=True)
def my_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guide's adapter can be imported, and tables may change."""
    monkeypatch.setattr(registry, "FAMILIES", dict(registry.FAMILIES))
    monkeypatch.setitem(sys.modules, "my_detector", run("my_detector"))


def run(name: str) -> ModuleType:
    """A file of the guide as a module."""
    module = ModuleType(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        exec(compile(FILES[name], f"{GUIDE}:{name}.py", "exec"), module.__dict__)
    return module


def test_it_has_the_files_of_a_first_adapter() -> None:
    assert set(FILES) == {"two_functions", "my_detector", "test_my_detector", "use", "examine", "by_hand"}
    adapter = FILES["my_detector"].split("class CellsDetector")[1]
    assert len(adapter.splitlines()) <= 60


def test_the_adapter_keeps_the_contract() -> None:
    with torch.random.fork_rng(devices=[]):
        run("test_my_detector").test_the_contract()


def test_it_can_be_used_and_registered(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("two_functions", "use", "examine", "by_hand"):
        run(name)
    told = ["backbone 4", "backbone (4, 120, 200)", "ok ok", "cells True"]
    assert capsys.readouterr().out.splitlines() == told
    assert (tmp_path / "maps.png").stat().st_size > 1000


def test_what_it_names_is_there() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:detxai_nb|docs|tests)/[\w/.]+)`", text)
    assert "docs/examples/rf_detr.py" in paths
    for path in paths:
        assert (ROOT / path).exists(), path
