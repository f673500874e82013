"""Half precision where a detector only detects, float32 where it is differentiated."""

from __future__ import annotations

import threading

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import box_iou

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.detectors.precision import HalfPrecision, at_precision, in_half_precision, require_precision
from detxai_nb.evaluation.fingerprint import detector_identity
from detxai_nb.float32 import in_full_float32
from detxai_nb.types import OpenDetector, Target

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def exact() -> dx.detectors:
    return dx.load_detector("tiny-fcos", device="cpu")


def test_full_precision_is_the_detector_itself(exact) -> None:
    assert at_precision(exact, "fp32") is exact


def test_bf16_finds_the_same_objects_in_float32_numbers(exact) -> None:
    half = at_precision(exact, "bf16")
    assert isinstance(half, HalfPrecision)
    assert isinstance(half, OpenDetector)
    differs = False
    for index in range(3):
        image = scenes.make(index, 11).image
        sure, other = exact.detect([image], 0.5)[0], half.detect([image], 0.3)[0]
        assert other.boxes.dtype == other.scores.dtype == other.class_scores.dtype == torch.float32
        assert len(sure) > 0
        overlap = box_iou(sure.boxes, other.boxes) * (sure.labels[:, None] == other.labels)
        best = overlap.argmax(dim=1)
        assert (sure.boxes - other.boxes[best]).abs().max() < 2
        assert (sure.scores - other.scores[best]).abs().max() < 0.05
        differs |= not torch.equal(sure.scores, other.scores[best])
    assert differs, "something ran in half precision"


def test_scores_are_finer_than_half_precision(exact) -> None:
    found = at_precision(exact, "bf16").detect([scenes.make(1, 11).image], 0.3)[0]
    assert (found.scores != found.scores.bfloat16().float()).any()


def test_gradients_stay_in_full_precision(exact) -> None:
    image = scenes.make(0, 11).image
    found = exact.detect([image], 0.3)[0]
    expected = dx.explain(exact, image, found)
    with torch.autocast("cpu", torch.bfloat16):
        trace = at_precision(exact, "bf16").trace(image)
    assert all(level.features.dtype == torch.float32 for level in trace.levels)
    maps = dx.explain(at_precision(exact, "bf16"), image, found)
    assert all(torch.equal(one, other) for one, other in zip(maps.grids, expected.grids))
    assert torch.allclose(trace.scalars(found, Target()), found.scores, atol=1e-5)


def test_everything_else_is_the_detectors(exact) -> None:
    half = at_precision(exact, "bf16")
    assert (half.names, half.layers, half.family, half.module) == (exact.names, exact.layers, "fcos", exact.module)
    assert half.nms_threshold == exact.nms_threshold
    with pytest.raises(AttributeError, match="no_such_thing"):
        half.no_such_thing  # noqa: B018


def test_a_store_tells_precisions_apart(exact, monkeypatch: pytest.MonkeyPatch) -> None:
    assert detector_identity(exact) != detector_identity(at_precision(exact, "bf16"))
    monkeypatch.setattr(type(exact), "identity", "what the detector says of itself", raising=False)
    named = [detector_identity(one) for one in (exact, at_precision(exact, "bf16"), at_precision(exact, "fp16"))]
    assert named[0]["identity"] == "what the detector says of itself"
    assert all(named[i] != named[j] for i in range(3) for j in range(i))


def test_outputs_become_float32_inside_and_only_there() -> None:
    a, b = torch.randn(3, 4), torch.randn(4, 5)

    def inside() -> torch.Tensor:
        product = a @ b
        assert product.dtype == torch.bfloat16
        for function in (torch.sigmoid, torch.exp, lambda x: x.softmax(1), lambda x: F.softmax(x, dim=1)):
            assert function(product).dtype == torch.float32
            assert torch.equal(function(product), function(product.float()))
        return product

    product = in_half_precision(CPU, "bf16", inside)
    assert (a @ b).dtype == torch.float32
    assert product.sigmoid().dtype == torch.bfloat16


def test_what_cannot_be_computed_is_refused_in_words(exact, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="precision is one of fp32, bf16, fp16; got 'int8'"):
        at_precision(exact, "int8")
    with pytest.raises(ValueError, match="a device of the kind 'meta' does not compute in bf16"):
        require_precision(torch.device("meta"), "bf16")


def test_full_float32_forbids_shorter_numbers_on_a_gpu_and_only_inside() -> None:
    settings = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [where.allow_tf32 for where in settings]

    def look() -> list[bool]:
        return [where.allow_tf32 for where in settings]

    def stop() -> None:
        assert not any(look())
        raise KeyboardInterrupt

    assert in_full_float32(CPU, look) == before
    assert not any(in_full_float32(torch.device("cuda"), look))
    assert look() == before
    with pytest.raises(KeyboardInterrupt):
        in_full_float32(torch.device("cuda"), stop)
    assert [where.allow_tf32 for where in settings] == before


def test_the_last_of_several_threads_gives_the_settings_back() -> None:
    entered, leave = threading.Barrier(2), threading.Event()

    def hold() -> None:
        entered.wait(60)
        leave.wait(60)

    def meet() -> None:
        thread.start()
        entered.wait(60)

    before = torch.backends.cudnn.allow_tf32
    assert before
    thread = threading.Thread(target=in_full_float32, args=(torch.device("cuda"), hold))
    in_full_float32(torch.device("cuda"), meet)
    assert not torch.backends.cudnn.allow_tf32
    leave.set()
    thread.join(60)
    assert torch.backends.cudnn.allow_tf32 == before
