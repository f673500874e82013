"""Exercises that check themselves: ``dx.check("01.3", answer)``.

``dx.check`` is this module, and it can be called: with an exercise's id it shows the exercise, with an answer it says
whether that is right, and after the second miss it gives a hint. ``dx.check.progress()`` is the table of what is done.
Nothing is sent anywhere; what was done lies in a small file beside the notebook.
"""

from __future__ import annotations

from detxai_nb.callable_module import make_callable
from detxai_nb.check.authoring import read_authored, seal_exercises
from detxai_nb.check.checking import Verdict, check_answer, progress, start_over
from detxai_nb.check.code_tests import code_test
from detxai_nb.check.exercise import Exercise, add_exercises, all_exercises, find_exercise

__all__ = [
    "Exercise",
    "Verdict",
    "add_exercises",
    "all_exercises",
    "check_answer",
    "code_test",
    "find_exercise",
    "progress",
    "read_authored",
    "seal_exercises",
    "start_over",
]

make_callable(__name__, call="check_answer")
