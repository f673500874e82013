"""Detections, targets and gradient chunks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from detxai_nb.types import Detections, Target
from detxai_nb.windows import GradientChunk, spread_windows, take_windows


def some(count: int = 3) -> Detections:
    return Detections(
        boxes=torch.arange(count * 4.0).view(count, 4),
        scores=torch.linspace(0.9, 0.5, count),
        labels=torch.arange(count) % 2,
        names=("cat", "dog"),
        origins=torch.arange(count * 3).view(count, 3),
        origin_fields=("level", "row", "column"),
        highest_score=0.9,
    )


@pytest.mark.parametrize("index", [1, -1, slice(0, 2), [2, 0], torch.tensor([True, False, True])])
def test_slicing_gives_detections_with_every_column(index: object) -> None:
    whole, rows = some(), torch.arange(3)[index].reshape(-1)
    picked = whole[index]
    assert isinstance(picked, Detections)
    assert torch.equal(picked.boxes, whole.boxes[rows])
    assert torch.equal(picked.origins, whole.origins[rows])
    assert picked.label_names() == [whole.label_names()[row] for row in rows.tolist()]
    assert picked.highest_score == 0.9


def test_iteration_ends() -> None:
    assert [len(one) for one in some()] == [1, 1, 1]
    with pytest.raises(IndexError, match="3 detections"):
        some()[3]


def test_columns_must_fit() -> None:
    with pytest.raises(ValueError, match=r"boxes are \[N,4\]"):
        Detections(torch.zeros(2, 5), torch.zeros(2), torch.zeros(2).long(), ("a",))
    with pytest.raises(ValueError, match="labels run from 0 to 0"):
        Detections(torch.zeros(1, 4), torch.zeros(1), torch.tensor([1]), ("a",))


def test_nothing_to_explain_names_the_highest_score() -> None:
    with pytest.raises(ValueError, match=r"highest score in this image was 0\.900"):
        some()[:0].require_nonempty()


def test_targets_are_checked() -> None:
    assert Target.of("x1") == Target(part="x1")
    with pytest.raises(ValueError, match="unknown target 'width'; known: class, x1"):
        Target.of("width")
    with pytest.raises(ValueError, match="unknown score"):
        Target(score="loss")
    with pytest.raises(TypeError, match="class index"):
        Target(label=1.5)  # type: ignore[arg-type]
    assert Target(label=torch.tensor(3)) == Target(label=3)  # type: ignore[arg-type]
    assert repr(Target("x1")) == "Target(part='x1', score='prob', label=None)"


def test_windows_reach_beyond_the_grid() -> None:
    grid = torch.arange(12.0).view(1, 3, 4)
    corner = torch.tensor([[-1, -1], [1, 2]])
    windows = take_windows(grid, corner, (3, 3))
    assert windows[0, 0].tolist() == [[0, 0, 0], [0, 0, 1], [0, 4, 5]]
    back = spread_windows(windows, corner, (3, 4))
    assert back[1, 0].tolist() == [[0, 0, 0, 0], [0, 0, 6, 7], [0, 0, 10, 11]]
    chunk = GradientChunk(0, torch.arange(2), windows, corner)
    assert torch.equal(chunk.dense(3, 4), back)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"labels": torch.zeros(2)}, TypeError, r"labels of Detections are whole numbers \(int64\), got float32"),
        ({"origins": torch.zeros(2, 1)}, TypeError, "origins of Detections are whole numbers"),
        ({"scores": torch.ones(2, dtype=torch.long)}, TypeError, "scores of Detections are floating-point numbers"),
        ({"boxes": torch.ones(2, 4, dtype=torch.long)}, TypeError, "boxes of Detections are floating-point numbers"),
        ({"origins": torch.zeros(2, dtype=torch.long)}, ValueError, r"origins are \[N,K\], got shape \[2\]"),
        (
            {"origins": torch.zeros(2, 1, dtype=torch.long), "origin_fields": ("level", "row")},
            ValueError,
            r"origins are \[N,K\] with the columns level, row, got shape \[2, 1\]",
        ),
        ({"found_boxes": torch.zeros(2, 3)}, ValueError, r"boxes are \[N,4\]"),
        ({"iou": torch.tensor(0.5)}, ValueError, "iou has no rows for 2 scores"),
    ],
)
def test_rows_of_detections_are_of_the_right_kind(changed: Any, error: type[Exception], words: str) -> None:
    rows = {"boxes": torch.ones(2, 4), "scores": torch.ones(2), "labels": torch.zeros(2, dtype=torch.long)}
    with pytest.raises(error, match=words):
        Detections(**{**rows, "names": ("a",), **changed})
