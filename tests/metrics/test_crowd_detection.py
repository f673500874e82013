"""Miss rate, Jaccard index and recall of crowds: cases counted by hand, and slow ones that follow the definitions."""

from __future__ import annotations

import itertools
import math
import os
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.data.sample import Sample
from detxai_nb.metrics.crowd_detection import REFERENCE_FPPI

CASES = int(os.environ.get("DETXAI_NB_FUZZ", 60))
A, B, C = [0.0, 0.0, 10.0, 10.0], [0.0, 2.0, 10.0, 12.0], [40.0, 0.0, 50.0, 10.0]
"""A and B crowd each other (IoU 2/3), C is alone."""
FAR = [80.0, 20.0, 90.0, 30.0]


def no_masks() -> np.ndarray:
    raise ValueError("there are no masks")


def sample(boxes: list[list[float]], labels: list[int] | None = None, ignore: list[bool] | None = None) -> Sample:
    return Sample(
        image=np.zeros((40, 100, 3), np.uint8),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels or [0] * len(boxes), np.int64),
        crowd=np.array(ignore or [False] * len(boxes), bool),
        image_id=1,
        file_name="a.png",
        names=("person", "dog"),
        load_masks=no_masks,
    )


def found(boxes: list[list[float]], scores: list[float], labels: list[int] | None = None) -> Any:
    labels = labels or [0] * len(boxes)
    return SimpleNamespace(
        boxes=torch.tensor(boxes).reshape(-1, 4), scores=torch.tensor(scores), labels=torch.tensor(labels).long()
    )


def test_everything_found_misses_nothing() -> None:
    result = dx.metrics.log_average_miss_rate([sample([A, C])], [found([A, C], [0.9, 0.8])])
    assert result["MR"] == pytest.approx(1e-10)
    assert result["miss_rates"]["person"] == [0.0] * 9
    assert (result["images"], result["objects"]) == (1, 2)


def test_nothing_found_misses_everything() -> None:
    assert dx.metrics.log_average_miss_rate([sample([A])], [found([], [])])["MR"] == 1
    assert math.isnan(dx.metrics.log_average_miss_rate([sample([])], [found([A], [0.9])])["MR"])


def test_the_nine_numbers_of_false_alarms_are_exact() -> None:
    assert len(REFERENCE_FPPI) == 9
    assert REFERENCE_FPPI[::4].tolist() == [0.01, 0.1, 1.0]
    assert np.allclose(np.diff(np.log10(REFERENCE_FPPI)), 0.25, rtol=1e-12)


def test_the_miss_rate_at_nine_numbers_of_false_alarms() -> None:
    # Ten images; the false alarm stands between the two hits: half is missed below 0.1 an image, nothing from there on.
    truth = [sample([A]), sample([C])] + [sample([])] * 8
    results = [found([A], [0.9]), found([FAR, C], [0.8, 0.7])] + [found([], [])] * 8
    result = dx.metrics.log_average_miss_rate(truth, results)
    assert result["miss_rates"]["person"] == [0.5] * 4 + [0.0] * 5
    assert result["MR"] == pytest.approx(math.exp((4 * math.log(0.5) + 5 * math.log(1e-10)) / 9))


def test_a_false_alarm_in_the_only_image_is_more_than_allowed() -> None:
    result = dx.metrics.log_average_miss_rate([sample([A])], [found([FAR, A], [0.9, 0.8])])
    assert result["miss_rates"]["person"] == [1.0] * 8 + [0.0]


def test_detections_of_one_score_enter_together() -> None:
    for boxes in ([FAR, A], [A, FAR]):
        result = dx.metrics.log_average_miss_rate([sample([A])], [found(boxes, [0.5, 0.5])])
        assert result["miss_rates"]["person"] == [1.0] * 8 + [0.0]


def test_a_region_to_ignore_excuses_but_is_no_object() -> None:
    region = [60.0, 0.0, 100.0, 40.0]
    truth = [sample([A, region], ignore=[False, True])]
    results = [found([FAR, A, A], [0.9, 0.8, 0.7])]
    rates = dx.metrics.log_average_miss_rate(truth, results)
    assert rates["miss_rates"]["person"] == [0.0] * 9
    assert rates["objects"] == 1
    assert dx.metrics.jaccard_index(truth, results)["JI"] == 1, "at 0.75 the double is gone"
    assert dx.metrics.jaccard_index(truth, results, thresholds=[0.0])["JI"] == 0.5, "one pair, one double"
    assert dx.metrics.crowd_recall(truth, results, 0.5)["sparse_objects"] == 1
    precision = dx.metrics.average_precision(truth, results)
    assert (precision["AP50"], precision["objects"]) == (pytest.approx(1), 1), "ignored there too, and no mask is read"


