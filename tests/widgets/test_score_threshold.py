"""The ScoreThreshold without a browser: traits, detections, code and pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stub
import torch
from frontend import check_traits
from PIL import Image
from traitlets import TraitError

import detxai_nb as dx


@pytest.fixture
def widget() -> Any:
    made = dx.widgets.ScoreThreshold(stub.StubDetector(), stub.photograph(), lowest_score=0.1)
    yield made
    made.close()


def test_the_detections_are_those_above_the_threshold(widget: Any) -> None:
    assert (widget.score_threshold, len(widget.objects), len(widget.detections)) == (0.3, 3, 3)
    widget.set_state({"score_threshold": 0.8})
    torch.testing.assert_close(widget.detections.scores, torch.tensor([0.91, 0.8]))
    widget.score_threshold = 1.0
    assert len(widget.detections) == 0


def test_a_selection_that_no_longer_passes_is_dropped(widget: Any) -> None:
    widget.selected = 2
    widget.score_threshold = 0.6
    assert widget.selected is None
    with pytest.raises(TraitError, match="0 to 1; got 2"):
        widget.selected = 2
    with pytest.raises(TraitError, match="between 0 and 1; got 2"):
        widget.score_threshold = 2


def test_the_code_makes_the_detections(widget: Any) -> None:
    widget.score_threshold = 0.7
    names: dict[str, Any] = {"detector": stub.StubDetector(), "image": stub.photograph()}
    exec(widget.code, names)
    torch.testing.assert_close(names["detections"].boxes, widget.detections.boxes)


def test_detections_can_be_handed_in() -> None:
    detector, image = stub.StubDetector(), stub.photograph()
    found = detector.detect([image], score_threshold=0.6)[0]
    widget = dx.widgets.ScoreThreshold(detector, image, found, score_threshold=0.85)
    assert (widget.lowest_score, len(widget.objects), len(widget.detections)) == (0.6, 2, 1)
    assert "# detector, image and detections: what the widget was given" in widget.code


def test_every_key_of_the_front_end_is_a_synced_trait_and_the_other_way_round(widget: Any) -> None:
    check_traits(widget, "score_threshold")


def test_the_picture_shows_only_what_passes(widget: Any, tmp_path: Path) -> None:
    x1, y1, _, y2 = (int(side) for side in stub.BOXES[2])
    plain = stub.photograph()[(y1 + y2) // 2, x1]
    for threshold, drawn in ((0.3, True), (0.7, False)):
        widget.score_threshold = threshold
        shown = np.asarray(Image.open(widget.save_png(tmp_path / "shown.png")))
        assert (shown[(y1 + y2) // 2, x1] != plain).any() == drawn
    assert Image.open(io.BytesIO(widget._repr_mimebundle_()[0]["image/png"])).width == 640
