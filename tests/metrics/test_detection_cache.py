"""Asking a detector about changed pictures: each once, in batches, found again by class and IoU."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pictures import BOXES, NAMES, Counting, detector, found, sample

import detxai_nb as dx
from detxai_nb.capabilities import Capabilities
from detxai_nb.metrics import CachedDetections, DetectionCache, fastest_batch


def shade(value: int) -> np.ndarray:
    return np.full((6, 9, 3), value, np.uint8)


def telling(image: np.ndarray) -> dict[str, Any]:
    """One cup whose score tells the picture's shade."""
    return {"boxes": [[0.0, 0.0, 5.0, 4.0]], "scores": [float(image[0, 0, 0]) / 255], "labels": [0]}


def test_objects_are_found_by_class_and_overlap_never_by_number() -> None:
    cup, pan = BOXES
    answer = CachedDetections(
        boxes=torch.tensor([cup, cup, [2.0, 2.0, 11.0, 6.0], [0.0, 0.0, 20.0, 12.0]]),
        scores=torch.tensor([0.9, 0.5, 0.7, 0.6]),
        labels=torch.tensor([1, 0, 0, 1]),
    )
    targets = found([cup, pan, (1.0, 2.0, 11.0, 10.0), cup], (1.0, 1.0, 1.0, 1.0), (0, 1, 0, 1))
    scores, ious = answer.follow(targets, by="iou")
    # The cup: its own box with 0.5, not the better scored pan at the same place; the pan is gone; an IoU of just 0.5
    # is not above it.
    assert scores.tolist() == pytest.approx([0.5, 0, 0, 0.9])
    assert ious.tolist() == pytest.approx([1, 0, 0, 1])
    scores, ious = answer.follow(targets, min_iou=0.0, by="iou")
    assert scores.tolist() == pytest.approx([0.5, 0.6, 0.5, 0.9])
    assert ious.tolist() == pytest.approx([1, 40 / 240, 0.5, 1])


def test_the_better_score_wins_among_equal_overlaps_and_nothing_is_found_in_nothing() -> None:
    answer = CachedDetections(torch.tensor([BOXES[0]] * 2), torch.tensor([0.8, 0.3]), torch.tensor([0, 0]))
    assert answer.follow(found())[0].tolist() == pytest.approx([0.8, 0])
    none = CachedDetections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0).long())
    assert none.follow(found())[0].tolist() == [0, 0]
    assert answer.follow(found([], [], []))[0].tolist() == []


def test_by_score_the_highest_of_those_that_overlap_enough_is_followed() -> None:
    target = found([(0.0, 0.0, 100.0, 100.0)], (0.9,), (0,))
    boxes = torch.tensor([[0.0, 0.0, 100.0, 49.0], [0.0, 0.0, 100.0, 70.0], [0.0, 0.0, 100.0, 85.0], [0.0] * 4])
    answer = CachedDetections(boxes, torch.tensor([0.95, 0.88, 0.06, 0.99]), torch.tensor([0, 0, 0, 0]))
    assert answer.follow(target)[0].tolist() == pytest.approx([0.88]), "0.95 overlaps by 0.49 only"
    assert answer.follow(target)[1].tolist() == pytest.approx([0.70])
    assert answer.follow(target, by="iou")[0].tolist() == pytest.approx([0.06])
    assert answer.follow(target, by="iou")[1].tolist() == pytest.approx([0.85])
    assert answer.find(target)[0].tolist() == [1]
    assert answer.find(target, by="iou")[0].tolist() == [2]
    other = CachedDetections(boxes, answer.scores, torch.tensor([0, 1, 1, 0]))
    assert other.follow(target)[0].tolist() == [0], "another class is never followed"
    assert other.find(target)[0].tolist() == [-1]
    with pytest.raises(ValueError, match="by is one of score, iou; got 'box'"):
        answer.follow(target, by="box")


@pytest.mark.parametrize("by", ["score", "iou"])
def test_following_equals_a_loop_over_all_detections(by: str) -> None:
    random = torch.Generator().manual_seed(3)
    for _ in range(20):
        corner, side = torch.rand(2, 30, 2, generator=random) * 4
        boxes = torch.cat([corner, corner + side + 5], dim=1)
        scores, labels = torch.rand(30, generator=random), torch.randint(0, 2, (30,), generator=random)
        answer = CachedDetections(boxes[5:], scores[5:], labels[5:])
        targets = found(boxes[:5].tolist(), tuple(scores[:5].tolist()), tuple(labels[:5].tolist()))
        for row, (score, iou) in enumerate(zip(*answer.follow(targets, by=by))):
            best = (-1.0, 0.0, 0.0)
            for box, own, label in zip(boxes[5:].tolist(), scores[5:].tolist(), labels[5:].tolist()):
                one = _overlap(targets.boxes[row].tolist(), box)
                if label == int(targets.labels[row]) and one > 0.5:
                    best = max(best, (own if by == "score" else one, own, one))
            assert (float(score), float(iou)) == pytest.approx(best[1:], abs=1e-6)


