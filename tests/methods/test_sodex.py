"""SODEx against a slow implementation of its own, on detectors whose right map is known, and on a photograph."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from d_rise_by_hand import HEIGHT, NAMES, WIDTH, Glow, photograph
from sodex_by_hand import maps_by_hand, ridge_by_hand, score_by_hand

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.data.coco import CocoDataset
from detxai_nb.image import FloatImage
from detxai_nb.methods.d_rise.weights import class_overlaps
from detxai_nb.methods.sodex import FIT, HIDDEN, LEFT_OUT, superpixels
from detxai_nb.methods.sodex.surrogate import draw_shown, fit, nearness
from detxai_nb.types import Cancelled

pytestmark = pytest.mark.skipif(find_spec("skimage") is None, reason="superpixels need: pip install scikit-image")
IMAGE = photograph()
# Noise has no edges to follow: compact superpixels are nearly squares.
COMPACT = 1000.0
WHOLE = [0.0, 0.0, float(WIDTH), float(HEIGHT)]


def maps_of(detector: Any = None, image: np.ndarray = IMAGE, **settings: Any) -> dx.HeatMaps:
    """SODEx of three objects of the photograph, with few samples."""
    settings = {"samples": 40, "segments": 12, "compactness": COMPACT, **settings}
    return dx.explain(detector or Glow(), image, Glow().detect([IMAGE])[0], method="sodex", **settings)


def switches(answer: Callable[[np.ndarray], float], **settings: Any) -> tuple[dx.HeatMaps, np.ndarray]:
    """Maps of a function from "is this superpixel shown?" to the score of one box, and the superpixels ``[H,W]``."""
    labels, count = superpixels(IMAGE, 12, COMPACT, 1.0)
    first = np.array([np.flatnonzero(labels.numpy() == s)[0] for s in range(count)])

    def predict(image: np.ndarray) -> Any:
        score = answer(image.reshape(-1, 3)[first].any(axis=1))
        return ([WHOLE], [score], [1]) if score else ([], [], [])

    detector = dx.wrap_predict(predict, NAMES)
    found = detector.detect([IMAGE], 0.0)[0]
    settings = {"samples": 200, "hidden": "black", "score_threshold": 0.0, **settings}
    return dx.explain(
        detector, IMAGE, found, method="sodex", segments=12, compactness=COMPACT, **settings
    ), labels.numpy()


def coefficients(maps: dx.HeatMaps, labels: np.ndarray) -> np.ndarray:
    """The value of each superpixel ``[S]``, which is the same at all its pixels."""
    values = maps.values[0].numpy()
    found = np.array([values[labels == s].mean(dtype=np.float64) for s in range(labels.max() + 1)])
    np.testing.assert_allclose(values, found[labels], atol=1e-6)
    return found


@pytest.mark.parametrize(
    ("objectness", "settings"),
    [
        (True, {}),
        (False, {"hidden": "black", "alpha": 0.1}),
        (True, {"hidden": "grey", "kernel_width": 0.6, "segments": 5, "seed": 3}),
    ],
)
def test_definition(objectness: bool, settings: dict[str, Any]) -> None:
    detector = Glow(objectness)
    maps = maps_of(detector, score_threshold=0.2, **settings)
    expected, determination = maps_by_hand(detector, IMAGE, maps)
    assert maps.values.shape == (3, HEIGHT, WIDTH)
    np.testing.assert_allclose(maps.values.numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(maps.diagnostics[FIT], determination, atol=1e-5)
    assert expected.std() > 1e-4
    assert expected.min() < 0 < expected.max()


def test_bundled_detector_equals_the_definition() -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    image = scenes.make(7, width=200, height=144).image
    found = detector.detect([image])[0][:3]
    maps = dx.explain(detector, image, found, method="sodex", samples=16, segments=8)
    expected, determination = maps_by_hand(detector, image, maps)
    np.testing.assert_allclose(maps.values.numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(maps.diagnostics[FIT], determination, atol=1e-5)


def test_a_photograph(shared: Path) -> None:
    weights = shared / "weights" / "yolox_nano_coco.safetensors"
    detector = dx.load_detector("yolox-nano", weights=weights, convention="rgb-imagenet", input_size=320, device="cpu")
    image = next(
        s.image for s in CocoDataset(shared / "data" / "coco-mini") if len(detector.detect([s.image], 0.5)[0]) > 2
    )
    found = detector.detect([image], 0.5)[0][:3]
    maps = dx.explain(detector, image, found, method="sodex", samples=24, segments=10)
    expected, determination = maps_by_hand(detector, image, maps)
    np.testing.assert_allclose(maps.values.numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(maps.diagnostics[FIT], determination, atol=1e-5)
    assert expected.any()


def test_what_one_superpixel_decides_is_its_alone() -> None:
    maps, labels = switches(lambda shown: 0.9 if shown[4] else 0.0, alpha=0.1)
    found = coefficients(maps, labels)
    assert found[4] == pytest.approx(0.9, abs=0.01)
    assert np.abs(np.delete(found, 4)).max() < 0.01
    assert maps.diagnostics[FIT][0] > 0.999


def test_what_superpixels_add_is_recovered() -> None:
    _, labels = switches(lambda shown: 0.5)
    add = np.random.default_rng(1).uniform(-0.03, 0.05, labels.max() + 1)
    maps, _ = switches(lambda shown: 0.4 + float(add @ shown), alpha=1e-9)
    assert add.min() < 0
    np.testing.assert_allclose(coefficients(maps, labels), add, atol=1e-6)
    assert maps.diagnostics[FIT] == pytest.approx([1.0], abs=1e-6)


def test_a_score_that_is_no_sum_of_its_parts_is_told() -> None:
    maps, labels = switches(lambda shown: 0.8 if bool(shown[0]) != bool(shown[1]) else 0.1, samples=600)
    assert maps.diagnostics[FIT][0] < 0.2
    assert np.abs(coefficients(maps, labels)).max() < 0.25


def test_objects_share_the_images_and_their_answers() -> None:
    detector = Glow()
    calls: list[tuple[int, int]] = []
    maps = maps_of(detector, samples=30, batch_size=7, progress=lambda *at: calls.append(at))
    assert len(maps) == 3
    assert detector.batches == [7, 7, 7, 7, 2]
    assert all(isinstance(image, FloatImage) for image in detector.seen)
    assert torch.equal(detector.seen[0].values, torch.from_numpy(IMAGE).permute(2, 0, 1).float())
    assert calls[0] == (0, 3)
    assert calls[-1] == (3, 3)
    assert all(a[0] <= b[0] for a, b in pairwise(calls))
    alone = dx.explain(Glow(), IMAGE, maps.detections[1], method="sodex", samples=30, segments=12, compactness=COMPACT)
    np.testing.assert_allclose(alone.values[0].numpy(), maps.values[1].numpy(), atol=1e-6)


def test_result_says_how_it_came_about(tmp_path: Path) -> None:
    maps = maps_of(seed=4)
    assert (maps.method, maps.seed, maps.signed, maps.layer) == ("sodex", 4, True, None)
    assert maps.settings["superpixels"] == len(np.unique(superpixels(IMAGE, 12, COMPACT, 1.0)[0]))
    assert maps.settings["samples"] == 40
    assert maps.settings["rounded"] is False
    assert maps.settings["precision"] == "fp32"
    assert len(maps.diagnostics[FIT]) == 3
    assert all(out < fitted <= 1 for out, fitted in zip(maps.diagnostics[LEFT_OUT], maps.diagnostics[FIT]))
    again = dx.HeatMaps.load(maps.save(tmp_path / "maps"))
    assert again.signed
    assert again.diagnostics == maps.diagnostics


def test_it_is_drawn_about_zero_with_its_fit() -> None:
    maps = maps_of()
    figure = maps.plot()
    written = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert f"{FIT} {maps.diagnostics[FIT][0]:.2f}\n{LEFT_OUT} {maps.diagnostics[LEFT_OUT][0]:.2f}" in written
    ticks = [[label.get_text() for label in axes.get_xticklabels()] for axes in figure.axes]
    assert any(len(t) == 3 and t[1] == "0" and t[0].lstrip("-") == t[2] for t in ticks), ticks


def test_same_seed_same_maps_whatever_the_batch() -> None:
    first, again, other = maps_of(), maps_of(batch_size=7), maps_of(seed=1)
    assert torch.allclose(first.values, again.values, atol=1e-6)
    assert torch.equal(first.values, maps_of().values)
    assert not torch.allclose(first.values, other.values)


def test_global_random_state_stays() -> None:
    before = torch.random.get_rng_state()
    maps_of()
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("error", [Cancelled, KeyError])
def test_what_progress_raises_ends_it_and_leaves_nothing(error: type[Exception]) -> None:
    detector, calls = Glow(), []

    def stop(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 12:
            raise error("enough")

    expected = maps_of().values
    with pytest.raises(error, match="enough"):
        maps_of(detector, progress=stop)
    assert 5 < len(detector.batches) < 12
    assert torch.equal(maps_of(detector).values, expected)


def test_what_the_detector_raises_goes_on_to_the_caller() -> None:
    def fail(count: int) -> None:
        raise KeyError("my own")

    with pytest.raises(KeyError, match="my own"):
        maps_of(Glow(fails=fail))


def test_without_scikit_image_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    detector = Glow()
    with pytest.raises(ImportError, match=r'scikit-image.* not installed: pip install "detxai-nb\[sodex\]"; d-rise'):
        maps_of(detector)
    assert not detector.batches


def test_a_function_sees_rounded_pixels() -> None:
    seen: list[np.ndarray] = []

    def predict(image: np.ndarray) -> Any:
        seen.append(image)
        return {"boxes": [[0, 0, 24, 20]], "scores": [float(image[:20, :24].mean()) / 255], "labels": [1]}

    detector = dx.wrap_predict(predict, NAMES)
    found = detector.detect([IMAGE], 0.0)[0]
    seen.clear()
    settings = {"samples": 150, "segments": 12, "compactness": COMPACT, "hidden": "black"}
    maps = dx.explain(detector, IMAGE, found, method="sodex", **settings)
    assert maps.settings["rounded"] is True
    assert len(seen) == 1 + 150, "once as it is, whether the same is found there"
    assert all(image.dtype == np.uint8 and image.shape == IMAGE.shape for image in seen)
    y, x = divmod(int(maps.values[0].argmax()), WIDTH)
    assert y < 20
    assert x < 24
    assert maps.values[0, :20, :24].mean() > 10 * maps.values[0, :, 40:].abs().mean()


def test_a_batched_function_on_an_upright_image() -> None:
    image = np.ascontiguousarray(IMAGE.transpose(1, 0, 2))

    def predict(images: list[np.ndarray]) -> Any:
        return [([[0, 0, HEIGHT, WIDTH]], [float(one.mean()) / 255], [0]) for one in images]

    detector = dx.wrap_predict(predict, NAMES, batched=True)
    found = detector.detect([image], 0.0)[0]
    settings = {"samples": 80, "segments": 6, "compactness": COMPACT, "hidden": "black"}
    maps = dx.explain(detector, image, found, method="sodex", batch_size=8, **settings)
    assert maps.values.shape == (1, WIDTH, HEIGHT)
    expected, determination = maps_by_hand(detector, image, maps)
    np.testing.assert_allclose(maps.values.numpy(), expected, atol=1e-6)
    assert maps.values.min() > 0
    assert maps.diagnostics[FIT] == pytest.approx(determination, abs=1e-5)


def test_one_superpixel_is_one_value() -> None:
    maps = maps_of(segments=1)
    assert maps.settings["superpixels"] == 1
    assert torch.equal(maps.values, maps.values[:, :1, :1].expand_as(maps.values))
    expected, _ = maps_by_hand(Glow(), IMAGE, maps)
    np.testing.assert_allclose(maps.values.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("answer", [([], [], []), ([[0, 0, 24, 20]], [0.3], [0])])
def test_an_object_whose_score_never_changes_gets_zeros_and_no_fit(answer: Any) -> None:
    detector = dx.wrap_predict(lambda image: answer, NAMES)
    maps = maps_of(detector)
    assert not maps.values.any()
    assert set(maps.status) == {"no positive evidence"}
    assert np.isnan([maps.diagnostics[FIT], maps.diagnostics[LEFT_OUT]]).all()


def test_an_object_found_in_the_whole_image_alone_has_a_poor_fit() -> None:
    maps, _ = switches(lambda shown: 0.9 if shown.all() else 0.0)
    assert maps.diagnostics[LEFT_OUT][0] < 0.2


def test_how_surely_an_object_is_found() -> None:
    targets = dx.Detections(
        torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]]), torch.tensor([0.9, 0.8]), torch.tensor([0, 2]), NAMES
    )
    boxes = torch.tensor([[0.0, 0, 10, 5], [0, 0, 10, 10], [20, 0, 30, 10]])
    scores, labels = torch.tensor([0.8, 0.3, 0.6]), torch.tensor([0, 0, 1])
    bare = dx.Detections(boxes, scores, labels, NAMES)
    assert class_overlaps(targets, [bare, bare[[]], bare[1]]).tolist() == [
        pytest.approx([0.4, 0.0]),  # another class counts nothing
        [0.0, 0.0],
        pytest.approx([0.3, 0.0]),
    ]
    classes = torch.tensor([[0.8, 0.1, 0.1], [0.3, 0.1, 0.1], [0.1, 0.6, 0.3]])
    full = dx.Detections(boxes, scores, labels, NAMES, class_scores=classes, objectness=torch.tensor([0.5, 1.0, 0.5]))
    assert class_overlaps(targets, [full])[0].tolist() == pytest.approx([0.3, 0.15])
    # An answer without a detection may say nothing of classes and objectness.
    assert class_overlaps(targets, [bare[[]], full])[1].tolist() == pytest.approx([0.3, 0.15])
    for t in range(2):
        assert score_by_hand(targets, t, full) == pytest.approx([0.3, 0.15][t])


def test_samples_near_the_whole_image_count_more() -> None:
    shown = draw_shown(300, 9, seed=2)
    assert shown[0].all()
    assert shown[1:].double().mean() == pytest.approx(0.5, abs=0.03)
    shown[1] = False
    ones, rows = np.ones(9), shown.numpy().astype(float)
    lengths = np.linalg.norm(rows, axis=1) * 3
    cosine = np.divide(rows @ ones, lengths, out=np.zeros(300), where=lengths > 0)
    expected = np.sqrt(np.exp(-((1 - cosine) ** 2) / 0.25**2))
    np.testing.assert_allclose(nearness(shown, 0.25).numpy(), expected, atol=1e-12)


def test_a_left_out_sample_is_one_that_the_model_has_not_seen() -> None:
    random = np.random.default_rng(0)
    rows, weights = random.random((40, 6)) < 0.5, random.uniform(0.1, 1, 40)
    scores = rows @ random.normal(size=6) + random.normal(size=40)
    found = fit(torch.from_numpy(rows), torch.from_numpy(scores[:, None]), torch.from_numpy(weights), alpha=0.7)
    errors = np.zeros(40)
    for i in range(40):
        others = np.arange(40) != i
        values, _, intercept = ridge_by_hand(rows[others].astype(float), scores[others], weights[others], 0.7)
        errors[i] = scores[i] - intercept - rows[i] @ values
    total = weights @ (scores - np.average(scores, weights=weights)) ** 2
    assert float(found.left_out) == pytest.approx(1 - weights @ errors**2 / total, abs=1e-10)
    assert float(found.left_out) < float(found.determination)


def test_intercept_is_not_penalised() -> None:
    random = torch.Generator().manual_seed(0)
    shown = torch.rand(50, 4, generator=random) < 0.5
    scores = torch.rand(50, 2, generator=random, dtype=torch.float64)
    weights = torch.rand(50, generator=random, dtype=torch.float64)
    crushed = fit(shown, scores, weights, alpha=1e9)
    assert float(crushed.coefficients.abs().max()) < 1e-6
    mean = (weights[:, None] * scores).sum(dim=0) / weights.sum()
    torch.testing.assert_close(crushed.intercepts, mean, atol=1e-6, rtol=0)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_hidden_superpixels_look_as_asked(hidden: str) -> None:
    detector = Glow()
    maps_of(detector, hidden=hidden, samples=6)
    labels = superpixels(IMAGE, 12, COMPACT, 1.0)[0]
    shown = draw_shown(6, int(labels.max()) + 1, 0)
    pixels = torch.from_numpy(IMAGE).permute(2, 0, 1).double()
    for row, image in zip(shown, detector.seen):
        for s in range(len(row)):
            there = labels == s
            mean = pixels[:, there].mean(dim=1, keepdim=True)
            instead = {"mean": mean, "black": torch.zeros(3, 1), "grey": torch.full((3, 1), 127.5)}[hidden]
            expected = pixels[:, there] if row[s] else instead.double().expand(-1, int(there.sum()))
            torch.testing.assert_close(image.values[:, there].double(), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"samples": 1}, "samples is a whole number of at least 2, got 1"),
        ({"samples": 10.0}, "samples is a whole number of at least 2, got 10.0"),
        ({"segments": 0}, "segments is a whole number of at least 1"),
        ({"batch_size": 0}, "batch_size is a whole number of at least 1, got 0"),
        ({"seed": -1}, "seed is a whole number of at least 0"),
        ({"compactness": 0}, "compactness is a number above 0, got 0"),
        ({"kernel_width": float("nan")}, "kernel_width is a number above 0, got nan"),
        ({"alpha": 0}, "alpha is a number above 0, got 0"),
        ({"sigma": -1}, "sigma, in pixels, is at least 0, got -1"),
        ({"score_threshold": 1.5}, "score_threshold lies in 0..1"),
        ({"hidden": "white"}, "hidden of 'sodex' is one of 'mean', 'black', 'grey'; got 'white'"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], words: str) -> None:
    detector = Glow()
    with pytest.raises(ValueError, match=words):
        maps_of(detector, **settings)
    assert not detector.batches
