"""What a detector predicts: objects in places, or classes of a whole image; what they are called, where to begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from detxai_nb.capabilities import LOGITS, Capabilities
from detxai_nb.detections import are_classes, of_classes
from detxai_nb.image import ImageSource
from detxai_nb.names import class_number
from detxai_nb.types import Detections, Detector

__all__ = [
    "CLASSES",
    "FIRST_CLASSES",
    "OBJECTS",
    "Subject",
    "class_titles",
    "first_predictions",
    "number_of_class",
    "require_places",
    "subject_of",
    "with_class",
]

FIRST_CLASSES = 5
"""As many of a classifier's classes are looked at where nobody says which: the most probable ones."""


@dataclass(frozen=True)
class Subject:
    """What one prediction is called wherever people read of it.

    Attributes:
        one, many: the nouns, such as "object" and "objects".
        score: what its score is called.
        by: what makes such predictions.
        whole: whether it is a class of the whole image (or of the crop that the classifier sees), so that its box is no
            place: no outline, no pointing at it, and no figure that asks what lies inside.
    """

    one: str
    many: str
    score: str
    by: str
    whole: bool

    def counted(self, count: int) -> str:
        """Return a number of predictions in words.

        Args:
            count: how many.

        Returns:
            Such as "1 object" or "5 classes".
        """
        return f"{count} {self.one if count == 1 else self.many}"

    def score_in_words(self, score: float) -> str:
        """Return a score as people read it: two digits behind the point, and of a small probability what there is.

        Args:
            score: 0..1.

        Returns:
            Such as "0.91"; of a class also "0.0042" or "3.1e-6".
        """
        if not self.whole or score >= 0.01 or score == 0:
            return f"{score:.2f}"
        if score >= 1e-4:
            return f"{score:.4f}"
        digits, _, power = f"{score:.1e}".partition("e")
        return f"{digits}e{int(power)}"


OBJECTS = Subject("object", "objects", "score", "detector", whole=False)
"""Of a detector."""
CLASSES = Subject("class", "classes", "probability", "classifier", whole=True)
"""Of an image classifier."""


def subject_of(detector: object) -> Subject:
    """Return what a detector's predictions are.

    Args:
        detector: any detector.

    Returns:
        ``CLASSES`` for an image classifier, else ``OBJECTS``.
    """
    return CLASSES if LOGITS in Capabilities(detector).offers else OBJECTS


def require_places(detector: object, what: str, instead: str) -> None:
    """Raise an error for an image classifier, whose predictions are in no places.

    Args:
        detector: any detector.
        what: what asks for places, and for what.
        instead: what a classifier's user takes.

    Raises:
        ValueError: for an image classifier.
    """
    if subject_of(detector).whole:
        raise ValueError(
            f"{what}; a {type(detector).__name__} says what the whole image shows, and its classes are in no places. "
            f"Take {instead}"
        )


def first_predictions(detector: Detector, image: ImageSource, score_threshold: float) -> Detections:
    """Return what to explain where nobody says what: a detector's objects, a classifier's most probable classes.

    Args:
        detector: any detector.
        image: what ``load_image`` takes.
        score_threshold: the lowest score, 0..1. Of a classifier the ``FIRST_CLASSES`` most probable classes are there
            whatever their probabilities, and further ones with at least this one.

    Returns:
        Predictions by falling score; of a classifier never none.
    """
    if not subject_of(detector).whole:
        return detector.detect([image], score_threshold=score_threshold)[0]
    found = detector.detect([image], score_threshold=0.0)[0]
    return found[: max(FIRST_CLASSES, int((found.scores >= score_threshold).sum()))]


def number_of_class(detector: Detector, named: str | int) -> int:
    """Return the number of a class that a person names.

    Args:
        detector: an image classifier.
        named: its name; or its number, also as a text ("#17"), for classes that share a name.

    Returns:
        The number, from 0.

    Raises:
        TypeError: if it is neither a text nor a whole number.
        ValueError: for a class that there is not; of a name the message names those that are most like it.
    """
    names = tuple(detector.names)
    number = named
    if isinstance(named, str):
        digits = named.strip().removeprefix("#")
        if named in names or not named.strip().startswith("#") or not digits.isdecimal():
            return class_number(named, names, "this classifier")
        number = int(digits)
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"a class of this classifier is named by a text or a whole number, got {named!r}")
    if not 0 <= number < len(names):
        raise ValueError(f"class {number} is none of this classifier's, which are numbered 0 to {len(names) - 1}")
    return number


def with_class(detector: Detector, image: ImageSource, detections: Detections, number: int) -> Detections:
    """Return a classifier's predictions with that of one more class at the end.

    Args:
        detector: an image classifier.
        image: what ``load_image`` takes.
        detections: its predictions in this image.
        number: of the class.

    Returns:
        One row more, with the probability that the classifier gives the class; no pass is run where the predictions
        know the probabilities of all classes.
    """
    known = detections.class_scores
    if not len(detections) or known is None or not are_classes(detections):
        return of_classes(detector, image, [*detections.labels.tolist(), number])
    every = detections[[*range(len(detections)), 0]]
    labels, scores = every.labels.clone(), every.scores.clone()
    labels[-1], scores[-1] = number, known[0, number]
    origins = every.origins
    if origins is not None:
        origins = torch.cat([origins[:-1], torch.full_like(origins[-1:], number)])
    return replace(every, labels=labels, scores=scores, origins=origins)


def class_titles(detections: Detections) -> list[str]:
    """Return the name of each prediction's class, told apart where several classes share a name.

    Args:
        detections: N predictions.

    Returns:
        N names, such as "crane", or "crane (134)" with the class's number.
    """
    names: Sequence[str] = detections.names
    several = {name for name in set(detections.label_names()) if names.count(name) > 1}
    numbered = zip(detections.label_names(), detections.labels.tolist())
    return [f"{name} ({label})" if name in several else name for name, label in numbered]
