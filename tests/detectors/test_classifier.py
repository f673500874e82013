"""Image classifiers as detectors, and the network's maps found without knowing its architecture."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from families.classifier import build
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_small, swin_t
from torchvision.models.vgg import cfgs, make_layers
from torchvision.transforms.functional import normalize, resize

import detxai_nb as dx
from detxai_nb.detectors.base import IMAGENET_MEAN, IMAGENET_STD
from detxai_nb.detectors.classifier.detector import ClassifierDetector
from detxai_nb.detectors.zoo.networks.classifiers import tiny_resnet, tiny_vgg
from detxai_nb.geometry import stride_by_shape
from detxai_nb.testing import NAMES, photograph
from detxai_nb.types import Target

IMAGE = photograph()


class TwoBranches(nn.Module):
    """A stem used twice, an in-place function after it, logits inside an object, as other libraries have it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 3, 3, padding=1)
        self.unused = nn.Conv2d(3, 4, 1)
        self.spare = nn.Conv2d(3, 5, 2, 2)
        self.flat = nn.Flatten()
        self.last = nn.Linear(3, 7)

    def forward(self, x: Tensor) -> Any:
        self.spare(x)
        x = F.relu(self.stem(self.stem(x)), inplace=True)
        return SimpleNamespace(logits=self.last(self.flat(F.adaptive_avg_pool2d(x, 1))))


@pytest.fixture(scope="module")
def detector() -> ClassifierDetector:
    return build(tiny_resnet)


@pytest.fixture
def branches() -> ClassifierDetector:
    torch.manual_seed(0)
    return ClassifierDetector(TwoBranches(), NAMES, input_size=(24, 40), layer="stem")


def test_scores_are_the_modules_softmax_of_the_whole_image_resized(detector: ClassifierDetector) -> None:
    found = detector.detect([IMAGE], 0.0)[0]
    pixels = resize(torch.from_numpy(IMAGE).permute(2, 0, 1)[None].float(), [96, 160], antialias=True).round()
    batch = normalize(pixels / 255, list(IMAGENET_MEAN), list(IMAGENET_STD))
    with torch.no_grad():
        expected = detector.module(batch)[0].softmax(0).sort(descending=True)
    assert torch.equal(found.labels, expected.indices)
    assert torch.allclose(found.scores, expected.values, atol=1e-6)
    assert torch.equal(found.origins[:, 0], found.labels)
    assert found.origin_fields == ("class",)
    assert found.boxes.tolist() == [[0, 0, 213, 150]] * 7
    assert (found.class_scores == found.class_scores[0]).all()


def test_no_class_above_the_threshold_still_tells_the_highest(detector: ClassifierDetector) -> None:
    found = detector.detect([IMAGE], 0.999)[0]
    assert len(found) == 0
    assert 0 < found.highest_score < 0.999


