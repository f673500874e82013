"""Detections from other libraries and for them: supervision, torchvision and transformers, Ultralytics, COCO results.

The functions here are methods of ``Detections``. A library is imported where one of its own objects is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.arrays import plain_array
from detxai_nb.detection_rows import ROWS, as_values, require_predictions
from detxai_nb.geometry import Placement
from detxai_nb.names import ClassNames, as_names, class_number

if TYPE_CHECKING:
    from detxai_nb.types import Detections

__all__ = ["from_supervision", "from_torchvision", "from_ultralytics", "to_coco", "to_supervision"]

_OURS = "detxai_nb."
"""Begins the names of what this package keeps in the ``data`` of supervision's detections."""
_ORIGIN = re.compile(r"detxai_nb\.origins\.\d+\.")
_KEPT = tuple(name for name in ROWS if name not in ("boxes", "scores", "labels", "origins", "polygons"))
_CORNERS = "xyxyxyxy"
"""Where supervision keeps the corners ``[N,4,2]`` of oriented boxes."""
_FROM_BOXES = "for boxes without scores: dx.detections.from_boxes(detector, image, boxes, labels)"


def from_supervision(
    cls: type[Detections],
    found: Any,
    names: ClassNames | None = None,
    *,
    image_size: tuple[int, int] | None = None,
) -> Detections:
    """Take the detections of one image from supervision.

    Masks, tracker ids and other data stay behind. What ``to_supervision`` put there (class scores, origins, numbers)
    comes back, so that detections that were filtered or sorted by supervision can be explained.

    Args:
        found: a ``supervision.Detections`` with class ids or class names, and confidences.
        names: the name of each class: a list, or a dict {number: name}; None: those that ``found`` holds as
            ``data["class_name"]``, with "class 3" for a number that has none.
        image_size: (height, width) of the image in pixels, to which boxes are then clipped; None if unknown.

    Returns:
        Detections on the CPU, sorted by falling confidence. To explain those of another detector, or after its own
        boxes were changed, take the detector's nearest: ``dx.detections.from_boxes(detector, image, detections)``.

    Raises:
        TypeError: for anything else than supervision's detections of one image.
        ValueError: if confidences or classes are missing, the names and numbers of classes do not agree, or boxes,
            scores or labels cannot be those of an image of this size.
    """
    if isinstance(found, (list, tuple)) or not all(hasattr(found, name) for name in ("xyxy", "confidence", "class_id")):
        raise TypeError(f"from_supervision takes the supervision.Detections of one image, got {_described(found)}")
    data: Mapping[str, Any] = getattr(found, "data", None) or {}
    called = data.get("class_name")
    texts = None if called is None else [str(name) for name in called]
    if found.confidence is None and len(found.xyxy):
        raise ValueError(f"supervision's detections have no confidence, which is the score here; {_FROM_BOXES}")
    labels, known = _classes(found.class_id, texts, names, len(found.xyxy))
    given = {"boxes": found.xyxy, "scores": [] if found.confidence is None else found.confidence, "labels": labels}
    kept = {name: data[f"{_OURS}{name}"] for name in _KEPT if f"{_OURS}{name}" in data}
    if data.get(_CORNERS) is not None:
        kept["polygons"] = np.asarray(data[_CORNERS], dtype=np.float32)
    # Supervision's own functions may change the order of what is in ``data``: the columns are numbered.
    columns = sorted((key for key in data if _ORIGIN.match(key)), key=lambda key: int(key.split(".")[2]))
    if columns:
        kept["origins"] = np.stack([np.asarray(data[key]) for key in columns], axis=1)
    fields = tuple(field for key in columns if (field := key.split(".", 3)[3]))
    scores = kept.get("class_scores")
    if scores is not None and len(scores) and np.shape(scores)[1:] != (len(known),):
        raise ValueError(
            f"these detections hold scores of {np.shape(scores)[1]} classes, and {len(known)} names are known; hand in "
            "names=detector.names"
        )
    return _gathered(cls, {**given, **kept}, known, image_size, "supervision", origin_fields=fields)


