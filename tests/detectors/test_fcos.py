"""FCOS: the adapter against torchvision's own forward pass, fixed statistics, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from families.fcos import KINDS, scalar

import detxai_nb as dx
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos, tiny_retinanet
from detxai_nb.testing import NAMES, photograph, slow_gradients
from detxai_nb.types import Target


@pytest.mark.parametrize("size", [(150, 213), (97, 60)])
def test_detections_equal_torchvisions(size: tuple[int, int]) -> None:
    detector, image = KINDS["fcos"].build(), photograph(*size)
    detector.module.score_thresh = 0.2
    with torch.no_grad():
        expected = detector.module([torch.from_numpy(image).permute(2, 0, 1) / 255])[0]
    found = detector.detect([image], 0.2)[0]
    assert len(found) == len(expected["scores"]) > 5
    assert torch.allclose(found.scores, expected["scores"])
    assert torch.equal(found.labels, expected["labels"])
    assert torch.allclose(found.boxes, expected["boxes"], atol=1e-3)


def test_fixed_statistics_are_exact_on_coarse_levels_and_near_on_fine_ones() -> None:
    detector, image = KINDS["fcos"].build(torch.float64, norm_statistics="fixed", nms_threshold=1.0), photograph()
    found = detector.detect([image], 0.0)[0]
    rows = [int((found.origins[:, 0] == level).nonzero()[0]) for level in found.origins[:, 0].unique()]
    found, trace = found[rows], detector.trace(image)
    errors = {}
    slow = [gradients for _, gradients in slow_gradients(scalar, detector, trace, found, Target())]
    for level, numbers, gradients in trace.gradients(found, Target()):
        for row, gradient in zip(numbers.tolist(), gradients):
            errors[level] = float((gradient - slow[row][level]).norm() / slow[row][level].norm())
    assert {level for level, error in errors.items() if error > 1e-9} == {0, 1}
    assert max(errors.values()) < 0.5


def test_batch_norm_heads_are_local() -> None:
    """A head with batch instead of group normalisation is explained on windows, exactly."""
    from torchvision.models.detection.fcos import FCOSHead

    from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos

    torch.manual_seed(0)
    module = tiny_fcos(7)
    channels = module.backbone.out_channels
    module.head = FCOSHead(channels, 1, 7, num_convs=2)
    for branch in (module.head.classification_head, module.head.regression_head):
        branch.conv = torch.nn.Sequential(
            *(torch.nn.BatchNorm2d(channels) if isinstance(m, torch.nn.GroupNorm) else m for m in branch.conv)
        )
    detector = dx.wrap(module.double(), family="fcos", names=NAMES, nms_threshold=1.0)
    image = photograph()
    found = detector.detect([image], 0.0)[0][::7][:8]
    trace = detector.trace(image)
    assert module.training
    statistics = [buffer.clone() for buffer in module.buffers()]
    chunks = list(trace.chunks(found, Target()))
    assert all(chunk.corner is not None for chunk in chunks)
    assert all(torch.equal(a, b) for a, b in zip(statistics, module.buffers()))
    slow = slow_gradients_in_eval(detector, trace, found)
    for level, numbers, gradients in trace.gradients(found, Target()):
        assert trace.levels[level].features.shape == gradients.shape[1:]
        for row, gradient in zip(numbers.tolist(), gradients):
            assert (gradient - slow[row][level]).norm() <= 1e-9 * slow[row][level].norm()


def slow_gradients_in_eval(detector: Any, trace: Any, found: dx.Detections) -> list[list[torch.Tensor]]:
    detector.module.eval()
    return [gradients for _, gradients in slow_gradients(scalar, detector, trace, found, Target())]


def test_layers_before_the_activation_are_whole_maps_and_after_it_windows() -> None:
    detector, image = KINDS["tiny-fcos"].build(), photograph()
    found = detector.detect([image], 0.0)[0][:2]
    for layer, size in {"head.class": (3, 3), "head.class.1": None, "head.box": (3, 3)}.items():
        chunks = list(detector.trace(image, layer).chunks(found, Target()))
        assert [None if chunk.corner is None else chunk.gradient.shape[2:] for chunk in chunks] == [size] * len(chunks)
    (chunk, *_) = detector.trace(image, "head.class").chunks(found, Target("x2"))
    assert not chunk.gradient.any()


def test_mistakes_are_named() -> None:
    with pytest.raises(TypeError, match="expects a torchvision FCOS module, got RetinaNet"):
        dx.wrap(tiny_retinanet(1), family="fcos", names=["a"])
    with pytest.raises(ValueError, match="7 class outputs, but 2 names"):
        dx.wrap(tiny_fcos(7), family="fcos", names=["a", "b"])
    with pytest.raises(ValueError, match="norm_statistics is one of exact, fixed"):
        dx.wrap(tiny_fcos(7), family="fcos", names=NAMES, norm_statistics="approximate")
    with pytest.raises(ValueError, match="unknown family 'fcoss'; known: "):
        dx.wrap(tiny_fcos(7), family="fcoss", names=NAMES)
    module = tiny_fcos(7)
    module.head.regression_head = torch.nn.Identity()
    with pytest.raises(ValueError, match=r"expected a head with regression_head\.conv, .* got FCOSHead"):
        dx.wrap(module, family="fcos", names=NAMES)
