"""Survey: the ODAM paper's user studies in a class, from the study's file to its tables.

``build_study`` makes a study of scenes and detectors, ``Study.seat`` is what one seat sees, ``SeatAnswers`` what it
answers, ``merge`` the class, ``report`` its tables beside the paper's. ``power`` says beforehand what a class can show,
``simulate`` rehearses.
"""

from detxai_nb.survey.answer_text import draw_qr, from_text, to_text
from detxai_nb.survey.building import StudyDesign, build_study
from detxai_nb.survey.codes import typed_code
from detxai_nb.survey.collecting import CollectedAnswers, collect_answers
from detxai_nb.survey.comparisons import SurveyTest
from detxai_nb.survey.expected_power import PowerEstimate, SurveyEffect, effects, power
from detxai_nb.survey.figures import plot_by_discrimination
from detxai_nb.survey.handing_in import HandedIn, hand_in
from detxai_nb.survey.item_answer import ItemAnswer
from detxai_nb.survey.merging import ClassAnswers, gather, merge
from detxai_nb.survey.printing import print_key, print_sheets
from detxai_nb.survey.rehearsal import CONSENT, rehearsal_study, simulate
from detxai_nb.survey.reporting import SurveyReport, SurveySection, report
from detxai_nb.survey.revealing import RevealedItem, RevealedSeat, RevealedTable, reveal_seat
from detxai_nb.survey.seat import KINDS, Seat, SeatQuestion
from detxai_nb.survey.seat_answers import SeatAnswers
from detxai_nb.survey.study import ItemKey, Study, StudyItem

__all__ = [
    "CONSENT",
    "KINDS",
    "ClassAnswers",
    "CollectedAnswers",
    "HandedIn",
    "ItemAnswer",
    "ItemKey",
    "PowerEstimate",
    "RevealedItem",
    "RevealedSeat",
    "RevealedTable",
    "Seat",
    "SeatAnswers",
    "SeatQuestion",
    "Study",
    "StudyDesign",
    "StudyItem",
    "SurveyEffect",
    "SurveyReport",
    "SurveySection",
    "SurveyTest",
    "build_study",
    "collect_answers",
    "draw_qr",
    "effects",
    "from_text",
    "gather",
    "hand_in",
    "merge",
    "plot_by_discrimination",
    "power",
    "print_key",
    "print_sheets",
    "rehearsal_study",
    "report",
    "reveal_seat",
    "simulate",
    "to_text",
    "typed_code",
]
