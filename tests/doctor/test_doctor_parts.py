"""The parts of the doctor on inputs whose right answer is known."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import planted
import pytest
import torch

import detxai_nb as dx
from detxai_nb.doctor import gradients
from detxai_nb.doctor.boxes import READINGS
from detxai_nb.doctor.conventions import CONVENTIONS, named
from detxai_nb.doctor.entry import NetworkEntry, find_entry
from detxai_nb.doctor.estimate import MedianEstimate
from detxai_nb.doctor.expected import compare_answers, score_distance
from detxai_nb.doctor.layer_place import layer_offsets
from detxai_nb.doctor.maps import best_move
from detxai_nb.doctor.pairs import mirrored, pair_detections, shared_evidence
from detxai_nb.doctor.result import NotChecked
from detxai_nb.doctor.views import make_views
from detxai_nb.types import Detections

NAMES = ("cat", "dog")


def detections(boxes: Any, scores: Any, labels: Any) -> Detections:
    """Detections of two classes."""
    return Detections(torch.tensor(boxes).float().reshape(-1, 4), torch.tensor(scores), torch.tensor(labels), NAMES)


def test_pairs_are_of_one_class_one_to_one_and_by_score() -> None:
    first = detections([[0, 0, 10, 10], [0, 0, 10, 10], [20, 20, 30, 30]], [0.9, 0.8, 0.7], [0, 0, 1])
    second = detections([[20, 20, 30, 30], [0, 0, 10, 9]], [0.6, 0.5], [0, 0])
    assert pair_detections(first, second) == [(0, 1)]
    assert shared_evidence(first, second, second.boxes) == pytest.approx(0.5)
    assert pair_detections(first, second[:0]) == pair_detections(first[:0], second) == []


def test_a_mirror_image_turns_boxes() -> None:
    assert mirrored(torch.tensor([[1.0, 2.0, 4.0, 6.0]]), 10).tolist() == [[6.0, 2.0, 9.0, 6.0]]


def test_answers_are_compared_by_hand() -> None:
    found = detections([[0, 0, 10, 10], [50, 50, 60, 60], [80, 80, 90, 90]], [0.9, 0.6, 0.1], [0, 1, 1])
    expected = detections([[1, 0, 10, 10], [20, 20, 30, 30]], [0.8, 0.5], [0, 0])
    apart = compare_answers(found, expected, (100, 200))
    assert (apart.expected, apart.missing, apart.more) == (2, 1, 1)
    assert apart.score == pytest.approx(0.1)
    assert apart.box == pytest.approx(1 / 200)
    assert not apart.within(1.0)
    assert compare_answers(expected, expected, (100, 200)).within(0.0)
    assert score_distance(found, expected) == pytest.approx(0.1 + 0.1)
    assert score_distance(found[:1], expected) == pytest.approx(0.1 + 0.5)


class Prepares(torch.nn.Module):
    """A network that prepares its picture in a way of its own."""

    def __init__(self, mean: Any, std: Any, turned: bool) -> None:
        super().__init__()
        self.body = torch.nn.Conv2d(3, 2, 1)
        self.mean, self.std, self.turned = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None], turned

    def forward(self, picture: np.ndarray) -> Any:
        pixels = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
        pixels = (pixels.flip(0) if self.turned else pixels) - self.mean
        return self.body(torch.nn.functional.pad((pixels / self.std)[None], (0, 5, 0, 3), value=0.3))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_networks_input_is_seen(convention: Any, turned: bool) -> None:
    order = slice(None, None, -1) if turned else slice(None)
    network = Prepares(convention.mean[order], convention.std[order], turned)
    picture = np.zeros((10, 12, 3), np.uint8)
    entry = find_entry(network, network, picture)
    assert entry is not None
    assert entry.part is network.body
    assert entry.order == ("BGR" if turned else "RGB")
    assert entry.size == (13, 17)
    assert named(entry) == convention.name
    # Written in the convention that it has already, the input stays as it is.
    inputs = torch.rand(1, 3, 4, 5, dtype=torch.float64) * 50
    assert torch.allclose(convention.write(entry)(inputs), inputs, atol=1e-3)
    seen: list[Any] = []
    entry.part.register_forward_pre_hook(lambda part, args: seen.append(args[0]))
    entry.replaced(lambda given: given * 0 + 7, lambda: network(picture))
    network(picture)
    assert bool((seen[0] != 7).any())
    assert bool((seen[1] != 7).any())


def test_an_input_is_rewritten_in_another_convention() -> None:
    black, white = torch.tensor([-2.0] * 3), torch.tensor([2.0] * 3)
    entry = NetworkEntry(torch.nn.Identity(), black, white, torch.tensor([1.0, 0.0, 0.0]), (4, 4))
    inputs = torch.tensor([-2.0, 0.0, 2.0])[None, :, None, None]
    unit, _, imagenet, large, _ = CONVENTIONS
    assert unit.write(entry)(inputs).flatten().tolist() == [0.0, 0.5, 1.0]
    assert large.write(entry)(inputs).flatten().tolist() == pytest.approx([0, 127.5, 255])
    expected = [(0 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert imagenet.write(entry)(inputs).flatten().tolist() == pytest.approx(expected)
    assert "black (-2, -2, -2)" in named(entry)


@pytest.mark.parametrize("move", [(0, 0), (5, -3), (-11, 7)])
def test_the_move_between_two_maps_is_found(move: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    first = torch.zeros(60, 80)
    first[20:30, 30:45] = torch.rand(10, 15, generator=generator)
    assert best_move(first.roll(move, (0, 1)), first) == move


def test_views_show_the_same_moved_and_turned() -> None:
    picture = np.random.Generator(np.random.PCG64(0)).integers(0, 255, (100, 200, 3)).astype(np.uint8)
    views = make_views(picture, lambda pictures: [])
    right, down = views.move
    assert right != down
    assert right % 8 == down % 8 == 0
    first, second, turned = views.pictures
    assert np.array_equal(first[down:, right:], second[: 100 - 2 * down, : 200 - 2 * right])
    assert np.array_equal(first[:, ::-1], turned)
    assert make_views(picture, lambda pictures: [], 1.5).picture.shape == (150, 300, 3)
    with pytest.raises(NotChecked, match="200x40 pixels is too small"):
        make_views(picture[:40], lambda pictures: [])


def test_readings_of_boxes_by_hand() -> None:
    size, right = (50, 100), [10.0, 20.0, 30.0, 40.0]
    given = {
        "xyxy in pixels of the picture": right,
        "(centre x, centre y, width, height) in pixels": [20.0, 30.0, 20.0, 20.0],
        "(x, y, width, height) in pixels": [10.0, 20.0, 20.0, 20.0],
        "(y1, x1, y2, x2) in pixels": [20.0, 10.0, 40.0, 30.0],
        "xyxy in shares of the picture's size": [0.1, 0.4, 0.3, 0.8],
        "(centre x, centre y, width, height) in shares of the picture's size": [0.2, 0.6, 0.2, 0.4],
        "(x, y, width, height) in shares of the picture's size": [0.1, 0.4, 0.2, 0.4],
    }
    assert given.keys() == READINGS.keys()
    for name, boxes in given.items():
        assert READINGS[name](torch.tensor([boxes]), size)[0].tolist() == pytest.approx(right), name


@pytest.mark.parametrize("size", [(256, 320), (200, 150)])
def test_the_place_of_a_layer_is_seen_from_outside(size: tuple[int, int]) -> None:
    """Of grids that convolutions of stride 2 read it is at most half a cell off; what is added is found."""
    detector = planted.healthy("tiny-ssd")
    picture = dx.data.scenes.Scenes(1, seed=3)[0].image[: size[0], : size[1]]
    y, x = np.median(layer_offsets(detector, picture), axis=0)
    assert abs(y) < 0.7
    assert abs(x) < 0.7
    moved = planted.Changed(detector, trace=lambda trace, _: planted._Trace(trace, lambda grid: grid, (3, 2)))
    further = np.median(layer_offsets(moved, picture), axis=0)
    assert further.tolist() == pytest.approx([y + 3, x + 2], abs=1e-3)


def answering(scores: Any, class_scores: Any = None) -> Any:
    """A detector with these scores, whatever it sees."""
    count = len(scores)
    boxes = [[4.0 * i, 0.0, 4.0 * i + 3, 5.0] for i in range(count)]
    labels = [0] * count if class_scores is None else np.argmax(class_scores, axis=1)
    names = NAMES if class_scores is None else [f"class {i}" for i in range(len(class_scores[0]))]
    return dx.wrap_predict(lambda image: (boxes, scores, labels, class_scores), names)


NUMBERS = np.random.Generator(np.random.PCG64(1))
SPREAD = np.sort(NUMBERS.uniform(0.001, 0.9, 30))[::-1]
ROWS = NUMBERS.dirichlet([0.1] * 5, 30)


@pytest.mark.parametrize(
    ("scores", "classes", "verdict", "words"),
    [
        (SPREAD, None, "ok", "30 scores"),
        (1 / (1 + np.exp(-SPREAD)), None, "wrong", "sigmoid"),
        (1 / (1 + np.exp(-SPREAD[:8])), None, "suspicious", "sigmoid"),
        (ROWS.max(1), ROWS, "ok", "30 scores"),
        *((rows.max(1), rows, "wrong", "softmax") for rows in [np.exp(ROWS) / np.exp(ROWS).sum(1, keepdims=True)]),
        (ROWS.max(1) / 2, ROWS, "suspicious", "not the class score"),
        (np.minimum(1, SPREAD * 4), None, "suspicious", "exactly 1"),
    ],
)
def test_scores_that_were_made_twice_or_cut_off(scores: Any, classes: Any, verdict: str, words: str) -> None:
    picture = np.zeros((20, 200, 3), np.uint8)
    found = dx.doctor(answering(scores, classes), picture, checks="scores")["scores"]
    assert found.verdict == verdict, str(found)
    assert words in str(found)


def test_a_background_among_the_answers_is_wrong() -> None:
    detector = dx.wrap_predict(lambda image: ([[0, 0, 9, 9]], [0.9], [0]), ["__background__", "cat"])
    found = dx.doctor(detector, np.zeros((20, 20, 3), np.uint8), checks="names")["names"]
    assert found.verdict == "wrong"
    assert "'__background__'" in found.said


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_shows_in_the_scores_of_a_black_box(dtype: torch.dtype) -> None:
    scores = torch.from_numpy(SPREAD.copy()).to(dtype).float().numpy()
    picture = np.zeros((20, 200, 3), np.uint8)
    assert dx.doctor(answering(scores), picture, checks="precision")["precision"].verdict == "suspicious"
    assert dx.doctor(answering(SPREAD), picture, checks="precision")["precision"].verdict == "ok"


def test_a_black_box_that_draws_lots_is_not_repeatable() -> None:
    numbers = np.random.Generator(np.random.PCG64(0))
    detector = dx.wrap_predict(lambda image: ([[0, 0, 9, 9]], [numbers.uniform(0.5, 0.9)], [0]), ["cat"])
    found = dx.doctor(detector, np.zeros((20, 20, 3), np.uint8), checks="repeatable")["repeatable"]
    assert found.verdict == "wrong"


@pytest.mark.parametrize(("shift", "verdict"), [(0, "ok"), (1, "wrong"), (-2, "wrong")])
def test_a_shift_of_labels_is_found_by_annotations(shift: int, verdict: str) -> None:
    names = tuple("abcdef")
    boxes = np.array([[10 * i, 0, 10 * i + 8, 8] for i in range(5)], np.float32)
    labels = np.array([0, 2, 3, 1, 5])
    picture = np.zeros((20, 60, 3), np.uint8)
    sample = dx.data.sample.Sample(
        picture, boxes, labels, np.zeros(5, bool), 1, "a.png", names, lambda: np.zeros((5, 20, 60), bool)
    )
    detector = dx.wrap_predict(lambda image: (boxes, [0.9] * 5, (labels + shift) % 6), names)
    found = dx.doctor(detector, sample, checks="names")["names"]
    assert found.verdict == verdict
    assert found.measured["best shift"] == -shift
    by_answers = dx.doctor(detector, picture, expected=(boxes, [0.9] * 5, labels), checks="names")["names"]
    assert by_answers.verdict == verdict


def test_detections_as_expected_answers_count_by_their_own_names() -> None:
    """Their names, not their numbers, say what an object is: so names that are shifted are found by them too."""
    names = tuple("abcdef")
    boxes = [[10.0 * i, 0.0, 10.0 * i + 8, 8.0] for i in range(5)]
    answer = (boxes, [0.9] * 5, [0, 2, 3, 1, 5])
    picture = np.zeros((20, 60, 3), np.uint8)
    own = dx.wrap_predict(lambda image: answer, names).detect([picture])[0]
    shifted = dx.wrap_predict(lambda image: answer, [*names[1:], names[0]])
    found = dx.doctor(shifted, picture, expected=own, checks=["expected", "names"])
    assert [one.verdict for one in found.results] == ["wrong", "wrong"]
    assert found["names"].measured["best shift"] == -1
    # The same classes in another order are the same answers.
    turned = dx.wrap_predict(lambda image: (*answer[:2], [5 - label for label in answer[2]]), names[::-1])
    found = dx.doctor(turned, picture, expected=own, checks=["expected", "names"])
    assert [one.verdict for one in found.results] == ["ok", "ok"]
    # Names that the detector has not say nothing of its own: numbers count.
    foreign = dx.wrap_predict(lambda image: answer, [name.upper() for name in names])
    found = dx.doctor(foreign, picture, expected=own, checks=["expected", "names"])
    assert [one.verdict for one in found.results] == ["ok", "ok"]


def test_a_compiled_part_is_suspicious() -> None:
    detector = copy.deepcopy(planted.healthy("tiny-ssd"))
    picture = dx.data.scenes.Scenes(1, seed=100)[0].image
    # What torch.compile returns holds the module that it compiled under this name.
    next(iter(detector.module.children()))._orig_mod = torch.nn.Identity()
    found = dx.doctor(detector, picture, checks="precision")["precision"]
    assert found.verdict == "suspicious"
    assert "compiled" in found.said


def test_weights_in_half_precision_are_wrong() -> None:
    detector = copy.deepcopy(planted.healthy("tiny-ssd"))
    detector.module.register_buffer("_table", torch.zeros(3, dtype=torch.bfloat16))
    found = dx.doctor(detector, dx.data.scenes.Scenes(1, seed=100)[0], checks="precision")["precision"]
    assert found.verdict == "wrong"
    assert "_table" in found.said


def test_a_median_counts_with_its_error() -> None:
    few = MedianEstimate.of([2.0, 2.0, 2.0])
    assert few.median == 2
    assert few.known is None
    assert not few.beyond(0, 1)
    assert MedianEstimate.of([2.0] * 4).beyond(0, 1)
    assert not MedianEstimate.of([2.0] * 4).beyond(0, 2)
    # The median absolute deviation of 0, 1, 2, 3, 4 is 1, so the error 1.2533 * 1.4826 / sqrt(5).
    scattered = MedianEstimate.of([0.0, 1.0, 2.0, 3.0, 4.0])
    assert scattered.error == pytest.approx(0.8310, abs=1e-4)
    assert not scattered.beyond(0, 1)
    assert MedianEstimate.of([]).median is None


def test_the_slope_at_a_cell_is_measured() -> None:
    """A scalar with a known derivative, claimed as it is and by half."""

    class Trace:
        levels = (SimpleNamespace(features=torch.tensor([[[0.5, 1.5]], [[1.0, -1.0]]])),)

        def __init__(self, claimed: float) -> None:
            self.claimed = claimed

        def scalars_of_features(self, features: torch.Tensor, *_: Any) -> torch.Tensor:
            return features.square().sum(dim=(1, 2, 3))[:, None]

        def gradients(self, *_: Any) -> Any:
            yield 0, torch.tensor([0]), self.claimed * 2 * self.levels[0].features[None]

    one, target = detections([[0, 0, 1, 1]], [0.5], [0]), dx.Target(score="logit")
    for claimed, error in ((1.0, 0.0), (0.5, 0.5), (2.0, 0.5), (0.0, 1.0), (-1.0, 2.0)):
        found = gradients._error(Trace(claimed), one, target)
        assert found == pytest.approx(error, abs=2e-3), claimed
