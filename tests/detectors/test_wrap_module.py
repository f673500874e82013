"""Any module as a detector: the maps of the package's own adapters, and what is refused in words."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import box_convert

import detxai_nb as dx
from detxai_nb.detectors.wrapping.measured_placement import measure_placement
from detxai_nb.geometry import Placement
from detxai_nb.testing import photograph

PICTURE = np.ascontiguousarray(dx.data.scenes.Scenes(1, seed=4)[0].image[:200])


@functools.cache
def loaded(name: str) -> Any:
    return dx.load_detector(name, device="cpu")


def predict_torchvision(module: nn.Module, image: np.ndarray) -> Any:
    with torch.no_grad():
        found = module([torch.from_numpy(image).permute(2, 0, 1) / 255])[0]
    return found["boxes"], found["scores"], found["labels"], range(len(found["scores"]))


def score_torchvision(outputs: Any, origin: int, label: int) -> Tensor:
    return outputs[0]["scores"][origin]


def torchvision_detector(name: str, **settings: Any) -> Any:
    own = loaded(name)
    given = {"predict": predict_torchvision, "score": score_torchvision, "layer": "backbone", "names": own.names}
    return dx.wrap_module(own.module, **{**given, **settings})


def same(name: str, wrapped: Any, layer: str | None, methods: tuple[str, ...]) -> None:
    """Each detection of the wrapped module has the map of the built-in adapter's detection that lies there."""
    own = loaded(name)
    theirs = own.detect([PICTURE], 0.3)[0]
    mine = wrapped.detect([PICTURE], 0.3)[0]
    assert len(mine) == len(theirs) >= 3
    assert torch.allclose(mine.boxes, theirs.boxes, atol=1e-3)
    assert torch.allclose(mine.scores, theirs.scores, atol=1e-5)
    assert [mine.names[i] for i in mine.labels] == [theirs.names[i] for i in theirs.labels]
    assert mine.canvas_size == pytest.approx(theirs.canvas_size)
    for method in methods:
        expected = dx.explain(own, PICTURE, theirs, method=method, layer=layer).values
        found = dx.explain(wrapped, PICTURE, mine, method=method).values
        scale = expected.abs().amax((1, 2), keepdim=True)
        assert float(scale.min()) > 0
        assert ((found - expected).abs() <= 1e-5 * scale.clamp(min=1)).all(), method
        assert ((found - expected).abs() <= 2e-4 * scale).all(), method


@pytest.mark.parametrize("name", ["tiny-fcos", "tiny-faster-rcnn"])
def test_maps_of_torchvisions_modules_are_those_of_the_built_in_adapters(name: str) -> None:
    """Their answers are read after suppression, by number; the level is found by the gradient."""
    same(name, torchvision_detector(name), None, ("odam", "grad-cam", "ss-grad-cam++"))


def predict_detr(module: nn.Module, image: np.ndarray) -> Any:
    """As the built-in adapter prepares a picture: scaled as Pillow does, and normalised."""
    batch, _ = loaded("tiny-detr")._prepare([image])
    with torch.no_grad():
        found = module(pixel_values=batch)
    probabilities = found.logits[0].sigmoid()
    scores, pairs = probabilities.flatten().topk(len(probabilities))
    queries = pairs // probabilities.shape[1]
    boxes = box_convert(found.pred_boxes[0], "cxcywh", "xyxy") * torch.tensor([image.shape[1], image.shape[0]] * 2)
    return {
        "boxes": boxes[queries],
        "scores": scores,
        "labels": pairs % probabilities.shape[1],
        "origins": queries,
        "class_scores": probabilities[queries],
    }


def logit_detr(outputs: Any, origin: int, label: int) -> Tensor:
    return outputs.logits[0, origin, label]


def detr(**settings: Any) -> Any:
    own = loaded("tiny-detr")
    given = {
        "predict": predict_detr,
        "score": lambda outputs, origin, label: logit_detr(outputs, origin, label).sigmoid(),
        "layer": {"backbone": "model.backbone"},
        "names": own.names,
        "logit": logit_detr,
        "fixed_origins": True,
    }
    return dx.wrap_module(own.module, **{**given, **settings})


def test_maps_of_a_detr_are_those_of_the_built_in_adapter() -> None:
    pytest.importorskip("transformers")
    same("tiny-detr", detr(), None, ("odam", "grad-cam"))