def to_supervision(self: Detections) -> Any:
    """Hand the detections to supervision.

    Returns:
        A ``supervision.Detections`` with NumPy arrays: ``xyxy`` in pixels of the image, ``confidence``, ``class_id``
        and ``data["class_name"]``; of oriented boxes their corners as ``data["xyxyxyxy"]``. What supervision has no
        place for (class scores, objectness, origins, numbers) is kept in ``data`` under names that begin with
        "detxai_nb.", for the way back by ``from_supervision``.

    Raises:
        ImportError: if supervision is not installed.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> found = detector.detect([image])[0]
        >>> tall = found.to_supervision()  # doctest: +SKIP
        >>> tall = tall[tall.box_aspect_ratio < 1]  # doctest: +SKIP
        >>> own = dx.Detections.from_supervision(tall, detector.names, image_size=image.shape[:2])  # doctest: +SKIP
        >>> maps = dx.explain(detector, image, own)  # doctest: +SKIP
    """
    try:
        import supervision
    except ImportError as error:
        raise ImportError(
            f"to_supervision makes supervision's detections, and it cannot be imported ({error}): "
            "pip install supervision"
        ) from error
    data: dict[str, Any] = {"class_name": np.array(self.label_names(), dtype=str)}
    for name in _KEPT:
        if (value := getattr(self, name)) is not None:
            data[f"{_OURS}{name}"] = plain_array(value, name)
    if self.polygons is not None:
        data[_CORNERS] = plain_array(self.polygons, "polygons")
    if self.origins is not None:
        columns = self.origin_fields or ("",) * self.origins.shape[1]
        for number, (column, values) in enumerate(zip(columns, plain_array(self.origins, "origins").T)):
            data[f"{_OURS}origins.{number}.{column}"] = values
    return supervision.Detections(
        xyxy=plain_array(self.boxes, "boxes").reshape(-1, 4),
        confidence=plain_array(self.scores, "scores"),
        class_id=plain_array(self.labels, "labels").astype(int),
        data=data,
    )


def from_torchvision(
    cls: type[Detections], found: Any, names: ClassNames, *, image_size: tuple[int, int] | None = None
) -> Detections:
    """Take the detections of one image from a result of torchvision's detectors.

    The results of transformers' ``post_process_object_detection`` have the same form.

    Args:
        found: a dict with "boxes" ``[N,4]``, xyxy in pixels of the image, "scores" ``[N]`` and "labels" ``[N]``, such
            as ``module([tensor])[0]``; masks and keypoints stay behind.
        names: the name of each class number, the background (0) included as in ``weights.meta["categories"]``; or a
            dict {number: name} such as ``config.id2label``.
        image_size: (height, width) of the image in pixels, to which boxes are then clipped; None if unknown.

    Returns:
        Detections on the CPU, sorted by falling score.

    Raises:
        TypeError: for anything else than the result of one image, or names that are no list or dict of texts.
        ValueError: if scores are missing, or boxes, scores or labels cannot be those of an image of this size.

    Example:
        >>> import torch
        >>> result = {
        ...     "boxes": torch.tensor([[2.0, 1.0, 9.0, 8.0]]),
        ...     "scores": torch.tensor([0.9]),
        ...     "labels": torch.tensor([1]),
        ... }
        >>> from detxai_nb import Detections
        >>> Detections.from_torchvision(result, ["__background__", "cat"], image_size=(10, 12))
        Detections(1: cat 0.90)
    """
    if not isinstance(found, Mapping):
        raise TypeError(
            f"from_torchvision takes the dict of one image with boxes, scores and labels, got {_described(found)}"
        )
    if missing := [name for name in ("boxes", "scores", "labels") if name not in found]:
        there = ", ".join(map(repr, found)) or "nothing"
        raise ValueError(f"the result has no {' and no '.join(missing)}, it holds {there}; {_FROM_BOXES}")
    given = {name: found[name] for name in ("boxes", "scores", "labels")}
    return _gathered(cls, given, as_names(names, owner="torchvision's detector"), image_size, "torchvision")


def from_ultralytics(cls: type[Detections], found: Any) -> Detections:
    """Take the detections of one image from a result of Ultralytics' predictors.

    Args:
        found: an ``ultralytics`` result with boxes, upright or oriented, such as ``model(path)[0]``; masks and
            keypoints stay behind.

    Returns:
        Detections on the CPU, sorted by falling score, with the result's names and image size.

    Raises:
        TypeError: for anything else than the result of one image.
        ValueError: for a result without boxes, such as those of classification.
    """
    if isinstance(found, (list, tuple)) or not all(hasattr(found, name) for name in ("boxes", "names", "orig_shape")):
        raise TypeError(f"from_ultralytics takes the result of one image, got {_described(found)}")
    size = (int(found.orig_shape[0]), int(found.orig_shape[1]))
    turned = getattr(found, "obb", None)
    boxes = found.boxes if turned is None else turned
    if boxes is None:
        raise ValueError(
            "this result has no boxes (it is one of classification or segmentation alone), and detections here are "
            "boxes"
        )
    given = {"boxes": boxes.xyxy, "scores": boxes.conf, "labels": boxes.cls}
    if turned is not None:
        # As this package has them: clockwise as drawn, the first one top left before the box is turned.
        given["polygons"] = turned.xyxyxyxy[:, [2, 1, 0, 3]]
    return _gathered(cls, given, as_names(found.names, owner="Ultralytics' detector"), size, "Ultralytics")


