"""Centers in the tables: registered, loaded by name, wrapped, explained, and cut into stages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from centers.detector import FAMILY
from centers.network import Centers
from safetensors.torch import save_file

import detxai_nb as dx
from detxai_nb.detectors.registry import DETECTORS, FAMILIES
from detxai_nb.testing import photograph

NAMES = ["cat", "dog", "owl"]


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """The family is known for the time of a test."""
    dx.detectors.register(FAMILY)
    yield
    del FAMILIES["centers"], DETECTORS["centers-small"]


def test_loads_by_name(tmp_path: Path) -> None:
    save_file(Centers(3).state_dict(), tmp_path / "w.safetensors")
    detector = dx.load_detector("centers-small", weights=tmp_path / "w.safetensors", names=NAMES, device="cpu")
    assert (detector.family, detector.names) == ("centers", tuple(NAMES))
    assert dx.detectors().loc["centers-small", "family"] == "centers"
    with pytest.raises(ValueError, match="centers-small needs weights"):
        dx.load_detector("centers-small", device="cpu")


def test_wraps_and_explains() -> None:
    detector = dx.wrap(Centers(3), family="centers", names=NAMES, input_size=(96, 160))
    image = photograph()
    found = detector.detect([image], 0.0)[0][:2]
    for target in ("class", "x2"):
        assert torch.isfinite(dx.explain(detector, image, found, target=target).values).all()
    stages = dx.sanity.stages(detector, image)
    assert [stage.name for stage in stages][:3] == ["outputs", "head", "neck"]


def test_says_what_it_expects() -> None:
    with pytest.raises(TypeError, match="expects a Centers network, got Identity"):
        dx.wrap(torch.nn.Identity(), family="centers", names=NAMES)
    with pytest.raises(ValueError, match="3 class outputs, but 1 names"):
        dx.wrap(Centers(3), family="centers", names=["cat"])
    with pytest.raises(ValueError, match="is taken"):
        dx.detectors.register(FAMILY)
