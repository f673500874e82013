"""Which part of a prediction decides a joined map."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.explaining.jobs import join_parts
from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.plots.deciding import PART_COLORS, PART_NAMES
from detxai_nb.types import COMBINED, Target


def joined(combine: str) -> HeatMaps:
    """A map of 2 x 3 cells of 4 pixels each, whose left part is the class's, the middle the top side's."""
    parts = [torch.zeros(2, 3) for _ in COMBINED]
    parts[0][:, 0] = 0.2
    parts[2][:, 1] = 30.0
    parts[0][:, 1] = 0.1
    grid, which = join_parts(parts, combine, signed=False)
    detections = dx.Detections(torch.tensor([[1.0, 1.0, 7.0, 7.0]]), torch.tensor([0.9]), torch.tensor([0]), ("mug",))
    image = np.full((8, 12, 3), 90, np.uint8)
    placement = Placement.identity(8, 12)
    return HeatMaps((grid,), ((4.0, 4.0),), placement, image, detections, Target("combined"), "odam", deciding=(which,))


def test_the_largest_part_decides_and_nothing_where_there_is_nothing() -> None:
    maps = joined("maximum")
    assert maps.deciding[0].tolist() == [[0, 2, -1]] * 2
    assert maps.grids[0].tolist() == [[pytest.approx(0.2), 30.0, 0.0]] * 2
    assert dx.plots.deciding_parts(maps, 0)[5].tolist() == [0] * 4 + [2] * 4 + [-1] * 4
    shares = dx.plots.deciding_shares(maps)
    assert shares["y1"] == pytest.approx(60 / 60.4)
    assert sum(shares.values()) == pytest.approx(1)


def test_normalized_parts_count_alike() -> None:
    maps = joined("normalized")
    assert dx.plots.deciding_shares(maps)["class"] == pytest.approx(0.5)


def test_signed_parts_are_compared_by_size() -> None:
    parts = [torch.tensor([[value]]) for value in (0.5, -2.0, 1.0, 0.0, 0.0)]
    value, which = join_parts(parts, "maximum", signed=True)
    assert (float(value), int(which)) == (-2.0, 1)


def test_the_figure_names_all_parts_with_their_shares() -> None:
    figure = dx.plots.plot_deciding(joined("maximum"))
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["class, 1 %", "left side, 0 %", "top side, 99 %", "right side, 0 %", "bottom side, 0 %"]
    assert set(PART_COLORS) == set(PART_NAMES) == set(COMBINED)


def test_maps_of_one_part_are_refused_in_words() -> None:
    maps = joined("maximum")
    plain = HeatMaps(maps.grids, maps.strides, maps.placement, maps.image, maps.detections, Target("x1"), "odam")
    for ask in (dx.plots.plot_deciding, dx.plots.deciding_shares, lambda one: dx.plots.deciding_parts(one, 0)):
        with pytest.raises(ValueError, match="the maps are of the target 'x1' and do not say which part decides"):
            ask(plain)
    with pytest.raises(ValueError, match="there is nothing to draw"):
        dx.plots.plot_deciding(maps, columns=0)
    with pytest.raises(ValueError, match="deciding has to say of every cell"):
        HeatMaps(
            maps.grids,
            maps.strides,
            maps.placement,
            maps.image,
            maps.detections,
            Target("combined"),
            "odam",
            deciding=(torch.zeros(1, 1),),
        )
