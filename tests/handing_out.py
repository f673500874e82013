"""How the tests are dealt out to the processes of pytest-xdist: in which units, and which units first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

APART = ("tests/detectors/test_contract.py",)
"""Files whose tests share a model only where their first parameter is the same."""
LAB = re.compile(r"tests/browser/test_(?!saved_)\w+_in_lab\.py|tests/browser/test_start_notebook\.py")
"""Files whose tests share one JupyterLab in one page, which takes long to start."""
NOTEBOOKS = "tests/test_notebooks.py"
"""Its kernels are forked from one process."""
LONGEST = (LAB, NOTEBOOKS, *APART, "tests/browser/", "tests/detectors/test_yolox.py", "tests/training/test_zoo.py")
"""What takes longest, the longest first."""


def unit(nodeid: str) -> str:
    """Tests of the same unit run in one process: those of one file, in ``APART`` those of one first parameter, and
    those of all files of ``LAB``.
    """
    path, _, test = nodeid.partition("::")
    if LAB.fullmatch(path):
        return "JupyterLab"
    parameter = re.search(r"\[(\w+)", test) if path in APART else None
    return f"{path}[{parameter[1]}]" if parameter else path


def rank(nodeid: str) -> int:
    """By this number tests are sorted: a long unit that begins last would keep one process busy and the others idle."""
    return next((number for number, which in enumerate(LONGEST) if _is_of(nodeid, which)), len(LONGEST))


@contextmanager
def same_threads() -> Iterator[None]:
    """Leave PyTorch as many threads as it had.

    A process that a test left with two of them, where each of several processes has one, spends its time waiting: at
    every operation each thread waits for the other's turn on a core, and takes ten times as long, or more.
    """
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def _is_of(nodeid: str, which: str | re.Pattern[str]) -> bool:
    return nodeid.startswith(which) if isinstance(which, str) else bool(which.match(nodeid))


def scheduler(config: pytest.Config, log: Any) -> Any:
    """xdist's scheduler of whole files, but of these units and in the order of collection, not by number of tests."""
    from xdist.scheduler import LoadFileScheduling

    class UnitScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    config.option.loadscopereorder = False
    return UnitScheduling(config, log)
