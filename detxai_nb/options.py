"""Functions with many keyword arguments: one TypedDict names them, and the function's signature shows them all."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar, cast

import numpy as np

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


def annotations_of(function: Callable[..., Any], settings: type[Any] | None = None) -> dict[str, str]:
    """Return how the settings of a method or metric are annotated.

    Args:
        function: its keyword-only arguments are the settings.
        settings: a dataclass whose fields are the settings instead; None for none.

    Returns:
        The annotation of each as a text such as "float | None"; "" where there is none.
    """
    if settings is not None:
        found = {one.name: one.type for one in fields(settings)}
    else:
        parameters = inspect.signature(function).parameters.values()
        found = {p.name: p.annotation for p in parameters if p.kind is p.KEYWORD_ONLY}
    told = {name: "" if kind is inspect.Parameter.empty else kind for name, kind in found.items()}
    return {name: kind if isinstance(kind, str) else getattr(kind, "__name__", "") for name, kind in told.items()}


def as_setting(name: str, value: Any, annotation: str = "", choices: tuple[Any, ...] | None = None) -> Any:
    """Return the value of a setting if it can be one, as a plain value of Python.

    A number of NumPy becomes Python's. What is annotated as "bool" or "float" has to be that; other types, and ranges,
    the method or metric checks itself.

    Args:
        name: of the setting, as messages call it, such as "steps of 'integrated-gradients'".
        value: what was given.
        annotation: as from ``annotations_of``.
        choices: all the values that there are; None for any.

    Returns:
        The value.

    Raises:
        ValueError: if it is none of the choices, no yes or no, no number, or a number too large for the machine's.

    Example:
        >>> import numpy as np
        >>> as_setting("steps of 'mine'", np.int64(3), "int"), as_setting("scale of 'mine'", 2, "float")
        (3, 2)
    """
    plain = value.item() if isinstance(value, np.generic) else value
    if choices is not None:
        same = [one for one in choices if _is_the_same(plain, one)]
        if not same:
            raise ValueError(f"{name} is one of {', '.join(map(repr, choices))}; got {_shown(plain)}")
        return same[0]
    kinds = [kind.strip() for kind in annotation.split("|")]
    if plain is None and "None" in kinds:
        return None
    optional = ", or None" if "None" in kinds else ""
    if kinds[0] == "bool" and not isinstance(plain, bool):
        raise ValueError(f"{name} is True or False{optional}; got {_shown(plain)}")
    number = isinstance(plain, (int, float)) and not isinstance(plain, bool)
    if kinds[0] == "float" and set(kinds[1:]) <= {"int", "None"} and not number:
        raise ValueError(f"{name} is a number{optional}; got {_shown(plain)}")
    if isinstance(plain, int) and abs(plain) > _LARGEST:
        raise ValueError(f"{name} is a number of up to 64 bits, got one of {plain.bit_length()} bits")
    return plain


_LARGEST = sys.maxsize


def _is_the_same(value: Any, choice: Any) -> bool:
    """Whether a value is one of the choices; 0 is not False, and what cannot be compared is none."""
    if isinstance(value, bool) != isinstance(choice, bool):
        return False
    same: object = value == choice
    return same is True


def _shown(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= 100 else f"a {type(value).__name__}"
