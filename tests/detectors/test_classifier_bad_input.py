"""What an image classifier cannot be, or cannot be asked: each said in words that name the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.detectors.classifier.detector import ClassifierDetector

IMAGE = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
NAMES = ("tabby", "tiger", "tub")


class Network(nn.Module):
    """A small classifier whose forward returns ``end(logits, map)``."""

    def __init__(self, end: Callable[[Tensor, Tensor], Any] = lambda logits, _: logits, outputs: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maps = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())
        self.last = nn.Linear(4, outputs)
        self.end = end

    def forward(self, x: Tensor) -> Any:
        found = self.maps(x)
        return self.end(self.last(found.mean((2, 3))), found)


def opened(end: Any = lambda logits, _: logits, outputs: int = 3, **settings: Any) -> ClassifierDetector:
    given = {"names": NAMES[:outputs], "input_size": 16, **settings}
    return dx.wrap(Network(end, outputs), family="classifier", **given)


OUTPUTS: dict[str, tuple[Callable[[Tensor, Tensor], Any], str]] = {
    "tuple": (lambda y, f: (y, f), r"got tuple of 2 .* for 1 image; .* forward is: return self.model\(x\)\[0\]"),
    "list": (lambda y, f: [y], r"got list of 1 .* return self.model\(x\)\[0\]"),
    "dict": (lambda y, f: {"out": y}, r"got dict with the keys 'out' .* return self.model\(x\)\['out'\]"),
    "nothing": (lambda y, f: None, "got NoneType"),
    "array": (lambda y, f: y.detach().numpy(), "got ndarray"),
    "maps": (lambda y, f: f, r"got shape \[1, 4, 8, 8\] of float32 for 1 image; .*flatten\(1\).* lacks its head"),
    "one_axis_more": (lambda y, f: y[:, :, None, None], r"got shape \[1, 3, 1, 1\] .*flatten\(1\)"),
    "squeezed": (lambda y, f: y.squeeze(), r"got shape \[3\] .*a row for each image.*no squeeze\(\)"),
    "turned": (lambda y, f: y.T, r"got shape \[3, 1\] .*a row for each image"),
    "twice": (lambda y, f: torch.cat([y, y]), r"got shape \[2, 3\] .*a row for each image"),
    "class_number": (lambda y, f: y.argmax(1), "got shape .* of int64 .*class numbers are no logits"),
    "yes_or_no": (lambda y, f: y > 0, "of bool .*class numbers are no logits"),
    "complex": (lambda y, f: y.to(torch.complex64), "of complex64"),
    "sparse": (lambda y, f: y.to_sparse(), "of sparse float32 .*ordinary tensor"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_that_is_no_logits_is_refused_with_the_way_to_wrap_it(name: str) -> None:
    end, words = OUTPUTS[name]
    with pytest.raises(ValueError, match=rf"returns logits \[B,C\] of images, .*{words}"):
        opened(end)


def test_logits_may_be_an_attribute_or_a_key() -> None:
    plain = opened().detect([IMAGE], 0.0)[0].scores
    assert torch.equal(opened(lambda y, _: {"logits": y}).detect([IMAGE], 0.0)[0].scores, plain)


def test_rows_for_other_images_than_those_asked_for_are_no_answer() -> None:
    """A network that answers for its first image only is right for one image and wrong for two."""
    detector = opened(lambda y, _: y[:1])
    assert len(detector.detect([IMAGE], 0.0)[0]) == 3
    with pytest.raises(ValueError, match=r"got shape \[1, 3\] of float32 for 2 images; it has to return a row"):
        detector.detect([IMAGE, IMAGE], 0.0)


@pytest.mark.parametrize("outputs", [1, 2])
def test_names_of_the_wrong_number_are_refused(outputs: int) -> None:
    with pytest.raises(ValueError, match=f"this classifier has {outputs} class outputs, but 3 names were given"):
        dx.wrap(Network(outputs=outputs), family="classifier", names=NAMES, input_size=16)


def test_a_layer_whose_output_is_no_map_is_refused_when_it_is_named() -> None:
    detector = opened()
    found = detector.detect([IMAGE], 0.0)[0][:1]
    words = r"the layer 'last' outputs a tensor \[1, 3\]; expected a map \[B,K,h,w\] of several cells, as those that"
    with pytest.raises(ValueError, match=words):
        dx.explain(detector, IMAGE, found, method="grad-cam", layer="last")
    with pytest.raises(ValueError, match=words):
        opened(layer="last")
    with pytest.raises(ValueError, match=r"unknown layer 'map.1'; .*did you mean 'maps.1' or"):
        detector.trace(IMAGE, "map.1")
    for wrong in (["maps"], 3, b"maps"):
        with pytest.raises(TypeError, match="layer is the name of a layer, or None for the default, got"):
            dx.explain(detector, IMAGE, found, method="grad-cam", layer=wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="layer is the name of a layer"):
            detector.trace(IMAGE, wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="layer is the name of a layer"):
            opened(layer=wrong)


@pytest.mark.parametrize(
    "method", ["grad-cam", "relevance-cam", "fullgrad", "score-cam", "cameras", "integrated-gradients"]
)
def test_a_side_of_a_box_is_refused_by_every_method(method: str) -> None:
    detector = opened()
    with pytest.raises(ValueError, match="a classifier has no box to explain: its only target is 'class', got 'x1'"):
        dx.explain(detector, IMAGE, detector.detect([IMAGE], 0.0)[0], method=method, target="x1")


def test_probabilities_that_are_no_numbers_are_said_where_they_are_asked_for() -> None:
    detector = opened(lambda y, _: y * torch.nan)
    for end in (lambda y, _: (y * torch.nan).softmax(1), lambda y, _: (y * torch.nan).sigmoid()):
        assert len(opened(end).detect([IMAGE], 0.0)[0]) == 0
    found = detector.detect([IMAGE], 0.0)[0]
    with pytest.raises(ValueError, match=r"no numbers \(NaN\)"):
        dx.explain(detector, IMAGE, found, method="grad-cam")
    with pytest.raises(ValueError, match=r"gives no number \(NaN\) as the probability of 'tub'"):
        dx.detections.of_classes(detector, IMAGE, "tub")
    with pytest.raises(ValueError, match=r"gives no number \(NaN\) as the probability of 'tabby'"):
        some = opened(lambda y, _: y * torch.tensor([torch.nan, 1, 1]), activation="sigmoid")
        dx.detections.of_classes(some, IMAGE, ["tub", "tabby"])


@pytest.mark.parametrize("size", [(5,), (1, 2, 3), "224", 2.5, True, (8, True), float("nan"), {"height": 8}])
def test_a_size_is_one_or_two_whole_numbers(size: Any) -> None:
    with pytest.raises(ValueError, match=r"input_size must be one side or \(height, width\), in whole pixels; got"):
        opened(input_size=size)


def test_sizes_are_at_least_one_pixel_and_fit_a_machine() -> None:
    for size in (0, -1, (0, 5), 10**6, 2**70):
        with pytest.raises(ValueError, match="both at least 1 and at most 8192 pixels; got"):
            opened(input_size=size)
    assert opened(input_size=np.int64(16)).input_size == (16, 16)


@pytest.mark.parametrize(
    ("colours", "words"),
    [
        ({"mean": 0.5}, "mean must hold a number for each of R, G and B"),
        ({"mean": "abc"}, "mean must hold a number for each"),
        ({"std": (None, 1, 1)}, "std must hold a number for each"),
        ({"mean": (0, 0)}, "a finite value for each of three colours"),
        ({"std": (1, 1, float("nan"))}, "a finite value for each of three colours"),
        ({"mean": (float("inf"), 0, 0)}, "a finite value for each of three colours"),
        ({"std": (0, 1, 1)}, "std above 0"),
    ],
)
def test_colours_are_three_finite_numbers(colours: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        opened(**colours)


def test_a_crop_that_would_scale_a_picture_beyond_memory_is_refused() -> None:
    with pytest.raises(ValueError, match=r"with the crop 1e-09 a picture of 30x20 .*take the whole picture: "):
        opened(processor={"crop": 1e-9}).detect([IMAGE])
    strip = np.zeros((2, 60_000, 3), np.uint8)
    with pytest.raises(ValueError, match="a picture of 60000x2 pixels is scaled to"):
        opened(processor={"crop": 0.01}).detect([strip])
    for shape in ((1, 1), (1, 40), (3, 3)):
        detector = opened(processor={"crop": 0.5})
        picture = np.full((*shape, 3), 7, np.uint8)
        found = detector.detect([picture], 0.0)[0]
        x1, y1, x2, y2 = found.boxes[0].tolist()
        assert 0 <= x1 < x2 <= shape[1]
        assert 0 <= y1 < y2 <= shape[0]
        assert dx.explain(detector, picture, found[:1], method="grad-cam").values.shape == (1, *shape)


def test_pictures_of_any_kind_of_grey_and_transparency_are_classified() -> None:
    detector, grey = opened(), np.random.default_rng(1).integers(0, 255, (9, 13), dtype=np.uint8)
    wanted = detector.detect([np.repeat(grey[:, :, None], 3, 2)], 0.0)[0].scores
    opaque = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    for picture in (grey, grey[:, :, None], opaque, grey.astype(np.uint16) * 257):
        assert torch.allclose(detector.detect([picture], 0.0)[0].scores, wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("classes", "error", "words"),
    [
        ("tabbi", ValueError, "no class 'tabbi'; did you mean 'tabby'"),
        ("", ValueError, "no class ''; it knows tabby, tiger, tub"),
        ("x" * 5000, ValueError, r"no class 'x{60}'\.\.\.; it knows"),
        (3, ValueError, "class 3 is none of this classifier's, which are numbered 0 to 2"),
        (-1, ValueError, "class -1 is none"),
        (True, TypeError, "named by a text or a whole number, got True"),
        (1.0, TypeError, "named by a text or a whole number, got 1.0"),
        (None, TypeError, "classes are the name or number of a class, or a list of them; got None"),
        (b"tub", TypeError, "classes are the name or number"),
        ({"tub", "tiger"}, TypeError, "classes are the name or number"),
        ([["tub"]], TypeError, r"named by a text or a whole number, got \['tub'\]"),
        (object(), TypeError, "classes are the name or number"),
    ],
)
def test_a_class_that_there_is_not_is_refused(classes: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        dx.detections.of_classes(opened(), IMAGE, classes)


@pytest.mark.parametrize("classes", [2, np.int64(2), torch.tensor(2), torch.tensor([2]), np.array(["tub"]), "TUB "])
def test_a_class_is_named_by_its_name_or_number_in_any_form(classes: Any) -> None:
    assert dx.detections.of_classes(opened(), IMAGE, classes).label_names() == ["tub"]


def test_a_class_asked_for_twice_is_explained_twice() -> None:
    detector = opened()
    found = dx.detections.of_classes(detector, IMAGE, ["tub", "tub"])
    for method in ("grad-cam", "score-cam"):
        maps = dx.explain(detector, IMAGE, found, method=method)
        assert torch.equal(maps.values[0], maps.values[1])


def test_what_is_for_objects_says_so_of_classes() -> None:
    detector = opened()
    with pytest.raises(ValueError, match=r"classes of the whole image, which no box is near to; .*of_classes"):
        dx.detections.from_boxes(detector, IMAGE, [[0, 0, 9, 9]])
    found = detector.detect([IMAGE], 0.0)[0]
    with pytest.raises(ValueError, match=r"classify this image with this classifier, .*of_classes\(detector"):
        dx.explain(opened(names=["a", "b", "c"]), IMAGE, found[:1], method="grad-cam")
    with pytest.raises(ValueError, match="none is left of those that were found in this image"):
        dx.explain(detector, IMAGE, found[[]], method="grad-cam")
