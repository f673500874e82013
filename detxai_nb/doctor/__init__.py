"""The doctor: what is wrong with a detector's adapter, in words.

``dx.doctor`` is this module, and it can be called: ``dx.doctor(detector, image)`` examines a detector on pictures and
returns a report. Each check measures something and says what that means and what helps.
"""

from detxai_nb import light_torchvision as _light_torchvision  # noqa: F401
from detxai_nb.callable_module import make_callable
from detxai_nb.doctor.examination import CHECKS, examine
from detxai_nb.doctor.practice import practice_patients
from detxai_nb.doctor.report import DoctorReport
from detxai_nb.doctor.result import VERDICTS, CheckResult

__all__ = ["CHECKS", "VERDICTS", "CheckResult", "DoctorReport", "examine", "practice_patients"]

make_callable(__name__, call="examine")
