"""What a GPU computes is what the CPU computes; everything that explains runs there.

`DETXAI_NB_TEST_DEVICE=cpu` runs these tests of a GPU on the CPU, where they only show that they are sound.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from families.detr import KINDS as DETRS
from kinds import KINDS, build
from torch import Tensor
from torchvision.models.detection import fcos_resnet50_fpn

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.detectors.precision import at_precision
from detxai_nb.detectors.registry import DETECTORS
from detxai_nb.methods import METHODS
from detxai_nb.methods.perturbed_detection import BatchedDetector
from detxai_nb.metrics.detection_cache import DetectionCache
from detxai_nb.testing import photograph, spread
from detxai_nb.types import Target

DEVICE = os.environ.get("DETXAI_NB_TEST_DEVICE", "cuda")
pytestmark = pytest.mark.skipif(
    DEVICE == "cuda" and not torch.cuda.is_available(), reason="needs a CUDA device (or DETXAI_NB_TEST_DEVICE)"
)
needs_memory = pytest.mark.skipif(DEVICE != "cuda", reason="needs a CUDA device's memory")

BUNDLED = tuple(name for name, entry in DETECTORS.items() if entry.weights == "bundled")
SMALL = {"d-rise": {"masks": 60, "stop_agreement": None}, "sodex": {"samples": 60}, "bbam": {"steps": 20}}
SMALL |= {name: {"channels": 4} for name in ("score-cam", "ablation-cam")} | {"integrated-grad-cam": {"steps": 4}}
"""The methods that ask many times, with few questions."""


@pytest.fixture
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole float32 in `detect` too, where PyTorch's default on a GPU is TensorFloat-32."""
    for where in (torch.backends.cudnn, torch.backends.cuda.matmul):
        monkeypatch.setattr(where, "allow_tf32", False)


def pair(name: str) -> tuple[Any, Any, np.ndarray, dx.Detections]:
    """A bundled detector on the CPU and on the device, a scene, and what the one on the CPU finds there."""
    cpu = dx.load_detector(name, device="cpu")
    image = scenes.make(3, 11).image
    return cpu, dx.load_detector(name, device=DEVICE), image, cpu.detect([image], 0.3)[0][:4]


def apart(one: Tensor, two: Tensor) -> float:
    """The norm of what two maps differ by, as a share of the first one's norm; 0 for two maps of zeros."""
    norm = float(one.cpu().norm())
    difference = float((one.cpu() - two.cpu()).norm())
    return difference / norm if norm else difference


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_in_float64_are_the_cpus(kind: str) -> None:
    # DETRs round the resized image to 8 bits, where another order of additions can make it another number.
    about, image = KINDS[kind], photograph(96, 128) if kind in DETRS else photograph()
    cpu, other = build(kind, torch.float64), build(kind, torch.float64)
    other.module.to(DEVICE)
    assert other.device.type == DEVICE
    every = about.everything(cpu, image)
    here, there = cpu.trace(image), other.trace(image)
    assert here.placement.input_size == image.shape[:2] or kind not in DETRS
    chosen = (about.choose or spread)(every, here)
    for target in (Target(), Target(score="logit"), *([Target("x1")] if about.sides else [])):
        expected = {int(r): g for _, rows, gs in here.gradients(chosen, target) for r, g in zip(rows, gs)}
        found = there.gradients(chosen.to(other.device), target)
        for _, rows, gradients in found:
            assert gradients.device.type == DEVICE
            for row, gradient in zip(rows.tolist(), gradients.cpu()):
                assert (gradient - expected[row]).norm() <= 1e-7 * expected[row].norm()


@pytest.mark.usefixtures("in_float32")
@pytest.mark.parametrize("name", BUNDLED)
def test_detections_are_the_cpus(name: str) -> None:
    cpu, other, image, _ = pair(name)
    images = [image, image[:, ::-1].copy()]
    expected, found = cpu.detect(images, 0.3), other.detect(images, 0.3)
    for one, two in zip(expected, found):
        assert two.boxes.device.type == DEVICE
        assert len(one) == len(two)
        assert (one.boxes - two.boxes.cpu()).abs().max() < 0.05
        assert (one.scores - two.scores.cpu()).abs().max() < 1e-3
        assert torch.equal(one.labels, two.labels.cpu())


@pytest.mark.parametrize("name", BUNDLED)
def test_every_method_runs_and_gradient_maps_are_the_cpus(name: str) -> None:
    cpu, other, image, chosen = pair(name)
    there = chosen.to(other.device)
    for method, about in METHODS.items():
        if any(need not in getattr(cpu, "offers", ()) for need in about.needs):
            continue
        if method == "sodex":
            pytest.importorskip("skimage", reason="the extra 'sodex' is not installed")
        settings = SMALL.get(method, {})
        maps = dx.explain(other, image, there, method=method, **settings)
        assert all(torch.isfinite(grid).all() for grid in maps.grids)
        if about.kind != "gradient":
            continue
        expected = dx.explain(cpu, image, chosen, method=method, **settings)
        # How far ill-conditioned methods may be from each other is the contract's to say.
        most = 1e-3 if method in ("odam", "grad-cam") else 0.03
        assert all(apart(one, two) <= most for one, two in zip(expected.grids, maps.grids))


