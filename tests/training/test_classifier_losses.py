"""The losses of the bundled classifiers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from detxai_nb.data import scenes
from detxai_nb.detectors.zoo.networks.classifiers import tiny_resnet, tiny_vgg
from detxai_nb.training import classifier_losses as module
from detxai_nb.training.classifier_losses import classifier_losses, distilled_vgg_losses, shared_losses


def batch(count: int = 3) -> tuple[torch.Tensor, list[dict[str, Any]]]:
    drawn = [scenes.make(index, 0, "single", 160, 128) for index in range(count)]
    images = torch.stack([torch.from_numpy(scene.image).permute(2, 0, 1) for scene in drawn])
    return images, [{"boxes": torch.from_numpy(s.boxes), "labels": torch.from_numpy(s.labels)} for s in drawn]


def test_images_are_cut_ever_wider_from_the_object_to_the_whole() -> None:
    # The value of a pixel is its column: a cut's mean is then the middle of the cut.
    images = torch.arange(160.0).expand(3, 3, 128, 160)
    boxes = torch.tensor([[20.0, 30, 60, 70]]).expand(3, 4)
    found = module._crop(images, module._regions(images, boxes))
    assert found.shape == (3, 3, 128, 128)
    # With a margin of 0.15: from 14 to 66, and half of the way to 0 and 160.
    for cut, (left, right) in zip(found, [(14, 66), (7, 113), (0, 160)]):
        assert cut.mean().item() == pytest.approx((left + right) / 2 - 0.5, abs=0.2)
        assert cut.amin().item() == pytest.approx(left, abs=1)
        assert cut.amax().item() == pytest.approx(right - 1, abs=1)


@pytest.mark.parametrize("half", [False, True])
def test_the_loss_is_cross_entropy_in_float32(half: bool) -> None:
    torch.manual_seed(0)
    model, (images, targets) = tiny_resnet(10).eval(), batch()
    (loss,) = classifier_losses(model, images, targets, half).values()
    assert loss.dtype == torch.float32
    pixels, labels = module._batch(images, targets)
    with torch.no_grad():
        expected = F.cross_entropy(model(pixels), labels, label_smoothing=0.05)
    assert loss.item() == pytest.approx(expected.item(), rel=0.05 if half else 1e-5)
    loss.backward()
    assert model.conv1.weight.grad.abs().sum() > 0


def test_two_objects_or_none_are_refused() -> None:
    images, targets = batch()
    targets[1] = {"boxes": torch.zeros(2, 4), "labels": torch.zeros(2, dtype=torch.int64)}
    with pytest.raises(ValueError, match=r"one object, got images with \[1, 2\]"):
        classifier_losses(tiny_resnet(10), images, targets, False)


def test_of_one_object_the_shared_loss_is_the_cross_entropy_of_its_class() -> None:
    torch.manual_seed(0)
    model, (images, targets) = tiny_resnet(10).eval(), batch()
    (alone,) = classifier_losses(model, images, targets, False).values()
    (shared,) = shared_losses(model, images, targets, False).values()
    assert shared.item() == pytest.approx(alone.item(), rel=1e-6)


def test_a_crop_is_of_the_classes_with_half_a_box_or_more_inside() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [20, 0, 40, 10], [25, 0, 45, 10], [0, 50, 10, 60]])
    labels = torch.tensor([3, 1, 7, 3])
    # Half of the second box lies in it, a quarter of the third, nothing of the fourth.
    shares = module._class_shares(boxes, labels, torch.tensor([0.0, 0, 30, 20]), 10)
    assert shares.tolist() == [0, 0.5, 0, 0.5, 0, 0, 0, 0, 0, 0]
    assert module._class_shares(boxes, labels, torch.tensor([0.0, 0, 60, 60]), 10).nonzero()[:, 0].tolist() == [1, 3, 7]
    small = module._class_shares(boxes, labels, torch.tensor([0.0, 0, 12, 12]), 10)
    assert small[3] == 1


def test_a_loss_of_shares_needs_an_object() -> None:
    images, targets = batch()
    targets[1] = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    with pytest.raises(ValueError, match="an image without any"):
        shared_losses(tiny_resnet(10), images, targets, False)


def test_a_vgg_is_taught_by_the_maps_of_the_bundled_resnet(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    teacher = tiny_resnet(10)
    monkeypatch.setattr(module, "bundled_weights", {"tiny-resnet": teacher.state_dict()}.__getitem__)
    module._teacher.cache_clear()
    try:
        model, (images, targets) = tiny_vgg(10), batch()
        losses = distilled_vgg_losses(model, images, targets, False)
        assert list(losses) == ["class", "map 1", "map 2", "map 3"]
        sum(losses.values()).backward()
        assert all(weight.grad is not None for weight in model.parameters())
        known = module._teacher(torch.device("cpu"))
        assert not any(weight.requires_grad for weight in known.parameters())
        pixels, _ = module._batch(images, targets)
        shown = module._teacher_maps(known, pixels)
        assert [tuple(m.shape[1:]) for m in shown] == [(40, 32, 32), (80, 16, 16), (128, 8, 8)]
        with monkeypatch.context() as patch:
            patch.setattr(module, "_block_maps", lambda *_: shown)
            same = distilled_vgg_losses(model, images, targets, False)
        assert [same[f"map {number}"].item() for number in (1, 2, 3)] == [0, 0, 0]
    finally:
        module._teacher.cache_clear()
