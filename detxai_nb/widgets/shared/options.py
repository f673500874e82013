"""What a widget offers for its detector: methods, targets and layers, in words and as arguments of ``explain``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar, get_type_hints

from detxai_nb.capabilities import Capabilities
from detxai_nb.explaining.jobs import COMBINE
from detxai_nb.methods import Method, all_methods
from detxai_nb.options import spell_out
from detxai_nb.plots.heatmaps import DIVERGING, SEQUENTIAL
from detxai_nb.subjects import OBJECTS, Subject, subject_of
from detxai_nb.types import PARTS, SCORES, Detections, Detector, Target
from detxai_nb.widgets.shared.code import target_source

KINDS = ("gradient", "trace", "perturbation")
"""Methods of every kind."""

BEGIN_WITH = ("odam", "grad-cam", "grad-cam++")
"""What a widget begins with where nothing is chosen, as far as the detector has it: known, and computed at once."""

TARGETS = {
    "class": "Class score",
    "x1": "Left side",
    "y1": "Top side",
    "x2": "Right side",
    "y2": "Bottom side",
    "combined": "Class and sides",
}
DIRECTIONS = {"positive": "Positive", "negative": "Negative", "signed": "Signed", "absolute": "Absolute"}
_COMMON_SETTINGS = ("score", "combine")
_FURTHER = ("against", "combine")
"""Parts of a request that most do not have."""

Widget = TypeVar("Widget", bound=type[Any])


class LookOptions(TypedDict, total=False):
    """First values of the traits of ``LookTraits``.

    Attributes:
        opacity, hide_below: 0..1.
        percentile: above 0, up to 100.
        colormap: the name of a sequential colour map.
        boxes: "all" or "selected".
    """

    opacity: float
    hide_below: float
    percentile: float
    colormap: str
    boxes: str


class SignedLookOptions(LookOptions, total=False):
    """First values of the traits of ``SignedLookTraits``.

    Attributes:
        signed_colormap: the name of a diverging colour map.
    """

    signed_colormap: str


def method_title(name: str) -> str:
    """Return the title of a method.

    Args:
        name: of a registered method.

    Returns:
        Such as "Grad-CAM".
    """
    return all_methods()[name].title or name


@dataclass(frozen=True)
class Request:
    """One computation of maps.

    Attributes:
        method: a method's name.
        target: what is explained, a name of ``TARGETS``.
        layer: a layer's name, or "" for the one that the method prefers.
        direction: the sign of the evidence, or "" for a method without that setting.
        rows: which predictions it is of, where those are not all: classes that are explained as they are asked for, or
            objects of another class than the one they are explained against; else none.
        against: the name of the class that each prediction's own is explained against, or "".
        combine: how the target "combined" joins its parts, or "" for the maximum.
    """

    method: str
    target: str
    layer: str
    direction: str
    rows: tuple[int, ...] = ()
    against: str = ""
    combine: str = ""

    @property
    def key(self) -> str:
        """The computation's name in Python and in the browser: the same for the same computation."""
        rows = (",".join(map(str, self.rows)),) if self.rows else ()
        further = tuple(f"{name}={value}" for name, value in vars(self).items() if name in _FURTHER and value)
        return "|".join((self.method, self.target, self.layer, self.direction, *further, *rows))

    @property
    def title(self) -> str:
        """The computation in words, such as "ODAM of the class score"."""
        method = method_title(self.method)
        evidence = "" if self.direction in ("", "positive") else f" ({self.direction} evidence)"
        what = f"class rather than {self.against}" if self.against else TARGETS[self.target].lower()
        joined = f", {self.combine}" if self.combine else ""
        return f"{method} of the {what}{joined}{evidence}"