def to_coco(
    self: Detections, image_id: int | str, categories: Mapping[str, int] | Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the detections as results in COCO format, which ``json.dump`` and ``COCO.loadRes`` take.

    Args:
        image_id: the id of the image in the annotation file.
        categories: the number of each category by its name; or the list "categories" of an annotation file, such as
            ``dx.data.coco.CocoDataset(file).coco["categories"]``.

    Returns:
        For each detection, in their order: "image_id", "category_id", "bbox" [x, y, width, height] in pixels of the
        image, and "score"; of oriented boxes also "segmentation", their one polygon [x1, y1, x2, y2, ...].

    Raises:
        TypeError: if the image's id is neither a whole number nor a text, or categories have another form.
        ValueError: if a class that was detected has no category.

    Example:
        >>> import torch
        >>> from detxai_nb import Detections
        >>> boxes = torch.tensor([[2.0, 1.0, 9.0, 8.0]])
        >>> found = Detections(boxes, torch.tensor([0.5]), torch.tensor([0]), ("cat",))
        >>> found.to_coco(7, {"cat": 17})
        [{'image_id': 7, 'category_id': 17, 'bbox': [2.0, 1.0, 7.0, 7.0], 'score': 0.5}]
    """
    if isinstance(image_id, np.integer):
        image_id = int(image_id)
    if isinstance(image_id, bool) or not isinstance(image_id, (int, str)):
        raise TypeError(f"image_id is a whole number or a text, as in the annotation file; got {image_id!r}")
    numbers = _category_numbers(categories)
    known = tuple(numbers)
    for name in dict.fromkeys(self.label_names()):
        if name not in numbers:
            try:
                class_number(name, known, "the list of categories")
                near = f"the list of categories writes {name!r} in other capitals"
            except ValueError as error:
                near = str(error)
            raise ValueError(
                f"{near}. Hand in its number by the detector's own name, {{name: number}}, or leave such detections out"
            )
    found = []
    for name, score, box in zip(self.label_names(), self.scores.tolist(), self.boxes.tolist()):
        x1, y1, x2, y2 = box
        bbox = [x1, y1, x2 - x1, y2 - y1]
        found.append({"image_id": image_id, "category_id": numbers[name], "bbox": bbox, "score": score})
    if self.polygons is not None:
        for one, corners in zip(found, self.polygons.flatten(1).tolist()):
            one["segmentation"] = [corners]
    return found


def _category_numbers(categories: Any) -> dict[str, int]:
    """The number of each category by its name."""
    if isinstance(categories, Mapping):
        pairs = list(categories.items())
    elif isinstance(categories, Sequence) and all(isinstance(one, Mapping) for one in categories):
        pairs = [(one.get("name"), one.get("id")) for one in categories]
    else:
        raise TypeError(
            "categories are {name: number}, or the list of an annotation file with a dict of 'id' and 'name' each; "
            f"got {_described(categories)}"
        )
    numbers: dict[str, int] = {}
    for name, number in pairs:
        whole = int(number) if isinstance(number, np.integer) else number
        if not isinstance(name, str) or isinstance(whole, bool) or not isinstance(whole, int):
            raise TypeError(f"a category is a text with a whole number, got {name!r} with {number!r}")
        if numbers.setdefault(name, whole) != whole:
            raise ValueError(
                f"two categories are called {name!r}, {numbers[name]} and {whole}: which of them is meant cannot be "
                "told; hand in {name: number}"
            )
    return numbers


def _classes(
    numbers: Any, texts: list[str] | None, names: ClassNames | None, count: int
) -> tuple[Any, tuple[str, ...]]:
    """Labels and names of supervision's detections: the numbers if there are any, else those of the texts."""
    known = None if names is None else as_names(names, owner="from_supervision")
    if numbers is None and texts is None and count:
        raise ValueError(
            'supervision\'s detections have neither class_id nor data["class_name"], so nothing says of what they are; '
            "set class_id"
        )
    if numbers is None:
        texts = texts or []
        known = known or tuple(dict.fromkeys(texts)) or ("class 0",)
        return [class_number(text, known, "names") for text in texts], known
    labels = [int(number) for number in numbers]
    if texts is None or len(texts) != len(labels):
        if known is None and labels:
            raise ValueError('supervision\'s detections hold no data["class_name"]; hand in names, such as model.names')
        return labels, known or ("class 0",)
    said = dict(zip(labels, texts))
    twice = [(label, text) for label, text in zip(labels, texts) if said[label] != text]
    if known is None and twice:
        label, text = twice[0]
        raise ValueError(f"supervision's class {label} is called both {text!r} and {said[label]!r}; hand in names")
    if known is None:
        return labels, as_names(said or {0: "class 0"}, owner="from_supervision")
    for label, text in zip(labels, texts):
        if 0 <= label < len(known) and known[label] != text:
            raise ValueError(
                f"supervision's class {label} is called {text!r}, and names[{label}] is {known[label]!r}: do both "
                "count from the same number, the background included?"
            )
    return labels, known


def _gathered(
    cls: type[Detections],
    given: Mapping[str, Any],
    names: tuple[str, ...],
    image_size: tuple[int, int] | None,
    whose: str,
    **about: Any,
) -> Detections:
    """Detections of what another library found, checked, clipped and sorted."""
    size = _as_size(image_size)
    found = {name: as_values(value, f"{whose}'s {name}").cpu() for name, value in given.items() if value is not None}
    whole = {"labels", "origins", "numbers"}
    for name, value in found.items():
        if name not in whole:
            value = value if value.dtype == torch.float64 else value.float()
        if not value.numel() and value.ndim < 2:
            value = value.reshape({"boxes": (0, 4), "class_scores": (0, len(names))}.get(name, (0,)))
        found[name] = value
    predicted = ("boxes", "scores", "labels", "class_scores", "objectness")
    require_predictions({name: found[name] for name in predicted if name in found}, names, whose)
    for name in whole & set(found):
        found[name] = found[name].long()
    for name in ("scores", "class_scores", "objectness"):
        if name in found:
            found[name] = found[name].clamp(0, 1)
    boxes = _in_image(found["boxes"], size, whose)
    found["boxes"] = torch.cat([boxes[:, :2], torch.maximum(boxes[:, :2], boxes[:, 2:])], dim=1)
    order = found["scores"].argsort(descending=True, stable=True)
    found.setdefault("numbers", order.argsort())
    rows: dict[str, Any] = {name: value[order] for name, value in found.items()}
    return cls(**rows, names=names, image_size=size, **about)


def _as_size(size: Any) -> tuple[int, int] | None:
    """The size of an image as two whole numbers, or None."""
    if size is None:
        return None
    sides = tuple(size) if isinstance(size, (tuple, list, torch.Size)) else ()
    if len(sides) != 2 or not all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in sides):
        told = f"something of shape {list(size.shape)}" if hasattr(size, "shape") else repr(size)
        raise TypeError(f"image_size is (height, width) in whole pixels, as image.shape[:2]; got {told}")
    height, width = map(int, sides)
    if min(height, width) < 1:
        raise ValueError(f"image_size is (height, width), each at least 1; got {(height, width)}")
    return height, width


