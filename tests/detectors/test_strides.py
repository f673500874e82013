"""What a network raises while its strides are measured."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.detectors.trace.strides import measure_strides


def measured(error: Exception) -> dict[str, tuple[float, float]]:
    def run(batch: Tensor) -> dict[str, Tensor]:
        raise error

    return measure_strides(nn.Conv2d(3, 4, 1), "maps", run, torch.zeros(1, 3, 64, 96), {"0": torch.zeros(1, 4, 8, 12)})


def test_a_network_of_one_size_has_the_strides_that_it_shows() -> None:
    assert measured(RuntimeError("expected 64x96")) == {"0": (8.0, 8.0)}


def test_a_network_of_square_inputs_is_measured_on_squares() -> None:
    sizes = []

    def run(batch: Tensor) -> dict[str, Tensor]:
        sizes.append(tuple(batch.shape[-2:]))
        if batch.shape[-2] != batch.shape[-1]:
            raise ValueError("squares only")
        return {"0": batch[..., ::16, ::16]}

    batch = torch.zeros(1, 3, 96, 96)
    assert measure_strides(nn.Conv2d(3, 4, 1), "maps", run, batch, run(batch)) == {"0": (16.0, 16.0)}
    assert sizes[1:] == [(384, 128), (128, 128), (384, 384)]


@pytest.mark.parametrize("error", [dx.Cancelled(), torch.OutOfMemoryError("no memory")])
def test_what_says_nothing_of_sizes_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        measured(error)