@pytest.mark.usefixtures("in_float32")
def test_the_same_seed_gives_the_same_d_rise_map_and_half_precision_nearly_so() -> None:
    cpu, other, image, chosen = pair("tiny-fcos")
    settings: dict[str, Any] = {"method": "d-rise", "masks": 200, "stop_agreement": None}
    there = chosen.to(other.device)
    expected, found = dx.explain(cpu, image, chosen, **settings), dx.explain(other, image, there, **settings)
    assert all(apart(one, two) <= 0.02 for one, two in zip(expected.grids, found.grids))
    if DEVICE == "cpu":
        return  # Half precision is slow there, and a test of its own.
    half = dx.explain(at_precision(other, "fp16"), image, there, **settings)
    assert all(apart(one, two) <= 0.1 for one, two in zip(expected.grids, half.grids))


@pytest.mark.usefixtures("in_float32")
def test_every_metric_is_the_cpus() -> None:
    cpu, other, _, _ = pair("tiny-fcos")
    names = list(dx.metrics().index)
    few = {"steps": 2, "every": 1}
    settings = {name: few if "odam" in name else {"steps": 2} for name in names if name.startswith(("del", "ins"))}
    both = [
        dx.evaluate(
            detector,
            scenes.Scenes(1, seed=11),
            ["odam", "difference:odam"],
            names,
            controls=False,
            metric_settings=settings,
            progress=False,
        )
        for detector in (cpu, other)
    ]
    assert len(both[0]) == len(both[1]) > 0
    assert (both[0][["annotation", "method", "metric"]] == both[1][["annotation", "method", "metric"]]).all(axis=None)
    assert np.allclose(both[0]["value"], both[1]["value"], rtol=0.02, atol=0.02, equal_nan=True)


def test_worker_processes_share_the_device() -> None:
    make = partial(dx.load_detector, "tiny-fcos", device=DEVICE)
    some: dict[str, Any] = {"methods": ["odam"], "metrics": ["energy-pointing-box"], "progress": False}
    with dx.evaluation.worker_processes(2) as executor:
        spread_out = dx.evaluate(make, scenes.Scenes(4), executor=executor, **some)
    # The workers' convolutions are TensorFloat-32's, as by default.
    assert np.allclose(spread_out["value"], dx.evaluate(make, scenes.Scenes(4), **some)["value"], atol=0.02)


def test_a_sanity_check_leaves_the_weights_as_they_were() -> None:
    _, other, image, chosen = pair("tiny-fcos")
    before = {name: value.clone() for name, value in other.module.state_dict().items()}
    found = dx.sanity.check(other, image, chosen.to(other.device), methods=("odam",))
    assert found is not None
    assert all(torch.equal(value, before[name]) for name, value in other.module.state_dict().items())


def full_size_fcos() -> Any:
    module = fcos_resnet50_fpn(weights=None, weights_backbone=None).eval().to(DEVICE)
    return dx.wrap(module, family="fcos", names=[str(number) for number in range(91)])


@needs_memory
def test_the_batch_follows_the_memory() -> None:
    detector = dx.load_detector("tiny-fcos", device=DEVICE)
    image = scenes.make(3, 11).image
    asker = BatchedDetector(detector, image, score_threshold=0.3)
    while asker.batch_size == 1:
        asker.ask(lambda count: asker.pixels.expand(count, -1, -1, -1), 64)
    assert asker.batch_size > 1


@needs_memory
@pytest.mark.parametrize("way", ["asker", "answers"])
def test_too_little_memory_makes_smaller_batches(way: str) -> None:
    detector, image = full_size_fcos(), photograph(640, 800)
    detector.detect([image], 0.3)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_reserved()
    detector.detect([image], 0.3)
    one = torch.cuda.max_memory_reserved() - before
    total = torch.cuda.get_device_properties(0).total_memory
    try:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(min(1, (torch.cuda.memory_reserved() + 3.5 * one) / total))
        if way == "asker":
            asker = BatchedDetector(detector, image, score_threshold=0.3, batch_size=64)
            found = asker.ask(lambda count: asker.pixels.expand(count, -1, -1, -1).clone(), 64)
            assert 1 <= len(found) == asker.batch_size < 64
        else:
            answers = DetectionCache(detector, batch_size=64)
            shifted = [np.roll(image, number, axis=0) for number in range(64)]
            assert len(list(answers.ask(shifted))) == 64
            assert answers.batch_size is not None
            assert answers.batch_size < 64
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
