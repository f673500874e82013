"""The one table of methods, and the decorators that add to it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar

from torch import Tensor

from detxai_nb.entry_points import load_entry_points
from detxai_nb.methods.method import Context, Kind, Method, MethodResult, Rule, never
from detxai_nb.types import SIDES

__all__ = [
    "METHODS",
    "Context",
    "Method",
    "MethodResult",
    "all_methods",
    "find_method",
    "gradient_method",
    "perturbation_method",
    "register",
    "trace_method",
]

ENTRY_POINTS = "detxai_nb.methods"
"""The group under which an installed package declares its methods."""

ALONE = ("class", *SIDES)
"""The target parts of a targeted trace method: one scalar at a time."""

GradientFunction = TypeVar("GradientFunction", bound=Callable[..., Tensor])
WholeFunction = TypeVar("WholeFunction", bound=Callable[..., MethodResult])

METHODS: dict[str, Method] = {}
"""The methods registered so far, by name; ``all_methods`` first loads those of installed packages."""


def all_methods() -> dict[str, Method]:
    """Return every method there is, after loading what installed packages declare.

    Returns:
        The table itself, by name: this package's methods, then others in the order in which they were registered.
    """
    load_entry_points(ENTRY_POINTS, _register_loaded)
    return METHODS


def register(method: Method) -> Method:
    """Add a method to the table, so that ``explain``, ``evaluate``, the widgets and the command line find it.

    The decorators ``gradient_method``, ``trace_method`` and ``perturbation_method`` call it. A function that is defined
    again in the same place, such as a notebook's cell that is run twice, replaces the one before.

    Args:
        method: the method, of a name that is not taken.

    Returns:
        The same method.

    Raises:
        TypeError: if it is no ``Method``.
        ValueError: if the name is taken, or a setting has no default.

    Example:
        >>> import detxai_nb as dx
        >>> def energy(activation, gradient, context):
        ...     return (activation * gradient).square().sum(dim=1)
        >>> method = dx.methods.register(dx.methods.Method("energy", energy, title="Energy", source="this example"))
        >>> dx.methods.find_method("energy") is method
        True
        >>> del dx.methods.METHODS["energy"]
    """
    if not isinstance(method, Method):
        raise TypeError(
            f"register takes a Method, got {method!r}; decorate a function with gradient_method, trace_method or "
            "perturbation_method, or make the Method by hand"
        )
    taken = METHODS.get(method.name)
    if taken is not None and _place(taken) != _place(method):
        raise ValueError(
            f"the name {method.name!r} is taken by {taken.title or taken.name} ({'.'.join(_place(taken))}); "
            "register the method under another name"
        )
    if missing := [name for name, value in method.defaults.items() if value is inspect.Parameter.empty]:
        raise ValueError(f"every setting of method {method.name!r} needs a default; {', '.join(missing)} has none")
    METHODS[method.name] = method
    return method


def gradient_method(
    name: str,
    *,
    title: str,
    source: str,
    choices: Mapping[str, tuple[Any, ...]] | None = None,
    windowed: Rule = never,
    compact: Rule = never,
    signed: Rule = never,
    prefers: tuple[str, ...] = (),
) -> Callable[[GradientFunction], GradientFunction]:
    """Register the decorated function as a gradient method.

    The function is ``(activation, gradient, context, *, settings...) -> maps [n,h,w]``; see ``Method``.

    Args:
        name: the slug by which ``explain`` finds it.
        title: its name in tables and widgets.
        source: the paper, with the equations.
        choices: by setting the values it may have, where these are few.
        windowed, compact, signed: rules of the complete settings, see ``Method``.
        prefers: the layers that it is meant for, best first.

    Returns:
        A decorator that returns the function as it is.

    Raises:
        ValueError: if the name is taken.
    """

    def decorate(function: GradientFunction) -> GradientFunction:
        register(
            Method(
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
        )
        return function

    return decorate


def trace_method(
    name: str,
    *,
    title: str,
    source: str,
    choices: Mapping[str, tuple[Any, ...]] | None = None,
    needs: tuple[str, ...] | Mapping[str, str] = (),
    signed: Rule = never,
    settings: type[Any] | None = None,
    targeted: bool = False,
) -> Callable[[WholeFunction], WholeFunction]:
    """Register the decorated function, which computes all maps of an image from an open trace.

    The function is ``(trace, detections, progress, *, settings...) -> MethodResult``; see ``Method``. It explains the
    reported score of each detection's own class or, if it is ``targeted``, the target that it is handed after
    ``progress``.

    Args:
        name: the slug by which ``explain`` finds it.
        title: its name in tables and widgets.
        source: the paper, with the equations.
        choices: by setting the values it may have, where these are few.
        needs: what a detector has to name in ``offers``, such as "attention"; as a dict with words for whoever lacks
            it.
        signed: whether maps can be negative, of the complete settings.
        settings: a dataclass of the settings, handed to the function as its last argument; None if they are its
            keyword-only arguments.
        targeted: whether the function is ``(trace, detections, progress, target, *, settings...)`` and explains any
            part but "combined" and any score of any class.

    Returns:
        A decorator that returns the function as it is.

    Raises:
        ValueError: if the name is taken.
    """

    def decorate(function: WholeFunction) -> WholeFunction:
        about: dict[str, Any] = {"needs": needs, "signed": signed, "settings": settings}
        if targeted:
            register(Method(name, function, "trace", title, source, choices or {}, parts=ALONE, targeted=True, **about))
        else:
            register(_own_class(name, function, "trace", title, source, choices, **about))
        return function

    return decorate


def perturbation_method(
    name: str,
    *,
    title: str,
    source: str,
    choices: Mapping[str, tuple[Any, ...]] | None = None,
    signed: Rule = never,
    settings: type[Any] | None = None,
    targeted: bool = False,
) -> Callable[[WholeFunction], WholeFunction]:
    """Register the decorated function, which computes all maps of an image from a detector's answers alone.

    The function is ``(detector, image, detections, progress, *, settings...) -> MethodResult``; see ``Method``. It
    explains the reported score of each detection's own class and, if it is ``targeted``, contrasts of two classes.

    Args:
        name: the slug by which ``explain`` finds it.
        title: its name in tables and widgets.
        source: the paper, with the equations.
        choices: by setting the values it may have, where these are few.
        signed: whether maps can be negative, of the complete settings.
        settings: a dataclass of the settings, handed to the function as its last argument; None if they are its
            keyword-only arguments.
        targeted: whether the function takes the target after ``progress``: that of each detection's own score, or a
            contrast by "prob" or "log-prob". Maps of a contrast are signed.

    Returns:
        A decorator that returns the function as it is.

    Raises:
        ValueError: if the name is taken.
    """

    def decorate(function: WholeFunction) -> WholeFunction:
        about: dict[str, Any] = {"signed": signed, "settings": settings, "targeted": targeted}
        register(_own_class(name, function, "perturbation", title, source, choices, **about))
        return function

    return decorate


def find_method(method: str | Callable[..., Tensor]) -> Method:
    """Return the registered method of a name, or a function of one's own as a gradient method.

    Args:
        method: a registered name, or a gradient method's function, which needs no registration.

    Returns:
        The method; a function's is named after the function.

    Raises:
        ValueError: for an unknown name; the message lists the known ones.
        TypeError: for anything else.
    """
    known = all_methods()
    if isinstance(method, str):
        if method not in known:
            raise ValueError(f"unknown method {method!r}; known: {', '.join(sorted(known))}")
        return known[method]
    if callable(method):
        return Method(getattr(method, "__name__", type(method).__name__), method)
    if isinstance(method, Method):
        raise TypeError(f"a method is a name or a function, got a Method; register it and use its name {method.name!r}")
    raise TypeError(f"a method is a name ({', '.join(sorted(known))}) or a function, got {method!r}")


def _own_class(
    name: str,
    function: Callable[..., MethodResult],
    kind: Kind,
    title: str,
    source: str,
    choices: Mapping[str, tuple[Any, ...]] | None,
    **about: Any,
) -> Method:
    """A method that explains the reported score of each detection's own class and nothing else."""
    return Method(name, function, kind, title, source, choices or {}, parts=("class",), scores=("prob",), **about)


def _register_loaded(found: Any) -> None:
    """Register what an entry point names: a Method, or a module or function whose decorators registered it already."""
    decorated = [method.function for method in METHODS.values()]
    if not isinstance(found, ModuleType) and not any(found is function for function in decorated):
        register(found)


def _place(method: Method) -> tuple[str, str]:
    """Where a method's function is defined: module and qualified name."""
    function = method.function
    return getattr(function, "__module__", "") or "", getattr(function, "__qualname__", type(function).__qualname__)
