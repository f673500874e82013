"""What a WhatIf sends to the browser: the fills that there are, answers, and what equal areas elsewhere do."""

from __future__ import annotations

import importlib.util
import io
from typing import Any

import numpy as np
from PIL import Image

from detxai_nb.detections import are_classes
from detxai_nb.interventions.controls import PLACES
from detxai_nb.interventions.fill import FILLS
from detxai_nb.interventions.intervention import BESIDE, Intervention, says
from detxai_nb.widgets.shared.serialize import pack_objects
from detxai_nb.widgets.shared.traits import Choice
from detxai_nb.widgets.what_if_steps import Question

VIEWS = ("before", "now")
"""What the picture shows."""
MOVED = 0.9
"""A box has moved if its IoU with the one before is below this."""
_TITLES = {
    "blur": "Blur",
    "mean": "Mean colour",
    "noise": "Noise",
    "biharmonic": "Inpainting, biharmonic",
    "telea": "Inpainting, Telea",
    "moved": "Pixels from elsewhere",
    "picture": "Pixels of another picture",
}
_LIBRARIES = {"biharmonic": ("skimage", "scikit-image"), "telea": ("cv2", "OpenCV")}
FEW_PIXELS = 2**16
"""A region whose box has no more pixels than this is sent as it is."""
RANDOM = ("noise", "moved")
"""Fills that the seed changes."""


class WhatIfFill(Choice):
    """The name of a fill that can be taken here."""

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        missing = {one["name"]: one["missing"] for one in owner._fills}
        if isinstance(value, str) and missing.get(value):
            return self._sentence(f"cannot be {value!r} here, since {missing[value]}", value)
        return super().problem(owner, value)


def fills_offered(picture: bool) -> list[dict[str, str]]:
    """Return all fills, with the reason where one cannot be taken.

    Args:
        picture: whether the widget was given another picture.

    Returns:
        "name", "title" and "missing" of each; "missing" is "" for those that can be taken.
    """
    offered = []
    for name in FILLS:
        missing = ""
        module, library = _LIBRARIES.get(name, ("", ""))
        if module and importlib.util.find_spec(module) is None:
            missing = f'{library} is not installed: pip install "detxai-nb[interventions]"'
        elif name == "picture" and not picture:
            missing = "no other picture was given: WhatIf(..., picture=...)"
        offered.append({"name": name, "title": _TITLES[name], "missing": missing})
    return offered


def step_title(one: Intervention, question: Question) -> str:
    """Return what happened, in words.

    Args:
        one: the answer.
        question: what was asked.

    Returns:
        Such as "Stroke, blur: #2 apple 0.54 to 0.39".
    """
    asked = f"{question.drawn.title.capitalize()}, {question.fill.name}"
    if one.about is None:
        return f"{asked}: on no object"
    number = "" if are_classes(one.detections) else f"#{one.about} "
    return f"{asked}: {number}{says(one, one.about)}"


def answer_payload(one: Intervention, question: Question) -> dict[str, Any]:
    """Return an answer for the browser.

    Args:
        one: the answer.
        question: what was asked.

    Returns:
        "number" of the question and "about"; "rows": for each object its score before and now, the class that is
        highest now and its score, the box now (None where there is none), its IoU with that before, whether it is
        still reported, has moved or has changed its class, and the score of a higher report from beside, or None;
        "appeared" and "went" (of what is not asked about); "shapes" and the region's "bounds" and bits; "patch": the
        new pixels, where the others are transparent: RGBA bytes if they are few ("raw"), which a browser draws at once,
        else PNG.
    """
    names, whole = one.detections.names, are_classes(one.detections)
    ious, boxes, reported = one.box_iou.tolist(), one.after.boxes.tolist(), one.found_scores.tolist()
    rows = []
    for row in range(len(one)):
        has_box = not whole and all(np.isfinite(boxes[row]))
        rows.append(
            {
                "before": float(one.before.scores[row]),
                "now": float(one.after.scores[row]),
                "label": str(names[int(one.after.labels[row])]),
                "label_score": float(one.after.label_scores[row]),
                "changed": bool(one.changed_class[row]),
                "kept": bool(one.kept[row]),
                "beside": reported[row] if reported[row] > float(one.after.scores[row]) + BESIDE else None,
                "box": boxes[row] if has_box else None,
                "iou": ious[row] if has_box else None,
                "moved": bool(has_box and ious[row] < MOVED),
            }
        )
    known = {(label, *box) for label, box in zip(one.detections.labels.tolist(), one.detections.boxes.tolist())}
    went = pack_objects(one.went)
    others = [
        thing
        for thing, label, box in zip(went, one.went.labels.tolist(), one.went.boxes.tolist())
        if (label, *box) not in known
    ]
    x1, y1, x2, y2 = one.region.bounds
    return {
        "number": question.number,
        "about": one.about,
        "fill": _TITLES[question.fill.name],
        "region": question.drawn.title,
        "shapes": [dict(shape) for shape in question.drawn.shapes],
        "rows": rows,
        "appeared": [_plain(thing) for thing in pack_objects(one.appeared)],
        "went": [_plain(thing) for thing in others],
        "area": one.region.area,
        "area_share": one.region.area / one.region.mask.size,
        "bounds": [x1, y1, x2, y2],
        "bits": np.packbits(one.region.mask[y1:y2, x1:x2]).tobytes(),
        **_patch(one),
    }


def controls_payload(one: Intervention) -> dict[str, Any]:
    """Return what equal areas elsewhere do, for the browser.

    Args:
        one: an answer with controls.

    Returns:
        For each place how many controls it has, what each object loses on average (None where there is none), and
        whether all of them have the region's shape.
    """
    places = np.array(one.controls.places, dtype=object)
    alike = np.array(one.controls.same_shape, dtype=bool)
    packed: dict[str, Any] = {}
    for place in PLACES:
        count = int((places == place).sum())
        lost = one.control_lost(place).tolist() if count else [None] * len(one)
        packed[place] = {"count": count, "lost": lost, "same": bool(alike[places == place].all())}
    return packed


def _plain(thing: dict[str, Any]) -> dict[str, Any]:
    """A detection of a changed picture, which has no number among the objects."""
    return {name: value for name, value in thing.items() if name != "number"}


def _patch(one: Intervention) -> dict[str, Any]:
    x1, y1, x2, y2 = one.region.bounds
    alpha = one.region.mask[y1:y2, x1:x2, None] * np.uint8(255)
    pixels = np.concatenate([one.picture[y1:y2, x1:x2], alpha], axis=2)
    if alpha.size <= FEW_PIXELS:
        return {"patch": pixels.tobytes(), "raw": True}
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return {"patch": file.getvalue(), "raw": False}