@pytest.mark.parametrize(
    ("network", "layers"),
    [
        (tiny_resnet, ("layer4", "layer2", "layer1", "relu")),
        (tiny_vgg, ("features", "features.29", "features.19", "features.9", "features.2")),
        (mobilenet_v3_small, ("features", "features.9.block.0")),
        (swin_t, ("permute",)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_last_map_of_each_resolution_is_on_offer(network: Any, layers: tuple[str, ...]) -> None:
    detector = build(network)
    assert detector.layers[: len(layers)] == layers
    found = detector.detect([IMAGE], 0.0)[0][:2]
    maps = dx.explain(detector, IMAGE, found)
    assert maps.layer == layers[0]
    assert maps.values.shape == (2, 150, 213)
    assert torch.isfinite(maps.values).all()


@pytest.mark.parametrize("network", [mobilenet_v3_small, swin_t], ids=lambda n: n.__name__)
def test_gradients_of_any_architecture_equal_one_graph_of_the_whole_pass(network: Any) -> None:
    detector = build(network, torch.float64, input_size=(64, 96))
    found = detector.detect([IMAGE], 0.0)[0][:2]
    kept: list[Tensor] = []
    part = detector.module.get_submodule(detector.layers[0])
    # A copy, since what follows may work in place.
    handle = part.register_forward_hook(lambda _, __, output: [kept.append(output), output.clone()][1])
    logits = detector.module(detector._prepare(IMAGE))
    handle.remove()
    for level, rows, gradients in detector.trace(IMAGE).gradients(found, Target()):
        assert level == 0
        for row, gradient in zip(rows.tolist(), gradients):
            score = logits.softmax(1)[0, found.labels[row]]
            (slow,) = torch.autograd.grad(score, kept[0], retain_graph=True)
            assert (gradient - slow[0]).norm() <= 1e-9 * slow.norm()
            assert slow.norm() > 0


def test_any_submodule_can_be_explained_and_its_last_call_counts(branches: ClassifierDetector) -> None:
    assert branches.layers[0] == "stem"
    found = branches.detect([IMAGE], 0.0)[0][:3]
    trace = branches.trace(IMAGE)
    module = branches.module.double()
    leaf = trace.levels[0].features.double()[None].requires_grad_()
    logits = module.last(leaf.relu().mean((2, 3)))[0]
    for row, gradient in enumerate(next(trace.chunks(found, Target(score="logit"))).gradient):
        (slow,) = torch.autograd.grad(logits[found.labels[row]], leaf, retain_graph=True)
        assert torch.allclose(gradient.double(), slow[0], atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("stam", "unknown layer 'stam'; this detector's layers: stem"),
        ("", "unknown layer ''"),
        ("last", r"the layer 'last' outputs a tensor \[1, 7\]; expected a map"),
        ("unused", "the logits do not depend on the layer 'unused'"),
        ("spare", "the logits do not depend on the layer 'spare'"),
    ],
)
def test_layers_that_cannot_be_explained(branches: ClassifierDetector, layer: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        branches.trace(IMAGE, layer)
    assert not any(part._forward_hooks for part in branches.module.modules())
    assert torch.is_grad_enabled()


def test_a_failure_inside_the_pass_leaves_no_hook_and_no_grad_mode(
    branches: ClassifierDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Tensor) -> Tensor:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch, torch.no_grad():
        patch.setattr(branches.module.last, "forward", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            branches.trace(IMAGE)
        assert not torch.is_grad_enabled()
    assert not any(part._forward_hooks for part in branches.module.modules())


def test_a_network_without_maps_detects_but_cannot_be_explained() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 8, 7))
    detector = ClassifierDetector(flat, NAMES, input_size=(6, 8))
    assert detector.layers == ()
    assert len(detector.detect([IMAGE], 0.0)[0]) == 7
    with pytest.raises(ValueError, match="no map"):
        detector.trace(IMAGE)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"module": len}, TypeError, "expects a torch.nn.Module, got builtin_function_or_method"),
        ({"names": ["a", "b"]}, ValueError, "7 class outputs, but 2 names"),
        ({"input_size": (0, 8)}, ValueError, "at least 1"),
        ({"std": (1, 1, 0)}, ValueError, "std above 0"),
        ({"mean": (1, 1)}, ValueError, "three colours"),
        ({"layer": "layer9"}, ValueError, "unknown layer 'layer9'; this detector's layers: layer4, layer2"),
        ({"module": nn.Conv2d(3, 7, 1)}, ValueError, r"returns logits \[B,C\] of images, got shape \[1, 7, 32, 48\]"),
        ({"module": nn.ModuleDict()}, NotImplementedError, "forward"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(arguments: dict, error: type[Exception], words: str) -> None:
    known: dict[str, Any] = {"module": tiny_resnet(7), "names": NAMES, "input_size": (32, 48)}
    with pytest.raises(error, match=words):
        ClassifierDetector(**{**known, **arguments})


def test_a_box_is_nothing_that_a_classifier_has(detector: ClassifierDetector) -> None:
    found = detector.detect([IMAGE], 0.0)[0][:1]
    for part in ("x1", "combined"):
        with pytest.raises(
            ValueError, match="a classifier has no box to explain: its only target is 'class', got 'x1'"
        ):
            dx.explain(detector, IMAGE, found, target=part)


@pytest.mark.parametrize(
    ("side", "cells", "stride"), [(224, 7, 32.0), (100, 3, 32.0), (100, 4, 32.0), (224, 16, 14.0), (97, 13, 8.0)]
)
def test_strides_are_powers_of_two_where_the_cells_allow(side: int, cells: int, stride: float) -> None:
    image, grid = torch.zeros(1, 3, side, 2 * side), torch.zeros(1, 5, cells, 2 * cells)
    assert stride_by_shape(image.shape[-2:], grid.shape[-2:])[0] == pytest.approx(stride)


def test_vgg_of_torchvision_is_told_by_its_features() -> None:
    """A map's cell lies over the pixels that made it."""
    network = make_layers(cfgs["A"], batch_norm=True)
    head = nn.Sequential(network, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 7))
    detector = ClassifierDetector(head, NAMES, input_size=(64, 96))
    assert detector.layers[0] == "0"
    level = detector.trace(np.zeros((80, 70, 3), np.uint8)).levels[0]
    assert (level.features.shape[1:], level.stride) == ((2, 3), (32.0, 32.0))


