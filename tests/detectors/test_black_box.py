"""A function as a detector: every form of answer, and every answer that is wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.detectors.wrapping.black_box import PredictDetector, wrap_predict
from detxai_nb.testing import photograph
from detxai_nb.types import Detector, OpenDetector

NAMES = ("cat", "dog", "owl")
IMAGE = photograph(60, 90)
BOXES = [[10.0, 5.0, 40.0, 50.0], [-20.0, 0.0, 200.0, 70.0], [1.0, 1.0, 2.0, 2.0]]
ANSWER: dict[str, Any] = {"boxes": BOXES, "scores": [0.4, 0.9, 0.1], "labels": [2, 0, 1]}


def of(answer: Any) -> PredictDetector:
    """A detector whose function always answers so."""
    return wrap_predict(lambda image: answer, NAMES)


def changed(**parts: Any) -> dict[str, Any]:
    return {**ANSWER, **parts}


FORMS = {
    "dict of lists": ANSWER,
    "dict of tensors": {name: torch.tensor(value) for name, value in ANSWER.items()},
    "tuple of arrays": tuple(np.array(ANSWER[name]) for name in ("boxes", "scores", "labels")),
    "float labels": changed(labels=np.array([2.0, 0.0, 1.0], np.float64)),
    "lists of tensors": {name: [torch.tensor(row) for row in value] for name, value in ANSWER.items()},
    "lists of arrays": {name: [np.array(row) for row in value] for name, value in ANSWER.items()},
    "object": SimpleNamespace(**ANSWER, masks=None),
    "with a graph": changed(scores=torch.tensor([0.4, 0.9, 0.1], requires_grad=True)),
    "without objectness": (*ANSWER.values(), None, None),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_answer_is_sorted_cut_and_clipped(form: str) -> None:
    found = of(FORMS[form]).detect([IMAGE], 0.3)[0]
    assert found.boxes.tolist() == [[0, 0, 90, 60], [10, 5, 40, 50]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.4])
    assert found.labels.tolist() == [0, 2]
    assert found.labels.dtype == torch.int64
    assert found.boxes.dtype == found.scores.dtype == torch.float32
    assert found.class_scores is found.objectness is found.origins is None
    assert (found.highest_score, found.score_threshold, found.image_size) == (pytest.approx(0.9), 0.3, (60, 90))


def test_class_scores_and_objectness_go_with_their_boxes() -> None:
    probabilities = np.array([[0.1, 0.1, 0.8], [0.9, 0.05, 0.05], [0.2, 0.7, 0.1]])
    found = of(changed(class_scores=probabilities, objectness=[0.5, 1.0, 0.2])).detect([IMAGE], 0.3)[0]
    assert found.class_scores.numpy() == pytest.approx(probabilities[[1, 0]].astype(np.float32))
    assert found.objectness.tolist() == [1.0, 0.5]


@pytest.mark.parametrize("nothing", [[], np.zeros((0, 4)), torch.zeros(0, 4)], ids=["list", "array", "tensor"])
def test_nothing_found_is_an_answer(nothing: Any) -> None:
    found = of((nothing, [], [])).detect([IMAGE])[0]
    assert found.boxes.shape == (0, 4)
    assert found.highest_score is None
    assert found.label_names() == []


def test_each_function_gets_the_image_as_rgb_bytes() -> None:
    seen: list[np.ndarray] = []

    def predict(image: np.ndarray) -> Any:
        seen.append(image)
        return ANSWER

    wrap_predict(predict, NAMES).detect([torch.from_numpy(IMAGE).permute(2, 0, 1), IMAGE])
    assert [image.shape for image in seen] == [(60, 90, 3)] * 2
    assert all(image.dtype == np.uint8 and (image == IMAGE).all() for image in seen)


def test_a_batched_function_is_called_once_with_all_images() -> None:
    calls: list[list[tuple[int, ...]]] = []

    def predict(images: list[np.ndarray]) -> list[Any]:
        calls.append([image.shape for image in images])
        return [ANSWER, ([], [], [])]

    detector = wrap_predict(predict, NAMES, batched=True)
    first, second = detector.detect([IMAGE, photograph(30, 20)], 0.0)
    assert calls == [[(60, 90, 3), (30, 20, 3)]]
    assert (len(first), len(second)) == (3, 0)
    assert second.image_size == (30, 20)
    assert detector.detect([]) == []


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([ANSWER], "got 2 images and returned 1 answers"),
        (ANSWER, "returns a list with an answer for each image, got dict"),
        (None, "got NoneType"),
    ],
)
def test_a_batched_function_answers_for_every_image(answers: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wrap_predict(lambda images: answers, NAMES, batched=True).detect([IMAGE, IMAGE])


WRONG = {
    "nothing": (None, "returned a NoneType without boxes, scores, labels"),
    "two things": ((BOXES, [1.0]), r"returned 2 things; expected \(boxes, scores, labels\)"),
    "no labels": ({"boxes": BOXES, "scores": [0.1]}, "returned a dict without labels"),
    "words": (changed(scores=["high", "low", "none"]), "scores are no tensor, array or list of numbers"),
    "ragged": (changed(boxes=[[1, 2, 3, 4], [1, 2]]), "boxes are no tensor, array or list of numbers"),
    "five columns": (changed(boxes=np.zeros((3, 5))), r"boxes are \[N,4\].*got shape \[3, 5\]"),
    "fewer scores": (changed(scores=[0.5, 0.5]), r"scores have shape \[2\]; expected \[3\] for 3 boxes"),
    "column of labels": (changed(labels=[[1], [2], [0]]), r"labels have shape \[3, 1\]; expected \[3\]"),
    "other classes": (changed(class_scores=np.zeros((3, 80))), r"class_scores have shape \[3, 80\]; expected \[3, 3\]"),
    "not a number": (changed(scores=[0.5, float("nan"), 0.1]), "scores hold NaN or infinity"),
    "infinite": (changed(boxes=np.full((3, 4), np.inf)), "boxes hold NaN or infinity"),
    "percent": (changed(scores=[50, 90, 10]), "scores are probabilities in 0..1, got 10 to 90"),
    "widths": (
        changed(boxes=[[1, 1, 9, 9], [50, 40, 10, 10], [1, 1, 2, 2]]),
        r"box 1, \(50.0, 40.0, 10.0, 10.0\), has x2",
    ),
    "from one": (changed(labels=[1, 2, 3]), "label 2 is 3; labels are whole numbers from 0 to 2"),
    "negative": (changed(labels=[-1, 2, 0]), "label 0 is -1"),
    "between": (changed(labels=[0.5, 1, 2]), "label 0 is 0.5"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_answer_is_told_in_words(case: str) -> None:
    answer, words = WRONG[case]
    with pytest.raises(ValueError, match=words):
        of(answer).detect([IMAGE])


def test_what_the_function_raises_is_not_hidden() -> None:
    def predict(image: np.ndarray) -> Any:
        raise KeyError("my own")

    with pytest.raises(KeyError, match="my own"):
        wrap_predict(predict, NAMES).detect([IMAGE])


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="predict is a function from an image to what it finds, got list"):
        wrap_predict([], NAMES)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"expects names as a list .* got a single text: 'cat'"):
        wrap_predict(len, "cat")
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        wrap_predict(len, NAMES, device="gpu")


def test_a_black_box_detects_but_no_method_that_looks_inside_explains_it() -> None:
    detector = of(ANSWER)
    assert isinstance(detector, Detector)
    assert not isinstance(detector, OpenDetector)
    found = detector.detect([IMAGE])[0]
    with pytest.raises(TypeError, match="these methods look inside the detector, and PredictDetector has no trace"):
        dx.explain(detector, IMAGE, found)


def test_what_half_precision_rounds_is_no_mistake() -> None:
    boxes = torch.tensor([[5.0, 5, 4.999, 9]])
    scores = {"scores": [1.0004], "class_scores": [[1.0004, -0.0003, 0.0]]}
    detector = dx.wrap_predict(lambda _: {"boxes": boxes, "labels": [0], **scores}, ["a", "b", "c"])
    found = detector.detect([np.zeros((20, 20, 3), np.uint8)])[0]
    assert found.scores.tolist() == [1.0]
    assert found.boxes.tolist() == [[5, 5, 5, 9]]
    assert found.class_scores is not None
    assert found.class_scores.tolist() == [[1.0, 0.0, 0.0]]
    assert float(boxes[0, 2]) < 5, "the answer itself is left alone"
