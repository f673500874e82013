"""How alike maps are: against scipy and scikit-image, and what is not defined."""

from __future__ import annotations

import math
import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch

from detxai_nb import sanity
from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.sanity import table
from detxai_nb.sanity.similarity import (
    LONGEST,
    check_measures,
    complexity,
    entropy,
    grid_of,
    map_similarity,
    require_libraries,
)
from detxai_nb.sanity.table import crop_to_support, similarity_table
from detxai_nb.types import Detections, Target

pytestmark = pytest.mark.skipif(find_spec("skimage") is None, reason="the references: pip install scikit-image")

SHAPES = [(8, 13), (20, 17), (96, 128), (3, 40)]


def maps(shape: tuple[int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two related maps with many ties, signed."""
    dice = np.random.default_rng(seed)
    first = np.maximum(dice.normal(size=shape), 0).round(1)
    return first - 0.5 * (dice.random(shape) > 0.8), first + dice.normal(size=shape).round(1)


@pytest.mark.parametrize("shape", SHAPES)
def test_spearman_is_scipys(shape: tuple[int, int]) -> None:
    from scipy import stats

    first, second = maps(shape)
    assert sanity.spearman(first, second) == pytest.approx(stats.spearmanr(first.ravel(), second.ravel()).statistic)
    magnitudes = stats.spearmanr(np.abs(first).ravel(), np.abs(second).ravel()).statistic
    assert sanity.spearman_abs(first, second) == pytest.approx(magnitudes)


@pytest.mark.parametrize("shape", SHAPES)
def test_ssim_is_that_of_maps_scaled_to_a_range_of_one(shape: tuple[int, int]) -> None:
    from skimage.metrics import structural_similarity

    first, second = maps(shape)
    scaled = [(m - m.min()) / np.ptp(m) for m in (first, second)]
    side = 3 if shape == (3, 40) else 7
    expected = structural_similarity(*scaled, data_range=1, win_size=side)
    assert sanity.ssim(first, second) == pytest.approx(expected)
    # The scale of a map does not matter: only its shape is compared.
    assert sanity.ssim(1000 * first, second - 7) == pytest.approx(expected)
    assert sanity.ssim(first, first * 3) == pytest.approx(1)


def test_hog_is_the_correlation_of_scikit_images_features() -> None:
    from scipy import stats
    from skimage.feature import hog

    first, second = maps((96, 128))
    features = [hog((m - m.min()) / np.ptp(m), pixels_per_cell=(8, 8), cells_per_block=(3, 3)) for m in (first, second)]
    assert sanity.hog(first, second) == pytest.approx(stats.pearsonr(*features).statistic)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (4, 3), (2, 64)])
def test_hog_takes_grids_of_any_shape(shape: tuple[int, int]) -> None:
    first, second = maps(shape)
    value = sanity.hog(first, second)
    assert math.isnan(value) or -1 <= value <= 1


@pytest.mark.parametrize("measure", sanity.MEASURES)
def test_a_constant_map_is_like_nothing_without_a_warning(measure: str) -> None:
    constant, other = np.zeros((9, 12)), maps((9, 12))[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pair in ((constant, other), (other, constant), (constant, constant)):
            assert math.isnan(map_similarity(measure, *pair))
    assert map_similarity(measure, other, other.copy()) == 1


def test_grids_too_small_for_a_window_have_no_ssim() -> None:
    assert math.isnan(sanity.ssim(*maps((2, 9))))


def test_complexity_is_the_entropy_of_the_histogram() -> None:
    from scipy import stats

    values = maps((20, 17))[0]
    counts = np.histogram(values, 100)[0]
    assert complexity(values) == pytest.approx(stats.entropy(counts, base=2))
    assert complexity(np.ones((3, 4))) == 0
    assert complexity(np.linspace(0, 1, 10_000).reshape(100, 100)) == pytest.approx(math.log2(100), abs=1e-3)
    assert math.isnan(complexity(np.array([[1.0, np.nan]])))
    assert entropy(np.array([1.0, 1, 0, 2])) == pytest.approx(1.5)
    assert math.isnan(entropy(np.zeros(3)))


def test_large_maps_are_averaged_down() -> None:
    values = torch.rand(100, 2 * LONGEST)
    grid = grid_of(values)
    assert grid.shape == (50, LONGEST)
    assert grid[3, 5] == pytest.approx(values[6:8, 10:12].mean().item(), rel=1e-5)
    assert grid_of(values[:7, :9]).shape == (7, 9)


def test_only_cells_of_the_support_are_compared() -> None:
    first, second = np.zeros((6, 9)), np.zeros((6, 9))
    first[2, 3], second[4, 5] = 1, -1
    cut = crop_to_support([first, second])
    assert [one.shape for one in cut] == [(3, 3), (3, 3)]
    assert (cut[0][0, 0], cut[1][2, 2]) == (1, -1)
    assert crop_to_support([first, second], "image")[0].shape == (6, 9)
    assert crop_to_support([np.zeros((2, 3))])[0].shape == (2, 3)


def test_zeros_outside_of_the_support_would_make_any_two_maps_alike() -> None:
    dice = np.random.default_rng(0)
    first, second = np.zeros((40, 60)), np.zeros((40, 60))
    first[10:20, 10:25], second[10:20, 10:25] = dice.random((2, 10, 15))
    assert sanity.spearman(first, second) > 0.9
    assert abs(sanity.spearman(*crop_to_support([first, second]))) < 0.2


def test_edges_are_scipys_sobel() -> None:
    from scipy import ndimage

    image = np.random.default_rng(0).integers(0, 256, (23, 31, 3), dtype=np.uint8)
    grey = image @ np.array([0.299, 0.587, 0.114])
    expected = np.hypot(ndimage.sobel(grey, 0, mode="nearest"), ndimage.sobel(grey, 1, mode="nearest"))
    np.testing.assert_allclose(sanity.sobel(image), expected, rtol=1e-4, atol=1e-3)


def test_mistakes_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="measures are among 'spearman'"):
        check_measures(["rank"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ImportError, match=r"ssim need scikit-image: pip install scikit-image .* measures=\('spearman',\)"
    ):
        require_libraries(["spearman", "ssim"])


def heat_map(grid: torch.Tensor) -> HeatMaps:
    """One map over a picture of its own size."""
    height, width = grid.shape
    box, picture = torch.tensor([[1.0, 1, 5, 5]]), np.zeros((height, width, 3), np.uint8)
    found = Detections(box, torch.ones(1), torch.zeros(1).long(), ("a",), image_size=(height, width))
    place = Placement.identity(height, width)
    return HeatMaps((grid,), ((1.0, 1.0),), place, picture, found, Target("class"), "odam", None, {}, None, 0.0, False)


def test_a_table_measures_each_map_once_and_says_what_a_new_one_says(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = torch.Generator().manual_seed(0)
    small = torch.zeros(20, 30)
    small[3:9, 4:12] = torch.rand(6, 8, generator=dice)
    wide = torch.rand(20, 30, generator=dice)
    trained, edges = heat_map(small), heat_map(torch.rand(20, 30, generator=dice))
    originals = {"odam": trained, sanity.EDGES: edges}
    steps, how = (sanity.Step(1, "a", ()), sanity.Step(2, "b", ())), sanity.Similarity()
    few = {("odam", 1, 0): heat_map(small.flip(1)), (sanity.EDGES, 1, 0): edges}
    more = {**few, ("odam", 1, 1): heat_map(small.square()), (sanity.EDGES, 1, 1): edges}
    every = {**more, ("odam", 2, 0): heat_map(wide), (sanity.EDGES, 2, 0): edges}
    asked = []
    measured = table.map_similarity
    monkeypatch.setattr(table, "map_similarity", lambda *given: asked.append(given[0]) or measured(*given))
    known: dict[Any, Any] = {}
    for found in (few, more, every):
        asked.clear()
        again = similarity_table(originals, found, {}, steps, how, known)
        count = len(asked)
        assert again.equals(similarity_table(originals, found, {}, steps, how))
        # The last map is not 0 where the others are, so that all of them are compared over a larger part.
        maps_to_measure = {len(few): 2, len(more): 1, len(every): 3}[len(found)]
        assert count == maps_to_measure * len(how.measures)
