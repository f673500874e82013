"""What can be chosen in a widget, in words and as arguments of ``explain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detxai_nb.capabilities import Capabilities
from detxai_nb.explaining.jobs import COMBINE
from detxai_nb.methods import Method, all_methods
from detxai_nb.plots.heatmaps import DIVERGING, SEQUENTIAL
from detxai_nb.types import PARTS, SCORES, Detections, Detector, Target

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


def method_title(name: str) -> str:
    """What a method is called."""
    return all_methods()[name].title or name


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
        method = method_title(self.method)
        evidence = "" if self.direction in ("", "positive") else f" ({self.direction} evidence)"
        return f"{method} of the {TARGETS[self.target].lower()}{evidence}"


@dataclass(frozen=True)
class WidgetOptions:
    """What one widget offers for its detector; ``settings`` are those that the caller gave for methods.

    ``layers``: first "", the layer that a method prefers or else the detector's default, then those of the detector.
    ``targets``: all parts, or those that the detector names in an attribute ``targets`` (a classifier has no sides).
    """

    methods: Mapping[str, Method]
    layers: tuple[str, ...]
    settings: Mapping[str, Any]
    targets: tuple[str, ...] = PARTS

    @classmethod
    def of(cls, detector: Detector, settings: Mapping[str, Any], kinds: Sequence[str] = ("gradient",)) -> WidgetOptions:
        """The methods of these kinds that can explain this detector, and its layers; ``ValueError`` for no method."""
        methods = {name: m for name, m in all_methods().items() if m.kind in kinds and can_run(m, detector)}
        if not methods:
            raise ValueError(
                f"{type(detector).__name__} is closed (it has no trace), and every method offered here looks inside; "
                "d-rise does without: dx.explain(..., method='d-rise'), or the widget Comparison"
            )
        for method in methods.values():
            method.complete({k: v for k, v in settings.items() if k in method.defaults})
        about = Capabilities(detector)
        layers = ("", *(about.layers if about.traceable else ()))
        return cls(methods, layers, dict(settings), about.targets)

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions that any method has."""
        return tuple(d for d in DIRECTIONS if any(d in m.choices.get("direction", ()) for m in self.methods.values()))

    def packed(self) -> dict[str, Any]:
        """For the browser: names with titles."""
        return {
            "methods": [
                {
                    "name": name,
                    "title": m.title or name,
                    "directions": list(m.choices.get("direction", ())),
                    "inside": m.kind != "perturbation",
                }
                for name, m in self.methods.items()
            ],
            "targets": [{"name": name, "title": TARGETS[name]} for name in self.targets],
            "directions": [{"name": name, "title": DIRECTIONS[name]} for name in self.directions],
            "layers": list(self.layers),
            "colormaps": list(SEQUENTIAL),
            "signed_colormaps": list(DIVERGING),
        }

    def request(self, method: str, target: str, layer: str, direction: str) -> Request:
        """The computation that these choices mean; a perturbation method looks at no layer."""
        chosen = self.methods[method]
        inside = "" if chosen.kind == "perturbation" else layer
        return Request(method, target, inside, direction if "direction" in chosen.choices else "")

    def layer_after(self, request: Request, layer: str) -> str:
        """The chosen layer when going back to ``request``: its own, or ``layer`` where its method looks at none."""
        return layer if self.methods[request.method].kind == "perturbation" else request.layer

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

    def is_signed(self, request: Request) -> bool:
        """Whether its maps can be negative."""
        method = self.methods[request.method]
        given = {k: v for k, v in self.arguments(request).items() if k in method.defaults}
        return method.signed(method.complete(given))

    def call(self, request: Request) -> dict[str, str]:
        """The same as Python source, by argument; without a layer where that is the method's own."""
        arguments = self.arguments(request)
        if arguments["layer"] is None:
            del arguments["layer"]
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
    known = dict.fromkeys([*_COMMON_SETTINGS, *(name for m in all_methods().values() for name in m.defaults)])
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


def can_run(method: Method, detector: Detector) -> bool:
    """Whether the detector has what the method needs of it."""
    if method.kind == "perturbation":
        return True
    about = Capabilities(detector)
    return about.traceable and set(method.needs) <= set(about.offers)


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
