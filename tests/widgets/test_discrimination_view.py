"""What is sent of a contrast of neighbours."""

from __future__ import annotations

import pytest
import stub
import torch
from stub_maps import stub_maps

from detxai_nb.metrics import neighbour_contrast
from detxai_nb.widgets import discrimination_view as module
from detxai_nb.widgets.discrimination_view import for_screen


def test_a_large_photograph_is_sent_in_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    found = neighbour_contrast(stub_maps(), 2)
    assert for_screen(found)[2] == 1
    monkeypatch.setattr(module, "_MOST_SAMPLES", stub.SIZE[0] * stub.SIZE[1] // 8)
    small, takers, step = for_screen(found)
    assert step == 3
    assert tuple(small.grids[0].shape) == tuple(takers.shape) == (40, 67)
    whole = found.difference.values[0]
    torch.testing.assert_close(small.grids[0][5, 7], whole[15:18, 21:24].mean())
    assert int(takers[5, 7]) == int(found.takers[16, 22])
    assert float((small.values[0] - whole).abs().mean()) < 0.02
