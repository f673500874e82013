"""explain and compare, on a small detector with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.detectors.yolox.detector import YoloxDetector
from detxai_nb.detectors.yolox.network import SIZES, Yolox
from detxai_nb.heatmaps import UNDERFLOW
from detxai_nb.types import SIDES

HEIGHT, WIDTH = 70, 110


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def detector() -> Any:
    torch.manual_seed(0)
    network = Yolox(3, SIZES["yolox-nano"])
    return YoloxDetector(network, ("a", "b", "c"), input_size=(64, 96))


@pytest.fixture(scope="module")
def found(detector: Any, image: np.ndarray) -> dx.Detections:
    return detector.detect([image], 0.0)[0][::9]


def test_result_says_how_it_was_made(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    maps = dx.explain(detector, image, found, method="odam", target="x2", direction="absolute")
    assert (maps.method, maps.target.part, maps.layer) == ("odam", "x2", "neck")
    assert maps.settings == {"direction": "absolute", "smooth": None}
    assert maps.seed is None
    assert maps.seconds > 0
    assert maps.values.shape == (len(found), HEIGHT, WIDTH)
    assert np.array_equal(maps.image, image)


def test_layer_is_kept_and_signed_maps_are_marked(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    maps = dx.explain(detector, image, found, layer="backbone.dark4", direction="signed")
    assert maps.layer == "backbone.dark4"
    assert maps.signed
    assert {tuple(grid.shape) for grid in maps.grids} == {(4, 6)}


@pytest.mark.parametrize("direction", ["positive", "signed"])
def test_combined_is_the_maximum_of_the_parts(
    detector: Any, image: np.ndarray, found: dx.Detections, direction: str
) -> None:
    parts = [dx.explain(detector, image, found, target=t, direction=direction).grids for t in ("class", *SIDES)]
    joined = dx.explain(detector, image, found, target="combined", direction=direction)
    assert joined.settings["combine"] == "maximum"
    for row, grid in enumerate(joined.grids):
        stack = torch.stack([part[row] for part in parts])
        strongest = stack.gather(0, stack.abs().argmax(0, keepdim=True))[0] if direction == "signed" else stack.amax(0)
        assert torch.equal(grid, strongest)


def test_combined_of_normalised_parts(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    parts = [dx.explain(detector, image, found, target=t).grids[0] for t in ("class", *SIDES)]
    scaled = [(p - p.min()) / (p.max() - p.min()) if p.max() > p.min() else p * 0 for p in parts]
    joined = dx.explain(detector, image, found, target="combined", combine="normalized")
    assert torch.allclose(joined.grids[0], torch.stack(scaled).amax(0), atol=1e-6)
    with pytest.raises(ValueError, match="combine is one of maximum, normalized"):
        dx.explain(detector, image, found, target="combined", combine="sum")


def test_maps_do_not_depend_on_the_company(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    together = dx.explain(detector, image, found)
    for row in (0, len(found) - 1):
        alone = dx.explain(detector, image, found[row])
        assert torch.allclose(alone.grids[0], together.grids[row], atol=1e-7)


def test_compare_shares_one_trace(
    detector: Any, image: np.ndarray, found: dx.Detections, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    trace = type(detector).trace
    monkeypatch.setattr(type(detector), "trace", lambda *a, **k: calls.append(1) or trace(*a, **k))
    many = dx.compare(detector, image, found, settings={"odam": {"smooth": "box"}})
    assert len(calls) == 1
    assert list(many) == ["odam", "grad-cam", "grad-cam++"]
    assert many["odam"].settings["smooth"] == "box"
    assert torch.equal(many["grad-cam"].grids[0], dx.explain(detector, image, found, method="grad-cam").grids[0])


def test_a_function_is_a_method(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    def mean_gradient(activation: torch.Tensor, gradient: torch.Tensor, context: Any) -> torch.Tensor:
        return gradient.mean(dim=1)

    maps = dx.explain(detector, image, found, method=mean_gradient)
    assert maps.method == "mean_gradient"
    assert len(maps) == len(found)


def test_progress_counts_up_to_the_total(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    calls: list[tuple[int, int]] = []
    dx.explain(detector, image, found, target="combined", progress=lambda *step: calls.append(step))
    assert calls[0] == (0, 5 * len(found))
    assert calls[-1] == (5 * len(found), 5 * len(found))
    assert calls == sorted(calls)


def test_random_state_is_not_touched(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    dx.compare(detector, image, found)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002


def test_no_detection_names_the_highest_score(detector: Any, image: np.ndarray) -> None:
    nothing = detector.detect([image], 1.0)[0]
    with pytest.raises(ValueError, match=r"no detection above the threshold of 1 .* highest score .* was 0\.\d+"):
        dx.explain(detector, image, nothing)


def test_another_image_and_outside_boxes_are_refused(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    with pytest.raises(ValueError, match="belong to an image of 110x70 pixels, this one has 50x70"):
        dx.explain(detector, image[:, :50], found)
    outside = dx.Detections(
        torch.tensor([[200.0, 10, 220, 30]]), found.scores[:1], found.labels[:1], found.names, origins=found.origins[:1]
    )
    with pytest.raises(ValueError, match=r"detection 0, \(200\.0, 10\.0, 220\.0, 30\.0\), lies outside the image"):
        dx.explain(detector, image, outside)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "gradcam"}, ValueError, "unknown method 'gradcam'; known:"),
        ({"target": "size"}, ValueError, "unknown target 'size'; known:"),
        ({"layer": "layer9"}, ValueError, "unknown layer 'layer9'; this detector's layers: neck"),
        ({"sigma": 3}, TypeError, "has no setting 'sigma'"),
        ({"target": dx.Target(label=7)}, ValueError, "class 7 is none of this detector's, which are numbered 0 to 2"),
        ({"combine": "maximum"}, TypeError, "has no setting 'combine'"),
    ],
)
def test_mistakes_are_named(
    detector: Any, image: np.ndarray, found: dx.Detections, options: dict, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        dx.explain(detector, image, found, **options)


def test_a_closed_detector_is_refused_in_words(image: np.ndarray, found: dx.Detections) -> None:
    class Closed:
        names, device = ("a",), torch.device("cpu")

        def detect(self, images: Any, score_threshold: float = 0.3) -> list[dx.Detections]:
            return [found]

    with pytest.raises(TypeError, match="odam: these methods look inside the detector, and Closed has no trace"):
        dx.explain(Closed(), image, found)


def test_compare_checks_its_lists(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    with pytest.raises(ValueError, match="methods is empty"):
        dx.compare(detector, image, found, methods=[])
    with pytest.raises(ValueError, match="settings for g-came"):
        dx.compare(detector, image, found, methods=["odam"], settings={"g-came": {}})


def test_a_gradient_lost_in_a_saturated_score_is_told_from_no_evidence() -> None:
    """A softmax of 1 - 1e-40 is 1, its gradient 0: nothing is found out about the evidence."""
    torch.manual_seed(0)
    features = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())
    for factor, prob in ((1.0, "ok"), (1e4, UNDERFLOW)):
        last = torch.nn.Linear(4, 2)
        with torch.no_grad():
            last.weight.copy_(factor * torch.tensor([[1.0] * 4, [-1.0] * 4]))
        network = torch.nn.Sequential(features, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), last).eval()
        detector = dx.wrap(network, family="classifier", names=["a", "b"], input_size=16)
        picture = np.full((16, 16, 3), 200, np.uint8)
        found = detector.detect([picture])[0][:1]
        assert dx.explain(detector, picture, found).status == (prob,)
        assert dx.explain(detector, picture, found, target=dx.Target(score="logit")).status == ("ok",)
        other = dx.explain(detector, picture, found, target=dx.Target(label=1 - int(found.labels[0]), score="logit"))
        assert other.status == ("no positive evidence",)
    assert dx.explain(detector, picture, found).diagnostics == {"gradient underflow": (1.0,)}


def test_one_method_may_come_without_a_list(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    assert list(dx.compare(detector, image, found, methods="grad-cam")) == ["grad-cam"]


@pytest.mark.parametrize("target", ["class", "x1", "y2"])
def test_evidence_below_a_head_that_normalises_adds_up_to_nothing(target: str) -> None:
    """GroupNorm right behind the neck: if that is multiplied, the head answers the same, but for biases before it."""
    image = dx.data.scenes.make(5, seed=3, width=192, height=128).image
    shares = {}
    for name in ("tiny-retinanet", "tiny-fcos", "tiny-faster-rcnn"):
        detector = dx.load_detector(name, device="cpu")
        maps = dx.explain(detector, image, detector.detect([image], 0.0)[0][:3], target=target, direction="signed")
        shares[name] = max(abs(float(grid.sum() / grid.abs().sum())) for grid in maps.grids)
    assert shares["tiny-retinanet"] < 1e-4
    assert shares["tiny-fcos"] < 5e-3
    assert shares["tiny-faster-rcnn"] > 0.05, "its head normalises nothing"
