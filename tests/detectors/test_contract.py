"""What every detector has to keep, over every adapter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from kinds import KINDS, build
from models import Kind, forget, photograph, spread
from reference import slow_gradients
from torch import Tensor

import detxai_nb as dx
from detxai_nb.methods import METHODS, Context
from detxai_nb.types import SIDES, Level, OpenDetector, Target

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
UNCERTAIN = ("grad-cam++", "ss-grad-cam", "ss-grad-cam++", "g-came")
"""Methods that can magnify the rounding of a gradient."""


# A hyphen ends the part of a test's name by which tests/handing_out.py keeps the tests of a kind together.
@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.replace("-", "_"))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def about(kind: str) -> Kind:
    return KINDS[kind]


@pytest.fixture(scope="module")
def detector(kind: str) -> Iterator[Any]:
    yield build(kind, torch.float64)
    forget()


@pytest.fixture(scope="module")
def single(kind: str) -> Any:
    """The same detector in float32."""
    return build(kind)


@pytest.fixture(scope="module")
def trace(detector: Any) -> Any:
    return detector.trace(IMAGE)


@pytest.fixture(scope="module")
def reported(detector: Any) -> dx.Detections:
    """All that the detector reports without a threshold."""
    return detector.detect([IMAGE], 0.0)[0]


@pytest.fixture(scope="module")
def chosen(about: Kind, detector: Any, trace: Any) -> dx.Detections:
    """A few detections of every level, those at the map's border first."""
    return (about.choose or spread)(about.everything(detector, IMAGE), trace)


def dense(trace: Any, detections: dx.Detections, target: Target) -> list[tuple[int, Tensor]]:
    """Each detection's level and its gradient there."""
    found: dict[int, tuple[int, Tensor]] = {}
    for level, rows, gradients in trace.gradients(detections, target):
        found.update(zip(rows.tolist(), ((level, gradient) for gradient in gradients)))
    return [found[row] for row in range(len(detections))]


def assert_equal(fast: tuple[int, Tensor], slow: list[Tensor]) -> None:
    """The gradient on its level equals the slow one, which is zero on all other levels or not asked for there."""
    level, gradient = fast
    assert gradient.shape == slow[level].shape
    assert (gradient - slow[level]).norm() <= 1e-9 * slow[level].norm()


def test_is_an_open_detector(detector: Any) -> None:
    assert isinstance(detector, OpenDetector)
    assert detector.trace(IMAGE).layer == detector.layers[0]


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: f"{t.part}-{t.score}-{t.label}")
def test_gradients_equal_the_slow_loop(
    about: Kind, detector: Any, trace: Any, chosen: dx.Detections, target: Target
) -> None:
    if target.part in SIDES and not about.sides:
        with pytest.raises(ValueError, match="box"):
            trace.scalars(chosen, target)
        return
    fast, scalars = dense(trace, chosen, target), trace.scalars(chosen, target)
    for row, (scalar, slow) in enumerate(slow_gradients(about.scalar, detector, trace, chosen, target)):
        assert scalars[row].item() == pytest.approx(scalar.item(), rel=1e-9, abs=1e-12)
        assert slow[fast[row][0]].norm() > 0
        assert_equal(fast[row], slow)


def test_maps_in_float32_equal_the_slow_loop(about: Kind, detector: Any, single: Any, chosen: dx.Detections) -> None:
    """The float64 loop on the same features against the float32 maps of explain, to 1e-4 of each maximum (DETRs 3e-4).

    Grad-CAM++'s weight has a pole where sum(A) * G = -2, SSGrad-CAM++'s one like it, and SSGrad-CAM takes the mean of a
    gradient whose values may cancel; so does G-CAME, whose masks are as wide as that mean's logarithm. There a map is
    as uncertain as G's own last digits make it: what it moves when the exact gradient changes by a hundred-thousandth,
    and when it is the float32 one.
    """
    opened = single.trace(IMAGE)
    levels = [Level(x.name, x.features.double(), x.stride) for x in opened.levels]
    trace = SimpleNamespace(levels=levels, layer=opened.layer, placement=opened.placement)
    methods = [name for name, method in METHODS.items() if method.kind == "gradient"]
    maps = dx.compare(single, IMAGE, chosen, methods=methods, layer=opened.layer)
    found = dense(opened, chosen, Target())
    for row, (_, slow) in enumerate(slow_gradients(about.scalar, detector, trace, chosen, Target())):
        level, single_gradient = found[row]
        activation, gradient = levels[level].features, slow[level]
        assert (single_gradient - gradient).norm() <= 1e-4 * gradient.norm()
        size = (activation.shape[1], activation.shape[2])
        context = Context(size, torch.zeros(1, 4), opened.placement.input_size, getattr(opened, "two_stage", False))
        others = [gradient * (1 - 1e-5), gradient * (1 + 1e-5), single_gradient.double()]
        for name in methods:
            function = METHODS[name].function
            expected = function(activation, gradient[None], context)[0]
            moved = sum(float((function(activation, g[None], context)[0] - expected).abs().max()) for g in others)
            uncertain = moved if name in UNCERTAIN else 0.0
            assert (maps[name].grids[row] - expected).abs().max() <= about.float32 * expected.abs().max() + uncertain, (
                name
            )


