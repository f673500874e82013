"""Predictions before suppression, their maps as vectors, and rules inside a detector's ``detect``."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import detxai_nb as dx
from detxai_nb.capabilities import Capabilities
from detxai_nb.detectors.trace import budget
from detxai_nb.evaluation.fingerprint import detector_identity

FAMILIES = ("tiny-fcos", "tiny-retinanet", "tiny-ssd", "tiny-faster-rcnn", "tiny-yolox", "tiny-pvt")
# A part of a crowd, neither square nor of a size that strides divide.
IMAGE: np.ndarray = dx.data.scenes.Scenes(3, mode="crowd")[1].image[30:215, 10:253]


@cache
def opened(name: str) -> Any:
    return dx.load_detector(name, device="cpu")


@cache
def before(name: str, threshold: float = 0.3) -> dx.Detections:
    return dx.nms.candidates(opened(name), IMAGE, threshold)


def same(one: dx.Detections, other: dx.Detections) -> None:
    assert torch.equal(one.origins, other.origins)  # type: ignore[arg-type]
    assert torch.equal(one.labels, other.labels)
    torch.testing.assert_close(one.boxes, other.boxes, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(one.scores, other.scores, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_detect_is_nms_of_the_candidates(name: str) -> None:
    if name == "tiny-pvt":
        pytest.importorskip("transformers", reason="pyramid vision transformers need transformers")
    detector, all_of_them = opened(name), before(name)
    settings = detector.nms_threshold, detector.max_detections
    found = detector.detect([IMAGE], 0.3)[0]
    assert len(all_of_them) > 2 * len(found) > 4
    assert bool((all_of_them.scores.diff() <= 0).all())
    same(dx.nms.NmsDetector(detector, dx.nms.GreedyNms(detector.nms_threshold)).detect([IMAGE], 0.3)[0], found)
    same(dx.nms.remove_duplicates(all_of_them, dx.nms.GreedyNms(detector.nms_threshold)), found)
    assert (detector.nms_threshold, detector.max_detections) == settings
    assert not detector.module.training


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("tiny-fcos", "backbone"),
        ("tiny-retinanet", "head.class"),
        ("tiny-faster-rcnn", "roi"),
        ("tiny-faster-rcnn", "backbone.stage16"),
        ("tiny-yolox", "neck.before"),
    ],
)
def test_the_layer_of_the_trace_changes_no_candidate(name: str, layer: str) -> None:
    trace = opened(name).trace(IMAGE, layer)
    same(opened(name).candidates(trace, 0.3), before(name))


def placed_one_by_one(name: str, rows: dx.Detections, layer: str, short_edge: int) -> Tensor:
    """The maps of ``explain``, each brought to the small grid by itself."""
    maps = dx.explain(opened(name), IMAGE, rows, method="odam", layer=layer)
    height, width = IMAGE.shape[:2]
    scale = short_edge / min(height, width)
    small = replace(maps.placement, image_size=(round(height * scale), round(width * scale)))
    parts = zip(maps.grids, maps.strides, maps.corners, maps.shifts)
    return torch.cat([small.maps_to_image(grid[None], *where) for grid, *where in parts])


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("tiny-fcos", "neck"),
        ("tiny-retinanet", "neck"),
        ("tiny-ssd", "neck"),
        ("tiny-yolox", "backbone"),
        ("tiny-faster-rcnn", "roi"),
        ("tiny-faster-rcnn", "neck"),
    ],
)
def test_vectors_are_the_maps_of_explain_on_a_small_grid(
    name: str, layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = before(name)[::7]
    found = dx.nms.map_vectors(opened(name), IMAGE, rows, layer=layer)
    assert found.values.shape == (len(rows), 50, 66)
    assert found.layer == layer
    slow = placed_one_by_one(name, rows, layer, 50)
    scale = slow.amax(dim=(1, 2), keepdim=True)
    assert float(scale.min()) > 0
    torch.testing.assert_close(found.values / scale, slow / scale, rtol=0, atol=1e-5)
    if layer != "backbone":
        monkeypatch.setattr(budget, "MEMORY_BUDGET", 3_000_000)
        in_chunks = dx.nms.map_vectors(opened(name), IMAGE, rows, layer=layer).values
        torch.testing.assert_close(in_chunks / scale, found.values / scale, rtol=0, atol=1e-5)


def test_the_default_layer_is_the_papers() -> None:
    assert dx.nms.map_vectors(opened("tiny-faster-rcnn"), IMAGE, before("tiny-faster-rcnn")[:2]).layer == "roi"
    assert dx.nms.map_vectors(opened("tiny-retinanet"), IMAGE, before("tiny-retinanet")[:2]).layer == "neck"


def test_correlation_is_the_cosine_of_the_maps() -> None:
    maps = dx.nms.map_vectors(opened("tiny-retinanet"), IMAGE, before("tiny-retinanet"), short_edge=20)
    found, flat = maps.correlation(), maps.vectors.double()
    slow = torch.nn.functional.cosine_similarity(flat[:, None], flat, dim=2)
    torch.testing.assert_close(found.double(), slow, rtol=0, atol=1e-5)
    assert 0 <= float(found.min()) < 0.2 < 0.8 < float(found.max()) <= 1
    assert torch.equal(maps[[3, 1]].values, maps.values[[3, 1]])
    assert len(maps[:5]) == 5


def test_group_normalisation_is_said_and_its_gradient_can_be_chosen() -> None:
    exact = dx.nms.map_vectors(opened("tiny-fcos"), IMAGE, before("tiny-fcos")[:4])
    quick = dx.load_detector("tiny-fcos", device="cpu", norm_statistics="fixed")
    fixed = dx.nms.map_vectors(quick, IMAGE, before("tiny-fcos")[:4])
    assert (exact.norm_statistics, fixed.norm_statistics) == ("exact", "fixed")
    assert not torch.allclose(exact.values, fixed.values)


@pytest.mark.parametrize("name", ["tiny-retinanet", "tiny-faster-rcnn"])
def test_odam_nms_in_a_detector(name: str) -> None:
    detector = opened(name)
    plain = dx.nms.NmsDetector(detector, "nms").detect([IMAGE, IMAGE[:, ::-1].copy()], 0.3)
    ends = dx.nms.NmsDetector(detector, dx.nms.OdamNms(t_low=0, t_high=1)).detect([IMAGE, IMAGE[:, ::-1].copy()], 0.3)
    for one, other in zip(plain, ends, strict=True):
        same(one, other)
    rule, maps = dx.nms.OdamNms(t_low=0.9, t_high=0.95), dx.nms.map_vectors(detector, IMAGE, before(name))
    by_hand = rule(before(name).boxes, before(name).scores, before(name).labels, vectors=maps.vectors)
    found = dx.nms.NmsDetector(detector, rule).detect([IMAGE], 0.3)[0]
    same(found, before(name)[by_hand.rows])
    assert found.origins.tolist() != plain[0].origins.tolist()  # type: ignore[union-attr]
    same(dx.nms.remove_duplicates(before(name), rule, maps), found)


def test_soft_nms_in_a_detector_lowers_scores_to_the_threshold() -> None:
    detector = dx.nms.NmsDetector(opened("tiny-retinanet"), "soft-nms", max_detections=40)
    found, plain = detector.detect([IMAGE], 0.1)[0], before("tiny-retinanet", 0.1)
    assert 20 < len(found) <= 40
    assert float(found.scores.min()) >= 0.1
    scores = {(*o, n): s for o, n, s in zip(plain.origins.tolist(), plain.labels.tolist(), plain.scores.tolist())}  # type: ignore[union-attr]
    lowered = zip(found.origins.tolist(), found.labels.tolist(), found.scores.tolist())  # type: ignore[union-attr]
    lost = [scores[*o, n] - s for o, n, s in lowered]
    assert min(lost) > -1e-6
    assert max(lost) > 0.01
    with pytest.raises(ValueError, match="scores differ"):
        dx.explain(detector, IMAGE, found)


def test_feature_nms_in_a_detector_takes_a_function_for_its_vectors() -> None:
    def middle(trace: Any, detections: dx.Detections) -> Tensor:
        return (detections.boxes[:, :2] + detections.boxes[:, 2:]) / 2

    detector = opened("tiny-retinanet")
    near = dx.nms.FeatureNms(distance=10.0)
    found = dx.nms.NmsDetector(detector, near, vectors=middle).detect([IMAGE], 0.3)[0]
    rows = before("tiny-retinanet")
    same(found, rows[near(rows.boxes, rows.scores, rows.labels, vectors=middle(None, rows)).rows])


def test_a_detector_with_a_rule_is_explained_and_identified_like_any_other() -> None:
    detector = dx.nms.NmsDetector(opened("tiny-retinanet"), dx.nms.OdamNms(t_low=0.3))
    found = detector.detect([IMAGE], 0.3)[0]
    assert dx.explain(detector, IMAGE, found[:2]).values.shape == (2, *IMAGE.shape[:2])
    assert Capabilities(detector).family == "retinanet"
    other = dx.nms.NmsDetector(opened("tiny-retinanet"), dx.nms.OdamNms(t_low=0.4))
    assert detector_identity(detector) != detector_identity(other)
    assert detector_identity(detector)["detector"] == detector_identity(opened("tiny-retinanet"))
    half = dx.nms.NmsDetector(dx.load_detector("tiny-retinanet", device="cpu", precision="bf16"), "nms")
    same(half.detect([IMAGE], 0.3)[0], dx.nms.NmsDetector(opened("tiny-retinanet"), "nms").detect([IMAGE], 0.3)[0])


def test_a_detector_that_identifies_itself_is_another_with_another_rule() -> None:
    own = copy(opened("tiny-retinanet"))
    own.__class__ = type("Own", (type(own),), {"identity": "mine"})
    found = [detector_identity(dx.nms.NmsDetector(own, dx.nms.OdamNms(t_low=low))) for low in (0.1, 0.2, 0.2)]
    assert found[0] != found[1]
    assert found[1] == found[2]
    assert found[0]["identity"]["detector"] == "mine"


def test_nothing_found_is_nothing_kept() -> None:
    blank = np.full((64, 80, 3), 128, np.uint8)
    for name in ("tiny-retinanet", "tiny-faster-rcnn"):
        found = dx.nms.NmsDetector(opened(name), "odam-nms").detect([blank], 0.99)[0]
        assert len(found) == 0
        assert len(dx.nms.map_vectors(opened(name), blank, found)) == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: dx.wrap_predict(lambda image: ([], [], []), ["cat"]), "already suppressed"),
        (lambda: dx.load_detector("tiny-detr", device="cpu"), "needs no suppression"),
        (lambda: dx.load_detector("tiny-resnet", device="cpu"), "one prediction of the whole image"),
    ],
)
def test_a_detector_without_predictions_before_suppression_is_refused(make: Callable[[], Any], words: str) -> None:
    if "needs no" in words:
        pytest.importorskip("transformers", reason="DETRs need transformers")
    detector = make()
    for use in (lambda: dx.nms.candidates(detector, IMAGE), lambda: dx.nms.NmsDetector(detector, "nms")):
        with pytest.raises(TypeError, match=f"has no predictions before suppression.*{words}"):
            use()


def test_an_end_to_end_yolo_says_that_it_suppresses_nothing() -> None:
    ultralytics = pytest.importorskip("ultralytics", reason="ultralytics is not installed")
    detector = dx.wrap(ultralytics.YOLO("yolov10n.yaml"), family="ultralytics", input_size=64, end_to_end=True)
    with pytest.raises(ValueError, match="end to end"):
        dx.nms.candidates(detector, IMAGE)
    many = dx.wrap(ultralytics.YOLO("yolov10n.yaml"), family="ultralytics", input_size=64, end_to_end=False)
    found = dx.nms.candidates(many, IMAGE, 0.0)
    same(
        dx.nms.NmsDetector(many, dx.nms.GreedyNms(many.nms_threshold)).detect([IMAGE], 0.0)[0],
        dx.nms.remove_duplicates(found, dx.nms.GreedyNms(many.nms_threshold))[: many.max_detections],
    )


def test_maps_of_other_predictions_are_refused() -> None:
    rows = before("tiny-retinanet")
    maps = dx.nms.map_vectors(opened("tiny-retinanet"), IMAGE, rows[:6])
    for others, words in [
        (rows[:5], "the maps are of 6 predictions, and there are 5"),
        (rows[[0, 1, 3, 2, 4, 5]], "2 of 6 differ; map 2 is of"),
        (before("tiny-ssd")[:6], "maps of other predictions"),
        (replace(rows[:6], boxes=rows.boxes[:6] + 1), "6 of 6 differ"),
    ]:
        with pytest.raises(ValueError, match=words):
            dx.nms.remove_duplicates(others, "odam-nms", maps)
    assert len(dx.nms.remove_duplicates(rows[:6], "odam-nms", maps)) <= 6


def test_predictions_of_another_picture_or_detector_have_no_maps_here() -> None:
    detector, rows = opened("tiny-retinanet"), before("tiny-retinanet")
    with pytest.raises(ValueError, match="no predictions of this RetinaNetDetector in this image"):
        dx.nms.map_vectors(detector, 255 - IMAGE, rows)
    with pytest.raises(ValueError, match="belong to an image of 243x185"):
        dx.nms.map_vectors(detector, IMAGE[:90], rows)
    with pytest.raises(ValueError, match="origins"):
        dx.nms.map_vectors(opened("tiny-fcos"), IMAGE, rows)
    with pytest.raises(ValueError, match="expected an open pass of this RetinaNetDetector, got a RoiTrace"):
        detector.candidates(opened("tiny-faster-rcnn").trace(IMAGE))


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"rule": "nmss"}, ValueError, "unknown rule 'nmss'; known: nms, soft-nms, feature-nms, odam-nms"),
        ({"rule": dx.nms.OdamNms}, TypeError, "a rule is one of"),
        ({"rule": "feature-nms"}, ValueError, "hand in vectors="),
        ({"layer": "necks"}, ValueError, "unknown layer 'necks'"),
        ({"short_edge": 0}, ValueError, "short_edge is at least 1"),
        ({"short_edge": 5.5}, TypeError, "short_edge is a whole number"),
        ({"max_detections": 0}, ValueError, "max_detections is a whole number"),
    ],
)
def test_settings_of_the_detector_are_checked(settings: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        dx.nms.NmsDetector(opened("tiny-retinanet"), **settings)


def test_bad_arguments_are_refused_in_words() -> None:
    detector = dx.nms.NmsDetector(opened("tiny-retinanet"), "nms")
    with pytest.raises(ValueError, match=r"for 30 percent write 0\.3"):
        detector.detect([IMAGE], 30)
    with pytest.raises(ValueError, match="score_threshold"):
        dx.nms.candidates(opened("tiny-retinanet"), IMAGE, -1)
    with pytest.raises(ValueError, match="OdamNms compares heat maps"):
        dx.nms.remove_duplicates(before("tiny-retinanet"), "odam-nms")
    with pytest.raises(TypeError, match="take one, such as detections"):
        dx.nms.remove_duplicates(detector.detect([IMAGE]), "nms")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"expected maps \[N,h,w\]"):
        dx.nms.MapVectors(torch.ones(2, 3, 3), before("tiny-retinanet")[:3], "neck")


def test_maps_report_how_many_there_are_and_can_be_ended() -> None:
    detector, rows = opened("tiny-retinanet"), before("tiny-retinanet")
    said: list[tuple[int, int]] = []
    maps = dx.nms.map_vectors(detector, IMAGE, rows, progress=lambda done, total: said.append((done, total)))
    assert said[-1] == (len(rows), len(rows))
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    assert torch.equal(maps.values, dx.nms.map_vectors(detector, IMAGE, rows).values)

    def end(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        dx.nms.map_vectors(detector, IMAGE, rows, progress=end)
    assert torch.equal(maps.values, dx.nms.map_vectors(detector, IMAGE, rows).values)
