"""The figures of detections in crowds: those of the package's metrics, and those of scenes drawn with replacement."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from detxai_nb.data.sample import Sample
from detxai_nb.data.scenes import NAMES
from detxai_nb.evaluation.pairs import HOLDS, REVERSED, UNDECIDED
from detxai_nb.evaluation.suppression.candidates import SceneCandidates
from detxai_nb.evaluation.suppression.contrasts import verdict_of
from detxai_nb.evaluation.suppression.correlations import CorrelationCounts
from detxai_nb.evaluation.suppression.measures import draws_of_scenes, measured
from detxai_nb.evaluation.suppression.outcomes import (
    ComparedScene,
    Objects,
    Outcomes,
    SceneTruth,
    joined,
    outcome_of,
    overlaps_of,
)
from detxai_nb.metrics.crowd_detection import crowd_recall, jaccard_index, log_average_miss_rate
from detxai_nb.metrics.detection import average_precision
from detxai_nb.nms.rules import GreedyNms


def random_scene(random: np.random.Generator) -> tuple[SceneTruth, SceneCandidates]:
    """A crowd of up to 8 objects of two classes, and up to 40 predictions near them, some without an object."""
    count, predictions = int(random.integers(0, 9)), int(random.integers(0, 41))
    corner = random.uniform(0, 40, (count, 2))
    boxes = np.concatenate([corner, corner + random.uniform(15, 25, (count, 2))], axis=1).astype(np.float32)
    labels = random.integers(0, 2, count)
    near = random.integers(0, count, predictions) if count else np.zeros(predictions, int)
    base = boxes[near] if count else np.tile(np.float32([0, 0, 20, 20]), (predictions, 1))
    moved = base + random.normal(0, 3, base.shape).astype(np.float32)
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
    wrong = random.random(predictions) < 0.2
    own = np.where(wrong, 1 - labels[near], labels[near]) if count else random.integers(0, 2, predictions)
    # Scores in steps of 1/64, so that many are alike.
    scores = -np.sort(-random.integers(4, 64, predictions) / 64).astype(np.float32)
    overlaps = overlaps_of(boxes.astype(float), boxes.astype(float))
    np.fill_diagonal(overlaps, 0)
    truth = SceneTruth(boxes.astype(float), labels, (overlaps > 0.5).any(axis=1))
    tensors = (torch.from_numpy(one) for one in (moved, scores, own.astype(np.int64)))
    return truth, SceneCandidates.of(predictions, *tensors, torch.zeros(predictions, predictions))


def outcomes_and_metrics(seed: int, scenes: int) -> tuple[list[SceneTruth], list[Outcomes], list[Any], list[Any]]:
    """Scenes after NMS as outcomes, and as samples and detections for the package's metrics."""
    random, rule = np.random.default_rng(seed), GreedyNms(0.7)
    truths, parts, samples, found = [], [], [], []
    for number in range(scenes):
        truth, candidates = random_scene(random)
        scene = ComparedScene(candidates, truth)
        truths.append(truth)
        parts.append(outcome_of(scene, number, rule, 0.05, 100))
        rows = scene.keep(rule).rows.numpy()
        boxes = truth.boxes.astype(np.float32)
        none = np.zeros(len(boxes), bool)
        samples.append(Sample(np.zeros((8, 8, 3), np.uint8), boxes, truth.labels, none, number, "", NAMES, np.array))
        found.append(
            SimpleNamespace(
                boxes=candidates.boxes[rows], scores=candidates.scores[rows], labels=candidates.labels[rows]
            )
        )
    return truths, parts, samples, found


class BoxesOnly(list[Any]):
    """Samples without masks."""

    has_masks = False


@pytest.mark.parametrize("seed", range(6))
def test_figures_are_those_of_the_metrics(seed: int) -> None:
    truths, parts, samples, found = outcomes_and_metrics(seed, 12)
    dataset = BoxesOnly(samples)
    own = {name: float(value[0]) for name, value in measured(joined(parts), Objects.of(truths)).items()}
    assert own["AP50"] == pytest.approx(average_precision(dataset, found)["AP50"], abs=1e-12)
    assert own["MR"] == pytest.approx(log_average_miss_rate(dataset, found)["MR"], abs=1e-12)
    index = jaccard_index(dataset, found)
    assert own["JI"] == pytest.approx(index["JI"], abs=1e-12)
    assert own["confidence"] == index["threshold"]
    recall = crowd_recall(dataset, found, index["threshold"])
    for name in ("crowd", "sparse", "crowd_found", "sparse_found"):
        assert own[name] == pytest.approx(recall[name], nan_ok=True), name
    every = crowd_recall(dataset, found, 0.0)
    objects = every["crowd_objects"] + every["sparse_objects"]
    assert own["recall"] == pytest.approx((every["crowd_found"] + every["sparse_found"]) / objects)