def test_contrasts_logits_and_box_sides() -> None:
    pytest.importorskip("transformers")
    wrapped, own = detr(box=lambda outputs, origin: box_convert(outputs.pred_boxes[0, origin], "cxcywh", "xyxy")), None
    own = loaded("tiny-detr")
    mine, theirs = wrapped.detect([PICTURE])[0], own.detect([PICTURE])[0]
    for target in (dx.Target(own.names[1], against=own.names[0]), dx.Target("class", "logit"), dx.Target("x1")):
        expected = dx.explain(own, PICTURE, theirs, target=target).values
        found = dx.explain(wrapped, PICTURE, mine, target=target).values
        if target.part == "x1":
            # The built-in adapter's unit of a side is another: what is compared is the place.
            found = found / found.amax((1, 2), keepdim=True) * expected.amax((1, 2), keepdim=True)
        assert ((found - expected).abs() <= 1e-3 * expected.abs().amax((1, 2), keepdim=True)).all(), target


def test_methods_that_run_the_network_again_need_origins_that_stay() -> None:
    pytest.importorskip("transformers")
    wrapped, own = detr(), loaded("tiny-detr")
    mine, theirs = wrapped.detect([PICTURE])[0][:1], own.detect([PICTURE])[0][:1]
    found = dx.explain(wrapped, PICTURE, mine, method="score-cam", channels=4).values
    expected = dx.explain(own, PICTURE, theirs, method="score-cam", channels=4).values
    assert torch.allclose(found, expected, atol=1e-3 * float(expected.max()))
    numbered = torchvision_detector("tiny-fcos")
    with pytest.raises(TypeError, match="rerun"):
        dx.explain(numbered, PICTURE, numbered.detect([PICTURE])[0][:1], method="score-cam")


def stretched(image: np.ndarray) -> Tensor:
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    return (F.interpolate(x, size=(96, 160), mode="bilinear", antialias=True) / 255 - 0.45) / 0.22


def letterboxed(image: np.ndarray) -> Tensor:
    """BGR in 0..255 on grey, in the middle."""
    x = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None].float()
    height, width = x.shape[2:]
    factor = min(128 / height, 128 / width)
    x = F.interpolate(x, size=(round(height * factor), round(width * factor)), mode="bilinear")
    top, left = (128 - x.shape[2]) // 2, (128 - x.shape[3]) // 2
    return F.pad(x, (left, 128 - left - x.shape[3], top, 128 - top - x.shape[2]), value=114.0)


def cut(image: np.ndarray) -> Tensor:
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    return F.interpolate(x, size=(120, 200), mode="bilinear")[:, :, 12:108, 20:180]


@pytest.mark.parametrize("size", [(75, 101), (200, 320), (333, 90)])
@pytest.mark.parametrize(
    ("see", "expected"),
    [
        (stretched, lambda h, w: Placement((h, w), (96, 160), (96, 160))),
        (cut, lambda h, w: Placement((h, w), (120, 200), (96, 160), (-12, -20))),
    ],
)
def test_where_a_picture_lies_is_measured(
    see: Callable[[np.ndarray], Tensor], expected: Callable[[int, int], Placement], size: tuple[int, int]
) -> None:
    assert measure_placement(see, size) == expected(*size)


