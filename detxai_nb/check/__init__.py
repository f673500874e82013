"""Exercises that check themselves: ``dx.check("03.2", answer)``.

``dx.check`` is this module, and it can be called: with an exercise's id it shows the exercise, with an answer it says
whether that is right, and after the second miss it gives a hint. ``dx.check.progress()`` is the table of what is done,
``dx.check.feedback("03")`` the questionnaire at the end of a lesson, and ``dx.check.class_feedback(folder)`` what a
class said in it. Nothing is sent anywhere; what was done and said lies in a small file beside the notebook.
"""

from __future__ import annotations

from detxai_nb.callable_module import make_callable
from detxai_nb.check import lesson_box_tests as _lesson_box_tests  # noqa: F401 - registers it
from detxai_nb.check import lesson_code_tests as _lesson_code_tests  # noqa: F401 - registers them
from detxai_nb.check.authoring import read_authored, seal_exercises
from detxai_nb.check.checking import Verdict, check_answer, progress, start_over
from detxai_nb.check.class_results import ClassFeedback, class_feedback
from detxai_nb.check.code_tests import code_test
from detxai_nb.check.exercise import Exercise, add_exercises, all_exercises, all_lessons, find_exercise, find_lesson
from detxai_nb.check.lesson import Lesson
from detxai_nb.check.lesson_feedback import LessonFeedback
from detxai_nb.check.questionnaire import FeedbackNote, feedback

__all__ = [
    "ClassFeedback",
    "Exercise",
    "FeedbackNote",
    "Lesson",
    "LessonFeedback",
    "Verdict",
    "add_exercises",
    "all_exercises",
    "all_lessons",
    "check_answer",
    "class_feedback",
    "code_test",
    "feedback",
    "find_exercise",
    "find_lesson",
    "progress",
    "read_authored",
    "seal_exercises",
    "start_over",
]

make_callable(__name__, call="check_answer")
