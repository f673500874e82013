"""What all tests share."""

from __future__ import annotations

import gc
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import handing_out
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """Without the collector of garbage, which would look through the libraries and the tests again and again.

    What is there afterwards stays to the end: the collector need never look at it.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_pycollect_makemodule() -> None:
    """Where tests are collected, torchvision comes without the compiler, also if a file of tests imports it first."""
    import detxai_nb.light_torchvision  # noqa: F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark browser tests in the JUnit report, `.ci/run` fails where one of them was skipped; the longest come first.

    At most as many threads on a workstation as on the small machine that runs these tests for all, one where
    pytest-xdist runs several processes; the one that only hands the tests out comes by without torch.
    """
    import torch

    torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else min(2, torch.get_num_threads()))
    for item in items:
        if item.get_closest_marker("browser") is not None:
            item.user_properties.append(("browser", "yes"))
    items.sort(key=lambda item: handing_out.rank(item.nodeid))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[Any]:
    """Whatever a test, such as one of a command with ``--threads``, does to the number of threads ends with it."""
    with handing_out.same_threads():
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole files go to one process, but for those whose tests have less in common; pytest-xdist need not be there."""
    return handing_out.scheduler(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of measuring data beside the checkout: COCO photographs with annotations, and YOLOX weights."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "data" / "coco-mini" / "instances.json").is_file():
        pytest.skip(f"there is no measuring data in {folder} (data/coco-mini and weights/yolox_nano_coco.safetensors)")
    return folder


@pytest.fixture(scope="session")
def ci_script() -> Callable[[str], ModuleType]:
    """``ci_script(name)``: that script of `.ci/` as a module."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, REPOSITORY / ".ci" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