@pytest.mark.parametrize("size", [(75, 101), (200, 320), (333, 90), (1, 40)])
def test_padding_is_seen(size: tuple[int, int]) -> None:
    factor = min(128 / size[0], 128 / size[1])
    resized = (round(size[0] * factor), round(size[1] * factor))
    offset = ((128 - resized[0]) // 2, (128 - resized[1]) // 2)
    assert measure_placement(letterboxed, size) == Placement(size, resized, (128, 128), offset)


@pytest.mark.parametrize(
    "see",
    [
        lambda image: stretched(image).flip(3),
        lambda image: stretched(image).transpose(2, 3),
        lambda image: stretched(image) * 0,
        lambda image: stretched(image)[..., : 90 + int(image.max()) // 20],
        lambda image: stretched(image) ** 2,
    ],
)
def test_what_cannot_be_seen_is_said(see: Callable[[np.ndarray], Tensor]) -> None:
    with pytest.raises(ValueError, match="hand in placement="):
        measure_placement(see, (75, 101))


class Pair(nn.Module):
    """A network of one map, whose answer is its output."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).relu())


def pair(**settings: Any) -> Any:
    torch.manual_seed(1)

    def predict(module: nn.Module, image: np.ndarray) -> Any:
        found = module(torch.from_numpy(image).permute(2, 0, 1)[None] / 255)[0, :, 3, 5].sigmoid()
        return torch.tensor([[4.0, 4.0, 12.0, 12.0]] * 2), found, [0, 1], [[3, 5], [3, 5]]

    given: dict[str, Any] = {
        "predict": predict,
        "score": lambda outputs, origin, label: outputs[0, label, origin[0], origin[1]].sigmoid(),
        "layer": "body",
        "names": ["cat", "dog"],
        "origin_fields": ("row", "column"),
    }
    return dx.wrap_module(Pair(), **{**given, **settings})


def test_a_module_without_no_grad_is_left_as_it_was() -> None:
    detector, image = pair(), photograph(40, 60)
    module = detector.module.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    found = detector.detect([image], 0.0)[0]
    maps = dx.explain(detector, image, found)
    assert maps.values.shape == (2, 40, 60)
    assert float(maps.values.max()) > 0
    assert module.training
    assert all(p.grad is None for p in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not any(
        m._forward_hooks or m._forward_pre_hooks or m._forward_pre_hooks_with_kwargs for m in module.modules()
    )


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"score": lambda o, i, c: o[0, c, i[0], i[1]]}, ValueError, "a logit goes into logit="),
    ({"score": lambda o, i, c: o[0, c, :2, 5].sigmoid()}, TypeError, "one number"),
    ({"score": lambda o, i, c: 0.5}, TypeError, "one number"),
    ({"predict": lambda m, x: ([], [], [])}, ValueError, "0 times"),
    ({"origin_fields": None}, ValueError, "origin_fields"),
    ({"layer": "bodi"}, ValueError, "some that it has: body"),
    ({"layer": nn.Conv2d(3, 3, 1)}, ValueError, "no submodule"),
    ({"layer": []}, TypeError, "path of a submodule"),
    ({"score": 3}, TypeError, "score is a function"),
]


@pytest.mark.parametrize(("settings", "error", "said"), BAD)
def test_what_is_handed_in_wrongly_is_said(settings: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        pair(**settings).detect([photograph(40, 60)], 0.0)


def answer(change: Callable[[Any], Any]) -> Callable[[nn.Module, np.ndarray], Any]:
    own = pair().predict
    return lambda module, image: change(own(module, image))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a[:3], "boxes, scores, labels, origins"),
        (lambda a: {"boxes": a[0], "scores": a[1], "labels": a[2]}, "no origins"),
        (lambda a: (*a[:3], a[3][:1]), "1 rows for 2 boxes"),
        (lambda a: (*a[:3], [[0.5, 1], [2, 3]]), "whole numbers"),
        (lambda a: (*a[:3], [[-1, 1], [2, 3]]), "from 0 on"),
        (lambda a: (*a[:3], ["a", "b"]), "origins are no whole numbers"),
        (lambda a: (a[0], a[1] * 3, *a[2:]), "probabilities in 0..1"),
    ],
)
def test_answers_of_another_form_are_said(change: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pair(predict=answer(change)).detect([photograph(40, 60)], 0.0)


def test_scores_that_no_function_gives_are_refused() -> None:
    detector = torchvision_detector("tiny-fcos")
    found = detector.detect([PICTURE])[0][:1]
    for target, said in (
        (dx.Target("class", "logit"), "logit="),
        (dx.Target("apple", against="bauble", score="prob"), "third argument"),
        (dx.Target("x1"), "box side"),
    ):
        with pytest.raises(ValueError, match=said):
            dx.explain(detector, PICTURE, found, target=target)
    with pytest.raises(TypeError, match="wrap_predict"):
        dx.wrap_module(lambda x: x, predict=print, score=print, layer="a", names=["b"])  # type: ignore[arg-type]


def test_inference_mode_in_predict_is_refused_in_words() -> None:
    own = pair().predict

    def predict(module: nn.Module, image: np.ndarray) -> Any:
        with torch.inference_mode():
            return own(module, image)

    detector, image = pair(predict=predict), photograph(40, 60)
    found = detector.detect([image], 0.0)[0]
    with pytest.raises(ValueError, match="inference_mode"):
        dx.explain(detector, image, found)


def test_widgets_and_evaluations_take_it(tmp_path: Path) -> None:
    detector = torchvision_detector("tiny-fcos")
    explorer = dx.widgets.Explorer(detector, PICTURE)
    assert len(explorer.detections) >= 3
    explorer.close()
    sample = dx.data.scenes.Scenes(1, seed=3)
    frame = dx.evaluate(detector, sample, ["odam"], ["pointing-game-box"], store=tmp_path, progress=False)
    assert len(frame) >= 1


def test_a_layer_of_the_same_name_elsewhere_has_strides_of_its_own() -> None:
    """Strides are kept with the module, which may be wrapped again."""
    detector, image = pair(), photograph(40, 60)
    module = nn.Sequential(nn.MaxPool2d(2), detector.module)

    def predict(module: nn.Module, image: np.ndarray) -> Any:
        return detector.predict(module, np.repeat(np.repeat(image, 2, 0), 2, 1))

    def strides(path: str) -> tuple[float, float]:
        wrapped = dx.wrap_module(
            module,
            predict=predict,
            score=detector.score,
            layer={"one": path},
            names=["cat", "dog"],
            origin_fields=("row", "column"),
        )
        return wrapped.trace(image).levels[0].stride

    assert [strides("0"), strides("1.body")] == [(2, 2), (4, 4)]
