"""The check of boxes: they move with the picture and turn around with its mirror image, in pixels of the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.doctor.estimate import MedianEstimate
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


def check_box_frame(patient: Patient) -> CheckResult:
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
    readings = dict(READINGS)
    if (placed := _input_pixels(patient)) is not None:
        readings[INPUT] = placed
    shares = {name: _share(views, read) for name, read in readings.items()}
    objects = _count(views)
    if objects < FEWEST:
        raise NotChecked(f"there are {objects} objects to follow", "take pictures with two objects or more")
    own = shares.pop(RIGHT)
    other = max(shares, key=lambda name: shares[name])
    x, y, offset = _motion(views)
    measured: dict[str, Value] = {"objects": objects, "share that moves with the picture": own}
    measured |= {"best other reading": other, "its share": shares[other]}
    measured |= {"movement in x": x.known, "movement in y": y.known, "offset in x": offset.known}
    if own < AGREE <= shares[other] and shares[other] > own + BETTER:
        said = f"boxes move and turn as {other} ({shares[other]:.0%} of them; as {RIGHT} {own:.0%})"
        remedy = _REMEDIES.get(other, "convert them to xyxy in pixels")
        return CheckResult("boxes", WRONG, said, measured, _MEANS, remedy)
    if (displaced := _displaced(x, y, offset)) is not None:
        return CheckResult("boxes", WRONG, displaced[0], measured, _MEANS, displaced[1])
    if own >= AGREE:
        said = f"{own:.0%} of {objects} objects move and turn with the picture, in its pixels"
        return CheckResult("boxes", OK, said, measured)
    verdict = WRONG if own < DISAGREE else SUSPICIOUS
    said = f"only {own:.0%} of {objects} objects move and turn with the picture, and no other reading explains it"
    return CheckResult("boxes", verdict, said, measured, _MEANS, "draw them: dx.plots.plot_detections(image, found)")


_MEANS = "boxes are not where the objects are: maps, metrics and pictures pair them with the wrong place"
_REMEDIES = {
    INPUT: "scale them back: placement.boxes_to_image(boxes), or hand them on in pixels of the picture",
    "xyxy in shares of the picture's size": "multiply x by the picture's width and y by its height",
}


def _displaced(x: MedianEstimate, y: MedianEstimate, offset: MedianEstimate) -> tuple[str, str] | None:
    """What is wrong with boxes that move too much or too little or lie to one side, and the remedy; None if nothing."""
    if x.beyond(1, SLOPE) or y.beyond(1, SLOPE):
        said = f"where the picture moves by 1, boxes move by {x.median:.2f} in x and {y.median:.2f} in y"
        return said, "scale boxes back by the factor of each axis with which the picture was resized"
    if offset.median is not None and offset.beyond(0, SHIFT):
        side = "right" if offset.median > 0 else "left"
        said = f"boxes lie {abs(offset.median):.1%} of the picture's width too far to the {side}"
        return said, "subtract the padding before boxes are scaled back"
    return None


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


def _count(views: Sequence[Views]) -> int:
    """The number of objects to follow."""
    return sum(len(_sure(one.found[0])) for one in views)


def _share(views: Sequence[Views], read: Reading) -> float:
    """The share of the evidence that moves and turns with the picture as it should, in one reading."""
    kept = total = 0.0
    for one in views:
        first, second, turned = one.found
        own = _sure(first)
        boxes, moved, back = (read(found.boxes.double(), one.size) for found in (own, second, turned))
        moved, back = moved + moved.new_tensor([*one.move, *one.move]), mirrored(back, one.size[1])
        inside = _inside(boxes, one)
        for row in range(len(own)):
            score = float(own.scores[row])
            there = _overlap(boxes[row], back, own, turned, row) > SAME
            there = there and (not all(inside[row]) or _overlap(boxes[row], moved, own, second, row) > SAME)
            total, kept = total + score, kept + score * there
    return kept / total if total else 0.0


def _inside(boxes: Tensor, views: Views) -> list[tuple[bool, bool]]:
    """Whether each box lies, in x and in y, in the part that both crops show."""
    right, down = views.move
    height, width = views.size
    low, high = boxes[:, :2], boxes[:, 2:]
    margin = MARGIN * width
    start, end = boxes.new_tensor([right, down]) + margin, boxes.new_tensor([width, height]) - margin
    return [(x, y) for x, y in ((low >= start) & (high <= end)).tolist()]


def _overlap(box: Tensor, others: Tensor, own: Detections, found: Detections, row: int) -> float:
    """The largest IoU of a box with those of its class in another view."""
    alike = found.labels == own.labels[row]
    if not bool(alike.any()):
        return 0.0
    return float(box_iou(box[None], others[alike]).nan_to_num(0.0).max())


def _motion(views: Sequence[Views]) -> tuple[MedianEstimate, MedianEstimate, MedianEstimate]:
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
            change = (own.boxes[row] - second.boxes[other]).double()
            for axis in (0, 1):
                if inside[row][axis]:
                    slopes[axis].append(float((change[axis] + change[axis + 2]) / 2 / one.move[axis]))
        for row, other in _nearest(own, turned, back):
            middle = own.boxes[row, [0, 2]].double().mean() - back[other, [0, 2]].mean()
            offsets.append(float(middle) / 2 / width)
    x, y = (MedianEstimate.of(values) for values in slopes)
    return x, y, MedianEstimate.of(offsets)


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
