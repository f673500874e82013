"""Maps of the stub detector's three objects, and annotations of two of them."""

from __future__ import annotations

import numpy as np
import stub

import detxai_nb as dx
from detxai_nb.data.sample import Sample


def stub_maps(**settings: str) -> dx.HeatMaps:
    detector, image = stub.StubDetector(), stub.photograph()
    return dx.explain(detector, image, detector.detect([image])[0], **settings)


def annotated(parts: bool = False) -> Sample:
    """The first two boxes, a pixel smaller each way, and a crowd; masks fill the boxes' left halves."""
    boxes = np.float32([*stub.BOXES[:2], (0, 0, 30, 20)]) + np.float32([1, 1, -1, -1])
    masks = np.zeros((3, *stub.SIZE), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.astype(int)):
        mask[y1:y2, x1 : (x1 + x2) // 2] = True
    return Sample(
        image=stub.photograph(),
        boxes=boxes,
        labels=np.int64([0, 1, 1]),
        crowd=np.array([False, False, True]),
        image_id=7,
        file_name="seven.jpg",
        names=stub.NAMES,
        load_masks=lambda: masks,
        load_parts=(lambda: masks) if parts else None,
    )
