"""Modules as services and trainers leave them: half precision, autocast, inference mode, channels last."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from small_inputs import load_small

import detxai_nb as dx
from detxai_nb.data.scenes import Scenes
from detxai_nb.detectors.ultralytics.network import trained_size
from detxai_nb.detectors.yolox.detector import YoloxDetector
from detxai_nb.detectors.yolox.network import SIZES, Yolox

NAMES = ["tiny-fcos", "tiny-retinanet", "tiny-faster-rcnn", "tiny-ssd", "tiny-yolox", "tiny-resnet"]
NAMES += ["tiny-detr", "tiny-pvt"] if find_spec("transformers") else []
IMAGE = np.ascontiguousarray(Scenes(1, seed=5)[0].image[40:168, 30:190])


def opened(name: str) -> Any:
    return load_small(name)


def some_layers(detector: Any) -> list[str]:
    """The default layer, one before the neck, and one inside the head."""
    wanted = (detector.layers[0], "neck.before", "backbone", "head.class", "roi")
    return [layer for layer in dict.fromkeys(wanted) if layer in detector.layers]


def maps_of(detector: Any, found: dx.Detections) -> list[torch.Tensor]:
    asked = [(layer, "class") for layer in some_layers(detector)]
    asked += [(detector.layers[0], "x1")] if "x1" in detector.targets else []
    return [dx.explain(detector, IMAGE, found, layer=layer, target=target).values for layer, target in asked]


def assert_same(found: list[torch.Tensor], expected: list[torch.Tensor], share: float = 1e-3) -> None:
    for a, b in zip(found, expected, strict=True):
        assert (a - b).abs().amax() <= share * b.abs().amax()


@pytest.mark.parametrize("name", NAMES)
def test_neither_autocast_nor_inference_mode_nor_channels_last_changes_a_map(name: str) -> None:
    detector = opened(name)
    found = detector.detect([IMAGE], 0.05)[0][:2]
    expected = maps_of(detector, found)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(detector.detect([IMAGE], 0.05)[0][:2].scores, found.scores)
        assert_same(maps_of(detector, found), expected)
        half = load_small(name, precision="bf16")
        assert_same([dx.explain(half, IMAGE, found).values], expected[:1])
    assert not torch.is_autocast_enabled("cpu")
    module = detector.module
    with torch.inference_mode():
        detector.module = copy.deepcopy(module).double().float()
    assert_same(maps_of(detector, detector.detect([IMAGE], 0.05)[0][:2]), expected)
    detector.module = copy.deepcopy(module).to(memory_format=torch.channels_last)
    assert_same(maps_of(detector, detector.detect([IMAGE], 0.05)[0][:2]), expected)
    assert detector.module is not module


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_weights_in_half_precision_are_refused_in_words(name: str, kind: torch.dtype) -> None:
    detector = opened(name)
    found = detector.detect([IMAGE], 0.05)[0][:1]
    detector.module.to(kind)
    words = rf"weights of this \w+ are {str(kind).removeprefix('torch.')} \('.*' and \d+ more\); .*module.float\(\)"
    doors: list[Callable[[], Any]] = [
        lambda: detector.detect([IMAGE]),
        lambda: detector.trace(IMAGE),
        lambda: dx.explain(detector, IMAGE, found),
    ]
    for work in doors:
        with pytest.raises(ValueError, match=words):
            work()
    if name != "tiny-pvt":
        with pytest.raises(ValueError, match=words):
            dx.wrap(detector.module, family=detector.family, names=detector.names)
    detector.module.float()
    assert len(detector.detect([IMAGE], 0.05)[0])


def test_one_half_among_whole_weights_is_noticed() -> None:
    detector = opened("tiny-fcos")
    part = detector.module.head.classification_head.cls_logits
    part.bias.data = part.bias.data.half()
    with pytest.raises(ValueError, match=r"float16 \('head.classification_head.cls_logits.bias'\)"):
        detector.detect([IMAGE])


@pytest.mark.parametrize("threshold", [30, -0.1, float("nan"), float("inf")])
def test_a_threshold_out_of_range_is_refused_in_words(threshold: float) -> None:
    with pytest.raises(ValueError, match="score_threshold is a number from 0 to 1, got"):
        opened("tiny-fcos").detect([IMAGE], threshold)
    with pytest.raises(ValueError, match="score_threshold is a number from 0 to 1, got"):
        dx.wrap_predict(lambda _: ([], [], []), ["a"]).detect([IMAGE], threshold)


def test_a_threshold_that_is_no_number_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match="score_threshold is a number from 0 to 1, got 'high'"):
        opened("tiny-fcos").detect([IMAGE], "high")


@pytest.mark.parametrize("name", [*NAMES, "black box"])
def test_one_picture_for_a_list_is_refused_by_every_family(name: str) -> None:
    detector = dx.wrap_predict(lambda _: ([], [], []), ["a"]) if name == "black box" else opened(name)
    for one in (IMAGE, torch.from_numpy(IMAGE).permute(2, 0, 1), "photo.jpg", b"bytes"):
        with pytest.raises(TypeError, match="expected a list of pictures, got one picture"):
            detector.detect(one)
    assert detector.detect([]) == []


def test_what_is_put_around_a_network_is_taken_off() -> None:
    module = opened("tiny-fcos").module
    names = opened("tiny-fcos").names
    for around in (torch.compile(module), torch.nn.DataParallel(module), torch.compile(torch.nn.DataParallel(module))):
        detector = dx.wrap(around, family="fcos", names=names)
        assert detector.module is module
    found = detector.detect([IMAGE], 0.05)[0][:1]
    assert dx.explain(detector, IMAGE, found, layer="backbone").status == ("ok",)


@pytest.mark.parametrize("name", ["tiny-fcos", "tiny-faster-rcnn", "tiny-yolox"])
def test_a_network_that_switches_gradients_off_is_told_from_one_without_evidence(name: str) -> None:
    detector = opened(name)
    found = detector.detect([IMAGE], 0.05)[0][:1]
    network = detector.module.backbone
    inner = network.fpn if hasattr(network, "fpn") else network.neck if hasattr(network, "neck") else network
    network.forward = torch.no_grad()(network.forward)
    if hasattr(network, "neck"):
        network.neck = torch.no_grad()(network.neck)
    elif inner is not network:
        inner.forward = torch.no_grad()(inner.forward)
    with pytest.raises(ValueError, match=r"has gradients: the network's forward switches them off"):
        dx.explain(detector, IMAGE, found, layer="backbone")


def test_a_networks_own_input_size_is_the_default() -> None:
    for name, side in {"yolox-nano": 416, "yolox-tiny": 416, "yolox-s": 640}.items():
        detector = YoloxDetector(Yolox(2, SIZES[name]), ["a", "b"])
        assert detector.input_size == (side, side)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, 640),
        ({"imgsz": 1280}, 1280),
        ({"imgsz": 300}, 320),
        (SimpleNamespace(imgsz=[480, 650]), (480, 672)),
        ({"imgsz": "large"}, 640),
        ({"imgsz": [0, 3]}, 640),
        ({}, 640),
    ],
)
def test_a_yolo_is_opened_at_the_size_that_it_was_trained_at(said: Any, expected: Any) -> None:
    assert trained_size(SimpleNamespace(args=said), 32) == expected


def test_a_classifier_of_timm_says_how_images_are_prepared() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()
    plain = dx.wrap(network, family="classifier", names=["a", "b"])
    assert (plain.input_size, plain.mean[0]) == ((224, 224), 0.485)  # type: ignore[attr-defined]
    network.pretrained_cfg = {"input_size": (3, 96, 128), "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    stated = dx.wrap(network, family="classifier", names=["a", "b"])
    assert (stated.input_size, stated.mean, stated.std) == ((96, 128), (0.5,) * 3, (0.5,) * 3)  # type: ignore[attr-defined]
    assert dx.wrap(network, family="classifier", names=["a", "b"], input_size=32).input_size == (32, 32)  # type: ignore[attr-defined]


def test_a_label_without_a_name_is_refused_in_words() -> None:
    answer = {"boxes": [[5, 5, 40, 40]], "scores": [0.9], "labels": [0]}
    with pytest.raises(ValueError, match=r"the label 0, which names does not hold: it has the class numbers 1, 2;"):
        dx.wrap_predict(lambda _: answer, {1: "a", 2: "b"}).detect([IMAGE])


@pytest.mark.parametrize("name", NAMES)
def test_the_callers_default_type_and_device_change_nothing(name: str) -> None:
    """What a call makes has a type and a device of its own, whatever ``torch.set_default_dtype`` says."""
    detector = opened(name)
    found = detector.detect([IMAGE], 0.05)[0][:2]
    settings: dict[str, dict[str, Any]] = {"d-rise": {"masks": 8}}

    def made() -> list[torch.Tensor]:
        maps = dx.compare(detector, IMAGE, found, methods=["odam", "grad-cam++", "d-rise"], settings=settings)
        return [one.values for one in maps.values()]

    expected = made()
    # torchvision's SSD makes its default boxes in the default type.
    for kind in (torch.float64,) if name in ("tiny-detr", "tiny-ssd") else (torch.float64, torch.float16):
        torch.set_default_dtype(kind)
        try:
            assert torch.equal(detector.detect([IMAGE], 0.05)[0][:2].boxes, found.boxes)
            assert_same(made(), expected, 1e-4)
        finally:
            torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", ["tiny-fcos", "tiny-yolox", "tiny-resnet"])
def test_weights_of_several_kinds_or_none_are_refused_in_words(name: str) -> None:
    detector = opened(name)
    first = next(iter(detector.module.parameters()))
    first.data = first.data.double()
    for work in (lambda: detector.detect([IMAGE]), lambda: detector.trace(IMAGE)):
        with pytest.raises(
            ValueError, match=r"not all of one kind: '.*' float32 on cpu, '.*' float64 on cpu; make them"
        ):
            work()
    detector.module.to("meta")
    for work in (lambda: detector.detect([IMAGE]), lambda: detector.trace(IMAGE)):
        with pytest.raises(ValueError, match="have no content yet"):
            work()


@pytest.mark.parametrize(
    "name", ["tiny-faster-rcnn", "tiny-resnet", *(["tiny-detr"] if find_spec("transformers") else [])]
)
def test_no_gradient_is_taken_through_whole_numbers(name: str) -> None:
    detector = opened(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detector.module = torch.ao.quantization.quantize_dynamic(detector.module, {torch.nn.Linear}, dtype=torch.qint8)
    found = detector.detect([IMAGE], 0.0)[0][:1]
    with pytest.raises(ValueError, match=r"is quantized \(Linear\), and no gradient goes through it: .*'d-rise'"):
        dx.explain(detector, IMAGE, found)


def test_scores_that_are_no_numbers_are_said() -> None:
    detector = opened("tiny-fcos")
    next(iter(detector.module.parameters())).data.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"are no numbers \(NaN\); its weights hold NaN"):
        dx.explain(detector, IMAGE, detector.detect([IMAGE])[0])


def test_an_average_of_weights_is_opened_as_its_network() -> None:
    detector = opened("tiny-resnet")
    averaged = torch.optim.swa_utils.AveragedModel(detector.module)
    assert dx.wrap(averaged, family="classifier", names=detector.names).module is averaged.module
