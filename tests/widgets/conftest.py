"""What the tests of widgets share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stub

import detxai_nb as dx

SECONDS = 20


@pytest.fixture
def make_any() -> Iterator[Any]:
    """``make_any(kind, detector, image=..., **options)``: a widget of that class that is closed after the test."""
    made = []

    def make_(kind: Any, detector: Any = None, image: Any = None, **options: Any) -> Any:
        photo = stub.photograph() if image is None else image
        made.append(kind(detector or stub.StubDetector(), photo, **options))
        return made[-1]

    yield make_
    for widget in made:
        widget.cancel()
        widget.wait(SECONDS)
        widget.close()


@pytest.fixture
def make(make_any: Any) -> Any:
    """``make(detector, **options)``: an Explorer that is closed after the test."""
    return lambda detector=None, **options: make_any(dx.widgets.Explorer, detector, **options)


@pytest.fixture
def compare(make_any: Any) -> Any:
    """``compare(detector, **options)``: a Comparison that is closed after the test."""
    return lambda detector=None, **options: make_any(dx.widgets.Comparison, detector, **options)


@pytest.fixture
def discriminate(make_any: Any) -> Any:
    """``discriminate(detector, **options)``: a Discrimination that is closed after the test."""
    return lambda detector=None, **options: make_any(dx.widgets.Discrimination, detector, **options)


@pytest.fixture
def perturb(make_any: Any) -> Any:
    """``perturb(detector, **options)``: a Perturbation that is closed after the test."""
    return lambda detector=None, **options: make_any(dx.widgets.Perturbation, detector, **options)
