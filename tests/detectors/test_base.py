"""The device that a detector is put on."""

from __future__ import annotations

import pytest
import torch

from detxai_nb.detectors.base import pick_device


def machine(monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool) -> None:
    """A machine with so many CUDA devices, and an Apple one or not."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(2, True, "cuda"), (1, False, "cuda"), (0, True, "mps"), (0, False, "cpu")]
)
def test_auto_takes_cuda_then_mps_then_the_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool, expected: str
) -> None:
    machine(monkeypatch, cuda, mps)
    assert pick_device() == torch.device(expected)


def test_a_device_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 2, False)
    assert pick_device("cuda:1") == torch.device("cuda:1")
    assert pick_device(torch.device("cpu")) == torch.device("cpu")
    assert pick_device("meta") == torch.device("meta")


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("cuda:2", "device 'cuda:2' was asked for, but PyTorch finds none on this machine; here: auto, cuda, cpu"),
        ("mps", "device 'mps' was asked for"),
        ("gpu", "unknown device 'gpu'; here: auto, cuda, cpu"),
    ],
)
def test_a_device_that_is_not_there_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, device: str, words: str
) -> None:
    machine(monkeypatch, 2, False)
    with pytest.raises(ValueError, match=words):
        pick_device(device)


def test_no_cuda_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 0, False)
    with pytest.raises(
        ValueError, match="device 'cuda' was asked for, but PyTorch finds none on this machine; here: auto, cpu"
    ):
        pick_device("cuda")