def test_trace_gives_the_reported_scores(trace: Any, reported: dx.Detections) -> None:
    assert torch.allclose(trace.scalars(reported, Target()), reported.scores, atol=1e-5)
    scores = reported.class_scores[torch.arange(len(reported)), reported.labels]
    if reported.objectness is not None:
        scores = scores * reported.objectness
    assert torch.allclose(scores, reported.scores)


def test_detections_are_sorted_inside_the_image_and_above_the_threshold(detector: Any, reported: dx.Detections) -> None:
    middle = float(reported.scores[len(reported) // 2])
    found = detector.detect([IMAGE], middle)[0]
    assert 0 < len(found) < len(reported)
    assert (found.scores >= middle).all()
    assert (found.scores.diff() <= 0).all()
    assert found.boxes.min() >= 0
    assert (found.boxes[:, 2:].amax(0) <= torch.tensor([213, 150])).all()
    assert found.highest_score == pytest.approx(float(reported.scores[0]))
    nothing = detector.detect([IMAGE], 1.0)[0]
    assert len(nothing) == 0
    assert nothing.highest_score == pytest.approx(found.highest_score)


def test_a_batch_equals_single_images(detector: Any) -> None:
    images = [IMAGE, photograph(110, 90, seed=3), photograph(seed=4)]
    for together, alone in zip(detector.detect(images, 0.1), (detector.detect([i], 0.1)[0] for i in images)):
        assert len(together) == len(alone) > 0
        assert torch.allclose(together.boxes, alone.boxes, atol=1e-5)
        assert torch.equal(together.origins, alone.origins)


def test_other_layers_equal_the_whole_backward_pass(about: Kind, detector: Any, chosen: dx.Detections) -> None:
    """Against one graph from the layer to the scalar, for the class score and for a side."""
    if about.layer_scalar is None:
        assert len(detector.layers) == 1
        return
    found = chosen[::3]
    for layer in detector.layers[1:]:
        trace = detector.trace(IMAGE, layer)
        assert trace.layer == layer
        for target in [Target(), Target("x2")] if about.sides else [Target()]:
            fast, scalars = dense(trace, found, target), trace.scalars(found, target)
            for row, (scalar, slow) in enumerate(slow_gradients(about.layer_scalar, detector, trace, found, target)):
                assert scalars[row].item() == pytest.approx(scalar.item(), rel=1e-9, abs=1e-12)
                assert_equal(fast[row], slow)


def test_unknown_layer_lists_the_known(detector: Any) -> None:
    with pytest.raises(ValueError, match=f"unknown layer 'no'; this detector's layers: {detector.layers[0]}"):
        detector.trace(IMAGE, "no")


def test_detections_of_another_image_are_refused(detector: Any, reported: dx.Detections) -> None:
    own = reported[:1]
    far = dx.Detections(
        own.boxes,
        own.scores,
        own.labels,
        detector.names,
        origins=torch.full_like(own.origins, 10**6),
        origin_fields=own.origin_fields,
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
def test_the_module_is_left_as_it_was(about: Kind, single: Any, failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = single.detect([IMAGE], 0.0)[0][:3]
    single.module.train()
    next(iter(single.module.modules())).training = True
    before = state(single.module)
    try:
        for layer in single.layers:
            if failure == "none":
                target = "combined" if about.sides else "class"
                dx.explain(single, IMAGE, found, target=target, layer=layer)
            elif failure == "head":
                # Past the default layer some gradients are known without a backward pass.
                fails = pytest.raises if layer == single.layers[0] else suppress
                with monkeypatch.context() as patch, fails(RuntimeError):
                    patch.setattr(torch.autograd, "grad", _fail)
                    dx.explain(single, IMAGE, found, layer=layer)
            else:
                with pytest.raises(dx.Cancelled):
                    dx.explain(single, IMAGE, found, layer=layer, progress=_cancel)
        after = state(single.module)
        assert all(torch.equal(after["weights"][k], v) for k, v in before.pop("weights").items())
        assert {k: after[k] for k in before} == before
    finally:
        single.module.eval()


def _fail(*_: Any, **__: Any) -> None:
    raise RuntimeError("out of memory")


def _cancel(done: int, total: int) -> None:
    raise dx.Cancelled


def test_works_inside_inference_mode(detector: Any, reported: dx.Detections) -> None:
    with torch.inference_mode():
        found = detector.detect([IMAGE], 0.0)[0][:2]
        inside = dx.explain(detector, IMAGE, found)
    outside = dx.explain(detector, IMAGE, reported[:2])
    assert all(torch.allclose(a, b) for a, b in zip(inside.grids, outside.grids))
