"""What the tests of evaluations share: a detector of plain arithmetic, and pictures of coloured squares for it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

import detxai_nb as dx
from detxai_nb.data.sample import Sample
from detxai_nb.detectors.yolox.detector import YoloxDetector
from detxai_nb.detectors.yolox.network import SIZES, Yolox

NAMES = ("red", "green", "blue")
HEIGHT, WIDTH = 40, 64
METRICS = ("energy-pointing-box", "compactness", "deletion-odam")
FEW_STEPS = {"deletion-odam": {"every": 50}}
"""Three points a curve instead of eleven, so that a test asks the detector less often."""


def find_colours(image: np.ndarray) -> dict[str, Any]:
    """For each colour one box around its bright pixels; the score is their brightness, or half the class's below."""
    boxes, scores, labels = [], [], []
    for label in range(3):
        bright = image[:, :, label] > 90
        if bright.sum() < 4:
            continue
        rows, columns = np.nonzero(bright.any(1))[0], np.nonzero(bright.any(0))[0]
        boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        scores.append(float(image[:, :, label][bright].mean()) / 255)
        labels.append(label)
    return {"boxes": boxes, "scores": scores, "labels": labels}


def colours() -> Any:
    """The detector of colours, a black box."""
    return dx.wrap_predict(find_colours, NAMES)


class Squares(Sequence[Sample]):
    """Pictures with a red, a green and a blue rectangle that do not touch; annotated with masks."""

    names = NAMES

    def __init__(self, count: int = 4, seed: int = 0, broken: Sequence[int] = ()) -> None:
        self.count = count
        self.seed = seed
        self.broken = tuple(broken)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: Any) -> Any:
        if index in self.broken:
            raise ValueError(f"picture {index} is damaged")
        random = np.random.default_rng([self.seed, index])
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        boxes = []
        for label in range(3):
            x, y = 2 + 21 * label + int(random.integers(0, 6)), int(random.integers(1, 20))
            w, h = (int(v) for v in random.integers(6, 14, 2))
            image[y : y + h, x : x + w, label] = random.integers(100, 255, (h, w))
            boxes.append([x, y, x + w, y + h])
        return annotated(image, boxes, [0, 1, 2], image_id=100 + index)


def annotated(
    image: np.ndarray,
    boxes: Sequence[Sequence[float]],
    labels: Sequence[int],
    image_id: int = 1,
    crowd: Sequence[bool] | None = None,
    names: tuple[str, ...] = NAMES,
) -> Sample:
    """A sample whose masks are its boxes."""
    sides = np.array(boxes, np.float32).reshape(-1, 4)
    masks = np.zeros((len(sides), *image.shape[:2]), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, sides.round().astype(int)):
        mask[max(y1, 0) : y2, max(x1, 0) : x2] = True
    return Sample(
        image=image,
        boxes=sides,
        labels=np.array(labels, np.int64),
        crowd=np.zeros(len(sides), bool) if crowd is None else np.array(crowd, bool),
        image_id=image_id,
        file_name=f"{image_id:06d}.png",
        names=names,
        load_masks=lambda: masks,
    )


def network() -> YoloxDetector:
    """A small open detector with random weights, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return YoloxDetector(Yolox(3, SIZES["yolox-nano"]), NAMES, input_size=(64, 96))


def own_detections(detector: Any, count: int = 2, each: int = 3) -> list[Sample]:
    """Noise in which the detector's own detections stand as annotations."""
    samples = []
    for number in range(count):
        image = np.random.default_rng(number).integers(0, 255, (50, 80, 3)).astype(np.uint8)
        found = detector.detect([image], 0.0)[0]
        rows, kept = [], []
        for row, box in enumerate(found.boxes.tolist()):
            if (box[2] - box[0]) * (box[3] - box[1]) > 30 and box not in kept and len(rows) < each:
                rows.append(row)
                kept.append(box)
        samples.append(annotated(image, kept, found.labels[rows].tolist(), image_id=number + 1))
    return samples


def processes() -> Any:
    """How the tests start processes: from a server that has imported everything and computed nothing.

    Its children start at once and share no threads with anyone; where there is no such server, each one by itself.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "detxai_nb", "detxai_nb.evaluation"])
    return context


def begin_processes() -> str:
    """How ``processes`` starts them, by the name of multiprocessing; their server runs, and has imported everything."""
    context = processes()
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()
    return str(context.get_start_method())


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """The same table to the last bit, also the order of its rows, the curves, and what is said about it."""
    plain = [frame.drop(columns=["curve", "extras", "map_figures"]) for frame in (one, other)]
    pd.testing.assert_frame_equal(*plain, check_exact=True)
    for first, second in zip(one["curve"], other["curve"], strict=True):
        assert (first is None) == (second is None)
        assert first is None or np.array_equal(first, second, equal_nan=True)
    for name in ("extras", "map_figures"):
        assert one[name].tolist() == other[name].tolist()
    assert one.attrs == other.attrs
