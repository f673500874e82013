"""Regions by hand, and what is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.interventions import Region
from detxai_nb.types import Detections

SIZE = (10, 20)
MASK = np.zeros(SIZE, bool)
MASK[2:4, 3:6] = True


def test_a_box_holds_the_pixels_whose_centre_lies_in_it() -> None:
    region = Region.box(SIZE, (0.6, 0.0, 3.0, 1.0))
    assert np.argwhere(region.mask).tolist() == [[0, 1], [0, 2]]
    assert Region.box(SIZE, torch.tensor([-5.0, -5.0, 2.0, 2.0])).bounds == (0, 0, 2, 2)


def test_a_stroke_holds_what_is_near_its_way() -> None:
    region = Region.stroke(SIZE, [[2.5, 2.5], [8.5, 2.5], [8.5, 7.5]], 1.0)
    down, across = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    first = np.hypot(across - across.clip(2.5, 8.5), down - 2.5) <= 1
    second = np.hypot(across - 8.5, down - down.clip(2.5, 7.5)) <= 1
    assert np.array_equal(region.mask, first | second)
    assert Region.stroke(SIZE, [[4.2, 4.9]], 0.1).bounds == (4, 4, 5, 5)
    assert Region.stroke(SIZE, [[-3, 5], [3, 5]], 1.5).bounds[0] == 0


def test_a_lasso_holds_the_pixels_whose_centre_it_encircles() -> None:
    around = [[2, 1], [9, 1], [9, 6], [2, 6]]
    assert np.array_equal(Region.lasso(SIZE, around).mask, Region.box(SIZE, (2, 1, 9, 6)).mask)
    assert np.array_equal(Region.lasso(SIZE, around[::-1]).mask, Region.lasso(SIZE, around).mask)
    corners = np.array([[1.2, 0.7], [17.3, 2.1], [12.9, 9.4], [4.4, 7.7]])
    down, across = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    # Of a convex line: on the same side of all its edges.
    edges = zip(corners, np.roll(corners, -1, axis=0))
    sides = [(x2 - x1) * (down - y1) - (y2 - y1) * (across - x1) > 0 for (x1, y1), (x2, y2) in edges]
    assert np.array_equal(Region.lasso(SIZE, corners).mask, np.logical_and.reduce(sides))
    # Encircled twice is outside; what reaches beyond the picture is cut.
    inner = [[4, 2], [6, 2], [6, 4], [4, 4]]
    twice = Region.lasso(SIZE, [*around, around[0], *inner, inner[0], around[0]])
    assert np.array_equal(twice.mask, (Region.box(SIZE, (2, 1, 9, 6)) - Region.box(SIZE, (4, 2, 6, 4))).mask)
    assert Region.lasso(SIZE, [[-5, -5], [4, -5], [4, 30], [-5, 30]]).bounds == (0, 0, 4, 10)


def test_a_mask_may_be_a_tensor_or_zeros_and_ones() -> None:
    for mask in (MASK, torch.from_numpy(MASK), MASK.astype(np.uint8)):
        assert np.array_equal(Region.from_mask(SIZE, mask).mask, MASK)


def test_regions_are_joined_cut_and_turned_round() -> None:
    region, other = Region(MASK), Region.box(SIZE, (5, 2, 8, 4))
    assert (region | other).area == 10
    assert (region & other).area == 2
    assert (region - other).area == 4
    assert np.array_equal((~region).mask, ~MASK)
    assert (~region).kind == "all but mask"
    assert region.moved(2, -1).bounds == (5, 1, 8, 3)


def test_heat_under_a_region() -> None:
    values = np.zeros(SIZE)
    values[2, 3], values[9, 9], values[0, 0] = 1, 3, -5
    assert Region(MASK).share_of(values) == 0.25
    assert np.isnan(Region(MASK).share_of(np.zeros(SIZE)))
    with pytest.raises(ValueError, match="a map of this region"):
        Region(MASK).share_of(np.zeros((3, 3)))


def test_the_hottest_pixels_of_a_map(found: Detections, scene: scenes.Scene, load: Any) -> None:
    maps = dx.explain(load("tiny-fcos"), scene.image, found[:2])
    values = maps.values[1].numpy()
    region = Region.hottest(maps, 1, 0.05)
    assert region.area == round(0.05 * values.size)
    assert values[region.mask].min() >= values[~region.mask].max()
    within = Region.hottest(maps, 1, 0.1, within=Region.box(scene.image, found.boxes[1]))
    assert not (within.mask & ~Region.box(scene.image, found.boxes[1]).mask).any()
    for share in (0, 1.5, "half"):
        with pytest.raises(ValueError, match="share is a share"):
            Region.hottest(maps, 1, share)
    with pytest.raises(ValueError, match="row is the number of a map, 0 to 1; got 2"):
        Region.hottest(maps, 2)
    with pytest.raises(TypeError, match=r"heat maps are what dx.explain returns"):
        Region.hottest(values)  # type: ignore[arg-type]


def test_parts_and_objects_of_a_scene_and_of_a_sample(scene: scenes.Scene) -> None:
    sample = scenes.Scenes(5, seed=1, width=192, height=160)[4]
    for owner in (scene, sample):
        assert np.array_equal(Region.part(owner, 1).mask, scene.parts[1])
        assert np.array_equal(Region.annotated(owner, 0).mask, scene.masks[0])
    bare = scenes.redraw(scene, without_parts=1)
    with pytest.raises(ValueError, match="nothing of its part 1 shows"):
        Region.part(bare, 1)
    with pytest.raises(ValueError, match="row is the number of an annotated object"):
        Region.part(scene, 77)
    with pytest.raises(TypeError, match="has annotations"):
        Region.part(scene.image, 0)  # type: ignore[arg-type]


def test_superpixels_hold_their_point(scene: scenes.Scene) -> None:
    pytest.importorskip("skimage")
    region = Region.superpixel(scene.image, (100.5, 30.2), segments=40)
    assert region.mask[30, 100]
    assert 50 < region.area < 5000
    with pytest.raises(ValueError, match="lies outside the picture"):
        Region.superpixel(scene.image, (500, 3))
    with pytest.raises(ValueError, match="segments is a whole number"):
        Region.superpixel(scene.image, (5, 3), segments=0)


def test_where_two_pictures_differ(scene: scenes.Scene) -> None:
    other = scene.image.copy()
    other[4, 7, 1] ^= 1
    assert Region.changed(scene.image, other).bounds == (7, 4, 8, 5)
    with pytest.raises(ValueError, match="are the same"):
        Region.changed(scene.image, scene.image)
    with pytest.raises(ValueError, match="different sizes"):
        Region.changed(scene.image, scene.image[:50])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Region(np.zeros(SIZE, bool)), "is empty"),
        (lambda: ~Region(np.ones(SIZE, bool)), "all but mask.*is empty"),
        (lambda: Region(MASK) - Region(MASK), "is empty"),
        (lambda: Region(np.ones((2, 3, 4), bool)), r"mask \[H,W\]"),
        (lambda: Region.box(SIZE, (30, 2, 40, 5)), "lies outside the picture, which has 20x10"),
        (lambda: Region.box(SIZE, (5, 2, 3, 5)), "turned"),
        (lambda: Region.box(SIZE, (5, 2, 5, 5)), "empty"),
        (lambda: Region.box(SIZE, (5.6, 2.6, 5.7, 2.7)), "is empty"),
        (lambda: Region.box(SIZE, (5, np.nan, 6, 5)), "finite"),
        (lambda: Region.box(SIZE, (5, 6)), "four numbers"),
        (lambda: Region.box(SIZE, "left"), "four numbers"),
        (lambda: Region.stroke(SIZE, [], 2), "points"),
        (lambda: Region.stroke(SIZE, [[40, 40]], 2), "outside the picture"),
        (lambda: Region.stroke(SIZE, [[4, 4]], 0), "radius is a number of pixels above 0"),
        (lambda: Region.stroke(SIZE, [[4, 4]], np.inf), "finite"),
        (lambda: Region.lasso(SIZE, [[1, 1], [5, 5]]), "at least 3 points, got 2"),
        (lambda: Region.lasso(SIZE, [[30, 1], [35, 1], [35, 5]]), "encircles no pixel of the picture"),
        (lambda: Region.lasso(SIZE, [[1, 1], [5, np.nan], [3, 3]]), "finite"),
        (
            lambda: Region.from_mask((9, 9), MASK),
            r"of another picture: its shape is \[10, 20\], this one's is \[9, 9\]",
        ),
        (lambda: Region(MASK).moved(100, 0), "cannot be moved"),
        (lambda: Region(MASK) | Region.box((5, 5), (0, 0, 2, 2)), "picture of 5x5"),
    ],
)
def test_what_is_no_region_is_refused_in_words(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_numbers_are_no_mask() -> None:
    with pytest.raises(TypeError, match="compare it first"):
        Region(np.ones(SIZE))
    with pytest.raises(TypeError, match="compare it first"):
        Region.from_mask(SIZE, np.full(SIZE, 0.5))
