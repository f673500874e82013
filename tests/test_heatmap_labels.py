"""Heat maps as labels of FiftyOne, by a stand-in with the arguments that its ``Heatmap`` documents."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.types import Detections, Target


class Heatmap:
    """The documented constructor: a map or its path, a range, and any attributes of one's own."""

    def __init__(self, map: Any = None, map_path: Any = None, range: Any = None, **own: Any) -> None:
        self.map, self.map_path, self.range, self.own = map, map_path, range, own


@pytest.fixture
def fiftyone(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("fiftyone")
    module.Heatmap = Heatmap  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fiftyone", module)


def some(*grids: torch.Tensor, signed: bool = False, height: int = 32, width: int = 48) -> HeatMaps:
    count = len(grids)
    boxes = torch.tensor([[1.0, 2, 20, 30]]).repeat(count, 1)
    scores, labels = torch.linspace(0.9, 0.5, count), torch.arange(count) % 2
    found = Detections(boxes, scores, labels, ("cat", "dog"), numbers=torch.arange(count) * 3)
    image = np.zeros((height, width, 3), np.uint8)
    placed = Placement.identity(height, width)
    stride = (height / 4, width / 6)
    return HeatMaps(grids, (stride,) * count, placed, image, found, Target(), "odam", signed=signed, unit="probability")


@pytest.mark.usefixtures("fiftyone")
def test_each_map_is_a_label_from_which_the_raw_map_comes_back() -> None:
    maps = some(torch.rand(4, 6) * 3 + 1, torch.rand(4, 6) * 1e-4)
    labels = maps.to_fiftyone()
    assert [label.own["label"] for label in labels] == ["cat", "dog"]
    assert [label.own["number"] for label in labels] == [0, 3]
    assert [label.own["confidence"] for label in labels] == pytest.approx([0.9, 0.5])
    assert {(label.own["method"], label.own["unit"], label.own["status"]) for label in labels} == {
        ("odam", "probability", "ok")
    }
    for label, raw in zip(labels, maps.values):
        assert (label.range, label.map.dtype, label.map.shape) == ([0.0, 1.0], np.float32, (32, 48))
        assert (label.map.min(), label.map.max()) == (0, 1)
        low, high = label.own["low"], label.own["high"]
        np.testing.assert_allclose(low + label.map * (high - low), raw.numpy(), rtol=1e-5, atol=1e-9)


@pytest.mark.usefixtures("fiftyone")
def test_signed_maps_keep_their_zero() -> None:
    maps = some(torch.linspace(-2, 1, 24).view(4, 6), signed=True)
    (label,) = maps.to_fiftyone()
    assert label.range == [-1.0, 1.0]
    most = max(-label.own["low"], label.own["high"])
    np.testing.assert_allclose(label.map * most, maps.values[0].numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.usefixtures("fiftyone")
def test_maps_of_large_photographs_are_made_small() -> None:
    maps = some(torch.rand(4, 6), height=600, width=900)
    assert maps.to_fiftyone()[0].map.shape == (427, 640)
    assert maps.to_fiftyone(longest=None)[0].map.shape == (600, 900)
    small = maps.to_fiftyone(longest=300)[0].map
    whole = maps.to_fiftyone(longest=None)[0].map
    assert small.shape == (200, 300)
    assert np.abs(small - whole[1::3, 1::3]).max() < 0.02, "the same places"
    assert "values" not in maps.__dict__, "the maps at the photograph's size are not made for it"


@pytest.mark.usefixtures("fiftyone")
def test_maps_without_content_say_so() -> None:
    maps = some(torch.zeros(4, 6), torch.full((4, 6), torch.nan))
    empty, lost = maps.to_fiftyone()
    assert (empty.own["status"], empty.own["low"], empty.own["high"]) == ("no positive evidence", 0, 0)
    assert (lost.own["status"], "low" in lost.own) == ("not finite", False)
    assert not empty.map.any()
    assert not lost.map.any()
    assert (
        replace(maps, grids=(), strides=(), corners=(), shifts=(), detections=maps.detections[:0]).to_fiftyone() == []
    )


@pytest.mark.usefixtures("fiftyone")
@pytest.mark.parametrize(("longest", "error"), [(0, ValueError), (2.5, TypeError), (True, TypeError)])
def test_the_longest_side_is_a_number_of_pixels(longest: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="longest is"):
        some(torch.rand(4, 6)).to_fiftyone(longest=longest)


def test_a_missing_library_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fiftyone", None)
    with pytest.raises(ImportError, match="pip install fiftyone"):
        some(torch.rand(4, 6)).to_fiftyone()
