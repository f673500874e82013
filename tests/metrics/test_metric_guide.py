"""The guide "Add a metric": its metric and its tests are run as they stand there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from detxai_nb.metrics import METRICS

BLOCKS = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_example_of_the_guide_does_what_its_tests_say(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = BLOCKS.findall((repository / "docs" / "adding" / "metric.md").read_text(encoding="utf-8"))
    (source,) = [block for block in blocks if block.startswith('"""Background energy: the share')]
    (tests,) = [block for block in blocks if block.startswith('"""Background energy: values')]
    before = dict(METRICS)
    try:
        for name, code in (("detxai_nb.metrics.background", source), ("test_background", tests)):
            module = ModuleType(name)
            monkeypatch.setitem(sys.modules, name, module)
            exec(compile(code, name, "exec"), module.__dict__)
        run = [value for name, value in module.__dict__.items() if name.startswith("test_")]
        assert len(run) == 3
        for test in run:
            test()
        (last,) = [block for block in blocks if "highest_value" in block]
        exec(compile(last, "notebook", "exec"), {"__name__": "notebook"})
        assert "highest-value" in METRICS
    finally:
        METRICS.clear()
        METRICS.update(before)
