"""Explaining again and again holds no more memory than explaining a few times."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from families.classifier import build
from torch import Tensor

import detxai_nb as dx
from detxai_nb.detectors.classifier import trace as answers_of_classifier
from detxai_nb.detectors.dense import head as answers_of_dense
from detxai_nb.detectors.detr.trace import DetrTrace
from detxai_nb.detectors.registry import DETECTORS
from detxai_nb.detectors.zoo.networks.classifiers import tiny_resnet
from detxai_nb.testing import photograph
from detxai_nb.windows import GradientChunk


def explain(detector: Any, image: Any, times: int) -> None:
    """So many explanations in a row, none of them kept."""
    for _ in range(times):
        found = detector.detect([image], 0.0)[0][:5]
        dx.explain(detector, image, found, method="grad-cam")


def live_tensors() -> tuple[int, int]:
    """How many tensors there are, and the bytes that they hold."""
    gc.collect()
    # By type: isinstance asks some objects of other libraries for attributes that warn.
    found = [thing for thing in gc.get_objects() if type(thing) in (Tensor, torch.nn.Parameter)]
    return len(found), sum(tensor.untyped_storage().nbytes() for tensor in found)


def test_twenty_five_explanations_leave_as_many_tensors_as_five() -> None:
    detector, image = build(tiny_resnet, input_size=(32, 48)), photograph(40, 60)
    explain(detector, image, 5)
    after_five = live_tensors()
    explain(detector, image, 20)
    assert live_tensors() == after_five


@pytest.mark.parametrize(
    ("name", "method"),
    [("tiny-fcos", "odam"), ("tiny-fcos", "layer-cam"), ("tiny-detr", "odam"), ("tiny-resnet", "odam")],
)
def test_gradients_of_a_chunk_are_let_go_before_the_next_is_made(
    name: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector, image = dx.load_detector(name, device="cpu"), photograph(64, 80)
    found = detector.detect([image], 0.0)[0][:4]
    for module in (answers_of_dense, answers_of_classifier):
        monkeypatch.setattr(module, "rows_per_chunk", lambda _: 1)
    monkeypatch.setattr(answers_of_dense, "_TOGETHER", 1)
    monkeypatch.setattr(DetrTrace, "_rows_per_chunk", lambda _: 1)
    plain, made, held = GradientChunk.__init__, [], []

    def watched(self: GradientChunk, level: int, rows: Tensor, gradient: Tensor, *rest: Any, **more: Any) -> None:
        others = [one for ref in made if (one := ref()) is not None and one is not gradient]
        held.append(len(others))
        made.append(weakref.ref(gradient))
        plain(self, level, rows, gradient, *rest, **more)

    monkeypatch.setattr(GradientChunk, "__init__", watched)
    dx.explain(detector, image, found, method=method)
    assert len(held) >= 4
    assert not any(held)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", [name for name, entry in DETECTORS.items() if entry.weights == "bundled"])
def test_two_hundred_explanations_hold_no_more_cuda_memory_than_five(name: str) -> None:
    detector, image = dx.load_detector(name, device="cuda"), photograph(128, 160)
    explain(detector, image, 5)
    torch.cuda.synchronize()
    after_five = torch.cuda.memory_allocated()
    explain(detector, image, 195)
    torch.cuda.synchronize()
    assert torch.cuda.memory_allocated() <= after_five
