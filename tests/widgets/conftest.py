"""What the tests of widgets share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stub

import detxai_nb as dx

SECONDS = 20


@pytest.fixture
def make() -> Iterator[Any]:
    """``make(detector, **options)``: an Explorer that is closed after the test."""
    made = []

    def make_(detector: Any = None, **options: Any) -> dx.widgets.Explorer:
        made.append(dx.widgets.Explorer(detector or stub.StubDetector(), stub.photograph(), **options))
        return made[-1]

    yield make_
    for widget in made:
        widget.wait(SECONDS)
        widget.close()
