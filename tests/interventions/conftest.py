"""What the tests of interventions share: one small scene, and detectors that are loaded once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.types import Detections


@cache
def _detector(name: str) -> Any:
    return dx.load_detector(name, device="cpu")


@pytest.fixture(scope="session")
def load() -> Callable[[str], Any]:
    """A bundled detector by its name, loaded once."""
    return _detector


@pytest.fixture(scope="session")
def scene() -> scenes.Scene:
    """A scene of which tiny-fcos finds several objects."""
    return scenes.make(4, seed=1, width=192, height=160)


@pytest.fixture(scope="session")
def found(load: Callable[[str], Any], scene: scenes.Scene) -> Detections:
    """What tiny-fcos finds there."""
    detections: Detections = load("tiny-fcos").detect([scene.image])[0]
    return detections
