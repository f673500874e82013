"""Fast copies of networks answer as the networks do, and are not used where they do not."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.methods.perturbed_detection import BatchedDetector
from detxai_nb.passes import FAST, PLAIN, FastPasses, fast
from detxai_nb.passes.convolution import Buffers, PlainConvolution, tiles_suit
from detxai_nb.passes.folding import folded, watch_pairs

DETECTORS = ("tiny-fcos", "tiny-retinanet", "tiny-ssd", "tiny-yolox", "tiny-faster-rcnn", "tiny-resnet", "tiny-vgg")
NEED_TRANSFORMERS = ("tiny-detr", "tiny-pvt")


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    fast._LAST.forget()


def image(index: int = 1) -> Any:
    return scenes.make(index, 11).image


def masked(count: int) -> list[Any]:
    """Pictures as perturbation methods make them."""
    made = []
    for index in range(count):
        picture = image(index).copy()
        picture[index * 16 : index * 16 + 60, 40:150] = 0
        made.append(picture)
    return made


def assert_alike(expected: dx.Detections, found: dx.Detections) -> None:
    assert len(found) == len(expected)
    assert torch.equal(found.labels, expected.labels)
    assert torch.allclose(found.scores, expected.scores, rtol=0, atol=1e-5)
    assert torch.allclose(found.boxes, expected.boxes, rtol=0, atol=0.01)


@pytest.mark.parametrize("name", [*DETECTORS, *NEED_TRANSFORMERS])
def test_the_copy_answers_as_the_detector(name: str) -> None:
    if name in NEED_TRANSFORMERS:
        pytest.importorskip("transformers")
    detector = dx.load_detector(name, device="cpu")
    before = {key: value.clone() for key, value in detector.module.state_dict().items()}
    passes = FastPasses(detector, image(), 0.3)
    assert passes.kind == FAST, passes.reason
    pictures = masked(3)
    for expected, found in zip(detector.detect(pictures, 0.3), passes.detect(pictures, 0.3), strict=True):
        assert_alike(expected, found)
    after = detector.module.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert not any(isinstance(part, PlainConvolution) for part in detector.module.modules())


@pytest.mark.parametrize("storage", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(1, 33, 47), (3, 20, 20), (2, 7, 9), (1, 2, 200)])
def test_tiles_are_the_convolution(size: tuple[int, int, int], storage: torch.memory_format) -> None:
    generator = torch.Generator().manual_seed(0)
    convolution = nn.Conv2d(96, 112, 3, padding=1)
    x = torch.randn(size[0], 96, *size[1:], generator=generator).to(memory_format=storage)
    made = PlainConvolution(convolution, convolution.weight, convolution.bias, Buffers())
    with torch.no_grad():
        expected = convolution(x)
        for _ in range(2):
            assert torch.allclose(made(x), expected, rtol=0, atol=3e-5)
    assert (made._kernel is not None) == (size in ((1, 33, 47), (3, 20, 20)))


@pytest.mark.parametrize(
    "settings",
    [
        {"stride": 2, "padding": 1},
        {"padding": 0},
        {"padding": 2, "dilation": 2},
        {"padding": 1, "groups": 2},
        {"padding": 1, "padding_mode": "reflect"},
        {"padding": "same"},
    ],
)
def test_other_convolutions_are_computed_by_the_library(settings: dict[str, Any]) -> None:
    convolution = nn.Conv2d(96, 96, 3, **settings)
    assert not tiles_suit(convolution)
    made = PlainConvolution(convolution, convolution.weight, convolution.bias, Buffers())
    x = torch.randn(2, 96, 21, 30)
    with torch.no_grad():
        assert torch.allclose(made(x), convolution(x), rtol=0, atol=1e-5)


class Net(nn.Module):
    """A pair that can be folded, and convolutions whose output goes to several, or that are run several times."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.twice, self.twice_norm = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.head, self.left, self.right = nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self.hidden, self.hidden_norm = nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.uniform_(part.running_var, 0.5, 2)
                nn.init.uniform_(part.running_mean, -1, 1)
                nn.init.uniform_(part.weight, 0.5, 2)
                nn.init.uniform_(part.bias, -1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.first(x)))
        y = self.twice(x)
        x = F.relu(self.twice_norm(y)) + self.head(y)
        x = self.left(self.head(x)) + self.right(self.head(x))
        z = self.hidden(x)
        return self.hidden_norm(z) + z


