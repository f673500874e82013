"""What a method is, and the one table of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from detxai_nb.types import PARTS, SCORES, Target

Kind = Literal["gradient", "trace", "perturbation"]
Rule = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, eq=False)
class Context:
    """What a gradient method may know besides activation and gradient.

    ``size``: (h, w) of the whole level, also where only a window is handed in. ``boxes`` ``[n,4]``: xyxy of the
    predictions in cells of the level's grid (a cell's centre at +0.5). ``input_size``: (h, w) of the network's input in
    pixels. ``two_stage``: whether the predictions were pooled from regions. ``corner`` int64 ``[n,2]``: for a "compact"
    method the row and column of the first cell of each gradient window, None where it is handed whole gradients.
    """

    size: tuple[int, int]
    boxes: Tensor
    input_size: tuple[int, int] | None = None
    two_stage: bool = False
    corner: Tensor | None = None

    @property
    def area(self) -> int:
        """Number of locations of the whole level."""
        return self.size[0] * self.size[1]


@dataclass(frozen=True, eq=False)
class MethodResult:
    """The maps of a "trace" or "perturbation" method, one for each detection.

    ``grids``: N tensors ``[h,w]``. ``strides`` and ``corners``: how each lies in the model's input, as in ``HeatMaps``;
    None for maps at the image's own size, one value a pixel. ``diagnostics``: further numbers by name, one for each map.
    ``settings``: what the method decided by itself, such as how many steps it took. ``seed``: of what was random.
    ``layer``: the one that the maps explain, None where they are of no layer.
    """

    grids: Sequence[Tensor]
    strides: Sequence[tuple[float, float]] | None = None
    corners: Sequence[tuple[float, float] | None] | None = None
    diagnostics: Mapping[str, Sequence[float]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    layer: str | None = None


@dataclass(frozen=True, eq=False)
class Method:
    """A method of explanation, as ``explain`` finds it.

    ``kind`` "gradient": ``function(activation, gradient, context, **settings) -> [n,h,w]`` with activation ``[C,h,w]``
    (``[n,C,a,b]`` for windows) and gradient ``[n,C,h,w]``; "trace", for what needs more of an open detector:
    ``function(trace, detections, progress, **settings) -> Found``; "perturbation", for any detector:
    ``function(detector, image, detections, progress, **settings) -> Found`` with the image RGB uint8 ``[H,W,3]``.
    ``progress(done, total)`` is to be called between steps; it may raise to end the work.

    ``parts`` and ``scores``: the targets it can explain. ``needs``: what a detector has to name in ``offers``, further
    abilities of its traces ("attention"). ``windowed(settings)``: handed only windows outside of which
    the gradient is zero, it gives the window of the same map, which is zero outside. ``compact(settings)``: handed the
    gradient as such windows with their corners in the context, and the whole activation, it gives the whole map.
    ``signed(settings)``: its maps can be negative. ``prefers``: layers that it is meant for, the most wanted first; the
    first that a detector has is explained where none is asked for, and without one the detector's own default.
    """

    name: str
    function: Callable[..., Any]
    kind: Kind = "gradient"
    title: str = ""
    source: str = ""
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    parts: tuple[str, ...] = PARTS
    scores: tuple[str, ...] = SCORES
    needs: tuple[str, ...] = ()
    windowed: Rule = lambda settings: False
    compact: Rule = lambda settings: False
    signed: Rule = lambda settings: False
    prefers: tuple[str, ...] = ()

    @property
    def defaults(self) -> dict[str, Any]:
        """The method's own settings with their defaults: the keyword-only arguments of its function."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """``settings`` over the defaults; unknown names (TypeError) or values (ValueError) are named with the known."""
        known = self.defaults
        for name, value in settings.items():
            if name not in known:
                raise TypeError(
                    f"method {self.name!r} has no setting {name!r}; its settings: {', '.join(known) or 'none'}"
                )
            allowed = self.choices.get(name)
            if allowed is not None and value not in allowed:
                raise ValueError(f"{name} of {self.name!r} is one of {', '.join(map(repr, allowed))}; got {value!r}")
        return {**known, **settings}

    def layer_of(self, layers: Sequence[str]) -> str | None:
        """The layer of a detector with these ``layers`` that it explains by default; None for the detector's own."""
        return next((name for name in self.prefers if name in layers), None)

    def check_target(self, target: Target) -> None:
        """Raise ``ValueError`` for a target that the method cannot explain."""
        for what, asked, known in (("target", target.part, self.parts), ("score", target.score, self.scores)):
            if asked not in known:
                raise ValueError(
                    f"method {self.name!r} has no maps of the {what} {asked!r}; it has: {', '.join(known)}"
                )
        if target.label is not None and self.kind != "gradient":
            raise ValueError(f"method {self.name!r} explains each detection's own class; leave out the label")


METHODS: dict[str, Method] = {}


def gradient_method(
    name: str,
    *,
    title: str,
    source: str,
    choices: Mapping[str, tuple[Any, ...]] | None = None,
    windowed: Rule = lambda settings: False,
    compact: Rule = lambda settings: False,
    signed: Rule = lambda settings: False,
    prefers: tuple[str, ...] = (),
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register the decorated function as a gradient method under the slug ``name``."""

    def register(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        METHODS[name] = Method(
            name,
            function,
            "gradient",
            title,
            source,
            choices or {},
            windowed=windowed,
            compact=compact,
            signed=signed,
            prefers=prefers,
        )
        return function

    return register


def trace_method(
    name: str,
    *,
    title: str,
    source: str,
    choices: Mapping[str, tuple[Any, ...]] | None = None,
    needs: tuple[str, ...] = (),
    signed: Rule = lambda settings: False,
) -> Callable[[Callable[..., MethodResult]], Callable[..., MethodResult]]:
    """Register the decorated function, which makes all maps of an image from a trace, under the slug ``name``."""

    def register(function: Callable[..., MethodResult]) -> Callable[..., MethodResult]:
        METHODS[name] = Method(
            name,
            function,
            "trace",
            title,
            source,
            choices or {},
            parts=("class",),
            scores=("prob",),
            needs=needs,
            signed=signed,
        )
        return function

    return register


def perturbation_method(
    name: str,
    *,
    title: str,
    source: str,
    choices: Mapping[str, tuple[Any, ...]] | None = None,
    signed: Rule = lambda settings: False,
) -> Callable[[Callable[..., MethodResult]], Callable[..., MethodResult]]:
    """Register the decorated function, which makes all maps of an image by queries, under the slug ``name``."""

    def register(function: Callable[..., MethodResult]) -> Callable[..., MethodResult]:
        METHODS[name] = Method(
            name,
            function,
            "perturbation",
            title,
            source,
            choices or {},
            parts=("class",),
            scores=("prob",),
            signed=signed,
        )
        return function

    return register


def find_method(method: str | Callable[..., Tensor]) -> Method:
    """The registered method of that name, or an unregistered gradient function as a method of its own name."""
    if isinstance(method, str):
        if method not in METHODS:
            raise ValueError(f"unknown method {method!r}; known: {', '.join(sorted(METHODS))}")
        return METHODS[method]
    if callable(method):
        return Method(getattr(method, "__name__", type(method).__name__), method)
    raise TypeError(f"a method is a name ({', '.join(sorted(METHODS))}) or a function, got {method!r}")
