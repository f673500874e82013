"""What can be chosen in a widget, in words and as arguments of ``explain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detxai_nb.methods import METHODS, Method
from detxai_nb.methods.running import COMBINE
from detxai_nb.plots import DIVERGING, SEQUENTIAL
from detxai_nb.types import PARTS, SCORES, Detections, Detector, OpenDetector, Target

TARGETS = {
    "class": "Class score",
    "x1": "Left side",
    "y1": "Top side",
    "x2": "Right side",
    "y2": "Bottom side",
    "combined": "Class and sides",
}
DIRECTIONS = {"positive": "Positive", "negative": "Negative", "signed": "Signed", "absolute": "Absolute"}
SCALES = ("object", "shared")
BOXES = ("all", "selected")
_COMMON_SETTINGS = ("score", "combine")


@dataclass(frozen=True)
class Request:
    """One computation. ``direction`` is empty where the method has none; ``key`` names it in Python and browser."""

    method: str
    target: str
    layer: str
    direction: str

    @property
    def key(self) -> str:
        """The same for the same computation."""
        return "|".join((self.method, self.target, self.layer, self.direction))

    @property
    def title(self) -> str:
        """In words, such as "ODAM of the class score"."""
        method = METHODS[self.method].title or self.method
        evidence = "" if self.direction in ("", "positive") else f" ({self.direction} evidence)"
        return f"{method} of the {TARGETS[self.target].lower()}{evidence}"


@dataclass(frozen=True)
class Offer:
    """What one widget offers for its detector; ``settings`` are those that the caller gave for methods.

    ``targets``: all parts, or those that the detector names in an attribute ``targets`` (a classifier has no sides).
    """

    methods: Mapping[str, Method]
    layers: tuple[str, ...]
    settings: Mapping[str, Any]
    targets: tuple[str, ...] = PARTS

    @classmethod
    def of(cls, detector: Any, settings: Mapping[str, Any]) -> Offer:
        """The methods that can explain this detector, and its layers.

        Raises ``TypeError`` for something that is no detector and ``ValueError`` where no method fits.
        """
        if not isinstance(detector, Detector):
            raise TypeError(
                f"a detector has names, device and detect(images, score_threshold), {type(detector).__name__} has not; "
                "take one from load_detector, or wrap your module"
            )
        is_open = isinstance(detector, OpenDetector)
        methods = {name: m for name, m in METHODS.items() if is_open and m.kind == "gradient"}
        if not methods:
            raise ValueError(f"{type(detector).__name__} is closed (it has no trace), and every method looks inside")
        for method in methods.values():
            method.complete({k: v for k, v in settings.items() if k in method.defaults})
        layers = tuple(detector.layers) if isinstance(detector, OpenDetector) else ("",)
        return cls(methods, layers, dict(settings), tuple(getattr(detector, "targets", PARTS)))

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions that any method has."""
        return tuple(d for d in DIRECTIONS if any(d in m.choices.get("direction", ()) for m in self.methods.values()))

    def packed(self) -> dict[str, Any]:
        """For the browser: names with titles."""
        return {
            "methods": [
                {"name": name, "title": m.title or name, "directions": list(m.choices.get("direction", ()))}
                for name, m in self.methods.items()
            ],
            "targets": [{"name": name, "title": TARGETS[name]} for name in self.targets],
            "directions": [{"name": name, "title": DIRECTIONS[name]} for name in self.directions],
            "layers": list(self.layers),
            "colormaps": list(SEQUENTIAL),
            "signed_colormaps": list(DIVERGING),
        }

    def request(self, method: str, target: str, layer: str, direction: str) -> Request:
        """The computation that these choices mean."""
        return Request(method, target, layer, direction if "direction" in self.methods[method].choices else "")

    def arguments(self, request: Request) -> dict[str, Any]:
        """The keyword arguments of ``explain`` for it."""
        method = self.methods[request.method]
        own: dict[str, Any] = {k: v for k, v in self.settings.items() if k in method.defaults}
        if request.direction:
            own["direction"] = request.direction
        if request.target == "combined" and "combine" in self.settings:
            own["combine"] = self.settings["combine"]
        target = Target(request.target, score=self.settings.get("score", "prob"))
        return {"method": request.method, "target": target, "layer": request.layer or None, **own}

    def call(self, request: Request) -> dict[str, str]:
        """The same as Python source, by argument."""
        arguments = self.arguments(request)
        target = arguments["target"]
        plain = target == Target(target.part)
        shown = {name: repr(value) for name, value in arguments.items()}
        return {
            **shown,
            "target": repr(target.part) if plain else f"dx.Target({target.part!r}, score={target.score!r})",
        }

    def problem(self, trait: str, value: Any, count: int) -> str | None:
        """Why ``value`` cannot be that trait's value, with what can; None where it can. ``count`` objects there are."""
        if trait == "selected":
            if value is None or 0 <= value < count:
                return None
            there = f"None or one of 0 to {count - 1}" if count else "None, as there is no object"
            return f"selected is {there}; got {value!r}"
        if trait in ("opacity", "threshold"):
            return None if 0 <= value <= 1 else f"{trait} lies between 0 and 1; got {value!r}"
        allowed: dict[str, Sequence[str]] = {
            "method": tuple(self.methods),
            "target": self.targets,
            "layer": self.layers,
            "direction": self.directions,
            "colormap": SEQUENTIAL,
            "signed_colormap": DIVERGING,
            "scale": SCALES,
            "boxes": BOXES,
        }
        if value in allowed[trait]:
            return None
        return f"{trait} is one of {', '.join(map(repr, allowed[trait]))}; got {value!r}"


def split_options(options: Mapping[str, Any], traits: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options that are traits, and settings of methods; ``TypeError`` for what is neither, naming all there is."""
    known = dict.fromkeys([*_COMMON_SETTINGS, *(name for m in METHODS.values() for name in m.defaults)])
    settings = [name for name in known if name not in traits]
    for name in options:
        if name not in traits and name not in settings:
            raise TypeError(
                f"{name!r} is no argument; besides those in the signature there are {', '.join(traits)} "
                f"and the methods' settings {', '.join(settings)}"
            )
    if options.get("score", "prob") not in SCORES:
        raise ValueError(f"score is one of {', '.join(map(repr, SCORES))}; got {options['score']!r}")
    if options.get("combine", COMBINE[0]) not in COMBINE:
        raise ValueError(f"combine is one of {', '.join(map(repr, COMBINE))}; got {options['combine']!r}")
    return {k: v for k, v in options.items() if k in traits}, {k: v for k, v in options.items() if k not in traits}


def check_detections(detections: Any, image: np.ndarray) -> None:
    """Raise ``TypeError`` or ``ValueError`` for what is no Detections, or not those of this image ``[H,W,3]``."""
    if not isinstance(detections, Detections):
        raise TypeError(
            f"detections are what detector.detect([image]) gives for the image, one Detections; "
            f"got {type(detections).__name__}"
        )
    detections.require_image(*image.shape[:2])


def empty_notice(detections: Detections) -> str:
    """What to tell a person where nothing was found; empty where something was."""
    if len(detections):
        return ""
    at_least = "" if detections.score_threshold is None else f" with a score of at least {detections.score_threshold:g}"
    if detections.highest_score is None:
        return f"Nothing was found{at_least}. Try a lower score_threshold."
    return (
        f"Nothing was found{at_least}; the highest score was {detections.highest_score:.3f}. "
        "Try a score_threshold below that."
    )
