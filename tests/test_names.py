"""Class names come as a list or as a dict from class numbers, and are then in the order of the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn, fcos_resnet50_fpn, ssd300_vgg16

import detxai_nb as dx
from detxai_nb.names import BACKGROUND, as_names, class_number, names_of_each


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a", "b"], ("a", "b")),
        (("a", "b"), ("a", "b")),
        (np.array(["a", "b"]), ("a", "b")),
        (pd.Series(["a", "b"], index=[7, 3]), ("a", "b")),
        ((name for name in "ab"), ("a", "b")),
        ({0: "a", 1: "b"}, ("a", "b")),
        ({1: "b", 0: "a"}, ("a", "b")),
        ({"0": "a", "1": "b"}, ("a", "b")),
        ({"10": "k", "2": "c"}, tuple("k" if i == 10 else "c" if i == 2 else f"class {i}" for i in range(11))),
        ({np.int64(0): "a", 1.0: "b"}, ("a", "b")),
        ({1: "a", 3: "c"}, ("class 0", "a", "class 2", "c")),
        ({0: "a", 1: "b"}.values(), ("a", "b")),
    ],
)
def test_names_are_in_the_order_of_their_numbers(given: Any, expected: tuple[str, ...]) -> None:
    found = as_names(given)
    assert found == expected
    assert all(type(name) is str for name in found)


def test_the_background_has_its_name_where_a_dict_starts_at_one() -> None:
    assert as_names({1: "a", 2: "b"}, 3, zero=BACKGROUND) == (BACKGROUND, "a", "b")


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("cat", TypeError, "a single text: 'cat'"),
        (b"cat", TypeError, "a single text"),
        ({"a", "b"}, TypeError, "got a set"),
        (None, TypeError, "got a NoneType"),
        (7, TypeError, "got a int"),
        ([0, 1], TypeError, "class 0 is 0, a int"),
        (["a", None], TypeError, "class 1 is None"),
        ({0: ["a"]}, TypeError, r"class 0 is \['a'\]"),
        ([], ValueError, "no class names"),
        ({}, ValueError, "no class names"),
        ({"a": 0}, ValueError, "the key 'a' for 0 .this dict is the other way round"),
        ({"a": "b"}, ValueError, "the key 'a' for 'b'"),
        ({-1: "a"}, ValueError, "the key -1"),
        ({1.5: "a"}, ValueError, "the key 1.5"),
        ({float("nan"): "a"}, ValueError, "the key nan"),
        ({None: "a"}, ValueError, "the key None"),
        ({True: "a"}, ValueError, "the key True"),
        ({10**12: "a"}, ValueError, "the key 1000000000000"),
        ({"1" * 12: "a"}, ValueError, "the key '111111111111'"),
        ({1: "a", "1": "b"}, ValueError, "class 1 twice: 'a' and 'b'"),
    ],
)
def test_anything_else_is_refused_in_words(given: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        as_names(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["a", "b"], "this net has 3 class outputs, but 2 names were given"),
        ({1: "a", 2: "b", 3: "c"}, "this net has 3 class outputs, but the dict numbers its names from 1 to 3"),
        ({0: "a", 1: "b"}, "the dict numbers its names from 0 to 1; expected a name for each output, 0 to 2"),
    ],
)
def test_names_fit_the_outputs(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        as_names(given, 3, owner="this net")


def test_every_door_takes_a_dict() -> None:
    names = {0: "person", "1": "bicycle", 2: "car"}
    expected = ("person", "bicycle", "car")
    made: list[tuple[str, Any, dict[str, Any]]] = [
        ("faster_rcnn", fasterrcnn_mobilenet_v3_large_320_fpn, {}),
        ("fcos", fcos_resnet50_fpn, {}),
        ("ssd", ssd300_vgg16, {}),
    ]
    for family, make, more in made:
        with torch.device("meta"):  # Weights are not read here, and take seconds to draw.
            module = make(weights=None, weights_backbone=None, num_classes=3, **more).eval()
        module.to_empty(device="cpu")
        assert dx.wrap(module, family=family, names=names).names == expected  # type: ignore[arg-type]
        if family != "fcos":
            from_one = dx.wrap(module, family=family, names={1: "bicycle", 2: "car"})
            assert from_one.names == (BACKGROUND, "bicycle", "car")
        with pytest.raises(ValueError, match="the dict numbers its names from 0 to 1"):
            dx.wrap(module, family=family, names={0: "bicycle", 1: "car"})
    classifier = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    assert dx.wrap(classifier, family="classifier", names=names, input_size=32).names == expected  # type: ignore[arg-type]


def test_a_black_box_counts_its_classes_as_the_dict_does() -> None:
    answer = {"boxes": [[5, 5, 40, 40]], "scores": [0.9], "labels": [2]}
    for names in ({0: "person", 1: "bicycle", 2: "car"}, {1: "bicycle", 2: "car"}, {"2": "car", "5": "bus"}):
        found = dx.wrap_predict(lambda _: answer, names).detect([np.zeros((64, 64, 3), np.uint8)])[0]
        assert found.label_names() == ["car"]


def test_detections_made_by_hand_take_a_dict_and_say_what_they_hold() -> None:
    boxes, scores, labels = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([0.5]), torch.tensor([1])
    assert dx.Detections(boxes, scores, labels, {0: "a", 1: "b"}).label_names() == ["b"]  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"boxes of Detections .* got a list; .*from_boxes"):
        dx.Detections([[0, 0, 1, 1]], scores, labels, ("a", "b"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"names as a list .* got a single text"):
        dx.Detections(boxes, scores, labels, "ab")  # type: ignore[arg-type]


def test_the_number_of_a_class_by_its_name() -> None:
    names = ("tabby", "Egyptian cat", "crane", "tiger cat", "crane", "Crane fly")
    assert [class_number(name, names) for name in ("tabby", "egyptian CAT", "crane", " tabby ")] == [0, 1, 2, 0]
    with pytest.raises(ValueError, match="this detector has no class 'taby'; did you mean 'tabby'"):
        class_number("taby", names)
    with pytest.raises(ValueError, match="did you mean 'tiger cat' or 'Egyptian cat'"):
        class_number("cat", names)
    with pytest.raises(ValueError, match="no class 'xyz'; it knows tabby, Egyptian cat, crane, tiger cat, crane and 1"):
        class_number("xyz", names)
    with pytest.raises(TypeError, match="named by a text, got 3"):
        class_number(3, names)  # type: ignore[arg-type]


def test_names_of_one_side_on_the_other() -> None:
    found = names_of_each(("dog", "cup"), ("pug", "cup"), {"dog": "pug"})
    assert found == {"dog": ("pug",), "cup": ("cup",)}
    assert names_of_each(("dog",), ("pug",)) == {"dog": ()}
    with pytest.raises(ValueError, match=r"the dataset.* has no class 'dgo'; did you mean 'dog'"):
        names_of_each(("dog", "cup"), ("pug", "cup"), {"dgo": "pug"})
    with pytest.raises(ValueError, match="in other capitals"):
        names_of_each(("dog",), ("pug",), {"Dog": "pug"})
    with pytest.raises(ValueError, match=r"the detector.* has no class 'bug'; did you mean 'pug'"):
        names_of_each(("dog",), ("pug",), {"dog": ("pug", "bug")})
    with pytest.raises(TypeError, match="got 'dog': 3"):
        names_of_each(("dog",), ("pug",), {"dog": 3})  # type: ignore[dict-item]


@pytest.mark.parametrize("name", ["", "  ", "apple\n", "a\0", "half \ud800", "x" * 1001, "\x1b[31mred"])
def test_a_name_is_a_text_on_one_line(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"texts of 1 to 1000 signs on one line; class 1 is .*name\.strip\(\)"
    ) as raised:
        as_names(["cat", name])
    assert len(str(raised.value)) < 300