def _overlap(a: list[float], b: list[float]) -> float:
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(across, 0) * max(down, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_every_picture_is_answered_in_order_and_asked_once(batch_size: int) -> None:
    ask = Counting(telling)
    answers = DetectionCache(detector(ask), batch_size)
    shades = [50, 50, 90, 50, 200, 90, 30, 31, 32, 50]
    scores = [answer.scores.item() for answer in answers.ask(map(shade, shades))]
    assert scores == pytest.approx([value / 255 for value in shades])
    assert (ask.calls, answers.queries) == (6, 6)
    again = [answer.scores.item() for answer in answers.ask([shade(32), shade(99)])]
    assert again == pytest.approx([32 / 255, 99 / 255])
    assert ask.calls == 7


def test_pictures_are_streamed() -> None:
    made: list[int] = []
    largest = 0

    def pictures() -> Iterator[np.ndarray]:
        for value in range(60, 100):
            made.append(value)
            yield shade(value)

    for number, _ in enumerate(DetectionCache(detector(telling), 4).ask(pictures()), start=1):
        largest = max(largest, len(made) - number)
    assert largest == 3
    assert len(made) == 40


def test_batches_are_as_large_as_asked() -> None:
    sizes: list[int] = []

    def predict(images: list[np.ndarray]) -> list[Any]:
        sizes.append(len(images))
        return [telling(image) for image in images]

    black_box = dx.wrap_predict(predict, NAMES, batched=True)
    list(DetectionCache(black_box, 2).ask(map(shade, (60, 70, 60, 80))))
    assert sizes == [2, 1]
    list(DetectionCache(black_box, 2).ask(map(shade, (60, 70, 60, 80)), batch_size=4))
    assert sizes == [2, 1, 3]


@pytest.mark.parametrize(("size", "expected"), [((64, 80), 4), ((256, 512), 4), ((256, 520), 1)])
def test_small_pictures_go_through_a_small_network_by_four(size: tuple[int, int], expected: int) -> None:
    small = dx.load_detector("tiny-yolox", device="cpu")
    answers = DetectionCache(small)
    assert answers.batch_size is None, "no picture was asked yet"
    pictures = [np.full((*size, 3), value, np.uint8) for value in (10, 20)]
    several = list(answers.ask(pictures))
    assert (answers.batch_size, answers.queries) == (expected, 2)
    alone = list(DetectionCache(small, 1).ask(pictures))
    assert all(torch.allclose(one.scores, other.scores, atol=1e-5) for one, other in zip(several, alone))


def test_a_large_network_or_a_black_box_is_asked_one_at_a_time_on_the_cpu() -> None:
    large = SimpleNamespace(module=torch.nn.Linear(3000, 3000))
    assert Capabilities(large).batch_on_cpu(100) == 1
    assert Capabilities(detector()).batch_on_cpu(100) == 1


def test_the_threshold_is_the_callers() -> None:
    answers = DetectionCache(detector(telling))
    (seen,), (unseen,) = answers.ask([shade(20)], 0.05), answers.ask([shade(20)], 0.1)
    assert (len(seen.scores), len(unseen.scores)) == (1, 0)


def test_memory_that_does_not_suffice_halves_the_batch() -> None:
    sizes: list[int] = []

    class Small:
        names, device = NAMES, torch.device("cpu")

        def detect(self, images: Any, score_threshold: float = 0.3) -> Any:
            sizes.append(len(images))
            if len(images) > 2:
                raise torch.OutOfMemoryError("no room")
            return detector(telling).detect(images, score_threshold)

    answers = DetectionCache(Small(), 8)
    scores = [answer.scores.item() for answer in answers.ask(map(shade, range(100, 108)))]
    assert scores == pytest.approx([value / 255 for value in range(100, 108)])
    assert sizes == [8, 4, 2, 2, 2, 2]
    assert answers.batch_size == 2


def test_an_error_of_the_detector_reaches_the_caller() -> None:
    def broken(image: np.ndarray) -> Any:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        list(DetectionCache(detector(broken)).ask([shade(1)]))


def test_a_trial_names_one_of_the_sizes() -> None:
    assert fastest_batch(detector(), sample().image, (1, 3), repeats=1) in (1, 3)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="batch_size is 1 or more, got 0"):
        DetectionCache(detector(), 0)
    with pytest.raises(ValueError, match="batch_size is 1 or more, got 0"):
        list(DetectionCache(detector()).ask([shade(1)], batch_size=0))
    with pytest.raises(ValueError, match="a picture is uint8"):
        list(DetectionCache(detector()).ask([shade(1) / 255]))
    with pytest.raises(ValueError, match="sizes are 1 or more"):
        fastest_batch(detector(), sample().image, ())
