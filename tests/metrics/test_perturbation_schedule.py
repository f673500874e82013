"""Pictures with pixels deleted and inserted, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from detxai_nb.metrics import PerturbationSchedule

PHOTOGRAPH = np.random.default_rng(0).integers(1, 255, (5, 8, 3), dtype=np.uint8)
ORDER = torch.from_numpy(np.random.default_rng(1).permutation(40))


def test_the_three_protocols_count_pixels() -> None:
    assert PerturbationSchedule().counts(37.0, 1000) == [round(k * 37 / 100) for k in range(0, 101, 10)]
    assert PerturbationSchedule(steps=10, every=1).counts(37.0, 1000) == PerturbationSchedule().counts(37.0, 1000)
    whole = PerturbationSchedule(steps=50, every=1).counts(40.0, 40)
    assert (len(whole), whole[0], whole[1], whole[-1]) == (51, 0, 1, 40)
    assert PerturbationSchedule(steps=2, every=1).counts(100.0, 40) == [0, 40, 40], (
        "a box can be larger than its picture"
    )
    assert PerturbationSchedule(steps=3, every=1).counts(0.0, 40) == [0] * 4


@pytest.mark.parametrize("fill", ["black", "mean", "random"])
@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_pictures_against_pixel_by_pixel(mode: str, fill: str) -> None:
    how = PerturbationSchedule(mode, steps=4, every=2, fill=fill)
    kept = PHOTOGRAPH.copy()
    pictures = list(how.images(PHOTOGRAPH, ORDER, [0, 7, 40], seed=3))
    fills = {"black": np.zeros_like(kept), "mean": np.broadcast_to(kept.mean((0, 1)).round(), kept.shape)}
    nothing = pictures[-1] if mode == "deletion" else pictures[0]
    filled = fills.get(fill, nothing)
    for picture, count in zip(pictures, [0, 7, 40], strict=True):
        for place, number in enumerate(ORDER.tolist()):
            y, x = divmod(number, 8)
            from_photograph = (place < count) == (mode == "insertion")
            assert picture[y, x].tolist() == (kept if from_photograph else filled)[y, x].tolist()
    assert np.array_equal(PHOTOGRAPH, kept)
    assert all(picture.dtype == np.uint8 and picture.base is None for picture in pictures)


def test_random_fill_follows_its_seed_and_covers_all_values() -> None:
    big = np.zeros((40, 60, 3), np.uint8)
    order = torch.arange(2400)
    one, again, other = (next(PerturbationSchedule().images(big, order, [2400], seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert set(np.unique(one)) == set(range(256))
    assert not np.array_equal(one[..., 0], one[..., 1]), "each channel has its own"


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="mode is one of deletion, insertion; got 'blur'"):
        PerturbationSchedule("blur")
    with pytest.raises(ValueError, match="fill is one of random, black, mean; got 'red'"):
        PerturbationSchedule(fill="red")
    with pytest.raises(ValueError, match="multiple of every"):
        PerturbationSchedule(steps=10, every=3)
    with pytest.raises(ValueError, match="area is a number of pixels, 0 or more; got nan"):
        PerturbationSchedule().counts(float("nan"), 10)
    with pytest.raises(ValueError, match="counts do not fall, got 2 after 5"):
        list(PerturbationSchedule().images(PHOTOGRAPH, ORDER, [5, 2], seed=0))