@dataclass(frozen=True)
class WidgetOptions:
    """What one widget offers for its detector.

    Attributes:
        methods: those that can explain the detector, by name.
        layers: first "", the layer that a method prefers or else the detector's default, then those of the detector.
        settings: what the caller gave for methods.
        targets: all parts, or those that the detector names in an attribute ``targets`` (a classifier has no sides).
        subject: what the detector's predictions are, in words.
    """

    methods: Mapping[str, Method]
    layers: tuple[str, ...]
    settings: Mapping[str, Any]
    targets: tuple[str, ...] = PARTS
    subject: Subject = OBJECTS

    @classmethod
    def of(cls, detector: Detector, settings: Mapping[str, Any], kinds: Sequence[str] = ("gradient",)) -> WidgetOptions:
        """Collect the methods that can explain a detector, and its layers.

        Args:
            detector: a detector.
            settings: what the caller gave for methods, by name.
            kinds: the kinds of methods that the widget offers.

        Returns:
            The options.

        Raises:
            ValueError: if there is no method, or a setting has a value that its method refuses.
        """
        methods = {name: m for name, m in all_methods().items() if m.kind in kinds and can_run(m, detector)}
        if not methods:
            raise ValueError(
                f"{type(detector).__name__} is a black box (it has no trace), and every method offered "
                "here is white-box; use d-rise: dx.explain(..., method='d-rise'), or the widget Comparison"
            )
        for method in methods.values():
            method.complete({k: v for k, v in settings.items() if k in method.defaults})
        about = Capabilities(detector)
        layers = ("", *(about.layers if about.traceable else ()))
        return cls(methods, layers, dict(settings), about.targets, subject_of(detector))

    def first(self, count: int) -> list[str]:
        """Return the methods to begin with, whatever the order in which methods are registered.

        Args:
            count: at most this many.

        Returns:
            Those of ``BEGIN_WITH``, filled up with other gradient methods. One that asks the detector hundreds of
            times is among them only if there is no other, and then alone.
        """
        quick = [name for name, method in self.methods.items() if method.kind == "gradient"]
        begun = [name for name in BEGIN_WITH if name in quick]
        rest = [name for name, method in self.methods.items() if method.kind == "trace"]
        found = [*begun, *(name for name in quick if name not in begun)] or rest
        return found[:count] or list(self.methods)[:1]

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions of evidence that any method has."""
        return tuple(d for d in DIRECTIONS if any(d in m.choices.get("direction", ()) for m in self.methods.values()))

    def to_payload(self) -> dict[str, Any]:
        """Return what the browser offers.

        Returns:
            Names with titles; for each method its source and its directions; and what predictions are called.
        """
        return {
            "subject": self.subject.one,
            "methods": [
                {
                    "name": name,
                    "title": m.title or name,
                    "about": m.source,
                    "directions": list(m.choices.get("direction", ())),
                    "contrasts": m.contrasts,
                }
                for name, m in self.methods.items()
            ],
            "targets": [{"name": name, "title": TARGETS[name]} for name in self.targets],
            "directions": [{"name": name, "title": DIRECTIONS[name]} for name in self.directions],
            "layers": list(self.layers),
            "colormaps": list(SEQUENTIAL),
            "signed_colormaps": list(DIVERGING),
        }

    def request(
        self, method: str, target: str, layer: str, direction: str, against: str = "", combine: str = COMBINE[0]
    ) -> Request:
        """Return the computation that some choices mean.

        Args:
            method, target, layer, direction, against, combine: values of the traits of these names.

        Returns:
            The request; it has no layer for a perturbation method, no direction for a method without that setting, and
            what it is explained against or how it is joined only where its target and method have that.
        """
        chosen = self.methods[method]
        inside = "" if chosen.kind == "perturbation" else layer
        other = against if target == "class" and chosen.contrasts else ""
        joined = combine if target == "combined" and combine != COMBINE[0] else ""
        way = direction if "direction" in chosen.choices else ""
        return Request(method, target, inside, way, against=other, combine=joined)

    def layer_after(self, request: Request, layer: str) -> str:
        """Return the layer to choose on going back to an earlier request.

        Args:
            request: the earlier request.
            layer: the one that is chosen now.

        Returns:
            The request's layer, or ``layer`` if its method works at none.
        """
        return layer if self.methods[request.method].kind == "perturbation" else request.layer

    def arguments(self, request: Request) -> dict[str, Any]:
        """Return the keyword arguments of ``explain`` for a computation.

        Args:
            request: the computation.

        Returns:
            By name.
        """
        method = self.methods[request.method]
        own: dict[str, Any] = {k: v for k, v in self.settings.items() if k in method.defaults}
        if request.direction:
            own["direction"] = request.direction
        if request.target == "combined" and (request.combine or "combine" in self.settings):
            own["combine"] = request.combine or self.settings["combine"]
        target = Target(request.target, self.settings.get("score"), against=request.against or None)  # type: ignore[arg-type]
        return {"method": request.method, "target": target, "layer": request.layer or None, **own}

    def is_signed(self, request: Request) -> bool:
        """Return whether the maps of a computation can be negative.

        Args:
            request: the computation.

        Returns:
            True for signed maps.
        """
        method = self.methods[request.method]
        given = {k: v for k, v in self.arguments(request).items() if k in method.defaults}
        return method.signed(method.complete(given))

    def call(self, request: Request) -> dict[str, str]:
        """Return the keyword arguments of ``explain`` for a computation as source.

        Args:
            request: the computation.

        Returns:
            By name; without a layer if that is the one that the method prefers.
        """
        arguments = self.arguments(request)
        if arguments["layer"] is None:
            del arguments["layer"]
        return {name: repr(value) for name, value in arguments.items()} | {"target": target_source(arguments["target"])}


def split_options(options: Mapping[str, Any], known: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split the ``**options`` of a widget into its own and the settings of methods.

    Args:
        options: what the caller gave.
        known: the ``TypedDict`` of the widget's own options.

    Returns:
        The widget's own options, and the settings.

    Raises:
        TypeError: for a name that is neither; the message names all there are.
        ValueError: for a wrong ``score`` or ``combine``.
    """
    own = get_type_hints(known)
    settings = dict.fromkeys([*_COMMON_SETTINGS, *(name for m in all_methods().values() for name in m.defaults)])
    for name in options:
        if name not in own and name not in settings:
            raise TypeError(
                f"{name!r} is no argument; besides those in the signature there are {', '.join(own)} "
                f"and the methods' settings {', '.join(name for name in settings if name not in own)}"
            )
    if options.get("score", "prob") not in SCORES:
        raise ValueError(f"score is one of {', '.join(map(repr, SCORES))}; got {options['score']!r}")
    if options.get("combine", COMBINE[0]) not in COMBINE:
        raise ValueError(f"combine is one of {', '.join(map(repr, COMBINE))}; got {options['combine']!r}")
    return {k: v for k, v in options.items() if k in own}, {k: v for k, v in options.items() if k not in own}


