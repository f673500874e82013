"""Detections of one image, and the detector's own predictions nearest to boxes from elsewhere."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_inputs import HEIGHT, WIDTH, load_small

import detxai_nb as dx
from detxai_nb.data.scenes import Scenes
from detxai_nb.detections import as_detections, require_own
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


@pytest.fixture(scope="module")
def other() -> Any:
    return dx.load_detector("tiny-yolox", device="cpu", input_size=(128, 160))


# What makes maps of one image: each is handed detections that are not this detector's own there.
MAKERS: dict[str, Callable[[Any, np.ndarray, Any], Any]] = {
    "explain": lambda det, image, found: dx.explain(det, image, found),
    "compare": lambda det, image, found: dx.compare(det, image, found, methods=["grad-cam", "d-rise"]),
    "a black-box method": lambda det, image, found: dx.explain(det, image, found, method="d-rise", masks=4),
    "sanity.check": lambda det, image, found: dx.sanity.check(det, image, found, ["odam"]),
    "running_time": lambda det, image, found: dx.metrics.running_time(det, image, found, "odam"),
    "D-RISE": lambda det, image, found: dx.methods.d_rise.improving(det, image, found),
    "its pilot": suggest,
}


@pytest.mark.parametrize("make", MAKERS)
def test_detections_of_another_picture_are_refused_before_any_map(detector: Any, make: str) -> None:
    found = detector.detect(IMAGES[:1], 0.5)[0]
    words = r"no predictions of this FcosDetector in this image: \d of \d scores .*claims 0\.\d+, .* has 0\.\d+ here"
    with pytest.raises(ValueError, match=words):
        MAKERS[make](detector, IMAGES[1], found)


def test_another_detector_another_input_size_and_a_moved_tile_are_refused(detector: Any, other: Any) -> None:
    found = detector.detect(IMAGES[:1], 0.5)[0]
    with pytest.raises(ValueError, match=r"no predictions of this YoloxDetector in this image|another detector"):
        dx.explain(other, IMAGES[0], found)
    larger = dx.load_detector("tiny-yolox", device="cpu", input_size=(256, 320))
    with pytest.raises(ValueError, match="no predictions of this YoloxDetector in this image"):
        dx.explain(larger, IMAGES[0], other.detect(IMAGES[:1], 0.3)[0])
    whole = np.concatenate([IMAGES[0], IMAGES[1]], axis=1)
    tile = detector.detect([IMAGES[1]], 0.5)[0]
    shift = torch.tensor([IMAGES[0].shape[1], 0, IMAGES[0].shape[1], 0])
    moved = dataclasses.replace(tile, boxes=tile.boxes + shift, image_size=whole.shape[:2])
    with pytest.raises(ValueError, match=r"in this image: .*from_boxes\(detector, image, detections\)|or image size"):
        dx.explain(detector, whole, moved)


def test_other_class_names_and_changed_classes_are_refused(detector: Any) -> None:
    found = detector.detect(IMAGES[:1], 0.5)[0]
    with pytest.raises(ValueError, match=r"their classes are 'a', .* and 5 more, this FcosDetector has 'apple'"):
        dx.explain(detector, IMAGES[0], dataclasses.replace(found, names=tuple("abcdefghij")))
    with pytest.raises(ValueError, match=r"for another class: Target\(label=...\)"):
        dx.explain(detector, IMAGES[0], dataclasses.replace(found, labels=(found.labels + 1) % 10))


def test_rounding_is_no_difference(detector: Any) -> None:
    found = detector.detect(IMAGES[:1])[0]
    for scores in (found.scores.round(decimals=2), found.scores.bfloat16().float(), found.scores.double() + 0.005):
        require_own(detector, IMAGES[0], dataclasses.replace(found, scores=scores))
    half = dx.load_detector("tiny-fcos", device="cpu", precision="bf16")
    assert set(dx.explain(half, IMAGES[0], half.detect(IMAGES[:1])[0]).status) == {"ok"}
    assert set(dx.explain(detector, IMAGES[0], half.detect(IMAGES[:1])[0]).status) == {"ok"}
    batch = detector.detect([IMAGES[1], IMAGES[0]])[1]
    assert set(dx.explain(detector, IMAGES[0], batch).status) == {"ok"}


def test_changed_weights_have_a_way_round(detector: Any) -> None:
    found = detector.detect(IMAGES[:1], 0.5)[0]
    with dx.detections.accepting_changes():
        assert len(dx.explain(detector, IMAGES[1], found)) == len(found)
    with dx.sanity.randomized(detector.module, [""]):
        assert len(dx.explain(detector, IMAGES[0], found)) == len(found)
        with ThreadPoolExecutor(1) as beside, pytest.raises(RuntimeError, match="are random for now"):
            beside.submit(dx.explain, detector, IMAGES[0], found).result()
    with pytest.raises(ValueError, match="no predictions of this"):
        dx.explain(detector, IMAGES[1], found)


class Bright:
    """A black box that finds the brightest quarter of a picture, with its brightness as the score."""

    names = ("bright", "dark")
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, images: Any, score_threshold: float = 0.3) -> list[dx.Detections]:
        self.asked += len(images)
        return [self._look(np.asarray(image), score_threshold) for image in images]

    def _look(self, image: np.ndarray, threshold: float) -> dx.Detections:
        height, width = image.shape[:2]
        quarters = [(y, x) for y in (0, height // 2) for x in (0, width // 2)]
        means = [image[y : y + height // 2, x : x + width // 2].mean() / 255 for y, x in quarters]
        y, x = quarters[int(np.argmax(means))]
        boxes = torch.tensor([[x, y, x + width // 2, y + height // 2]]).float()
        found = dx.Detections(
            boxes,
            torch.tensor([max(means)]).float(),
            torch.tensor([0]),
            self.names,
            score_threshold=threshold,
            image_size=(height, width),
        )
        return found if max(means) >= threshold else found[:0]


def test_a_black_box_is_asked_whether_it_finds_the_same_again() -> None:
    left, right = np.zeros((2, 32, 48, 3), np.uint8)
    left[:16, :24], right[16:, 24:] = 200, 200
    detector = Bright()
    found = detector.detect([left])[0]
    detector.asked = 0
    maps = dx.explain(detector, left, found, method="d-rise", masks=4, stop_agreement=None)
    assert len(maps) == 1
    with pytest.raises(ValueError, match=r"1 of 1 scores differ; detection 0 .bright. claims 0.784, .* has 0.000 here"):
        dx.explain(detector, right, found, method="d-rise", masks=4)
    by_hand = dataclasses.replace(found, score_threshold=None)
    assert len(dx.explain(detector, right, by_hand, method="d-rise", masks=4, stop_agreement=None)) == 1
    with pytest.raises(ValueError, match="their classes are 'x', 'y', this Bright has 'bright', 'dark'"):
        dx.explain(detector, left, dataclasses.replace(by_hand, names=("x", "y")), method="d-rise", masks=4)


def moved(found: Any) -> dict[str, Any]:
    """Detections whose boxes were changed, as people do it."""
    boxes, width, height = found.boxes, found.image_size[1], found.image_size[0]
    sides = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1)
    mirrored = torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], dim=1)
    return {
        "rows in another order": boxes.roll(1, dims=0),
        "shifted": (boxes + 20).clamp(max=height),
        "x, y, width, height": sides,
        "at half the size": boxes / 2,
        "as shares of the image": boxes / boxes.new_tensor([width, height, width, height]),
        "mirrored": mirrored,
        "with a margin": boxes + boxes.new_tensor([-9.0, -9.0, 9.0, 9.0]),
    }


BUNDLED = ["tiny-fcos", "tiny-retinanet", "tiny-faster-rcnn", "tiny-ssd", "tiny-yolox", "tiny-pvt"]
BUNDLED += ["tiny-detr"] if find_spec("transformers") else []


@pytest.mark.parametrize("name", BUNDLED)
def test_changed_boxes_are_refused_in_every_family(name: str) -> None:
    detector = load_small(name)
    image = dx.data.scenes.Scenes(1, width=WIDTH, height=HEIGHT)[0].image
    found = detector.detect([image], 0.05)[0][:3]
    for how, boxes in moved(found).items():
        for claimed in (replace(found, boxes=boxes), replace(found, boxes=boxes, found_boxes=None)):
            with pytest.raises(ValueError, match=r"the boxes of these detections were changed: \d of 3 .*from_boxes"):
                dx.explain(detector, image, claimed, method="grad-cam")
                pytest.fail(how)
    in_place = detector.detect([image], 0.05)[0][:3]
    in_place.boxes[0] += 20
    with pytest.raises(ValueError, match="were changed: 1 of 3"):
        dx.explain(detector, image, in_place, method="grad-cam")


def test_rows_picked_copied_rounded_and_saved_are_the_same_detections(detector: Any, tmp_path: Path) -> None:
    image = dx.data.scenes.Scenes(1, width=160, height=128)[0].image
    found = detector.detect([image], 0.05)[0][:3]
    saved = dx.HeatMaps.load(dx.explain(detector, image, found, method="grad-cam").save(tmp_path / "a.npz")).detections
    near = dx.detections.from_boxes(detector, image, found.boxes + 1)
    kept = dx.HeatMaps.load(dx.explain(detector, image, near, method="grad-cam").save(tmp_path / "b.npz")).detections
    assert torch.equal(kept.iou, near.iou)
    for same in (
        found[[2, 0, 1, 0]],
        found[found.scores > 0.1],
        copy.deepcopy(found),
        pickle.loads(pickle.dumps(found)),
        replace(found, boxes=found.boxes.round()),
        replace(found, found_boxes=None),
        saved,
        kept,
    ):
        assert set(dx.explain(detector, image, same, method="grad-cam").status) == {"ok"}
