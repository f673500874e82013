"""What a widget's Python answers to choices, computed beforehand, so that a page without a kernel can give it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Choice = dict[str, Any]
"""Values of the traits that only Python answers."""
Include = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
"""Values of some of these traits, each one or several: all their combinations; or several such mappings."""

_TRIES = 5


def choices_of(widget: Any, include: Include) -> list[list[Choice]]:
    """Return the choices that a page keeps, in groups of traits that have nothing to do with each other.

    Args:
        widget: a ``SavedAsPage``.
        include: what the caller gave.

    Returns:
        For each group that of the widget itself first, then every other one once.

    Raises:
        TypeError: for what is no mapping of traits.
        ValueError: for a trait that nothing is computed for, or one without a value.
    """
    given = [] if include is None else [include] if isinstance(include, Mapping) else include
    if not isinstance(given, (list, tuple)) or not all(isinstance(one, Mapping) for one in given):
        raise TypeError(
            f"include is a mapping such as {{'method': ['odam', 'grad-cam']}}, or a list of such; got {include!r}"
        )
    wanted = [_values(widget, one) for one in [*given, *widget._page_choices()]]
    apart = widget._page_apart()
    groups = [tuple(name for name in widget._page_traits() if name not in apart), *((name,) for name in apart)]
    return [_group(widget, names, wanted) for names in groups if names]


def _group(widget: Any, names: Sequence[str], wanted: Sequence[Mapping[str, Sequence[Any]]]) -> list[Choice]:
    now = {name: getattr(widget, name) for name in names}
    made = [now]
    for one in wanted:
        made += [widget._page_choice(choice) for choice in _combined(now, one)]
    return [choice for number, choice in enumerate(made) if choice not in made[:number]]


def _values(widget: Any, include: Mapping[str, Any]) -> dict[str, list[Any]]:
    found = {}
    for name, value in include.items():
        if name not in widget._page_traits():
            there = ", ".join(map(repr, widget._page_traits())) or "none: all that this widget shows is on the page"
            raise ValueError(f"include names traits that are computed for: {there}; got {name!r}")
        several = isinstance(value, (list, tuple, range, set, frozenset))
        found[name] = list(value) if several else [value]
        if not found[name]:
            raise ValueError(f"include has no value of {name!r}; leave it out to keep the one that is shown")
    return found


def _combined(now: Choice, values: Mapping[str, Sequence[Any]]) -> Iterator[Choice]:
    every = {name: [now[name], *(v for v in values.get(name, ()) if v != now[name])] for name in now}
    for row in itertools.product(*every.values()):
        yield dict(zip(every, row))


def state_of(widget: Any) -> dict[str, Any]:
    """Return the synced traits that a widget's front end reads.

    Args:
        widget: a ``SavedAsPage``.

    Returns:
        Values by trait, in the order of their names, without those that every widget of a notebook has.
    """
    left_out = {"layout", "tabbable", "tooltip"}
    names = [name for name in sorted(widget.keys) if not name.startswith("_") and name not in left_out]
    return {name: getattr(widget, name) for name in names}


def record_answers(widget: Any, groups: Sequence[Sequence[Choice]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make each choice in turn and note what the widget publishes; afterwards it is as it was.

    A browser that shows the widget is told nothing meanwhile.

    Args:
        widget: a ``SavedAsPage``.
        groups: from ``choices_of``; the first of each is that of the widget now.

    Returns:
        The state, and an answer for each choice, see ``SavedWidget``.

    Raises:
        RuntimeError: if something cannot be computed; the message says what and why.
        TraitError: for a value that a trait cannot have.
    """
    _wait(widget)
    widget._page_fetch()
    state = state_of(widget)
    published = [name for name in state if name not in widget._settable]
    answers: list[dict[str, Any]] = []
    for first, *others in groups:
        answers.append({"when": first, "then": {}})
        if not others:
            continue
        with widget.hold_sync():
            try:
                for choice in others:
                    _choose(widget, choice)
                    now = state_of(widget)
                    then = {name: now[name] for name in published if not _same(now[name], state[name])}
                    answers.append({"when": choice, "then": then})
            finally:
                _restore(widget, first, state)
    return state, answers


def _choose(widget: Any, choice: Choice) -> None:
    """Make a choice and wait for its result; a click in between, in the browser, is taken back."""
    for _ in range(_TRIES):
        for name, value in choice.items():
            setattr(widget, name, value)
        _wait(widget)
        if all(getattr(widget, name) == value for name, value in choice.items()):
            break
    else:
        raise RuntimeError(f"the widget was used while its page was made, so {choice} could not be kept; try it again")
    if problem := widget._page_problem():
        raise RuntimeError(f"nothing was written, since {_in_words(choice)} has no result: {problem}")
    widget._page_fetch()


def _restore(widget: Any, choice: Choice, state: Mapping[str, Any]) -> None:
    for name, value in choice.items():
        setattr(widget, name, value)
    _wait(widget)
    for name, value in state.items():
        if widget.has_trait(name) and not _same(state_of(widget)[name], value):
            setattr(widget, name, value)


def _wait(widget: Any) -> None:
    if hasattr(widget, "wait"):
        widget.wait()


def _same(a: Any, b: Any) -> bool:
    return a is b or bool(a == b)


def _in_words(choice: Choice) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in choice.items() if value not in ("", None))
