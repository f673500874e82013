"""What every detector has to keep, over every adapter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from models import KINDS, build, photograph
from reference import slow_gradients
from torch import Tensor

import detxai_nb as dx
from detxai_nb.methods import find_method
from detxai_nb.types import Level, OpenDetector, Target

TARGETS = [
    Target(),
    Target(score="logit"),
    Target("x1"),
    Target("y1"),
    Target("x2"),
    Target("y2"),
    Target(score="logit", label=2),
]
IMAGE = photograph()


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def detector(kind: str) -> Any:
    return build(kind, torch.float64)


@pytest.fixture(scope="module")
def trace(detector: Any) -> Any:
    return detector.trace(IMAGE)


@pytest.fixture(scope="module")
def chosen(detector: Any, trace: Any) -> dx.Detections:
    """Three detections of every level, those at the map's border first."""
    found = spread(everything(detector), trace, per_level=3)
    assert (border_distance(found, trace) == 0).any()
    return found


def spread(detections: dx.Detections, trace: Any, per_level: int) -> dx.Detections:
    """Detections of every level, those in corners and at borders first."""
    rows, level = [], detections.origins[:, 0]
    gap = border_distance(detections, trace)
    for number in level.unique():
        mine = (level == number).nonzero()[:, 0]
        rows += mine[gap[mine].argsort(stable=True)][:per_level].tolist()
    return detections[rows]


def border_distance(detections: dx.Detections, trace: Any) -> Tensor:
    """Cells between each prediction and its map's border."""
    sizes = torch.tensor([level.features.shape[1:] for level in trace.levels])
    level, at = detections.origins[:, 0], detections.origins[:, 1:]
    return torch.minimum(at, sizes[level] - 1 - at).amin(dim=1)