def test_pairs_are_those_in_which_nobody_else_sees_the_convolution() -> None:
    torch.manual_seed(0)
    net = Net().eval()
    with torch.no_grad():
        pairs = watch_pairs(net, lambda: net(torch.randn(1, 3, 9, 9)))
        # "hidden" is used by a sum as well, which no module sees: what the trial is for.
        assert {(c, n) for c, n in pairs} == {(net.first, net.norm), (net.hidden, net.hidden_norm)}
        x = torch.randn(2, 3, 9, 9)
        weight, bias = folded(net.first, net.norm)
        assert torch.allclose(F.conv2d(x, weight, bias), net.norm(net.first(x)), atol=1e-5)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())


def test_a_copy_that_answers_otherwise_is_not_used(caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    detector = dx.load_detector("tiny-yolox", device="cpu")

    def wrong(convolution: nn.Conv2d, norm: Any) -> Any:
        weight, bias = folded(convolution, norm)
        return weight, bias + 1e-3

    monkeypatch.setattr(fast, "folded", wrong)
    with caplog.at_level(logging.INFO, "detxai_nb"):
        passes = FastPasses(detector, image(), 0.3)
    assert passes.kind == PLAIN
    assert "are off by up to" in passes.reason or "objects instead" in passes.reason
    assert passes.reason in caplog.text
    assert_alike(detector.detect([image()], 0.3)[0], passes.detect([image()], 0.3)[0])


def test_a_copy_that_fails_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = dx.load_detector("tiny-yolox", device="cpu")

    def failing(self: Any, x: Any) -> Any:
        raise ArithmeticError("no such thing")

    monkeypatch.setattr(PlainConvolution, "forward", failing)
    passes = FastPasses(detector, image(), 0.3)
    assert passes.kind == PLAIN
    assert "ArithmeticError: no such thing" in passes.reason
    assert len(passes.detect([image()], 0.3)[0])


def test_changed_weights_are_seen() -> None:
    """Also those changed behind PyTorch's back, as ``.data`` does."""
    detector = dx.load_detector("tiny-yolox", device="cpu")
    assert FastPasses(detector, image(), 0.3).kind == FAST
    kept = fast._LAST._found
    assert FastPasses(detector, image(), 0.3).kind == FAST
    assert fast._LAST._found is kept, "made once"
    bias = next(parameter for name, parameter in detector.module.named_parameters() if name.endswith("bn.bias"))
    bias.data.add_(0.05)
    passes = FastPasses(detector, image(), 0.3)
    assert passes.kind == FAST
    assert fast._LAST._found is not kept
    assert_alike(detector.detect([image(2)], 0.3)[0], passes.detect([image(2)], 0.3)[0])


def test_changed_settings_are_seen() -> None:
    detector = dx.load_detector("tiny-yolox", device="cpu")
    FastPasses(detector, image(), 0.05)
    detector.nms_threshold = 0.1
    passes = FastPasses(detector, image(), 0.05)
    assert_alike(detector.detect([image()], 0.05)[0], passes.detect([image()], 0.05)[0])


def test_nothing_is_kept_of_a_network_that_is_gone() -> None:
    detector = dx.load_detector("tiny-yolox", device="cpu")
    passes = FastPasses(detector, image(), 0.3)
    assert passes.kind == FAST
    assert fast._LAST._found
    del detector, passes
    import gc

    gc.collect()
    assert not fast._LAST._found


@pytest.mark.parametrize("why", ["black box", "hooks", "half precision", "float64", "not asked"])
def test_there_is_no_copy(why: str) -> None:
    detector: Any = dx.load_detector(
        "tiny-yolox", device="cpu", precision="bf16" if why == "half precision" else "fp32"
    )
    asked = why != "not asked"
    if why == "black box":
        inside = detector
        detector = dx.wrap_predict(
            lambda picture: [getattr(inside.detect([picture])[0], n) for n in ("boxes", "scores", "labels")],
            inside.names,
        )
    if why == "hooks":
        next(iter(detector.module.children())).register_forward_hook(lambda *_: None)
    if why == "float64":
        detector.module.double()
    passes = FastPasses(detector, image(), 0.3, fast=asked)
    assert passes.kind == PLAIN
    assert passes.reason


@pytest.mark.parametrize(("method", "count"), [("d-rise", "masks"), ("sodex", "samples")])
def test_methods_say_who_answered_and_agree(method: str, count: str) -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    found = detector.detect([image()])[0][:2]
    maps = {
        quick: dx.explain(detector, image(), found, method=method, fast=quick, **{count: 40}) for quick in (True, False)
    }
    assert maps[True].settings["passes"] == FAST
    assert maps[False].settings["passes"] == PLAIN
    largest = maps[False].values.abs().max()
    assert torch.allclose(maps[True].values, maps[False].values, rtol=0, atol=1e-3 * float(largest))


def test_few_queries_are_the_detectors_own() -> None:
    detector = dx.load_detector("tiny-yolox", device="cpu")
    asker = BatchedDetector(detector, image(), score_threshold=0.3)
    asker.ask(lambda number: asker.pixels[None].repeat(number, 1, 1, 1), 3)
    assert asker.passes == PLAIN


def test_a_cache_hands_over_after_some_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = dx.load_detector("tiny-yolox", device="cpu")
    plain = dx.metrics.DetectionCache(detector, batch_size=2, fast=False)
    quick = dx.metrics.DetectionCache(detector, batch_size=2)
    pictures = [image(), *masked(13)]
    for one, other in zip(plain.ask(pictures, 0.3), quick.ask(pictures, 0.3), strict=True):
        assert torch.equal(one.labels, other.labels)
        assert torch.allclose(one.scores, other.scores, rtol=0, atol=1e-5)
    assert quick._passes is not None
    assert quick._passes.kind == FAST
    assert quick.queries == plain.queries == len({picture.tobytes() for picture in pictures})


def test_a_cache_that_lives_long_sees_changed_weights() -> None:
    detector = dx.load_detector("tiny-yolox", device="cpu")
    cache = dx.metrics.DetectionCache(detector, batch_size=2)
    list(cache.ask([image(), *masked(11)], 0.3))
    assert cache._passes is not None
    assert cache._passes.kind == FAST
    bias = next(parameter for name, parameter in detector.module.named_parameters() if name.endswith("bn.bias"))
    bias.data.add_(0.05)
    (found,) = cache.ask([image(30)], 0.3)
    expected = detector.detect([image(30)], 0.3)[0]
    assert torch.equal(found.labels, expected.labels)
    assert torch.allclose(found.scores, expected.scores, rtol=0, atol=1e-5)


def test_an_evaluation_says_whether_copies_may_answer() -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    tables = []
    for quick in (True, False):
        rows = dx.evaluate(
            detector,
            scenes.Scenes(1, seed=3),
            ["odam"],
            ["deletion-odam"],
            fast=quick,
            controls=False,
            progress=False,
        )
        assert rows.attrs["evaluation"]["settings"]["fast"] is quick
        tables.append(rows["value"].to_numpy())
    assert len(tables[0])
    assert tables[0] == pytest.approx(tables[1], abs=1e-3)
    with pytest.raises(TypeError, match="fast is True or False"):
        dx.evaluate(detector, scenes.Scenes(1), ["odam"], ["deletion-odam"], fast="yes", progress=False)  # type: ignore[arg-type]