def test_a_region_of_another_class_excuses_nothing() -> None:
    truth = [sample([A, [60.0, 0.0, 100.0, 40.0]], [0, 1], [False, True])]
    assert dx.metrics.log_average_miss_rate(truth, [found([FAR, A], [0.9, 0.8])])["miss_rates"]["person"][0] == 1


def test_the_miss_rate_is_the_mean_over_annotated_classes() -> None:
    result = dx.metrics.log_average_miss_rate([sample([A, C], [0, 1])], [found([A, C], [0.9, 0.8], [0, 0])])
    assert result["per_class"] == {"person": pytest.approx(1e-10), "dog": 1.0}
    assert result["MR"] == pytest.approx(0.5)


def test_the_jaccard_index_by_hand() -> None:
    # Two objects, three detections, two pairs: 2 / (3 + 2 - 2); above 0.6 one of each: 1 / (1 + 2 - 1).
    truth, results = [sample([A, C])], [found([A, FAR, C], [0.9, 0.5, 0.5])]
    result = dx.metrics.jaccard_index(truth, results, thresholds=[0.2, 0.6])
    assert result["curve"] == {0.2: pytest.approx(2 / 3), 0.6: pytest.approx(1 / 2)}
    assert (result["JI"], result["threshold"]) == (pytest.approx(2 / 3), 0.2)


def test_the_jaccard_index_pairs_as_many_as_can_be() -> None:
    # The better detection lies nearest to B but can have A too; the other can have B only.
    first, second = [0.0, 1.2, 10.0, 11.2], [0.0, 4.5, 10.0, 14.5]
    result = dx.metrics.jaccard_index([sample([A, B])], [found([first, second], [0.9, 0.8])], thresholds=[0.0])
    assert result["JI"] == 1


def test_a_score_of_the_threshold_counts() -> None:
    for score in (0.1, 0.3, 0.7):
        assert dx.metrics.crowd_recall([sample([A])], [found([A], [score])], score)["sparse"] == 1


def test_images_with_neither_objects_nor_detections_do_not_count() -> None:
    truth, results = [sample([A]), sample([])], [found([A], [0.9]), found([], [])]
    assert dx.metrics.jaccard_index(truth, results)["JI"] == 1
    assert math.isnan(dx.metrics.jaccard_index(truth[1:], results[1:])["JI"])
    assert dx.metrics.jaccard_index(truth, [results[0], found([C], [0.9])])["JI"] == 0.5


def test_recall_of_the_crowded_and_the_other_objects() -> None:
    truth, results = [sample([A, B, C])], [found([A, C, B], [0.9, 0.8, 0.3])]
    assert dx.metrics.crowd_recall(truth, results, 0.5) == {
        "crowd": 0.5,
        "crowd_found": 1,
        "crowd_objects": 2,
        "sparse": 1.0,
        "sparse_found": 1,
        "sparse_objects": 1,
    }
    assert dx.metrics.crowd_recall(truth, results, 0.2)["crowd"] == 1
    alone = dx.metrics.crowd_recall(truth, results, 0.2, crowd_iou=0.7)
    assert (alone["crowd_objects"], alone["sparse_objects"]) == (0, 3)
    assert math.isnan(alone["crowd"])


# Slow and independent: one number after the other, thresholds and pairings all tried.


def share(a: Any, b: Any, of: str) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = w * h if w > 0 and h > 0 else 0
    area_a, area_b = (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])
    whole = area_a if of == "own" else area_a + area_b - both
    return float(both / whole) if whole else 0.0


