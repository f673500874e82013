"""Asking in a WhatIf: one question at a time, the steps that came of it, and what the browser sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import traitlets

from detxai_nb.interventions.experiment import Experiment
from detxai_nb.interventions.fill import Fill
from detxai_nb.interventions.intervention import Intervention
from detxai_nb.interventions.region import Region
from detxai_nb.types import Progress
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.trait_types import is_whole
from detxai_nb.widgets.shared.traits import Choice, Count, Index
from detxai_nb.widgets.shared.widget import IDLE, WorkWidget
from detxai_nb.widgets.shared.worker import COMPUTING
from detxai_nb.widgets.what_if_maps import MapsOfObjects
from detxai_nb.widgets.what_if_regions import DrawnRegion, MapsHere, drawn_of_region, drawn_of_shapes
from detxai_nb.widgets.what_if_steps import REST, AnsweredStep, ControlsQuestion, History, Question, checked_note
from detxai_nb.widgets.what_if_view import VIEWS, WhatIfFill, answer_payload, controls_payload, step_title


class AskingWidget(MapsOfObjects):
    """A widget that asks a detector about changed versions of its picture, step by step.

    What a subclass sets before this constructor is called: ``_fills``, ``_other_picture``, ``_controls``, ``_given``.

    Args:
        inputs: detector, picture and objects.
        **traits: first values of traits.
    """

    _fills: list[dict[str, str]]
    _other_picture: np.ndarray | None
    _controls: int
    _experiment: Experiment | None = None
    _history: History
    _pending: Question | None = None
    """What is asked and not answered yet."""
    _failed = ""
    """The key of the maps that could not be computed, or were given up."""
    _asked = _ends = _heard = 0
    _asking = True
    """Whether a change of fill or seed asks again; not while a step's own are shown."""

    fill = WhatIfFill(lambda widget: [one["name"] for one in widget._fills if not one["missing"]], "blur")
    seed = Count(0, "a whole number")
    view = Choice(VIEWS, "before")
    step = Index(lambda widget: len(widget._history.steps), "no step was made yet")
    other = Index(lambda widget: len(widget._history.steps), "no step was made yet")
    steps: Any = traitlets.List().tag(sync=True)
    ways: Any = traitlets.Dict({"back": False, "forth": False}).tag(sync=True)
    answer: Any = traitlets.Dict().tag(sync=True)
    elsewhere: Any = traitlets.Dict().tag(sync=True)
    other_answer: Any = traitlets.Dict().tag(sync=True)

    def __init__(self, inputs: WidgetInputs, **traits: Any) -> None:
        self._newer = threading.Event()
        super().__init__(inputs, **traits)
        self.observe(self._asked_anew, ["fill", "seed"])

    @property
    def intervention(self) -> Intervention:
        """The answer that is shown, as ``dx.interventions.intervene`` returns it; waits for a running computation.

        Raises:
            RuntimeError: if the unchanged picture is shown, since nothing was asked yet or all was taken back.
        """
        self.wait()
        with self._lock:
            now = self._history.now
            if now is None:
                reason = self.status["text"] or "paint over something first, or go forth to a step"
                raise RuntimeError(f"there is no answer to return: {reason}") from self.error
            found: Intervention | None = self._worker.kept.get(now.question.key)
            if found is None:  # of many large pictures the oldest are dropped
                with COMPUTING:
                    found = self._answered(now.question, None)
                    if self._controls:
                        found = self._experiment_here.with_controls(found, now.question.fill, self._controls)
                self._worker.kept.add(now.question.key, found)
            return found

    @property
    def region(self) -> Region:
        """The region of the step that is shown; raises as ``intervention``."""
        return self.intervention.region

    def ask(self, region: Region, fill: str | None = None, *, note: str = "") -> Intervention:
        """Fill a region, ask the detector again, and show the answer as a new step; waits for it.

        Args:
            region: of this picture.
            fill: what it is filled with; None for the trait's.
            note: of the step.

        Returns:
            The answer, with what equal areas elsewhere do.

        Raises:
            TypeError: if the region or the note is none.
            ValueError: if the region is of another picture, or the note too long.
            TraitError: for an unknown fill, or one that cannot be taken here.
            RuntimeError: if nothing was found in the picture, the computation failed, or was cancelled.
        """
        if not isinstance(region, Region):
            raise TypeError(f"a region is a dx.interventions.Region, got {type(region).__name__}")
        checked_note(note)
        drawn = drawn_of_region(self._size_here, region, self._maps_here)
        with self._lock:
            if fill is not None:
                self._quietly(fill=fill)
            asked = self._put(drawn)
        self.wait()
        now = self._history.now
        if now is None or (now.question is not asked and not now.question.same(asked)):
            reason = self.status["text"] if self.status["state"] == "error" else "it was cancelled"
            raise RuntimeError(f"there is no answer: {reason}") from self.error
        if note:
            self.note(note)
        return self.intervention

    def undo(self) -> None:
        """Go back to the step that was shown when this one was asked, or to the unchanged picture."""
        with self._lock:
            self._give_up()
            self._history.undo()
            self._show_step()

    def redo(self) -> None:
        """Go forth to the step that was taken back last."""
        with self._lock:
            self._give_up()
            self._history.redo()
            self._show_step()

    def note(self, text: str, step: int | None = None) -> None:
        """Write a note to a step.

        Args:
            text: up to 500 letters; "" for none.
            step: its number; None for the one that is shown.

        Raises:
            TypeError: if it is no text.
            ValueError: if it is too long, or there is no such step.
        """
        words, history = checked_note(text), self._history
        number = history.shown if step is None else step
        if not is_whole(number) or number is None or not 0 <= number < len(history.steps):
            there = f"0 to {len(history.steps) - 1}" if history.steps else "there is none yet"
            raise ValueError(f"a note belongs to a step, {there}; got {number!r}")
        with self._lock:
            history.steps[number].note = words
            self.steps = history.payload()

    def cancel(self) -> None:
        """Stop the running computation, if there is one; the last answer and the last map stay."""
        with self._lock:
            if isinstance(self._worker.busy, (Question, ControlsQuestion)):
                self._give_up()
                return
            if self._worker.busy is not None:
                self._failed = self._worker.busy.key
            self._pending = None
            super().cancel()

    def _give_up(self) -> None:
        """Drop whatever runs; what is shown stays."""
        self._pending = None
        self._newer.set()
        self._worker.drop()
        self.status = self._idle()

    def _idle(self) -> dict[str, Any]:
        wanted = self._wanted
        # Always another number: the browser hears of every end.
        self._ends += 1
        return {**IDLE, "key": "" if wanted is None else wanted.key, "end": self._ends, "heard": self._heard}

    def _put(self, drawn: DrawnRegion) -> Question:
        """Ask, in a thread; what is shown already is shown again."""
        if self._experiment is None:
            raise ValueError(self.notice or "there is no object to ask about")
        self._asked += 1
        about = None if self._inputs.subject.whole else self.selected
        question = Question(
            drawn,
            Fill(self.fill, picture=self._other_picture if self.fill == "picture" else None),
            self.seed,
            about,
            self._asked,
        )
        now = self._history.now
        if now is not None and now.question.same(question):
            self._give_up()
            self._continue()
        else:
            self._pending = question
            self._newer.set()
            self._worker.ask(question)
        return question

    def _quietly(self, **traits: Any) -> None:
        """Set fill or seed without asking again."""
        self._asking = False
        try:
            for name, value in traits.items():
                setattr(self, name, value)
        finally:
            self._asking = True

    def _asked_anew(self, _: Any) -> None:
        if self._ready and self._asking and (now := self._history.now) is not None:
            with self._lock:
                self._put(now.question.drawn)
        elif self._ready:
            self.code = self.to_code()

    def _take_inputs(self, inputs: WidgetInputs) -> None:
        super()._take_inputs(inputs)
        self._experiment = (
            Experiment(inputs.detector, inputs.image, inputs.detections) if len(inputs.detections) else None
        )

    @property
    def _experiment_here(self) -> Experiment:
        if self._experiment is None:
            raise ValueError(self.notice)
        return self._experiment

    def _answered(self, question: Question, progress: Progress | None) -> Intervention:
        region, about = question.drawn.region, question.about
        return self._experiment_here.ask(
            region, question.fill, seed=question.seed, about=about, controls=0, progress=progress
        )

    def _compute(self, request: Any, progress: Progress | None) -> Any:
        if isinstance(request, Question):
            return self._answered(request, progress)
        if isinstance(request, ControlsQuestion):
            self._newer.wait(REST)
            one: Intervention | None = self._worker.kept.get(request.question.key)
            one = self._answered(request.question, progress) if one is None else one
            return self._experiment_here.with_controls(one, request.question.fill, request.count, progress)
        return super()._compute(request, progress)

    def show_busy(self, request: Any) -> None:
        """Publish that a computation has begun; called by the worker.

        Args:
            request: the computation.
        """
        super().show_busy(request)
        if isinstance(request, (Question, ControlsQuestion)):
            what = "answer" if isinstance(request, Question) else "controls"
            self.status = {**self.status, "what": what, "heard": self._heard}

    def show_error(self, request: Any, error: Exception) -> None:
        """Publish that a computation failed, in words; the last answer stands.

        Args:
            request: the computation.
            error: what it raised.
        """
        self._pending = None
        if isinstance(request, (Question, ControlsQuestion)):
            WorkWidget.show_error(self, request, error)
            text = str(self.status["text"])
            self.status = {**self._idle(), "state": "error", "what": "answer", "text": text[:1].upper() + text[1:]}
        else:
            self._failed = request.key
            super().show_error(request, error)

    def show_maps(self, request: Any, maps: Any, new: bool) -> None:
        """Publish a heat map, an answer, or what equal areas elsewhere do.

        Args:
            request: the computation.
            maps: its result.
            new: whether it was computed just now.
        """
        self.error = None
        if isinstance(request, Question):
            self._pending = None
            self._history.add(AnsweredStep(request, step_title(maps, request), answer_payload(maps, request), None))
            self._show_step(view="now")
        elif isinstance(request, ControlsQuestion):
            self._worker.kept.remove(request.key)
            self._worker.kept.add(request.question.key, maps)
            for step in self._history.steps:
                if step.question is request.question:
                    step.controls = controls_payload(maps)
            self._show_step()
        else:
            super().show_maps(request, maps, new)
            self._heat_changed()
            self._continue()

    def _show_step(self, view: str | None = None) -> None:
        """Publish the step that is shown now."""
        now = self._history.now
        with self.hold_sync():
            self.steps = self._history.payload()
            self.ways = {"back": self._history.back, "forth": self._history.forth}
            self.step = self._history.shown
            self.answer = {} if now is None else now.answer
            self.elsewhere = {} if now is None or now.controls is None else now.controls
            if view is not None:
                self.view = view
            if now is not None:
                self._quietly(fill=now.question.fill.name, seed=now.question.seed)
            self._heat_changed()
            self.code = self.to_code()
            self.status = self._idle()
        self._continue()

    def _continue(self) -> None:
        """Compute what is missing: an answer, the heat maps, what equal areas elsewhere do."""
        if not self._ready or self._worker.busy is not None:
            return
        now, wanted = self._history.now, self._wanted
        if self._pending is not None:
            self._worker.ask(self._pending)
        elif wanted is not None and wanted.key not in (self.map_key, self._failed):
            self._worker.ask(wanted)
        elif now is not None and now.controls is None and self._controls:
            self._newer.clear()
            self._worker.ask(ControlsQuestion(now.question, self._controls))

    @traitlets.observe("step")
    def _step_chosen(self, _: Any) -> None:
        if self._ready and self.step != self._history.shown:
            with self._lock:
                self._give_up()
                self._history.go(self.step)
                self._show_step()

    @traitlets.observe("other")
    def _other_chosen(self, _: Any) -> None:
        if self._ready:
            steps = self._history.steps
            other = None if self.other is None else steps[self.other]
            self.other_answer = {} if other is None else other.answer

    @traitlets.observe("selected", "miss")
    def _heat_changed(self, _: Any = None) -> None:
        """Say which share of the selected object's heat lies under the region."""
        if self._ready:
            now = self._history.now
            self.heat_share = None if now is None else self._heat_of(now.question.drawn.region.share_of)

    def _found_again(self) -> None:
        self._history = History()
        self.step = self.other = None
        self._show_step(view="before")
        super()._found_again()

    def _message(self, _: Any, content: Mapping[str, Any], buffers: Any) -> None:
        """Handle what the browser sends besides traits: also to ask, to go back and forth, and notes."""
        super()._message(_, content, buffers)
        known: dict[str, Callable[[], Any]] = {
            "ask": lambda: self._put(self._drawn_by_hand(content.get("shapes"))),
            "undo": self.undo,
            "redo": self.redo,
            "note": lambda: self.note(content.get("text", ""), content.get("step")),
        }
        if (act := known.get(str(content.get("type")))) is None:
            return
        with self._lock:
            number: Any = content.get("ask")
            if is_whole(number):
                self._heard = int(number)
            try:
                act()
            except (TypeError, ValueError) as error:
                self._give_up()
                self.status = {**self._idle(), "state": "error", "what": "answer", "text": str(error)}

    @property
    def _size_here(self) -> tuple[int, int]:
        height, width = self._inputs.image.shape[:2]
        return int(height), int(width)

    @property
    def _maps_here(self) -> MapsHere | None:
        """The maps that are shown, with the Python that makes them."""
        maps = self._drawn()
        return None if maps is None else MapsHere(maps, self._maps_source())

    def _drawn_by_hand(self, shapes: Any) -> DrawnRegion:
        now = self._history.now
        given = None if now is None else now.question.drawn.given
        return drawn_of_shapes(self._size_here, shapes, self._maps_here, given)
