"""The check of boxes: they move with the picture and turn around with its mirror image, in pixels of the picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.doctor.pairs import SAME, mirrored
from detxai_nb.doctor.patient import CONFIDENT, Patient
from detxai_nb.doctor.result import OK, SUSPICIOUS, WRONG, CheckResult, NotChecked, Value
from detxai_nb.doctor.views import Views, make_views
from detxai_nb.types import Detections

SCALES = (1.0, 1.5)
"""How much pictures are enlarged: boxes in pixels of the network's input stay as they are then."""
MOST = 3
"""How many pictures are looked at."""
FEWEST = 3
"""How many objects it takes at least; one that is seen in both sizes counts twice."""
AGREE, DISAGREE = 0.5, 0.25
"""The share of the evidence that moves as it should: at least this where boxes are right, at most that where wrong."""
BETTER = 0.3
"""By how much larger the share of another reading has to be."""
SLOPE, SHIFT = 0.1, 0.03
"""Wrong: how far boxes move too much or too little, and how far all lie to one side, as a share of the width."""

SEVERAL, SURE = 4, 3.0
"""How many objects it takes to say so, and how many standard errors."""
MARGIN = 0.02
"""What lies nearer to the end of a crop, as a share of its width, may be cut off there."""

Reading = Callable[[Tensor, tuple[int, int]], Tensor]


def _centred(boxes: Tensor, _: tuple[int, int]) -> Tensor:
    return torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], dim=1)


def _cornered(boxes: Tensor, _: tuple[int, int]) -> Tensor:
    return torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1)


