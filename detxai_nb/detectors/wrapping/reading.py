"""What a function of somebody else's found in a picture, checked and brought into one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detection_rows import as_values, require_predictions
from detxai_nb.detectors.base import gather_detections
from detxai_nb.geometry import Placement
from detxai_nb.names import ClassNames, as_names
from detxai_nb.types import Detections

FIELDS = ("boxes", "scores", "labels", "class_scores", "objectness")
_NEEDED = 3


class PredictionReader:
    """Reads the predictions of a function into Detections.

    Args:
        names: the name of each class: a list, or a dict {number: name}.
        device: where the results are kept.
        whose: the function's name, for the messages.

    Raises:
        TypeError: if ``names`` are no list or dict of texts.
        ValueError: if ``names`` is empty.
    """

    def __init__(self, names: ClassNames, device: torch.device, whose: str = "predict") -> None:
        self.names = as_names(names, owner="a black-box detector")
        self.device = device
        self.whose = whose
        self._numbers = {int(key) for key in names} if isinstance(names, Mapping) else set(range(len(self.names)))

    def read(
        self,
        answer: Any,
        placement: Placement,
        threshold: float,
        select: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
        **about: Any,
    ) -> Detections:
        """Return what a function found as Detections.

        Args:
            answer: boxes, scores, labels and the rest, as ``wrap_predict`` says.
            placement: where the image lies in what the boxes are measured in.
            threshold: the lowest score to report.
            select: picks among those that pass the threshold: from boxes ``[N,4]``, scores ``[N]`` and labels ``[N]``
                to row numbers; None takes all.
            **about: further fields of ``Detections``; tensors have a row for each box of the answer.

        Returns:
            The detections, sorted by falling score, with boxes in pixels of the image, clipped to it.

        Raises:
            ValueError: if the answer has another form, size or range.
        """
        found = {name: self._tensor(name, value) for name, value in self._parts(answer).items()}
        count = require_predictions(found, self.names, self.whose)
        for name in ("scores", "class_scores", "objectness"):
            if name in found:
                found[name] = found[name].clamp(0, 1)
        first, second = found["boxes"][:, :2], found["boxes"][:, 2:]
        found["boxes"] = torch.cat([first, torch.maximum(first, second)], dim=1)
        found["labels"] = found["labels"].long()
        if unknown := sorted(set(found["labels"].tolist()) - self._numbers):
            raise ValueError(
                f"{self.whose} returned the label {unknown[0]}, which names does not hold: it has the class numbers "
                f"{', '.join(map(str, sorted(self._numbers)[:9]))}; do both count from the same number?"
            )
        for name, value in about.items():
            if isinstance(value, Tensor) and len(value) != count:
                raise ValueError(f"{self.whose}'s {name} have {len(value)} rows for {count} boxes; expected as many")
        highest = {"highest_score": float(found["scores"].max()) if count else None, **about}.pop("highest_score")
        rows = {**found, **{name: value for name, value in about.items() if name != "highest_score"}}
        keep = (found["scores"] >= threshold).nonzero()[:, 0]
        if select is not None:
            keep = keep[select(found["boxes"][keep], found["scores"][keep], found["labels"][keep])]
        rows = {name: value[keep] if isinstance(value, Tensor) else value for name, value in rows.items()}
        return gather_detections(
            placement,
            rows.pop("boxes"),
            rows.pop("scores"),
            rows.pop("labels"),
            self.names,
            highest_score=highest,
            score_threshold=threshold,
            **rows,
        )

    def _tensor(self, name: str, value: Any) -> Tensor:
        """The value on the device, float32 (labels as they come), an empty one of the shape that it should have."""
        tensor = as_values(value, f"{self.whose}'s {name}").to(self.device)
        if tensor.numel() == 0 and tensor.ndim < 2:
            shapes = {"boxes": (0, 4), "class_scores": (0, len(self.names))}
            tensor = tensor.reshape(shapes.get(name, (0,)))
        return tensor if name == "labels" else tensor.float()

    def _parts(self, answer: Any) -> dict[str, Any]:
        """The fields of an answer by name, without those that are None."""
        if isinstance(answer, Mapping):
            found = {name: answer[name] for name in FIELDS if name in answer}
        elif isinstance(answer, (tuple, list)):
            if not _NEEDED <= len(answer) <= len(FIELDS):
                raise ValueError(
                    f"{self.whose} returned {len(answer)} things; expected ({', '.join(FIELDS[:_NEEDED])}), "
                    f"then if it has them {' and '.join(FIELDS[_NEEDED:])}"
                )
            found = dict(zip(FIELDS, answer))
        else:
            found = {name: getattr(answer, name) for name in FIELDS if hasattr(answer, name)}
        found = {name: value for name, value in found.items() if value is not None}
        missing = [name for name in FIELDS[:_NEEDED] if name not in found]
        if missing:
            raise ValueError(
                f"{self.whose} returned a {type(answer).__name__} without {', '.join(missing)}; "
                f"expected {', '.join(FIELDS[:_NEEDED])} as a dict, an object or a tuple"
            )
        return found
