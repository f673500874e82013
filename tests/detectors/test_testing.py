"""The public contract notices what is wrong with an adapter, and says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from test_guide import run
from torch import nn
from torchvision.ops import box_convert

from detxai_nb.testing import NAMES, ContractError, check_detector, enliven, photograph
from detxai_nb.testing.behaviour import check_is_open

GUIDE: Any = run("my_detector")


def build(owner: type, **changes: Any) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return owner(enliven(GUIDE.Cells(len(NAMES))).double(), NAMES)


class WrongScore(GUIDE.CellsDetector):
    def scalar(self, *asked: Any) -> Any:
        return super().scalar(*asked) * 0.9


class ForgottenHook(GUIDE.CellsDetector):
    def detect(self, images: Any, score_threshold: float = 0.3) -> Any:
        self.module.head.register_forward_hook(lambda *_: None)
        return super().detect(images, score_threshold)


class ForgottenBackwardHook(GUIDE.CellsDetector):
    def detect(self, images: Any, score_threshold: float = 0.3) -> Any:
        self.module.head.register_full_backward_pre_hook(lambda *_: None)
        return super().detect(images, score_threshold)


class Detached(GUIDE.CellsDetector):
    def scalar(self, *asked: Any) -> Any:
        return super().scalar(*asked).detach()


class RelativeBoxes(GUIDE.CellsDetector):
    def decode(self, outputs: Any) -> Any:
        found = super().decode(outputs)
        return replace(found, boxes=found.boxes / 1000)


class BoxesWithSizes(GUIDE.CellsDetector):
    def decode(self, outputs: Any) -> Any:
        found = super().decode(outputs)
        return replace(found, boxes=box_convert(found.boxes, "xyxy", "xywh"))


class EqualScores(GUIDE.CellsDetector):
    def forward(self, batch: Any) -> Any:
        logits, boxes, origins = super().forward(batch)
        return logits * 0, boxes, origins


class TrainingMode(GUIDE.CellsDetector):
    def trace(self, image: Any, layer: str | None = None) -> Any:
        self.module.train()
        return super().trace(image, layer)


class BoxesOfTheInput(GUIDE.CellsDetector):
    def prepare(self, image: Any) -> Any:
        batch, placement = super().prepare(image)
        return batch, type(placement).identity(*placement.input_size)


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (WrongScore, "are their scores; they differ by up to"),
        (ForgottenHook, "the module's hooks are as before; after detect they are not"),
        (ForgottenBackwardHook, "the module's hooks are as before; after detect they are not"),
        (Detached, "gradients of class scores reach the layer 'backbone'; all are zero"),
        (RelativeBoxes, r"boxes are in pixels of the network's input; all lie in 0..1"),
        (BoxesWithSizes, r"boxes are xyxy; \d+ of \d+ have x2 < x1"),
        (EqualScores, "too many scores are alike: give the network livelier weights"),
        (BoxesOfTheInput, "belong to an image of|boxes lie inside the image"),
    ],
)
def test_a_broken_adapter_is_told_what_is_wrong(owner: type, words: str) -> None:
    with pytest.raises((ContractError, ValueError), match=words):
        check_detector(build(owner))


@pytest.mark.parametrize("training", [True, False])
def test_training_flags_that_an_adapter_changes_are_as_before_afterwards(training: bool) -> None:
    detector = build(TrainingMode)
    detector.module.train(training)
    detector.trace(photograph(60, 80))
    assert all(part.training == training for part in detector.module.modules())


def test_wrong_gradients_are_told() -> None:
    right = run_scalar()

    def wrong(*asked: Any) -> Any:
        return right(*asked) + 0 * asked[2][0].sum() + 1e-3 * asked[2][0].mean()

    with pytest.raises(ContractError, match=r"the (scalar|gradient) of detection 0"):
        check_detector(build(GUIDE.CellsDetector), scalar=wrong)


def run_scalar() -> Any:
    import sys

    sys.modules["my_detector"] = GUIDE
    try:
        return run("test_my_detector").scalar
    finally:
        del sys.modules["my_detector"]


def test_a_black_box_is_told_what_it_lacks() -> None:
    class BlackBox:
        names, device, detect = ("a",), torch.device("cpu"), print
        module = nn.Identity()

    with pytest.raises(ContractError, match=r"an open detector has .*layers.*trace.*: derive BlackBox from Adapter"):
        check_is_open(BlackBox(), None)
