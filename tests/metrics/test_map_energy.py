"""What the metrics share: masks of boxes, energies and their checks."""

from __future__ import annotations

import torch

from detxai_nb.metrics import box_masks


def test_a_pixel_is_in_a_box_if_its_centre_is() -> None:
    masks = box_masks(torch.tensor([[0.5, 1.0, 2.6, 2.0], [0.6, 0.0, 2.5, 3.0], [3.0, 0.0, 9.0, 1.0]]), 3, 5)
    assert masks[0].int().tolist() == [[0, 0, 0, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]]
    assert masks[1].int().tolist() == [[0, 1, 0, 0, 0]] * 3
    assert masks[2].int().tolist() == [[0, 0, 0, 1, 1], [0] * 5, [0] * 5]
