"""Functions with many keyword arguments: one TypedDict names them, and the function's signature shows them all."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])
Options = TypeVar("Options", bound=Mapping[str, Any])


def show_options(options: type, defaults: Mapping[str, Any]) -> Callable[[Function], Function]:
    """Return a decorator for ``f(..., **options: Unpack[Options])`` whose signature then shows every option.

    ``inspect.signature`` is what Shift-Tab in JupyterLab, ``help`` and documentation tools read. Without this they
    would show ``**options`` only.

    Args:
        options: the TypedDict that names the options and their types.
        defaults: the default of each option.

    Returns:
        The decorator; it returns the function itself, with a ``__signature__``.

    Raises:
        TypeError: if ``defaults`` and ``options`` name different options.
    """
    names = options.__annotations__
    if set(names) != set(defaults):
        raise TypeError(f"{options.__name__} and its defaults differ in {sorted(set(names) ^ set(defaults))}")

    def decorate(function: Function) -> Function:
        spell_out(function, options, defaults)
        return function

    return decorate


def spell_out(function: Callable[..., Any], options: type, defaults: Mapping[str, Any], rest: str = "") -> None:
    """Set the signature of ``f(..., **options)`` so that it names every option.

    Args:
        function: a function, or the ``__init__`` of a class.
        options: the TypedDict that names the options and their types.
        defaults: the default of each option.
        rest: the name of further keyword arguments, which stay ``**rest``; none if empty.
    """
    signature = inspect.signature(function)
    shown = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    for name, annotation in options.__annotations__.items():
        told = getattr(annotation, "__forward_arg__", annotation)
        shown.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=told))
    if rest:
        shown.append(inspect.Parameter(rest, inspect.Parameter.VAR_KEYWORD, annotation="Any"))
    function.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]


def complete_options(function: Callable[..., Any], given: Options, defaults: Options) -> Options:
    """Return the options of one call with every default filled in.

    Args:
        function: the function that was called, decorated with ``show_options``.
        given: its ``**options``.
        defaults: the default of each option.

    Returns:
        A value for each option.

    Raises:
        TypeError: for an unknown option; the message names all keyword arguments of the function.
    """
    unknown = [name for name in given if name not in defaults]
    if unknown:
        parameters = inspect.signature(function).parameters.values()
        known = [one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
        raise TypeError(
            f"{function.__name__}() has no argument {', '.join(map(repr, unknown))}; its keyword arguments are "
            f"{', '.join(known)}"
        )
    return cast(Options, {**defaults, **given})
