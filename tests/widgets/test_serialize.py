"""What the browser is sent, checked by undoing it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import stub
import torch
from PIL import Image

import detxai_nb as dx
from detxai_nb.geometry import Placement
from detxai_nb.widgets.shared import serialize


def stub_maps(target: str = "class", **settings: str) -> dx.HeatMaps:
    detector = stub.StubDetector()
    found = detector.detect([stub.photograph()])[0]
    return dx.explain(detector, stub.photograph(), found, target=target, **settings)


def unpack(sent: dict, index: int) -> np.ndarray:
    """One grid of raw values, as the browser decodes it."""
    grid = sent["grids"][index]
    height, width = grid["shape"]
    quanta = np.frombuffer(sent["values"], "<u2", height * width, 2 * grid["offset"]).reshape(height, width)
    return grid["low"] + quanta.astype(np.float64) * (grid["high"] - grid["low"]) / serialize.STEPS


def place(values: np.ndarray, sent: dict, index: int) -> np.ndarray:
    """A grid at every pixel of the photograph, by the formula that the browser uses."""
    height, width = sent["size"]
    (scale_x, scale_y), (shift_x, shift_y) = sent["scale"], sent["shift"]
    stride_x, stride_y = sent["grids"][index]["stride"]
    corner = sent["grids"][index]["corner"]
    left, top = corner or sent["grids"][index]["shift"]
    u = ((np.arange(width) + 0.5) * scale_x + shift_x - left) / stride_x
    v = ((np.arange(height) + 0.5) * scale_y + shift_y - top) / stride_y
    rows = np.stack([np.interp(u - 0.5, np.arange(values.shape[1]), row) for row in values])
    placed = np.stack([np.interp(v - 0.5, np.arange(values.shape[0]), column) for column in rows.T], axis=1)
    if corner is not None:
        placed[(v < 0) | (v > values.shape[0])] = 0
        placed[:, (u < 0) | (u > values.shape[1])] = 0
    return placed


@pytest.mark.parametrize("direction", ["positive", "negative", "signed", "absolute"])
def test_raw_values_come_back_to_a_step_of_their_range(direction: str) -> None:
    maps = stub_maps(direction=direction)
    sent = serialize.pack_maps("k", "t", maps)
    assert sent["signed"] == (direction == "signed")
    for index, grid in enumerate(maps.grids):
        step = float(grid.max() - grid.min()) / serialize.STEPS
        assert np.abs(unpack(sent, index) - grid.double().numpy()).max() <= 0.5 * step + 1e-12


def test_the_browsers_formula_places_a_map_where_python_does() -> None:
    shifted = Placement((120, 200), (72, 120), (96, 160), (8, 24))
    maps = replace(stub_maps(), placement=shifted)
    sent = serialize.pack_maps("k", "t", maps)
    for index in range(len(maps)):
        placed = place(unpack(sent, index), sent, index)
        np.testing.assert_allclose(placed, maps.values[index].numpy(), atol=3e-5)


def test_a_map_of_a_region_is_zero_beyond_it_there_and_here() -> None:
    whole = stub_maps()
    region = replace(
        whole,
        grids=tuple(grid[:7, :7] + 0.5 for grid in whole.grids),
        strides=((5.0, 4.0),) * len(whole),
        corners=((20.5, 31.25), *whole.corners[1:]),
    )
    sent = serialize.pack_maps("k", "t", region)
    for index in range(len(region)):
        placed = place(unpack(sent, index), sent, index)
        np.testing.assert_allclose(placed, region.values[index].numpy(), atol=3e-5)
        assert placed.min() >= sent["grids"][index]["low"]
    assert sent["grids"][0]["low"] == 0 < sent["grids"][1]["low"]
    share, values = serialize.energy_inside(region)[0], region.values[0].double().numpy()
    x1, y1, x2, y2 = (round(side) for side in stub.BOXES[0])
    assert share == pytest.approx(values[y1:y2, x1:x2].sum() / values.sum(), abs=1e-4)


def test_a_map_that_begins_before_the_input_is_placed_there_and_here() -> None:
    maps = replace(stub_maps(), shifts=((-6.0, -2.5),) * len(stub_maps()))
    sent = serialize.pack_maps("k", "t", maps)
    for index in range(len(maps)):
        placed = place(unpack(sent, index), sent, index)
        np.testing.assert_allclose(placed, maps.values[index].numpy(), atol=3e-5)
        assert sent["grids"][index]["shift"] == [-2.5, -6.0]
    assert not torch.equal(maps.values, stub_maps().values)
    value, share = maps.values[0].double().numpy(), serialize.energy_inside(maps)[0]
    x1, y1, x2, y2 = (round(side) for side in stub.BOXES[0])
    assert share == pytest.approx(value[y1:y2, x1:x2].sum() / value.sum(), abs=1e-4)
    before, after = serialize.peak(stub_maps(), 0), serialize.peak(maps, 0)
    scale_y, scale_x = maps.placement.scale
    assert after == pytest.approx((before[0] - 2.5 / scale_x, before[1] - 6.0 / scale_y), abs=1e-6)


def test_energy_inside_is_that_of_the_placed_map() -> None:
    maps = stub_maps("x1")
    values = maps.values.double().numpy()
    for value, share, (x1, y1, x2, y2) in zip(values, serialize.energy_inside(maps), stub.BOXES):
        inside = value[round(y1) : round(y2), round(x1) : round(x2)].sum() / value.sum()
        assert share == pytest.approx(inside, abs=1e-4)
    assert min(serialize.energy_inside(maps)) < 0.7 < min(serialize.energy_inside(stub_maps()))


def test_the_peak_is_at_the_hill() -> None:
    maps = stub_maps()
    for index, (x1, y1, x2, y2) in enumerate(stub.BOXES):
        x, y = serialize.peak(maps, index)
        assert abs(x - (x1 + x2) / 2) <= 5
        assert abs(y - (y1 + y2) / 2) <= 5


def test_a_map_of_zeros_is_sent_as_such() -> None:
    maps = stub_maps()
    maps = replace(maps, grids=tuple(torch.zeros_like(grid) for grid in maps.grids))
    sent = serialize.pack_maps("k", "t", maps)
    assert [grid["status"] for grid in sent["grids"]] == ["no positive evidence"] * 3
    for direction, words in (("negative", "no negative evidence"), ("signed", "no evidence")):
        asked = replace(maps, settings={**maps.settings, "direction": direction})
        assert serialize.pack_maps("k", "t", asked)["grids"][0]["status"] == words
    assert [grid["inside"] for grid in sent["grids"]] == [None] * 3
    assert not any(sent["values"])


def test_a_map_that_is_not_finite_is_refused_in_words() -> None:
    maps = stub_maps()
    broken = maps.grids[1].clone()
    broken[0, 0] = float("nan")
    with pytest.raises(ValueError, match="map of object 1 is not finite"):
        serialize.pack_maps("k", "t", replace(maps, grids=(maps.grids[0], broken, maps.grids[2])))


def test_the_photograph_is_sent_nearly_as_it_is() -> None:
    sent = serialize.pack_photo(stub.photograph())
    back = np.asarray(Image.open(io.BytesIO(sent["data"])))
    assert (sent["height"], sent["width"]) == stub.SIZE == back.shape[:2]
    assert np.abs(back.astype(int) - stub.photograph()).max() <= 6


def test_colour_tables_are_matplotlibs() -> None:
    import matplotlib

    sent = serialize.pack_palettes(("viridis", "RdBu_r"))
    table = np.frombuffer(sent["data"], np.uint8).reshape(2, 256, 3)
    for name, entries in zip(sent["names"], table):
        expected = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3] * 255
        assert np.abs(entries - expected).max() <= 1
    middle = table[1, 127:129].astype(int)
    assert middle.min() > 240


def test_objects_keep_names_scores_and_boxes() -> None:
    found = stub.StubDetector().detect([stub.photograph()])[0]
    objects = serialize.pack_objects(found)
    assert [thing["name"] for thing in objects] == list(stub.NAMES)
    assert [tuple(thing["box"]) for thing in objects] == list(stub.BOXES)


def test_a_large_photograph_is_sent_as_large_as_a_screen_and_whole_when_asked_for() -> None:
    image = np.zeros((30, 60, 3), np.uint8)
    small, whole = serialize.pack_photo(image, 20), serialize.pack_photo(image)
    assert (small["width"], small["height"], small["whole"], whole["whole"]) == (60, 30, False, True)
    sizes = [Image.open(io.BytesIO(sent["data"])).size for sent in (small, whole)]
    assert sizes == [(20, 10), (60, 30)]
