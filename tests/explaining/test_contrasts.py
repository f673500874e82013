"""Why this class and not that one: contrasts of two classes, by every kind of method, in every bundled family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.methods.d_rise import improving
from detxai_nb.methods.d_rise.weights import LEAST, class_preferences
from detxai_nb.types import SIDES, Target

FAMILIES = (
    "tiny-fcos",
    "tiny-retinanet",
    "tiny-faster-rcnn",
    "tiny-ssd",
    "tiny-yolox",
    "tiny-detr",
    "tiny-pvt",
    "tiny-resnet",
)
SCENE = dx.data.scenes.make(2, seed=1, width=160, height=128).image
SHARED_SOFTMAX = ("faster_rcnn", "ssd", "detr", "classifier")


@pytest.fixture(scope="module", params=FAMILIES)
def opened(request: pytest.FixtureRequest) -> tuple[Any, dx.Detections, Any]:
    """A bundled detector, what it finds in a scene (a few of many), and its trace."""
    detector = dx.load_detector(request.param)
    found = detector.detect([SCENE], 0.0)[0]
    named = [row for row, name in enumerate(found.label_names()) if name not in ("apple", "bauble")]
    return detector, found[[*named[:2], 0]], detector.trace(SCENE)


def test_names_indices_and_class_scores_line_up(opened: tuple[Any, dx.Detections, Any]) -> None:
    detector, found, trace = opened
    assert found.class_scores is not None
    assert found.class_scores.shape[1] == len(detector.names) == len(found.names)
    factor = torch.ones_like(found.scores) if found.objectness is None else found.objectness
    for name in dx.data.scenes.Scenes(1).names:
        number = detector.names.index(name)
        by_name = trace.scalars(found, Target(label=name))
        assert torch.equal(by_name, trace.scalars(found, Target(label=number)))
        assert torch.allclose(by_name, found.scores_of(name) * factor, atol=2e-6)
        assert torch.equal(found.scores_of(name), found.scores_of(number))
    own = torch.stack([found.scores_of(name)[row] for row, name in enumerate(found.label_names())])
    assert torch.allclose(own * factor, found.scores, atol=2e-6)


def test_a_contrast_is_the_difference_of_what_the_detector_reports(opened: tuple[Any, dx.Detections, Any]) -> None:
    detector, found, trace = opened
    reported = found.scores_of("apple").log() - found.scores_of("bauble").log()
    by_logarithm = trace.scalars(found, Target("apple", "log-prob", against="bauble"))
    assert torch.allclose(by_logarithm, reported, atol=1e-3, rtol=1e-4)
    by_logit = trace.scalars(found, Target("apple", against="bauble"))
    if detector.family in SHARED_SOFTMAX and detector.family != "detr":
        assert torch.allclose(by_logit, by_logarithm, atol=1e-4)
    other_way = trace.scalars(found, Target("bauble", against="apple"))
    assert torch.equal(by_logit, -other_way)


def test_explain_looks_up_names_and_says_what_is_explained(opened: tuple[Any, dx.Detections, Any]) -> None:
    detector, found, _ = opened
    target = Target("apple", against="bauble")
    numbers = Target(label=detector.names.index("apple"), against=detector.names.index("bauble"))
    maps = dx.explain(detector, SCENE, found, target=target)
    again = dx.explain(detector, SCENE, found, target=numbers)
    assert all(torch.equal(one, other) for one, other in zip(maps.grids, again.grids))
    assert maps.unit == "difference of logits"
    assert "apple rather than bauble" in repr(maps)
    signed = [
        dx.explain(detector, SCENE, found, target=one, direction="signed").grids
        for one in (target, Target(label="apple", score="logit"), Target(label="bauble", score="logit"))
    ]
    for both, one, other in zip(*signed):
        assert torch.allclose(both, one - other, atol=1e-4 * float(one.abs().max() + other.abs().max()))


def test_a_contrast_takes_another_class() -> None:
    with pytest.raises(ValueError, match="'apple' is explained against itself, which is a difference of 0"):
        Target("apple", against="apple")
    with pytest.raises(ValueError, match="two classes are to be explained, 'apple' and 'mug'; name one"):
        Target("apple", label="mug", against="bauble")
    for part in (*SIDES, "combined"):
        with pytest.raises(ValueError, match=f"a contrast is between the scores of two classes, and '{part}' is none"):
            Target(part, against="apple")
    for wrong in (1.5, True, [1], b"apple"):
        with pytest.raises(TypeError, match="against is a class name, a class index"):
            Target(against=wrong)  # type: ignore[arg-type]
    assert Target("apple", against="bauble") == Target(label="apple", score="logit", against="bauble")
    assert Target(3, against=5) == Target(label=3, against=np.int64(5))  # type: ignore[arg-type]
    assert Target("apple", "prob", against="bauble").score == "prob"


def test_unknown_classes_and_contrasts_with_itself_are_refused_in_words() -> None:
    detector = dx.load_detector("tiny-fcos")
    found = detector.detect([SCENE])[0]
    own = found.label_names()[0]
    for target, message in (
        (Target("appel", against="bauble"), "has no class 'appel'; did you mean 'apple'?"),
        (Target(against="baubel"), "has no class 'baubel'; did you mean 'bauble'?"),
        (Target(label=10), "class 10 is none of this detector's, which are numbered 0 to 9"),
        (Target(label=-1, against=1), "class -1 is none of this detector's"),
        (Target(against=own), f"detection 0 is '{own}' itself"),
        (Target(label=0, against=detector.names[0]), "is explained against itself, a difference of 0"),
    ):
        with pytest.raises(ValueError, match=message):
            dx.explain(detector, SCENE, found, target=target)
        with pytest.raises(ValueError, match=message):
            detector.trace(SCENE).scalars(found, target)
    for method in ("detr-attention", "bbam"):
        with pytest.raises(ValueError, match=f"'{method}' explains each detection's own class, and no class rather"):
            dx.compare(detector, SCENE, found, methods=[method], target=Target("apple", against="bauble"))


def test_a_trace_that_does_not_know_contrasts_is_noticed() -> None:
    detector = dx.load_detector("tiny-fcos")
    found = detector.detect([SCENE])[0][:1]

    class Old:
        """A trace written before there were contrasts."""

        def __init__(self, trace: Any) -> None:
            self.trace = trace

        def __getattr__(self, name: str) -> Any:
            return getattr(self.trace, name)

        def scalars(self, detections: dx.Detections, target: Target) -> torch.Tensor:
            return self.trace.scalars(detections, Target(target.part, target.score, target.label))

    class Wrapped:
        names, device, layers = detector.names, detector.device, detector.layers
        detect = staticmethod(detector.detect)

        def trace(self, image: Any, layer: str | None = None) -> Any:
            return Old(detector.trace(image, layer))

    target = Target("kite" if "kite" in detector.names else detector.names[-1], against=detector.names[0])
    with pytest.raises(TypeError, match="the traces of Wrapped do not explain one class against another"):
        dx.explain(Wrapped(), SCENE, found, target=target)


def two_class(image: np.ndarray) -> dict[str, Any]:
    """An object that is the more an "a" the more red its left half is, and a "b" by the green of its right half."""
    height, width = image.shape[:2]
    half = width // 2
    left, right = float(image[:, :half, 0].mean()) / 255, float(image[:, half:, 1].mean()) / 255
    scores = [0.05 + 0.9 * left / (left + right + 0.1), 0.05 + 0.9 * right / (left + right + 0.1), 0.3]
    best = int(np.argmax(scores))
    return {
        "boxes": [[0, 0, width, height]],
        "scores": [scores[best]],
        "labels": [best],
        "class_scores": [scores],
        "objectness": [0.8],
    }


PICTURE = np.zeros((24, 32, 3), np.uint8)
PICTURE[:, :16, 0], PICTURE[:, 16:, 1] = 200, 220
QUICK: dict[str, dict[str, Any]] = {
    "d-rise": {"masks": 60, "cells": 4, "stop_agreement": None},
    "sodex": {"samples": 60, "segments": 8, "hidden": "black"},
}


@pytest.mark.parametrize("method", QUICK)
@pytest.mark.parametrize("score", [None, "prob"])
def test_perturbation_methods_explain_what_the_answers_prefer(method: str, score: str | None) -> None:
    detector = dx.wrap_predict(two_class, ["a", "b", "c"])
    found = detector.detect([PICTURE])[0]
    maps, back = (
        dx.explain(detector, PICTURE, found, method=method, target=Target(one, score, against=other), **QUICK[method])  # type: ignore[arg-type]
        for one, other in (("a", "b"), ("b", "a"))
    )
    assert maps.signed
    assert maps.target.score == ("prob" if score == "prob" else "log-prob")
    assert maps.unit == f"difference of {'' if score == 'prob' else 'log '}probabilities"
    values = maps.values[0]
    assert float(values[:, :14].mean()) > 0 > float(values[:, 18:].mean())
    assert torch.allclose(values, -back.values[0], atol=1e-5)


def test_answers_without_class_scores_are_told_what_is_missing() -> None:
    def bare(image: np.ndarray) -> dict[str, Any]:
        return {name: value for name, value in two_class(image).items() if name in ("boxes", "scores", "labels")}

    detector = dx.wrap_predict(bare, ["a", "b", "c"])
    found = detector.detect([PICTURE])[0]
    for method, settings in QUICK.items():
        with pytest.raises(ValueError, match=r"these detections carry no class_scores \[N,C\].*wrap_predict takes"):
            dx.explain(detector, PICTURE, found, method=method, target=Target("c", against="a"), **settings)
    with pytest.raises(ValueError, match=r"these detections carry no class_scores \[N,C\]"):
        found.scores_of("a")
    with pytest.raises(TypeError, match="these methods look inside the detector"):
        dx.explain(detector, PICTURE, found, target=Target("c", against="a"))


def test_the_answer_that_finds_the_object_best_is_asked() -> None:
    names = ("a", "b")

    def some(*rows: tuple[float, float, float]) -> dx.Detections:
        """Detections at x = 0 .. 10 shifted by the first number, with the two classes' probabilities."""
        boxes = torch.tensor([[x, 0.0, x + 10.0, 10.0] for x, _, _ in rows]).reshape(-1, 4)
        scores = torch.tensor([[a, b] for _, a, b in rows]).reshape(-1, 2)
        return dx.Detections(boxes, scores.amax(1), scores.argmax(1), names, class_scores=scores) if rows else empty()

    def empty() -> dx.Detections:
        return dx.Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0).long(), names)

    target = Target("a", "prob", against="b")
    found = [some((0, 0.6, 0.3), (5, 0.1, 0.9)), some(), some((20, 0.9, 0.0)), some((5, 0.2, 0.8), (0, 0.1, 0.1))]
    got = class_preferences(some((0, 0.5, 0.4)), found, target)[:, 0]
    # IoU of boxes shifted by half their width is 1/3; of the last two, 1/3 * (0.2 + 0.8) is more than 1 * (0.1 + 0.1).
    assert torch.allclose(got, torch.tensor([0.3, 0.0, 0.0, -0.6 / 3]))
    logarithms = class_preferences(some((0, 0.5, 0.4)), [some((0, 0.6, 0.0))], Target("a", "log-prob", against="b"))
    assert float(logarithms) == pytest.approx(float(np.log(0.6 / LEAST)), rel=1e-5)


