"""RetinaNet: the adapter against torchvision's own forward pass, local windows, and what is refused."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from families.fcos import everything
from families.retinanet import KINDS, scalar
from torch import nn
from torchvision.models.detection.retinanet import RetinaNetHead

import detxai_nb as dx
from detxai_nb.detectors.retinanet import RetinaNetDetector
from detxai_nb.detectors.trace import budget
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos, tiny_retinanet
from detxai_nb.testing import NAMES, photograph, slow_gradients, spread
from detxai_nb.types import Target


def test_detections_equal_torchvisions() -> None:
    """Also where the limit on candidates of a level is reached."""
    detector, image = KINDS["tiny-retinanet"].build(), photograph(97, 60)
    detector.module.score_thresh, detector.module.topk_candidates = 0.2, 300
    with torch.no_grad():
        expected = detector.module([torch.from_numpy(image).permute(2, 0, 1) / 255])[0]
    found = detector.detect([image], 0.2)[0]
    assert len(found) == len(expected["scores"]) > 5
    assert torch.allclose(found.scores, expected["scores"])
    assert torch.equal(found.labels, expected["labels"])
    assert torch.allclose(found.boxes, expected["boxes"], atol=1e-3)
    assert found.origin_fields == ("level", "row", "column", "anchor")


def head_of(norm: partial | type | None) -> RetinaNetDetector:
    torch.manual_seed(0)
    module = tiny_retinanet(7)
    module.head = RetinaNetHead(64, 6, 7, norm_layer=norm)
    for name, weight in module.head.named_parameters():
        if weight.ndim == 4:
            nn.init.normal_(weight, std=(2 / weight[0].numel()) ** 0.5)
        elif name.endswith("bias"):
            nn.init.normal_(weight, std=0.1)
    return RetinaNetDetector(module.double().eval(), NAMES)


@pytest.mark.parametrize(("norm", "local"), [(None, True), (nn.BatchNorm2d, True), (partial(nn.GroupNorm, 8), False)])
def test_windows_where_the_head_is_local(norm: partial | type | None, local: bool) -> None:
    detector, image = head_of(norm), photograph()
    trace = detector.trace(image)
    found = spread(everything(detector, image), trace, per_level=1)
    chunks = list(trace.chunks(found, Target()))
    assert [None if chunk.corner is None else chunk.gradient.shape[2:] for chunk in chunks] == (
        [(11, 11)] * 3 if local else [None] * 3
    )
    for chunk, (_, slow) in zip(chunks, slow_gradients(scalar, detector, trace, found, Target())):
        expected = slow[chunk.level]
        assert (chunk.dense(*expected.shape[1:])[0] - expected).norm() <= 1e-9 * expected.norm()


def test_layers_have_the_grids_of_what_they_name() -> None:
    detector, image = KINDS["tiny-retinanet"].build(), photograph()
    assert detector.layers[:6] == (
        "neck",
        "neck.before",
        "backbone",
        "backbone.stage8",
        "backbone.stage16",
        "backbone.stage32",
    )
    assert detector.layers[6:] == tuple(f"head.{n}{i}" for n in ("class", "box") for i in ("", ".0", ".1"))
    stage = detector.trace(image, "backbone.stage16")
    assert [(x.name, len(x.features), x.stride) for x in stage.levels] == [("backbone.stage16", 112, (16.0, 16.0))]
    activation = detector.trace(image, "head.class").levels
    neck = detector.trace(image).levels
    with torch.no_grad():
        expected = detector.module.head.classification_head.conv(neck[1].features[None])[0]
    assert [x.name for x in activation] == ["head.class.0", "head.class.1", "head.class.2"]
    assert torch.allclose(activation[1].features, expected, atol=1e-5)


def test_deep_gradients_do_not_depend_on_the_memory_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    detector, image = KINDS["tiny-retinanet"].build(torch.float64), photograph()
    trace = detector.trace(image, "backbone.stage8")
    found = detector.detect([image], 0.0)[0][:5]
    together = {int(row): g for _, rows, grads in trace.gradients(found, Target()) for row, g in zip(rows, grads)}
    monkeypatch.setattr(budget, "MEMORY_BUDGET", 1)
    chunks = list(trace.gradients(found, Target()))
    assert len(chunks) == len(found)
    for _, rows, gradients in chunks:
        assert torch.allclose(gradients[0], together[int(rows[0])], atol=1e-15)


def test_mistakes_are_named() -> None:
    with pytest.raises(TypeError, match="expects a torchvision RetinaNet module, got FCOS"):
        RetinaNetDetector(tiny_fcos(7), NAMES)
    module = tiny_retinanet(7)
    with pytest.raises(ValueError, match="7 class outputs, but 2 names"):
        RetinaNetDetector(module, ["a", "b"])
    fitting = RetinaNetDetector(module, NAMES)
    image = photograph()
    mixed = dx.Detections(
        torch.tensor([[0.0, 0, 9, 9]]),
        torch.tensor([0.5]),
        torch.tensor([0]),
        NAMES,
        origins=torch.tensor([[0, 0, 0, 6]]),
        origin_fields=("level", "row", "column", "anchor"),
    )
    with pytest.raises(ValueError, match="another detector or image size"):
        fitting.trace(image).scalars(mixed, Target())
    module.head.classification_head.conv[1] = nn.Sequential(nn.AvgPool2d(3, 1, 1))
    with pytest.raises(ValueError, match=r"expected the towers .* got AvgPool2d"):
        RetinaNetDetector(module, NAMES)
    del module.head.classification_head.conv
    with pytest.raises(ValueError, match=r"expected a head with classification_head\.conv, .* got RetinaNetHead"):
        RetinaNetDetector(module, NAMES)
