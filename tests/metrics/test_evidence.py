"""Energy on the part that tells the class: by hand, and on a real synthetic scene."""

from __future__ import annotations

import math

import pytest
import torch

from detxai_nb.data.scenes import Scenes
from detxai_nb.metrics import evidence_energy, part_share
from detxai_nb.metrics.evidence import gain


def test_by_hand() -> None:
    masks = torch.tensor([[[1, 1, 1, 1, 0]]] * 3 + [[[0, 0, 0, 0, 0]]]).bool()
    parts = torch.tensor([[[0, 0, 0, 1, 0]]] * 3 + [[[0, 0, 0, 0, 0]]]).bool()
    maps = torch.tensor([[[1.0, 0, 0, 3, 90]], [[0.0] * 5], [[0.0, 0, 0, 0, 9]], [[1.0] * 5]])
    found, even = evidence_energy(maps, parts, masks), part_share(parts, masks)
    assert found.tolist() == pytest.approx([0.75, 0, 0, 0])
    assert even.tolist() == pytest.approx([0.25, 0.25, 0.25, math.nan], nan_ok=True)
    assert gain(found, even).tolist() == pytest.approx([3, 0, 0, math.nan], nan_ok=True)


def test_even_maps_score_the_parts_share_and_the_parts_themselves_1() -> None:
    scene = Scenes(1, seed=4, width=200, height=150)[0]
    masks, parts = torch.from_numpy(scene.masks), torch.from_numpy(scene.parts)
    even = evidence_energy(torch.ones(masks.shape), parts, masks)
    assert torch.allclose(even, part_share(parts, masks))
    assert even.tolist() == pytest.approx([p.sum() / m.sum() for p, m in zip(scene.parts, scene.masks)])
    assert evidence_energy(parts.float(), parts, masks).tolist() == [1] * len(scene)


def test_mistakes_are_named() -> None:
    mask = torch.ones(1, 2, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match="non-negative maps"):
        evidence_energy(-torch.ones(1, 2, 3), mask, mask)
    with pytest.raises(ValueError, match=r"got \[1, 2, 3\] and \[1, 3, 2\]"):
        evidence_energy(torch.ones(1, 2, 3), mask.transpose(1, 2), mask)