def everything(detector: Any) -> dx.Detections:
    """Every location's best class as a detection, by switching suppression off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detector, "nms_threshold", 1.0)
        patch.setattr(detector, "max_detections", 10**6)
        patch.setattr(detector.module, "topk_candidates", 10**6, raising=False)
        return detector.detect([IMAGE], 0.0)[0]


def dense(trace: Any, detections: dx.Detections, target: Target) -> list[Tensor]:
    found: dict[int, Tensor] = {}
    for _, rows, gradients in trace.gradients(detections, target):
        found.update(zip(rows.tolist(), gradients))
    return [found[row] for row in range(len(detections))]


def test_is_an_open_detector(detector: Any) -> None:
    assert isinstance(detector, OpenDetector)
    assert detector.layers[0] == "neck"


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: f"{t.part}-{t.score}-{t.label}")
def test_gradients_equal_the_slow_loop(detector: Any, trace: Any, chosen: dx.Detections, target: Target) -> None:
    fast, scalars = dense(trace, chosen, target), trace.scalars(chosen, target)
    asked = chosen
    if target.label is not None:
        asked = dx.Detections(
            chosen.boxes,
            chosen.scores,
            torch.full_like(chosen.labels, target.label),
            chosen.names,
            origins=chosen.origins,
        )
    for row, (scalar, slow) in enumerate(slow_gradients(detector, trace, asked, target)):
        assert scalars[row].item() == pytest.approx(scalar.item(), rel=1e-9, abs=1e-12)
        assert (fast[row] - slow).norm() <= 1e-9 * slow.norm()


@pytest.mark.parametrize("method", ["odam", "grad-cam", "grad-cam++"])
def test_maps_in_float32_equal_the_slow_loop(kind: str, detector: Any, chosen: dx.Detections, method: str) -> None:
    """The float64 loop on the same features against the float32 maps of explain, to 1e-4 of each map's maximum.

    Grad-CAM++'s weight has a pole where sum(A) * G = -2. Beside it the map is as uncertain as G's own last digits
    make it: what it moves when the exact gradient changes by a hundred-thousandth.
    """
    single = build(kind)
    levels = [Level(x.name, x.features.double(), x.stride) for x in single.trace(IMAGE).levels]
    trace = SimpleNamespace(levels=levels)
    maps = dx.explain(single, IMAGE, chosen, method=method)
    function = find_method(method).function
    for row, (_, slow) in enumerate(slow_gradients(detector, trace, chosen, Target())):
        activation = trace.levels[int(chosen.origins[row, 0])].features
        expected = function(activation, slow[None], None)[0]
        shaken = [function(activation, slow[None] * (1 + change), None)[0] for change in (-1e-5, 1e-5)]
        near_pole = max(float((one - expected).abs().max()) for one in shaken)
        uncertain = near_pole if method == "grad-cam++" else 0.0
        assert (maps.grids[row] - expected).abs().max() <= 1e-4 * expected.abs().max() + uncertain


def test_trace_gives_the_reported_scores(detector: Any) -> None:
    found = detector.detect([IMAGE], 0.0)[0]
    assert torch.allclose(detector.trace(IMAGE).scalars(found, Target()), found.scores, atol=1e-5)
    rows = torch.arange(len(found))
    reported = found.class_scores[rows, found.labels]
    if found.objectness is not None:
        reported = reported * found.objectness
    assert torch.allclose(reported, found.scores)


def test_detections_are_sorted_inside_the_image_and_above_the_threshold(detector: Any) -> None:
    every = detector.detect([IMAGE], 0.0)[0]
    middle = float(every.scores[len(every) // 2])
    found = detector.detect([IMAGE], middle)[0]
    assert 0 < len(found) < len(every)
    assert (found.scores >= middle).all()
    assert (found.scores.diff() <= 0).all()
    assert found.boxes.min() >= 0
    assert (found.boxes[:, 2:].amax(0) <= torch.tensor([213, 150])).all()
    assert found.highest_score == pytest.approx(float(every.scores[0]))
    nothing = detector.detect([IMAGE], 1.0)[0]
    assert len(nothing) == 0
    assert nothing.highest_score == pytest.approx(found.highest_score)


def test_a_batch_equals_single_images(detector: Any) -> None:
    images = [IMAGE, photograph(110, 90, seed=3), photograph(seed=4)]
    for together, alone in zip(detector.detect(images, 0.1), (detector.detect([i], 0.1)[0] for i in images)):
        assert len(together) == len(alone) > 0
        assert torch.allclose(together.boxes, alone.boxes, atol=1e-5)
        assert torch.equal(together.origins, alone.origins)


def test_backbone_layers_equal_the_whole_backward_pass(detector: Any, chosen: dx.Detections) -> None:
    """Against one graph from the stage through neck and head."""
    found = chosen[::3]
    for layer in detector.layers[1:]:
        trace = detector.trace(IMAGE, layer)
        for level, rows, gradients in trace.gradients(found, Target()):
            for row, gradient in zip(rows.tolist(), gradients):
                assert gradient.shape == trace.levels[level].features.shape
                slow = through_neck(detector, trace, found[row], trace.levels[level].name)
                assert (gradient - slow).norm() <= 1e-9 * slow.norm()


def through_neck(detector: Any, trace: Any, one: dx.Detections, name: str) -> Tensor:
    stages = {
        k: v.detach().clone().requires_grad_() for k, v in detector.trace(IMAGE, "backbone")._stages.leaves.items()
    }
    neck = detector._neck if detector.family == "fcos" else detector.module.backbone.neck
    with torch.enable_grad():
        pyramid = neck(stages)
        level, row, column = one.origins[0].tolist()
        if detector.family == "fcos":
            outputs = detector.module.head([pyramid[level]])
            cell = row * pyramid[level].shape[3] + column
            product = (
                outputs["cls_logits"][0, cell, one.labels[0]].sigmoid() * outputs["bbox_ctrness"][0, cell, 0].sigmoid()
            )
            scalar = product.sqrt()
        else:
            values = detector.module.head(pyramid)[level][0, :, row, column]
            scalar = values[4].sigmoid() * values[5 + int(one.labels[0])].sigmoid()
    leaf = stages[name.removeprefix("backbone.")]
    # A coarse FPN level does not see the finer stages: there the gradient is zero.
    (gradient,) = torch.autograd.grad(scalar, leaf, allow_unused=True)
    return torch.zeros_like(leaf)[0] if gradient is None else gradient[0]


def test_unknown_layer_lists_the_known(detector: Any) -> None:
    with pytest.raises(ValueError, match="unknown layer 'fpn'; this detector's layers: neck, backbone"):
        detector.trace(IMAGE, "fpn")


def test_detections_of_another_image_are_refused(detector: Any) -> None:
    far = dx.Detections(
        torch.tensor([[0.0, 0, 9, 9]]),
        torch.tensor([0.5]),
        torch.tensor([0]),
        detector.names,
        origins=torch.tensor([[0, 500, 0]]),
        origin_fields=("level", "row", "column"),
    )
    with pytest.raises(ValueError, match="another detector or image size"):
        dx.explain(detector, IMAGE, far)
    plain = dx.Detections(far.boxes, far.scores, far.labels, far.names)
    with pytest.raises(ValueError, match="do not say where in the model"):
        dx.explain(detector, IMAGE, plain)


def state(module: torch.nn.Module) -> dict[str, Any]:
    return {
        "weights": {k: v.clone() for k, v in module.state_dict().items()},
        "training": [part.training for part in module.modules()],
        "grads": [(p.requires_grad, p.grad is None) for p in module.parameters()],
        "hooks": [len(p._forward_hooks) + len(p._forward_pre_hooks) + len(p._backward_hooks) for p in module.modules()],
    }


@pytest.mark.parametrize("failure", ["none", "head", "progress"])
def test_the_module_is_left_as_it_was(detector: Any, failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = detector.detect([IMAGE], 0.0)[0][:3]
    detector.module.train()
    next(iter(detector.module.modules())).training = True
    before = state(detector.module)
    try:
        if failure == "none":
            dx.explain(detector, IMAGE, found, target="combined")
        elif failure == "head":
            with monkeypatch.context() as patch:
                patch.setattr(torch.autograd, "grad", _fail)
                with pytest.raises(RuntimeError, match="out of memory"):
                    dx.explain(detector, IMAGE, found)
        else:
            with pytest.raises(dx.Cancelled):
                dx.explain(detector, IMAGE, found, progress=_cancel)
        after = state(detector.module)
        assert all(torch.equal(after["weights"][k], v) for k, v in before.pop("weights").items())
        assert {k: after[k] for k in before} == before
    finally:
        detector.module.eval()


def _fail(*_: Any, **__: Any) -> None:
    raise RuntimeError("out of memory")


def _cancel(done: int, total: int) -> None:
    raise dx.Cancelled


def test_works_inside_inference_mode(detector: Any) -> None:
    with torch.inference_mode():
        found = detector.detect([IMAGE], 0.0)[0][:2]
        inside = dx.explain(detector, IMAGE, found)
    outside = dx.explain(detector, IMAGE, detector.detect([IMAGE], 0.0)[0][:2])
    assert all(torch.allclose(a, b) for a, b in zip(inside.grids, outside.grids))