class Ending(nn.Module):
    """A small network that ends in ``end``."""

    def __init__(self, end: Callable[[Tensor], Any], outputs: int = 3) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.maps = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.ReLU())
        self.last = nn.Linear(8, outputs)
        self.end = end

    def forward(self, x: Tensor) -> Any:
        return self.end(20 * self.last(self.maps(x).mean((2, 3))))


def of_ending(end: Callable[[Tensor], Any], outputs: int = 3, **settings: Any) -> ClassifierDetector:
    return ClassifierDetector(Ending(end, outputs).eval(), NAMES[:outputs], input_size=32, **settings)


# What a network may end in, and the probabilities that its output before that stands for.
ENDINGS: dict[str, tuple[Callable[[Tensor], Any], int, str, Callable[[Tensor], Tensor]]] = {
    "logits": (lambda x: x, 3, "softmax", lambda x: x.softmax(1)),
    "log softmax": (lambda x: x.log_softmax(1), 3, "softmax", lambda x: x.softmax(1)),
    "one logit": (lambda x: x, 1, "sigmoid", lambda x: x.sigmoid()),
    "one logit, squeezed": (lambda x: x[:, 0], 1, "sigmoid", lambda x: x.sigmoid()),
    "softmax": (lambda x: x.softmax(1), 3, "none", lambda x: x.softmax(1)),
    "softmax, reshaped": (lambda x: x.softmax(1)[:, None].flatten(1).clone(), 3, "none", lambda x: x.softmax(1)),
    "softmax by hand": (lambda x: x.exp() / x.exp().sum(1, keepdim=True), 3, "none", lambda x: x.softmax(1)),
    "sigmoid": (lambda x: x.sigmoid(), 3, "none", lambda x: x.sigmoid()),
    "one sigmoid, squeezed": (lambda x: x.sigmoid().squeeze(1), 1, "none", lambda x: x.sigmoid()),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_probabilities_are_what_the_network_says_whatever_it_ends_in(name: str) -> None:
    end, outputs, activation, meaning = ENDINGS[name]
    detector = of_ending(end, outputs)
    assert detector.activation == activation
    found = detector.detect([IMAGE], 0.0)[0]
    with torch.no_grad():
        before = of_ending(lambda x: x, outputs).module(detector._prepare(IMAGE))
    assert torch.allclose(found.class_scores[0], meaning(before)[0], atol=1e-6)
    target = Target()
    (chunk,) = detector.trace(IMAGE).chunks(found, target)
    leaf = detector.trace(IMAGE).levels[0].features.clone().requires_grad_()
    tail = 20 * detector.module.last(leaf[None].mean((2, 3)))
    for row, label in enumerate(found.labels.tolist()):
        (expected,) = torch.autograd.grad(meaning(tail)[0, label], leaf, retain_graph=True)
        assert torch.allclose(chunk.gradient[row], expected, atol=1e-7)
    assert len(dx.explain(detector, IMAGE, found)) == outputs


def test_several_labels_for_one_image_are_asked_for() -> None:
    detector = of_ending(lambda x: x, activation="sigmoid")
    with torch.no_grad():
        expected = detector.module(detector._prepare(IMAGE))[0].sigmoid()
    assert torch.allclose(detector.detect([IMAGE], 0.0)[0].class_scores[0], expected, atol=1e-6)


def test_what_no_probability_can_be_made_of_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="activation is one of softmax, sigmoid, none, or None; got 'relu'"):
        of_ending(lambda x: x, activation="relu")
    with pytest.raises(ValueError, match=r"a softmax over the single output .* is always 1; take activation='sigmoid'"):
        of_ending(lambda x: x, 1, activation="softmax")
    with pytest.raises(ValueError, match=r"taken for probabilities .*activation='none'.*, got -?\d.* to "):
        of_ending(lambda x: x, activation="none").detect([IMAGE])
    detector = of_ending(lambda x: x.softmax(1))
    with pytest.raises(ValueError, match="returns probabilities: its logits are not among its outputs"):
        dx.explain(detector, IMAGE, detector.detect([IMAGE], 0.0)[0], target=Target(score="logit"))