def test_estimates_of_a_contrast_are_those_of_the_method() -> None:
    detector = dx.wrap_predict(two_class, ["a", "b", "c"])
    found = detector.detect([PICTURE])[0]
    target = Target("a", "log-prob", against="b")
    settings = {**QUICK["d-rise"], "masks": 50}
    *_, last = improving(detector, PICTURE, found, target=target, **settings)
    maps = dx.explain(detector, PICTURE, found, method="d-rise", target=target, **settings)
    assert torch.equal(last.maps(), maps.values)


def test_saved_maps_keep_the_contrast_the_unit_and_the_deciding_parts(tmp_path: Path) -> None:
    detector = dx.load_detector("tiny-fcos")
    found = detector.detect([SCENE])[0][:2]
    target = Target("apple", against="bauble")
    maps = dx.explain(detector, SCENE, found, target=target)
    back = HeatMaps.load(maps.save(tmp_path / "contrast"))
    assert (back.target, back.unit) == (target, "difference of logits")
    joined = dx.explain(detector, SCENE, found, target="combined")
    back = HeatMaps.load(joined.save(tmp_path / "combined"))
    assert (back.target, back.unit) == (Target("combined"), "probability or strides")
    assert all(torch.equal(one, other) for one, other in zip(back.deciding, joined.deciding, strict=True))
    assert [one.shape for one in joined[1].deciding] == [joined.grids[1].shape]