def _shares(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    return boxes * boxes.new_tensor([size[1], size[0], size[1], size[0]])


READINGS: dict[str, Reading] = {
    "xyxy in pixels of the picture": lambda boxes, _: boxes,
    "(centre x, centre y, width, height) in pixels": _centred,
    "(x, y, width, height) in pixels": _cornered,
    "(y1, x1, y2, x2) in pixels": lambda boxes, _: boxes[:, [1, 0, 3, 2]],
    "xyxy in shares of the picture's size": _shares,
    "(centre x, centre y, width, height) in shares of the picture's size": lambda b, s: _centred(_shares(b, s), s),
    "(x, y, width, height) in shares of the picture's size": lambda b, s: _cornered(_shares(b, s), s),
}
"""How four numbers can be meant, by name, the right one first; each returns xyxy in pixels of the picture."""
RIGHT = next(iter(READINGS))
INPUT = "xyxy in pixels of the network's input"


def check_boxes(patient: Patient) -> CheckResult:
    """Check that boxes are xyxy in pixels of the picture, and objects where the detector says.

    The detector looks at two crops of a picture, one moved against the other, and at a mirror image, in two sizes.
    Boxes have to move by as many pixels as the picture, and to turn around with it. Other readings of the four numbers,
    such as centre and size, are tried too. An offset of all boxes downwards cannot be seen this way.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: for a classifier, and if there are too few objects.
    """
    patient.require_boxes()
    patient.require_probabilities()
    views = [make_views(picture, patient.detect, scale) for picture in patient.pictures[:MOST] for scale in SCALES]
    shares = {name: _share(views, read) for name, read in READINGS.items()}
    if (placed := _input_pixels(patient)) is not None:
        shares[INPUT] = _share(views, placed)
    own, objects = shares[RIGHT]
    if objects < FEWEST:
        raise NotChecked(f"there are {objects} objects to follow", "take pictures with two objects or more")
    best = max(shares, key=lambda name: shares[name][0])
    x, y, offset = _motion(views)
    measured: dict[str, Value] = {
        "objects": objects,
        "share that moves with the picture": own,
        "best other reading": max((name for name in shares if name != RIGHT), key=lambda name: shares[name][0]),
        "its share": max(share for name, (share, _) in shares.items() if name != RIGHT),
        "movement in x": x.median,
        "movement in y": y.median,
        "offset in x": offset.median,
    }
    means = "boxes are not where the objects are: maps, metrics and pictures pair them with the wrong place"
    if own < AGREE and shares[best][0] > own + BETTER:
        said = f"boxes move and turn as {best} ({shares[best][0]:.0%} of them; as {RIGHT} {own:.0%})"
        return CheckResult("boxes", WRONG, said, measured, means, _REMEDIES.get(best, "convert them to xyxy in pixels"))
    if x.differs(1, SLOPE) or y.differs(1, SLOPE):
        said = f"where the picture moves by 1, boxes move by {x.median:.2f} in x and {y.median:.2f} in y"
        remedy = "scale boxes back by the factor of each axis with which the picture was resized"
        return CheckResult("boxes", WRONG, said, measured, means, remedy)
    if offset.median is not None and offset.differs(0, SHIFT):
        side = "right" if offset.median > 0 else "left"
        said = f"boxes lie {abs(offset.median):.1%} of the picture's width too far to the {side}"
        return CheckResult("boxes", WRONG, said, measured, means, "subtract the padding before boxes are scaled back")
    if own >= AGREE:
        said = f"{own:.0%} of {objects} objects move and turn with the picture, in its pixels"
        return CheckResult("boxes", OK, said, measured)
    verdict = WRONG if own < DISAGREE else SUSPICIOUS
    said = f"only {own:.0%} of {objects} objects move and turn with the picture, and no other reading explains it"
    return CheckResult("boxes", verdict, said, measured, means, "draw them: maps.plot(), or dx.plots.plot_detections")


_REMEDIES = {
    INPUT: "scale them back: placement.boxes_to_image(boxes), or hand them on in pixels of the picture",
    "xyxy in shares of the picture's size": "multiply x by the picture's width and y by its height",
}


def _input_pixels(patient: Patient) -> Reading | None:
    """Boxes read as pixels of the network's input, if it can be seen how large that is; always scaled by one factor."""
    placements: dict[tuple[int, int], Tensor] = {}

    def read(boxes: Tensor, size: tuple[int, int]) -> Tensor:
        if size not in placements:
            trace = patient.white_box().trace(np.zeros((*size, 3), np.uint8))
            y, x = trace.placement.scale
            top, left = trace.placement.offset
            placements[size] = torch.tensor([[left, top, left, top], [x, y, x, y]], dtype=torch.float64)
        offset, factor = placements[size].unbind(0)
        back: Tensor = (boxes - offset) / factor
        return back

    try:
        read(torch.zeros(0, 4, dtype=torch.float64), (patient.pictures[0].shape[0], patient.pictures[0].shape[1]))
    except Exception:  # A black box, or an adapter whose trace fails, which other checks report.
        return None
    return read


def _sure(found: Detections) -> Detections:
    """The detections that can be followed: those that the detector is sure of."""
    return found[found.scores >= CONFIDENT][:20]


def _share(views: Sequence[Views], read: Reading) -> tuple[float, int]:
    """The share of the evidence that moves with the picture as it should, in one reading, and the number of objects."""
    kept = total = 0.0
    objects = 0
    for one in views:
        size = one.size
        first, second, turned = one.found
        own = _sure(first)
        boxes, moved, back = (read(found.boxes.double(), size) for found in (own, second, turned))
        objects += len(own)
        back = mirrored(back, size[1])
        moved = moved + moved.new_tensor([*one.move, *one.move])
        inside = _inside(boxes, one)
        for row in range(len(own)):
            score = float(own.scores[row])
            places = [_overlap(boxes[row], back, own, turned, row)]
            if inside[row]:
                places.append(_overlap(boxes[row], moved, own, second, row))
            total += score
            kept += score * (min(places) > SAME)
    return kept / total if total else 0.0, objects


def _inside(boxes: Tensor, views: Views) -> list[bool]:
    """Whether each box lies in the part that both crops show."""
    right, down = views.move
    height, width = views.size
    low, high = boxes[:, :2], boxes[:, 2:]
    margin = MARGIN * width
    start, end = boxes.new_tensor([right, down]) + margin, boxes.new_tensor([width, height]) - margin
    found: list[bool] = ((low >= start) & (high <= end)).all(dim=1).tolist()
    return found


def _overlap(box: Tensor, others: Tensor, own: Detections, found: Detections, row: int) -> float:
    """The largest IoU of a box with those of its class in another view."""
    alike = found.labels == own.labels[row]
    if not bool(alike.any()):
        return 0.0
    return float(box_iou(box[None], others[alike]).nan_to_num(0.0).max())


@dataclass(frozen=True)
class _Estimate:
    """A median of some values and its uncertainty."""

    median: float | None
    error: float
    count: int

    @classmethod
    def of(cls, values: list[float]) -> _Estimate:
        """The median with its standard error, from the median absolute deviation of normal values."""
        if not values:
            return cls(None, 0.0, 0)
        middle = float(np.median(values))
        spread = 1.4826 * float(np.median(np.abs(np.array(values) - middle)))
        return cls(middle, 1.25 * spread / math.sqrt(len(values)), len(values))

    def differs(self, value: float, least: float) -> bool:
        """Whether it is surely further from a value than that."""
        if self.median is None or self.count < SEVERAL:
            return False
        return abs(self.median - value) > max(least, SURE * self.error)


def _motion(views: Sequence[Views]) -> tuple[_Estimate, _Estimate, _Estimate]:
    """How far boxes move for each pixel that the picture moves, in x and y, and their offset in x.

    The offset is a share of the picture's width.
    """
    slopes: tuple[list[float], list[float]] = ([], [])
    offsets = []
    for one in views:
        first, second, turned = one.found
        own = _sure(first)
        width = one.size[1]
        moved = second.boxes.double() + second.boxes.new_tensor([*one.move, *one.move])
        back = mirrored(turned.boxes.double(), width)
        inside = _inside(own.boxes.double(), one)
        for row, other in _nearest(own, second, moved):
            if inside[row]:
                change = (own.boxes[row] - second.boxes[other]).double()
                for axis in (0, 1):
                    slopes[axis].append(float((change[axis] + change[axis + 2]) / 2 / one.move[axis]))
        for row, other in _nearest(own, turned, back):
            middle = own.boxes[row, [0, 2]].double().mean() - back[other, [0, 2]].mean()
            offsets.append(float(middle) / 2 / width)
    x, y = (_Estimate.of(values) for values in slopes)
    return x, y, _Estimate.of(offsets)


def _nearest(own: Detections, found: Detections, boxes: Tensor) -> list[tuple[int, int]]:
    """Objects found again not far from where they should be: of one class, with some overlap, one to one."""
    pairs: list[tuple[int, int]] = []
    if not len(own) or not len(found):
        return pairs
    overlaps = box_iou(own.boxes.double(), boxes).nan_to_num(0.0)
    overlaps = torch.where(own.labels[:, None] == found.labels[None], overlaps, 0.0)
    for row in range(len(own)):
        best = int(overlaps[row].argmax())
        if float(overlaps[row, best]) > 0.3:
            pairs.append((row, best))
            overlaps[:, best] = 0.0
    return pairs
