"""Fills change their region and nothing else, the same for the same seed."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from detxai_nb.interventions import FILLS, Fill, Region

RANDOM = np.random.default_rng(3)
IMAGE = RANDOM.integers(0, 256, (40, 60, 3), dtype=np.uint8)
REGION = Region.stroke(IMAGE, [[12, 10], [20, 16]], 3)
NEEDS = {"biharmonic": "skimage", "telea": "cv2"}


def fill_of(name: str) -> Fill:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    return Fill(name, picture=IMAGE[::-1].copy()) if name == "picture" else Fill(name)


@pytest.mark.parametrize("name", FILLS)
def test_outside_the_region_no_pixel_changes(name: str) -> None:
    fill = fill_of(name)
    painted = fill.paint(IMAGE, REGION, seed=1)
    assert painted.dtype == np.uint8
    assert np.array_equal(painted[~REGION.mask], IMAGE[~REGION.mask])
    assert (painted[REGION.mask] != IMAGE[REGION.mask]).any(axis=1).mean() > 0.8
    assert np.array_equal(painted, fill.paint(IMAGE, REGION, seed=1))
    # Everything but the region can be filled, but for what has to fit elsewhere.
    if name != "moved":
        rest = fill.paint(
            IMAGE[:20, :20],
            Region.box((20, 20), (4, 4, 9, 9)) if name in NEEDS else ~Region.box((20, 20), (4, 4, 9, 9)),
        )
        assert rest.shape == (20, 20, 3)


def test_values_by_hand() -> None:
    assert (Fill("mean").paint(IMAGE, REGION)[REGION.mask] == np.round(IMAGE.reshape(-1, 3).mean(0))).all()
    moved = Fill("moved", shift=(20, 10)).paint(IMAGE, REGION)
    assert np.array_equal(moved[REGION.mask], np.roll(IMAGE, (-10, -20), (0, 1))[REGION.mask])
    other = RANDOM.integers(0, 256, (50, 70, 3), dtype=np.uint8)
    taken = Fill("picture", picture=other, shift=(3, 4)).paint(IMAGE, REGION)
    assert np.array_equal(taken[REGION.mask], other[4:44, 3:63][REGION.mask])


def test_the_blur_near_a_region_is_that_of_the_whole_picture() -> None:
    from PIL import Image, ImageFilter

    whole = np.asarray(Image.fromarray(IMAGE).filter(ImageFilter.GaussianBlur(2)))
    found = Fill("blur", sigma=2).paint(IMAGE, REGION)
    assert np.abs(found[REGION.mask].astype(int) - whole[REGION.mask]).max() <= 1
    assert Fill("blur").sigma_of(Region.box(IMAGE, (3, 3, 31, 30))) == 40 / 8
    assert Fill("blur").sigma_of(Region.box(IMAGE, (3, 3, 11, 30))) == 8 / 2


def test_a_constant_picture_stays_what_it_is_under_every_fill() -> None:
    flat = np.full((30, 30, 3), 77, np.uint8)
    region = Region.box(flat, (8, 8, 14, 16))
    for name in FILLS[:-1]:
        assert np.abs(fill_of(name).paint(flat, region).astype(int) - 77).max() <= 3, name


def test_noise_has_the_pictures_colours_and_does_not_depend_on_the_region() -> None:
    wide = Region(np.ones(IMAGE.shape[:2], bool))
    drawn = Fill("noise").paint(IMAGE, wide, seed=5)
    assert np.array_equal(drawn[REGION.mask], Fill("noise").paint(IMAGE, REGION, seed=5)[REGION.mask])
    assert np.abs(drawn.reshape(-1, 3).mean(0) - IMAGE.reshape(-1, 3).mean(0)).max() < 6
    assert not np.array_equal(drawn, Fill("noise").paint(IMAGE, wide, seed=6))


def test_moved_pixels_avoid_the_region_and_what_is_to_be_avoided() -> None:
    image = np.zeros((30, 80, 3), np.uint8)
    image[:, :40] = 9
    region, avoid = Region.box(image, (60, 10, 70, 20)), np.zeros((30, 80), bool)
    avoid[:, 40:] = True
    for seed in range(5):
        assert (Fill("moved").paint(image, region, seed, avoid)[region.mask] == 9).all()
    # Where everything is to be avoided, only the region itself is.
    assert (Fill("moved").paint(image, region, 0, np.ones((30, 80), bool)) >= 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Fill("blurr"), "unknown fill 'blurr'; known: blur, mean"),
        (lambda: Fill("mean", sigma=2), "sigma is a setting of 'blur', not of 'mean'"),
        (lambda: Fill("blur", radius=3), "radius is a setting of 'telea'"),
        (lambda: Fill("blur", sigma=0), "sigma is a number of pixels above 0"),
        (lambda: Fill("blur", sigma=np.nan), "sigma is a number of pixels"),
        (lambda: Fill("moved", shift=(1.5, 2)), "two whole numbers"),
        (lambda: Fill("picture"), "needs the other picture"),
        (lambda: Fill("picture", picture=IMAGE[:10]).paint(IMAGE, REGION), "the other picture has 60x10"),
        (lambda: Fill("moved", shift=(90, 0)).paint(IMAGE, REGION), "does not reach"),
        (lambda: Fill("moved").paint(IMAGE, ~REGION), "finds no room elsewhere"),
        (lambda: Fill("mean").paint(IMAGE[:30], REGION), "picture of 60x40 pixels, this one has 60x30"),
        (lambda: Fill("mean").paint(IMAGE, REGION, seed=-1), "seed is a whole number"),
    ],
)
def test_what_cannot_be_filled_is_refused_in_words(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_no_fill_or_region_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="a fill is one of"):
        Fill.of(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a region is a dx.interventions.Region"):
        Fill("mean").paint(IMAGE, REGION.mask)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "library"), NEEDS.items())
def test_a_missing_library_is_named_with_its_command(name: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [one for one in sys.modules if one.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=r'pip install "detxai-nb\[interventions\]"'):
        Fill(name).paint(IMAGE, REGION)
    if library == "skimage":
        with pytest.raises(ImportError, match=r'pip install "detxai-nb\[interventions\]"'):
            Region.superpixel(IMAGE, (3, 3))
