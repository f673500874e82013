"""Every rule of suppression against a slow one that follows the printed algorithm, and against others' NMS."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.ops import batched_nms, nms

import detxai_nb as dx
from detxai_nb.nms.similarity import at_least, at_most, box_overlaps

CASES = int(os.environ.get("DETXAI_NB_FUZZ", 100))
"""Random cases of each rule; 10000 for the long run."""


def iou_of(a: list[np.floating], b: list[np.floating]) -> float:
    """The IoU of two boxes, one number after the other, in their own precision."""
    w = max(a[0] * 0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(a[0] * 0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = w * h
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return float(shared / whole) if whole != 0 else 0.0


def literal(scores: Tensor, groups: list[int], duplicate: Callable[[int, int], bool]) -> list[int]:
    """Sort by score, pop the best, and keep it unless a kept one of its group makes it a duplicate."""
    waiting = sorted(range(len(scores)), key=lambda i: (-float(scores[i]), i))
    kept: list[int] = []
    while waiting:
        p = waiting.pop(0)
        if not any(groups[d] == groups[p] and duplicate(d, p) for d in kept):
            kept.append(p)
    return kept


def literal_soft(case: Case, rule: dx.nms.SoftNms) -> dict[int, float]:
    """Take the best, lower the others of its group, and so on; those below the threshold go at the end."""
    now, found = dict(enumerate(case.scores.tolist())), {}
    while now:
        best = max(now, key=lambda i: (now[i], -i))
        found[best] = now.pop(best)
        for other in now:
            if case.groups[other] == case.groups[best]:
                iou = case.iou(best, other)
                if rule.decay == "gaussian":
                    now[other] *= math.exp(-iou * iou / rule.sigma)
                elif iou >= rule.iou_threshold:
                    now[other] *= 1 - iou
    return {i: s for i, s in found.items() if s >= rule.score_threshold}


class Case:
    """Up to 24 boxes of up to three classes in up to two images, many on whole pixels and of equal score."""

    def __init__(self, seed: int, dtype: torch.dtype = torch.float32) -> None:
        random = np.random.default_rng(seed)
        n, even = int(random.integers(0, 25)), bool(random.integers(2))
        corners, sides = random.uniform(0, 12, (n, 2)), random.uniform(0, 10, (n, 2))
        boxes = np.concatenate([corners, corners + sides], 1)
        scores = random.uniform(0, 1, n)
        self.boxes = torch.tensor(boxes.round() if even else boxes, dtype=dtype).reshape(n, 4)
        self.rows = [list(row) for row in self.boxes.numpy()]
        self.scores = torch.tensor(scores.round(1) if even else scores, dtype=dtype)
        self.labels = torch.tensor(random.integers(0, random.integers(1, 4), n))
        self.images = torch.tensor(random.integers(0, random.integers(1, 3), n))
        self.groups = (self.labels * 10 + self.images).tolist()
        # Few directions, so that many maps are alike, some alike to the last digit, and some all zero.
        shapes = random.uniform(0, 1, (4, 6)) * (random.uniform(0, 1, (4, 6)) < 0.6)
        noise = random.uniform(0, 0.6, (n, 6)) * random.integers(0, 2, (n, 1))
        self.vectors = torch.tensor(shapes[random.integers(0, 4, n)] + noise, dtype=dtype).reshape(n, 6)
        self.threshold = float(random.choice([0.0, 0.2, 0.3, 1 / 3, 0.5, 0.7, 1.0, random.uniform()]))
        self.low, self.high = sorted(random.choice([0.0, 0.1, 0.2, 0.8, 1.0, random.uniform()], 2))

    @property
    def given(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.boxes, self.scores, self.labels, self.images

    def iou(self, d: int, p: int) -> float:
        return iou_of(self.rows[d], self.rows[p])

    def distance(self, d: int, p: int) -> float:
        return math.dist(self.vectors[d].tolist(), self.vectors[p].tolist())

    def cosine(self, d: int, p: int) -> float:
        a, b = self.vectors[d].tolist(), self.vectors[p].tolist()
        lengths = math.hypot(*a) * math.hypot(*b)
        return min(1.0, math.fsum(x * y for x, y in zip(a, b)) / lengths) if lengths else 0.0

    def on_the_edge(self, measure: Callable[[int, int], float], *thresholds: float) -> bool:
        """Whether rounding decides for some pair."""
        pairs = [measure(d, p) for d in range(len(self.scores)) for p in range(d)]
        return any(abs(value - t) < 1e-6 for value in pairs for t in thresholds if 0 < t < 1 or value not in (0.0, 1.0))


def test_greedy_nms_is_the_printed_algorithm_and_torchvisions() -> None:
    for seed in range(CASES):
        case = Case(seed)
        kept = dx.nms.GreedyNms(case.threshold)(*case.given)

        def duplicate(d: int, p: int, case: Case = case) -> bool:
            return case.iou(d, p) > case.threshold

        slow = literal(case.scores, case.groups, duplicate)
        assert kept.rows.tolist() == slow, seed
        assert torch.equal(kept.scores, case.scores[kept.rows])
        one = dx.nms.GreedyNms(case.threshold)(case.boxes, case.scores).rows
        assert one.tolist() == nms(case.boxes, case.scores, case.threshold).tolist(), seed


def test_greedy_nms_is_torchvisions_of_many_boxes_and_classes() -> None:
    random = torch.Generator().manual_seed(5)
    corners = torch.rand(3000, 2, generator=random) * 300
    boxes = torch.cat([corners, corners + torch.rand(3000, 2, generator=random) * 60 + 20], 1)
    scores, labels = torch.rand(3000, generator=random), torch.randint(0, 3, (3000,), generator=random)
    kept = dx.nms.GreedyNms(0.5)(boxes, scores, labels).rows
    assert len(kept) > 1200, "several blocks"
    assert torch.equal(kept, batched_nms(boxes, scores, labels, 0.5))


def test_greedy_nms_is_supervisions() -> None:
    supervision = pytest.importorskip("supervision", reason="supervision, a second witness, is not installed")
    for seed in range(min(CASES, 300)):
        case = Case(2 * seed + 1)
        if len(case.scores) and len(case.scores.unique()) == len(case.scores):
            rows = torch.cat([case.boxes, case.scores[:, None], case.labels[:, None]], 1).double().numpy()
            keep = supervision.box_non_max_suppression(rows, case.threshold)
            ours = dx.nms.GreedyNms(case.threshold)(case.boxes.double(), case.scores.double(), case.labels).rows
            assert sorted(ours.tolist()) == np.flatnonzero(keep).tolist()


@pytest.mark.parametrize("decay", ["gaussian", "linear"])
def test_soft_nms_is_the_printed_algorithm(decay: str) -> None:
    for seed in range(CASES):
        case = Case(seed, torch.float64)
        rule = dx.nms.SoftNms(decay, iou_threshold=case.threshold, score_threshold=0.05 if seed % 3 else 0.0)
        kept, slow = rule(*case.given), literal_soft(case, rule)
        near = [s for s in slow.values() if abs(s - rule.score_threshold) < 1e-9 and s]
        if not near:
            assert sorted(kept.rows.tolist()) == sorted(slow), seed
            assert kept.scores.tolist() == pytest.approx([slow[i] for i in kept.rows.tolist()], abs=1e-12), seed
            assert kept.scores.tolist() == sorted(kept.scores.tolist(), reverse=True)


def test_feature_nms_is_the_printed_algorithm() -> None:
    compared = 0
    for seed in range(CASES):
        case = Case(seed, torch.float64)
        rule = dx.nms.FeatureNms(case.low, case.high, distance=0.5)
        if case.on_the_edge(case.distance, 0.5):
            continue

        def duplicate(d: int, p: int, case: Case = case) -> bool:
            iou = case.iou(d, p)
            return iou > case.high or (iou >= case.low and case.distance(d, p) <= 0.5)

        assert rule(*case.given, case.vectors).rows.tolist() == literal(case.scores, case.groups, duplicate), seed
        compared += 1
    assert compared > CASES // 2


def test_odam_nms_is_algorithm_1() -> None:
    compared = 0
    for seed in range(CASES):
        case = Case(seed, torch.float64)
        low = max(case.low, 1e-3)
        rule = dx.nms.OdamNms(case.threshold, low, max(low, case.high))
        if case.on_the_edge(case.cosine, rule.t_low, rule.t_high):
            continue

        def duplicate(d: int, p: int, case: Case = case, rule: dx.nms.OdamNms = rule) -> bool:
            iou, alike = case.iou(d, p), case.cosine(d, p)
            if iou >= rule.iou_threshold and alike > rule.t_low:
                return True
            return iou < rule.iou_threshold and rule.t_high < 1 and alike > rule.t_high

        assert rule(*case.given, case.vectors).rows.tolist() == literal(case.scores, case.groups, duplicate), seed
        compared += 1
    assert compared > CASES // 2


def test_odam_nms_between_0_and_1_is_nms_exactly() -> None:
    for seed in range(CASES):
        case = Case(seed)
        kept = dx.nms.OdamNms(case.threshold, t_low=0, t_high=1)(*case.given, case.vectors)
        plain = dx.nms.GreedyNms(case.threshold)(*case.given)
        assert torch.equal(kept.rows, plain.rows), seed
        assert torch.equal(kept.scores, plain.scores), seed


def test_only_the_class_and_the_image_of_a_prediction_are_compared() -> None:
    box = torch.tensor([[0.0, 0, 10, 10]])
    boxes, scores = box.repeat(4, 1), torch.tensor([0.9, 0.8, 0.7, 0.6])
    labels, images = torch.tensor([0, 1, 0, 0]), torch.tensor([0, 0, 1, 0])
    vectors = torch.ones(4, 3)
    rules = [(dx.nms.GreedyNms(), None), (dx.nms.FeatureNms(), vectors), (dx.nms.OdamNms(), vectors)]
    for rule, own in rules:
        assert rule(boxes, scores, labels, images, own).rows.tolist() == [0, 1, 2]
        assert rule(boxes, scores, None, None, own).rows.tolist() == [0]
    assert dx.nms.SoftNms("linear")(boxes, scores, labels, images).rows.tolist() == [0, 1, 2]


def test_maps_decide_what_boxes_cannot() -> None:
    # 0 and 1 overlap and look at different pixels; 0 and 2 are apart and look at the same.
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [30, 0, 40, 10]])
    scores, maps = torch.tensor([0.9, 0.8, 0.7]), torch.tensor([[1.0, 0, 0], [0, 1, 0], [2, 0, 0]])
    assert dx.nms.GreedyNms()(boxes, scores).rows.tolist() == [0, 2]
    assert dx.nms.OdamNms()(boxes, scores, vectors=maps).rows.tolist() == [0, 1]
    assert dx.nms.OdamNms(t_high=1)(boxes, scores, vectors=maps).rows.tolist() == [0, 1, 2]


def test_maps_of_any_scale_are_compared_alike() -> None:
    boxes, scores = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9]]), torch.tensor([0.9, 0.8])
    shape = torch.tensor([1.0, 2, 0])
    for scale in (1e-30, 1e-20, 1.0, 1e20):
        assert dx.nms.OdamNms()(boxes, scores, vectors=torch.stack([shape, shape * scale])).rows.tolist() == [0]


def test_equal_scores_go_in_the_order_of_the_list() -> None:
    boxes, scores = torch.tensor([[0.0, 0, 10, 10]] * 5 + [[50.0, 0, 60, 10]] * 5), torch.full((10,), 0.5)
    assert dx.nms.GreedyNms()(boxes, scores).rows.tolist() == [0, 5]
    assert dx.nms.SoftNms("linear")(boxes, scores).rows.tolist() == [0, 5]


def test_nothing_is_kept_of_nothing() -> None:
    none, vectors = (torch.empty(0, 4), torch.empty(0)), torch.empty(0, 7)
    for rule in (dx.nms.GreedyNms(), dx.nms.SoftNms()):
        assert rule(*none).rows.tolist() == []
    for pair in (dx.nms.FeatureNms(), dx.nms.OdamNms()):
        assert pair(*none, vectors=vectors).rows.tolist() == []


def test_thresholds_are_compared_as_the_numbers_they_are() -> None:
    for threshold in (0.1, 0.3, 0.5, 0.7, 1 / 3, 0.0, 1.0):
        near = np.float32(threshold)
        for value in (np.nextafter(near, np.float32(-1)), near, np.nextafter(near, np.float32(2))):
            tensor = torch.tensor(value)
            assert bool(tensor > at_most(threshold, torch.float32)) == (float(value) > threshold)
            assert bool(tensor >= at_least(threshold, torch.float32)) == (float(value) >= threshold)


def test_boxes_without_area_overlap_nothing() -> None:
    boxes = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 2, 2]])
    assert box_overlaps(boxes, boxes)[:2].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert dx.nms.GreedyNms(0.0)(boxes, torch.tensor([0.3, 0.2, 0.1])).rows.tolist() == [0, 1, 2]


def test_half_precision_and_integers_are_taken() -> None:
    boxes, scores = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 9]]), torch.tensor([0.9, 0.8], dtype=torch.float16)
    assert dx.nms.GreedyNms()(boxes, scores).scores.dtype == torch.float16
    assert dx.nms.SoftNms()(boxes, scores).rows.tolist() == [0, 1]


BOXES, SCORES = torch.tensor([[0.0, 0, 4, 4], [1, 1, 5, 5]]), torch.tensor([0.5, 0.4])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: dx.nms.GreedyNms(1.2), ValueError, "iou_threshold is a number from 0 to 1, got 1.2"),
        (lambda: dx.nms.GreedyNms(50), ValueError, "for 50 percent write 0.5"),
        (lambda: dx.nms.GreedyNms(math.nan), ValueError, "got nan"),
        (lambda: dx.nms.GreedyNms("0.5"), TypeError, "iou_threshold is a number"),
        (lambda: dx.nms.OdamNms(t_low=0.9), ValueError, "t_low is at most t_high, got 0.9 and 0.8"),
        (lambda: dx.nms.OdamNms(t_high=-0.1), ValueError, "t_high is a number from 0 to 1"),
        (lambda: dx.nms.FeatureNms(0.9, 0.1), ValueError, "low_iou is at most high_iou"),
        (lambda: dx.nms.FeatureNms(distance=0), ValueError, "distance is a number above 0"),
        (lambda: dx.nms.SoftNms("cubic"), ValueError, "decay is one of gaussian, linear"),
        (lambda: dx.nms.SoftNms(sigma=0), ValueError, "sigma is a number above 0"),
        (lambda: dx.nms.SoftNms(sigma=1e-60), ValueError, "sigma is a number from"),
        (lambda: dx.nms.SoftNms(score_threshold=None), TypeError, "score_threshold is a number"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"boxes": BOXES[:1]}, ValueError, r"expected boxes \[N,4\] and scores \[N\]"),
        ({"boxes": BOXES[:, :3]}, ValueError, r"expected boxes \[N,4\]"),
        ({"boxes": BOXES.tolist()}, TypeError, "boxes is a tensor, got a list"),
        ({"boxes": BOXES.flip(1)}, ValueError, "expected .x1, y1, x2, y2. with x1 <= x2"),
        ({"boxes": BOXES * math.nan}, ValueError, "boxes has NaN or infinity in 2 of 2 rows"),
        ({"scores": torch.tensor([0.5, math.inf])}, ValueError, "scores has NaN or infinity in 1 of 2 rows; .* row 1"),
        ({"scores": torch.tensor([[0.5, 0.4]])}, ValueError, "expected boxes"),
        ({"labels": torch.tensor([0.0, 1.0])}, TypeError, "labels are whole numbers"),
        ({"labels": torch.tensor([0])}, ValueError, r"expected labels \[2\]"),
        ({"images": [0, 0]}, TypeError, "images is a tensor of whole numbers or None"),
        ({"vectors": None}, ValueError, "OdamNms compares heat maps; hand them in"),
        ({"vectors": torch.ones(2, 3, 3)}, ValueError, r"expected vectors \[2,D\]"),
        ({"vectors": torch.ones(3, 3)}, ValueError, r"expected vectors \[2,D\]"),
        ({"vectors": torch.tensor([[1.0], [math.nan]])}, ValueError, "vectors has NaN"),
    ],
)
def test_bad_input_is_refused_in_words(changes: dict[str, object], error: type[Exception], words: str) -> None:
    given = {"boxes": BOXES, "scores": SCORES, "vectors": torch.ones(2, 3), **changes}
    with pytest.raises(error, match=words):
        dx.nms.OdamNms()(**given)  # type: ignore[arg-type]


def test_what_a_rule_has_no_use_for_is_refused() -> None:
    for rule in (dx.nms.GreedyNms(), dx.nms.SoftNms()):
        with pytest.raises(ValueError, match="has no use for vectors"):
            rule(BOXES, SCORES, vectors=torch.ones(2, 3))
    with pytest.raises(ValueError, match="negative ones"):
        dx.nms.SoftNms()(BOXES, SCORES - 1)
