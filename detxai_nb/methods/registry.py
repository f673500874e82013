"""What a method is, and the one table of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

Kind = Literal["gradient", "perturbation"]
Rule = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, eq=False)
class Context:
    """What a gradient method may know besides activation and gradient.

    ``size``: (h, w) of the whole level, also where only a window is handed in. ``boxes`` ``[n,4]``: xyxy of the
    predictions in cells of the level's grid (a cell's centre at +0.5).
    """

    size: tuple[int, int]
    boxes: Tensor

    @property
    def area(self) -> int:
        """Number of locations of the whole level."""
        return self.size[0] * self.size[1]


@dataclass(frozen=True, eq=False)
class Method:
    """A method of explanation, as ``explain`` finds it.

    ``kind`` "gradient": ``function(activation, gradient, context, **settings) -> [n,h,w]`` with activation ``[C,h,w]``
    (``[n,C,a,b]`` for windows) and gradient ``[n,C,h,w]``; "perturbation": ``function(detector, image, detections,
    progress, **settings) -> [N,H,W]``. ``windowed(settings)``: handed only windows outside of which the gradient is
    zero, it gives the window of the same map, which is zero outside. ``signed(settings)``: its maps can be negative.
    """

    name: str
    function: Callable[..., Tensor]
    kind: Kind = "gradient"
    title: str = ""
    source: str = ""
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    windowed: Rule = lambda settings: False
    signed: Rule = lambda settings: False

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


METHODS: dict[str, Method] = {}


def gradient_method(
    name: str,
    *,
    title: str,
    source: str,
    choices: Mapping[str, tuple[Any, ...]] | None = None,
    windowed: Rule = lambda settings: False,
    signed: Rule = lambda settings: False,
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register the decorated function as a gradient method under the slug ``name``."""

    def register(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        METHODS[name] = Method(name, function, "gradient", title, source, choices or {}, windowed, signed)
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