def _in_image(boxes: Tensor, size: tuple[int, int] | None, whose: str) -> Tensor:
    """Boxes clipped to the image of this size, if it is known; an error where they cannot be in its pixels."""
    if len(boxes) and bool((boxes.abs() <= 1).all()) and (size is None or min(size) > 2):
        raise ValueError(
            f"all {len(boxes)} of {whose}'s boxes lie within the first pixel: they look like shares of the image's "
            "size; multiply x by its width and y by its height"
        )
    if size is None:
        return boxes
    height, width = size
    x1, y1, x2, y2 = boxes.unbind(1)
    outside = (x2 < 0) | (y2 < 0) | (x1 > width) | (y1 > height)
    if bool(outside.any()):
        row = int(outside.nonzero()[0])
        corners = ", ".join(f"{side:.1f}" for side in boxes[row].tolist())
        raise ValueError(
            f"{whose}'s box {row}, ({corners}), lies outside the image of {width}x{height} pixels; image_size is "
            "(height, width), and boxes are in pixels of that image, not of a resized one"
        )
    return Placement.identity(height, width).clip(boxes)


def _described(found: Any) -> str:
    """What was handed in, and of a list what to do with it."""
    told = f"a {type(found).__name__}"
    if isinstance(found, (list, tuple)) and found:
        return f"{told} of {len(found)}, one for each image: take one, such as results[0]"
    return told
