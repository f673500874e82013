"""Detections of one image, and the detector's own predictions nearest to boxes from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.data.scenes import Scenes
from detxai_nb.detections import as_detections
from detxai_nb.methods.d_rise.pilot import suggest

IMAGES = [scene.image for scene in Scenes(2, seed=5)]


@pytest.fixture(scope="module")
def detector() -> Any:
    return dx.load_detector("tiny-fcos", device="cpu")


DOORS: dict[str, Callable[[Any, Any], Any]] = {
    "explain": lambda det, found: dx.explain(det, IMAGES[0], found),
    "compare": lambda det, found: dx.compare(det, IMAGES[0], found, methods=["odam"]),
    "black box": lambda det, found: dx.explain(det, IMAGES[0], found, method="d-rise", masks=8),
    "sanity": lambda det, found: dx.sanity.check(det, IMAGES[0], found, ["odam"]),
    "widget": lambda det, found: dx.widgets.Explorer(det, IMAGES[0], found),
    "running time": lambda det, found: dx.metrics.running_time(det, IMAGES[0], found, "odam"),
    "drawing": lambda det, found: dx.plots.plot_detections(IMAGES[0], found),
    "D-RISE": lambda det, found: dx.methods.d_rise.improving(det, IMAGES[0], found),
    "its pilot": lambda det, found: suggest(det, IMAGES[0], found),
    "match": lambda det, found: dx.metrics.match(found, Scenes(1, seed=5)[0]),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_list_of_detections_is_refused_in_words(detector: Any, door: str) -> None:
    found = detector.detect(IMAGES[:1])
    with pytest.raises(TypeError, match=r"detector.detect\(\[image\]\)\[0\].* got a list of 1 Detections"):
        DOORS[door](detector, found)
    with pytest.raises(TypeError, match=r"one Detections; got ndarray\. For boxes from elsewhere: .*from_boxes"):
        DOORS[door](detector, np.zeros((1, 4)))


def test_detections_themselves_go_through(detector: Any) -> None:
    found = detector.detect(IMAGES[:1])[0]
    assert as_detections(found) is found


def test_the_nearest_own_prediction_of_each_box(detector: Any) -> None:
    own = detector.detect(IMAGES[:1])[0]
    moved = own.boxes.flip(0) + torch.tensor([2.0, -1, 2, -1])
    found = dx.detections.from_boxes(detector, IMAGES[0], moved, own.labels.flip(0))
    assert torch.equal(found.boxes, own.boxes.flip(0))
    assert found.origins is not None
    assert own.origins is not None
    assert torch.equal(found.origins, own.origins.flip(0))
    inner = (moved[:, 2:] - moved[:, :2] - torch.tensor([2.0, 1])).prod(1)
    area = (moved[:, 2:] - moved[:, :2]).prod(1)
    assert found.iou is not None
    inside = (own.boxes.flip(0) > 3).all(1)  # not cut off at the image's border
    assert torch.allclose(found.iou[inside], (inner / (2 * area - inner))[inside], atol=1e-4)
    assert set(dx.explain(detector, IMAGES[0], found).status) == {"ok"}


def test_classes_are_taken_by_number_by_name_or_from_other_detections(detector: Any) -> None:
    own = detector.detect(IMAGES[:1])[0]
    boxes = own.boxes.tolist()
    by_number = dx.detections.from_boxes(detector, IMAGES[0], boxes, own.labels.tolist())
    by_name = dx.detections.from_boxes(detector, IMAGES[0], np.array(boxes), own.label_names())
    from_other = dx.detections.from_boxes(detector, IMAGES[0], own)
    for found in (by_number, by_name, from_other):
        assert torch.equal(found.labels, own.labels)
        assert torch.allclose(found.boxes, own.boxes)


def test_a_tile_moved_into_the_whole_picture_is_explained_there(detector: Any) -> None:
    whole = np.concatenate([IMAGES[0], IMAGES[1]], axis=1)
    shift = torch.tensor([IMAGES[0].shape[1], 0, IMAGES[0].shape[1], 0])
    tile = detector.detect([IMAGES[1]], 0.5)[0]
    found = dx.detections.from_boxes(detector, whole, tile.boxes + shift)
    assert len(found) == len(tile)
    assert found.image_size == whole.shape[:2]
    assert len(dx.explain(detector, whole, found)) == len(tile)


def test_a_black_box_has_own_predictions_too() -> None:
    answer = {"boxes": [[5, 5, 40, 40], [10, 10, 60, 60]], "scores": [0.9, 0.2], "labels": [1, 0]}
    detector = dx.wrap_predict(lambda _: answer, ["a", "b"])
    found = dx.detections.from_boxes(detector, np.zeros((64, 64, 3), np.uint8), [[10, 10, 58, 60]])
    assert (found.label_names(), found.scores.tolist()) == (["a"], pytest.approx([0.2]))


@pytest.mark.parametrize(
    ("boxes", "labels", "error", "words"),
    [
        ([1, 2, 3, 4], None, ValueError, r"boxes are \[N,4\]"),
        ([], None, ValueError, r"boxes are \[N,4\]"),
        ([[5, 5, float("nan"), 9]], None, ValueError, "box 0, .5, 5, nan, 9."),
        ([[9, 5, 5, 9]], None, ValueError, "x1 < x2"),
        ([[10, 5, 2000, 9], [1000, 5, 2000, 9]], None, ValueError, "box 1, "),
        ([[0.1, 0.2, 0.5, 0.9]], None, ValueError, "fractions of the image's size; multiply x by"),
        ("boxes", None, TypeError, "boxes are numbers"),
        ([[10, 10, 90, 90]], ["jug", "fish"], ValueError, "1 boxes and 2 labels"),
        ([[10, 10, 90, 90]], "fish", TypeError, "labels are a list"),
        ([[10, 10, 90, 90]], ["zebra"], ValueError, "label 0 is 'zebra'"),
        ([[10, 10, 90, 90]], [99], ValueError, "label 0 is 99"),
        ([[10, 10, 90, 90]], [True], ValueError, "label 0 is True"),
    ],
)
def test_what_is_no_box_is_refused_in_words(
    detector: Any, boxes: Any, labels: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        dx.detections.from_boxes(detector, IMAGES[0], boxes, labels)


def test_a_box_where_nothing_was_predicted_is_refused_in_words() -> None:
    detector = dx.wrap_predict(lambda _: ([[5, 5, 9, 9]], [0.9], [0]), ["a", "b"])
    empty = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(ValueError, match=r"box 0, .20.0, 20.0, 30.0, 30.0., overlaps no prediction that .* .1 in all."):
        dx.detections.from_boxes(detector, empty, [[20, 20, 30, 30]])
    with pytest.raises(ValueError, match="overlaps no prediction of the class 'b'"):
        dx.detections.from_boxes(detector, empty, [[5, 5, 9, 9]], ["b"])
