"""How long something will take, before it begins and while it runs, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from detxai_nb.methods import Method

ASK_FROM = 60.0
"""Seconds from which a person is asked before something begins."""

_GRADIENT, _TRACE, _UNKNOWN = 3.0, 10.0, 500.0


def runs_of_detector(method: Method, settings: Mapping[str, Any]) -> float:
    """Return about how often a method runs the detector for the maps of one object, at most.

    Args:
        method: the method.
        settings: some of its settings.

    Returns:
        The number of masks or samples of a method that asks the detector; for others what their gradients cost.
    """
    if method.kind != "perturbation":
        return _GRADIENT if method.kind == "gradient" else _TRACE
    given = method.complete({name: value for name, value in settings.items() if name in method.defaults})
    return float(next((given[name] for name in ("masks", "samples") if name in given), _UNKNOWN))


def method_forecast(
    method: Method, settings: Mapping[str, Any], seconds: float | None, asked: str = "detector"
) -> tuple[float, str]:
    """Return about how long a method takes at most that asks the detector many times, and what to do about it.

    Args:
        method: the method.
        settings: some of its settings.
        seconds: of one run of the detector, None if that is not known.
        asked: what it is called.

    Returns:
        Seconds, infinite if nothing is known, and a sentence or two.
    """
    runs = runs_of_detector(method, settings)
    title = method.title or method.name
    fewer = next((name for name in ("masks", "samples") if name in method.defaults), None)
    remedy = f" Fewer {fewer} ({fewer}={fewer_than(runs)}, as an argument of the widget) make it shorter."
    shorter = remedy if fewer else ""
    if seconds is None:
        return math.inf, f"{title} asks the {asked} up to {runs:.0f} times, which may take long.{shorter}"
    said = f"{title} asks the {asked} up to {runs:.0f} times, which takes {in_words(runs * seconds)}."
    return runs * seconds, said + shorter


def fewer_than(runs: float) -> int:
    """Return a number of masks or samples to suggest instead: 300, or half where that is no fewer.

    Args:
        runs: how often a method asks the detector.

    Returns:
        At least 2.
    """
    return max(2, min(300, int(runs) // 2))


def in_words(seconds: float) -> str:
    """Return a time as a person says it.

    Args:
        seconds: 0 or more.

    Returns:
        Such as "a few seconds", "40 s", "about 3 min" or "about 2 h".
    """
    if seconds < 8:
        return "a few seconds"
    if seconds < 90:
        return f"{10 * round(seconds / 10):d} s"
    if seconds < 5400:
        return f"about {round(seconds / 60):d} min"
    return f"about {round(seconds / 3600):d} h"


def left_in_words(spent: float, done: int, total: int) -> str:
    """Return how long the rest takes if it goes on as before.

    Args:
        spent: seconds so far.
        done: the steps done.
        total: all steps.

    Returns:
        Such as "about 3 min left"; empty as long as nothing can be said.
    """
    if not 0 < done < total or spent < 2:
        return ""
    return f"{in_words(spent * (total - done) / done)} left"
