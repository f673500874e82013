"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import handing_out
import hypothesis
import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """At most as many threads on a workstation as on the small machine that runs these tests for all; no deadlines.

    One thread where pytest-xdist runs several processes.
    """
    torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else min(2, torch.get_num_threads()))
    # No test is about time, whatever else the machine does.
    hypothesis.settings.register_profile("no deadline", deadline=None)
    hypothesis.settings.load_profile("no deadline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark browser tests in the JUnit report, `.ci/run` fails where one of them was skipped; the longest come first."""
    for item in items:
        if item.get_closest_marker("browser") is not None:
            item.user_properties.append(("browser", "yes"))
    items.sort(key=lambda item: handing_out.rank(item.nodeid))


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
