"""Ultralytics' YOLOs: the same detections as its own predictor, and what is refused."""

from __future__ import annotations

import copy
import sys
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from families.ultralytics import INPUT, everything, network, scalar
from torch import nn

import detxai_nb as dx
from detxai_nb.detectors.ultralytics.detector import UltralyticsDetector, centred_letterbox
from detxai_nb.testing import NAMES, photograph, slow_gradients, spread
from detxai_nb.types import SIDES, Target

# Not imported here, since that takes seconds, and each of several test processes reads this file.
pytestmark = pytest.mark.skipif(find_spec("ultralytics") is None, reason="ultralytics is not installed")
IMAGE = photograph(150, INPUT)
"""The letterbox of this one pads and does not scale."""


@pytest.fixture(scope="module")
def yolov8() -> Any:
    return network("yolov8n")


@pytest.fixture(scope="module")
def yolov10() -> Any:
    return network("yolov10n")


def yolo_of(model: nn.Module, name: str = "yolov8n") -> Any:
    import ultralytics

    opens = {"rtdetr": "RTDETR", "world": "YOLOWorld", "worldv2": "YOLOWorld"}.get(name.rpartition("-")[2], "YOLO")
    yolo = getattr(ultralytics, opens)(f"{name}.yaml")
    yolo.model = copy.deepcopy(model)
    return yolo


def result_of(yolo: Any, image: np.ndarray, threshold: float, size: Any = INPUT, nms: bool | None = None) -> Any:
    """What Ultralytics' own predictor finds, which takes BGR."""
    settings = {"imgsz": size, "conf": threshold, "iou": 0.7, "max_det": 300, "nms": nms, "verbose": False}
    return yolo.predict(image[..., ::-1], **settings)[0]


def predicted(yolo: Any, image: np.ndarray, threshold: float) -> Any:
    return result_of(yolo, image, threshold).boxes


