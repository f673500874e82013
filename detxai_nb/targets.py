"""What is explained: a class's score, its difference from another class's, or a side of the box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.names import any_class_number

SIDES = ("x1", "y1", "x2", "y2")
COMBINED = ("class", *SIDES)
"""The parts whose maps the target "combined" joins, in this order."""
PARTS = (*COMBINED, "combined")
SCORES = ("prob", "logit", "log-prob")
CONTRASTED = "logit"
"""The score whose difference a contrast explains unless it says otherwise."""

_UNITS = {"prob": "probability", "logit": "logit", "log-prob": "log probability"}
_DIFFERENCES = {
    "prob": "difference of probabilities",
    "logit": "difference of logits",
    "log-prob": "difference of log probabilities",
}


@dataclass(frozen=True, repr=False)
class Target:
    """The scalar of a prediction that is explained.

    ``Target("apple", against="bauble")`` is a contrast: why an apple rather than a bauble. It explains the difference
    of the two classes' scores of the same prediction, by default of their logits. Behind a softmax (Faster R-CNN, SSD,
    DETR, most classifiers) the difference of logits is that of log probabilities, ``log p(a) - log p(b)``. Where each
    class has a sigmoid of its own (FCOS, RetinaNet, YOLOX, Ultralytics' YOLOs, the deformable DETRs) they differ: then
    the logits are the classes' own evidence, and the log probabilities what the detector reports. A factor that both
    share, such as FCOS's centre-ness and YOLOX's objectness, cancels in either.

    Attributes:
        part: "class" (the score of ``label``); one of the box sides "x1", "y1", "x2", "y2" (in the detector's own
            regression space, signed so that a larger value means a larger box); or "combined" (all five, only for
            methods that can join maps). With ``against`` it may be the explained class itself, as in
            ``Target("apple", against="bauble")``.
        score: "prob", the score as the detector reports it; "logit", the class output before its activation;
            "log-prob", the logarithm of "prob". By default "prob", and "logit" for a contrast.
        label: the explained class, its name or index; None (the default) means each prediction's own class.
        against: the class that it is explained against, its name or index; None for none.

    Raises:
        ValueError: for an unknown part or score, a contrast of a box side, or one of a class with itself.
        TypeError: if a class is neither a name, an index nor None.

    Example:
        >>> Target("x1")
        Target(part='x1', score='prob', label=None)
        >>> Target("apple", against="bauble")
        Target(part='class', score='logit', label='apple', against='bauble')
    """

    part: str = "class"
    score: str = None  # type: ignore[assignment]
    label: int | str | None = None
    against: int | str | None = None

    def __post_init__(self) -> None:
        part: Any = self.part
        if self.against is not None and part not in PARTS:
            if self.label is not None:
                raise ValueError(f"two classes are to be explained, {part!r} and {self.label!r}; name one of them")
            self._set(part="class", label=part)
        if self.part not in PARTS:
            raise ValueError(f"unknown target {self.part!r}; known: {', '.join(PARTS)} (a class is named by label)")
        if self.score is None:
            self._set(score=SCORES[0] if self.against is None else CONTRASTED)
        if self.score not in SCORES:
            raise ValueError(f"unknown score {self.score!r}; known: {', '.join(SCORES)}")
        self._set(label=_as_class(self.label, "label"), against=_as_class(self.against, "against"))
        if self.against is None:
            return
        if self.part != "class":
            raise ValueError(
                f"a contrast is between the scores of two classes, and {self.part!r} is none: a box side is the same "
                "whichever class is meant; leave out against, or explain the part 'class'"
            )
        if self.label == self.against:
            raise ValueError(
                f"{self.label!r} is explained against itself, which is a difference of 0; name another class"
            )

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        shown = [f"part={self.part!r}", f"score={self.score!r}", f"label={self.label!r}"]
        return f"Target({', '.join(shown + ([] if self.against is None else [f'against={self.against!r}']))})"

    @classmethod
    def of(cls, value: Target | str) -> Target:
        """Return ``value`` itself, or the target with that part.

        Args:
            value: a target, or the name of a part.

        Returns:
            The target.

        Raises:
            TypeError: if ``value`` is neither.
        """
        if isinstance(value, Target):
            return value
        if isinstance(value, str):
            return cls(part=value)
        raise TypeError(f"a target is one of {', '.join(PARTS)} or a Target, got {value!r}")

    def resolve(self, labels: Tensor, names: Sequence[str]) -> tuple[Tensor, Target]:
        """Look up the classes of this target among a detector's.

        Args:
            labels: int64 ``[N]``, the class of each explained detection.
            names: the detector's class names.

        Returns:
            The explained class of each detection, int64 ``[N]``, and this target with class numbers for names.

        Raises:
            ValueError: if there is no such class (the message names those that are most like it), or a detection would
                be explained against its own class.
        """
        label = None if self.label is None else any_class_number(self.label, names)
        against = None if self.against is None else any_class_number(self.against, names)
        explained = labels.clone() if label is None else torch.full_like(labels, label)
        if against is not None and bool((explained == against).any()):
            other = names[against]
            if label is not None:
                raise ValueError(f"{other!r} is explained against itself, a difference of 0; name another class")
            row = int((explained == against).nonzero()[0])
            raise ValueError(
                f"detection {row} is {other!r} itself, and a class is explained against another one; pick detections "
                f"of other classes, or name the explained class too: Target(label=..., against={other!r})"
            )
        return explained, Target(self.part, self.score, label, against)

    def in_words(self, names: Sequence[str], own: str = "class") -> str:
        """Return what is explained in words, for titles.

        Args:
            names: the detector's class names.
            own: what stands for each detection's own class.

        Returns:
            Words such as "apple rather than bauble", "apple" or "x1".

        Raises:
            ValueError: if there is no such class.
        """
        if self.part != "class":
            return self.part
        label = own if self.label is None else names[any_class_number(self.label, names)]
        return label if self.against is None else f"{label} rather than {names[any_class_number(self.against, names)]}"

    def unit(self, side_unit: str = "", combine: str = "maximum") -> str:
        """Return the unit of the explained scalar.

        Args:
            side_unit: that of the detector's box sides, such as "strides" or "input pixels"; "" if it says none.
            combine: how the maps of the target "combined" are joined.

        Returns:
            Words such as "probability", "difference of logits" or "strides"; "" if it is not known.
        """
        score = (_UNITS if self.against is None else _DIFFERENCES)[self.score]
        if self.part == "class":
            return score
        if self.part in SIDES:
            return side_unit
        if combine != "maximum":
            return "share of each part's range"
        return f"{score} or {side_unit}" if side_unit else "mixed"


def class_values(value_of: Callable[[Tensor], Tensor], labels: Tensor, target: Target) -> Tensor:
    """Return the explained value of each prediction: that of its class, less that of the class it is explained against.

    Args:
        value_of: returns the value ``[...,n]`` of one class of each prediction, for classes int64 ``[n]``.
        labels: int64 ``[n]``, the explained classes.
        target: which scalar, with class numbers (see ``Target.resolve``).

    Returns:
        ``[...,n]``, part of the graph of what ``value_of`` returns.
    """
    found = value_of(labels)
    return found if target.against is None else found - value_of(torch.full_like(labels, int(target.against)))


def softmax_scores(logits: Tensor, score: str) -> Tensor:
    """Return the scores of classes that share a softmax over the last axis.

    Args:
        logits: ``[...,C]``.
        score: one of ``SCORES``.

    Returns:
        ``[...,C]``: probabilities, their logarithms or the logits.
    """
    if score == "logit":
        return logits
    return logits.log_softmax(dim=-1) if score == "log-prob" else logits.softmax(dim=-1)


def sigmoid_scores(logits: Tensor, score: str) -> Tensor:
    """Return the scores of classes that have a sigmoid each.

    Args:
        logits: of any shape.
        score: one of ``SCORES``.

    Returns:
        Of the same shape: probabilities, their logarithms or the logits.
    """
    if score == "logit":
        return logits
    return F.logsigmoid(logits) if score == "log-prob" else logits.sigmoid()


def logarithm(probabilities: Tensor) -> Tensor:
    """Return the logarithm of probabilities, finite also at 0.

    Args:
        probabilities: at least 0.

    Returns:
        Of the same shape; that of the smallest normal number of their type where they are below it.
    """
    return probabilities.clamp(min=torch.finfo(probabilities.dtype).tiny).log()


def _as_class(value: Any, what: str) -> int | str | None:
    """A class's name or index as it is kept."""
    plain = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
    if plain is not None and (isinstance(plain, bool) or not isinstance(plain, (int, str))):
        raise TypeError(f"{what} is a class name, a class index (int) or None, got {value!r}")
    return plain
