"""SSD: the adapter against torchvision's own forward pass, its strides and stages, and what is refused."""

from __future__ import annotations

import pytest
import torch
from families.ssd import KINDS
from torchvision.models.detection import ssd300_vgg16

import detxai_nb as dx
from detxai_nb.detectors.ssd import SsdDetector
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos, tiny_ssd
from detxai_nb.testing import NAMES, photograph
from detxai_nb.types import Target


@pytest.mark.parametrize("kind", ["ssdlite", "tiny-ssd"])
def test_detections_equal_torchvisions(kind: str) -> None:
    """Each axis has its own factor; also where the limit on candidates of a class is reached."""
    detector, image = KINDS[kind].build(), photograph(97, 60)
    detector.module.score_thresh, detector.module.topk_candidates = 0.15, 40
    with torch.no_grad():
        expected = detector.module([torch.from_numpy(image).permute(2, 0, 1) / 255])[0]
    found = detector.detect([image], 0.15)[0]
    assert len(found) == len(expected["scores"]) > 5
    assert torch.allclose(found.scores, expected["scores"])
    assert torch.equal(found.labels, expected["labels"])
    assert torch.allclose(found.boxes, expected["boxes"], atol=1e-3)


def test_the_background_is_no_detection() -> None:
    detector, image = KINDS["tiny-ssd"].build(), photograph()
    found = detector.detect([image], 0.0)[0]
    assert detector.names == ("__background__", *NAMES)
    assert found.class_scores.shape == (len(found), len(NAMES) + 1)
    assert torch.allclose(found.class_scores.sum(1), torch.ones(len(found)))
    assert int(found.labels.min()) >= 1
    named = SsdDetector(detector.module, detector.names)
    assert named.names == detector.names


def test_windows_of_a_head_without_layers_are_single_kernels() -> None:
    detector, image = KINDS["tiny-ssd"].build(), photograph()
    trace = detector.trace(image)
    assert trace.placement.input_size == trace.placement.resized == (128, 160)
    assert [level.stride for level in trace.levels] == [(8.0, 8.0), (16.0, 16.0), (32.0, 32.0)]
    found = detector.detect([image], 0.0)[0][:4]
    chunks = list(trace.chunks(found, Target()))
    assert all(chunk.gradient.shape[2:] == (3, 3) for chunk in chunks)
    assert all(float(chunk.gradient.abs().sum()) > 0 for chunk in chunks)
    maps = dx.explain(detector, image, found)
    assert maps.values.shape == (4, 150, 213)


def test_layers_and_strides_of_ssd300() -> None:
    with torch.device("meta"):
        module = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=8)
    detector = SsdDetector(module, NAMES)
    stages = ("features", *(f"extra.{i}" for i in range(5)))
    assert detector.layers == ("neck", "backbone", *(f"backbone.{name}" for name in stages))
    grids = [torch.empty(1, n, n) for n in (38, 19, 10, 5, 3, 1)]
    strides = [detector._stride((300, 300), number, grid) for number, grid in enumerate(grids)]
    assert strides == [(s, s) for s in (8.0, 16.0, 32.0, 64.0, 100.0, 300.0)]
    module.anchor_generator.steps = None
    assert detector._stride((300, 320), 4, grids[4]) == (100.0, 320 / 3)


def test_a_coarse_prediction_is_explained_on_a_finer_stage() -> None:
    detector, image = KINDS["ssdlite"].build(), photograph()
    found = detector.detect([image], 0.0)[0]
    coarse = found[(found.origins[:, 0] >= 3).nonzero()[:, 0][:2]]
    trace = detector.trace(image, "backbone.features.0")
    assert [level.features.shape[1:] for level in trace.levels] == [(8, 12)]
    for level, _, gradients in trace.gradients(coarse, Target()):
        assert level == 0
        assert (gradients.flatten(1).abs().sum(1) > 0).all()


def test_mistakes_are_named() -> None:
    with pytest.raises(TypeError, match="expects a torchvision SSD module, got FCOS"):
        SsdDetector(tiny_fcos(7), NAMES)
    with pytest.raises(
        ValueError, match="8 class outputs, the background first, but 3 names were given; expected a name for each"
    ):
        SsdDetector(tiny_ssd(8), ["a", "b", "c"])
    module = tiny_ssd(8)
    module.head.classification_head = torch.nn.Identity()
    with pytest.raises(ValueError, match=r"expected SSD's head to be built as torchvision's"):
        SsdDetector(module, NAMES)
