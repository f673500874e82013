"""Detections and annotations matched one to one."""

from __future__ import annotations

import numpy as np
import torch

from detxai_nb.data.sample import Sample
from detxai_nb.metrics import match
from detxai_nb.types import Detections

IMAGE = np.zeros((50, 80, 3), np.uint8)


def sample(boxes: list[list[float]], labels: list[int], crowd: list[bool]) -> Sample:
    return Sample(
        image=IMAGE,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        crowd=np.array(crowd, bool),
        image_id=1,
        file_name="a.png",
        names=("dog", "cat"),
        load_masks=lambda: np.zeros((len(labels), 50, 80), bool),
    )


def detections(boxes: list[list[float]], scores: list[float], labels: list[int]) -> Detections:
    names = ("person", "cat", "dog")
    return Detections(torch.tensor(boxes).view(-1, 4), torch.tensor(scores), torch.tensor(labels).long(), names)


def test_the_better_score_takes_the_annotation_and_names_decide() -> None:
    box = [10.0, 10.0, 30.0, 30.0]
    found = detections([box, box, box, [11.0, 10.0, 30.0, 30.0]], [0.9, 0.8, 0.7, 0.6], [0, 1, 2, 2])
    annotated = sample([box, box, [12.0, 10.0, 30.0, 30.0]], [0, 1, 0], [False, False, False])
    assert match(found, annotated).tolist() == [-1, 1, 0, 2]


def test_low_overlap_and_crowds_are_left_out() -> None:
    found = detections([[0.0, 0, 10, 10], [40.0, 0, 60, 20]], [0.9, 0.8], [2, 2])
    annotated = sample([[0.0, 5, 10, 15], [40.0, 0, 60, 20]], [0, 0], [False, True])
    assert match(found, annotated).tolist() == [-1, -1]


def test_nothing_matches_nothing() -> None:
    assert match(detections([], [], []), sample([], [], [])).tolist() == []
    assert match(detections([[0.0, 0, 10, 10]], [0.9], [2]), sample([], [], [])).tolist() == [-1]
