"""Predict: a question that is answered before the truth shows."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import traitlets
from PIL import Image

from detxai_nb.check import Exercise, check_answer, find_exercise
from detxai_nb.check.answers import KINDS
from detxai_nb.image import ImageSource, load_image
from detxai_nb.widgets.predict_outcome import PredictionOutcome, compare_prediction, read_truth
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.asked import AskedWidget
from detxai_nb.widgets.shared.code import script_of
from detxai_nb.widgets.shared.widget import STATIC
from detxai_nb.widgets.snapshots.predict import draw_prediction


class Predict(AskedWidget):
    """A question whose answer is locked before the truth shows; then both are set beside each other.

    The truth is nowhere in the page before. It can also come from a later cell, which computes it:
    ``predict.reveal(truth)``. With the id of an exercise the answer goes to ``dx.check``, with its hints; the truth
    of an exercise is sealed, so it shows after a right answer.

    What next: run the experiment that the question is about.

    Args:
        question: in a sentence; by default that of the exercise.
        kind: "point", "box", "order", "choice" or "number".
        truth: the right answer: (x, y) or a region {"box": ...}, {"circle": [x, y, radius]} or {"polygon": ...} for a
            point, (x1, y1, x2, y2) for a box, both in pixels of the image; a list of options in their order; an option;
            a number. Or a function without arguments that computes it, called at the reveal. None if it comes later.
        options: for "order" and "choice" what there is to choose from: texts, or texts by their keys.
        image: a picture, anything that ``load_image`` takes; needed for "point" and "box".
        others: answers of others, such as the class's, shown with the truth.
        tolerance: for "number" and "point" how far off is still right; 0 says how far, and not whether that is right.
        exercise: the id of an exercise, such as "00.1", or an ``Exercise``, which brings question, kind, options and
            what there is besides.

    Attributes:
        stage: "asking", "locked" or "revealed".
        prediction: the locked answer in one form, None before.

    Raises:
        TypeError, ValueError: for a question that cannot be asked like this; the message says what is missing.

    Example:
        >>> import detxai_nb as dx
        >>> predict = dx.widgets.Predict("How many of ten objects are found?", kind="number", truth=7)
        >>> predict.lock(8)
        >>> predict.reveal()
        >>> predict.outcome["words"]
        'You said 8; it is 7, so you are off by 1.'
    """

    _esm = STATIC / "predict.js"
    _css = STATIC / "predict.css"

    about: Any = traitlets.Dict().tag(sync=True)
    picture: Any = traitlets.Dict().tag(sync=True)
    stage = traitlets.Unicode("asking").tag(sync=True)
    answer: Any = traitlets.Dict().tag(sync=True)
    outcome: Any = traitlets.Dict().tag(sync=True)
    can_reveal = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        question: str = "",
        *,
        kind: str = "",
        truth: Any = None,
        options: Mapping[str, str] | Sequence[str] | None = None,
        image: ImageSource | None = None,
        others: Sequence[Any] = (),
        tolerance: float = 0.0,
        exercise: str | Exercise | None = None,
    ) -> None:
        asked = find_exercise(exercise) if isinstance(exercise, str) else exercise
        self._checked = isinstance(exercise, str)
        self._exercise = _exercise(question, kind, options, tolerance) if asked is None else _given(asked, question)
        self._image = None if image is None else load_image(image)
        if self._exercise.kind in ("point", "box") and self._image is None:
            raise ValueError(f"a {self._exercise.kind} is set in a picture: hand in image=")
        self._truth, self._others = truth, self._read_others(others)
        if truth is not None and not callable(truth):
            read_truth(self._exercise, truth)
        self.prediction: Any = None
        self._outcome: PredictionOutcome | None = None
        about = {
            "question": self._exercise.question,
            "kind": self._exercise.kind,
            "options": [{"key": key, "text": text} for key, text in self._exercise.options.items()],
            "several": self._exercise.several,
            "unit": self._exercise.unit,
            "exercise": self._exercise.id,
        }
        super().__init__(about=about, picture={} if self._image is None else _packed(self._image))
        self._publish()

    def lock(self, answer: Any) -> None:
        """Lock an answer: it cannot be changed any more.

        Args:
            answer: as ``truth``; a point is (x, y).

        Raises:
            TypeError: if it is of another type than the question asks for.
            ValueError: if it could be no answer, or one is locked already.
        """
        if self.prediction is not None:
            raise ValueError("an answer is locked already, and stays as it is")
        self.prediction = KINDS[self._exercise.kind].take(answer, self._exercise)
        self._publish()

    def reveal(self, truth: Any = None, others: Sequence[Any] = ()) -> None:
        """Show the truth beside the answer; before an answer is locked nothing shows, but the truth is kept for then.

        Args:
            truth: as the argument of this widget, if it was not given there.
            others: answers of others, alike.

        Raises:
            TypeError, ValueError: if the truth is none for this question, or could not be computed.
        """
        if others:
            self._others = self._read_others(others)
        if truth is not None:
            if not callable(truth):
                read_truth(self._exercise, truth)
            self._truth = truth
        if self.prediction is not None and self._known:
            self._outcome = self._judged()
        self._publish()

    def again(self) -> None:
        """Unlock the answer to an exercise that was not right yet.

        Raises:
            ValueError: if there is nothing to be tried again.
        """
        if self._outcome is None or not self._outcome.again:
            raise ValueError("only an answer to an exercise that is not right yet can be given again")
        self.prediction, self._outcome = None, None
        self._publish()

    def to_code(self) -> str:
        """Return the Python code of the answer, and of its check if there is one.

        Returns:
            Python source.
        """
        if self.prediction is None:
            return script_of({}, [f"# {line}" for line in self._exercise.question.splitlines()])
        lines = [f"prediction = {self.prediction!r}"]
        lines += [f"dx.check({self._exercise.id!r}, prediction)"] if self._checked else []
        return script_of({}, lines)

    @property
    def _known(self) -> bool:
        return self._truth is not None or self._checked

    def _read_others(self, others: Sequence[Any]) -> list[Any]:
        if isinstance(others, (str, bytes)) or not hasattr(others, "__iter__"):
            raise TypeError(f"others are a list of answers, got {type(others).__name__}")
        return [KINDS[self._exercise.kind].take(one, self._exercise) for one in others]

    def _judged(self) -> PredictionOutcome:
        verdict = check_answer(self._exercise.id, self.prediction) if self._checked else None
        truth = self._truth
        if callable(truth):
            try:
                truth = truth()
            except Exception as error:
                raise ValueError(f"the truth could not be computed: {type(error).__name__}: {error}") from error
        return compare_prediction(self._exercise, self.prediction, truth, self._others, verdict)

    def _publish(self) -> None:
        with self.hold_sync():
            self.notice = ""
            self.answer = {} if self.prediction is None else {"value": self.prediction}
            self.outcome = {} if self._outcome is None else self._outcome.to_plain()
            self.can_reveal = self._known
            self.stage = "revealed" if self._outcome else "asking" if self.prediction is None else "locked"
            self.code = self.to_code()

    def _steps(self, content: Mapping[str, Any]) -> Mapping[str, Callable[[], Any]]:
        return {
            "lock": lambda: self.lock(content.get("answer")),
            "reveal": self.reveal,
            "again": self.again,
        }

    def _photo_picture(self) -> Image.Image:
        return draw_prediction(self._exercise, self._image, self.prediction, self._outcome)


def _exercise(question: str, kind: str, options: Any, tolerance: float) -> Exercise:
    """The question as an exercise without an id."""
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f"a question is a text, or an exercise is named: exercise='00.1'; got {question!r:.60}")
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(map(repr, KINDS))}; got {kind!r:.60}")
    named: dict[str, str] = {}
    if isinstance(options, Mapping):
        named = {str(key): str(text) for key, text in options.items()}
    elif options is not None:
        if isinstance(options, (str, bytes)) or not hasattr(options, "__iter__"):
            raise TypeError(f"options are texts, or texts by keys; got {type(options).__name__}")
        named = {str(text): str(text) for text in options}
    if (kind in ("order", "choice")) != (len(named) >= 2):
        raise ValueError(f"options are for 'order' and 'choice', two at least; got {len(named)} for {kind!r}")
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0 <= tolerance < float("inf"):
        raise ValueError(f"a tolerance is a number of at least 0, got {tolerance!r:.60}")
    return Exercise("", "", question, kind, 1, 1.0, options=named, tolerance=float(tolerance))


def _given(exercise: Exercise, question: str) -> Exercise:
    from dataclasses import replace

    if not isinstance(exercise, Exercise):
        raise TypeError(f"an exercise is named by its id, such as '00.1', got {type(exercise).__name__}")
    if exercise.kind not in KINDS:
        raise ValueError(f"a function is handed in in a cell: dx.check({exercise.id!r}, function)")
    return replace(exercise, question=question) if question else exercise


def _packed(image: Any) -> dict[str, Any]:
    sent = serialize.pack_photo(image, serialize.SCREEN)
    source = f"data:{sent['type']};base64,{base64.b64encode(sent['data']).decode()}"
    return {"source": source, "width": sent["width"], "height": sent["height"]}
