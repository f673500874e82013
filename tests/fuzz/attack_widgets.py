"""What a browser sends to a widget of any kind: values of its traits, and messages, right, wrong and nearly right."""

from __future__ import annotations

import contextlib
import tempfile
from functools import partial
from random import Random
from typing import Any

import traitlets
from bestiary import PLAIN, changed
from stub import Dimming, StubDetector, photograph

import detxai_nb as dx

KINDS = (
    "Comparison",
    "Discrimination",
    "Explorer",
    "NmsExplorer",
    "Perturbation",
    "Predict",
    "SanityCheck",
    "ScoreThreshold",
    "Survey",
    "TinyObjects",
    "WhatIf",
)
MESSAGES = (
    "run",
    "cancel",
    "compute",
    "maps",
    "photo",
    "detect",
    "leave",
    "ask",
    "undo",
    "redo",
    "note",
    "sit",
    "consent",
    "back",
    "answer",
    "stop",
    "go on",
    "reveal",
    "lock",
    "again",
    "look",
    "nothing",
    None,
)
FIELDS = (
    *("method", "sure", "shapes", "ask", "text", "step"),
    *("asked", "code", "agreed", "answer", "item", "choice", "box", "confidence", "seconds"),
)
TAKES = 20
"""Seconds after which a computation that a message began is taken for one that hangs."""


class BrowserAttack:
    """One widget of each kind, made when it is first attacked."""

    def __init__(self) -> None:
        self.widgets: dict[str, Any] = {}
        self._folder = tempfile.TemporaryDirectory()

    def __call__(self, random: Random) -> None:
        """Send one thing to one widget; it refuses it in words or takes it, and goes on working."""
        kind = random.choice(KINDS)
        if kind not in self.widgets:
            self.widgets[kind] = _made(kind, self._folder.name)
        widget = self.widgets[kind]
        # Those with a check of their own; the others only Python sets.
        own = widget.traits(sync=True).items()
        names = [name for name, trait in own if type(trait).__module__.startswith("detxai")]
        if names and random.random() < 0.75:
            name = random.choice(names)
            value = _value(getattr(widget, name), random)
            with contextlib.suppress(traitlets.TraitError):
                _tried(lambda: widget.set_state({name: value}), f"{kind}.{name}")
        else:
            message = {
                "type": random.choice(MESSAGES),
                **{name: _any(random) for name in FIELDS},
            }
            for listener in widget._msg_callbacks.callbacks:
                _tried(partial(listener, widget, message, []), f"{kind} {message['type']}")
        if hasattr(widget, "wait") and not widget.wait(0.2 if kind in ("SanityCheck", "TinyObjects") else TAKES):
            widget.cancel()
            if not widget.wait(TAKES):
                raise RuntimeError(f"{kind} does not stop")
        _tried(widget.to_code, f"{kind}.to_code")
        if random.random() < 0.1:
            _tried(widget._picture, f"{kind}, its picture")

    def close(self) -> None:
        """Close the widgets."""
        for widget in self.widgets.values():
            widget.close()
        self._folder.cleanup()


def _made(kind: str, folder: str) -> Any:
    make = getattr(dx.widgets, kind)
    if kind == "Predict":
        return make("In which order?", kind="order", options=["a", "b"], truth=["b", "a"])
    if kind == "Survey":
        study = dx.survey.rehearsal_study(seats=1, objects=2)
        widget = make(study, folder, seat=study.codes[0])
        widget.agree()
        return widget
    if kind == "SanityCheck":
        scene = dx.data.scenes.make(2, 11).image
        return make(dx.load_detector("tiny-fcos", device="cpu"), scene, methods=["odam"], seeds=[0])
    few: Any = {"masks": 6, "samples": 12} if kind == "Comparison" else {}
    return make(Dimming() if kind == "Perturbation" else StubDetector(), photograph(), **few)


def _value(now: Any, random: Random) -> Any:
    """A value that JSON can hold: nearly the present one, or any."""
    if random.random() < 0.4:
        with contextlib.suppress(OverflowError):
            return (changed([now], random) or [None])[0]
    return _any(random)


def _any(random: Random) -> Any:
    return random.choice(PLAIN)


def _tried(call: Any, what: str) -> None:
    try:
        call()
    except traitlets.TraitError:
        raise
    except Exception as error:
        raise RuntimeError(f"{what} ended in {type(error).__name__}: {error}") from error