class Slow:
    """Objects, regions and detections of one class in a few images."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)

        def boxes(most: int) -> np.ndarray:
            corner = random.integers(0, 12, (int(random.integers(0, most)), 2))
            return np.concatenate([corner, corner + random.integers(1, 9, corner.shape)], 1).astype(float)

        self.images = []
        for _ in range(int(random.integers(1, 5))):
            truth, region, shift = boxes(5), boxes(2), random.integers(-1, 2, 4)
            near = np.sort((truth + shift).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
            detected = np.concatenate([near, boxes(4)])
            self.images.append((truth, region, detected, random.uniform(0, 1, len(detected)).round(1)))
        self.truth = [
            sample([*t.tolist(), *r.tolist()], None, [False] * len(t) + [True] * len(r)) for t, r, _, _ in self.images
        ]
        self.results = [found(d.tolist(), s.tolist()) for _, _, d, s in self.images]
        self.objects = sum(len(t) for t, _, _, _ in self.images)

    def greedy(self, index: int, threshold: float) -> tuple[set[int], int]:
        """Objects found at a threshold, and false alarms."""
        truth, region, detected, scores = self.images[index]
        hit: set[int] = set()
        false = 0
        for d in sorted(range(len(detected)), key=lambda d: (-np.float32(scores[d]), d)):
            if np.float32(scores[d]) < np.float32(threshold):
                continue
            free = [(share(detected[d], truth[t], "both"), -t) for t in range(len(truth)) if t not in hit]
            best = max(free, default=(0.0, 0))
            if best[0] > 0.5:
                hit.add(-best[1])
            elif not any(share(detected[d], r, "own") > 0.5 for r in region):
                false += 1
        return hit, false

    def miss_rate(self) -> float:
        logs = []
        for reference in 10.0 ** np.linspace(-2, 0, 9):
            missed = 1.0
            for threshold in sorted({s for _, _, _, scores in self.images for s in scores}, reverse=True):
                counts = [self.greedy(i, threshold) for i in range(len(self.images))]
                if sum(false for _, false in counts) / len(self.images) <= reference * (1 + 1e-12):
                    missed = 1 - sum(len(hit) for hit, _ in counts) / self.objects
            logs.append(math.log(max(missed, 1e-10)))
        return math.exp(sum(logs) / 9)

    def jaccard(self, threshold: float) -> float:
        values = []
        for truth, region, detected, scores in self.images:
            rows = [d for d in range(len(detected)) if np.float32(scores[d]) >= threshold]
            slots = [*range(len(truth)), *[None] * len(rows)]
            best = None
            for chosen in itertools.permutations(slots, len(rows)) if len(rows) < 6 else ():
                if all(t is None or share(detected[d], truth[t], "both") > 0.5 for d, t in zip(rows, chosen)):
                    pairs = sum(t is not None for t in chosen)
                    if best is None or pairs > best[0]:
                        best = (pairs, chosen)
            if best is None:
                return math.nan
            excused = sum(
                t is None and any(share(detected[d], r, "own") > 0.5 for r in region) for d, t in zip(rows, best[1])
            )
            together = len(rows) - excused + len(truth) - best[0]
            values += [best[0] / together] if together else []
        return sum(values) / len(values) if values else 0.0

    def recalls(self, threshold: float) -> dict[str, int]:
        counts = dict.fromkeys(("crowd_found", "crowd_objects", "sparse_found", "sparse_objects"), 0)
        for index, (truth, _, _, _) in enumerate(self.images):
            hit, _ = self.greedy(index, threshold)
            for t in range(len(truth)):
                others = [u for u in range(len(truth)) if u != t and share(truth[t], truth[u], "both") > 0.5]
                name = "crowd" if others else "sparse"
                counts[f"{name}_objects"] += 1
                counts[f"{name}_found"] += t in hit
        return counts


def test_all_measures_against_slow_ones() -> None:
    compared = 0
    for seed in range(CASES):
        case = Slow(seed)
        rate = dx.metrics.log_average_miss_rate(case.truth, case.results)
        assert rate["objects"] == case.objects
        if case.objects:
            assert rate["MR"] == pytest.approx(case.miss_rate(), rel=1e-9), seed
        recall = dx.metrics.crowd_recall(case.truth, case.results, 0.35)
        assert {name: recall[name] for name in case.recalls(0.35)} == case.recalls(0.35), seed
        slow = case.jaccard(0.35)
        if case.objects and not math.isnan(slow):
            result = dx.metrics.jaccard_index(case.truth, case.results, thresholds=[0.35])
            # Where several largest sets of pairs leave different detections over, an ignored one may be among them.
            regions = any(len(region) for _, region, _, _ in case.images)
            assert regions or result["JI"] == pytest.approx(slow), seed
            compared += not regions
    assert compared > CASES // 20


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t, r: dx.metrics.log_average_miss_rate(t, []), "one result for each of the 1 images, got 0"),
        (lambda t, r: dx.metrics.log_average_miss_rate(t, r, iou=50), "iou is a number from 0 to 1, got 50"),
        (lambda t, r: dx.metrics.jaccard_index(t, r, thresholds=[]), "thresholds are scores from 0 to 1"),
        (lambda t, r: dx.metrics.jaccard_index(t, r, thresholds=[2]), "thresholds are scores from 0 to 1"),
        (lambda t, r: dx.metrics.crowd_recall(t, r, -1), "score_threshold is a number from 0 to 1"),
        (lambda t, r: dx.metrics.crowd_recall(t, r, 0.5, crowd_iou=math.nan), "crowd_iou is a number from 0 to 1"),
        (lambda t, r: dx.metrics.jaccard_index(t, [found([A], [math.nan])]), "scores of result 0 are not all numbers"),
    ],
)
def test_bad_arguments_are_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call([sample([A])], [found([A], [0.9])])