def threshold_for(detector: Any, image: np.ndarray) -> float:
    """Between two scores in the midst of everything there is."""
    scores = everything(detector, image).scores
    return float(scores[len(scores) // 3 : len(scores) // 3 + 2].mean())


def assert_same(found: dx.Detections, boxes: Any, tolerance: float) -> None:
    assert len(found) == len(boxes.conf) > 10
    assert torch.allclose(found.scores, boxes.conf, atol=tolerance)
    assert torch.allclose(found.boxes, boxes.xyxy, atol=100 * tolerance)
    assert torch.equal(found.labels, boxes.cls.long())


def test_detections_are_those_of_the_predictor(yolov8: Any) -> None:
    yolo = yolo_of(yolov8)
    detector = dx.wrap(yolo, family="ultralytics", input_size=INPUT)
    threshold = threshold_for(detector, IMAGE)
    found = detector.detect([IMAGE], threshold)[0]
    assert_same(found, predicted(yolo, IMAGE, threshold), 1e-4)


HEADS = ["yolo12n", "yolo26n", "yolo11n-pose", "yolo26n-pose", "yolov8n-world", "yolov8n-worldv2", "yolov8n-rtdetr"]


@pytest.mark.parametrize("name", HEADS)
def test_every_head_finds_what_the_predictor_finds(name: str) -> None:
    yolo, end_to_end = yolo_of(network(name), name), name.startswith("yolo26")
    detector = dx.wrap(yolo, family="ultralytics", input_size=INPUT, **({"end_to_end": True} if end_to_end else {}))
    scores = detector.detect([IMAGE], 0.0)[0].scores
    threshold = float(scores[len(scores) // 3 : len(scores) // 3 + 2].mean())
    found = detector.detect([IMAGE], threshold)[0]
    boxes = result_of(yolo, IMAGE, threshold, nms=False if end_to_end else None).boxes
    height, width = IMAGE.shape[:2]
    # The predictor of RT-DETR leaves boxes as they are.
    inside = boxes.xyxy.clamp(min=0).minimum(torch.tensor([width, height, width, height]))
    assert_same(found, SimpleNamespace(xyxy=inside, conf=boxes.conf, cls=boxes.cls), 1e-4)


def test_masks_take_boxes_away_only_where_they_are_empty() -> None:
    yolo = yolo_of(network("yolo11n-seg"), "yolo11n-seg")
    detector = dx.wrap(yolo, family="ultralytics", input_size=INPUT)
    threshold = threshold_for(detector, IMAGE)
    found = detector.detect([IMAGE], threshold)[0]
    batch, placement = detector._prepare(IMAGE)
    from ultralytics.utils.nms import non_max_suppression

    with torch.no_grad():
        expected = non_max_suppression(yolo.model(batch)[0][0], threshold, 0.7, max_det=300, nc=len(NAMES))[0]
    assert len(found) == len(expected) > 10
    assert torch.allclose(found.scores, expected[:, 4], atol=1e-5)
    assert torch.allclose(found.boxes, placement.boxes_to_image(expected[:, :4], clip=True), atol=1e-3)
    boxes = result_of(yolo, IMAGE, threshold).boxes
    gaps = (boxes.xyxy[:, None] - found.boxes[None]).abs().amax(dim=2).amin(dim=1)
    assert 0 < len(boxes) <= len(found)
    assert float(gaps.max()) < 1e-2


@pytest.mark.parametrize("name", ["yolo11n-obb", "yolo26n-obb"])
def test_turned_boxes_are_those_of_the_predictor(name: str) -> None:
    yolo, end_to_end = yolo_of(network(name), name), name.startswith("yolo26")
    detector = dx.wrap(yolo, family="ultralytics", input_size=INPUT, end_to_end=end_to_end)
    scores = everything(detector, IMAGE).scores
    threshold = float(scores[len(scores) // 5 : len(scores) // 5 + 2].mean())
    found = detector.detect([IMAGE], threshold)[0]
    turned = result_of(yolo, IMAGE, threshold, nms=False if end_to_end else None).obb
    assert len(found) == len(turned) > 10
    assert torch.allclose(found.scores, turned.conf, atol=1e-4)
    assert torch.equal(found.labels, turned.cls.long())
    # Their corners begin at the lower right one before the box is turned, and go the other way round.
    assert torch.allclose(found.polygons, turned.xyxyxyxy[:, [2, 1, 0, 3]], atol=1e-2)
    height, width = IMAGE.shape[:2]
    hull = turned.xyxy.clamp(min=0).minimum(torch.tensor([width, height, width, height]))
    assert torch.allclose(found.boxes, hull, atol=1e-2)
    assert len(everything(detector, IMAGE)) > len(detector.detect([IMAGE], 0.0)[0]) or end_to_end


def outward(detector: Any, trace: Any, maps: list[torch.Tensor], one: dx.Detections, side: str) -> float:
    """How far outside of the cell's centre a side of the polygon lies, in strides, that these maps give."""
    with torch.no_grad():
        found = detector._decode(maps, trace.placement, 0.0)
    row = (found.origins == one.origins).all(dim=1).nonzero()[0, 0]
    stride = trace.levels[int(one.origins[0, 0])].stride[0]
    corners = trace.placement.boxes_to_input(found.polygons[row].reshape(-1, 4)).reshape(4, 2) / stride
    first = ["y1", "x2", "y2", "x1"].index(side)
    start, end = corners[first], corners[(first + 1) % 4]
    along = (end - start) / (end - start).norm()
    x, y = one.origins[0, [2, 1]] + 0.5 - start
    return float(along[0] * y - along[1] * x)


@pytest.mark.parametrize("name", ["yolo11n-obb", "yolo26n-obb"])
@pytest.mark.parametrize("side", SIDES)
def test_the_sides_of_turned_boxes_move_as_their_gradients_say(
    name: str, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the polygon of changed activations has its sides, although the angle changes too."""
    detector = UltralyticsDetector(network(name).double(), NAMES, input_size=INPUT)
    trace = detector.trace(IMAGE)
    every = everything(detector, IMAGE)
    sides = {part: trace.scalars(every, Target(part)) for part in SIDES}
    whole = (sides["x1"] + sides["x2"] > 0) & (sides["y1"] + sides["y2"] > 0)
    chosen = spread(every[whole], trace, per_level=2)
    monkeypatch.setattr(detector, "nms_threshold", 1.0)
    monkeypatch.setattr(detector, "max_detections", 10**6)
    random, count = torch.Generator().manual_seed(0), 0
    for level, rows, gradients in trace.gradients(chosen, Target(side)):
        for row, gradient in zip(rows.tolist(), gradients):
            one, maps, count = chosen[row], list(trace.pyramid), count + 1
            step = 1e-6 * torch.randn(gradient.shape, generator=random, dtype=torch.float64)
            moved = [[x + sign * step if i == level else x for i, x in enumerate(maps)] for sign in (1, -1)]
            more, less = (outward(detector, trace, changed, one, side) for changed in moved)
            assert outward(detector, trace, maps, one, side) == pytest.approx(float(trace.scalars(one, Target(side))))
            assert (more - less) / 2 == pytest.approx(float((gradient * step).sum()), rel=1e-4)
    assert count == len(chosen) >= 4


def test_classification_gives_the_predictors_probabilities() -> None:
    yolo = yolo_of(network("yolo11n-cls"), "yolo11n-cls")
    detector = dx.wrap(yolo, family="ultralytics", input_size=96)
    assert (detector.family, detector.targets) == ("classifier", ("class",))
    for image in (IMAGE, photograph(96, 96)):
        found = detector.detect([image], 0.0)[0]
        expected = result_of(yolo, image, 0.0, 96).probs.data
        assert torch.allclose(found.scores, expected[found.labels], atol=0.02 if image is IMAGE else 1e-4)


def test_scaled_images_are_ultralytics_own(yolov8: Any) -> None:
    from ultralytics.data.augment import LetterBox

    detector = UltralyticsDetector(yolov8, input_size=INPUT)
    for height, width in [(150, 213), (301, 97), (40, 31)]:
        image = photograph(height, width)
        batch, _ = detector._prepare(image)
        expected = LetterBox((INPUT, INPUT), auto=True, stride=32)(image=image)
        assert batch.shape[2:] == expected.shape[:2]
        assert np.abs(batch[0].permute(1, 2, 0).numpy() * 255 - expected).max() <= 1e-4


@pytest.mark.parametrize("multiple", [None, 32, 64])
def test_the_letterbox_lies_where_ultralytics_puts_it(multiple: int | None) -> None:
    from ultralytics.data.augment import LetterBox

    for height, width in [(480, 640), (427, 640), (333, 500), (3000, 17), (101, 103), (320, 321)]:
        box = LetterBox((256, 320), auto=multiple is not None, stride=multiple or 32)
        expected = box.get_params({"img": np.zeros((height, width, 3), np.uint8)})
        placed = centred_letterbox((height, width), (256, 320), multiple)
        assert placed.resized == expected["new_unpad"][::-1]
        assert placed.offset == (expected["top"], expected["left"])
        bottom, right = (placed.input_size[i] - placed.resized[i] - placed.offset[i] for i in (0, 1))
        assert (bottom, right) == (expected["bottom"], expected["right"])


@pytest.mark.parametrize("end_to_end", [True, False])
def test_both_branches_of_yolov10(yolov10: Any, end_to_end: bool) -> None:
    from ultralytics.utils.nms import non_max_suppression

    model = copy.deepcopy(yolov10)
    model.end2end = end_to_end
    detector = UltralyticsDetector(model, NAMES, input_size=INPUT)
    threshold = threshold_for(detector, IMAGE)
    found = detector.detect([IMAGE], threshold)[0]
    batch, placement = detector._prepare(IMAGE)
    with torch.no_grad():
        expected = non_max_suppression(model(batch), threshold, 0.7, max_det=300, end2end=end_to_end)[0]
    assert len(found) == len(expected) > 10
    assert torch.allclose(found.scores, expected[:, 4], atol=1e-5)
    assert torch.allclose(found.boxes, placement.boxes_to_image(expected[:, :4], clip=True), atol=1e-3)
    chosen = UltralyticsDetector(yolov10, NAMES, input_size=INPUT, end_to_end=end_to_end).detect([IMAGE], threshold)[0]
    assert torch.equal(chosen.boxes, found.boxes)


def test_a_model_that_the_predictor_has_used_is_explained_as_before(yolov8: Any) -> None:
    """Ultralytics' predictor leaves a fused model without gradients behind."""
    before = UltralyticsDetector(yolov8, NAMES, input_size=INPUT)
    found = before.detect([IMAGE], threshold_for(before, IMAGE))[0][:4]
    expected = dx.explain(before, IMAGE, found)
    yolo = yolo_of(yolov8)
    predicted(yolo, IMAGE, 0.5)
    for used in (yolo, yolo.predictor.model.model):
        after = UltralyticsDetector(used, NAMES, input_size=INPUT)
        maps = dx.explain(after, IMAGE, found)
        assert all(torch.allclose(a, b, atol=1e-4 * float(b.max())) for a, b in zip(maps.grids, expected.grids))


def test_weights_made_in_inference_mode_are_copied(yolov8: Any) -> None:
    with torch.inference_mode():
        model = copy.deepcopy(yolov8)
        for weight in model.parameters():
            weight.data = weight.data.clone()
        model.register_buffer("mark", torch.zeros(1))
        model.model[0].conv.weight = nn.Parameter(model.model[0].conv.weight.clone(), requires_grad=False)
    assert model.model[0].conv.weight.is_inference()
    detector = UltralyticsDetector(model, NAMES, input_size=INPUT)
    assert detector.module is not model
    found = detector.detect([IMAGE], 0.0)[0][:2]
    for layer in ("neck", "backbone"):
        assert len(dx.explain(detector, IMAGE, found, layer=layer).grids) == 2
    assert UltralyticsDetector(yolov8, NAMES, input_size=INPUT).module is yolov8


class Doubled(nn.Module):
    """No kind of convolution."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inside(x) + x.mean(dim=(2, 3), keepdim=True)[:, :1]


def test_a_head_of_other_modules_is_differentiated_as_exactly(yolov8: Any) -> None:
    model = copy.deepcopy(yolov8).double()
    model.model[-1].cv3[1][0] = Doubled(model.model[-1].cv3[1][0])
    detector = UltralyticsDetector(model, NAMES, input_size=INPUT)
    assert not [layer for layer in detector.layers if layer.startswith("head")]
    trace = detector.trace(IMAGE)
    chosen = spread(everything(detector, IMAGE), trace, per_level=1)
    for target in (Target(), Target("y2")):
        fast = {int(r): g for _, rows, gradients in trace.gradients(chosen, target) for r, g in zip(rows, gradients)}
        slow = slow_gradients(scalar, detector, trace, chosen, target)
        for row, (value, gradients) in enumerate(slow):
            level = int(chosen.origins[row, 0])
            assert trace.scalars(chosen, target)[row].item() == pytest.approx(value.item(), rel=1e-9)
            assert (fast[row] - gradients[level]).norm() <= 1e-9 * gradients[level].norm()


def test_padding_to_the_whole_square(yolov8: Any) -> None:
    detector = UltralyticsDetector(yolov8, NAMES, input_size=(128, 192), rectangular=False)
    assert detector.trace(photograph(60, 160)).placement.input_size == (128, 192)
    assert UltralyticsDetector(yolov8, input_size=(128, 192)).trace(photograph(60, 160)).placement.input_size == (
        96,
        192,
    )


def test_names_are_the_models_own(yolov8: Any) -> None:
    assert UltralyticsDetector(yolov8).names == tuple(yolov8.names[i] for i in range(len(NAMES)))
    with pytest.raises(ValueError, match="has 7 class outputs, but 2 names"):
        UltralyticsDetector(yolov8, ["a", "b"])


def test_unfit_settings_are_refused(yolov8: Any) -> None:
    with pytest.raises(ValueError, match=r"a multiple of 32, this YOLO's coarsest stride .* got \(96, 100\)"):
        UltralyticsDetector(yolov8, input_size=(96, 100))
    with pytest.raises(ValueError, match="this YOLO has none"):
        UltralyticsDetector(yolov8, end_to_end=True)


def test_a_fused_end_to_end_model_has_no_other_branches(yolov10: Any) -> None:
    model = copy.deepcopy(yolov10)
    model.end2end = True
    model.fuse(verbose=False)
    with pytest.raises(ValueError, match="which fusing removed"):
        UltralyticsDetector(model, end_to_end=False)


def test_other_models_are_refused() -> None:
    from ultralytics.nn.tasks import DetectionModel, YOLOEModel

    with pytest.raises(TypeError, match=r"expects an ultralytics.YOLO with PyTorch weights .* got Linear"):
        dx.wrap(nn.Linear(1, 1), family="ultralytics")
    with pytest.raises(TypeError, match="got SimpleModel with a str inside"):
        UltralyticsDetector(type("SimpleModel", (), {"model": "yolo11n.onnx"})())
    with pytest.raises(TypeError, match=r"expects a YOLO with the head Detect, .*, got one with YOLOEDetect"):
        UltralyticsDetector(YOLOEModel("yoloe-11n.yaml", verbose=False))
    with pytest.raises(ValueError, match="takes RGB images, got one of 4 channels"):
        UltralyticsDetector(DetectionModel("yolov8n.yaml", ch=4, verbose=False))


def test_a_missing_extra_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    with pytest.raises(ImportError, match=r'pip install "detxai-nb\[ultralytics\]"'):
        UltralyticsDetector(nn.Linear(1, 1))


def test_a_changed_picture_leaves_open_where_a_turned_box_goes() -> None:
    """Its sides say nothing of its upright box, and the angle is no target."""
    detector = UltralyticsDetector(network("yolo11n-obb"), NAMES, input_size=INPUT)
    found = detector.detect([IMAGE], threshold_for(detector, IMAGE))[0][:2]
    region = dx.interventions.Region.box(IMAGE, found.boxes[0])
    one = dx.interventions.intervene(detector, IMAGE, found, region, fill="mean")
    assert torch.isnan(one.after.boxes).all()
    assert not torch.isnan(one.after.scores).any()