def test_a_drawn_scene_counts_as_often_as_it_was_drawn() -> None:
    truths, parts, _, _ = outcomes_and_metrics(3, 6)
    weights = np.array([[1, 1, 1, 1, 1, 1], [2, 0, 1, 0, 3, 0], [0, 0, 0, 6, 0, 0]])
    at_once = measured(joined(parts), Objects.of(truths), weights)
    for row, drawn in enumerate(weights):
        numbers = np.repeat(np.arange(6), drawn)
        copies = [parts[n]._replace(scene=np.full(len(parts[n].scene), i)) for i, n in enumerate(numbers)]
        alone = measured(joined(copies), Objects.of([truths[n] for n in numbers]))
        for name, value in alone.items():
            # Copies of a detection enter together here; COCO's curve has a step for each.
            close = 0.03 if name == "AP50" else 1e-9
            assert at_once[name][row] == pytest.approx(float(value[0]), abs=close, nan_ok=True), (name, row)


def test_draws_have_as_many_scenes_as_there_are() -> None:
    drawn = draws_of_scenes(7, 5, seed=1)
    assert drawn.shape == (5, 7)
    assert (drawn.sum(axis=1) == 7).all()
    assert np.array_equal(drawn, draws_of_scenes(7, 5, seed=1))


def test_scenes_without_objects_or_detections_are_figures_too() -> None:
    empty = SceneTruth(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0, bool))
    none = SceneCandidates.of(
        0, torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 0)
    )
    part = outcome_of(ComparedScene(none, empty), 0, GreedyNms(), 0.05, 100)
    figures = measured(joined([part]), Objects.of([empty]))
    assert all(np.isnan(figures[name][0]) for name in ("AP50", "JI", "MR", "recall"))
    one = SceneTruth(np.array([[0.0, 0, 9, 9]]), np.array([3]), np.array([False]))
    figures = measured(joined([outcome_of(ComparedScene(none, one), 0, GreedyNms(), 0.05, 100)]), Objects.of([one]))
    assert [figures[name][0] for name in ("AP50", "JI", "MR", "recall")] == [0, 0, 1, 0]


def test_pairs_are_counted_by_object_overlap_and_correlation() -> None:
    truth = SceneTruth(np.array([[0.0, 0, 20, 20], [8, 0, 28, 20]]), np.array([2, 2]), np.array([False, False]))
    boxes = torch.tensor([[0.0, 0, 20, 20], [0, 1, 20, 21], [8, 0, 28, 20], [9, 0, 29, 20], [60, 60, 80, 80]])
    scores, labels = torch.tensor([0.9, 0.8, 0.7, 0.05, 0.6]), torch.full((5,), 2)
    alike = torch.zeros(5, 5)
    alike[0, 1], alike[0, 2], alike[1, 2] = 0.97, 0.21, 0.4
    counts = CorrelationCounts()
    counts.add(ComparedScene(SceneCandidates.of(5, boxes, scores, labels, alike), truth))
    told = {(row["kind"], row["iou"]): row for row in counts.rows() if row["pairs"]}
    # IoU 380/420 of the first two; 240/560 and 228/572 with the third; the fourth scores too low, the fifth is none.
    assert {key: row["pairs"] for key, row in told.items()} == {
        ("same object", 0.9): 1,
        ("different objects", 0.4): 1,
        ("different objects", 0.3): 1,
    }
    assert told["same object", 0.9]["mean"] == pytest.approx(0.97)
    assert told["same object", 0.9]["histogram"][48] == 1
    assert told["different objects", 0.4]["mean"] == pytest.approx(0.21)
    assert told["different objects", 0.3]["histogram"][20] == 1


@pytest.mark.parametrize(
    ("differences", "interval", "figure", "verdict"),
    [
        ([0.01, 0.02, 0.03], (0.005, 0.04), "AP50", HOLDS),
        ([0.01, 0.02, 0.03], (0.005, 0.04), "MR", REVERSED),
        ([-0.01, -0.02], (-0.04, -0.001), "MR", HOLDS),
        ([0.01, -0.02, 0.03], (0.005, 0.04), "AP50", UNDECIDED),
        ([0.01, 0.02, 0.03], (-0.005, 0.04), "AP50", UNDECIDED),
        ([0.0, 0.0, 0.0], (0.0, 0.0), "crowd", UNDECIDED),
        ([0.0, 0.02], (0.01, 0.02), "crowd", UNDECIDED),
        ([-0.02], (-0.03, -0.01), "crowd", REVERSED),
    ],
)
def test_a_claim_is_decided_if_all_seeds_and_the_interval_agree(
    differences: list[float], interval: tuple[float, float], figure: str, verdict: str
) -> None:
    assert verdict_of(differences, *interval, figure) == verdict
