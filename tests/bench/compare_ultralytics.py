"""Whether Ultralytics' models find here what its own predictor finds, on a folder of photographs.

python tests/bench/compare_ultralytics.py FOLDER [MODEL ...]

The weights are random and lively (those of the tests), so that there are objects. For each model it prints how many
objects were compared, how many of the photographs have the same objects, and the largest differences of scores, and of
corners in pixels. Pairs are made by score; objects whose scores differ by less than a hundred-thousandth may change
places, so each is compared with the nearest one of its score. Beside it stands how far the model's own answers in
float32 are from those in float64, over all predictions for the first photograph: random weights enlarge rounding.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import detxai_nb as dx

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "detectors"))
MODELS = ("yolo12n", "yolo26n", "yolo11n-pose", "yolov8n-world", "yolov8n-rtdetr", "yolo11n-obb", "yolo26n-obb")


def lively(name: str) -> Any:
    """A network with random weights whose scores are not all 1 on whole photographs, as those of the tests would be."""
    from families.ultralytics import network

    made = network(name)
    head = made.model[-1]
    for branch in (*getattr(head, "cv3", ()), *(getattr(head, "one2one_cv3", None) or ())):
        branch[-1].weight.data *= 0.1
    return made


@torch.no_grad()
def rounding(name: str, batch: torch.Tensor) -> str:
    """How far a model's outputs are from those in float64: of boxes and what else there is, and of scores."""
    made = lively(name).eval()
    single, double = (first(made.to(kind)(batch.to(kind))) for kind in (torch.float32, torch.float64))
    if single.shape[1] > single.shape[2]:
        single, double = single.mT, double.mT
    off = (single.double() - double).abs()
    return f"its own rounding: boxes {float(off[:, :4].max()):.1e} of its unit, the rest {float(off[:, 4:].max()):.1e}"


def first(output: Any) -> torch.Tensor:
    """The predictions among what a model returns."""
    return first(output[0]) if isinstance(output, (tuple, list)) else output


def compare(name: str, pictures: list[Path], size: int) -> str:
    """One line of figures."""
    import ultralytics

    opens = {"rtdetr": "RTDETR", "world": "YOLOWorld"}.get(name.rpartition("-")[2], "YOLO")
    yolo = getattr(ultralytics, opens)(f"{name}.yaml")
    yolo.model = lively(name)
    detector = dx.wrap(yolo, family="ultralytics", input_size=size)
    objects, same, scores, corners = 0, 0, 0.0, 0.0
    batches: list[torch.Tensor] = []
    yolo.model.register_forward_pre_hook(lambda _, inputs: batches.append(inputs[0].clone()) if not batches else None)
    for path in pictures:
        image = dx.load_image(path)
        best = detector.detect([image], 0.0)[0].scores
        threshold = float(best[: min(30, len(best))][-2:].mean())
        found = detector.detect([image], threshold)[0]
        result: Any = yolo.predict(image[..., ::-1], imgsz=size, conf=threshold, iou=0.7, max_det=300, verbose=False)[0]
        if result.obb is None:
            own, boxes = found.boxes, result.boxes
            height, width = image.shape[:2]
            theirs = boxes.xyxy.clamp(min=0).minimum(torch.tensor([width, height, width, height]))
        else:
            own, boxes = found.polygons.flatten(1), result.obb
            theirs = boxes.xyxyxyxy[:, [2, 1, 0, 3]].flatten(1)
        if len(own) != len(theirs):
            continue
        off = (own[:, None] - theirs[None]).abs().amax(dim=2)
        near = (found.scores[:, None] - boxes.conf[None]).abs()
        off = torch.where((near < 1e-3) & (found.labels[:, None] == boxes.cls[None]), off, torch.inf)
        gaps, partners = off.min(dim=1)
        same, objects = same + 1, objects + len(own)
        corners = max(corners, float(gaps.max()))
        scores = max(scores, float(near[np.arange(len(own)), partners].max()))
    found_there = f"{name}: {same} of {len(pictures)} pictures, {objects} objects"
    return f"{found_there}, scores {scores:.1e}, corners {corners:.1e}; {rounding(name, batches[0])}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--count", type=int, default=None, help="so many pictures at most")
    given = parser.parse_args()
    pictures = sorted(given.folder.rglob("*.jpg"))[: given.count]
    for name in given.models:
        print(compare(name, pictures, given.size), flush=True)


if __name__ == "__main__":
    main()
