"""Methods that make all maps themselves: from a trace, and from a detector's answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.detectors.yolox.detector import YoloxDetector
from detxai_nb.detectors.yolox.network import SIZES, Yolox
from detxai_nb.methods import METHODS, MethodResult, perturbation_method, trace_method

HEIGHT, WIDTH = 70, 110
IMAGE = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
BOXES = [[10, 10, 40, 30], [50, 20, 90, 60]]


@pytest.fixture(scope="module")
def detector() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Yolox(3, SIZES["yolox-nano"])
    return YoloxDetector(network, ("a", "b", "c"), input_size=(64, 96))


@pytest.fixture
def own() -> Iterator[None]:
    """Two registered methods, "own-trace" and "own-answers", for the time of a test."""

    @trace_method("own-trace", title="Own", source="here", needs=("numbers",))
    def from_trace(trace: Any, detections: Any, progress: Any, *, power: int = 1) -> MethodResult:
        level = trace.levels[0]
        for row in range(len(detections)):
            progress(row + 1, len(detections))
        grids = [level.features.sum(0) ** power * row for row in range(len(detections))]
        strides = [level.stride] * len(grids)
        return MethodResult(grids, strides, diagnostics={"power": [power] * len(grids)}, layer=trace.layer)

    @perturbation_method("own-answers", title="Own", source="here", choices={"steps": (4, 8)})
    def from_answers(detector: Any, image: Any, detections: Any, progress: Any, *, steps: int = 4) -> MethodResult:
        for step in range(steps):
            detector.detect([image // (step + 1)], 0.0)
            progress(step + 1, steps)
        maps = torch.zeros(len(detections), *image.shape[:2])
        maps[:, 3, 5] = 1
        return MethodResult(maps, diagnostics={"steps": [steps] * len(maps)}, settings={"stopped": "budget"}, seed=7)

    yield
    del METHODS["own-trace"], METHODS["own-answers"]


def black_box() -> Any:
    return dx.wrap_predict(lambda image: (BOXES, [0.9, 0.8], [0, 1]), ("a", "b"))


@pytest.mark.usefixtures("own")
def test_answers_are_enough_for_a_perturbation_method() -> None:
    closed = black_box()
    found = closed.detect([IMAGE])[0]
    maps = dx.explain(closed, IMAGE, found, method="own-answers", steps=8)
    assert maps.values.shape == (2, HEIGHT, WIDTH)
    assert torch.equal(maps.values.flatten(1).argmax(1), torch.tensor([3 * WIDTH + 5] * 2))
    assert maps.settings == {"steps": 8, "stopped": "budget"}
    assert (maps.seed, maps.layer, maps.diagnostics) == (7, None, {"steps": (8.0, 8.0)})


@pytest.mark.usefixtures("own")
def test_a_trace_method_lies_on_the_grid_that_it_names(detector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = detector.detect([IMAGE], 0.0)[0][:3]
    with pytest.raises(TypeError, match=r"'own-trace' needs a detector whose trace gives numbers, which YoloxDetector"):
        dx.explain(detector, IMAGE, found, method="own-trace")
    monkeypatch.setattr(YoloxDetector, "offers", ("numbers",), raising=False)
    maps = dx.explain(detector, IMAGE, found, method="own-trace", layer="backbone.dark4", power=2)
    level = detector.trace(IMAGE, "backbone.dark4").levels[0]
    assert torch.equal(maps.grids[2], level.features.sum(0) ** 2 * 2)
    assert (maps.layer, maps.strides[0], maps.diagnostics["power"]) == ("backbone.dark4", level.stride, (2.0, 2.0, 2.0))


@pytest.mark.usefixtures("own")
def test_kinds_are_compared_and_counted_together(detector: Any) -> None:
    found = detector.detect([IMAGE], 0.0)[0][:3]
    seen: list[tuple[int, int]] = []
    maps = dx.compare(
        detector, IMAGE, found, methods=["own-answers", "odam"], progress=lambda done, total: seen.append((done, total))
    )
    assert list(maps) == ["own-answers", "odam"]
    assert maps["odam"].layer == "neck"
    assert {total for _, total in seen} == {6}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (6, 6)


@pytest.mark.usefixtures("own")
def test_what_a_method_cannot_explain_is_said() -> None:
    closed = black_box()
    found = closed.detect([IMAGE])[0]
    for wrong, message in (
        ({"target": "x1"}, "has no maps of the target 'x1'; it has: class"),
        ({"target": dx.Target(score="logit")}, "has no maps of the score 'logit'; it has: prob"),
        ({"target": dx.Target(label=1)}, "explains each detection's own class; leave out the label"),
        ({"layer": "neck"}, "layer is 'neck', and perturbation methods look at no layer"),
        ({"steps": 5}, "steps of 'own-answers' is one of 4, 8; got 5"),
    ):
        with pytest.raises(ValueError, match=message):
            dx.explain(closed, IMAGE, found, method="own-answers", **wrong)
    with pytest.raises(TypeError, match="odam: these methods look inside the detector, and PredictDetector has no"):
        dx.compare(closed, IMAGE, found, methods=["own-answers", "odam"])