def test_figures_say_what_is_explained_and_its_unit() -> None:
    detector = dx.load_detector("tiny-fcos")
    found = detector.detect([SCENE])[0][:1]
    own = found.label_names()[0]
    figure = dx.explain(detector, SCENE, found, target=Target(against="bauble" if own != "bauble" else "apple")).plot()
    assert "rather than" in figure.get_suptitle()
    assert figure.axes[0].get_title(loc="left").startswith(f"0: {own} rather than")
    assert figure.axes[1].get_xlabel() == "difference of logits"


def test_every_unit_is_said() -> None:
    scene, units = dx.data.scenes.make(2, seed=1, width=160, height=128).image, {}
    for name in ("tiny-fcos", "tiny-faster-rcnn"):
        detector = dx.load_detector(name)
        found = detector.detect([scene], 0.0)[0][:1]
        for target in (Target(), Target(score="logit"), Target(score="log-prob"), Target("x1"), Target("combined")):
            units[name, target] = dx.explain(detector, scene, found, target=target).unit
        assert dx.explain(detector, scene, found, target="combined", combine="normalized").unit.startswith("share of")
        assert dx.explain(detector, scene, found, method="eigen-cam").unit == "activation of cells"
    assert [units["tiny-fcos", target] for _, target in list(units)[:5]] == [
        "probability",
        "logit",
        "log probability",
        "strides",
        "probability or strides",
    ]
    assert units["tiny-faster-rcnn", Target("x1")] == "input pixels"


@pytest.mark.parametrize("method", ["fullgrad", "relevance-cam", "integrated-gradients", "score-cam"])
def test_methods_of_their_own_explain_contrasts(method: str) -> None:
    detector = dx.load_detector("tiny-resnet")
    found = detector.detect([SCENE], 0.0)[0]
    found = found[[row for row, name in enumerate(found.label_names()) if name == "mug"]]
    quick = {"integrated-gradients": {"steps": 4}, "score-cam": {"channels": 4}}.get(method, {})
    one, other = (
        dx.explain(detector, SCENE, found, method=method, target=Target("mug", against=name), **quick)
        for name in ("jug", "apple")
    )
    assert not torch.equal(one.grids[0], other.grids[0])
    if method == "integrated-gradients":
        plain = [
            dx.explain(detector, SCENE, found, method=method, target=Target(label=name, score="logit"), **quick)
            for name in ("mug", "jug")
        ]
        assert torch.allclose(one.grids[0], plain[0].grids[0] - plain[1].grids[0], atol=1e-4)
