"""What a workshop on laptops without a network needs, in one folder: ``detxai-nb workshop prepare`` and ``check``."""

from detxai_nb.workshop.contents import STUDIES, WorkshopStudy
from detxai_nb.workshop.kit import Kit
from detxai_nb.workshop.opening import open_study
from detxai_nb.workshop.preparing import PreparedWorkshop, prepare_workshop
from detxai_nb.workshop.verifying import VerifiedWorkshop, verify_workshop
from detxai_nb.workshop.wheelhouse import PLATFORMS, WheelOptions, fill_wheelhouse

__all__ = [
    "PLATFORMS",
    "STUDIES",
    "Kit",
    "PreparedWorkshop",
    "VerifiedWorkshop",
    "WheelOptions",
    "WorkshopStudy",
    "fill_wheelhouse",
    "open_study",
    "prepare_workshop",
    "verify_workshop",
]