def show_widget_options(known: type, settings: bool = True, **defaults: Any) -> Callable[[Widget], Widget]:
    """Return a class decorator that spells out the ``**options`` of a widget in its signature, as Shift-Tab shows it.

    Args:
        known: the ``TypedDict`` of the widget's own options.
        settings: whether the widget also takes the settings of methods; these stay ``**settings``.
        **defaults: the defaults of options that are no traits; a trait has its own.

    Returns:
        The decorator; calls are unchanged.
    """

    def decorate(widget: Widget) -> Widget:
        traits = widget.class_traits()
        every = {n: defaults[n] if n in defaults else traits[n].default() for n in known.__annotations__}
        spell_out(widget.__init__, known, every, "settings" if settings else "")
        return widget

    return decorate


def methods_elsewhere(subject: Subject = OBJECTS) -> str:
    """Return where the methods are that a widget leaves out because they take minutes.

    Args:
        subject: what is explained.

    Returns:
        A sentence with their titles.
    """
    slow = {name: m.title or name for name, m in all_methods().items() if m.kind == "perturbation"}
    return (
        f"{', '.join(slow.values())}: not here, since they ask the {subject.by} hundreds of times; "
        f"dx.widgets.Comparison(detector, image, methods={list(slow)[:1]!r}) computes them beside the kernel."
    )


def can_run(method: Method, detector: Detector) -> bool:
    """Return whether a detector has what a method needs.

    Args:
        method: a registered method.
        detector: any detector.

    Returns:
        True for every perturbation method, and for others if the detector is open and offers what they need.
    """
    if method.kind == "perturbation":
        return True
    about = Capabilities(detector)
    return about.traceable and set(method.needs) <= set(about.offers)


def empty_notice(detections: Detections, subject: Subject = OBJECTS) -> str:
    """Return what to tell a person if nothing was found.

    Args:
        detections: of the photograph.
        subject: what they are, in words.

    Returns:
        A sentence or two with the highest score; empty if something was found.
    """
    if len(detections):
        return ""
    if subject.whole:
        return "No class is listed: type the name of one, or leave detections out for the most probable ones."
    at_least = "" if detections.score_threshold is None else f" with a score of at least {detections.score_threshold:g}"
    if detections.highest_score is not None and math.isnan(detections.highest_score):
        return "Nothing was found: the scores that the network gives here are no numbers (NaN)."
    if detections.highest_score is None:
        return f"Nothing was found{at_least}. Try a lower score_threshold."
    return (
        f"Nothing was found{at_least}; the highest score was {detections.highest_score:.3f}. "
        f"Try score_threshold={_below(detections.highest_score):g}, or dx.widgets.ScoreThreshold(detector, image), "
        "which shows what is found at which score."
    )


def _below(score: float) -> float:
    """A round number below a score."""
    return max(0.0, math.floor(20 * score - 1e-6) / 20)
